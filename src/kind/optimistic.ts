/**
 * A replica with this client's own calls on top: what the server logged, and above it the calls that it has not answered yet, run again
 * whenever something came beneath them.
 *
 * The entry is `[what it does, id]`, with the id of the call that it came of.
 * Always: what is confirmed is the server's; a call is shown until its entry comes, or it is settled, and never beside its entry; one
 * that no longer runs on what came beneath it is not shown, and stays until it is answered.
 * Rules: docs/protocol/store.md STORE1-STORE11, docs/protocol/kinds.md KIND8-KIND15.
 */
import { SyncError } from "../core/errors.ts";
import type { Replica, Snapshot } from "./kind.ts";

/** What became of a call, and which it was. */
export type NamedEntry<Entry> = readonly [entry: Entry, id: string];

/** Read anew for each run. */
export interface CallContext {
  readonly user: unknown;
  readonly nowMs: number;
}

/** A call that was made elsewhere. */
export interface AdoptedCall<Call, Context = CallContext> {
  readonly call: Call;
  readonly context: Context;
  /** The server's state may have it already: it is not shown beside its entry. */
  isIn(): boolean;
}

export interface OptimisticReplica<State, Call, Entry, Context = CallContext> extends Replica<State, NamedEntry<Entry>> {
  /** What the server logged. */
  readonly confirmed: State | undefined;
  readonly pending: number;
  /** How often a state took the place of the one before: what is in it is not told. */
  readonly snapshots: number;
  /** Shows the call at once; throws the SyncError that it is rejected with here, and then nothing of it stays. */
  propose(call: Call, context: Context, isIn?: () => boolean): void;
  /** Shows calls that were made before all that were proposed, where they run. */
  adopt(calls: readonly AdoptedCall<Call, Context>[]): void;
  /** It was answered, or given up. */
  settle(id: string): void;
}

/** What a kind makes of calls and entries. */
export interface OptimisticKind<State, Call, Entry, Context> {
  readonly initial: State;
  idOf(call: Call): string;
  /** The state with the call on top. */
  run(state: State, call: Call, context: Context): State;
  evolve(state: State, entry: Entry): State;
  /** Default: a snapshot is the state. */
  snapshot?(state: State): Snapshot;
  restore?(snapshot: Snapshot): State;
}

/** Ids of entries that are remembered: a call of an earlier page may be adopted after its entry came. */
const maxRecent = 1000;

const isNotIn = (): boolean => false;
const asItIs = (value: unknown): unknown => value;

export function createOptimisticReplica<State, Call, Entry, Context = CallContext>({
  initial,
  idOf,
  run,
  evolve,
  snapshot = asItIs,
  restore = asItIs as (snapshot: Snapshot) => State,
}: OptimisticKind<State, Call, Entry, Context>): OptimisticReplica<State, Call, Entry, Context> {
  let confirmed: State | undefined;
  let shown: State | undefined;
  let isStale = false;
  let snapshots = 0;
  /** Each in the order in which they were made; what was adopted comes first. */
  const adopted = new Map<string, AdoptedCall<Call, Context>>();
  const proposed = new Map<string, AdoptedCall<Call, Context>>();

  const show = (): State | undefined => {
    if (!isStale) return shown;
    isStale = false;
    shown = confirmed;
    for (const { call, context, isIn } of [...adopted.values(), ...proposed.values()]) {
      if (isIn()) continue;
      try {
        shown = run(shown ?? initial, call, context);
      } catch {
        // It no longer runs here; the server will say what becomes of it.
      }
    }
    return shown;
  };

  const recent = new Set<string>();

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
      const next = run(show() ?? initial, call, context);
      proposed.set(idOf(call), { call, context, isIn });
      shown = next;
    },
    adopt(calls) {
      for (const each of calls) if (!recent.has(idOf(each.call))) adopted.set(idOf(each.call), each);
      isStale = true;
    },
    settle(id) {
      if (drop(id)) isStale = true;
    },
    apply(named) {
      const [entry, id] = Array.isArray(named) ? named : [];
      if (entry === undefined || typeof id !== "string") throw new SyncError("invalid", "Not an entry with the id of a call");
      confirmed = evolve(confirmed ?? initial, entry);
      drop(id);
      isStale = true;
      recent.add(id);
      if (recent.size <= maxRecent) return;
      const [oldest] = recent;
      recent.delete(oldest as string);
    },
    restore(whole, isOlder) {
      confirmed = restore(whole);
      if (!isOlder) snapshots++;
      isStale = true;
    },
    snapshot: () => (confirmed === undefined ? undefined : snapshot(confirmed)),
    clear() {
      confirmed = undefined;
      isStale = true;
    },
  };
}
