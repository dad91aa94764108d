/**
 * Changes of a tree as they travel, `path value path value … [deleted paths]`, and what they are between two values.
 *
 * A path of one key is that string, any other an array of strings. The deleted paths stand last, and only where there are some.
 * Always: what is read has paths of at most 32 keys; what `changesBetween` finds lies side by side, no change beneath another.
 * Rules: docs/protocol/shared.md SHARED1, SHARED2, SHARED14.
 */
import { SyncError } from "../core/errors.ts";
import { keysTouched } from "./draft.ts";
import { isPlain, maxPathLength } from "./patch.ts";
import { type Assignment, type Keys, type Made, nothing, put, read } from "./registers.ts";
import { keepSame } from "./same.ts";

/** Paths of one write. */
export const maxChanges = 10_000;

/** `head`, and the changes behind it. */
export function writeChanges(head: readonly unknown[], changes: readonly Assignment[]): unknown[] {
  const written = [...head];
  const deleted: unknown[] = [];
  for (const { path, value } of changes) {
    const short = path.length === 1 ? path[0] : path;
    if (value === nothing) deleted.push(short);
    else written.push(short, value);
  }
  if (deleted.length) written.push(deleted);
  return written;
}

/** The changes from `start` on; throws SyncError `invalid` for what they are not. */
export function readChanges(written: readonly unknown[], start: number): Assignment[] {
  const changes: Assignment[] = [];
  const hasDeleted = (written.length - start) % 2 === 1;
  const end = hasDeleted ? written.length - 1 : written.length;
  for (let at = start; at < end; at += 2) changes.push({ path: readPath(written[at]), value: written[at + 1] });
  if (hasDeleted) {
    const deleted = written[end];
    if (!Array.isArray(deleted)) throw bad();
    for (const path of deleted) changes.push({ path: deletable(readPath(path)), value: nothing });
  }
  if (changes.length > maxChanges) throw new SyncError("too-large", `A write changes at most ${maxChanges} paths.`);
  return changes;
}

function readPath(path: unknown): Keys {
  return typeof path === "string" ? [path] : checkPath(path);
}

/** Throws SyncError `invalid` for what is no path. */
export function checkPath(path: unknown): Keys {
  if (!Array.isArray(path) || path.length > maxPathLength || !path.every((key) => typeof key === "string")) throw bad();
  return path;
}

/** Throws SyncError `invalid` for the whole tree. */
export function deletable(path: Keys): Keys {
  if (!path.length) throw new SyncError("invalid", "A tree is not deleted, but its topic.");
  return path;
}

const bad = (): SyncError => new SyncError("invalid", `Changes are [path value …], a path at most ${maxPathLength} keys.`);

/** Assigns what differs, as deep as plain objects go. `nothing` and undefined are no value. */
export function changesBetween(before: unknown, after: unknown): Assignment[] {
  const changes: Assignment[] = [];
  const walk = (from: unknown, to: unknown, path: Keys): void => {
    if (Object.is(from, to)) return;
    if (!isPlain(from) || !isPlain(to) || path.length === maxPathLength) {
      changes.push({ path, value: to });
      return;
    }
    const step = (key: string): void => walk(some(read(from, [key])), some(read(to, [key])), [...path, key]);
    const touched = keysTouched(from, to);
    if (touched) return touched.forEach((key) => typeof key === "string" && step(key));
    for (const key of Object.keys(from)) if (!Object.is(from[key], to[key])) step(key);
    for (const key of Object.keys(to)) if (!Object.hasOwn(from, key)) step(key);
  };
  walk(some(before), some(after), []);
  return changes;
}

/** The same, where equal arrays and values may be other objects: what functions made anew. */
export function differencesBetween(before: unknown, after: unknown): Assignment[] {
  return changesBetween(before, keepSame(before, after));
}

/** What is undefined is not there. */
export function some(value: unknown): unknown {
  return value === undefined ? nothing : value;
}

/** What one write after the other changes, as one: what is beneath a change becomes part of it. */
export function mergeChanges(earlier: readonly Assignment[], later: readonly Assignment[]): Assignment[] {
  const merged = new Map(earlier.map((change) => [keyOf(change.path), change]));
  const made: Made = new Set();
  let longest = earlier.reduce((length, { path }) => Math.max(length, path.length), 0);
  for (const change of later) {
    const { path } = change;
    const above = lengthAbove(merged, path);
    if (above !== undefined) {
      const key = keyOf(path.slice(0, above));
      const top = merged.get(key) as Assignment;
      merged.set(key, { path: top.path, value: put(top.value, path.slice(above), change.value, made) });
      continue;
    }
    const key = keyOf(path);
    merged.delete(key);
    if (longest > path.length) for (const [other, below] of merged) if (isBelow(below.path, path)) merged.delete(other);
    merged.set(key, change);
    longest = Math.max(longest, path.length);
  }
  return [...merged.values()];
}

const keyOf = (path: Keys): string => JSON.stringify(path);

/** How long the path is of a change above. */
function lengthAbove(changes: ReadonlyMap<string, unknown>, path: Keys): number | undefined {
  for (let length = 0; length < path.length; length++) if (changes.has(keyOf(path.slice(0, length)))) return length;
  return undefined;
}

/** At the path `top` or beneath it. */
export function isBelow(path: Keys, top: Keys): boolean {
  return path.length >= top.length && top.every((key, index) => path[index] === key);
}
