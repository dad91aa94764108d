/** The laws of the tree of registers, against a model that knows nothing of trees. */
import { expect, test } from "vitest";
import { compareStamps, firstStamp, type Stamp } from "../../src/core/hlc.ts";
import { type Assignment, type Keys, nothing, type RegisterList, Registers } from "../../src/kind/registers.ts";
import { createRng } from "../../src/testing/rng.ts";

type Stamped = Assignment & { readonly stamp: Stamp };

const startsWith = (path: Keys, start: Keys): boolean => start.every((key, index) => path[index] === key);

/** What counts of a set of assignments: those that nothing as new covers. */
function counting(all: readonly Stamped[]): Stamped[] {
  return all.filter(
    (one, index) =>
      !all.some(
        (other, at) =>
          at !== index &&
          startsWith(one.path, other.path) &&
          compareStamps(other.stamp, one.stamp) >= 0 &&
          (compareStamps(other.stamp, one.stamp) > 0 || at < index),
      ),
  );
}

function put(value: unknown, path: Keys, set: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return set;
  const object = typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
  const after = put(Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : nothing, rest, set);
  if (after === nothing) delete (object as Record<string, unknown>)[key];
  else (object as Record<string, unknown>)[key] = after;
  return object;
}

/** Parents first: what is below them goes on top. */
const modelOf = (all: readonly Stamped[]): unknown =>
  counting(all)
    .sort((a, b) => a.path.length - b.path.length)
    .reduce<unknown>((value, { path, value: set }) => put(value, path, set), nothing);

const initial = { a: { b: 1, c: [1] }, d: "x" };
const keys = ["a", "b", "c"];

function random(seed: string) {
  const rng = createRng(seed);
  const int = (below: number): number => Math.floor(rng.next() * below);
  const value = (depth: number): unknown => {
    const kind = int(depth > 2 ? 3 : 5);
    if (kind === 0) return int(100);
    if (kind === 1) return [int(9)];
    if (kind === 2) return null;
    return Object.fromEntries(keys.slice(0, int(4)).map((key) => [key, value(depth + 1)]));
  };
  const assignment = (ms: number, node: string): Stamped => ({
    path: Array.from({ length: int(4) }, () => keys[int(3)] as string),
    value: rng.next() < 0.25 ? nothing : value(0),
    stamp: { ms, count: int(2), node },
  });
  const shuffled = <T>(items: readonly T[]): T[] => {
    const copy = [...items];
    for (let i = copy.length - 1; i > 0; i--) {
      const at = int(i + 1);
      [copy[i], copy[at]] = [copy[at] as T, copy[i] as T];
    }
    return copy;
  };
  return { int, assignment, shuffled };
}

const treeOf = (all: readonly Stamped[]): Registers => {
  const tree = new Registers(initial, firstStamp);
  for (const one of all) tree.assign(one, one.stamp);
  return tree;
};
const start: Stamped = { path: [], value: initial, stamp: firstStamp };
const sorted = (list: RegisterList): unknown[] =>
  [...list].map((item) => JSON.stringify(item, (_, value) => (value === nothing ? "nothing" : value))).sort();

function histories(run: (seed: string, all: Stamped[], rng: ReturnType<typeof random>) => void): void {
  for (let seed = 1; seed <= 500; seed++) {
    const rng = random(`registers ${seed}`);
    const all = Array.from({ length: 2 + rng.int(20) }, (_, index) => rng.assignment(1 + rng.int(12), `n${index}`));
    run(`seed ${seed}`, all, rng);
  }
}

test("REG1 and REG2 the value is that of the newest assignments, whatever order they come in and however often", () => {
  histories((seed, all, { shuffled }) => {
    const expected = modelOf([start, ...all]);
    const tree = treeOf(shuffled(all));
    expect(tree.value, seed).toEqual(expected);
    const again = treeOf([...shuffled(all), ...shuffled(all)]);
    expect(again.value, seed).toEqual(expected);
    expect(sorted(again.list()), seed).toEqual(sorted(tree.list()));
  });
});

