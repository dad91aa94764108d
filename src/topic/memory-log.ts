/**
 * The log in memory: what atoms and ephemeral channels live on. It answers at once, keeps what its retention
 * allows, and starts a new epoch whenever a topic is opened anew, so a restart is never mistaken for a resume.
 *
 * Always: as log.ts says; the records kept are the newest, and at least one once there was one.
 * Rules: docs/protocol/storage.md LOG1-LOG16.
 */
import { type Env, randomHex } from "../core/env.ts";
import type { AppendPart, AppendResult, Log, LogRecord, OpenLog, Position, Retention, StoredSnapshot } from "./log.ts";

/** A log for one server's life. */
export function createMemoryLog(env: Env): Log {
  const topics = new Map<string, MemoryTopic>();
  const values = new Map<string, Uint8Array>();
  return {
    features: { atomicTopics: true, durability: "memory" },
    open(topic, { retention }) {
      let log = topics.get(topic);
      if (!log) {
        log = new MemoryTopic(env, randomHex(env, 6), retention);
        topics.set(topic, log);
      }
      return log;
    },
    appendAll(parts) {
      if (parts.some(({ log, expect }) => !standsAt(log, expect))) return "conflict";
      for (const { log, records } of parts) (log as MemoryTopic).take(records);
      for (const { log } of parts) (log as MemoryTopic).tell();
      return "stored";
    },
    delete: (topic) => void topics.delete(topic),
    list: (prefix) => [...topics.keys()].filter((name) => name.startsWith(prefix)).sort(),
    keep: (key, value) => void values.set(key, value),
    kept: (key) => values.get(key),
    close: () => topics.clear(),
  };
}

const standsAt = ({ position }: AppendPart["log"], { epoch, offset }: Position): boolean =>
  epoch === position.epoch && offset === position.offset;

class MemoryTopic implements OpenLog {
  readonly durability = "memory";
  readonly fault = undefined;
  readonly #env: Env;
  readonly #retention: Retention;
  readonly #epoch: string;
  #offset = 0;
  #first = 1;
  #bytes = 0;
  /** The record of offset `#first + i` is at `#start + i`; what is before `#start` is forgotten. */
  #records: (LogRecord | undefined)[] = [];
  #start = 0;
  #snapshot: StoredSnapshot | undefined;
  readonly #listeners = new Set<(first: number, records: readonly LogRecord[]) => void>();
  /** Appended, and not yet told. */
  #untold: { readonly first: number; readonly records: readonly LogRecord[] }[] = [];
  #telling = false;

  constructor(env: Env, epoch: string, retention: Retention) {
    this.#env = env;
    this.#epoch = epoch;
    this.#retention = retention;
  }

  get position(): Position {
    return { epoch: this.#epoch, offset: this.#offset };
  }

  get decided(): number {
    return this.#offset;
  }

  get first(): number {
    return this.#first;
  }

  get heldBytes(): number {
    return this.#bytes;
  }

  append(records: readonly LogRecord[], expect: Position): AppendResult {
    if (!standsAt(this, expect)) return "conflict";
    this.take(records);
    this.tell();
    return "stored";
  }

  take(records: readonly LogRecord[]): void {
    const first = this.#offset + 1;
    for (const record of records) {
      this.#records.push(record);
      this.#bytes += record.entry.length;
    }
    this.#offset += records.length;
    this.#keep();
    this.#untold.push({ first, records });
  }

  /** A listener may append: what it appends is told once everybody was told what is before it. */
  tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let next = this.#untold.shift(); next; next = this.#untold.shift()) {
        for (const listener of [...this.#listeners]) listener(next.first, next.records);
      }
    } finally {
      this.#telling = false;
    }
  }

  read(from: number, limit: { maxEntries: number; maxBytes: number }): LogRecord[] {
    const found: LogRecord[] = [];
    let bytes = 0;
    for (let offset = Math.max(from, this.#first); offset <= this.#offset && found.length < limit.maxEntries; offset++) {
      const record = this.#at(offset);
      bytes += record.entry.length;
      if (found.length && bytes > limit.maxBytes) break;
      found.push(record);
    }
    return found;
  }

  onRecords(listener: (first: number, records: readonly LogRecord[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  loadSnapshot(): StoredSnapshot | undefined {
    return this.#snapshot;
  }

  saveSnapshot(snapshot: StoredSnapshot): void {
    if (!this.#snapshot || snapshot.offset >= this.#snapshot.offset) this.#snapshot = snapshot;
  }

  trim(before: number): void {
    while (this.#first < before && this.#first <= this.#offset) this.#forgetFirst();
  }

  close(): void {
    this.#listeners.clear();
  }

  #at(offset: number): LogRecord {
    return this.#records[this.#start + offset - this.#first] as LogRecord;
  }

  #keep(): void {
    const { maxEntries, maxBytes, maxAgeMs } = this.#retention;
    const oldestMs = this.#env.nowMs() - maxAgeMs;
    while (
      this.#first < this.#offset &&
      (this.#offset - this.#first + 1 > maxEntries || this.#bytes > maxBytes || this.#at(this.#first).atMs < oldestMs)
    ) {
      this.#forgetFirst();
    }
  }

  #forgetFirst(): void {
    this.#bytes -= this.#at(this.#first).entry.length;
    this.#records[this.#start] = undefined;
    this.#first++;
    this.#start++;
    // Compact once half of the array is forgotten: each record moves at most once on average.
    if (this.#start > 32 && this.#start * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#start);
      this.#start = 0;
    }
  }
}
