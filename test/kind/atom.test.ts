import fc from "fast-check";
import { expect, test } from "vitest";
import { SyncError } from "../../src/core/errors.ts";
import type { AtomOp } from "../../src/kind/atom-authority.ts";
import { createAtomAuthority } from "../../src/kind/atom-authority.ts";
import { createAtomReplica } from "../../src/kind/atom-replica.ts";
import type { WriteContext } from "../../src/kind/kind.ts";
import type { Steps } from "../../src/kind/patch.ts";
import { kindLaws, type Random } from "../../src/testing/contracts/kind.ts";
import type { Container } from "./documents.ts";
import { change, changes, containers, deepFreeze } from "./documents.ts";

interface Stats {
  visitors: number;
  last: string | null;
  pages: { path: string; hits: number }[];
}
const initial: Stats = deepFreeze({ visitors: 0, last: null, pages: [{ path: "/", hits: 0 }] });
const server: WriteContext = { replica: null, user: null, nowMs: 0 };
const invalid = expect.objectContaining({ name: "SyncError", code: "invalid" });

const op = (random: Random): AtomOp<Stats> => {
  const number = Math.floor(random() * 3);
  const recipes: ((draft: Stats) => void)[] = [
    (draft) => void draft.visitors++,
    (draft) => void draft.pages.splice(number, 1, { path: `/${number}`, hits: 1 }),
    (draft) => draft.pages.forEach((page) => void page.hits++),
    () => {},
    (draft) => {
      draft.visitors = -1;
      throw new SyncError("conflict");
    },
  ];
  const recipe = recipes[Math.floor(random() * 6)];
  return recipe ? { type: "update", recipe } : { type: "set", value: { visitors: number, last: "/", pages: [] } };
};

for (const mode of ["patches", "value"] as const) {
  const laws = kindLaws({
    authority: () => createAtomAuthority({ initial, mode }),
    replica: () => createAtomReplica<Stats>(),
    op,
    badEntries: [null, [[0, ["visitors", "x"], 1]], [[0, ["pages", 9], 1]], [[1, ["gone"]]]],
  });
  for (const { name, run } of laws) test(`${name} (atom, ${mode})`, run);
}

/** A replica that has what was logged, and a check that it agrees. */
const follow = <T>(authority: ReturnType<typeof createAtomAuthority<T>>): (() => Steps | undefined) => {
  const replica = createAtomReplica<T>();
  replica.restore(authority.snapshot());
  let offset = 0;
  return () => {
    const steps = authority.take();
    if (steps) replica.apply(steps, ++offset);
    expect(replica.value).toEqual(authority.value);
    expect(authority.snapshot()).toEqual(authority.value);
    return steps;
  };
};

test("ATOM1 a replica has no value before the first snapshot, or an entry that assigns the whole", () => {
  const replica = createAtomReplica<Stats>();
  expect(replica.value).toBeUndefined();
  expect(() => replica.apply([[0, ["visitors"], 1]], 1)).toThrow(invalid);
  expect(replica.value).toBeUndefined();
  replica.apply([[0, [], initial]], 1);
  expect(replica.value).toBe(initial);
});

test("ATOM2 updates show at once, and one take logs them as one entry", () => {
  const atom = createAtomAuthority({ initial });
  const take = follow(atom);
  atom.update((draft) => void draft.visitors++);
  expect(atom.value.visitors).toBe(1);
  atom.update((draft) => void draft.visitors++);
  atom.update((draft) => void (draft.last = "/a"));
  expect(atom.value).toEqual({ ...initial, visitors: 2, last: "/a" });
  expect(take()).toEqual([
    [0, ["visitors"], 2],
    [0, ["last"], "/a"],
  ]);
  expect(take()).toBeUndefined();
  expect(initial.visitors).toBe(0);
});

test("ATOM2 any updates, taken at any moments, bring replicas to the atom's value", () => {
  let entries = 0;
  fc.assert(
    fc.property(
      containers,
      fc.array(changes, { maxLength: 5 }),
      fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
      (start, updates, takes) => {
        const atom = createAtomAuthority<Container>({ initial: deepFreeze(start) });
        const take = follow(atom);
        updates.forEach((list, index) => {
          atom.update((draft) => {
            for (const one of list) change(draft, one);
          });
          if (takes[index] && take()) entries++;
        });
        take();
      },
    ),
    { numRuns: 2000, seed: 4 },
  );
  expect(entries).toBeGreaterThan(1000);
});

test("ATOM2 a recipe may return the next value, and a plain value needs no draft", () => {
  const count = createAtomAuthority({ initial: 1 });
  const take = follow(count);
  count.update((n) => n + 1);
  expect(take()).toEqual([[0, [], 2]]);
  const stats = createAtomAuthority({ initial });
  stats.update(() => ({ visitors: 9, last: null, pages: [] }));
  expect(stats.value.visitors).toBe(9);
});

test("ATOM3 a recipe that throws leaves no trace, and its error is passed on", () => {
  const atom = createAtomAuthority({ initial });
  const error = new Error("mine");
  atom.update((draft) => void draft.visitors++);
  const before = atom.value;
  expect(() =>
    atom.update((draft) => {
      draft.visitors = 99;
      draft.pages.length = 0;
      throw error;
    }),
  ).toThrow(error);
  expect(atom.value).toBe(before);
  expect(atom.take()).toEqual([[0, ["visitors"], 1]]);
});

