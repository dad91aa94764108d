/**
 * A kind from pure functions: `decide` makes an entry of an operation, `evolve` folds entries into state.
 *
 * Always: both halves fold by the same `evolve`, so equal entries give equal states; an entry that `evolve` throws on is refused as
 * SyncError `invalid`, and the state stays as it was; what `decide` answers can be applied.
 * Rules: docs/protocol/kinds.md FOLD1-FOLD9.
 */
import { isSyncError, SyncError } from "../core/errors.ts";
import { type Schema, validate } from "../core/schema.ts";
import type { Authority, Replica, Snapshot, WriteContext } from "./kind.ts";
import { isThenable } from "./thenable.ts";

export interface FoldOptions<State, Op, Entry, Given = Op> {
  /** The state at offset 0; not undefined. */
  readonly initial: State;
  /** The entry that `op` becomes, or nothing; throws SyncError to reject. Pure. */
  decide(state: State, op: Op, context: WriteContext): Entry | undefined;
  /** The next state; returns a new value and leaves `state` and `entry` as they are. Pure. */
  evolve(state: State, entry: Entry): State;
  /**
   * What a client takes for the entry until the server's own is there; nothing: it shows nothing of the operation, and asks. Throws
   * SyncError to reject it here already. Default: `decide`.
   */
  predict?(state: State, op: Op, context: WriteContext): Entry | undefined;
  /** Of operations: what it gives is what `decide` and `predict` get. */
  readonly op?: Schema<Given, Op>;
  /** Of the state that an entry leads to; it is checked, not changed. */
  readonly schema?: Schema<never, unknown> | Schema;
  /** The state as a value that can be sent and stored, and back. Default: it is one. */
  snapshot?(state: State): Snapshot;
  restore?(snapshot: Snapshot): State;
}

/** An operation that was decided, and what it leads to. */
export interface Decided<State, Op, Entry> {
  readonly op: Op;
  readonly entry: Entry;
  readonly before: State;
  readonly state: State;
  readonly user: unknown;
}

/** What the one who runs an authority adds. */
export interface FoldHooks<State, Op, Entry> {
  /** The entry as everybody will have it. Throws SyncError `invalid` for one that cannot travel. */
  readonly carry?: (entry: Entry) => Entry;
  /** Throws to reject what was decided. */
  readonly check?: (decided: Decided<State, Op, Entry>) => void;
}

export interface FoldAuthority<State, Given, Entry> extends Authority<Given, Entry> {
  readonly value: State;
}

/** Makes any number of authorities and replicas of one kind. */
export interface Fold<State, Op, Entry, Given = Op> {
  readonly options: FoldOptions<State, Op, Entry, Given>;
  authority(hooks?: FoldHooks<State, Op, Entry>): FoldAuthority<State, Given, Entry>;
  replica(): Replica<State, Entry>;
}

export function fold<State, Op, Entry, Given = Op>(options: FoldOptions<State, Op, Entry, Given>): Fold<State, Op, Entry, Given> {
  const { initial, read, decide, evolve, checkState, snapshot, restore } = rulesOf(options);
  return {
    options,
    authority({ carry = (entry: Entry) => entry, check } = {}) {
      let state = initial;
      /** What the newest decided entry leads to: it need not be computed again. */
      let ahead: { readonly entry: Entry; readonly from: State; readonly to: State } | undefined;
      let saved: { readonly state: State; readonly snapshot: Snapshot } | undefined;
      return {
        get value() {
          return state;
        },
        decide(given, context) {
          const op = read(given);
          const made = decide(state, op, context);
          if (made === undefined) return undefined;
          const entry = carry(made);
          const next = evolve(state, entry);
          checkState(next);
          const decided = { op, entry, before: state, state: next, user: context.user };
          if (check) asInvalid(() => check(decided), "What was decided is not valid.");
          // A state that cannot be kept is none.
          if (options.snapshot) saved = { state: next, snapshot: snapshot(next) };
          ahead = { entry, from: state, to: next };
          return entry;
        },
        apply(entry) {
          state = ahead?.entry === entry && ahead.from === state ? ahead.to : evolve(state, entry);
          ahead = undefined;
        },
        snapshot() {
          if (saved?.state !== state) saved = { state, snapshot: snapshot(state) };
          return saved.snapshot;
        },
        load(whole) {
          ahead = undefined;
          state = whole === undefined ? initial : restore(whole);
        },
      };
    },
    replica() {
      let state = initial;
      let known = false;
      return {
        get value() {
          return known ? state : undefined;
        },
        apply(entry) {
          state = evolve(state, entry);
          known = true;
        },
        restore(whole) {
          state = restore(whole);
          known = true;
        },
        clear() {
          state = initial;
          known = false;
        },
      };
    },
  };
}

/** A kind's functions: what they throw by mistake comes out as SyncError `invalid`. */
export interface Rules<State, Op, Entry> {
  readonly initial: State;
  /** The operation as the functions get it. */
  read(given: unknown): Op;
  decide(state: State, op: Op, context: WriteContext): Entry | undefined;
  predict(state: State, op: Op, context: WriteContext): Entry | undefined;
  evolve(state: State, entry: Entry): State;
  checkState(state: State): void;
  snapshot(state: State): Snapshot;
  restore(snapshot: Snapshot): State;
}

export function rulesOf<State, Op, Entry, Given>(options: FoldOptions<State, Op, Entry, Given>): Rules<State, Op, Entry> {
  const { initial, op: ofOps, schema } = options;
  const deciding = (run: () => Entry | undefined): Entry | undefined =>
    asInvalid(() => notLater(run()), "The kind failed to decide this operation.");
  const folding = (run: () => State): State => {
    try {
      const state = notLater(run());
      if (state === undefined)
        throw new SyncError("invalid", "A kind's state is never undefined; null can say that there is none.");
      return state;
    } catch (cause) {
      throw isSyncError(cause, "invalid") ? cause : new SyncError("invalid", "The kind cannot apply this.", { cause });
    }
  };
  const decide: Rules<State, Op, Entry>["decide"] = (state, op, context) => deciding(() => options.decide(state, op, context));
  return {
    initial,
    read: (given) => (ofOps ? validate(ofOps, given, "The operation") : given) as Op,
    decide,
    predict: options.predict ? (state, op, context) => deciding(() => options.predict?.(state, op, context)) : decide,
    evolve: (state, entry) => folding(() => options.evolve(state, entry)),
    checkState(state) {
      if (schema) validate(schema, state, "The state");
    },
    snapshot: (state) => (options.snapshot ? asInvalid(() => options.snapshot?.(state), "The state has no snapshot.") : state),
    restore: (whole) => folding(() => (options.restore ? options.restore(whole) : (whole as State))),
  };
}

/** What is thrown that is no SyncError becomes one. */
function asInvalid<T>(run: () => T, message: string): T {
  try {
    return run();
  } catch (cause) {
    throw isSyncError(cause) ? cause : new SyncError("invalid", message, { cause });
  }
}

/** Throws SyncError `invalid` for what is there later only. */
function notLater<T>(value: T): T {
  if (!isThenable(value)) return value;
  value.then(undefined, () => {});
  throw new SyncError("invalid", "A kind's functions must not be asynchronous.");
}
