/**
 * A topic of the SQLite storage: what of it is stored, what was told and is not stored yet, and who listens.
 *
 * Always: `#stored` is what the last commit left, `#draft` what the present transaction makes of it; `#told` are the records behind
 * `#stored.last` that were answered before they were stored; told records are always before untold ones.
 * Rules: docs/protocol/storage.md LOG1-LOG16.
 */

import type { AppendPart, AppendResult, LogOptions, LogRecord, Position, StoredSnapshot } from "sente-sync";
import { type Durability, type OpenLog, type Retention, SyncError } from "sente-sync";
import { type Commits, closed, type Drafted, type Step } from "./sqlite-commits.ts";
import { asking, type SqliteTables } from "./sqlite-tables.ts";

/** What the topics of one storage share. */
export interface TopicHost {
  readonly tables: SqliteTables;
  readonly commits: Commits;
  nowMs(): number;
  report(error: unknown, topic: string): void;
  /** The topic is closed or deleted: the next to open it finds it anew. */
  forget(topic: SqliteTopic): void;
  append(parts: readonly AppendPart[]): AppendResult | Promise<AppendResult>;
}

interface Stored {
  readonly id: number | undefined;
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  /** Offset of the snapshot. */
  readonly snapshot: number | undefined;
}

interface TopicRow {
  readonly id: number;
  readonly epoch: string;
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  readonly snapshot: number | null;
}

interface RecordRow {
  readonly offset: number;
  readonly at_ms: number;
  readonly entry: Uint8Array;
  readonly origin: Uint8Array | null;
}

type Listener = (first: number, records: readonly LogRecord[]) => void;

export class SqliteTopic implements OpenLog, Drafted {
  readonly name: string;
  readonly durability: Durability;
  decided: number;
  /** How many have it open. */
  opens = 0;
  /** Closed by all or deleted: another may have it now. */
  isGone = false;
  readonly #host: TopicHost;
  readonly #retention: Retention;
  /** As it is stored; what is told has the count of stops that lost something behind it. */
  readonly #epoch: string;
  readonly #toldEpoch: string;
  #stored: Stored;
  #draft: Stored | undefined;
  #offset: number;
  #told: LogRecord[] = [];
  readonly #listeners = new Set<Listener>();
  /** Readable, and not yet told to everybody. */
  #untold: { readonly first: number; readonly records: readonly LogRecord[] }[] = [];
  #isTelling = false;

  /** `epoch`: for a topic that has nothing stored. */
  constructor(name: string, { retention, durability }: LogOptions, host: TopicHost, epoch: string) {
    const row = host.tables.topic.get(name) as TopicRow | undefined;
    this.name = name;
    this.durability = durability;
    this.#host = host;
    this.#retention = retention;
    this.#stored = row ? { ...row, snapshot: row.snapshot ?? undefined } : nothing;
    this.#epoch = row?.epoch ?? epoch;
    this.#toldEpoch = durability === "strict" ? this.#epoch : `${this.#epoch}.${host.tables.stops}`;
    this.#offset = this.decided = this.#stored.last;
  }

