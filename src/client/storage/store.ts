/**
 * Where an outbox lives: records of rows, each record in the hands of one living client at most; and records that nobody has for himself,
 * which all may change by comparing.
 *
 * Always: a save is on the disk, all of it, when it resolves; a record that somebody alive has is never given to another;
 * one whose owner died is given to the first who asks.
 * Rules: docs/protocol/writes.md KEEP1-KEEP8 and src/testing/contracts/outbox.ts.
 */
import type { Env } from "../../core/env.ts";

export type Row = readonly [key: string, value: string];
/** Null deletes the row. */
export type RowChange = readonly [key: string, value: string | null];

export interface OutboxRecord {
  /** In no particular order. */
  load(): Promise<Row[]>;
  /** All or nothing. Rejects with SyncError `closed` where somebody else has the record now, and then changes nothing. */
  save(changes: readonly RowChange[]): Promise<void>;
  /** Others may have it now. Safe twice. */
  release(): Promise<void>;
  /** Deletes it, and gives it up. */
  remove(): Promise<void>;
}

export interface OpenOutboxStore {
  /** Ids of the records that hold something and whose ids begin with `prefix`. Ids are of letters, digits and dashes. */
  list(prefix: string): Promise<string[]>;
  /** The record, which may be new; nothing where somebody alive has it. */
  claim(id: string): Promise<OutboxRecord | undefined>;
  /** The rows of a record, whoever has it; with `key` that one alone. */
  read(id: string, key?: string): Promise<Row[]>;
  /**
   * Of a record that nobody claims: where row `key` is `value` now (null: is not there), saves all of the changes. False: it is not, and
   * nothing has changed.
   */
  swap(id: string, key: string, value: string | null, changes: readonly RowChange[]): Promise<boolean>;
  /** What was claimed is released. */
  close(): Promise<void>;
}

export interface OutboxStore {
  readonly name: string;
  open(env: Env): Promise<OpenOutboxStore>;
}
