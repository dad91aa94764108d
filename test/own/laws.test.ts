/** Own kinds without a network: the laws of every kind, also as they travel, and what `fold` adds to the functions. */
import { SyncError, type } from "sente-sync";
import { type FoldOptions, fold, type WriteContext } from "sente-sync/kinds";
import { kindLaws, type Random } from "sente-sync/testing";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { createOwnAuthority, createOwnReplica, readOwnOp } from "../../src/kind/own.ts";
import { type Stock, type StockOp, stock } from "./stock.ts";

const by = (replica: string | null = "r"): WriteContext => ({ replica, user: { id: "ada" }, nowMs: 0 });
const hex = (n: number): string => n.toString(16).padStart(16, "0");

const op = (random: Random): StockOp => [Math.floor(random() * 9) - 5, Math.floor(random() * 1e6)];

describe("as it is written", () => {
  for (const { name, run } of kindLaws({ ...stock, op, badEntries: [[-1000, 1], null] })) test(name, run);
});

describe("as it travels", () => {
  const laws = kindLaws({
    authority: () => createOwnAuthority(stock),
    replica: () => createOwnReplica(stock),
    op: (random): unknown => (random() < 0.9 ? [op(random), hex(Math.floor(random() * 1e9))] : [op(random), "no id"]),
    badEntries: [null, [], [[1, 2]], [[1, 2], 3], [[-1000, 1], "x"]],
  });
  for (const { name, run } of laws) test(name, run);
});

interface Names {
  readonly all: ReadonlySet<string>;
}

/** Its state is none that can travel. */
const names = fold<Names, string, string>({
  initial: { all: new Set() },
  decide: ({ all }, name) => (all.has(name) ? undefined : name),
  evolve: ({ all }, name) => ({ all: new Set([...all, name]) }),
  snapshot: ({ all }) => [...all],
  restore: (list) => ({ all: new Set(list as string[]) }),
});

describe("with a snapshot of its own", () => {
  const draw = (random: Random): string => `n${Math.floor(random() * 20)}`;
  for (const { name, run } of kindLaws({ ...names, op: draw })) test(name, run);
});

test("FOLD8 what is stored and sent is what `snapshot` makes of the state, once for each state, and `restore` reads it", () => {
  const authority = names.authority();
  authority.apply("ada");
  expect(authority.snapshot()).toEqual(["ada"]);
  expect(authority.snapshot()).toBe(authority.snapshot());
  const other = names.authority();
  other.load(authority.snapshot());
  expect(other.value.all).toEqual(new Set(["ada"]));
  other.load(undefined);
  expect(other.value.all).toEqual(new Set());
  const replica = createOwnReplica(names);
  replica.restore(["bob"]);
  expect([replica.value?.all, replica.snapshot?.()]).toEqual([new Set(["bob"]), ["bob"]]);
});

const counter: FoldOptions<number, number, number> = {
  initial: 0,
  decide: (_count, by) => by,
  evolve: (count, by) => count + by,
};

test("FOLD6 operations are validated before they are decided, and what the schema gives is what is decided", () => {
  const strict = fold({ ...counter, op: v.pipe(v.string(), v.transform(Number), v.integer()) }).authority();
  expect(strict.decide("7", by())).toBe(7);
  for (const bad of ["7.5", 7, null]) {
    expect(() => strict.decide(bad as string, by())).toThrow(expect.objectContaining({ code: "invalid" }));
  }
});

test("FOLD7 the state that an entry leads to is validated, and so judged by whoever runs the authority", () => {
  const seen: unknown[] = [];
  const small = fold({ ...counter, schema: v.pipe(v.number(), v.maxValue(3)) }).authority({
    check(decided) {
      seen.push(decided);
      if (decided.op === 2) throw new Error("no twos");
    },
  });
  small.apply(small.decide(3, by()) as number);
  expect(seen).toEqual([{ op: 3, entry: 3, before: 0, state: 3, user: { id: "ada" } }]);
  expect(() => small.decide(1, by())).toThrow(expect.objectContaining({ code: "invalid" }));
  small.apply(small.decide(-3, by()) as number);
  expect(() => small.decide(2, by())).toThrow(expect.objectContaining({ code: "invalid", cause: new Error("no twos") }));
  expect(small.value).toBe(0);
});

