/**
 * What is true of one durable channel through the lives of its server, and whether its writers and readers were told that and
 * nothing else. It knows nothing of the product: lives, offsets and events are numbers and strings.
 *
 * Always: events are unique, `writer#count`; offsets count from 1; the first thing that is wrong is the first finding.
 * Rules: docs/reliability.md DURABLE1-DURABLE8.
 */
import type { Notes } from "./notes.ts";

export type Level = "strict" | "relaxed";

interface Write {
  readonly event: string;
  /** It may be answered only as long as its writer lives. */
  isOrphan: boolean;
  status?: "stored" | "rejected";
  offset?: number | undefined;
  code?: string | undefined;
}

/** The server said no, and meant it; after the others the write may be there, or not. */
const definiteCodes = new Set(["read-only"]);
const unknownCodes = new Set(["closed", "session-lost"]);

export class ChannelChecker {
  /** Whether its limits let the server forget sessions whose clients live. */
  mayForget = false;
  readonly #notes: Notes;
  readonly #level: Level;
  readonly #nowMs: () => number;
  /** By life of the server: event by offset, those of earlier lives included. */
  readonly #lives: (string | undefined)[][] = [];
  /** The first offset that each life told. */
  readonly #firstTold: (number | undefined)[] = [];
  readonly #toldMs = new Map<string, number>();
  readonly #endedMs: number[] = [];
  readonly #writes: Write[] = [];
  /** Kept by the storage of a page when that ended: someone has to finish them. */
  readonly #kept = new Set<string>();
  /** Told as rejected by whoever finished them. */
  readonly #refused = new Set<string>();
  /** In two storages without a number: each is sent. */
  readonly #copied = new Set<string>();

  constructor(notes: Notes, level: Level, nowMs: () => number) {
    this.#notes = notes;
    this.#level = level;
    this.#nowMs = nowMs;
  }

  // What the servers did.

  beginLife(): number {
    this.#lives.push([...(this.#lives.at(-1) ?? [])]);
    return this.#lives.length - 1;
  }

  endLife(): void {
    this.#endedMs[this.#lives.length - 1] = this.#nowMs();
  }

