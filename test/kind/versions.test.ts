/** Versions of data: steps up and down, trees that keep their times, what older readers are shown, what older writes become. */
import { expect, test } from "vitest";
import { changesBetween } from "../../src/kind/changes.ts";
import { migrateTree } from "../../src/kind/migrate-tree.ts";
import { olderAtom, olderShared, olderStore } from "../../src/kind/older.ts";
import { presentCall, presentSharedOp } from "../../src/kind/older-op.ts";
import { applyPatch, type Steps } from "../../src/kind/patch.ts";
import { patchProjector, sharedProjector, storeProjector } from "../../src/kind/projector.ts";
import { nothing, put } from "../../src/kind/registers.ts";
import { createSharedAuthority, createSharedReplica, sharedOp } from "../../src/kind/shared.ts";
import { SharedTree } from "../../src/kind/shared-tree.ts";
import { Versions } from "../../src/kind/versions.ts";
import { createRng } from "../../src/testing/rng.ts";

interface One {
  name: string;
  done?: boolean;
}
interface Two {
  title: string;
  tags: string[];
  state: "open" | "done";
}
const up = ({ name, done = false }: One): Two => ({ title: name, tags: [], state: done ? "done" : "open" });
const down = ({ title, state }: Two): One => ({ name: title, done: state === "done" });
const definition = {
  version: 3,
  initial: { head: { title: "", tags: [], state: "open" } },
  migrations: { 2: { up, down }, 3: { up: (two: Two) => ({ head: two }), down: ({ head }: { head: Two }) => head } },
};
const versions = (): Versions => new Versions("list", definition);
const coded = (code: string) => expect.objectContaining({ code });
const nowMs = 1_800_000_000_000;
const context = { replica: "r1", user: null, nowMs };

test("VERSION1 a definition has version 1 unless it says another; steps are run in order, and what cannot be meant is refused", () => {
  const made = versions();
  const three = { head: { title: "A", tags: [], state: "done" } };
  expect(new Versions("x", {}).version).toBe(1);
  expect(made.up({ name: "A", done: true }, 1)).toEqual(three);
  expect(made.down(three, 1)).toEqual({ name: "A", done: true });
  expect([made.has("up", 1), made.has("down", 2), made.has("call", 1), made.has("up", 3)]).toEqual([true, true, false, true]);
  expect(made.initial(definition.initial, 1)).toEqual({ name: "", done: false });
  for (const wrong of [
    { version: 0 },
    { version: 1.5 },
    { version: 2, migrations: { 3: {} } },
    { version: 2, migrations: { 1: {} } },
    { version: 2, migrations: { 2: { up } } },
  ]) {
    expect(() => new Versions("x", wrong)).toThrow(coded("invalid"));
  }
  expect(new Versions("x", { version: 2, migrations: { 2: { up, initial: { name: "first" } } } }).initial({}, 1)).toEqual({
    name: "first",
  });
});

test("VERSION11 a step that throws, or gives nothing, is migration-failed, with the cause", () => {
  const cause = new Error("broken");
  const failing = (run: () => unknown): Versions => new Versions("x", { version: 2, migrations: { 2: { up: run, initial: 0 } } });
  const thrown = failing(() => {
    throw cause;
  });
  expect(() => thrown.up(1, 1)).toThrow(expect.objectContaining({ code: "migration-failed", cause }));
  expect(() => failing(() => undefined).up(1, 1)).toThrow(coded("migration-failed"));
  expect(() => failing(async () => 1).up(1, 1)).toThrow(coded("migration-failed"));
});

/** A tree that was written at times that do not follow one another. */
function written(
  random: () => number,
  initial: unknown,
  writes: number,
): { tree: SharedTree; authority: ReturnType<typeof createSharedAuthority> } {
  const authority = createSharedAuthority({ initial });
  const keys = ["name", "done", "a", "b"];
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  for (let i = 0; i < writes; i++) {
    const path = [pick(keys), ...(random() < 0.3 ? [pick(keys)] : [])];
    const value = random() < 0.2 ? nothing : random() < 0.3 ? { a: i } : i;
    const stamp = { ms: nowMs - Math.floor(random() * 1000), count: 0, node: "" };
    const entry = authority.decide(sharedOp(stamp, [{ path, value }]), { ...context, replica: pick(["r1", "r2"]) });
    if (entry) authority.apply(entry);
  }
  const tree = new SharedTree(initial);
  tree.load(authority.snapshot());
  return { tree, authority };
}

