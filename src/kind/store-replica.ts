/**
 * The client's half of `store`: what the server logged, and on top of it the calls that it has not answered yet, run again whenever
 * something came beneath them.
 *
 * Always: what is confirmed is the server's; a call is shown until its entry comes, or it is settled, and never beside its entry; one
 * that no longer runs on what came beneath it is not shown, and stays until it is answered.
 * Rules: docs/protocol/store.md STORE1-STORE9.
 */
import type { Mutation } from "../core/definitions.ts";
import { SyncError } from "../core/errors.ts";
import { draftNext } from "./draft.ts";
import type { Replica } from "./kind.ts";
import { type Call, runMutation, type StoreEntry } from "./mutation.ts";
import { applyPatch, type Steps } from "./patch.ts";

export interface StoreReplica<State> extends Replica<State, StoreEntry> {
  /** What the server logged. */
  readonly confirmed: State | undefined;
  readonly pending: number;
  /** Shows the call at once; throws the SyncError that it is rejected with here, and then nothing of it stays. */
  propose(call: Call, context: { readonly user: unknown; readonly nowMs: number }): void;
  /** It was answered, or given up. */
  settle(id: string): void;
}

export function createStoreReplica<State>(initial: State, mutations: ReadonlyMap<string, Mutation<State>>): StoreReplica<State> {
  let confirmed: State | undefined;
  let shown: State | undefined;
  let isStale = false;
  const pending = new Map<string, { readonly call: Call; readonly user: unknown; readonly nowMs: number }>();

  const show = (): State | undefined => {
    if (!isStale) return shown;
    isStale = false;
    shown = confirmed;
    if (!pending.size) return shown;
    for (const { call, ...context } of pending.values()) {
      try {
        shown = runMutation(mutations, draftNext, shown ?? initial, call, context);
      } catch {
        // It no longer runs here; the server will say what becomes of it.
      }
    }
    return shown;
  };

  return {
    get value() {
      return show();
    },
    get confirmed() {
      return confirmed;
    },
    get pending() {
      return pending.size;
    },
    propose(call, context) {
      const next = runMutation(mutations, draftNext, show() ?? initial, call, context);
      pending.set(call[2], { call, ...context });
      shown = next;
    },
    settle(id) {
      if (pending.delete(id)) isStale = true;
    },
    apply(entry) {
      const [steps, id] = Array.isArray(entry) ? entry : [];
      if (!Array.isArray(steps) || typeof id !== "string") throw new SyncError("invalid", "Not a store entry");
      confirmed = applyPatch(confirmed ?? initial, steps as Steps);
      pending.delete(id);
      isStale = true;
    },
    restore(snapshot) {
      confirmed = snapshot as State;
      isStale = true;
    },
    clear() {
      confirmed = undefined;
      isStale = true;
    },
  };
}
