/**
 * An application's own kind as it is shared: its operations and entries with an id each, so that a client knows which entry came of
 * which of its own operations.
 *
 *     op     [op id]       the id is drawn by whoever sends it, 16 to 32 hexadecimal digits
 *     entry  [entry id]
 *
 * Always: the kind's functions get what they would get without a network between them.
 * Rules: docs/protocol/kinds.md KIND8-KIND18.
 */
import { SyncError } from "../core/errors.ts";
import { type Fold, type FoldHooks, rulesOf } from "./fold.ts";
import type { Authority, WriteContext } from "./kind.ts";
import { isCallId } from "./mutation.ts";
import { createOptimisticReplica, type NamedEntry, type OptimisticReplica } from "./optimistic.ts";

export type OwnOp<Op = unknown> = readonly [op: Op, id: string];

/** Throws SyncError `invalid` for what is no operation. */
export function readOwnOp(named: unknown): OwnOp {
  const [op, id] = Array.isArray(named) && named.length === 2 ? (named as unknown[]) : [];
  if (isCallId(id)) return [op, id];
  throw new SyncError("invalid", "A topic of an own kind takes [op id].");
}

/** The server's half. */
export function createOwnAuthority<State, Op, Entry, Given>(
  kind: Fold<State, Op, Entry, Given>,
  hooks?: FoldHooks<State, Op, Entry>,
): Authority<unknown, NamedEntry<Entry>> & { readonly value: State } {
  const authority = kind.authority(hooks);
  return {
    get value() {
      return authority.value;
    },
    decide(named, context) {
      const [op, id] = readOwnOp(named);
      const entry = authority.decide(op as Given, context);
      return entry === undefined ? undefined : [entry, id];
    },
    apply: ([entry]) => authority.apply(entry),
    snapshot: authority.snapshot,
    load: authority.load,
  };
}

/** The client's half: its operations, as the kind's functions get them, are on top as `predict` has them. */
export type OwnReplica<State, Op, Entry> = OptimisticReplica<State, OwnOp<Op>, Entry, WriteContext>;

export function createOwnReplica<State, Op, Entry, Given>({
  options,
}: Fold<State, Op, Entry, Given>): OwnReplica<State, Op, Entry> {
  const { predict, ...rules } = rulesOf(options);
  return createOptimisticReplica<State, OwnOp<Op>, Entry, WriteContext>({
    ...rules,
    idOf: ([, id]) => id,
    run(state, [op], context) {
      const entry = predict(state, op, context);
      return entry === undefined ? state : rules.evolve(state, entry);
    },
  });
}
