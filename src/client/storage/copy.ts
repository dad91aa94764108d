/**
 * The copy of a topic on this device: what the server sent of it, as it was sent, so that a page that opens without a line shows it.
 *
 *   head   [1 scope owner topic kind version epoch offset first-row next-row bytes bytes-when-joined]
 *   7      checksum, space, [from offset base [entry …]]   the entries up to offset, behind `from`; `base`: nothing, or [state at `from`]
 *
 * All tabs that read the topic write it; each appends what the copy lacks, as its head says in the moment of writing.
 * Always: the head claims no more than the rows hold; what is not stored on the server is not in it; one that is not what was written is
 * deleted and reported.
 * Rules: docs/protocol/copies.md COPY1-COPY8.
 */
import type { Timer } from "../../core/env.ts";
import { SyncError } from "../../core/errors.ts";
import type { KindCore } from "../client.ts";
import { hash, headKey, listCopy, packRow, type Shelf, shelfPrefix, unlistBeneath, unlistCopy, unpackRow } from "./shelf.ts";
import type { OpenOutboxStore, Row, RowChange } from "./store.ts";

/** What follows `from`, up to `offset`. */
export interface Stretch {
  readonly from: number;
  readonly offset: number;
  /** The state at `from`; undefined: it is not in here, and at 0 none is needed. */
  readonly base: readonly [state: unknown] | undefined;
  readonly entries: readonly unknown[];
}

/** The topic at a position. */
export interface Copied extends Stretch {
  readonly epoch: string;
}

/** Of which topic, and what its kind knows. */
export interface CopyFormat {
  readonly topic: string;
  readonly kind: string;
  /** That of what was read: copies of others are not used. */
  readonly version: number;
  /** The same as one state. */
  join(copied: Copied): unknown;
  /** What was read, as one state; with it, what waits is bounded by its number. */
  state?(): unknown;
  /** Characters, about: what waits is bounded by their sum. */
  lengthOf?(entry: unknown): number;
}

interface Head {
  readonly text: string;
  readonly version: number;
  readonly epoch: string;
  readonly offset: number;
  readonly first: number;
  readonly next: number;
  readonly bytes: number;
  /** When all was joined to one row. */
  readonly base: number;
}

const format = 1;
/** After something came; longer where the store is slow. */
const writeMs = 500;
const retryMs = 5000;
const maxTries = 4;
/** Where more waits, it is the state as a whole that does. */
const maxWaiting = 1000;
/** From so many rows or bytes on, all is joined to one. */
const maxRows = 500;
const minJoinBytes = 256 * 1024;
/** What the list of copies says of the size may be wrong by as much. */
const listBytes = 64 * 1024;

export class Copy {
  readonly #core: KindCore;
  readonly #shelf: Shelf;
  readonly #store: OpenOutboxStore;
  readonly #format: CopyFormat;
  readonly #owner: string;
  readonly #id: string;
  #waiting: (Stretch & { readonly epoch: string }) | undefined;
  #waitingBytes = 0;
  #timer: Timer | undefined;
  /** One thing at a time. */
  #last: Promise<void> = Promise.resolve();
  #isWriting = false;
  #head: Head | undefined;
  #listedBytes = Number.NaN;
  #delayMs = writeMs;
  #isOver = false;
  #hasFailed = false;

  constructor(core: KindCore, shelf: Shelf, store: OpenOutboxStore, format: CopyFormat, owner: string) {
    this.#core = core;
    this.#shelf = shelf;
    this.#store = store;
    this.#format = format;
    this.#owner = owner;
    this.#id = shelfPrefix("copy", shelf.scope, owner) + hash(format.topic);
  }