  get position(): Position {
    return { epoch: this.#toldEpoch, offset: this.#offset };
  }

  get first(): number {
    return this.#stored.first;
  }

  get fault(): SyncError | undefined {
    return this.#host.commits.fault;
  }

  /** Nothing of it is on its way to the disk. */
  get isSettled(): boolean {
    return this.decided === this.#stored.last;
  }

  /** What is appended now has to wait: it is strict, or behind something that waits. */
  get isWaiting(): boolean {
    return this.durability === "strict" || this.decided > this.#offset;
  }

  append(records: readonly LogRecord[], expect: Position): AppendResult | Promise<AppendResult> {
    return this.#host.append([{ log: this, records, expect }]);
  }

  read(from: number, limit: { maxEntries: number; maxBytes: number }): LogRecord[] {
    const found: LogRecord[] = [];
    let bytes = 0;
    asking(() => {
      for (const record of this.#from(Math.max(from, this.first))) {
        bytes += record.entry.length;
        if (found.length >= limit.maxEntries || (found.length && bytes > limit.maxBytes)) break;
        found.push(record);
      }
    });
    return found;
  }

  onRecords(listener: Listener): () => void {
    // Its own object: the same function may listen twice.
    const own: Listener = (first, records) => listener(first, records);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  loadSnapshot(): StoredSnapshot | undefined {
    const { id } = this.#stored;
    const row = id === undefined ? undefined : asking(() => this.#host.tables.snapshot.get(id));
    if (!row) return undefined;
    const { offset, state } = row as StoredSnapshot;
    return { offset, state: plain(state) };
  }

  saveSnapshot({ offset, state }: StoredSnapshot): Promise<void> {
    if (offset > this.decided)
      return Promise.reject(new SyncError("invalid", `Snapshot at ${offset}, ahead of ${this.decided}.`));
    return this.#store(() => {
      const draft = this.beginDraft();
      if (draft.snapshot !== undefined && draft.snapshot > offset) return;
      this.#host.tables.putSnapshot.run(draft.id, offset, state);
      this.#draft = { ...draft, snapshot: offset };
    });
  }

  trim(before: number): Promise<void> {
    return this.#store(() => {
      if (this.#stored.id !== undefined || this.#draft) this.#forget(before);
    });
  }

  async close(): Promise<void> {
    if (this.opens === 0 || --this.opens > 0) return;
    this.#listeners.clear();
    this.#host.commits.flush();
    if (this.isSettled) this.#host.forget(this);
  }

