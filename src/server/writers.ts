/**
 * What became of the writes of each session on one topic: so that one that is sent again is answered as it was, and not done
 * twice. It is rebuilt from the log's records and snapshot, and has no home of its own.
 *
 * A write is known by its session and number. Numbers grow by one; of the last `window` those that have no record (they were
 * rejected, or changed nothing) are known, so the others are in the topic, the newest of them with their offsets.
 * Always: a write is new, known, or (where its session was forgotten) refused; it is never taken for new a second time.
 * Rules: docs/protocol/writes.md WRITE1-WRITE12.
 */
import type { WireError } from "../core/errors.ts";

/**
 * `offset` 0: in the topic, at an offset that is no longer known, or nowhere because it changed nothing. `unknown`: the session was
 * forgotten. `used`: the number was passed over, or is too old.
 */
export type Outcome = { readonly offset: number } | { readonly error: WireError } | "unknown" | "used";

/** Numbers without a record: rejected, or null where nothing changed. */
type Unrecorded = readonly (readonly [seq: number, error: WireError | null])[];

/** What a record says of its write, and of those since the session's last record that have none. */
export type Origin = readonly [session: string, seq: number, before: Unrecorded, version?: number];

/** What a snapshot says of all. */
export type WritersDump = readonly [
  forgottenMs: number,
  writers: readonly (readonly [
    session: string,
    first: number,
    last: number,
    lastOffset: number,
    atMs: number,
    unrecorded: Unrecorded,
    gaps: readonly Gap[],
  ])[],
];

/** Numbers that were passed over. */
type Gap = readonly [from: number, to: number];

export interface WritersLimits {
  /** Sessions that one topic remembers. */
  readonly maxWriters: number;
  /** At least so long after their last write, unless they are too many. */
  readonly rememberMs: number;
}

/** Numbers that a session may still ask about. */
const window = 1024;
/** Of those, the newest whose offsets are kept. */
const exact = 64;

/** Ranges of numbers that were passed over; where there are more, all before counts as that. */
const maxGaps = 16;

interface Writer {
  /** Those before may not be asked about. */
  first: number;
  /** From there on, the oldest first. */
  gaps: readonly Gap[];
  /** The last one that was decided. */
  last: number;
  lastOffset: number;
  atMs: number;
  readonly offsets: Map<number, number>;
  readonly unrecorded: Map<number, WireError | null>;
  /** Those up to here are told in a record. */
  recorded: number;
}

export class Writers {
  readonly #limits: WritersLimits;
  /** The one that wrote longest ago first. */
  readonly #writers = new Map<string, Writer>();
  /** Sessions that began before and are not here may have written. */
  #forgottenMs = 0;

  constructor(limits: WritersLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#writers.size;
  }

  /** Something was answered, and no record says so. */
  get hasUnrecorded(): boolean {
    for (const { last, recorded } of this.#writers.values()) if (last > recorded) return true;
    return false;
  }

  /** What became of it; nothing: it is new. */
  outcome(session: string, createdMs: number, seq: number): Outcome | undefined {
    const writer = this.#writers.get(session);
    if (!writer) return createdMs <= this.#forgottenMs ? "unknown" : undefined;
    if (seq > writer.last) return undefined;
    const error = writer.unrecorded.get(seq);
    if (error) return { error };
    if (seq <= writer.last - window || seq < writer.first) return "used";
    if (writer.gaps.some(([from, to]) => seq >= from && seq <= to)) return "used";
    return { offset: writer.offsets.get(seq) ?? 0 };
  }

  /** It was rejected, or changed nothing. */
  settle(session: string, seq: number, error: WireError | null, nowMs: number): void {
    this.#settle(this.#writer(session, nowMs), seq, error);
  }

  /** What the record of its next write is to say. */
  origin(session: string, seq: number): Origin {
    const writer = this.#writers.get(session);
    return [session, seq, writer ? [...writer.unrecorded].filter(([earlier]) => earlier > writer.recorded) : []];
  }

  /** It has the offset, in the topic or on its way there; `before` as its record says. */
  store(session: string, seq: number, offset: number, atMs: number, before: Unrecorded = []): void {
    const writer = this.#writer(session, atMs);
    for (const [earlier, error] of before) this.#settle(writer, earlier, error);
    this.#pass(writer, seq);
    writer.lastOffset = offset;
    writer.recorded = seq;
    writer.offsets.set(seq, offset);
    if (writer.offsets.size > exact) writer.offsets.delete(writer.offsets.keys().next().value as number);
  }

  /** What has no record of its own: it was rejected, or changed nothing. */
  answers(): (readonly [session: string, seq: number, error: WireError | null, atMs: number])[] {
    return [...this.#writers].flatMap(([session, { unrecorded, atMs }]) =>
      [...unrecorded].map(([seq, error]) => [session, seq, error, atMs] as const),
    );
  }

  dump(nowMs: number): WritersDump {
    this.#forget(nowMs);
    const writers = [...this.#writers].map(
      ([id, { first, last, lastOffset, atMs, unrecorded, gaps }]) =>
        [id, first, last, lastOffset, atMs, [...unrecorded], gaps] as const,
    );
    return [this.#forgottenMs, writers];
  }

  /** As a snapshot says; without one, as if nothing was ever written. */
  load(dump: WritersDump | undefined): void {
    this.#writers.clear();
    this.#forgottenMs = dump?.[0] ?? 0;
    for (const [session, first, last, lastOffset, atMs, unrecorded, gaps] of dump?.[1] ?? []) {
      const offsets = new Map(unrecorded.some(([seq]) => seq === last) ? [] : [[last, lastOffset] as const]);
      const known = { first, gaps, last, lastOffset, atMs, offsets, unrecorded: new Map(unrecorded), recorded: last };
      this.#writers.set(session, known);
    }
  }

  /** The next number; one that is further on leaves those between it behind. */
  #pass(writer: Writer, seq: number): void {
    if (seq > writer.last + 1) {
      writer.gaps = [...writer.gaps, [writer.last + 1, seq - 1] as const];
      if (writer.gaps.length > maxGaps) {
        writer.first = (writer.gaps[0] as Gap)[1] + 1;
        writer.gaps = writer.gaps.slice(1);
      }
    }
    writer.last = Math.max(writer.last, seq);
  }

  #settle(writer: Writer, seq: number, error: WireError | null): void {
    this.#pass(writer, seq);
    writer.unrecorded.set(seq, error);
    for (const old of writer.unrecorded.keys()) {
      if (old > writer.last - window) break;
      writer.unrecorded.delete(old);
    }
  }

  #writer(session: string, nowMs: number): Writer {
    const known = this.#writers.get(session);
    const writer = known ?? {
      first: 0,
      gaps: [],
      last: 0,
      lastOffset: 0,
      atMs: 0,
      offsets: new Map(),
      unrecorded: new Map(),
      recorded: 0,
    };
    writer.atMs = Math.max(writer.atMs, nowMs);
    this.#writers.delete(session);
    this.#writers.set(session, writer);
    if (this.#writers.size > this.#limits.maxWriters) this.#forget(nowMs);
    return writer;
  }

  #forget(nowMs: number): void {
    for (const [session, { atMs }] of this.#writers) {
      const tooMany = this.#writers.size > this.#limits.maxWriters;
      if (!tooMany && atMs >= nowMs - this.#limits.rememberMs) break;
      this.#writers.delete(session);
      this.#forgottenMs = Math.max(this.#forgottenMs, atMs);
    }
  }
}
