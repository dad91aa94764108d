/**
 * Keeps what is the same: so that a value that came back from the server is the object that was on the screen already.
 *
 * Always: `keepSame(before, after)` is equal to `after`; what is equal in `before`, at the same place, is `===` to it.
 * Rules: docs/protocol/shared.md SHARED21.
 */
import { isPlain } from "./patch.ts";
import { type Keys, type Made, nothing, put } from "./registers.ts";

/** `after`, with the parts of `before` where they are equal. */
export function keepSame(before: unknown, after: unknown): unknown {
  if (Object.is(before, after)) return before;
  if (Array.isArray(before) && Array.isArray(after)) return isSame(before, after) ? before : after;
  if (!isPlain(before) || !isPlain(after)) return isSame(before, after) ? before : after;
  const keys = Object.keys(after);
  const made: Made = new Set();
  let next = after;
  let isAll = keys.length === Object.keys(before).length;
  for (const key of keys) {
    const own = Object.hasOwn(before, key);
    const kept = own ? keepSame(before[key], after[key]) : after[key];
    if (kept !== after[key]) next = put(next, [key], kept, made) as typeof after;
    isAll &&= own && Object.is(kept, before[key]);
  }
  return isAll ? before : next;
}

/** Where values may differ: at the keys, and beneath them; at an empty one anywhere. */
type Places = Map<string, Places>;

/** The same, where they differ at these paths and beneath them alone: looks nowhere else. */
export function keepSameAt(before: unknown, after: unknown, paths: Iterable<Keys>): unknown {
  const places: Places = new Map();
  for (const path of paths) {
    let at = places;
    for (const [depth, key] of path.entries()) {
      const next = at.get(key);
      // All beneath it is looked at already.
      if (next && !next.size) break;
      if (depth === path.length - 1) at.set(key, new Map());
      else if (!next) at.set(key, new Map());
      at = at.get(key) as Places;
    }
    if (!path.length) return keepSame(before, after);
  }
  return places.size ? keepAt(before, after, places) : before;
}

function keepAt(before: unknown, after: unknown, places: Places): unknown {
  if (Object.is(before, after)) return before;
  if (!places.size || !isPlain(before) || !isPlain(after)) return keepSame(before, after);
  const made: Made = new Set();
  let next: unknown = before;
  for (const [key, beneath] of places) {
    const was = Object.hasOwn(before, key);
    const is = Object.hasOwn(after, key);
    // Where it stands among the others is not known here.
    if (is && !was) return keepSame(before, after);
    if (is) next = put(next, [key], keepAt(before[key], after[key], beneath), made);
    else if (was) next = put(next, [key], nothing, made);
  }
  return next;
}

/** Equal data, maps and sets in the same order; any other instance is equal to itself alone. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => isSame(item, b[index]));
  if (a instanceof Map || a instanceof Set) {
    return b instanceof (a instanceof Map ? Map : Set) && a.size === b.size && isSame([...a], [...b]);
  }
  if (a instanceof Date) return b instanceof Date && a.getTime() === b.getTime();
  if (a instanceof Uint8Array) return b instanceof Uint8Array && a.length === b.length && a.every((byte, i) => byte === b[i]);
  if (!isPlain(a) || !isPlain(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]));
}
