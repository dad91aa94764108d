/**
 * A kind gives a topic meaning. It has two halves over one type of entry: the server's authority decides
 * what an operation becomes, and both fold entries into state. No half knows the network, the clock or the other half.
 *
 * Always: `apply` with the same entries gives the same state on every side; a rejected operation leaves no trace;
 * values handed out are immutable and share structure: what an entry did not touch stays `===`.
 * Rules: docs/protocol/kinds.md KIND1-KIND7 and src/testing/contracts/kind.ts.
 */

import type { Paths } from "./paths.ts";

/** What `decide` may know of a write. */
export interface WriteContext {
  /** Public id of the writer's replica, never a session or a connection; `null`: the server itself. */
  readonly replica: string | null;
  readonly user: unknown;
  readonly nowMs: number;
  /** What it may change; absent: all of it. */
  readonly paths?: Paths | undefined;
}

/** The state at one offset as a wire value; `undefined`: this kind has none, a late joiner gets the tail. */
export type Snapshot = unknown;

export interface Authority<Op, Entry> {
  /** The entry that `op` becomes, or nothing; throws SyncError to reject. Must not change state. */
  decide(op: Op, context: WriteContext): Entry | undefined;
  apply(entry: Entry): void;
  snapshot(): Snapshot;
  load(snapshot: Snapshot): void;
}

export interface Replica<Value, Entry> {
  readonly value: Value | undefined;
  /**
   * `offset` is the entry's own; most kinds ignore it.
   * Throws SyncError `invalid` for an entry that breaks a guard, and leaves the state as it was.
   */
  apply(entry: Entry, offset: number): void;
  /** `isOlder`: as this device had it, perhaps from before writes that are not answered yet. */
  restore(snapshot: Snapshot, isOlder?: boolean): void;
  /** What `restore` takes: the state without what is pending. Without it, nothing is kept on a device. */
  snapshot?(): Snapshot;
  /** Forgets everything: the topic ended or its grant was taken back. */
  clear(): void;
}

/** What a reader who cannot be given every entry gets instead. */
export type CatchUp = "snapshot" | "gap";
