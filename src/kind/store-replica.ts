/**
 * The client's half of `store`: what the server logged, and on top of it the calls that it has not answered yet, run again whenever
 * something came beneath them.
 *
 * Always: what is confirmed is the server's; a call is shown until its entry comes, or it is settled, and never beside its entry; one
 * that no longer runs on what came beneath it is not shown, and stays until it is answered.
 * Rules: docs/protocol/store.md STORE1-STORE11.
 */
import type { Mutation } from "../core/definitions.ts";
import { SyncError } from "../core/errors.ts";
import { draftNext } from "./draft.ts";
import type { Replica } from "./kind.ts";
import { type Call, runCall, type StoreEntry } from "./mutation.ts";
import { applyPatch, type Steps } from "./patch.ts";

/** Read anew for each run. */
export interface CallContext {
  readonly user: unknown;
  readonly nowMs: number;
}

/** A call that was made elsewhere. */
export interface AdoptedCall {
  readonly call: Call;
  readonly context: CallContext;
  /** The server's state may have it already: it is not shown beside its entry. */
  isIn(): boolean;
}

export interface StoreReplica<State> extends Replica<State, StoreEntry> {
  /** What the server logged. */
  readonly confirmed: State | undefined;
  readonly pending: number;
  /** How often a state took the place of the one before: what is in it is not told. */
  readonly snapshots: number;
  /** Shows the call at once; throws the SyncError that it is rejected with here, and then nothing of it stays. */
  propose(call: Call, context: CallContext, isIn?: () => boolean): void;
  /** Shows calls that were made before all that were proposed, where they run. */
  adopt(calls: readonly AdoptedCall[]): void;
  /** It was answered, or given up. */
  settle(id: string): void;
}

const isNotIn = (): boolean => false;

export function createStoreReplica<State>(initial: State, mutations: ReadonlyMap<string, Mutation<State>>): StoreReplica<State> {
  let confirmed: State | undefined;
  let shown: State | undefined;
  let isStale = false;
  let snapshots = 0;
  /** Each in the order in which they were made; what was adopted comes first. */
  const adopted = new Map<string, AdoptedCall>();
  const proposed = new Map<string, AdoptedCall>();

  const show = (): State | undefined => {
    if (!isStale) return shown;
    isStale = false;
    shown = confirmed;
    for (const { call, context, isIn } of [...adopted.values(), ...proposed.values()]) {
      if (isIn()) continue;
      try {
        shown = runCall(mutations, draftNext, shown ?? initial, call, context);
      } catch {
        // It no longer runs here; the server will say what becomes of it.
      }
    }
    return shown;
  };

  const drop = (id: string): boolean => adopted.delete(id) || proposed.delete(id);

  return {
    get value() {
      return show();
    },
    get confirmed() {
      return confirmed;
    },
    get pending() {
      return adopted.size + proposed.size;
    },
    get snapshots() {
      return snapshots;
    },
    propose(call, context, isIn = isNotIn) {
      const next = runCall(mutations, draftNext, show() ?? initial, call, context);
      proposed.set(call[2], { call, context, isIn });
      shown = next;
    },
    adopt(calls) {
      for (const each of calls) adopted.set(each.call[2], each);
      isStale = true;
    },
    settle(id) {
      if (drop(id)) isStale = true;
    },
    apply(entry) {
      const [steps, id] = Array.isArray(entry) ? entry : [];
      if (!Array.isArray(steps) || typeof id !== "string") throw new SyncError("invalid", "Not a store entry");
      confirmed = applyPatch(confirmed ?? initial, steps as Steps);
      drop(id);
      isStale = true;
    },
    restore(snapshot) {
      snapshots++;
      confirmed = snapshot as State;
      isStale = true;
    },
    clear() {
      confirmed = undefined;
      isStale = true;
    },
  };
}
