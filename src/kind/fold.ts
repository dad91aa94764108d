/**
 * A kind from two pure functions: `decide` makes an entry of an operation, `evolve` folds entries into state.
 *
 * Always: both halves fold by the same `evolve`, so equal entries give equal states; an entry that `evolve`
 * throws on is refused as SyncError `invalid`, and the state stays as it was.
 * Rules: docs/protocol/kinds.md FOLD1-FOLD5.
 */
import { isSyncError, SyncError } from "../core/errors.ts";
import type { Authority, Replica, WriteContext } from "./kind.ts";

export interface FoldOptions<State, Op, Entry> {
  /** The state at offset 0. */
  readonly initial: State;
  /** The entry that `op` becomes, or nothing; throws SyncError to reject. Pure. */
  decide(state: State, op: Op, context: WriteContext): Entry | undefined;
  /** The next state; returns a new value and leaves `state` and `entry` as they are. Pure. */
  evolve(state: State, entry: Entry): State;
}

export interface Fold<State, Op, Entry> {
  authority(): Authority<Op, Entry>;
  replica(): Replica<State, Entry>;
}

/** Makes any number of authorities and replicas of one kind. */
export function fold<State, Op, Entry>(options: FoldOptions<State, Op, Entry>): Fold<State, Op, Entry> {
  const evolve = (state: State, entry: Entry): State => {
    try {
      return options.evolve(state, entry);
    } catch (cause) {
      throw isSyncError(cause, "invalid") ? cause : new SyncError("invalid", "The kind cannot apply this entry.", { cause });
    }
  };
  return {
    authority() {
      let state = options.initial;
      return {
        decide: (op, context) => options.decide(state, op, context),
        apply(entry) {
          state = evolve(state, entry);
        },
        snapshot: () => state,
        load(snapshot) {
          state = snapshot as State;
        },
      };
    },
    replica() {
      let state = options.initial;
      let known = false;
      return {
        get value() {
          return known ? state : undefined;
        },
        apply(entry) {
          state = evolve(state, entry);
          known = true;
        },
        restore(snapshot) {
          state = snapshot as State;
          known = true;
        },
        clear() {
          state = options.initial;
          known = false;
        },
      };
    },
  };
}
