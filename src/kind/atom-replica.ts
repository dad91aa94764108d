/**
 * The browser's half of every kind whose entries are patches: a value, folded with the guarded applier. No immer here.
 *
 * Always: `value` is undefined until the first snapshot, or the first entry that assigns the whole value.
 * Rules: docs/protocol/kinds.md ATOM1, PATCH1-PATCH9.
 */
import type { Replica } from "./kind.ts";
import type { Steps } from "./patch.ts";
import { applyPatch } from "./patch.ts";

export function createAtomReplica<T>(): Replica<T, Steps> {
  let value: T | undefined;
  return {
    get value() {
      return value;
    },
    apply(steps) {
      value = applyPatch(value, steps);
    },
    restore(snapshot) {
      value = snapshot as T;
    },
    snapshot: () => value,
    clear() {
      value = undefined;
    },
  };
}
