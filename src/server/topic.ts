/**
 * One topic as the server runs it: its log, what is decided about it, its readers, and a feed per wire format.
 *
 * Always: readers are told what the log tells, in its order; a topic that was closed takes nothing any more.
 * Rules: docs/protocol.md SUB1-SUB20, LOG1-LOG8, docs/protocol/storage.md IDLE1-IDLE11.
 */
import { SyncError } from "../core/errors.ts";
import type { CatchUp, Snapshot } from "../kind/kind.ts";
import type { Project, Projector } from "../kind/projector.ts";
import type { Versions } from "../kind/versions.ts";
import type { AppendResult, LogRecord, OpenLog } from "../topic/log.ts";
import type { Frame } from "../transport/transport.ts";
import type { Feed, SnapshotFrames } from "./feed.ts";
import type { Framer } from "./frames.ts";
import type { Subscription } from "./subscription.ts";
import { Appends } from "./topic-appends.ts";
import { Feeds } from "./topic-feeds.ts";
import type { TopicOptions } from "./topic-options.ts";
import { TopicState } from "./topic-state.ts";
import { Writers } from "./writers.ts";

/** Records that are looked at at once for what is too old. */
const agedChunk = { maxEntries: 4096, maxBytes: 4 * 1024 * 1024 };

type RecordsListener = (first: number, records: readonly LogRecord[]) => void;

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
  readonly writers: Writers;
  /** It was deleted, or let go: another one may have its name. */
  isClosed = false;
  /** Entries before this one are too old. */
  #fresh = 1;
  /** When the first that is not was decided. */
  #freshMs = Number.NEGATIVE_INFINITY;
  readonly #options: TopicOptions;
  readonly #feeds: Feeds;
  readonly #state: TopicState;
  readonly #appends: Appends;
  readonly #listeners = new Set<RecordsListener>();
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
    this.#feeds = new Feeds(this, options);
    this.#state = new TopicState(this, options);
    this.#appends = new Appends(this, this.#state, options);
    this.#stop = options.log.onRecords((first, records) => {
      this.#feeds.append(records);
      this.#state.advance(this.head);
      options.onRecords(this);
      options.tails.grew(this);
      for (const listener of this.#listeners) listener(first, records);
    });
  }

  /** What the log tells, for as long as the topic is open. */
  onRecords(listener: RecordsListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
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
      const records = await log.read(first, agedChunk);
      const fresh = records.findIndex(({ atMs }) => atMs >= oldestMs);
      stale = fresh < 0 && records.length > 0;
      this.#fresh = Math.max(this.#fresh, first + (stale ? records.length : fresh));
      if (fresh >= 0) this.#freshMs = (records[fresh] as LogRecord).atMs;
    }
    // What a durable log keeps longer, it keeps for its writers' sake.
    if (log.durability === "memory") void log.trim(this.#fresh);
    if (this.first > this.head) this.#feeds.clearTails();
  }

  get versions(): Versions | undefined {
    return this.#options.versions?.versions;
  }

  takes(version: number): boolean {
    return this.#options.versions?.takes(version) ?? true;
  }

  /** Its log has the entry, for a reader that is to get each: of a kind with state, a snapshot does. */
  keeps(offset: number): boolean {
    return this.catchUp === "gap" && offset >= this.first;
  }

  /** What else the answer to a subscription says. */
  get answer(): object | undefined {
    return this.#options.answer?.();
  }

  feed(framer: Framer): Feed | Promise<Feed> {
    return this.#feeds.of(framer);
  }

  projected(framer: Framer, key: string, project: Project): Feed {
    return this.#feeds.projected(framer, key, project);
  }

  projector(project: Project): Projector {
    return this.#feeds.projector(project);
  }

  feedLike(feed: Feed, framer: Framer): Feed | Promise<Feed> {
    return this.#feeds.like(feed, framer);
  }

  past(feed: Feed, first: number, compact: boolean): Promise<SnapshotFrames | undefined> {
    return this.#feeds.past(feed, first, compact);
  }

  frame(feed: Feed, first: number, compact: boolean): { readonly frame: Frame; readonly last: number } {
    return this.#feeds.frame(feed, first, compact);
  }

  entries(feed: Feed, first: number, last: number, compact: boolean): Frame {
    return this.#feeds.entries(feed, first, last, compact);
  }

  snapshot(feed: Feed): SnapshotFrames {
    return this.#feeds.snapshot(feed);
  }

  forgetFrames(): void {
    this.#feeds.forgetFrames();
  }

  /** Bytes of entries that it holds. */
  get bytes(): number {
    return this.#feeds.bytes + (this.log.heldBytes ?? 0);
  }

  /** Holds so many bytes less, or nothing: all tails, and then the oldest of a log in memory. */
  giveUp(bytes: number): void {
    const left = bytes - this.#feeds.bytes;
    this.#feeds.clearTails();
    const { log } = this;
    if (left <= 0 || !log.heldBytes) return;
    // At once: it is in memory.
    const oldest = log.read(log.first, { maxEntries: Number.POSITIVE_INFINITY, maxBytes: left }) as LogRecord[];
    const found = oldest.reduce((sum, { entry }) => sum + entry.length, 0);
    void log.trim(log.first + oldest.length + (found < left ? 1 : 0));
  }

  /** The state at the head, which is what readers are told: more may be decided. */
  state(): Snapshot {
    return this.#state.told;
  }

  /** Makes state and writers what the log says. */
  load(): Promise<void> {
    return this.#state.load();
  }

  expect(entries: readonly { readonly entry: Uint8Array; readonly value?: unknown }[]): void {
    // On its way to a disk it would have to stay as it is for too long.
    if (this.log.durability === "memory") this.#feeds.expect(entries);
  }

  append(records: readonly LogRecord[], report: (error: unknown) => void): AppendResult | Promise<AppendResult> {
    return this.#appends.append(records, report);
  }

  refused(error: unknown): Promise<AppendResult> {
    return this.#appends.refused(error);
  }

  follow(
    records: readonly LogRecord[],
    appending: AppendResult | Promise<AppendResult>,
    report: (error: unknown) => void,
  ): AppendResult | Promise<AppendResult> {
    return this.#appends.follow(records, appending, report);
  }

  get storing(): Promise<unknown> | undefined {
    return this.#appends.storing;
  }

  get recovering(): Promise<void> | undefined {
    return this.#appends.recovering;
  }

  get recoveries(): number {
    return this.#appends.recoveries;
  }

  get fault(): SyncError | undefined {
    return this.#appends.fault;
  }

  /** Nobody reads or writes it, and all that was decided is stored. */
  get isQuiet(): boolean {
    return !this.subscriptions.size && this.#appends.isQuiet && this.log.decided === this.head && !this.log.fault;
  }

  /** Nothing was ever written to it, in this server's life or another. */
  get isUntouched(): boolean {
    return this.log.decided === 0 && this.writers.size === 0;
  }

  /** Stores what was answered and no record says, so that it is answered so again. */
  async keepAnswers(): Promise<void> {
    if (this.writers.hasUnrecorded) await this.#state.save();
  }

  /** Throws SyncError `closed` where another topic may have its name. */
  checkOpen(): void {
    if (this.isClosed) throw new SyncError("closed", `"${this.name}" was let go or deleted: open it again.`);
  }

  close(): void {
    this.isClosed = true;
    this.#stop();
    this.#listeners.clear();
    this.#feeds.close();
    this.#options.tails.forget(this);
  }
}
