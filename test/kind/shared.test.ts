/** Shared trees: the laws of every kind, how entries are told, and that replicas, log and screen agree whatever the clocks say. */
import { expect, test } from "vitest";
import { isSyncError } from "../../src/core/errors.ts";
import { firstStamp, maxAheadMs, type Stamp } from "../../src/core/hlc.ts";
import { changesBetween, isBelow, mergeChanges, readChanges, writeChanges } from "../../src/kind/changes.ts";
import type { WriteContext } from "../../src/kind/kind.ts";
import { type Assignment, nothing, put, putAll, Registers, read } from "../../src/kind/registers.ts";
import { isSame, keepSame, keepSameAt } from "../../src/kind/same.ts";
import { createSharedAuthority, createSharedReplica, overlay, type SharedOp, sharedOp } from "../../src/kind/shared.ts";
import type { SharedEntry } from "../../src/kind/shared-tree.ts";
import { kindLaws, type Random } from "../../src/testing/contracts/kind.ts";
import { createRng } from "../../src/testing/rng.ts";
import { edn } from "../../src/wire/edn.ts";
import { msgpack } from "../../src/wire/msgpack.ts";

const initial = { a: { b: 1, c: [1] }, d: "x" };
const keys = ["a", "b", "c", "d"];
const nowMs = 1_800_000_000_000;
const yearMs = 365 * 86_400_000;

const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
const anyValue = (random: Random, depth = 0): unknown =>
  pick<() => unknown>(random, [
    () => Math.floor(random() * 100),
    () => [1, { x: 1 }],
    () => null,
    () => (depth < 2 ? { [pick(random, keys)]: anyValue(random, depth + 1) } : "leaf"),
  ])();
const changeOf = (random: Random): Assignment => {
  const path = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(random, keys));
  if (random() < 0.05) return { path: [], value: initial };
  return { path, value: random() < 0.25 ? nothing : anyValue(random) };
};
const changesOf = (random: Random): Assignment[] =>
  mergeChanges(
    [],
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => changeOf(random)),
  );
const context = (at = nowMs, replica: string | null = "r1"): WriteContext => ({ replica, user: null, nowMs: at });
const invalid = expect.objectContaining({ code: "invalid" });

const laws = kindLaws({
  authority: () => createSharedAuthority({ initial }),
  replica: () => createSharedReplica(),
  op(random): SharedOp {
    if (random() < 0.1) return [nowMs, 0, ["a"], 1, "b"] as unknown as SharedOp;
    const ms = pick(random, [0, nowMs, nowMs - 5, nowMs + 5, nowMs - yearMs, nowMs + yearMs, nowMs + maxAheadMs]);
    return sharedOp(ms ? { ms, count: pick(random, [0, 0, 1]), node: "" } : undefined, changesOf(random));
  },
  context: (random) => context(nowMs + Math.floor(random() * 10), pick(random, ["r1", "r2", null])),
  badEntries: [
    null,
    [],
    [1],
    ["1", "n"],
    [0, 99],
    [0, "n", ["a", 1], 2],
    [0, "n", "a", 1, "b"],
    [-9e15, "n", "a", 1],
    [0, "n", [[]]],
  ],
});
for (const { name, run } of laws) test(`${name} (shared)`, run);

test("SHARED1 and SHARED2 an operation is a stamp and its changes; a path of one key is the key, deletions stand last", () => {
  const changes: Assignment[] = [
    { path: ["a"], value: 1 },
    { path: ["b", "c"], value: nothing },
    { path: ["d"], value: nothing },
    { path: [], value: {} },
  ];
  const op = sharedOp({ ms: 5, count: 2, node: "n" }, changes);
  expect(op).toEqual([5, 2, "a", 1, [], {}, [["b", "c"], "d"]]);
  expect(readChanges(op, 2)).toEqual([changes[0], changes[3], changes[1], changes[2]]);
  expect(sharedOp(undefined, []).slice(0, 2)).toEqual([0, 0]);
  const tree = createSharedAuthority({ initial });
  const long = Array.from({ length: 33 }, () => "k");
  for (const bad of [
    null,
    [],
    ["1", 0],
    [1, 65_536],
    [1.5, 0],
    [-1, 0],
    [1, 0, 7, 1],
    [1, 0, [7], 1],
    [1, 0, long, 1],
    [1, 0, "a"],
    [1, 0, [[]]],
  ]) {
    expect(() => tree.decide(bad as unknown as SharedOp, context()), JSON.stringify(bad)).toThrow(invalid);
  }
  expect(() =>
    readChanges(
      Array.from({ length: 20_002 }, () => "k"),
      0,
    ),
  ).toThrow(expect.objectContaining({ code: "too-large" }));
});