test("ATOM4 an asynchronous recipe is refused and leaves no trace, also when it goes on later", async () => {
  const atom = createAtomAuthority({ initial });
  const late = (async (draft: Stats) => {
    draft.visitors = 1;
    await Promise.resolve();
    draft.visitors = 2;
  }) as unknown as (draft: Stats) => void;
  expect(() => atom.update(late)).toThrow(invalid);
  await new Promise((resolve) => setImmediate(resolve));
  expect(atom.value).toBe(initial);
  expect(atom.take()).toBeUndefined();
});

test("ATOM5 Map and Set may be changed in a recipe and travel whole, nothing else with them", () => {
  const atom = createAtomAuthority({
    initial: { votes: new Map([["a", 1]]), seen: new Set([1]), text: "a text that is long enough to stay" },
  });
  const take = follow(atom);
  const shown = atom.value;
  atom.update((draft) => {
    draft.votes.set("b", 2);
    draft.seen.add(2);
  });
  expect(take()).toEqual([
    [
      0,
      ["votes"],
      new Map([
        ["a", 1],
        ["b", 2],
      ]),
    ],
    [0, ["seen"], new Set([1, 2])],
  ]);
  expect(shown.votes.size).toBe(1);
  atom.update((draft) => void draft.votes.set("b", 2));
  expect(take()).toBeUndefined();
});

test("ATOM6 what comes back to the logged value before it is taken is not logged", () => {
  const atom = createAtomAuthority({ initial });
  atom.update((draft) => void draft.visitors++);
  atom.update((draft) => void draft.visitors--);
  expect(atom.take()).toBeUndefined();
  expect(atom.value).toBe(initial);
  atom.set(structuredClone(initial));
  expect(atom.take()).toBeUndefined();
  expect(atom.value).toBe(initial);
});

test("ATOM7 a snapshot is the logged value, never one ahead of it", () => {
  const atom = createAtomAuthority({ initial });
  atom.update((draft) => void draft.visitors++);
  expect(atom.snapshot()).toBe(initial);
  atom.take();
  expect(atom.snapshot()).toBe(atom.value);
  atom.update((draft) => void draft.visitors++);
  atom.load({ ...initial, visitors: 7 });
  expect(atom.value.visitors).toBe(7);
  expect(atom.take()).toBeUndefined();
});

test("ATOM8 in mode value every entry is the whole value, and an equal value is none", () => {
  const atom = createAtomAuthority({ initial, mode: "value" });
  const take = follow(atom);
  atom.update((draft) => void draft.visitors++);
  expect(take()).toEqual([[0, [], { ...initial, visitors: 1 }]]);
  atom.set({ ...initial, visitors: 1 });
  expect(take()).toBeUndefined();
});

test("ATOM9 decide answers for what was not taken too, and apply leaves nothing to take", () => {
  const atom = createAtomAuthority({ initial });
  atom.update((draft) => void draft.visitors++);
  const entry = atom.decide({ type: "update", recipe: (draft) => void (draft.last = "/b") }, server);
  expect(entry).toEqual([
    [0, ["visitors"], 1],
    [0, ["last"], "/b"],
  ]);
  expect(atom.value).toEqual({ ...initial, visitors: 1 });
  atom.apply(entry as Steps);
  expect(atom.value).toEqual({ ...initial, visitors: 1, last: "/b" });
  expect(atom.take()).toBeUndefined();
  expect(atom.decide({ type: "set", value: structuredClone(atom.value) }, server)).toBeUndefined();
});

test("ATOM10 if the steps cannot be packed, the updates since the last take are undone", () => {
  const atom = createAtomAuthority<{ n: number; bad?: unknown }>({ initial: { n: 0 } });
  atom.update((draft) => void draft.n++);
  atom.take();
  atom.update((draft) => void (draft.bad = () => {}));
  const error = new SyncError("invalid", "A function has no wire form.");
  expect(() =>
    atom.take(() => {
      throw error;
    }),
  ).toThrow(error);
  expect(atom.value).toEqual({ n: 1 });
  expect(atom.take()).toBeUndefined();
});

test("ATOM10 accept sees the updated value, and an update it makes is for the next take", () => {
  const atom = createAtomAuthority({ initial: { n: 0 } });
  atom.update((draft) => void draft.n++);
  const steps = atom.take(() => {
    expect(atom.value.n).toBe(1);
    atom.update((draft) => void (draft.n = 5));
  });
  expect(steps).toEqual([[0, ["n"], 1]]);
  expect(atom.take()).toEqual([[0, ["n"], 5]]);
});

test("ATOM11 undefined is no value, since it says that a replica knows nothing", () => {
  expect(() => createAtomAuthority({ initial: undefined })).toThrow(invalid);
  const atom = createAtomAuthority<number | undefined>({ initial: 1 });
  expect(() => atom.set(undefined)).toThrow(invalid);
  expect(atom.value).toBe(1);
});

test("ATOM12 an update inside a recipe is refused, and the atom works after it", () => {
  const atom = createAtomAuthority({ initial });
  const nested = (run: () => void) => () => atom.update(() => run());
  expect(nested(() => atom.update((draft) => void draft.visitors++))).toThrow(invalid);
  expect(nested(() => atom.set(initial))).toThrow(invalid);
  atom.update((draft) => void draft.visitors++);
  expect(atom.value.visitors).toBe(1);
});
