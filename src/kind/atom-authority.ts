/**
 * The server's half of `atom`: a value that only the server changes.
 *
 * It is used in one of two ways:
 *   - `update` and `set` change `value` at once, and `take` later answers the one entry for all of them. What it answered
 *     is applied already: log it, and do not `apply` it;
 *   - `decide` answers an entry and changes nothing, and `apply` of that entry makes it so, as for every kind.
 * An entry brings the logged value to the one shown, so what `decide` answers includes what was not taken yet, and
 * `apply` leaves nothing to take. `snapshot` is the logged value, the one at the topic's offset, never one ahead of it.
 *
 * Always: a recipe that throws, or one that is asynchronous, leaves no trace.
 * Rules: docs/protocol/kinds.md ATOM1-ATOM12.
 */
import { SyncError } from "../core/errors.ts";
import { createGather } from "./coalesce.ts";
import type { Authority } from "./kind.ts";
import type { Steps } from "./patch.ts";
import { applyPatch } from "./patch.ts";
import type { Recipe } from "./produce.ts";
import { produceNext } from "./produce.ts";

export type AtomOp<T> = { readonly type: "update"; readonly recipe: Recipe<T> } | { readonly type: "set"; readonly value: T };

export interface AtomOptions<T> {
  /** Not undefined: that is what a replica holds that knows nothing yet. */
  readonly initial: T;
  /** `patches` (default): an entry is what changed. `value`: every entry is the whole value. */
  readonly mode?: "patches" | "value";
}

export interface AtomAuthority<T> extends Authority<AtomOp<T>, Steps> {
  /** With every update, logged or not. */
  readonly value: T;
  /** Throws what the recipe throws. */
  update(recipe: Recipe<T>): void;
  set(value: T): void;
  /**
   * What to log for the updates since the last take; undefined where they left the value as it was. If `accept`
   * (a packer, say) throws on the steps, the updates are undone and the error goes on to the caller.
   */
  take(accept?: (steps: Steps) => void): Steps | undefined;
}

export function createAtomAuthority<T>({ initial, mode = "patches" }: AtomOptions<T>): AtomAuthority<T> {
  const gather = createGather(defined(initial), mode === "value");
  let running = false;

  const after = (op: AtomOp<T>): T => {
    // The outer recipe's result would silently undo the inner update.
    if (running) throw new SyncError("invalid", "Update the draft, not the atom, inside a recipe.");
    if (op.type === "set") return defined(op.value);
    running = true;
    try {
      return defined(produceNext(gather.shown, op.recipe));
    } finally {
      running = false;
    }
  };

  return {
    get value() {
      return gather.shown;
    },
    update: (recipe) => gather.show(after({ type: "update", recipe })),
    set: (value) => gather.show(after({ type: "set", value })),
    take: (accept) => gather.take(accept),
    decide: (op) => gather.steps(after(op)),
    apply: (steps) => gather.settle(applyPatch(gather.logged, steps)),
    snapshot: () => gather.logged,
    load: (snapshot) => gather.settle(snapshot as T),
  };
}

function defined<T>(value: T): T {
  if (value === undefined) throw new SyncError("invalid", "An atom's value is never undefined; null can say that there is none.");
  return value;
}
