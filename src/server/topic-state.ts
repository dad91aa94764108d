/**
 * What a topic's log adds up to, and how it is loaded and saved: the kind's state, what readers are told of it, and whose writes it has.
 *
 * Always: a start reads no more than a saved state and what came behind it; `told` is the state at the head, also while more is decided.
 * Rules: docs/protocol.md SUB1-SUB20, docs/protocol/storage.md LOG7, LOG16, docs/protocol/versions.md VERSION6-VERSION9.
 */
import { versionError } from "../core/versions.ts";
import type { Snapshot } from "../kind/kind.ts";
import type { OlderState } from "../kind/older.ts";
import type { LogRecord } from "../topic/log.ts";
import { ownBudget } from "../wire/packer.ts";
import { toBytes } from "./frames.ts";
import type { Topic } from "./topic.ts";
import type { TopicOptions } from "./topic-options.ts";
import type { Origin, WritersDump } from "./writers.ts";

/** Records that are read at once while a topic is loaded. */
const replayChunk = { maxEntries: 4096, maxBytes: 4 * 1024 * 1024 };
/** A durable topic saves its state when so much was logged since it did. */
const saveEvery = { entries: 1000, bytes: 1024 * 1024 };

export class TopicState {
  readonly #topic: Topic;
  readonly #options: TopicOptions;
  /** The state at the head, while more is decided. */
  #told: Snapshot;
  /** States that were decided and are not yet told, by offset. */
  #decided: { readonly offset: number; readonly state: Snapshot }[] = [];
  /** False: with the next append. A log keeps what is behind a snapshot, and without one might forget whose writes it had. */
  #hasSaved = true;
  /** Since the last snapshot that was saved. */
  #unsaved = { entries: 0, bytes: 0 };

  constructor(topic: Topic, options: TopicOptions) {
    this.#topic = topic;
    this.#options = options;
  }

  /** The log has told what was decided up to there. */
  advance(head: number): void {
    while (this.#decided[0] && this.#decided[0].offset <= head) this.#told = this.#decided.shift()?.state;
  }

  /** What is appended to a durable log now is part of the decided state. */
  decided(): void {
    const { told, snapshot } = this.#options;
    if (told) return;
    const { log, head } = this.#topic;
    if (log.decided === head) this.#told = snapshot();
    else this.#decided.push({ offset: log.decided, state: snapshot() });
  }

  /** The state at the head, which is what readers are told: more may be decided. */
  get told(): Snapshot {
    const { told, snapshot } = this.#options;
    const { log, head, recovering } = this.#topic;
    // While what failed is taken back, the state is on its way from the beginning.
    if (log.decided === head && !recovering) return snapshot();
    return told ? told.snapshot() : this.#told;
  }

  /** Makes state and writers what the log says. */
  async load(): Promise<void> {
    const { log, writers, version } = this.#topic;
    const { kept } = this.#options;
    this.#decided = [];
    const snapshot = await log.loadSnapshot();
    const [state, known, marked = 1] = snapshot
      ? (kept.unpack(snapshot.state, ownBudget) as [Snapshot, WritersDump, number?])
      : [undefined, undefined, undefined];
    let next = Math.max(snapshot ? snapshot.offset + 1 : 1, log.first);
    let records = next <= log.position.offset ? await log.read(next, replayChunk) : [];
    const stored = snapshot ? marked : records[0] ? this.#versionOf(records[0]) : version;
    const older = this.#older(stored);
    const { load, replay } = older ?? this.#options;
    load?.(state);
    writers.load(known);
    while (records.length) {
      for (const { entry, origin, atMs } of records) {
        replay?.(kept.unpack(entry, ownBudget));
        const said = origin && (kept.unpack(origin, ownBudget) as Origin | number);
        if (typeof said === "object") {
          const [session, seq, rejected] = said;
          writers.store(session, seq, next, atMs, rejected);
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

  /** Now and then, so that a start reads no more than that. */
  saveSometimes(records: readonly LogRecord[], report: (error: unknown) => void): void {
    const unsaved = this.#unsaved;
    unsaved.entries += records.length;
    for (const { entry } of records) unsaved.bytes += entry.length;
    if (this.#hasSaved && unsaved.entries < saveEvery.entries && unsaved.bytes < saveEvery.bytes) return;
    try {
      const saving = this.save();
      if (saving instanceof Promise) saving.catch(report);
    } catch (error) {
      // A kind's state may be one that cannot be packed. What was appended is in the log.
      report(error);
    }
  }

  save(): void | Promise<void> {
    this.#hasSaved = true;
    this.#unsaved = { entries: 0, bytes: 0 };
    const { log } = this.#topic;
    const state = this.#packed();
    const saving = log.saveSnapshot({ offset: log.decided, state });
    if (!(saving instanceof Promise)) return;
    return saving.catch((error: unknown) => {
      this.#hasSaved = !this.#isTight;
      throw error;
    });
  }

  /** The log may forget records before they are many enough to be saved. */
  get #isTight(): boolean {
    const { retention, writers } = this.#options;
    const { maxEntries, maxBytes, maxAgeMs } = retention;
    return maxEntries < saveEvery.entries || maxBytes < saveEvery.bytes || maxAgeMs < writers.rememberMs;
  }

  /** That of a topic that never saved its state: its first record says it. */
  #versionOf({ origin }: LogRecord): number {
    const said = origin && (this.#options.kept.unpack(origin, ownBudget) as Origin | number);
    return (typeof said === "object" ? said[3] : said) ?? 1;
  }

  /** What reads what is stored, where that is of an older version. Throws SyncError `version` where it is of a newer one. */
  #older(version: number): OlderState | undefined {
    const { name, version: own } = this.#topic;
    if (version === own) return undefined;
    const { versions } = this.#options;
    const gap = { have: own, need: version };
    if (version > own || !versions?.older) throw versionError(`What is stored of "${name}"`, gap);
    return versions.older(version);
  }

  /** The state that was decided, and what is known of its writers, as they are kept. */
  #packed(): Uint8Array {
    const { kept, snapshot, nowMs } = this.#options;
    const { writers, version } = this.#topic;
    const state = [snapshot() ?? null, writers.dump(nowMs())];
    return toBytes(kept.pack(version > 1 ? [...state, version] : state));
  }
}
