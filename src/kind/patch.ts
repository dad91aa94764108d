/**
 * The compact patch: one entry is an array of steps, and `applyPatch` folds it into plain data. The browser loads
 * this file, so it stays small.
 *
 *   [0, path, value]                assigns an object key or an array index <= length; the empty path is the whole value
 *   [1, path]                       deletes an object key
 *   [2, path, index, count, items]  replaces `count` elements of the array at `path` by `items`
 *
 * Always: neither the state nor the entry is changed; what no step went through stays `===`; a patch that breaks a
 * guard throws SyncError `invalid`; no prototype is read or changed; the work is bounded by the sizes of patch and state.
 * Rules: docs/protocol/kinds.md PATCH1-PATCH9.
 */
import { SyncError } from "../core/errors.ts";

/** Strings are keys of plain objects, numbers are indices of arrays. */
export type Path = readonly (string | number)[];

export type Step =
  | readonly [op: 0, path: Path, value: unknown]
  | readonly [op: 1, path: Path]
  | readonly [op: 2, path: Path, index: number, deleteCount: number, items: readonly unknown[]];

/** One entry of every kind that sends patches. */
export type Steps = readonly Step[];

export const maxPathLength = 32;
/** Steps in one entry. */
export const maxSteps = 100_000;
/** Lengths of the arrays that the splices of one entry copy, added up: some 10 ms of work. */
export const maxMoved = 10_000_000;

/** How long a step is, by its op. */
const lengths: ReadonlyMap<unknown, number> = /* @__PURE__ */ new Map([
  [0, 3],
  [1, 2],
  [2, 5],
]);

/** True for `{}` and for objects without a prototype, also of another realm. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || !value) return false;
  const prototype = Object.getPrototypeOf(value);
  return !prototype || !Object.getPrototypeOf(prototype);
}

/** True for an integer from 0 to `max`. */
const fits = (value: unknown, max: number): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;

/** The state after `steps`. */
export function applyPatch<T>(state: T, steps: Steps): T {
  // Containers made by this call: nobody else holds them yet, so each is copied once.
  const own = new Set<unknown>();
  let moved = 0;
  const must = (holds: boolean): void => {
    if (!holds) throw new SyncError("invalid", "The patch does not fit");
  };

  const edit = (node: unknown, step: Step, depth: number): unknown => {
    const [op, path] = step;
    const left = path.length - depth;
    if (!left && !op) return step[2];
    const isArray = Array.isArray(node);
    must(isArray || isPlain(node));
    let copy = node as Record<string, unknown> & unknown[];
    if (!own.has(node)) {
      copy = (isArray ? node.slice() : Object.getPrototypeOf(node) ? { ...copy } : { __proto__: null, ...copy }) as typeof copy;
      own.add(copy);
    }
    if (!left) {
      const [, , index, count, items] = step as Step & readonly [2, ...unknown[]];
      must(op === 2 && isArray && fits(index, copy.length) && fits(count, copy.length - index) && Array.isArray(items));
      must((moved += copy.length) <= maxMoved);
      if (items.length < 1000) copy.splice(index, count, ...items);
      // As arguments, many items overflow the stack.
      else for (const item of items.concat(copy.splice(index).slice(count))) copy.push(item);
      return copy;
    }
    const key = path[depth] as string;
    const deletes = left < 2 && op === 1;
    // The index after the last leads to undefined, and from there nowhere.
    if (isArray) must(!deletes && fits(key, copy.length));
    else must(typeof key === "string" && ((left < 2 && !op) || Object.hasOwn(copy, key)));
    if (deletes) delete copy[key];
    else {
      const value = edit(copy[key], step, depth + 1);
      // Assigning this one key would set the prototype.
      if (key === "__proto__") Object.defineProperty(copy, key, { value, writable: true, enumerable: true, configurable: true });
      else copy[key] = value;
    }
    return copy;
  };

  must(Array.isArray(steps) && steps.length <= maxSteps);
  let next: unknown = state;
  for (const step of steps) {
    must(Array.isArray(step) && Array.isArray(step[1]) && step[1].length <= maxPathLength);
    must(step.length === lengths.get(step[0]));
    next = edit(next, step, 0);
  }
  return next as T;
}