test("REG3 joining is commutative, associative and idempotent, and a list joined is the tree", () => {
  histories((seed, all, { int }) => {
    const parts: Stamped[][] = [[], [], []];
    for (const one of all) parts[int(3)]?.push(one);
    const [a, b, c] = parts.map((part) => treeOf(part).list()) as [RegisterList, RegisterList, RegisterList];
    const joined = (...lists: RegisterList[]): Registers => {
      const tree = new Registers(initial, firstStamp);
      for (const list of lists) tree.join(list);
      return tree;
    };
    const whole = treeOf(all);
    for (const tree of [
      joined(a, b, c),
      joined(c, b, a),
      joined(joined(a, b).list(), c),
      joined(a, joined(b, c).list()),
      joined(a, a, b, c, b),
    ]) {
      expect(tree.value, seed).toEqual(whole.value);
      expect(sorted(tree.list()), seed).toEqual(sorted(whole.list()));
    }
  });
});

test("REG4 a parent covers what is older beneath it, and what is newer stays on top of it", () => {
  const at = (ms: number): Stamp => ({ ms, count: 0, node: "n" });
  const tree = new Registers({ title: "", shapes: {} }, firstStamp);
  tree.assign({ path: ["shapes", "s1", "x"], value: 1 }, at(1));
  tree.assign({ path: ["shapes", "s2", "x"], value: 2 }, at(5));
  expect(tree.assign({ path: ["shapes"], value: { s3: { x: 3 } } }, at(3))).toBe(true);
  expect(tree.value).toEqual({ title: "", shapes: { s2: { x: 2 }, s3: { x: 3 } } });
  expect(tree.assign({ path: ["shapes", "s3", "x"], value: 9 }, at(2))).toBe(false);
  expect(tree.assign({ path: ["shapes", "s3"], value: nothing }, at(4))).toBe(true);
  expect(tree.value).toEqual({ title: "", shapes: { s2: { x: 2 } } });
  expect(tree.at(["shapes", "s3", "x"])).toEqual({ path: ["shapes", "s3"], stamp: at(4), value: nothing });
});

test("REG5 an array is one value, and a key beneath it makes it an object", () => {
  const at = (ms: number): Stamp => ({ ms, count: 0, node: "n" });
  const tree = new Registers({ list: [1, 2] }, firstStamp);
  tree.assign({ path: ["list", "0"], value: 7 }, at(1));
  expect(tree.value).toEqual({ list: { 0: 7 } });
});

test("REG6 what no assignment went through stays the same object, and no prototype changes", () => {
  const tree = new Registers(initial, firstStamp);
  const before = tree.value as typeof initial;
  tree.assign({ path: ["d"], value: "y" }, { ms: 1, count: 0, node: "n" });
  const after = tree.value as typeof initial;
  expect(after.a).toBe(before.a);
  expect(before.d).toBe("x");
  tree.assign({ path: ["__proto__", "polluted"], value: 1 }, { ms: 2, count: 0, node: "n" });
  expect(({} as { polluted?: number }).polluted).toBe(undefined);
  expect(Object.keys(tree.value as object)).toContain("__proto__");
});

test("REG7 an overlay shows what assigning would, and leaves the tree as it is", () => {
  histories((seed, all) => {
    const last = all.pop() as Stamped;
    const tree = treeOf(all);
    const list = sorted(tree.list());
    const shown = tree.overlay(tree.value, last, last.stamp);
    expect(sorted(tree.list()), seed).toEqual(list);
    tree.assign(last, last.stamp);
    expect(shown, seed).toEqual(tree.value);
  });
});

test("REG8 compacting leaves the value as it is and forgets deletions", () => {
  let forgotten = 0;
  histories((seed, all) => {
    const tree = treeOf(all);
    const before = tree.list().length;
    tree.compact(8);
    forgotten += before - tree.list().length;
    const again = new Registers(initial, firstStamp);
    again.join(tree.list());
    expect(again.value, seed).toEqual(tree.value);
    expect(tree.value, seed).toEqual(modelOf([start, ...all]));
  });
  expect(forgotten).toBeGreaterThan(10);
});

test("REG1 and REG6 a value that is looked at now and then is the one that a snapshot makes, in the same order", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const r = random(`shown ${seed}`);
    const tree = new Registers(initial, firstStamp);
    for (let ms = 1; ms <= 40; ms++) {
      const before = tree.value;
      const copy = JSON.stringify(before);
      tree.assign(r.assignment(ms - r.int(3), "n"), { ms: ms - r.int(3), count: 0, node: "n" });
      if (r.int(3) === 0) continue;
      const [[, stamp, value] = [[], firstStamp, initial]] = tree.list();
      const anew = new Registers(value, stamp);
      anew.join(tree.list().slice(1));
      expect(JSON.stringify(tree.value), `seed ${seed} at ${ms}`).toBe(JSON.stringify(anew.value));
      expect(JSON.stringify(before)).toBe(copy);
    }
  }
});