test("SHARED3 an entry tells its time as the difference to the one before, and a node by its number from the second time on", () => {
  const tree = createSharedAuthority({ initial });
  const write = (ms: number, count: number, replica: string): SharedEntry => {
    const entry = tree.decide([ms, count, "d", `${ms} ${count}`], context(nowMs, replica)) as SharedEntry;
    tree.apply(entry);
    return entry;
  };
  expect(write(nowMs, 0, "first")).toEqual([nowMs, "first", "d", `${nowMs} 0`]);
  expect(write(nowMs + 3, 1, "first")).toEqual([[3, 1], 0, "d", `${nowMs + 3} 1`]);
  expect(write(nowMs + 4, 0, "other")).toEqual([1, "other", "d", `${nowMs + 4} 0`]);
  const small = write(nowMs + 9, 0, "other");
  expect(small).toEqual([5, 1, "d", `${nowMs + 9} 0`]);
  const bytes = msgpack().pack([5, 1, "key17", "v123-123456789"]) as Uint8Array;
  expect(bytes.length).toBe(1 + 1 + 1 + 6 + 15);
});

test("SHARED3 of many nodes the newest 128 have numbers, on every replica the same", () => {
  const tree = createSharedAuthority({ initial });
  const replica = createSharedReplica();
  replica.restore(tree.snapshot());
  const told: unknown[] = [];
  for (let at = 0; at < 300; at++) {
    const entry = tree.decide([0, 0, "d", at], context(nowMs + at, `node ${at % 130}`)) as SharedEntry;
    told.push(entry[1]);
    tree.apply(entry);
    replica.apply(entry, at + 1);
  }
  expect(told.every((node) => typeof node === "string")).toBe(true);
  expect(replica.tree?.snapshot()).toEqual(tree.snapshot());
  const again = tree.decide([0, 0, "d", "again"], context(nowMs + 900, `node ${299 % 130}`)) as SharedEntry;
  expect(typeof again[1]).toBe("number");
});

test("SHARED4 what newer assignments cover is left out, and where nothing is left there is no entry", () => {
  const tree = createSharedAuthority({ initial });
  tree.apply(tree.decide([nowMs, 0, "d", "new", ["a", "b"], 2], context()) as SharedEntry);
  const entry = tree.decide([nowMs - 9, 0, "d", "old", "e", 1, [["a", "b"]]], context(nowMs, "r2")) as SharedEntry;
  expect(entry).toEqual([-9, "r2", "e", 1]);
  expect(tree.decide([nowMs - 9, 0, "d", "old"], context(nowMs, "r2"))).toBe(undefined);
  expect(tree.decide([nowMs, 0, "d", "new"], context())).toBe(undefined);
});

test("SHARED5 the snapshot has every stamp and deletion, and passes through every packer", () => {
  const tree = createSharedAuthority({ initial });
  tree.apply(tree.decide([nowMs, 3, "d", [1], ["e", "f"], null, [["a", "b"]]], context()) as SharedEntry);
  for (const packer of [edn(), msgpack()]) {
    const replica = createSharedReplica();
    replica.restore(packer.unpack(packer.pack(tree.snapshot())));
    expect(replica.value).toEqual({ a: { c: [1] }, d: [1], e: { f: null } });
    expect(replica.tree?.snapshot()).toEqual(tree.snapshot());
  }
  const later = createSharedAuthority({ initial: { ...initial, added: true } });
  later.load(tree.snapshot());
  expect(later.value, "the definition says what stands where nothing was assigned").toMatchObject({ added: true, d: [1] });
});

