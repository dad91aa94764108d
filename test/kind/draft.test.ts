/** Drafts beside Immer's: the same recipes, the same values, the same sharing. */
import { produce } from "immer";
import { expect, test } from "vitest";
import { changesBetween } from "../../src/kind/changes.ts";
import { draftNext } from "../../src/kind/draft.ts";
import { putAll, read } from "../../src/kind/registers.ts";
import { createRng } from "../../src/testing/rng.ts";

type Node = { [key: string]: unknown };

const keys = ["a", "b", "c"];

function random(seed: string) {
  const rng = createRng(seed);
  const int = (below: number): number => Math.floor(rng.next() * below);
  const value = (depth = 0): unknown => {
    const kind = int(depth > 3 ? 2 : 5);
    if (kind === 0) return int(10);
    if (kind === 1) return null;
    if (kind === 2) return Array.from({ length: int(4) }, () => value(depth + 1));
    return Object.fromEntries(keys.slice(0, int(4)).map((key) => [key, value(depth + 1)]));
  };
  return { int, value };
}

/** Some steps that any draft can take; the same ones for the same seed. */
function recipeOf(seed: string): (draft: unknown) => void {
  return (draft) => {
    const { int, value } = random(seed);
    for (let step = 0; step < 6; step++) {
      let at = draft as Node | unknown[];
      for (let depth = int(4); depth > 0; depth--) {
        const under = Object.values(at).filter((child) => typeof child === "object" && child !== null);
        if (!under.length) break;
        at = under[int(under.length)] as Node;
      }
      if (Array.isArray(at)) {
        const list = at;
        const move = [
          () => list.push(value()),
          () => list.splice(int(3), int(3), value()),
          () => list.pop(),
          () => list.reverse(),
          () => list.sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
          () => list.length && void (list[int(list.length)] = value()),
          () => void (list.length = Math.min(list.length, int(4))),
        ];
        move[int(move.length)]?.();
      } else {
        const node = at;
        const key = keys[int(3)] as string;
        const kind = int(4);
        if (kind === 0) delete node[key];
        else if (kind === 1 && typeof node["a"] === "object") node[key] = { moved: node["a"] };
        else if (kind === 2) Object.assign(node, { [key]: node[key] });
        else node[key] = value();
      }
    }
  };
}

test("DRAFT1 and DRAFT2 a recipe gives what Immer gives, and leaves the base as it was", () => {
  for (let seed = 1; seed <= 2000; seed++) {
    const base = { a: random(`base a ${seed}`).value(), b: [random(`base b ${seed}`).value(), {}], c: { d: 1 } };
    const copy = structuredClone(base);
    const recipe = recipeOf(`recipe ${seed}`);
    // Immer freezes what it made: it gets its own.
    const expected = produce(structuredClone(base), recipe as (draft: typeof base) => void);
    const next = draftNext<unknown>(base, recipe);
    expect(next, `seed ${seed}`).toEqual(expected);
    expect(base, `seed ${seed}`).toEqual(copy);
    // Whoever asks what changed gets all of it, and nothing else.
    const changes = changesBetween(base, next);
    expect(putAll(base, changes), `seed ${seed}`).toEqual(next);
    for (const { path } of changes) expect(read(base, path), `seed ${seed}`).not.toBe(read(next, path));
  }
});

test("DRAFT2 what was not changed stays the same object, down to the whole", () => {
  const base = { a: { b: { c: 1 } }, list: [{ n: 1 }, { n: 2 }], x: { y: 1 } };
  const next = draftNext(base, (draft) => {
    expect(draft.x.y).toBe(1);
    (draft.list[1] as { n: number }).n = 5;
    draft.a.b.c = 1;
  });
  expect(next).toEqual({ a: { b: { c: 1 } }, list: [{ n: 1 }, { n: 5 }], x: { y: 1 } });
  expect([next.a === base.a, next.x === base.x, next.list[0] === base.list[0], next.list === base.list]).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect(draftNext(base, (draft) => void draft.a.b)).toBe(base);
});

