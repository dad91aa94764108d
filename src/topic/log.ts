/**
 * Where a topic's entries live: the same interface in memory, on disk and in a cluster.
 *
 * Always: offsets count from 1 and grow by 1 within an epoch; a record once stored is never changed;
 * `onRecords` tells records in order, each once, including this opener's own, and only those that are as durable as
 * the topic was opened for; what was answered with anything but `stored` is not in the log and never will be.
 * Rules: docs/protocol/storage.md LOG1-LOG16 and src/testing/contracts/log.ts.
 */
import type { Env } from "../core/env.ts";
import type { SyncError } from "../core/errors.ts";

/** The last entry applied; offset 0 is the state before the first entry. */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/**
 * `strict`: stored means synced to disk, and readers see nothing else. `relaxed`: answered at once and synced within a declared
 * window; after a stop that was not clean the topic's epoch changes. `memory`: gone with the process.
 */
export type Durability = "memory" | "relaxed" | "strict";

/** One entry as it is kept: EDN bytes, whatever the packers of the readers. */
export interface LogRecord {
  readonly entry: Uint8Array;
  /** Server wall clock when it was decided, ms. */
  readonly atMs: number;
  /** Whose write it is, as bytes that the log does not look into: kept with the entry, in one piece. */
  readonly origin?: Uint8Array | undefined;
}

/** A state at an offset, as bytes that the log does not look into. */
export interface StoredSnapshot {
  readonly offset: number;
  readonly state: Uint8Array;
}

/** What a log keeps at most; older records are trimmed first. A durable log keeps those after its snapshot whatever this says. */
export interface Retention {
  /** Default 1 024. */
  readonly maxEntries: number;
  /** Default 1 MiB. */
  readonly maxBytes: number;
  /** Default: for ever. */
  readonly maxAgeMs: number;
}

export const defaultRetention: Retention = { maxEntries: 1024, maxBytes: 1024 * 1024, maxAgeMs: Number.POSITIVE_INFINITY };

export interface LogOptions {
  readonly retention: Retention;
  readonly durability: Durability;
}

/**
 * `conflict`: `expect` is not where the log stands; read, decide again, append again. `read-only`: the disk fails, `fault` says how;
 * it is told only once it is certain that the records will not turn up later.
 */
export type AppendResult = "stored" | "conflict" | "fenced" | "read-only";

export interface OpenLog {
  /** The last record that may be told: under `strict`, the last one synced. */
  readonly position: Position;
  /** Offset of the last record that was appended, stored or on its way: what the next append has to expect. */
  readonly decided: number;
  /** Offset of the oldest record kept; position.offset + 1 when none is. */
  readonly first: number;
  readonly durability: Durability;
  /** Bytes of the entries that it holds in memory, where that is all that there is of them. */
  readonly heldBytes?: number;
  /** Why nothing can be appended now. It goes away by itself, when the disk is well again. */
  readonly fault: SyncError | undefined;
  /** All or nothing. A log that needs no waiting answers at once, not in a promise. */
  append(records: readonly LogRecord[], expect: Position): AppendResult | Promise<AppendResult>;
  /** Records from offset `from` on, up to `position`: at most `maxEntries`, and at least one if there is one. */
  read(from: number, limit: { maxEntries: number; maxBytes: number }): LogRecord[] | Promise<LogRecord[]>;
  /** Calls `listener` with the first offset and the records, after they are readable and before their append is answered. */
  onRecords(listener: (first: number, records: readonly LogRecord[]) => void): () => void;
  loadSnapshot(): StoredSnapshot | undefined | Promise<StoredSnapshot | undefined>;
  /** Stored behind all that was appended before. Its offset is at most `decided`; an older one than is kept changes nothing. */
  saveSnapshot(snapshot: StoredSnapshot): void | Promise<void>;
  /** Forgets records before offset `before`. */
  trim(before: number): void | Promise<void>;
  close(): void | Promise<void>;
}

/** One topic's part of an append to several. */
export interface AppendPart {
  readonly log: OpenLog;
  readonly records: readonly LogRecord[];
  readonly expect: Position;
}

export interface Log {
  /** `durability`: the strongest that it has. */
  readonly features: { readonly atomicTopics: boolean; readonly durability: Durability };
  open(topic: string, options: LogOptions): OpenLog | Promise<OpenLog>;
  /** All parts or none; only where `atomicTopics`. The parts are of different topics of this log. */
  appendAll?(parts: readonly AppendPart[]): AppendResult | Promise<AppendResult>;
  /** The topic's records and epoch are gone; the next `open` starts a new epoch. */
  delete(topic: string): void | Promise<void>;
  /** Names of the topics that have something stored, in order. */
  list(prefix: string): string[] | Promise<string[]>;
  /** A small value of the server's own, stored when the promise resolves: a secret, a mark. */
  keep(key: string, value: Uint8Array): void | Promise<void>;
  kept(key: string): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Stores what is on its way, and marks the stop as clean. */
  close(): void | Promise<void>;
}

/** What a server gives its storage: the world, and where damage is reported, by topic where it is one topic's. */
export interface StorageHost {
  readonly env: Env;
  report(error: unknown, where: string): void;
}

/** Where a server's durable topics live: what `createServer({ storage })` takes. */
export interface Storage {
  readonly name: string;
  /** Opens it, and repairs what a crash left. Throws SyncError. */
  open(host: StorageHost): Promise<Log>;
}
