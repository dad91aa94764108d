/**
 * One topic as the server runs it: its log, what is decided about it, and a feed per wire format.
 *
 * A feed holds the tail of the topic in one packer's bytes and the frames made from it in this turn. An entry is encoded once
 * per packer; a frame is made once per (from, packer) and turn, and goes to every reader that stands there.
 *
 * Always: a feed's tail holds the same offsets as the log's newest; entries enter it only as the log tells them.
 * Rules: docs/protocol.md SUB1-SUB20, LOG1-LOG8.
 */
import { SyncError } from "../core/errors.ts";
import { versionError } from "../core/versions.ts";
import type { CatchUp, Snapshot } from "../kind/kind.ts";
import type { OlderState } from "../kind/older.ts";
import type { CreateProjector, Project, Projector } from "../kind/projector.ts";
import type { Versions } from "../kind/versions.ts";
import { createTail, type Tail } from "../tail/tail.ts";
import { type AppendResult, defaultRetention, type LogRecord, type OpenLog, type Retention } from "../topic/log.ts";
import type { Frame } from "../transport/transport.ts";
import { ownBudget, type Packer } from "../wire/packer.ts";
import { type Framer, toBytes } from "./frames.ts";
import { Projection } from "./projection.ts";
import type { Subscription } from "./subscription.ts";
import { type Origin, Writers, type WritersDump, type WritersLimits } from "./writers.ts";

/** Payload of a frame that joins entries: with its 4-byte header it stays within one WebSocket length class. */
export const maxJoinedBytes = 65_000;
/** Characters or bytes of one part of a snapshot. */
const snapshotPartLength = 48 * 1024;
/** What a reader that is behind the tail is given at once. */
const pastChunk = { maxEntries: 1024, maxBytes: 256 * 1024 };
/** Records that are read at once while a topic is loaded. */
const replayChunk = { maxEntries: 4096, maxBytes: 4 * 1024 * 1024 };
/** A durable topic saves its state when so much was logged since it did. */
const saveEvery = { entries: 1000, bytes: 1024 * 1024 };

/** The state at the head of a durable topic, for kinds whose decided state changes in place. The kind folds what is told into it. */
export interface ToldState {
  snapshot(): Snapshot;
  /** What is decided is told: the topic was loaded. */
  load(snapshot: Snapshot): void;
}

/** What is stored of an older version, and who has one. Absent: there is version 1 alone. */
export interface TopicVersions {
  readonly versions: Versions;
  /** What that version left in the log; absent where nothing is stored. */
  readonly older?: (version: number) => OlderState;
  /** Writes of that version are taken. */
  readonly takes: (version: number) => boolean;
}

export interface TopicOptions {
  readonly id: number;
  readonly name: string;
  readonly kind: string;
  readonly log: OpenLog;
  readonly catchUp: CatchUp;
  readonly retention: Retention;
  readonly snapshot: () => Snapshot;
  readonly told?: ToldState | undefined;
  readonly answer?: (() => object) | undefined;
  readonly versions?: TopicVersions | undefined;
  /** Shows readers something else than what is there; absent where that cannot be done. */
  readonly projector?: CreateProjector | undefined;
  /** Never the same twice, in no server's life. */
  readonly nonce: () => string;
  readonly report: (error: unknown) => void;
  readonly load?: ((snapshot: Snapshot) => void) | undefined;
  readonly replay?: ((entry: unknown) => void) | undefined;
  /** Called when decided entries were taken back. */
  readonly recovered?: (() => void) | undefined;
  /** The packer that log records are kept in. */
  readonly kept: Packer;
  readonly writers: WritersLimits;
  readonly nowMs: () => number;
  /** Called with every batch of records, in order, once the feeds have them. */
  readonly onRecords: (topic: Topic) => void;
  /** Called when a frame was made: it is to be forgotten at the end of the flush. */
  readonly onFrame: (topic: Topic) => void;
}

export interface Feed {
  readonly framer: Framer;
  /** Of the positions of its readers. */
  readonly epoch: string;
  /** What it is a feed of; absent: of the topic itself. */
  readonly projection?: Projection | undefined;
  readonly tail: Tail;
  /** Frames of this turn by their first offset; compact ones by its negative. */
  readonly frames: Map<number, { readonly frame: Frame; readonly last: number }>;
  snapshot: { readonly offset: number; readonly parts: readonly Frame[] } | undefined;
}

/** Entries that a log in memory is about to tell, by their bytes. */
const values = new WeakMap<Uint8Array, unknown>();

