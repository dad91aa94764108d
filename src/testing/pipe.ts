/**
 * One direction of a simulated link. It is FIFO and reliable while it lives, as TCP is: what was put in first
 * leaves first and arrives first, however the latencies fall.
 *
 * Always: a dead pipe takes what it is given and delivers nothing of it.
 */
import type { Rng } from "./rng.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** What a pipe asks of the world around it, anew each time, because faults come and go. */
export interface PipeConditions {
  bytesPerMs(): number;
  latencyMs(): number;
  /** Until when nothing moves. */
  frozenUntilMs(): number;
  /** True: what is due now goes into one step together. */
  isOneRead(): boolean;
}

interface Entry<T> {
  readonly item: T;
  readonly bytes: number;
  readonly latencyMs: number;
  /** When it has left the sender's buffer. */
  departMs: number;
  arriveMs: number;
}

export interface PipeOptions<T> {
  readonly clock: VirtualClock;
  readonly rng: Rng;
  /** The receiving node: deliveries are its steps. */
  readonly to: string;
  readonly conditions: PipeConditions;
  deliver(item: T): void;
}

/** Arrivals fall on a grid, so that what was sent together arrives together. */
const ticksPerMs = 16;

export class Pipe<T> {
  private readonly options: PipeOptions<T>;
  private entries: Entry<T>[] = [];
  private isDead = false;
  private disarm: (() => void) | undefined;

  constructor(options: PipeOptions<T>) {
    this.options = options;
  }

  get hasDied(): boolean {
    return this.isDead;
  }

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  /** Bytes still in the sender's buffer. */
  get bufferedBytes(): number {
    const { nowMs } = this.options.clock;
    let bytes = 0;
    for (let at = this.entries.length - 1; at >= 0; at--) {
      const entry = this.entries[at] as Entry<T>;
      if (entry.departMs <= nowMs) break;
      bytes += entry.bytes;
    }
    return bytes;
  }

  /** When the sender's buffer will be empty; infinite while nothing moves. */
  get drainedAtMs(): number {
    return Math.max(this.options.clock.nowMs, this.entries.at(-1)?.departMs ?? 0);
  }

  /** False: it vanished. */
  put(item: T, bytes: number): boolean {
    if (this.isDead) return false;
    const entry = { item, bytes, latencyMs: this.options.conditions.latencyMs(), departMs: 0, arriveMs: 0 };
    this.plan(entry, this.entries.at(-1), this.options.conditions.bytesPerMs());
    this.entries.push(entry);
    if (this.entries.length === 1) this.arm();
    return true;
  }

  /** To be called when the conditions have changed. */
  replan(): void {
    const rate = this.options.conditions.bytesPerMs();
    let before: Entry<T> | undefined;
    for (const entry of this.entries) {
      if (entry.departMs > this.options.clock.nowMs) this.plan(entry, before, rate);
      before = entry;
    }
    this.arm();
  }

  /**
   * Nothing more goes in. What has not left the sender is lost, and a drawn number of the last ones on their way;
   * `lastWord` comes after the rest, also where the pipe was dead already. Returns how many were lost.
   */
  kill(lastWord?: T): number {
    const { clock, rng } = this.options;
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => entry.departMs <= clock.nowMs);
    this.entries.length -= rng.int(this.entries.length + 1);
    const lost = before - this.entries.length;
    this.isDead = false;
    if (lastWord !== undefined) this.put(lastWord, 0);
    this.isDead = true;
    this.arm();
    return lost;
  }

  private plan(entry: Entry<T>, before: Entry<T> | undefined, bytesPerMs: number): void {
    const fromMs = Math.max(this.options.clock.nowMs, before?.departMs ?? 0);
    entry.departMs = entry.bytes === 0 ? fromMs : fromMs + entry.bytes / bytesPerMs;
    // May be earlier than that of the one before; it is then told right after that one.
    entry.arriveMs = Math.ceil((entry.departMs + entry.latencyMs) * ticksPerMs) / ticksPerMs;
  }

  private arm(): void {
    this.disarm?.();
    const { clock, to, conditions } = this.options;
    const head = this.entries[0];
    const dueMs = head ? Math.max(head.arriveMs, conditions.frozenUntilMs(), clock.nowMs) : Number.POSITIVE_INFINITY;
    this.disarm = Number.isFinite(dueMs) ? clock.schedule(to, dueMs - clock.nowMs, "deliver", () => this.arrive()) : undefined;
  }

  private arrive(): void {
    const { clock, conditions, deliver } = this.options;
    this.disarm = undefined;
    while (conditions.frozenUntilMs() <= clock.nowMs && (this.entries[0]?.arriveMs ?? Number.POSITIVE_INFINITY) <= clock.nowMs) {
      const { item } = this.entries.shift() as Entry<T>;
      deliver(item);
      if (!conditions.isOneRead()) break;
    }
    this.arm();
  }
}
