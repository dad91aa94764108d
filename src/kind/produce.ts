/**
 * Runs recipes with immer, for the server's half of the kinds that log patches.
 *
 * Always: the base is not changed, and what the recipe did not touch stays `===`; a recipe that throws leaves no trace.
 * Values are not frozen: freezing costs more than the rest on a large state. Patches are not asked of immer: a splice near
 * the front of an array of 1 000 gives 997 of them, and `diff` gives one step in a fraction of the time.
 * Rules: docs/protocol/kinds.md ATOM3-ATOM5.
 */

import type { Draft } from "immer";
import { enableArrayMethods, enableMapSet, Immer } from "immer";
import { SyncError } from "../core/errors.ts";
import { isThenable } from "./thenable.ts";

/** Changes the draft, or returns a new value. Its predicates (`find`, `filter`, `some`) must only read. */
export type Recipe<T> = (draft: Draft<T>) => T | Draft<T> | void;

// Immer's own signature infers the draft's type in ways that a generic T cannot follow.
const { produce } = new Immer({ autoFreeze: false }) as unknown as {
  produce<T>(base: T, recipe: (draft: Draft<T>) => unknown): T;
};
// Immer's plugins count for the whole process: Map and Set in drafts, and array methods that draft no element they only move.
enableMapSet();
enableArrayMethods();

/** The value after `recipe`; throws what it throws, and SyncError `invalid` for an asynchronous one. */
export function produceNext<T>(base: T, recipe: Recipe<T>): T {
  return produce(base, (draft) => {
    const result: unknown = recipe(draft);
    if (!isThenable(result)) return result;
    // It ends with its draft revoked, and that failure is ours to swallow: the caller gets this error.
    result.then(undefined, () => {});
    throw new SyncError("invalid", "A recipe must not be asynchronous: wait first, then update.");
  });
}
