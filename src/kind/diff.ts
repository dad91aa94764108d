/**
 * The steps from one value to the next. It looks only where the two are not `===`, so what immer left alone costs nothing.
 *
 * Always: `applyPatch(before, diff(before, after))` equals `after`, but for keys that `after` holds as `undefined`:
 * those count as absent; the steps pass the guards of `applyPatch`; none for equal values; a part is assigned whole where
 * that is smaller than its steps. What is neither array nor plain object is equal only to itself.
 * Rules: docs/protocol/kinds.md DIFF1-DIFF6.
 */

import type { Step, Steps } from "./patch.ts";
import { isPlain, maxMoved, maxPathLength, maxSteps } from "./patch.ts";

type Plain = Record<string, unknown>;

/** Characters; estimates stop here: what is larger is large. */
const maxSize = 1_000_000;
/** Deeper than any decoder takes, or a cycle: the packer will refuse it. */
const maxDepth = 100;
/** What the op, brackets and separators of a step take, in characters. */
const stepSize = 6;
const spliceSize = 10;

/** The steps from `before` to `after`; none where they are equal. */
export function diff(before: unknown, after: unknown): Steps {
  const steps: Step[] = [];
  const path: (string | number)[] = [];
  let pathSize = 0;
  let moved = 0;

  /** Runs `walk` one level deeper. Each walk returns about how many characters its steps pack to. */
  const within = (key: string | number, from: unknown, to: unknown): number => {
    const size = typeof key === "string" ? key.length + 3 : 4;
    path.push(key);
    pathSize += size;
    const cost = walk(from, to);
    path.pop();
    pathSize -= size;
    return cost;
  };

  /** Keeps the steps since `mark`, or puts `step`, which carries `value`, in their place if that is smaller. */
  const cheaper = (mark: number, cost: number, value: unknown, step: Step): number => {
    const own = pathSize + (step[0] === 2 ? spliceSize : stepSize);
    const limit = Math.min(cost - own, maxSize);
    const size = sizeOf(value, limit);
    if (size >= limit && cost !== Number.POSITIVE_INFINITY) return cost;
    steps.length = mark;
    steps.push(step);
    return own + size;
  };

  const walk = (from: unknown, to: unknown): number => {
    if (Object.is(from, to)) return 0;
    const mark = steps.length;
    let cost = Number.POSITIVE_INFINITY;
    if (path.length < maxPathLength) {
      if (Array.isArray(from) && Array.isArray(to)) cost = walkArray(from, to);
      else if (isPlain(from) && isPlain(to)) cost = walkObject(from, to);
    }
    return cost && cheaper(mark, cost, to, [0, [...path], to]);
  };

  const remove = (key: string, old: unknown): number => {
    // A key that is there and undefined counts as absent, and readers may not have it.
    if (old === undefined) return 0;
    steps.push([1, [...path, key]]);
    return stepSize + pathSize + key.length + 3;
  };

  const walkObject = (from: Plain, to: Plain): number => {
    const fromKeys = Object.keys(from);
    const fromValues = Object.values(from);
    const toValues = Object.values(to);
    let cost = 0;
    let i = 0;
    /** Takes the keys of `from` up to `key` that `to` does not have. */
    const removeUpTo = (key?: string): void => {
      for (let name = fromKeys[i]; name !== undefined && name !== key; name = fromKeys[++i]) {
        if (!Object.hasOwn(to, name)) cost += remove(name, fromValues[i]);
        else if (key !== undefined) return;
      }
    };
    // A copy keeps the order of keys, so most are met side by side, and nothing is looked up.
    Object.keys(to).forEach((key, j) => {
      removeUpTo(key);
      const old = fromKeys[i] === key ? fromValues[i++] : read(from, key);
      const next = toValues[j];
      if (Object.is(old, next)) return;
      cost += next === undefined ? remove(key, old) : within(key, old, next);
    });
    removeUpTo();
    return cost;
  };

  const walkArray = (from: readonly unknown[], to: readonly unknown[]): number => {
    let start = 0;
    let fromEnd = from.length;
    let toEnd = to.length;
    while (start < fromEnd && start < toEnd && same(from[start], to[start])) start++;
    while (fromEnd > start && toEnd > start && same(from[fromEnd - 1], to[toEnd - 1])) {
      fromEnd--;
      toEnd--;
    }
    let length = from.length;
    let cost = 0;
    let a = start;
    let c = start;
    /** from[a..b) becomes to[c..d); what is left of it is already in place. Element by element, or as one splice. */
    const gap = (b: number, d: number): void => {
      if (a === b && c === d) return;
      const mark = steps.length;
      const pairs = Math.min(b - a, d - c);
      let gapCost = 0;
      /** All but the first `kept` elements, if that is smaller than the steps since `since`. */
      const splice = (kept: number, since: number, above: number): number => {
        const items = to.slice(c + kept, d);
        return cheaper(since, above, items, [2, [...path], c + kept, b - a - kept, items]);
      };
      for (let i = 0; i < pairs; i++) gapCost += within(c + i, from[a + i], to[c + i]);
      if (b - a !== d - c) gapCost += splice(pairs, steps.length, Number.POSITIVE_INFINITY);
      if (pairs > 1) gapCost = splice(0, mark, gapCost);
      if (steps.at(-1)?.[0] === 2) moved += length;
      length += d - c - (b - a);
      cost += gapCost;
      a = b;
      c = d;
    };

    if (!mostlyInPlace(from, to, start, fromEnd, toEnd)) {
      for (const [b, d] of anchors(from, to, start, fromEnd, toEnd)) {
        gap(b, d);
        a++;
        c++;
      }
    }
    gap(fromEnd, toEnd);
    return cost;
  };

  walk(before, after);
  // Many splices of a long array: the reader would refuse them.
  return steps.length > maxSteps || moved > maxMoved ? [[0, [], after]] : steps;
}

