/**
 * One open topic of a segment log.
 *
 * Always: under `strict` nothing is told, read or counted in `position` before it is synced; under `relaxed` an append is answered
 * at once, unless one that had to wait is still on its way; what is appended behind a refused append is refused, too.
 * Rules: docs/protocol/storage.md LOG1-LOG16.
 */
import { SyncError } from "../../core/errors.ts";
import type { AppendPart, AppendResult, Durability, LogOptions, LogRecord, OpenLog, Position, StoredSnapshot } from "../log.ts";
import type { Batch } from "./batch.ts";
import type { Block } from "./blocks.ts";
import { checkBytes, isSound, readRecords } from "./body.ts";
import type { Topic } from "./catalog.ts";
import { BodyReader } from "./files.ts";
import type { Kept } from "./kept.ts";
import type { LogParts } from "./parts.ts";
import type { Part, Write } from "./writer.ts";

const pieceBytes = 1 << 18;
/** Of a record's lengths and time. */
const recordOverhead = 24;

interface Told {
  readonly first: number;
  readonly records: readonly LogRecord[];
}

export class OpenTopic implements OpenLog {
  readonly durability: Durability;
  readonly topic: Topic;
  decided: number;
  /** No append is taken any more: the topic was deleted, or is about to be. */
  isGone = false;
  readonly #log: LogParts;
  readonly #options: LogOptions;
  readonly #kept: Kept;
  readonly #epoch: string;
  readonly #close: () => Promise<void>;
  #offset: number;
  #damage: SyncError | undefined;
  /** Snapshots on their way to the disk. */
  #saving = 0;
  /** Told, and not yet synced. */
  #unwritten: Told[] = [];
  readonly #listeners = new Set<(first: number, records: readonly LogRecord[]) => void>();
  #untold: Told[] = [];
  #isTelling = false;

  constructor(log: LogParts, topic: Topic, kept: Kept, options: LogOptions, close: () => Promise<void>) {
    this.#log = log;
    this.topic = topic;
    this.#kept = kept;
    this.#options = options;
    this.#close = close;
    this.durability = options.durability;
    this.#epoch = this.durability === "relaxed" ? `${topic.epoch}-${log.generation}` : topic.epoch;
    this.#offset = topic.stored;
    this.decided = topic.stored;
    this.#retain();
  }

