/**
 * Where a topic's entries live: the same interface in memory, on disk and in a cluster.
 *
 * Always: offsets count from 1 and grow by 1 within an epoch; a record once stored is never changed;
 * `onRecords` tells records in order, each once, including this opener's own.
 * Rules: docs/protocol.md LOG1-LOG8 and test/contracts/log.ts.
 */

/** The last entry applied; offset 0 is the state before the first entry. */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

export type Durability = "memory" | "relaxed" | "strict";

/** One entry as it is kept: EDN bytes, whatever the packers of the readers. */
export interface LogRecord {
  readonly entry: Uint8Array;
  /** Server wall clock when it was decided, ms. */
  readonly atMs: number;
}

/** A state at an offset, as EDN bytes. */
export interface StoredSnapshot {
  readonly offset: number;
  readonly state: Uint8Array;
}

/** What a log keeps at most; older records are trimmed first. */
export interface Retention {
  /** Default 1 024. */
  readonly maxEntries: number;
  /** Default 1 MiB. */
  readonly maxBytes: number;
  /** Default: for ever. */
  readonly maxAgeMs: number;
}

export const defaultRetention: Retention = { maxEntries: 1024, maxBytes: 1024 * 1024, maxAgeMs: Number.POSITIVE_INFINITY };

/** `conflict`: `expect` is not where the log stands; read, decide again, append again. */
export type AppendResult = "stored" | "conflict" | "fenced" | "read-only";

export interface OpenLog {
  readonly position: Position;
  /** Offset of the oldest record kept; position.offset + 1 when none is. */
  readonly first: number;
  readonly durability: Durability;
  /** All or nothing. A log that needs no waiting answers at once, not in a promise. */
  append(records: readonly LogRecord[], expect: Position): AppendResult | Promise<AppendResult>;
  /** Records from offset `from` on: at most `maxEntries`, and at least one if there is one. */
  read(from: number, limit: { maxEntries: number; maxBytes: number }): LogRecord[] | Promise<LogRecord[]>;
  /** Calls `listener` with the first offset and the records, after they are readable. */
  onRecords(listener: (first: number, records: readonly LogRecord[]) => void): () => void;
  loadSnapshot(): StoredSnapshot | undefined | Promise<StoredSnapshot | undefined>;
  saveSnapshot(snapshot: StoredSnapshot): void | Promise<void>;
  /** Forgets records before offset `before`. */
  trim(before: number): void | Promise<void>;
  close(): void | Promise<void>;
}

export interface Log {
  readonly features: { readonly atomicTopics: boolean; readonly durability: Durability };
  open(topic: string, retention: Retention): OpenLog | Promise<OpenLog>;
  /** The topic's records and epoch are gone; the next `open` starts a new epoch. */
  delete(topic: string): void | Promise<void>;
}