test("SHARED6 who does not know the time, or is over a minute ahead, is stamped on arrival: behind all that is there", () => {
  const tree = createSharedAuthority({ initial });
  const write = (ms: number, value: string, at = nowMs): Stamp =>
    tree.apply(tree.decide([ms, 7, "d", value], context(at, value)) as SharedEntry).stamp;
  expect(write(0, "unknown")).toEqual({ ms: nowMs, count: 0, node: "unknown" });
  expect(write(nowMs + maxAheadMs + 1, "ahead")).toEqual({ ms: nowMs, count: 1, node: "ahead" });
  expect(write(nowMs + 10 * yearMs, "far ahead")).toEqual({ ms: nowMs, count: 2, node: "far ahead" });
  // Whoever writes later is later, at once.
  expect(write(nowMs + 1, "honest", nowMs + 1)).toEqual({ ms: nowMs + 1, count: 7, node: "honest" });
  expect(tree.value).toMatchObject({ d: "honest" });
  expect(write(nowMs + maxAheadMs, "just in time")).toEqual({ ms: nowMs + maxAheadMs, count: 7, node: "just in time" });
  // The server's own clock went back.
  expect(write(0, "back", nowMs - yearMs)).toEqual({ ms: nowMs + maxAheadMs, count: 8, node: "back" });
});

test("SHARED7 what is older than what compaction forgot is stale, and told what stands there now", () => {
  const tree = createSharedAuthority({ initial });
  tree.apply(tree.decide([nowMs, 0, "e", 1, ["a"]], context()) as SharedEntry);
  tree.apply(tree.decide([nowMs + 1, 0, ["e"]], context()) as SharedEntry);
  const before = tree.value;
  tree.compact(nowMs + 2);
  expect(tree.value).toBe(before);
  expect((tree.snapshot() as unknown[])[0]).toHaveLength(2);
  let thrown: unknown;
  try {
    tree.decide([nowMs + 1, 0, "d", 2, "e", 2], context());
  } catch (error) {
    thrown = error;
  }
  expect(isSyncError(thrown, "stale")).toBe(true);
  expect(thrown).toMatchObject({ data: { current: [[["d"], "x"], [["e"]]] } });
  expect(tree.decide([nowMs + 2, 0, "e", 2], context())).toBeDefined();
  expect(tree.decide([0, 0, "e", 2], context(nowMs + 3)), "stamped on arrival").toBeDefined();
});

test("SHARED8 what the state would be is checked before anything is changed", () => {
  const seen: unknown[] = [];
  const tree = createSharedAuthority({
    initial,
    check(next) {
      seen.push(next);
      if ((next as typeof initial).d === "bad") throw new Error("no");
    },
  });
  const before = tree.snapshot();
  expect(() => tree.decide([nowMs, 0, "d", "bad", ["a"]], context())).toThrow("no");
  expect([seen, tree.snapshot()]).toEqual([[{ d: "bad" }], before]);
});

test("SHARED9 a tree holds at most so many assignments, and goes on where they become fewer", () => {
  const tree = createSharedAuthority({ initial, maxRegisters: 3 });
  const set = (op: SharedOp): void => void tree.apply(tree.decide(op, context()) as SharedEntry);
  set([nowMs, 0, "x", 1, "y", 2]);
  expect(() => set([nowMs + 1, 0, "z", 3])).toThrow(expect.objectContaining({ code: "limit" }));
  set([nowMs + 2, 0, [], {}]);
  set([nowMs + 3, 0, "z", 3]);
  expect(tree.value).toEqual({ z: 3 });
});

test("SHARED10 a seed is older than whatever anybody wrote, so it covers no write that was made offline", () => {
  const tree = createSharedAuthority({ initial });
  tree.apply(tree.seed({ d: "seeded", e: 1 }));
  expect(tree.value).toEqual({ d: "seeded", e: 1 });
  tree.apply(tree.decide([5, 0, "d", "offline"], context()) as SharedEntry);
  expect(tree.value).toEqual({ d: "offline", e: 1 });
});