test("VERSION10 a migrated tree has the value that the migration makes, the times of what it came from, and goes on", () => {
  const random = createRng(5).next;
  const rename = (value: unknown): unknown => {
    const { name = null, a = null, ...rest } = value as Record<string, unknown>;
    return { ...rest, title: name, both: [name, a], fixed: { of: 2 } };
  };
  for (let round = 0; round < 200; round++) {
    // More than there are runs, now and then.
    const { tree } = written(random, { name: "x" }, round % 50 === 0 ? 700 : 12);
    const value = tree.value;
    const newest = tree.newest;
    const next = new SharedTree({ other: "initial" });
    next.load(migrateTree(tree, rename));
    expect(next.value).toEqual(rename(value));
    expect(next.newest).toMatchObject({ ms: newest.ms, count: newest.count });
  }
});

test("VERSION10 a write that was made before the migration, and comes after it, counts where it would have counted", () => {
  const old = createSharedAuthority({ initial: { name: "", note: "" } });
  const write = (path: string, value: unknown, ms: number): void => {
    const entry = old.decide(sharedOp({ ms, count: 0, node: "" }, [{ path: [path], value }]), context);
    if (entry) old.apply(entry);
  };
  write("name", "at 100", nowMs + 100);
  write("note", "at 300", nowMs + 300);
  write("gone", nothing, nowMs + 300);
  const tree = new SharedTree(undefined);
  tree.load(old.snapshot());
  const move = (value: unknown): unknown => {
    const { name, ...rest } = value as { name: string };
    return { ...rest, title: name };
  };
  const authority = createSharedAuthority({ initial: { title: "", note: "" } });
  authority.load(migrateTree(tree, move));
  const late = (path: string, ms: number): boolean =>
    authority.decide(sharedOp({ ms, count: 0, node: "" }, [{ path: [path], value: "late" }]), {
      ...context,
      nowMs: nowMs + 400,
    }) !== undefined;
  expect([late("title", nowMs + 50), late("title", nowMs + 200), late("note", nowMs + 200), late("gone", nowMs + 200)]).toEqual([
    false,
    true,
    false,
    false,
  ]);
});

test("VERSION9 what an older version stored is read as that version had it: from its initial value, or from its snapshot", () => {
  const made = versions();
  const atom = olderAtom(made, 1, definition.initial);
  atom.load(undefined);
  atom.replay([[0, ["name"], "A"]]);
  expect(atom.migrated()).toEqual({ head: { title: "A", tags: [], state: "open" } });
  const store = olderStore(made, 2, definition.initial);
  store.load({ title: "B", tags: ["x"], state: "open" });
  store.replay([[[0, ["state"], "done"]], "00"]);
  expect(store.migrated()).toEqual({ head: { title: "B", tags: ["x"], state: "done" } });
  const shared = olderShared(made, 1, definition.initial);
  shared.load(undefined);
  shared.replay([nowMs, "r1", "name", "C"]);
  const tree = new SharedTree(definition.initial);
  tree.load(shared.migrated());
  expect(tree.value).toEqual({ head: { title: "C", tags: [], state: "open" } });
});

test("VERSION3 older readers are shown, entry for entry, what `down` makes, whatever is written", () => {
  const random = createRng(11).next;
  const project = (value: unknown): unknown => {
    const { name = null, a = null, done } = value as Record<string, unknown>;
    // Two paths are one here, and one is two.
    return { label: JSON.stringify([name, a]), also: { name }, ...(done === undefined ? {} : { done }) };
  };
  for (let round = 0; round < 60; round++) {
    const { authority } = written(random, { name: "x" }, 5);
    const projector = sharedProjector(1000)(authority.snapshot(), project, () => expect.unreachable());
    const replica = createSharedReplica();
    replica.restore(projector.snapshot());
    for (let i = 0; i < 25; i++) {
      const path = [["name", "a", "done", "b"][Math.floor(random() * 4)] as string];
      const stamp = { ms: nowMs - Math.floor(random() * 1000), count: 0, node: "" };
      const entry = authority.decide(sharedOp(stamp, [{ path, value: random() < 0.3 ? nothing : i }]), context);
      if (!entry) continue;
      authority.apply(entry);
      replica.apply(projector.entry(entry) as never, i);
      expect(replica.value).toEqual(project(authority.value));
    }
    const late = createSharedReplica();
    late.restore(projector.snapshot());
    expect(late.value).toEqual(replica.value);
  }
});