test("FOLD9 what fails in `decide`, answers in a promise, or leaves no state is invalid, and changes nothing", () => {
  const failing = (more: Partial<FoldOptions<number, number, number>>): unknown => {
    const authority = fold({ ...counter, ...more }).authority();
    try {
      authority.decide(1, by());
    } catch (error) {
      return [(error as SyncError).code, authority.value];
    }
    return "decided";
  };
  const later = (async () => 1) as unknown as () => number;
  for (const more of [
    { decide: () => Reflect.get(null as unknown as object, "x") as number },
    { decide: later },
    { evolve: later },
    { evolve: () => undefined as unknown as number },
    { evolve: () => Reflect.get(null as unknown as object, "x") as number },
  ]) {
    expect(failing(more)).toEqual(["invalid", 0]);
  }
  const rejecting = { decide: () => Promise.reject(new Error("late")) as unknown as number };
  expect(failing(rejecting)).toEqual(["invalid", 0]);
  expect(
    failing({
      decide() {
        throw new SyncError("app/no");
      },
    }),
  ).toEqual(["app/no", 0]);
});

test("KIND8 an operation travels with an id, and so does what became of it", () => {
  expect(readOwnOp([[1, 2], hex(1)])).toEqual([[1, 2], hex(1)]);
  for (const bad of [null, [], [1], [1, "x"], [1, hex(1), 2], [1, hex(1).toUpperCase().replace("0", "F")], "op", { 0: 1 }]) {
    expect(() => readOwnOp(bad)).toThrow(expect.objectContaining({ code: "invalid" }));
  }
  const authority = createOwnAuthority(stock);
  expect(authority.decide([[-1, 7], hex(2)], by())).toEqual([[-1, 7], hex(2)]);
  expect(authority.decide([[0, 7], hex(2)], by())).toBeUndefined();
});

test("KIND9 what came beneath is beneath: calls are run again on it, and an entry takes the place of its call", () => {
  const replica = createOwnReplica(stock);
  replica.restore({ left: 3, done: [] } satisfies Stock);
  replica.propose([[-2, 1], hex(1)], by());
  replica.propose([[-1, 2], hex(2)], by());
  expect(replica.value).toEqual({ left: 0, done: [1, 2] });
  // The second no longer runs, and is not shown; it would again.
  replica.apply([[-1, 9], hex(9)], 1);
  expect(replica.value).toEqual({ left: 0, done: [9, 1] });
  replica.apply([[-2, 1], hex(1)], 2);
  expect([replica.value, replica.pending]).toEqual([{ left: 0, done: [9, 1] }, 1]);
  replica.apply([[4, 8], hex(8)], 3);
  expect(replica.value).toEqual({ left: 3, done: [9, 1, 8, 2] });
  replica.settle(hex(2));
  expect([replica.value, replica.pending]).toEqual([{ left: 4, done: [9, 1, 8] }, 0]);
});

test("KIND10 where `predict` answers nothing, nothing is shown, and what it throws ends the operation here", () => {
  const dice = fold<readonly number[], "throw" | "never", number>({
    initial: [],
    decide: () => 6,
    predict(_thrown, op) {
      if (op === "never") throw new SyncError("app/never");
      return undefined;
    },
    evolve: (thrown, eyes) => [...thrown, eyes],
    op: type<"throw" | "never">(),
  });
  const replica = createOwnReplica(dice);
  replica.restore([1]);
  replica.propose(["throw", hex(1)], by());
  expect([replica.value, replica.pending]).toEqual([[1], 1]);
  replica.apply([6, hex(1)], 1);
  expect([replica.value, replica.pending]).toEqual([[1, 6], 0]);
  expect(() => replica.propose(["never", hex(2)], by())).toThrow(expect.objectContaining({ code: "app/never" }));
  expect(replica.pending).toBe(0);
});
