import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { diff } from "../../src/kind/diff.ts";
import type { Steps } from "../../src/kind/patch.ts";
import { applyPatch, isPlain, maxMoved, maxPathLength } from "../../src/kind/patch.ts";
import { produceNext } from "../../src/kind/produce.ts";
import type { Container } from "./documents.ts";
import { change, changes, containers, deepFreeze, documents } from "./documents.ts";

/** Applies the difference, checks it, and returns it. */
const checked = (before: unknown, after: unknown): Steps => {
  const steps = diff(deepFreeze(before), deepFreeze(after));
  expect(applyPatch(before, steps)).toEqual(after);
  return steps;
};

const todos = (length: number): { id: string; text: string; done: boolean }[] =>
  Array.from({ length }, (_, i) => ({ id: `id-${i}`, text: `something to do, number ${i}`, done: false }));

test("DIFF1 the difference of any two values brings the one to the other", () => {
  fc.assert(
    fc.property(documents, documents, (before, after) => {
      const steps = diff(deepFreeze(before), deepFreeze(after));
      return isDeepStrictEqual(applyPatch(before, steps), after);
    }),
    { numRuns: 5000, seed: 1 },
  );
});

test("DIFF1 the difference that a recipe makes brings the base to its result, and keeps what it did not touch", () => {
  let kept = 0;
  const sameWhereUntouched = (before: unknown, after: unknown, patched: unknown): boolean => {
    if (before === after) {
      kept++;
      return patched === before;
    }
    if (!isContainer(before) || !isContainer(after) || !isContainer(patched)) return true;
    // Where elements were moved about, those that do not fit the order of the others are sent again.
    if (Array.isArray(after) && after.filter((item, index) => item !== before[index]).length > 2) return true;
    return Object.keys(after).every(
      (key) => !Object.hasOwn(before, key) || sameWhereUntouched(before[key], after[key], patched[key]),
    );
  };
  fc.assert(
    fc.property(containers, changes, (before, list) => {
      deepFreeze(before);
      const after = produceNext<Container>(before, (draft) => {
        for (const one of list) change(draft, one);
      });
      const patched = applyPatch(before, diff(before, after));
      return isDeepStrictEqual(patched, after) && sameWhereUntouched(before, after, patched);
    }),
    { numRuns: 5000, seed: 2 },
  );
  expect(kept).toBeGreaterThan(5000);
});

function isContainer(value: unknown): value is Record<string, unknown> {
  return Array.isArray(value) || isPlain(value);
}

test("DIFF2 equal values have no difference, however they were made", () => {
  fc.assert(
    fc.property(documents, (value) => {
      const copy = (node: unknown): unknown =>
        Array.isArray(node)
          ? node.map(copy)
          : isPlain(node)
            ? Object.fromEntries(Object.entries(node).map(([key, item]) => [key, copy(item)]))
            : node;
      return diff(value, copy(value)).length === 0;
    }),
    { numRuns: 1000, seed: 3 },
  );
  expect(diff({ a: 1, b: 2 }, { b: 2, a: 1 })).toEqual([]);
  expect(diff(Number.NaN, Number.NaN)).toEqual([]);
});

test("DIFF2 what is neither array nor plain object is equal only to itself and assigned whole", () => {
  const at = new Date(5);
  expect(diff({ at, n: 1 }, { at, n: 1 })).toEqual([]);
  expect(
    checked(
      { log: { at: new Date(5), text: "a long text that stays" } },
      { log: { at: new Date(6), text: "a long text that stays" } },
    ),
  ).toEqual([[0, ["log", "at"], new Date(6)]]);
  expect(
    diff({ at: new Date(5), text: "a long text that stays" }, { at: new Date(5), text: "a long text that stays" }),
  ).toHaveLength(1);
  expect(
    checked(
      { m: new Map([["a", 1]]), text: "a long text that stays" },
      { m: new Map([["a", 2]]), text: "a long text that stays" },
    ),
  ).toEqual([[0, ["m"], new Map([["a", 2]])]]);
});

test("DIFF3 a key that is undefined is a key that is not there", () => {
  expect(diff({ a: 1, text: "long enough" }, { a: undefined, text: "long enough" })).toEqual([[1, ["a"]]]);
  expect(diff({ a: undefined }, {})).toEqual([]);
  expect(diff({}, { a: undefined })).toEqual([]);
  expect(diff({ a: undefined, text: "long enough" }, { a: 1, text: "long enough" })).toEqual([[0, ["a"], 1]]);
});

test("DIFF4 a splice of a long array is one step, wherever it is", () => {
  const list = todos(1000);
  const item = { id: "new", text: "new", done: false };
  expect(checked(list, list.toSpliced(3, 1))).toEqual([[2, [], 3, 1, []]]);
  expect(checked(list, list.toSpliced(3, 0, item))).toEqual([[2, [], 3, 0, [item]]]);
  expect(checked(list, [...list, item])).toEqual([[2, [], 1000, 0, [item]]]);
  expect(checked({ list }, { list: list.slice(0, -1) })).toEqual([[2, ["list"], 999, 1, []]]);
});