  /** A server told its own listeners. */
  told(life: number, offset: number, event: string): void {
    const entries = this.#lives[life] as (string | undefined)[];
    if (life !== this.#lives.length - 1) this.#notes.wrong(`life ${life} told ${event} at ${offset} after its end`);
    if (this.#firstTold[life] === undefined) {
      this.#firstTold[life] = offset;
      const lost = entries.splice(offset);
      if (lost.length && this.#level === "strict")
        this.#notes.wrong(`life ${life} begins at ${offset} with ${event}: ${lost.join(", ")} was told before, and taken back`);
      if (lost.length) this.#notes.reached("a suffix lost by a crash");
    } else if (offset !== entries.length)
      this.#notes.wrong(`life ${life} told ${event} at ${offset}, after ${entries.length - 1}`);
    const before = entries.indexOf(event);
    if (before >= 0 && !this.#copied.has(event))
      this.#notes.wrong(`life ${life} told ${event} at ${offset}, and it is at ${before} already`);
    entries[offset] = event;
    this.#toldMs.set(event, this.#nowMs());
  }

  // What writers were told.

  write(event: string): { settled(status: "stored" | "rejected", offset?: number, code?: string): void; orphaned(): void } {
    const write: Write = { event, isOrphan: false };
    this.#writes.push(write);
    return {
      settled: (status, offset, code) => {
        if (write.isOrphan) return;
        if (write.status) this.#notes.wrong(`${event} was answered twice: ${write.status}, then ${status}`);
        Object.assign(write, { status, offset, code });
        if (status === "stored") this.#notes.stored++;
      },
      orphaned: () => void (write.isOrphan = true),
    };
  }

  kept(event: string): void {
    this.#kept.add(event);
  }

  refused(event: string): void {
    this.#refused.add(event);
  }

  copied(event: string): void {
    this.#kept.add(event);
    this.#copied.add(event);
  }

  // What readers were told.

  /** One that reads from offset `from` on. */
  reader(who: string, from: number) {
    let next: number | undefined = from;
    /** What it was told last. */
    let last: { readonly offset: number; readonly event: string } | undefined;
    const notes = this.#notes;
    return {
      told: (offset: number, event: string): void => {
        notes.delivered++;
        const step = `${who}: ${event} at ${offset}`;
        if (next !== undefined && offset !== next) notes.wrong(`${step}: ${next} was to come`);
        if (!this.#isOneHistory(last, { offset, event }))
          notes.wrong(`${step}, after ${last?.event} at ${last?.offset}: no server had both`);
        next = offset + 1;
        last = { offset, event };
      },
      gap: ({ from: first, to }: { readonly from: number; readonly to: number }): void => {
        if (to === 0) {
          // Until its first entry is stored, a topic has no epoch that lasts.
          if (this.#level === "strict" && last) notes.wrong(`${who}: a new epoch after ${last?.offset}, and nothing was lost`);
          notes.reached("a new epoch told");
          next = undefined;
          last = undefined;
          return;
        }
        notes.reached("a gap told");
        if (next !== undefined && first !== next) notes.wrong(`${who}: a gap from ${first} on, and ${next} was to come`);
        if (first > to) notes.wrong(`${who}: a gap from ${first} to ${to}`);
        next = to + 1;
      },
      isAt: (offset: number): boolean => (last?.offset ?? from - 1) === offset || next === offset + 1,
    };
  }

  /** Some server had the second after the first, or may have had. */
  #isOneHistory(
    a: { readonly offset: number; readonly event: string } | undefined,
    b: { readonly offset: number; readonly event: string },
  ): boolean {
    for (const [life, entries] of this.#lives.entries()) {
      if (a && entries[a.offset] !== a.event) continue;
      if (entries[b.offset] === b.event) return true;
      // It was stored when a server died that had told nobody yet.
      const isUntold = entries[b.offset] === undefined && b.offset < (this.#firstTold[life] ?? Number.POSITIVE_INFINITY);
      if (isUntold && life > 0) {
        entries[b.offset] = b.event;
        return true;
      }
    }
    return false;
  }

  // What is true at the end.

  /** `stored`: from offset `first` on, what the disk has; `windowMs`: how much a crash may have cost. */
  judge(first: number, stored: readonly string[], windowMs: number): void {
    const notes = this.#notes;
    const offsets = new Map<string, number>();
    for (const [index, event] of stored.entries()) {
      if (offsets.has(event) && !this.#copied.has(event))
        notes.wrong(`${event} is stored twice, at ${offsets.get(event)} and ${first + index}`);
      offsets.set(event, first + index);
    }
    const end = first + stored.length;
    for (const [offset, event] of (this.#lives.at(-1) ?? []).entries()) {
      if (event === undefined || offset < first) continue;
      const found = stored[offset - first];
      if (found !== event && (this.#level === "strict" || this.#firstTold[this.#lives.length - 1] !== undefined))
        notes.wrong(`${event} was told at ${offset}; the log has ${found ?? "nothing"} there`);
    }
    this.#judgeOrder(stored.filter((event) => !this.#copied.has(event)));
    for (const event of this.#kept) {
      const isThere = offsets.has(event) || first > 1;
      notes.reached(isThere ? "a write finished for a page that was gone" : "a write of a page that was gone, refused");
      if (!isThere && !this.#refused.has(event) && this.#level === "strict")
        notes.wrong(`${event} was kept when its page ended, and nobody stored or refused it`);
    }
    for (const write of this.#writes) this.#judgeWrite(write, offsets, first, end);
    if (this.#level === "relaxed") this.#judgeLoss(offsets, first, windowMs);
  }

  #judgeOrder(stored: readonly string[]): void {
    const newest = new Map<string, number>();
    for (const event of stored) {
      const [writer = "", count] = event.split("#");
      const before = newest.get(writer) ?? 0;
      if (Number(count) <= before) this.#notes.wrong(`${event} is stored behind ${writer}#${before}`);
      newest.set(writer, Number(count));
    }
  }

  #judgeWrite(
    { event, isOrphan, status, offset, code }: Write,
    offsets: ReadonlyMap<string, number>,
    first: number,
    end: number,
  ): void {
    const notes = this.#notes;
    const place = offsets.get(event);
    if (!status) {
      if (!isOrphan) notes.wrong(`${event} was never answered`);
      notes.reached(place === undefined ? "a write nobody was told of, lost" : "a write nobody was told of, stored");
    } else if (status === "stored") {
      const told = offset ?? this.#lives.map((entries) => entries.indexOf(event)).find((at) => at > 0);
      const isTrimmed = told === undefined ? first > 1 : told < first;
      if (place === undefined && !isTrimmed && this.#level === "strict")
        notes.wrong(`${event} was stored at ${offset}, said its receipt; the log has ${first} to ${end - 1}, and not that`);
      if (place !== undefined && offset !== undefined && offset !== place && !this.#copied.has(event) && this.#level === "strict")
        notes.wrong(`${event} was stored at ${offset}, said its receipt; it is at ${place}`);
    } else if (unknownCodes.has(code ?? "")) {
      if (code === "session-lost" && !this.mayForget)
        notes.wrong(`${event} ended in session-lost, and nobody had to forget its session`);
      notes.reached(place === undefined ? `a write that ended in ${code}, lost` : `a write that ended in ${code}, stored`);
    } else {
      notes.reached(`a write rejected with ${code}`);
      if (!definiteCodes.has(code ?? "")) notes.wrong(`${event} was rejected with ${code}`);
      // Its page told that, and ended before its storage knew: it was sent again.
      if (place !== undefined && !this.#kept.has(event)) notes.wrong(`${event} was rejected with ${code}, and is at ${place}`);
    }
  }

  /** What a crash took back was told shortly before it. */
  #judgeLoss(offsets: ReadonlyMap<string, number>, first: number, windowMs: number): void {
    for (const [life, entries] of this.#lives.entries()) {
      const from = this.#firstTold[life];
      for (const [offset, event] of entries.entries()) {
        if (event === undefined || from === undefined || offset < Math.max(from, first) || offsets.has(event)) continue;
        const agoMs = (this.#endedMs[life] ?? Number.POSITIVE_INFINITY) - (this.#toldMs.get(event) ?? 0);
        if (agoMs > windowMs) this.#notes.wrong(`${event} was lost by a crash that came ${agoMs} ms later`);
      }
    }
  }
}
