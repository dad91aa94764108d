/**
 * The feeds of a topic: one per wire format, and those of what some readers are shown in its place.
 *
 * Always: a feed's tail holds the same offsets as the log's newest; entries enter it only as the log tells them.
 * Rules: docs/protocol.md SUB1-SUB20, LOG1-LOG8.
 */
import { SyncError } from "../core/errors.ts";
import type { Project, Projector } from "../kind/projector.ts";
import { createTail } from "../tail/tail.ts";
import { defaultRetention, type LogRecord } from "../topic/log.ts";
import type { Frame } from "../transport/transport.ts";
import { ownBudget } from "../wire/packer.ts";
import { type Feed, maxJoinedBytes, type SnapshotFrames } from "./feed.ts";
import { type Framer, toBytes } from "./frames.ts";
import { Projection } from "./projection.ts";
import type { Topic } from "./topic.ts";
import type { TopicOptions } from "./topic-options.ts";

/** Characters or bytes of one part of a snapshot. */
const snapshotPartLength = 48 * 1024;
/** What a reader that is behind the tail is given at once. */
const pastChunk = { maxEntries: 1024, maxBytes: 256 * 1024 };

/** Entries that a log in memory is about to tell, by their bytes. */
const values = new WeakMap<Uint8Array, unknown>();

export class Feeds {
  readonly #topic: Topic;
  readonly #options: TopicOptions;
  readonly #feeds = new Map<Framer, Feed>();
  /** By what they show; none for most topics. */
  #projections: Map<string, Projection> | undefined;

  constructor(topic: Topic, options: TopicOptions) {
    this.#topic = topic;
    this.#options = options;
  }