  /** Nothing where there is none that can be used. */
  async load(): Promise<Copied | undefined> {
    try {
      const found = await this.#store.read(this.#id);
      if (!found.length) return undefined;
      if (this.#isOther(found)) return undefined;
      const copied = this.#read(found);
      void this.#next(() => (copied ? this.#list() : this.#damaged()));
      return copied;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** It could not be used after all. */
  damaged(): void {
    void this.#next(() => this.#damaged());
  }

  /** What was read behind that. */
  add(epoch: string, more: Stretch): void {
    const { lengthOf = () => 0, state } = this.#format;
    const before = this.#waiting;
    this.#waitingBytes += more.entries.reduce<number>((sum, entry) => sum + lengthOf(entry), 0);
    if (more.base || before?.epoch !== epoch || more.from > before.offset) {
      this.#waiting = { epoch, ...more };
    } else {
      const entries = [...before.entries, ...more.entries.slice(before.offset - more.from)];
      this.#waiting = { ...before, entries, offset: Math.max(before.offset, more.offset) };
    }
    if (state && this.#waiting.entries.length > maxWaiting) {
      const { offset } = more;
      this.#waiting = { epoch, from: offset, offset, base: [state()], entries: [] };
    }
    // It grows faster than the store takes it, or is too large: the next who reads the topic as a whole may begin a new copy.
    if (this.#waitingBytes > this.#shelf.limits.maxCopyBytes) {
      this.#waiting = undefined;
      this.#waitingBytes = 0;
      void this.#next(() => this.#tooLarge());
    }
    this.#writeIn(this.#delayMs);
  }

  /** Deletes it: it may not be read any more. What is read later begins a new one. */
  forget(): void {
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    this.#head = undefined;
    void this.#next(async () => {
      await unlistCopy(this.#store, this.#id);
      // What stands beneath it may be read by who may read it.
      await unlistBeneath(this.#store, this.#shelf.scope, this.#owner, `${this.#format.topic}/@`);
    });
  }

  /** Writes what waits, and no more; `isAnothers`: not even that. */
  async end(isAnothers: boolean): Promise<void> {
    if (this.#timer !== undefined) this.#core.env.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#isOver = true;
    if (isAnothers) this.#waiting = undefined;
    await this.#next(() => this.#writeAll());
  }

  #next(run: () => Promise<void>): Promise<boolean> {
    const done = this.#last.then(run).then(
      () => true,
      (error: unknown) => this.#failed(error),
    );
    this.#last = done.then(() => {});
    return done;
  }

  #writeIn(delayMs: number): void {
    if (this.#isOver || this.#timer !== undefined || this.#isWriting || !this.#waiting) return;
    this.#timer = this.#core.env.setTimer(() => {
      this.#timer = undefined;
      void this.#write();
    }, delayMs);
  }