test("DIFF4 elements that stay are found by identity: several splices, moves and edits in one entry", () => {
  const list = todos(100);
  const [first] = list as [(typeof list)[0]];
  expect(
    checked(
      list,
      list.filter((_, i) => i !== 10 && i !== 50),
    ),
  ).toEqual([
    [2, [], 10, 1, []],
    [2, [], 49, 1, []],
  ]);
  expect(checked(list, [...list.slice(1), first])).toEqual([
    [2, [], 0, 1, []],
    [2, [], 99, 0, [first]],
  ]);
  const edited = produceNext(list, (draft) => {
    (draft[3] as (typeof list)[0]).done = true;
    draft.push({ id: "new", text: "new", done: false });
    draft.splice(50, 1);
  });
  expect(checked(list, edited)).toEqual([
    [0, [3, "done"], true],
    [2, [], 50, 1, []],
    [2, [], 99, 0, [{ id: "new", text: "new", done: false }]],
  ]);
});

test("DIFF4 elements that stand in several places are matched one by one", () => {
  const list = ["a long element", "another element", "a long element", "a third element", "a long element"];
  expect(checked(list, list.toSpliced(2, 1))).toEqual([[2, [], 2, 1, []]]);
  expect(checked(list, list.toSpliced(0, 1))).toEqual([[2, [], 0, 1, []]]);
});

test("DIFF4 zero and minus zero are two elements", () => {
  const map = new Map();
  expect(diff([[0, -0, map], {}], [[-0], {}])).not.toEqual([]);
  expect(applyPatch([0, -0, map, "a long text"], diff([0, -0, map, "a long text"], [-0, "a long text"]))).toEqual([
    -0,
    "a long text",
  ]);
});

test("DIFF4 a fresh copy with one element changed is that one change", () => {
  const after = structuredClone(todos(1000));
  (after[7] as { done: boolean }).done = true;
  expect(checked(todos(1000), after)).toEqual([[0, [7, "done"], true]]);
});

test("DIFF5 what is smaller whole is assigned whole, at the level where it is", () => {
  expect(
    checked({ by: { ann: { x: 1, y: 1 }, bob: { x: 5, y: 5 } } }, { by: { ann: { x: 2, y: 3 }, bob: { x: 5, y: 5 } } }),
  ).toEqual([[0, ["by", "ann"], { x: 2, y: 3 }]]);
  const wide = Object.fromEntries(todos(100).map((todo) => [todo.id, todo]));
  expect(checked({ wide, n: "the rest stays, and is long" }, { wide: {}, n: "the rest stays, and is long" })).toEqual([
    [0, ["wide"], {}],
  ]);
  expect(checked([1, 2, 3, 4, 5, 6], [9, 8, 7])).toEqual([[0, [], [9, 8, 7]]]);
});

test("DIFF5 long text or bytes beside many small changes are not sent again", () => {
  const point = (n: number): Record<string, number> => Object.fromEntries("abcdefgh".split("").map((key) => [key, n]));
  for (const part of ["x".repeat(10_000), new Uint8Array(10_000)]) {
    const steps = checked({ doc: { part, ...point(1) } }, { doc: { part, ...point(2) } });
    expect(steps.map(([, path]) => path.at(-1)).join("")).toBe("abcdefgh");
  }
});

test("DIFF5 a large new part does not make the whole of the state be sent", () => {
  const huge = todos(50_000);
  const rest = todos(50_000);
  const steps = diff({ rest, part: { list: [] } }, { rest, part: { list: huge } });
  expect(steps.map(([, path]) => path)).toEqual([["part", "list"]]);
});

test("DIFF6 deeper than a path may be, the part there is assigned whole", () => {
  const nested = (depth: number, leaf: unknown): unknown =>
    depth === 0 ? leaf : { k: nested(depth - 1, leaf), pad: "long enough to stay" };
  const steps = checked(nested(40, 1), nested(40, 2));
  expect(steps).toHaveLength(1);
  expect(steps[0]?.[1]).toHaveLength(maxPathLength);
});

test("DIFF6 where a reader would refuse so many splices, the whole is assigned", () => {
  const list = todos(40_000);
  const after = list.filter((_, i) => i % 100);
  expect((list.length / 100) * list.length).toBeGreaterThan(maxMoved);
  for (const [from, to] of [
    [list, after],
    [{ list }, { list: after }],
  ]) {
    const steps = diff(from, to);
    expect(steps.map(([op, path]) => [op, path])).toEqual([[0, []]]);
  }
});

test("DIFF6 splices are counted with the length that the array has by then", () => {
  const list = todos(4000);
  const after = list.flatMap((todo, i) => (i < 2400 ? [todo, i] : [todo]));
  expect(list.length * 2400).toBeLessThan(maxMoved);
  expect(applyPatch(list as unknown[], diff(list, after))).toHaveLength(after.length);
});

test("DIFF6 a value that holds itself is no endless loop", () => {
  const cyclic: Record<string, unknown> = { n: 1 };
  cyclic.self = cyclic;
  expect(diff({ n: 1, self: null }, cyclic)).toHaveLength(1);
  const other: Record<string, unknown> = { n: 1 };
  other.self = other;
  expect(diff(cyclic, other).length).toBeLessThanOrEqual(1);
});