test("VERSION4 where `down` throws readers keep what they have, it is reported, and the next entry brings all", () => {
  const errors: unknown[] = [];
  const project = ({ n, bad }: { n: number; bad?: boolean }): unknown => {
    if (bad) throw new Error("cannot");
    return { half: n / 2 };
  };
  const atom = patchProjector({ n: 2 }, project as never, (error) => void errors.push(error));
  let shown = atom.snapshot();
  const apply = (steps: unknown): void => {
    shown = applyPatch(shown, atom.entry(steps) as Steps);
  };
  apply([[0, ["n"], 4]]);
  expect(shown).toEqual({ half: 2 });
  apply([[0, [], { n: 8, bad: true }]]);
  expect([shown, errors.length]).toEqual([{ half: 2 }, 1]);
  apply([[0, [], { n: 10 }]]);
  expect(shown).toEqual({ half: 5 });
  expect(() => patchProjector({ n: 1, bad: true }, project as never, () => {})).toThrow("cannot");
  const store = storeProjector({ n: 2 }, project as never, () => {});
  expect(store.entry([[[0, ["n"], 6]], "id"])).toEqual([[[0, ["half"], 3]], "id"]);
  expect(store.entry([[[0, ["bad"], false]], "id2"])).toEqual([[], "id2"]);
});

test("VERSION6 an operation says its version: behind the count, or at its end; of version 1 nothing", () => {
  const change = { path: ["a"], value: 1 };
  expect(sharedOp({ ms: 5, count: 2, node: "" }, [change], 2)).toEqual([5, [2, 2], "a", 1]);
  expect(sharedOp(undefined, [change])).toEqual([0, 0, "a", 1]);
  const one = createSharedAuthority({ initial: {} });
  expect(() => one.decide(sharedOp(undefined, [change], 2), context)).toThrow(
    expect.objectContaining({ code: "version", data: { have: 2, need: 1 } }),
  );
  expect(() => one.decide([5, ["x"], "a", 1] as never, context)).toThrow(coded("invalid"));
});

test("VERSION7 an older write touches what it touched in its version, at its time, and nothing that it does not know", () => {
  const made = versions();
  const value = { head: { title: "A", tags: ["kept"], state: "open" as const, extra: 1 } };
  const op = presentSharedOp(made, sharedOp({ ms: 7, count: 3, node: "" }, [{ path: ["name"], value: "B" }]), value);
  expect(op).toEqual([7, 3, ["head", "title"], "B"]);
  const both = presentSharedOp(made, sharedOp(undefined, [{ path: [], value: { name: "C", done: true } }]), value);
  expect(both).toEqual([0, 0, ["head", "title"], "C", ["head", "state"], "done"]);
  // Of its own version it goes through as it is, without the mark; of a newer one, or without a way, it is refused.
  expect(presentSharedOp(made, [7, [3, 3], "x", 1], value)).toEqual([7, 3, "x", 1]);
  expect(() => presentSharedOp(made, [7, [3, 4], "x", 1], value)).toThrow(
    expect.objectContaining({ code: "version", data: { have: 4, need: 3 } }),
  );
  const oneWay = new Versions("x", { version: 2, migrations: { 2: { down } } });
  expect(() => presentSharedOp(oneWay, [7, 3, "x", 1], value)).toThrow(coded("version"));
  for (const bad of [null, "op", [], ["x", 1], [1, [1]]]) {
    const authority = createSharedAuthority({ initial: value });
    expect(() => authority.decide(presentSharedOp(made, bad, value), context)).toThrow(coded("invalid"));
  }
  expect(changesBetween(value, put(value, ["head", "title"], "B"))).toHaveLength(1);
});

test("VERSION8 an older call is run by the mutation of its name, or what `call` says; one that is not there any more is refused", () => {
  const id = "0123456789abcdef";
  const made = new Versions("x", {
    version: 2,
    migrations: {
      2: {
        call: ({ mutation, input }) => (mutation === "add" ? { mutation: "put", input: { text: input } } : { mutation, input }),
      },
    },
  });
  const mutations = new Map([
    ["put", 1],
    ["clear", 1],
  ]);
  expect(presentCall(made, ["add", "milk", id], mutations)).toEqual(["put", { text: "milk" }, id]);
  expect(presentCall(made, ["clear", null, id], mutations)).toEqual(["clear", null, id]);
  const all = [
    "sync/all",
    [
      ["add", "a", id],
      ["clear", null, id],
    ],
    id,
  ];
  expect(presentCall(made, all, mutations)).toEqual([
    "sync/all",
    [
      ["put", { text: "a" }, id],
      ["clear", null, id],
    ],
    id,
  ]);
  expect(presentCall(made, ["add", "milk", id, 2], mutations)).toEqual(["add", "milk", id, 2]);
  expect(() => presentCall(made, ["gone", null, id], mutations)).toThrow(coded("version"));
  expect(() => presentCall(made, ["put", null, id, 3], mutations)).toThrow(
    expect.objectContaining({ data: { have: 3, need: 2 } }),
  );
});