  /** All that is stored of it, as one step of a commit. */
  delete(): Promise<void> {
    const { tables } = this.#host;
    return this.#store(
      () => {
        const { id } = this.#draft ?? this.#stored;
        if (id === undefined) return;
        for (const statement of [tables.deleteAllRecords, tables.deleteSnapshot, tables.deleteTopic]) statement.run(id);
        this.#draft = nothing;
        this.#host.commits.track(this);
      },
      () => this.#host.forget(this),
    );
  }

  /** The records are on their way; returns the offset of the first. */
  take(count: number): number {
    const first = this.decided + 1;
    this.decided += count;
    return first;
  }

  takeBack(): void {
    this.decided = this.#offset;
  }

  /** Stores the records in the present transaction. */
  write(first: number, records: readonly LogRecord[]): void {
    const draft = this.beginDraft();
    let { bytes } = draft;
    for (const [index, { atMs, entry, origin }] of records.entries()) {
      this.#host.tables.insertRecord.run(draft.id, first + index, atMs, entry, origin ?? null);
      bytes += entry.length;
    }
    this.#draft = { ...draft, last: first + records.length - 1, bytes };
  }

  /** They are readable from now on, stored or not. */
  reach(first: number, records: readonly LogRecord[], areStored: boolean): void {
    if (!areStored) this.#told.push(...records);
    this.#offset = first + records.length - 1;
    this.#untold.push({ first, records });
  }

  /** What was told is stored now. */
  settle(count: number): void {
    this.#told.splice(0, count);
  }

  /** A listener may append: what it appends is told once everybody was told what is before it. */
  tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (let next = this.#untold.shift(); next; next = this.#untold.shift()) {
      for (const listener of [...this.#listeners]) {
        try {
          listener(next.first, next.records);
        } catch (error) {
          this.#host.report(error, this.name);
        }
      }
    }
    this.#isTelling = false;
  }

  beginDraft(): Stored & { readonly id: number } {
    let draft = this.#draft ?? this.#stored;
    if (draft.id === undefined) {
      draft = { ...draft, id: Number(this.#host.tables.insertTopic.run(this.name, this.#epoch).lastInsertRowid) };
    }
    this.#draft = draft;
    this.#host.commits.track(this);
    return draft as Stored & { readonly id: number };
  }

  finish(): void {
    this.#keepRetention();
    const { id, first, last, bytes } = this.#draft as Stored;
    if (id !== undefined) this.#host.tables.updateTopic.run(first, last, bytes, id);
  }

  keep(): void {
    this.#stored = this.#draft ?? this.#stored;
    this.#draft = undefined;
  }

  drop(): void {
    this.#draft = undefined;
  }

  *#from(from: number): Generator<LogRecord> {
    const { id, last } = this.#stored;
    let next = from;
    if (id !== undefined && from <= last) {
      for (const row of this.#host.tables.records.iterate(id, from, last)) {
        const { offset, at_ms: atMs, entry, origin } = row as RecordRow;
        if (offset !== next) break;
        next++;
        yield { entry: plain(entry), atMs, ...(origin && { origin: plain(origin) }) };
      }
      if (next <= last) throw this.#missing(next);
    }
    for (const record of this.#told.slice(next - last - 1)) yield record;
  }

  #missing(offset: number): SyncError {
    const error = new SyncError("damaged", `Record ${offset} of the topic is not in the database.`);
    this.#host.report(error, this.name);
    return error;
  }

  /** Forgets the oldest while there are too many; but not the newest, and none that the snapshot does not hold. */
  #keepRetention(): void {
    const { id, first, last, bytes, snapshot } = this.#draft as Stored;
    const { maxEntries, maxBytes, maxAgeMs } = this.#retention;
    const oldestMs = this.#host.nowMs() - maxAgeMs;
    const end = Math.min(last, snapshot === undefined ? last : snapshot + 1);
    if (id === undefined || (last - first < maxEntries && bytes <= maxBytes && maxAgeMs === Number.POSITIVE_INFINITY)) return;
    let before = first;
    let left = bytes;
    for (const row of this.#host.tables.sizes.iterate(id)) {
      const { at_ms: atMs, bytes: size } = row as { at_ms: number; bytes: number };
      if (before >= end || (last - before < maxEntries && left <= maxBytes && atMs >= oldestMs)) break;
      before++;
      left -= size;
    }
    this.#cut(before, left);
  }

  #forget(before: number): void {
    const { id, last, bytes } = this.beginDraft();
    let left = bytes;
    const end = Math.min(before, last + 1);
    for (const row of this.#host.tables.sizes.iterate(id)) {
      const { offset, bytes: size } = row as { offset: number; bytes: number };
      if (offset >= end) break;
      left -= size;
    }
    this.#cut(end, left);
  }

  /** `bytes`: what the records from `first` on have. */
  #cut(first: number, bytes: number): void {
    const draft = this.#draft as Stored & { readonly id: number };
    if (first <= draft.first) return;
    this.#host.tables.deleteRecords.run(draft.id, first);
    this.#draft = { ...draft, first, bytes };
  }

  #store(write: () => void, stored?: () => void): Promise<void> {
    if (this.isGone) return Promise.reject(closed());
    return storing(this.#host.commits, write, stored);
  }
}

const nothing: Stored = { id: undefined, first: 1, last: 0, bytes: 0, snapshot: undefined };

/** Not the drivers' own kind of bytes. */
export function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A step of the next commit that resolves once it is stored, and rejects if it never will be. */
export function storing(commits: Commits, write: () => void, stored: () => void = () => {}): Promise<void> {
  return new Promise((resolve, reject) => {
    commits.add({ isAnswered: false, write, stored, answer: resolve, takeBack() {}, refuse: reject, abandon: reject }, "turn");
  });
}

/** The records of one append, to one topic or several. */
export function appendStep(
  parts: readonly { readonly topic: SqliteTopic; readonly first: number; readonly records: readonly LogRecord[] }[],
  answer: { resolve(result: AppendResult): void; reject(error: SyncError): void } | undefined,
): Step {
  return {
    isAnswered: answer === undefined,
    write() {
      for (const { topic, first, records } of parts) topic.write(first, records);
    },
    stored() {
      for (const { topic, first, records } of parts) {
        if (answer) topic.reach(first, records, true);
        else topic.settle(records.length);
      }
    },
    answer() {
      if (!answer) return;
      for (const { topic } of parts) topic.tell();
      answer.resolve("stored");
    },
    takeBack() {
      for (const { topic } of parts) topic.takeBack();
    },
    refuse: () => answer?.resolve("read-only"),
    abandon: (error) => answer?.reject(error),
  };
}
