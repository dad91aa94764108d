import { inspect, isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { isSyncError } from "../../src/core/errors.ts";
import { Uuid } from "../../src/core/values.ts";
import type { Path, Step, Steps } from "../../src/kind/patch.ts";
import { applyPatch, isPlain, maxMoved, maxPathLength, maxSteps } from "../../src/kind/patch.ts";
import { containers, deepFreeze, documents, evilKeys } from "./documents.ts";

const invalid = expect.objectContaining({ name: "SyncError", code: "invalid" });

/** Nothing of the state may change, so it is frozen: a change in place would throw a TypeError. */
const refused = (state: unknown, ...steps: unknown[]): void => {
  expect(() => applyPatch(deepFreeze(state), steps as unknown as Steps), inspect(steps)).toThrow(invalid);
};

test("PATCH1 0 assigns, 1 deletes, 2 splices, in the order of the steps", () => {
  expect(
    applyPatch({ a: 1 }, [
      [0, ["a"], 2],
      [0, ["b"], { c: [1, 2, 3] }],
      [2, ["b", "c"], 1, 1, [8, 9]],
      [1, ["a"]],
      [0, ["b", "c", 0], null],
    ]),
  ).toEqual({ b: { c: [null, 8, 9, 3] } });
  expect(applyPatch({ a: 1 }, [[0, [], "whole"]])).toBe("whole");
  expect(
    applyPatch(undefined, [
      [0, [], { n: 0 }],
      [0, ["n"], 1],
    ]),
  ).toEqual({ n: 1 });
  expect(
    applyPatch(
      [1],
      [
        [0, [1], 2],
        [2, [], 0, 1, []],
      ],
    ),
  ).toEqual([2]);
});

test("PATCH1 an entry without steps changes nothing", () => {
  const state = { a: 1 };
  expect(applyPatch(state, [])).toBe(state);
});

test("PATCH1 a step of another op, length or type is refused", () => {
  for (const step of [
    null,
    1,
    "0",
    {},
    [],
    [0],
    [0, ["a"]],
    [0, ["a"], 1, 2],
    [1],
    [1, ["a"], 1],
    [2, [], 0, 0],
    [3, ["a"], 1],
    ["0", ["a"], 1],
  ])
    refused({ a: 1 }, step);
  for (const path of [null, "a", 0, { length: 0 }, new Map()]) refused({ a: 1 }, [0, path, 1]);
  for (const steps of [null, undefined, {}, "", 1, { length: 0 }]) {
    expect(() => applyPatch({}, steps as unknown as Steps)).toThrow(invalid);
  }
  refused({ a: 1 }, [1, []]);
});

test("PATCH2 what no step went through stays the same object", () => {
  const state = deepFreeze({ list: [{ n: 1 }, { n: 2 }], other: { deep: {} } });
  const next = applyPatch(state, [[0, ["list", 1, "n"], 3]]);
  expect(next).toEqual({ list: [{ n: 1 }, { n: 3 }], other: { deep: {} } });
  expect(next.list[0]).toBe(state.list[0]);
  expect(next.other).toBe(state.other);
});

test("PATCH2 a container that many steps go through is copied once", () => {
  const list = Array.from({ length: 100 }, (_, i) => i);
  const slice = vi.spyOn(Array.prototype, "slice");
  const next = applyPatch(
    { list },
    list.map((_, i): Step => [0, ["list", i], -1]),
  );
  const copies = slice.mock.contexts.filter((of) => Array.isArray(of) && of.length === 100).length;
  slice.mockRestore();
  expect(next.list.every((item) => item === -1)).toBe(true);
  expect(copies).toBe(1);
});

test("PATCH2 a value that an entry brings is not changed by the later steps of that entry", () => {
  const value = deepFreeze({ list: [1] });
  const items = deepFreeze([{ n: 1 }]);
  const next = applyPatch({}, [
    [0, ["a"], value],
    [0, ["a", "list", 1], 2],
    [0, ["b"], []],
    [2, ["b"], 0, 0, items],
    [0, ["b", 0, "n"], 2],
  ]);
  expect(next).toEqual({ a: { list: [1, 2] }, b: [{ n: 2 }] });
});

test("PATCH2 an object without a prototype stays one", () => {
  const state = Object.assign(Object.create(null), { a: 1 });
  const next = applyPatch(state, [[0, ["b"], 2]]);
  expect(Object.getPrototypeOf(next)).toBeNull();
  expect({ ...next }).toEqual({ a: 1, b: 2 });
});

test("PATCH3 a bad step refuses the whole entry", () => {
  const state = { a: 1, list: [1] };
  expect(() =>
    applyPatch(state, [
      [0, ["a"], 2],
      [2, ["list"], 0, 1, []],
      [1, ["gone"]],
    ]),
  ).toThrow(invalid);
  expect(state).toEqual({ a: 1, list: [1] });
});

test("PATCH4 a path has at most 32 keys", () => {
  const nested = (depth: number): unknown => (depth === 0 ? {} : { k: nested(depth - 1) });
  const path = (length: number): Path => Array.from({ length }, () => "k");
  expect(() => applyPatch(nested(40), [[0, path(maxPathLength), 1]])).not.toThrow();
  refused(nested(40), [0, path(maxPathLength + 1), 1]);
});

test("PATCH4 keys of objects are strings, indices of arrays integers, and nothing else has either", () => {
  for (const key of [0, null, true, ["a"], { toString: () => "a" }, Symbol.iterator]) refused({ a: 1, 0: 1 }, [0, [key], 1]);
  for (const key of ["0", "length", "push", null, 0.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 1n, [0]])
    refused([1, 2], [0, [key], 1]);
  class Account {
    balance = 1;
  }
  for (const node of [
    null,
    1,
    "text",
    new Date(),
    new Map([["a", 1]]),
    new Set(),
    new Uint8Array(2),
    new Account(),
    new Uuid("x"),
    () => {},
  ]) {
    refused({ node }, [0, ["node", "a"], 1]);
    refused({ node }, [0, ["node", 0], 1]);
    refused({ node }, [2, ["node"], 0, 0, []]);
  }
  refused(undefined, [0, ["a"], 1]);
});

test("PATCH5 an index is at most the length, so that no array is sparse and none grows by its length", () => {
  expect(applyPatch({ arr: [1] }, [[0, ["arr", 1], 2]])).toEqual({ arr: [1, 2] });
  refused({ arr: [1] }, [0, ["arr", 2], 2]);
  refused({ arr: [1] }, [0, ["arr", "length"], 1e8]);
  refused({ arr: [1] }, [0, ["arr", "length"], 0]);
  refused({ arr: [1] }, [0, ["arr", 2 ** 32 - 2], 1]);
  refused({ arr: [1] }, [0, ["arr", 2 ** 53], 1]);
  refused({ arr: [1] }, [0, ["arr", 1, "a"], 1]);
  refused({ arr: [1] }, [1, ["arr", 0]]);
  refused({ arr: [1] }, [1, ["arr", "length"]]);
});

test("PATCH6 a splice stays inside the array", () => {
  expect(applyPatch([1, 2, 3], [[2, [], 3, 0, [4]]])).toEqual([1, 2, 3, 4]);
  expect(applyPatch([1, 2, 3], [[2, [], 0, 3, []]])).toEqual([]);
  for (const [index, count] of [
    [4, 0],
    [0, 4],
    [2, 2],
    [-1, 1],
    [0, -1],
    [0.5, 1],
    [0, 0.5],
    ["0", 1],
    [0, null],
    [2 ** 32, 0],
    [Number.NaN, 0],
  ])
    refused([1, 2, 3], [2, [], index, count, []]);
  for (const items of [null, "ab", { length: 1e9 }, new Set([1]), 1]) refused([1], [2, [], 0, 0, items]);
  refused({ a: {} }, [2, ["a"], 0, 0, [1]]);
});

test("PATCH6 items are elements even where they are arrays, and there may be many", () => {
  expect(applyPatch([0], [[2, [], 0, 0, [[1], [2, [3]]]]])).toEqual([[1], [2, [3]], 0]);
  const many = Array.from({ length: 500_000 }, (_, i) => i);
  const next = applyPatch(["first", "gone", "last"], [[2, [], 1, 1, many]]) as unknown[];
  expect(next.length).toBe(500_002);
  expect([next[0], next[1], next[500_000], next[500_001]]).toEqual(["first", 0, 499_999, "last"]);
});

test("PATCH7 only own keys are there: what is inherited is neither entered nor deleted", () => {
  for (const key of ["toString", "constructor", "__proto__", "hasOwnProperty", "gone"]) {
    refused({}, [0, [key, "polluted"], true]);
    refused({}, [1, [key]]);
  }
  refused({ arr: [] }, [0, ["arr", "constructor", "polluted"], true]);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test("PATCH7 a key that looks like a prototype is an own key like any other", () => {
  for (const key of evilKeys) {
    const made = applyPatch<object>({}, [
      [0, [key], { polluted: 1 }],
      [0, [key, "polluted"], 2],
    ]);
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(made, key)).toEqual({
      value: { polluted: 2 },
      writable: true,
      enumerable: true,
      configurable: true,
    });
    // A copy keeps it, and it can be deleted.
    const copied = applyPatch(made, [[0, ["other"], 1]]);
    expect(Object.keys(copied).sort()).toEqual([key, "other"].sort());
    expect(Object.keys(applyPatch(copied, [[1, [key]]]))).toEqual(["other"]);
  }
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test("PATCH8 an entry has at most 100 000 steps", () => {
  const steps = (count: number): Steps => Array.from({ length: count }, (): Step => [0, ["n"], 1]);
  expect(applyPatch({ n: 0 }, steps(maxSteps))).toEqual({ n: 1 });
  expect(() => applyPatch({ n: 0 }, steps(maxSteps + 1))).toThrow(invalid);
});

test("PATCH8 splices of long arrays are few", () => {
  const length = 100_000;
  const long = Array.from({ length }, () => 0);
  const swaps = (count: number): Steps => Array.from({ length: count }, (): Step => [2, [], 0, 1, [1]]);
  expect(applyPatch(long, swaps(maxMoved / length))[0]).toBe(1);
  expect(() => applyPatch(long, swaps(maxMoved / length + 1))).toThrow(invalid);
});

const oddKeys = fc.oneof(
  fc.constantFrom<unknown>("a", "b", "c", 0, 1, 2, ...evilKeys),
  fc.constantFrom<unknown>(
    -1,
    0.5,
    2 ** 32 - 2,
    2 ** 53,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    undefined,
    true,
    {},
    [],
    1n,
  ),
);
const oddPaths = fc.oneof(
  fc.array(oddKeys, { maxLength: 5 }),
  fc.array(fc.constantFrom("a", 0), { minLength: 30, maxLength: 40 }),
  documents,
);
const oddNumbers = fc.oneof(fc.integer({ min: -1, max: 4 }), oddKeys);
const oddSteps: fc.Arbitrary<unknown> = fc.oneof(
  fc.tuple(fc.constant(0), oddPaths, documents),
  fc.tuple(fc.constant(1), oddPaths),
  fc.tuple(fc.constant(2), oddPaths, oddNumbers, oddNumbers, fc.oneof(fc.array(documents, { maxLength: 3 }), documents)),
  fc.array(documents, { maxLength: 5 }),
  documents,
);

test("PATCH9 whatever arrives, it is applied or refused as invalid, and changes neither state nor entry nor prototype", () => {
  const prototypes = [Object.prototype, Array.prototype, Function.prototype];
  const names = (): string[][] => prototypes.map((prototype) => Object.getOwnPropertyNames(prototype));
  const known = names();
  let taken = 0;
  let refusals = 0;
  fc.assert(
    fc.property(containers, fc.array(oddSteps, { maxLength: 3 }), (state, steps) => {
      const before = structuredClone({ state: plainly(state), steps: plainly(steps) });
      deepFreeze(state);
      deepFreeze(steps);
      let next: unknown;
      try {
        next = applyPatch<unknown>(state, steps as unknown as Steps);
        taken++;
      } catch (error) {
        refusals++;
        return isSyncError(error, "invalid");
      }
      assertOrdinary(next);
      return isDeepStrictEqual({ state: plainly(state), steps: plainly(steps) }, before);
    }),
    { numRuns: 6000, seed: 7 },
  );
  expect(names()).toEqual(known);
  // The test says something only if both happened often.
  expect(taken).toBeGreaterThan(500);
  expect(refusals).toBeGreaterThan(500);
});

/** As nested arrays of pairs, with `__proto__` among the keys, and without what structuredClone cannot copy. */
function plainly(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainly);
  if (isPlain(value)) return Object.keys(value).map((key) => [key, plainly(value[key])]);
  return value instanceof Uuid ? value.text : value;
}

/** No array is sparse and every object has the prototype it should have. */
function assertOrdinary(value: unknown): void {
  if (Array.isArray(value)) {
    expect(Object.keys(value).length).toBe(value.length);
    for (const item of value) assertOrdinary(item);
  } else if (isPlain(value)) {
    expect([null, Object.prototype]).toContain(Object.getPrototypeOf(value));
    for (const key of Object.keys(value)) assertOrdinary(value[key]);
  }
}