export class Topic {
  readonly id: number;
  readonly name: string;
  readonly kind: string;
  readonly log: OpenLog;
  /** The log's. */
  readonly epoch: string;
  /** As readers know it: of another version, another one. */
  readonly shownEpoch: string;
  /** Of what it holds. */
  readonly version: number;
  readonly catchUp: CatchUp;
  readonly subscriptions: Set<Subscription> = new Set();
  /** Called when a reader came or went. */
  readersChanged: (() => void) | undefined;
  /** Set while the topic waits for the end-of-turn flush. */
  dirty = false;
  /** Why readers are sent away; set once. */
  ended: string | undefined;
  readonly writers: Writers;
  /** The newest append that is on its way to the disk; it resolves when that, and all before it, is stored or is not, and answered. */
  storing: Promise<unknown> | undefined;
  /** While what could not be stored is taken back: nothing can be decided, and nobody knows whose writes are there. */
  recovering: Promise<void> | undefined;
  /** How often that was done. */
  recoveries = 0;
  /** Appends that were refused, and are not yet taken back. */
  #refused = 0;
  /** The state at the head, while more is decided. */
  #told: Snapshot;
  /** States that were decided and are not yet told, by offset. */
  #decided: { readonly offset: number; readonly state: Snapshot }[] = [];
  /** False: with the next append. A log keeps what is behind a snapshot, and without one might forget whose writes it had. */
  #hasSaved = true;
  /** Since the last snapshot that was saved. */
  #unsaved = { entries: 0, bytes: 0 };
  /** Entries before this one are too old. */
  #fresh = 1;
  /** When the first that is not was decided. */
  #freshMs = Number.NEGATIVE_INFINITY;
  readonly #options: TopicOptions;
  readonly #feeds = new Map<Framer, Feed>();
  /** By what they show; none for most topics. */
  #projections: Map<string, Projection> | undefined;
  readonly #stop: () => void;