  get position(): Position {
    return { epoch: this.#epoch, offset: this.#offset };
  }

  get first(): number {
    return this.#kept.first;
  }

  get fault(): SyncError | undefined {
    return this.#damage ?? this.#log.writer.fault;
  }

  append(records: readonly LogRecord[], expect: Position): AppendResult | Promise<AppendResult> {
    return appendAll(this.#log, [{ log: this, records, expect }]);
  }

  /** Whether that is where the next append belongs. */
  standsAt({ epoch, offset }: Position): boolean {
    return !this.isGone && epoch === this.#epoch && offset === this.decided;
  }

  /** Whether an append need not wait for the disk. */
  get isImmediate(): boolean {
    return this.durability === "relaxed" && this.decided === this.#offset && !this.#log.writer.isLate;
  }

  /** Counts so many records as appended; answers the offset of the first. */
  decide(count: number): number {
    const first = this.decided + 1;
    this.decided += count;
    return first;
  }

  /** They may be read from now on; `isWritten`: they are synced. */
  advance(first: number, records: readonly LogRecord[], isWritten: boolean): void {
    for (const { entry, atMs } of records) this.#kept.push(entry.length, atMs);
    this.#offset += records.length;
    if (!isWritten) this.#unwritten.push({ first, records });
    this.#retain();
    if (this.#listeners.size) this.#untold.push({ first, records });
  }

  /** Those told first are synced now. */
  written(): void {
    this.#unwritten.shift();
  }

  /** The records from `first` on are not stored and never will be. */
  takeBack(first: number): void {
    this.decided = Math.min(this.decided, first - 1);
  }

  /** A listener may append: what it appends is told once everybody was told what is before it. */
  tell(): void {
    if (this.#isTelling || !this.#untold.length) return;
    this.#isTelling = true;
    for (let next = this.#untold.shift(); next; next = this.#untold.shift()) {
      for (const listener of [...this.#listeners]) {
        try {
          listener(next.first, next.records);
        } catch (error) {
          this.#log.report(error, `onRecords of ${this.topic.name}`);
        }
      }
    }
    this.#isTelling = false;
  }

  async read(from: number, limit: { maxEntries: number; maxBytes: number }): Promise<LogRecord[]> {
    for (;;) {
      if (this.#damage) throw this.#damage;
      const start = Math.max(from, this.first);
      if (start > this.#offset || limit.maxEntries <= 0) return [];
      const last = this.#kept.lastWithin(start, limit);
      // As it is now: what is written while this reads is taken off it.
      const unwritten = this.#unwritten.slice();
      const firstUnwritten = unwritten[0]?.first ?? last + 1;
      const found: LogRecord[] = [];
      const hurt = await this.#readStored(start, Math.min(last, firstUnwritten - 1), found);
      if (hurt) {
        this.#hurt(hurt);
        continue;
      }
      for (const { first, records } of unwritten) {
        for (const [index, record] of records.entries()) {
          if (first + index >= start && first + index <= last) found.push(record);
        }
      }
      return found;
    }
  }

  /** Answers the block that is not as it was written, if there is one. */
  async #readStored(from: number, last: number, found: LogRecord[]): Promise<Block | undefined> {
    const { topic } = this;
    const blocks: Block[] = [];
    for (let i = topic.blocks.indexOf(from); from <= last && i < topic.blocks.length; i++) {
      const block = topic.blocks.at(i);
      if (block.first > last) break;
      blocks.push(block);
    }
    const unpin = this.#log.files.pin(blocks.map(({ place }) => place));
    try {
      const bodies = new BodyReader(this.#log.files);
      let ahead = blocks.reduce((sum, { size }) => sum + size, 0);
      for (const block of blocks) {
        const body = await bodies.read(block.place, block.size, ahead);
        ahead -= block.size;
        if (body.length !== block.size || !isSound(body, topic.id, block.first)) return block;
        readRecords(body, block.first, block.count, from, (record, offset) => {
          if (offset <= last) found.push(record);
          return offset < last;
        });
      }
      return undefined;
    } catch (error) {
      throw unreadable(error);
    } finally {
      unpin();
    }
  }

  /** What only history is made of is forgotten; what the state is made of is repaired when the topic is opened next. */
  #hurt(block: Block): void {
    const last = block.first + block.count - 1;
    const error = new SyncError("damaged", `Records ${block.first} to ${last} are not what was written.`);
    this.#log.report(error, this.topic.name ?? "");
    if ((this.topic.snapshot?.offset ?? 0) >= last) this.#forget(last + 1);
    else this.#damage = error;
  }

  onRecords(listener: (first: number, records: readonly LogRecord[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async loadSnapshot(): Promise<StoredSnapshot | undefined> {
    const { topic } = this;
    const { snapshot } = topic;
    if (!snapshot) return undefined;
    const { offset, tag, places, sizes } = snapshot;
    const state = new Uint8Array(sizes.reduce((sum, size) => sum + size - checkBytes, 0));
    const unpin = this.#log.files.pin(places);
    try {
      const bodies = new BodyReader(this.#log.files);
      let at = 0;
      for (const [index, place] of [...places].entries()) {
        const size = sizes[index] as number;
        const body = await bodies.read(place, size, size);
        if (body.length !== size || !isSound(body, topic.id, tag + index)) {
          this.#damage = new SyncError("damaged", "The snapshot is not what was written.");
          throw this.#damage;
        }
        state.set(body.subarray(checkBytes), at);
        at += size - checkBytes;
      }
    } catch (error) {
      throw unreadable(error);
    } finally {
      unpin();
    }
    return { offset, state };
  }

  async saveSnapshot({ offset, state }: StoredSnapshot): Promise<void> {
    const { topic } = this;
    const { catalog, env, files, writer } = this.#log;
    if (offset > this.decided) throw new SyncError("invalid", `There is no record ${offset} that a snapshot could be of.`);
    if (offset < (topic.snapshot?.offset ?? 0)) return;
    const tag = new DataView(env.randomBytes(4).slice().buffer).getUint32(0);
    const places: number[] = [];
    const sizes: number[] = [];
    const unpins: (() => void)[] = [];
    const count = Math.max(1, Math.ceil(state.length / pieceBytes));
    this.#saving++;
    try {
      for (let index = 0; index < count; index++) {
        const piece = state.subarray(index * pieceBytes, (index + 1) * pieceBytes);
        await writer.store(piece.length, {
          order: topic.id,
          encode(batch) {
            batch.piece(topic, { offset, tag, index, pieces: count }, piece, (place, size) => {
              [places[index], sizes[index]] = [place, size];
              unpins.push(files.pin([place]));
              if (index + 1 === count) catalog.setSnapshot(topic, { offset, tag, places, sizes });
            });
          },
        });
      }
    } finally {
      this.#saving--;
      for (const unpin of unpins) unpin();
    }
    if (offset >= this.#offset) this.#damage = undefined;
    this.#retain();
  }

  async trim(before: number): Promise<void> {
    const floor = Math.min(before, this.#offset + 1);
    if (floor <= this.first) return;
    await this.#log.writer.store(recordOverhead, {
      order: this.topic.id,
      encode: (batch) => batch.declare(this.topic, { floor }),
    });
    this.#forget(floor);
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** The last one that had it open closed it. */
  forgetListeners(): void {
    this.#listeners.clear();
  }

  #retain(): void {
    const { snapshot, saved } = this.topic;
    // Nothing goes while the first snapshot is on its way: what came behind it is not in it.
    const last = snapshot?.offset ?? (saved > 0 || this.#saving > 0 ? 0 : Number.POSITIVE_INFINITY);
    this.#kept.retain(this.#options.retention, last, this.#log.env);
    this.#log.catalog.forgetBefore(this.topic, this.#kept.first);
  }

  #forget(before: number): void {
    this.#kept.dropBefore(before);
    this.#log.catalog.forgetBefore(this.topic, before);
  }
}

/** To one topic or several: all or nothing. */
export function appendAll(log: LogParts, parts: readonly AppendPart[]): AppendResult | Promise<AppendResult> {
  for (const { log: topic, expect } of parts) if (!(topic as OpenTopic).standsAt(expect)) return "conflict";
  let bytes = 0;
  let isImmediate = true;
  for (const { log: topic, records } of parts) {
    if (topic.fault) return "read-only";
    isImmediate &&= (topic as OpenTopic).isImmediate;
    for (const { entry, origin } of records) bytes += entry.length + (origin?.length ?? 0) + recordOverhead;
  }
  if (bytes === 0) return "stored";
  if (bytes > log.maxAppendBytes) throw new SyncError("too-large", `More than maxAppendBytes (${log.maxAppendBytes}) at once.`);
  log.writer.admit(bytes);
  const steps = parts.map(({ log: topic, records }) => new Step(topic as OpenTopic, records));
  const append = new Append(steps, bytes, isImmediate);
  log.writer.add(append);
  if (!isImmediate) return append.answer();
  append.advance();
  return "stored";
}

/** One topic's part of an append. */
class Step implements Part {
  readonly topic: OpenTopic;
  readonly records: readonly LogRecord[];
  readonly first: number;
  readonly order: number;

  constructor(topic: OpenTopic, records: readonly LogRecord[]) {
    this.topic = topic;
    this.records = records;
    this.first = topic.decide(records.length);
    this.order = topic.topic.id;
  }

  encode(batch: Batch): void {
    batch.records(this.topic.topic, this.first, this.records);
  }
}

class Append implements Write {
  readonly parts: readonly Step[];
  readonly bytes: number;
  readonly owed: boolean;
  #resolve: ((result: AppendResult) => void) | undefined;
  #reject: ((error: SyncError) => void) | undefined;

  constructor(parts: readonly Step[], bytes: number, owed: boolean) {
    this.parts = parts;
    this.bytes = bytes;
    this.owed = owed;
  }

  answer(): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  advance(): void {
    for (const { topic, first, records } of this.parts) topic.advance(first, records, !this.owed);
    for (const { topic } of this.parts) topic.tell();
  }

  stored(): void {
    if (this.owed) {
      for (const { topic } of this.parts) topic.written();
      return;
    }
    this.advance();
    this.#resolve?.("stored");
  }

  refused(error: SyncError): void {
    // Where the log is closed while its disk fails: the stop was not clean, and the epoch will tell.
    if (this.owed) return;
    for (const { topic, first } of this.parts) topic.takeBack(first);
    if (error.code === "read-only") this.#resolve?.("read-only");
    else this.#reject?.(error);
  }
}

export function unreadable(error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  return new SyncError("read-only", "The disk does not give what is stored.", { cause: error });
}