test("DRAFT3 a recipe may return the next value, with drafts in it", () => {
  const base = { a: { n: 1 }, b: { n: 2 } };
  const next = draftNext<unknown>(base, (draft) => {
    const { a, b } = draft as typeof base;
    b.n = 3;
    return { swapped: [b, a] };
  });
  expect(next).toEqual({ swapped: [{ n: 3 }, { n: 1 }] });
  expect((next as { swapped: unknown[] }).swapped[1]).toBe(base.a);
  expect(draftNext<unknown>(5, (n) => (n as number) + 1)).toBe(6);
});

test("DRAFT4 a recipe that throws or is asynchronous leaves nothing; a draft kept for later is of no use", async () => {
  const base = { n: 1, list: [1] };
  let kept: typeof base | undefined;
  expect(() =>
    draftNext(base, (draft) => {
      kept = draft;
      draft.n = 2;
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(base).toEqual({ n: 1, list: [1] });
  expect(() => kept?.n).toThrow(expect.objectContaining({ code: "invalid" }));
  expect(() => draftNext(base, (async () => {}) as never)).toThrow(expect.objectContaining({ code: "invalid" }));
});

test("DRAFT5 maps, sets, dates and instances are values, and no prototype changes", () => {
  const base = { map: new Map([["a", 1]]), when: new Date(0), own: { x: 1 } };
  const next = draftNext(base, (draft) => {
    draft.map = new Map([...draft.map, ["b", 2]]);
    Object.assign(draft.own, JSON.parse('{"__proto__": {"polluted": 1}}'));
  });
  expect([next.map, base.map.size, next.when === base.when]).toEqual([
    new Map([
      ["a", 1],
      ["b", 2],
    ]),
    1,
    true,
  ]);
  expect(Object.keys(next.own)).toEqual(["x", "__proto__"]);
  expect(({} as { polluted?: number }).polluted).toBe(undefined);
});

test("DRAFT5 maps, sets, dates and bytes may be changed in place: the base keeps its own, and what is equal in the end did not change", () => {
  const base = {
    map: new Map<unknown, unknown>([[1, { x: 1 }]]),
    set: new Set<unknown>(["a"]),
    when: new Date(5),
    bytes: new Uint8Array([1, 2]),
    list: [new Map([["n", 1]])],
    own: { x: 1 },
  };
  const copy = structuredClone(base);
  const looked = draftNext(base, (draft) => {
    draft.map.delete(1);
    draft.map.set(1, { x: 1 });
    draft.set.add("b");
    draft.set.delete("b");
    expect([draft.when.getTime(), draft.bytes[0], draft.list[0]?.get("n")]).toEqual([5, 1, 1]);
  });
  expect(looked).toBe(base);
  const next = draftNext(base, (draft) => {
    (draft.map.get(1) as { x: number }).x = 2;
    draft.map.set("own", draft.own);
    draft.own.x = 3;
    draft.set.add(draft.own);
    draft.when.setTime(6);
    draft.bytes[0] = 9;
    draft.list[0]?.set("n", 2);
    const made = new Map<unknown, unknown>();
    Object.assign(draft, { made });
    made.set("late", draft.own);
  });
  const own = { x: 3 };
  expect(next).toEqual({
    map: new Map<unknown, unknown>([
      [1, { x: 2 }],
      ["own", own],
    ]),
    set: new Set<unknown>(["a", own]),
    when: new Date(6),
    bytes: new Uint8Array([9, 2]),
    list: [new Map([["n", 2]])],
    own,
    made: new Map([["late", own]]),
  });
  expect(base).toEqual(copy);
  expect(changesBetween(base, next).map(({ path }) => path[0])).toEqual(expect.arrayContaining(["map", "set", "when", "bytes"]));
});