/** True where matching elements would find nothing that comparing them place by place does not. */
function mostlyInPlace(from: readonly unknown[], to: readonly unknown[], start: number, fromEnd: number, toEnd: number): boolean {
  if (fromEnd !== toEnd) return fromEnd === start || toEnd === start;
  let changed = 0;
  for (let i = start; i < toEnd; i++) if (!Object.is(from[i], to[i])) changed++;
  return changed <= 2 || changed * 2 <= toEnd - start;
}

interface Pair {
  readonly at: readonly [from: number, to: number];
  readonly previous: Pair | undefined;
}

/**
 * Places of elements that both sides share by identity, ascending on both: the longest such row.
 * Source: longest increasing subsequence by patience sorting.
 */
function anchors(from: readonly unknown[], to: readonly unknown[], start: number, fromEnd: number, toEnd: number): Pair["at"][] {
  const places = new Map<unknown, number>();
  // The next place of the same element, for one that stands in several.
  const again: (number | undefined)[] = [];
  for (let i = fromEnd - 1; i >= start; i--) {
    again[i - start] = places.get(from[i]);
    places.set(from[i], i);
  }
  // ends[n]: of the rows of n + 1 pairs, the one whose last place in `from` is lowest.
  const ends: Pair[] = [];
  for (let i = start; i < toEnd; i++) {
    const place = places.get(to[i]);
    // A Map finds 0 under -0.
    if (place === undefined || !Object.is(from[place], to[i])) continue;
    const next = again[place - start];
    if (next === undefined) places.delete(to[i]);
    else places.set(to[i], next);
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle] as Pair).at[0] < place) low = middle + 1;
      else high = middle;
    }
    ends[low] = { at: [place, i], previous: ends[low - 1] };
  }
  const row: Pair["at"][] = [];
  for (let pair = ends.at(-1); pair; pair = pair.previous) row.push(pair.at);
  return row.reverse();
}

/** Own keys only: `__proto__` and `constructor` may be keys of data. */
function read(object: Plain, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Equal as `diff` sees it. */
function same(a: unknown, b: unknown, depth = 0): boolean {
  if (Object.is(a, b)) return true;
  if (depth > maxDepth) return false;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i], depth + 1));
  if (!isPlain(a) || !isPlain(b)) return false;
  const covers = (x: Plain, y: Plain): boolean => Object.keys(x).every((key) => same(read(x, key), read(y, key), depth + 1));
  return covers(a, b) && covers(b, a);
}

/** About how many characters `value` packs to; `limit` as soon as it is known to be no less. */
function sizeOf(value: unknown, limit: number, depth = 0): number {
  if (typeof value === "string") return value.length + 3;
  if (typeof value !== "object" || value === null) return 5;
  if (value instanceof Uint8Array) return value.length + 8;
  const keys = isPlain(value) ? Object.keys(value) : undefined;
  if (!keys && !Array.isArray(value) && !(value instanceof Map) && !(value instanceof Set)) return 24;
  if (depth > maxDepth) return limit;
  let size = 2 + 3 * (keys?.length ?? 0);
  for (const item of keys ?? (value as Iterable<unknown>)) {
    if (size >= limit) return limit;
    size += keys
      ? (item as string).length + sizeOf((value as Plain)[item as string], limit - size, depth + 1)
      : sizeOf(item, limit - size, depth + 1);
  }
  return size;
}