  /** The log tells them. */
  append(records: readonly LogRecord[]): void {
    for (const feed of this.#feeds.values()) {
      for (const record of records) feed.tail.append(this.#encode(feed.framer, record.entry));
    }
    if (this.#projections) this.#project(records);
    for (const { entry } of records) values.delete(entry);
  }

  /** What is appended next need not be unpacked for those who read it in another format. */
  expect(entries: readonly { readonly entry: Uint8Array; readonly value?: unknown }[]): void {
    for (const { entry, value } of entries) if (value !== undefined) values.set(entry, value);
  }

  /** The feed of that wire format; the first reader of a format has the log's newest records encoded for it. */
  of(framer: Framer): Feed | Promise<Feed> {
    const known = this.#feeds.get(framer);
    if (known) return known;
    const topic = this.#topic;
    const { maxEntries, maxBytes } = this.#tail;
    const { head } = topic;
    const newest = (): number => Math.max(topic.first, topic.head - maxEntries + 1);
    const first = newest();
    const records = topic.log.read(first, { maxEntries, maxBytes: Number.POSITIVE_INFINITY });
    const create = (found: Awaited<typeof records>): Feed => {
      // Two may have come for it while the log read; one that is not in the table is told of no entries.
      const made = this.#feeds.get(framer);
      if (made) return made;
      const feed: Feed = {
        framer,
        epoch: topic.shownEpoch,
        tail: createTail({ maxEntries, maxBytes, firstIndex: first }),
        frames: new Map(),
        snapshot: undefined,
      };
      for (const record of found) feed.tail.append(this.#encode(feed.framer, record.entry));
      this.#feeds.set(framer, feed);
      this.#options.tails.grew(topic);
      return feed;
    };
    if (!(records instanceof Promise)) return create(records);
    return records.then((found) => {
      if (first + found.length - 1 === topic.head) return create(found);
      // A log on disk may have taken or forgotten entries while it read: start over until nothing came between.
      if (topic.head !== head || newest() !== first) return this.of(framer);
      throw new SyncError("damaged", `The log of "${topic.name}" has not all the records that it says.`);
    });
  }

  /** What the topic has, as `project` shows it: one for all readers with that key. Throws what `project` throws. */
  projected(framer: Framer, key: string, project: Project): Feed {
    const { nonce } = this.#options;
    this.#projections ??= new Map();
    let projection = this.#projections.get(key);
    if (!projection) {
      this.#dropUnread(this.#projections);
      const projector = this.projector(project);
      projection = new Projection({ epoch: `${this.#topic.shownEpoch}~${nonce()}`, projector, tail: this.#tail });
      this.#projections.set(key, projection);
    }
    return projection.feed(framer, this.#topic.head);
  }

  /** One that begins with what readers are told by now. Throws what `project` throws, and `unsupported` for what cannot be shown so. */
  projector(project: Project): Projector {
    const { projector, report } = this.#options;
    if (!projector) throw new SyncError("unsupported", `A part of "${this.#topic.name}" cannot be shown.`);
    return projector(this.#topic.state(), project, report);
  }

  /** The feed that shows the same in another wire format. */
  like({ projection }: Feed, framer: Framer): Feed | Promise<Feed> {
    return projection ? projection.feed(framer, this.#topic.head) : this.of(framer);
  }

  /** Frames of some entries from `first` on, read from the log; nothing where they are no longer kept. */
  async past({ framer }: Feed, first: number, compact: boolean): Promise<SnapshotFrames | undefined> {
    const { log, shownEpoch } = this.#topic;
    const records = await log.read(first, pastChunk);
    if (!records.length || log.first > first) return undefined;
    const tail = createTail({ maxEntries: records.length, maxBytes: Number.MAX_SAFE_INTEGER, firstIndex: first });
    for (const { entry } of records) tail.append(this.#encode(framer, entry));
    const past = { framer, epoch: shownEpoch, tail, frames: new Map(), snapshot: undefined };
    const parts: Frame[] = [];
    const end = first + records.length - 1;
    for (let next = first; next <= end; ) {
      const last = tail.rangeEnd(next, maxJoinedBytes);
      parts.push(this.entries(past, next, last, compact));
      next = last + 1;
    }
    return { offset: end, parts };
  }

  /** The frame for a reader that has everything before `first`, and the last offset it carries. */
  frame(feed: Feed, first: number, compact: boolean): { readonly frame: Frame; readonly last: number } {
    const key = compact ? -first : first;
    let made = feed.frames.get(key);
    if (!made) {
      const last = feed.tail.rangeEnd(first, maxJoinedBytes);
      made = { frame: this.entries(feed, first, last, compact), last };
      feed.frames.set(key, made);
      this.#options.onFrame(this.#topic);
    }
    return made;
  }

  /** A frame of its own, for a reader that takes no larger one. */
  entries({ framer, tail }: Feed, first: number, last: number, compact: boolean): Frame {
    const { id } = this.#topic;
    return compact ? framer.compactEntries(id, tail, first, last) : framer.entries(id, tail, first, last);
  }

  /** The state at the head, as the frames that carry it. */
  snapshot(feed: Feed): SnapshotFrames {
    const { id, head } = this.#topic;
    if (feed.snapshot?.offset !== head) {
      const { framer } = feed;
      const packed = framer.packer.pack(feed.projection ? feed.projection.snapshot() : this.#topic.state());
      const parts: Frame[] = [];
      let start = 0;
      do {
        let end = Math.min(start + snapshotPartLength, packed.length);
        // A part must not end between the halves of a surrogate pair: each is UTF-8 on its own.
        if (typeof packed === "string" && end < packed.length && (packed.charCodeAt(end - 1) & 0xfc00) === 0xd800) end--;
        const last = end >= packed.length;
        const made = framer.event("sync/snapshot", [id, head, parts.length, last, packed.slice(start, end)]);
        parts.push({ data: toBytes(made.data), text: made.text });
        start = end;
      } while (start < packed.length);
      feed.snapshot = { offset: head, parts };
    }
    return feed.snapshot;
  }

  forgetFrames(): void {
    for (const feed of this.#all()) feed.frames.clear();
  }

  /** What is in them is in the log, where that keeps it, and nowhere else. */
  clearTails(): void {
    for (const { tail } of this.#all()) tail.clear();
  }

  /** Bytes that they hold, and a log in memory does not hold anyway. */
  get bytes(): number {
    const isMemory = this.#topic.log.durability === "memory";
    let bytes = 0;
    for (const { tail, framer } of this.#feeds.values()) if (!isMemory || !this.#isKept(framer)) bytes += tail.bytes;
    for (const { feeds } of this.#projections?.values() ?? []) for (const { tail } of feeds.values()) bytes += tail.bytes;
    return bytes;
  }

  close(): void {
    this.#feeds.clear();
    this.#projections = undefined;
  }

  *#all(): Iterable<Feed> {
    yield* this.#feeds.values();
    for (const { feeds } of this.#projections?.values() ?? []) yield* feeds.values();
  }

  /** Tells them what was told; one that nobody reads ends. */
  #project(records: readonly LogRecord[]): void {
    const projections = this.#projections as Map<string, Projection>;
    this.#dropUnread(projections);
    if (!projections.size) this.#projections = undefined;
    else
      for (const { entry } of records) {
        const value = this.#valueOf(entry);
        for (const projection of projections.values()) projection.tell(value);
      }
  }

  /** So there are never more than readers, and one. */
  #dropUnread(projections: Map<string, Projection>): void {
    const read = new Set<Projection | undefined>();
    for (const { feed } of this.#topic.subscriptions) read.add(feed.projection);
    for (const [key, projection] of projections) if (!read.has(projection)) projections.delete(key);
  }

  /** Of a durable topic the newest entries only: the others are in its log. */
  get #tail(): { readonly maxEntries: number; readonly maxBytes: number } {
    const { maxEntries, maxBytes } = this.#options.retention;
    const isMemory = this.#topic.log.durability === "memory";
    const most = Number.MAX_SAFE_INTEGER;
    return {
      maxEntries: Math.min(maxEntries, isMemory ? most : defaultRetention.maxEntries),
      maxBytes: Math.min(maxBytes, isMemory ? most : defaultRetention.maxBytes),
    };
  }

  #encode(framer: Framer, entry: Uint8Array): Uint8Array {
    return this.#isKept(framer) ? entry : framer.piece(this.#valueOf(entry));
  }

  /** It carries entries as they are kept. */
  #isKept({ packer }: Framer): boolean {
    return packer.format === this.#options.kept.format;
  }

  #valueOf(entry: Uint8Array): unknown {
    return values.get(entry) ?? this.#options.kept.unpack(entry, ownBudget);
  }
}