  constructor(options: TopicOptions) {
    this.id = options.id;
    this.name = options.name;
    this.kind = options.kind;
    this.log = options.log;
    this.epoch = options.log.position.epoch;
    this.version = options.versions?.versions.version ?? 1;
    this.shownEpoch = this.version > 1 ? `${this.epoch}@${this.version}` : this.epoch;
    this.catchUp = options.catchUp;
    this.#options = options;
    this.writers = new Writers(options.writers);
    this.#stop = options.log.onRecords((_first, records) => {
      for (const feed of this.#feeds.values()) {
        for (const record of records) feed.tail.append(this.#encode(feed.framer, record.entry));
      }
      if (this.#projections) this.#project(records);
      for (const { entry } of records) values.delete(entry);
      while (this.#decided[0] && this.#decided[0].offset <= this.head) this.#told = this.#decided.shift()?.state;
      options.onRecords(this);
    });
  }

  get head(): number {
    return this.log.position.offset;
  }

  /** The oldest entry that somebody new can be given: more may be stored. */
  get first(): number {
    return Math.max(this.log.first, this.#fresh, this.head - this.#options.retention.maxEntries + 1);
  }

  /** Looks for what has become too old since: a log looks only when something is appended. Only for kinds without state. */
  async expire(): Promise<void> {
    const { log } = this;
    const { retention, nowMs } = this.#options;
    const oldestMs = nowMs() - retention.maxAgeMs;
    if (this.catchUp !== "gap" || !(oldestMs > this.#freshMs)) return;
    for (let stale = true; stale && this.first <= this.head; ) {
      const { first } = this;
      const records = await log.read(first, replayChunk);
      const fresh = records.findIndex(({ atMs }) => atMs >= oldestMs);
      stale = fresh < 0 && records.length > 0;
      this.#fresh = Math.max(this.#fresh, first + (stale ? records.length : fresh));
      if (fresh >= 0) this.#freshMs = (records[fresh] as LogRecord).atMs;
    }
    // What a durable log keeps longer, it keeps for its writers' sake.
    if (log.durability === "memory") void log.trim(this.#fresh);
    if (this.first > this.head) for (const { tail } of this.#feeds.values()) tail.clear();
  }

  /** The feed of that wire format; the first reader of a format has the log's newest records encoded for it. */
  feed(framer: Framer): Feed | Promise<Feed> {
    const known = this.#feeds.get(framer);
    if (known) return known;
    const { maxEntries, maxBytes } = this.#tail;
    const { head } = this;
    const newest = (): number => Math.max(this.first, this.head - maxEntries + 1);
    const first = newest();
    const records = this.log.read(first, { maxEntries, maxBytes: Number.POSITIVE_INFINITY });
    const create = (found: Awaited<typeof records>): Feed => {
      // Two may have come for it while the log read; one that is not in the table is told of no entries.
      const made = this.#feeds.get(framer);
      if (made) return made;
      const feed: Feed = {
        framer,
        epoch: this.shownEpoch,
        tail: createTail({ maxEntries, maxBytes, firstIndex: first }),
        frames: new Map(),
        snapshot: undefined,
      };
      for (const record of found) feed.tail.append(this.#encode(feed.framer, record.entry));
      this.#feeds.set(framer, feed);
      return feed;
    };
    if (!(records instanceof Promise)) return create(records);
    return records.then((found) => {
      if (first + found.length - 1 === this.head) return create(found);
      // A log on disk may have taken or forgotten entries while it read: start over until nothing came between.
      if (this.head !== head || newest() !== first) return this.feed(framer);
      throw new SyncError("damaged", `The log of "${this.name}" has not all the records that it says.`);
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
      projection = new Projection({ epoch: `${this.shownEpoch}~${nonce()}`, projector, tail: this.#tail });
      this.#projections.set(key, projection);
    }
    return projection.feed(framer, this.head);
  }

  /** One that begins with what readers are told by now. Throws what `project` throws, and `unsupported` for what cannot be shown so. */
  projector(project: Project): Projector {
    const { projector, report } = this.#options;
    if (!projector) throw new SyncError("unsupported", `A part of "${this.name}" cannot be shown.`);
    return projector(this.state(), project, report);
  }

  /** The feed that shows the same in another wire format. */
  feedLike({ projection }: Feed, framer: Framer): Feed | Promise<Feed> {
    return projection ? projection.feed(framer, this.head) : this.feed(framer);
  }

  get versions(): Versions | undefined {
    return this.#options.versions?.versions;
  }

  takes(version: number): boolean {
    return this.#options.versions?.takes(version) ?? true;
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
    for (const { feed } of this.subscriptions) read.add(feed.projection);
    for (const [key, projection] of projections) if (!read.has(projection)) projections.delete(key);
  }

  /** Of a durable topic the newest entries only: the others are in its log. */
  get #tail(): { readonly maxEntries: number; readonly maxBytes: number } {
    const { maxEntries, maxBytes } = this.#options.retention;
    if (this.log.durability === "memory") {
      const most = Number.MAX_SAFE_INTEGER;
      return { maxEntries: Math.min(maxEntries, most), maxBytes: Math.min(maxBytes, most) };
    }
    return {
      maxEntries: Math.min(maxEntries, defaultRetention.maxEntries),
      maxBytes: Math.min(maxBytes, defaultRetention.maxBytes),
    };
  }

  /** Its log has the entry, for a reader that is to get each: of a kind with state, a snapshot does. */
  keeps(offset: number): boolean {
    return this.catchUp === "gap" && offset >= this.first;
  }

  /** Frames of some entries from `first` on, read from the log; nothing where they are no longer kept. */
  async past(
    { framer }: Feed,
    first: number,
    compact: boolean,
  ): Promise<{ readonly offset: number; readonly parts: readonly Frame[] } | undefined> {
    const records = await this.log.read(first, pastChunk);
    if (!records.length || this.log.first > first) return undefined;
    const tail = createTail({ maxEntries: records.length, maxBytes: Number.MAX_SAFE_INTEGER, firstIndex: first });
    for (const { entry } of records) tail.append(this.#encode(framer, entry));
    const past = { framer, epoch: this.shownEpoch, tail, frames: new Map(), snapshot: undefined };
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
      this.#options.onFrame(this);
    }
    return made;
  }

  /** A frame of its own, for a reader that takes no larger one. */
  entries({ framer, tail }: Feed, first: number, last: number, compact: boolean): Frame {
    return compact ? framer.compactEntries(this.id, tail, first, last) : framer.entries(this.id, tail, first, last);
  }

  /** What else the answer to a subscription says. */
  get answer(): object | undefined {
    return this.#options.answer?.();
  }

  /** The state at the head, which is what readers are told: more may be decided. */
  state(): Snapshot {
    const { told, snapshot } = this.#options;
    // While what failed is taken back, the state is on its way from the beginning.
    if (this.log.decided === this.head && !this.recovering) return snapshot();
    return told ? told.snapshot() : this.#told;
  }

  /** Makes state and writers what the log says. */
  async load(): Promise<void> {
    const { log } = this;
    const { kept } = this.#options;
    this.#decided = [];
    const snapshot = await log.loadSnapshot();
    const [state, writers, marked = 1] = snapshot
      ? (kept.unpack(snapshot.state, ownBudget) as [Snapshot, WritersDump, number?])
      : [undefined, undefined, undefined];
    let next = Math.max(snapshot ? snapshot.offset + 1 : 1, log.first);
    let records = next <= log.position.offset ? await log.read(next, replayChunk) : [];
    const stored = snapshot ? marked : records[0] ? this.#versionOf(records[0]) : this.version;
    const older = this.#older(stored);
    const { load, replay } = older ?? this.#options;
    load?.(state);
    this.writers.load(writers);
    while (records.length) {
      for (const { entry, origin, atMs } of records) {
        replay?.(kept.unpack(entry, ownBudget));
        const said = origin && (kept.unpack(origin, ownBudget) as Origin | number);
        if (typeof said === "object") {
          const [session, seq, rejected] = said;
          this.writers.store(session, seq, next, atMs, rejected);
        }
        next++;
      }
      records = next <= log.position.offset ? await log.read(next, replayChunk) : [];
    }
    if (older) {
      this.#options.load?.(older.migrated());
      // Before anything is written that is of this version.
      await log.saveSnapshot({ offset: log.decided, state: this.#packed() });
    }
    const { told, snapshot: decided } = this.#options;
    if (told) told.load(decided());
    else this.#told = decided();
    this.#unsaved = { entries: older ? 0 : next - 1 - (snapshot?.offset ?? 0), bytes: 0 };
    this.#hasSaved = snapshot !== undefined || !this.#isTight;
    if (older) this.#hasSaved = true;
  }

  /** That of a topic that never saved its state: its first record says it. */
  #versionOf({ origin }: LogRecord): number {
    const said = origin && (this.#options.kept.unpack(origin, ownBudget) as Origin | number);
    return (typeof said === "object" ? said[3] : said) ?? 1;
  }

  /** What reads what is stored, where that is of an older version. Throws SyncError `version` where it is of a newer one. */
  #older(version: number): OlderState | undefined {
    if (version === this.version) return undefined;
    const { versions } = this.#options;
    const gap = { have: this.version, need: version };
    if (version > this.version || !versions?.older) throw versionError(`What is stored of "${this.name}"`, gap);
    return versions.older(version);
  }

  /** The state that was decided, and what is known of its writers, as they are kept. */
  #packed(): Uint8Array {
    const { kept, snapshot, nowMs } = this.#options;
    const state = [snapshot() ?? null, this.writers.dump(nowMs())];
    return toBytes(kept.pack(this.version > 1 ? [...state, this.version] : state));
  }

  /** What is appended next need not be unpacked for those who read it in another format. */
  expect(entries: readonly { readonly entry: Uint8Array; readonly value?: unknown }[]): void {
    // On its way to a disk it would have to stay as it is for too long.
    if (this.log.durability !== "memory") return;
    for (const { entry, value } of entries) if (value !== undefined) values.set(entry, value);
  }

  /** Appends to a durable log, and follows that to its end: what is not stored is taken out of the state again. */
  append(records: readonly LogRecord[], report: (error: unknown) => void): AppendResult | Promise<AppendResult> {
    const { log, epoch } = this;
    if (log.durability === "memory") return log.append(records, { epoch, offset: log.decided });
    let appending: AppendResult | Promise<AppendResult>;
    try {
      appending = log.append(records, { epoch, offset: log.decided });
    } catch (error) {
      return this.refused(error);
    }
    return this.follow(records, appending, report);
  }

  /** The log threw at an append: what was decided is taken back, and whoever asked is told why. */
  refused(error: unknown): Promise<AppendResult> {
    return this.#settled(this.#behind(undefined).then(() => Promise.reject(error)));
  }

  /** Follows an append that was made for it, alone or together with other topics. */
  follow(
    records: readonly LogRecord[],
    appending: AppendResult | Promise<AppendResult>,
    report: (error: unknown) => void,
  ): AppendResult | Promise<AppendResult> {
    const { log } = this;
    if (log.durability === "memory") return appending;
    if (appending !== "stored" && !(appending instanceof Promise)) return this.#settled(this.#behind(appending));
    const { told, snapshot } = this.#options;
    if (!told) {
      if (log.decided === this.head) this.#told = snapshot();
      else this.#decided.push({ offset: log.decided, state: snapshot() });
    }
    this.#save(records, report);
    return appending instanceof Promise ? this.#settled(appending) : appending;
  }

  /** Why nothing can be decided now: the log stores nothing, or the state is on its way back to what is stored. */
  get fault(): SyncError | undefined {
    const { fault } = this.log;
    if (fault || !(this.recovering || this.#refused)) return fault;
    return new SyncError("read-only", "What could not be stored is being taken back.", { retry: "later" });
  }

  /** An answer that came at once: it is to be told, and the state taken back, behind those of what is still on its way. */
  async #behind<T>(answer: T): Promise<T> {
    await this.storing;
    return answer;
  }

  /** What was appended behind one that failed has failed as well, and is taken back with it. */
  #settled(appending: Promise<AppendResult>): Promise<AppendResult> {
    const before = this.storing;
    const settle = async (): Promise<AppendResult> => {
      let result: AppendResult | undefined;
      try {
        result = await appending;
        return result;
      } finally {
        if (result !== "stored") {
          // One before it may be refused later, and takes this one back with it.
          const { recoveries } = this;
          this.#refused++;
          await before;
          this.#refused--;
          if (recoveries === this.recoveries) await (this.recovering ??= this.#recover());
        }
      }
    };
    const done = settle();
    done.catch(() => {});
    // Behind whoever waits for the append before: a writer's answers come in the order of its writes.
    const answered = before ? before.then(() => done) : done;
    const forget = (): void => {
      if (this.storing === over) this.storing = undefined;
    };
    const over: Promise<void> = answered
      .then(
        () => {},
        () => {},
      )
      .then(forget);
    this.storing = over;
    return answered;
  }

  /** The log may forget records before they are many enough to be saved. */
  get #isTight(): boolean {
    const { retention, writers } = this.#options;
    const { maxEntries, maxBytes, maxAgeMs } = retention;
    return maxEntries < saveEvery.entries || maxBytes < saveEvery.bytes || maxAgeMs < writers.rememberMs;
  }

  /** Back to what the log has. Where that cannot be read, the topic stays as it is until the server starts anew. */
  async #recover(): Promise<void> {
    const answers = this.writers.answers();
    await this.load();
    // What was answered and has no record, the log does not know.
    for (const [session, seq, error, atMs] of answers) this.writers.settle(session, seq, error, atMs);
    this.recovering = undefined;
    this.recoveries++;
    this.#options.recovered?.();
  }

  /** Now and then, so that a start reads no more than that. */
  #save(records: readonly LogRecord[], report: (error: unknown) => void): void {
    const unsaved = this.#unsaved;
    unsaved.entries += records.length;
    for (const { entry } of records) unsaved.bytes += entry.length;
    if (this.#hasSaved && unsaved.entries < saveEvery.entries && unsaved.bytes < saveEvery.bytes) return;
    this.#hasSaved = true;
    this.#unsaved = { entries: 0, bytes: 0 };
    const state = this.#packed();
    const saving = this.log.saveSnapshot({ offset: this.log.decided, state });
    if (saving instanceof Promise) {
      saving.catch((error: unknown) => {
        this.#hasSaved = !this.#isTight;
        report(error);
      });
    }
  }

  /** The state at the head, as the frames that carry it. */
  snapshot(feed: Feed): { readonly offset: number; readonly parts: readonly Frame[] } {
    if (feed.snapshot?.offset !== this.head) {
      const { framer } = feed;
      const packed = framer.packer.pack(feed.projection ? feed.projection.snapshot() : this.state());
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
    for (const { feeds } of this.#projections?.values() ?? []) for (const feed of feeds.values()) feed.frames.clear();
  }

  /** Bytes that the feeds hold. */
  get bytes(): number {
    let bytes = 0;
    for (const feed of this.#feeds.values()) bytes += feed.tail.bytes;
    for (const { feeds } of this.#projections?.values() ?? []) for (const feed of feeds.values()) bytes += feed.tail.bytes;
    return bytes;
  }

  close(): void {
    this.#stop();
    this.#feeds.clear();
    this.#projections = undefined;
  }

  #encode(framer: Framer, entry: Uint8Array): Uint8Array {
    return framer.packer.format === this.#options.kept.format ? entry : framer.piece(this.#valueOf(entry));
  }

  #valueOf(entry: Uint8Array): unknown {
    return values.get(entry) ?? this.#options.kept.unpack(entry, ownBudget);
  }
}