  async #write(): Promise<void> {
    const { env } = this.#core;
    this.#isWriting = true;
    const startMs = env.monotonicMs();
    const isWritten = await this.#next(() => this.#writeAll());
    this.#isWriting = false;
    if (isWritten) this.#hasFailed = false;
    this.#delayMs = isWritten ? Math.max(writeMs, (env.monotonicMs() - startMs) * 10) : retryMs;
    this.#writeIn(this.#delayMs);
  }

  async #writeAll(): Promise<void> {
    for (let tries = 0; tries < maxTries; tries++) {
      const waiting = this.#waiting;
      if (!waiting || this.#shelf.isCleared) return;
      this.#head ??= await this.#readHead();
      const next = follow(this.#head?.version === this.#format.version ? this.#head : undefined, waiting);
      if (next) {
        const row = packStretch(next.stretch);
        if (row.length > this.#shelf.limits.maxCopyBytes) return this.#tooLarge();
        if (!(await this.#save(waiting.epoch, next.stretch.offset, row, next.isWhole))) {
          this.#head = undefined;
          continue;
        }
      }
      // More may have come since.
      if (this.#waiting === waiting) {
        this.#waiting = undefined;
        this.#waitingBytes = 0;
      } else if (this.#waiting?.epoch === waiting.epoch) this.#waiting = behind(this.#waiting, waiting.offset);
      return this.#tidy();
    }
  }

  /** False: another tab was quicker. */
  async #save(epoch: string, offset: number, row: string, isWhole: boolean): Promise<boolean> {
    const head = this.#head;
    const key = head?.next ?? 1;
    const changes: RowChange[] = [[String(key), row]];
    if (isWhole && head) for (let old = head.first; old < key; old++) changes.push([String(old), null]);
    const bytes = row.length + (isWhole ? 0 : (head?.bytes ?? 0));
    const first = isWhole ? key : (head?.first ?? key);
    const base = isWhole ? bytes : (head?.base ?? 0);
    const { scope } = this.#shelf;
    const { topic, kind, version } = this.#format;
    const text = packRow([format, scope, this.#owner, topic, kind, version, epoch, offset, first, key + 1, bytes, base]);
    if (!(await this.#store.swap(this.#id, headKey, head?.text ?? null, [...changes, [headKey, text]]))) return false;
    this.#head = { text, version, epoch, offset, first, next: key + 1, bytes, base };
    return true;
  }

  async #readHead(): Promise<Head | undefined> {
    const [row] = await this.#store.read(this.#id, headKey);
    if (!row) return undefined;
    const head = this.#headOf(row[1]);
    if (!head) await this.#damaged();
    return head;
  }

  async #tidy(): Promise<void> {
    const head = this.#head;
    if (head?.version !== this.#format.version) return;
    if (head.next - head.first > maxRows || head.bytes > head.base * 2 + minJoinBytes) await this.#join(head);
    const { bytes } = this.#head ?? head;
    if (bytes > this.#shelf.limits.maxCopyBytes) return this.#tooLarge();
    if (!(Math.abs(bytes - this.#listedBytes) < listBytes)) await this.#list();
  }

  /** It is used, and so large. */
  async #list(): Promise<void> {
    const { limits, counts } = this.#shelf;
    const bytes = this.#head?.bytes;
    if (bytes === undefined) return;
    counts.evicted += await listCopy(this.#store, this.#id, bytes, this.#core.env.nowMs(), limits);
    this.#listedBytes = bytes;
  }

  async #join(head: Head): Promise<void> {
    const copied = this.#read(await this.#store.read(this.#id));
    if (copied?.epoch !== head.epoch || copied.offset !== head.offset) return;
    const { offset } = head;
    const row = packStretch({ from: offset, offset, base: [this.#format.join(copied)], entries: [] });
    if (!(await this.#save(head.epoch, head.offset, row, true))) this.#head = undefined;
  }

  #headOf(text: string): Head | undefined {
    const value = readable(() => unpackRow(text)) as unknown[];
    if (!Array.isArray(value)) return undefined;
    const [is, scope, owner, topic, kind, version, epoch, ...numbers] = value;
    const isPlace = scope === this.#shelf.scope && owner === this.#owner && topic === this.#format.topic;
    if (is !== format || !isPlace || kind !== this.#format.kind || typeof epoch !== "string") return undefined;
    if (numbers.length !== 5 || ![version, ...numbers].every((number) => Number.isSafeInteger(number))) return undefined;
    const [offset, first, next, bytes, base] = numbers as [number, number, number, number, number];
    return { text, version: version as number, epoch, offset, first, next, bytes, base };
  }

  /** It is of another version, and stays until this one is read as a whole. */
  #isOther(found: readonly Row[]): boolean {
    const head = this.#headOf(new Map(found).get(headKey) ?? "");
    return head !== undefined && head.version !== this.#format.version;
  }

  #read(found: readonly Row[]): Copied | undefined {
    const values = new Map(found);
    const head = this.#headOf(values.get(headKey) ?? "");
    if (!head || head.next - head.first !== found.length - 1) return undefined;
    let base: Stretch["base"];
    let offset = 0;
    const entries: unknown[] = [];
    for (let key = head.first; key < head.next; key++) {
      const stretch = readStretch(values.get(String(key)) ?? "");
      const isWhole = stretch?.base !== undefined || stretch?.from === 0;
      if (!stretch || (key === head.first ? !isWhole : stretch.base || stretch.from !== offset)) return undefined;
      if (key === head.first) ({ base } = stretch);
      entries.push(...stretch.entries);
      offset = stretch.offset;
    }
    if (offset !== head.offset) return undefined;
    this.#head = head;
    return { epoch: head.epoch, from: offset - entries.length, offset, base, entries };
  }

  async #damaged(): Promise<void> {
    this.#shelf.counts.damaged++;
    this.#head = undefined;
    await unlistCopy(this.#store, this.#id);
    this.#core.report(
      new SyncError("damaged", "The copy on this device is not what was written; it was deleted."),
      this.#format.topic,
    );
  }

  async #tooLarge(): Promise<void> {
    this.#shelf.counts.tooLarge++;
    this.#head = undefined;
    this.#waiting = undefined;
    await unlistCopy(this.#store, this.#id);
  }

  #failed(error: unknown): false {
    this.#head = undefined;
    if (!this.#hasFailed && !this.#isOver && !this.#shelf.isOver) this.#core.report(error, "storage");
    this.#hasFailed = true;
    return false;
  }
}

/** What to write behind that head; nothing where it has all, or where something between is missing. */
function follow(
  head: Head | undefined,
  waiting: Stretch & { readonly epoch: string },
): { stretch: Stretch; isWhole: boolean } | undefined {
  const isWhole = waiting.base !== undefined || waiting.from === 0;
  if (head?.epoch !== waiting.epoch) return isWhole ? { stretch: waiting, isWhole } : undefined;
  if (head.offset >= waiting.offset) return undefined;
  if (head.offset >= waiting.from) return { stretch: behind(waiting, head.offset), isWhole: false };
  return isWhole ? { stretch: waiting, isWhole } : undefined;
}

/** What of it comes behind that offset. */
function behind<S extends Stretch>(stretch: S, offset: number): S {
  if (offset < stretch.from) return stretch;
  return { ...stretch, from: offset, base: undefined, entries: stretch.entries.slice(offset - stretch.from) };
}

function packStretch({ from, offset, base, entries }: Stretch): string {
  const text = packRow([from, offset, base ?? null, entries]);
  return `${checksum(text)} ${text}`;
}

function readStretch(row: string): Stretch | undefined {
  const at = row.indexOf(" ");
  const text = row.slice(at + 1);
  if (at < 0 || row.slice(0, at) !== checksum(text)) return undefined;
  const value = readable(() => unpackRow(text));
  const [from, offset, base, entries] = (Array.isArray(value) ? value : []) as unknown[];
  if (typeof from !== "number" || typeof offset !== "number" || !Array.isArray(entries)) return undefined;
  if (from + entries.length !== offset) return undefined;
  return { from, offset, base: Array.isArray(base) ? [base[0]] : undefined, entries };
}

function readable(read: () => unknown): unknown {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** 32 bits of FNV-1a over the units of a text: for bytes that a disk has changed, not for somebody who does. */
function checksum(text: string): string {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return (value >>> 0).toString(36);
}