test("SHARED14 a recipe's changes are the paths that differ; an array is one of them", () => {
  const before = { a: { b: 1, c: [1] }, d: "x", gone: 1 };
  const after = { a: { b: 1, c: [1, 2] }, d: "x", e: { f: 1 }, maybe: undefined };
  expect(changesBetween(before, after)).toEqual([
    { path: ["a", "c"], value: [1, 2] },
    { path: ["gone"], value: nothing },
    { path: ["e"], value: { f: 1 } },
  ]);
  for (let seed = 1; seed <= 300; seed++) {
    const { next: random } = createRng(`between ${seed}`);
    const apply = (value: unknown, changes: readonly Assignment[]): unknown =>
      changes.reduce((all, { path, value: set }) => put(all, path, set), value);
    const start = apply(initial, changesOf(random));
    const end = apply(apply(start, changesOf(random)), changesOf(random));
    const changes = changesBetween(start, end);
    expect(apply(start, changes), `seed ${seed}`).toEqual(end);
    for (const [at, one] of changes.entries()) {
      expect(changes.some((other, index) => index !== at && isBelow(one.path, other.path))).toBe(false);
    }
  }
});

test("SHARED15 merged changes do what both did, one after the other, and lie side by side", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const { next: random } = createRng(`merge ${seed}`);
    const apply = (value: unknown, changes: readonly Assignment[]): unknown =>
      changes.reduce((all, { path, value: set }) => put(all, path, set), value);
    const [first, second] = [changesOf(random), changesOf(random)];
    const merged = mergeChanges(first, second);
    expect(apply(initial, merged), `seed ${seed}`).toEqual(apply(apply(initial, first), second));
    for (const [at, one] of merged.entries()) {
      expect(merged.some((other, index) => index !== at && isBelow(one.path, other.path))).toBe(false);
    }
    expect(readChanges(writeChanges([], merged), 0)).toHaveLength(merged.length);
  }
});

test("SHARED14 many changes copy what they go through once, and nothing that was there before", () => {
  const freeze = <T>(value: T): T => {
    if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
    return value;
  };
  for (let seed = 1; seed <= 300; seed++) {
    const { next: random } = createRng(`put all ${seed}`);
    const [before, ...changes] = [freeze(anyValue(random)), ...freeze([...changesOf(random), ...changesOf(random)])];
    const one = changes.reduce((value, { path, value: set }) => put(value, path, set), before);
    expect(putAll(before, changes), `seed ${seed}`).toEqual(one);
  }
  let copies = 0;
  const shapes = new Proxy(Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`s${at}`, { x: 0 }])), {
    ownKeys: (target) => {
      copies++;
      return Reflect.ownKeys(target);
    },
  });
  const moved = Object.keys(shapes).map((id) => ({ path: [id, "x"], value: 1 }));
  copies = 0;
  expect(Object.values(putAll(shapes, moved) as object)).toEqual(moved.map(() => ({ x: 1 })));
  expect(overlay(new Registers(shapes, firstStamp), shapes, { ms: 1, count: 0, node: "n" }, moved)).toEqual(putAll({}, moved));
  expect(copies).toBe(2);
});

test("SHARED21 what came back equal is the object that was there", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const { next: random } = createRng(`same ${seed}`);
    const before = changesOf(random).reduce<unknown>((all, { path, value }) => put(all, path, value), initial);
    const copy = structuredClone(before);
    expect(keepSame(before, copy), `seed ${seed}`).toBe(before);
    const { path, value } = changeOf(random);
    const after = put(copy, path, value);
    const kept = keepSame(before, after);
    expect(kept, `seed ${seed}`).toEqual(after);
    const aside = keys.filter((key) => key !== path[0]);
    if (path.length) for (const key of aside) expect(read(kept, [key])).toBe(read(before, [key]));
  }
  for (let seed = 1; seed <= 500; seed++) {
    const { next: random } = createRng(`same at ${seed}`);
    const before = putAll(initial, changesOf(random));
    const [changes, more] = [changesOf(random), changesOf(random)];
    // Also where it did not change, or changed back.
    const after = random() < 0.3 ? putAll(before, changesBetween(putAll(before, changes), before)) : putAll(before, changes);
    const kept = keepSameAt(
      before,
      structuredClone(after),
      [...more, ...changes].map(({ path }) => path),
    );
    expect(kept, `seed ${seed}`).toEqual(after);
    expect(keepSame(before, kept)).toBe(kept);
  }
  expect([
    isSame(new Date(5), new Date(5)),
    isSame(new Date(5), new Date(6)),
    isSame(new Uint8Array([1]), new Uint8Array([1])),
  ]).toEqual([true, false, true]);
});
