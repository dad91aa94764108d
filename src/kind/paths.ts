/**
 * Sets of paths: what of a value somebody may see, or change. A path stands for all beneath it.
 *
 * Always: paths go through keys of plain objects; an array is one value.
 * Rules: docs/protocol/versions.md GRANT7-GRANT11.
 */
import { SyncError } from "../core/errors.ts";
import { isBelow } from "./changes.ts";
import { type Assignment, type Keys, type Made, nothing, put, read } from "./registers.ts";

export type Paths = readonly Keys[];

/** What is there of the value, in its place. */
export function pick(value: unknown, paths: Paths): unknown {
  const made: Made = new Set();
  return paths.reduce<unknown>((picked, path) => {
    const found = read(value, path);
    return found === nothing ? picked : put(picked, path, found, made);
  }, {});
}

/** Throws SyncError `forbidden` for the first change that is not at one of the paths, or beneath it. */
export function checkAllowed(changes: readonly Assignment[], allowed: Paths): void {
  for (const { path } of changes) {
    if (allowed.some((top) => isBelow(path, top))) continue;
    throw new SyncError("forbidden", `Not allowed to write at "${path.join(".")}".`, { data: { path } });
  }
}

/** What is in both sets. */
export function bothPaths(one: Paths, other: Paths): Paths {
  const within = (some: Paths, all: Paths): Paths => some.filter((path) => all.some((top) => isBelow(path, top)));
  const first = within(one, other);
  return [...first, ...within(other, one).filter((path) => !first.some((top) => isBelow(path, top)))];
}
