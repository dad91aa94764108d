/**
 * One topic as the server runs it: its log, what is decided about it, and a feed per wire format.
 *
 * A feed holds the tail of the topic in one packer's bytes and the frames made from it in this turn. An entry is encoded once
 * per packer; a frame is made once per (from, packer) and turn, and goes to every reader that stands there.
 *
 * Always: a feed's tail holds the same offsets as the log's newest; entries enter it only as the log tells them.
 * Rules: docs/protocol.md SUB1-SUB19, LOG1-LOG8.
 */
import type { CatchUp, Snapshot } from "../kind/kind.ts";
import { createTail, type Tail } from "../tail/tail.ts";
import type { OpenLog, Retention } from "../topic/log.ts";
import type { Frame } from "../transport/transport.ts";
import { ownBudget, type Packer } from "../wire/packer.ts";
import { type Framer, toBytes } from "./frames.ts";
import type { Subscription } from "./subscription.ts";

/** Payload of a frame that joins entries: with its 4-byte header it stays within one WebSocket length class. */
export const maxJoinedBytes = 65_000;
/** Characters or bytes of one part of a snapshot. */
const snapshotPartLength = 48 * 1024;

export interface TopicOptions {
  readonly id: number;
  readonly name: string;
  readonly kind: string;
  readonly log: OpenLog;
  readonly catchUp: CatchUp;
  readonly retention: Retention;
  readonly snapshot: () => Snapshot;
  /** The packer that log records are kept in. */
  readonly kept: Packer;
  /** Called with every batch of records, in order, once the feeds have them. */
  readonly onRecords: (topic: Topic) => void;
  /** Called when a frame was made: it is to be forgotten at the end of the flush. */
  readonly onFrame: (topic: Topic) => void;
}

export interface Feed {
  readonly framer: Framer;
  readonly tail: Tail;
  /** Frames of this turn by their first offset; compact ones by its negative. */
  readonly frames: Map<number, { readonly frame: Frame; readonly last: number }>;
  snapshot: { readonly offset: number; readonly parts: readonly Frame[] } | undefined;
}

export class Topic {
  readonly id: number;
  readonly name: string;
  readonly kind: string;
  readonly log: OpenLog;
  readonly epoch: string;
  readonly catchUp: CatchUp;
  readonly subscriptions: Set<Subscription> = new Set();
  /** Set while the topic waits for the end-of-turn flush. */
  dirty = false;
  /** Why readers are sent away; set once. */
  ended: string | undefined;
  readonly #options: TopicOptions;
  readonly #feeds = new Map<Framer, Feed>();
  readonly #stop: () => void;

  constructor(options: TopicOptions) {
    this.id = options.id;
    this.name = options.name;
    this.kind = options.kind;
    this.log = options.log;
    this.epoch = options.log.position.epoch;
    this.catchUp = options.catchUp;
    this.#options = options;
    this.#stop = options.log.onRecords((_first, records) => {
      for (const feed of this.#feeds.values()) {
        for (const record of records) feed.tail.append(this.#encode(feed, record.entry));
      }
      options.onRecords(this);
    });
  }

  get head(): number {
    return this.log.position.offset;
  }

  /** The feed of that wire format; the first reader of a format has the log's newest records encoded for it. */
  feed(framer: Framer): Feed | Promise<Feed> {
    const known = this.#feeds.get(framer);
    if (known) return known;
    const { maxEntries, maxBytes } = this.#options.retention;
    const first = Math.max(this.log.first, this.head - maxEntries + 1);
    const records = this.log.read(first, { maxEntries, maxBytes: Number.POSITIVE_INFINITY });
    const create = (found: Awaited<typeof records>): Feed => {
      const feed: Feed = {
        framer,
        tail: createTail({ maxEntries, maxBytes, firstIndex: first }),
        frames: new Map(),
        snapshot: undefined,
      };
      for (const record of found) feed.tail.append(this.#encode(feed, record.entry));
      this.#feeds.set(framer, feed);
      return feed;
    };
    // A log on disk may have taken more entries while it read: start over until nothing came between.
    return records instanceof Promise
      ? records.then((found) => (first + found.length - 1 === this.head ? create(found) : this.feed(framer)))
      : create(records);
  }

  /** The frame for a reader that has everything before `first`, and the last offset it carries. */
  frame(feed: Feed, first: number, compact: boolean): { readonly frame: Frame; readonly last: number } {
    const key = compact ? -first : first;
    let made = feed.frames.get(key);
    if (!made) {
      const last = feed.tail.rangeEnd(first, maxJoinedBytes);
      made = { frame: this.entries(feed, first, last, compact), last };
      feed.frames.set(key, made);
      this.#options.onFrame(this);
    }
    return made;
  }

  /** A frame of its own, for a reader that takes no larger one. */
  entries({ framer, tail }: Feed, first: number, last: number, compact: boolean): Frame {
    return compact ? framer.compactEntries(this.id, tail, first, last) : framer.entries(this.id, tail, first, last);
  }

  /** The state at the head. */
  state(): Snapshot {
    return this.#options.snapshot();
  }

  /** The state at the head, as the frames that carry it. */
  snapshot(feed: Feed): { readonly offset: number; readonly parts: readonly Frame[] } {
    if (feed.snapshot?.offset !== this.head) {
      const { framer } = feed;
      const packed = framer.packer.pack(this.#options.snapshot());
      const parts: Frame[] = [];
      let start = 0;
      do {
        let end = Math.min(start + snapshotPartLength, packed.length);
        // A part must not end between the halves of a surrogate pair: each is UTF-8 on its own.
        if (typeof packed === "string" && end < packed.length && (packed.charCodeAt(end - 1) & 0xfc00) === 0xd800) end--;
        const last = end >= packed.length;
        const made = framer.event("sync/snapshot", [this.id, this.head, parts.length, last, packed.slice(start, end)]);
        parts.push({ data: toBytes(made.data), text: made.text });
        start = end;
      } while (start < packed.length);
      feed.snapshot = { offset: this.head, parts };
    }
    return feed.snapshot;
  }

  forgetFrames(): void {
    for (const feed of this.#feeds.values()) feed.frames.clear();
  }

  /** Bytes that the feeds hold. */
  get bytes(): number {
    let bytes = 0;
    for (const feed of this.#feeds.values()) bytes += feed.tail.bytes;
    return bytes;
  }

  close(): void {
    this.#stop();
    this.#feeds.clear();
  }

  #encode(feed: Feed, entry: Uint8Array): Uint8Array {
    const { kept } = this.#options;
    if (feed.framer.packer.format === kept.format) return entry;
    return feed.framer.piece(kept.unpack(entry, ownBudget));
  }
}
