/**
 * Sizes and times of the records that a topic keeps, and which of them its retention lets go.
 *
 * Always: the records kept are the newest, at least one once there was one, and all that follow a snapshot.
 * Rules: docs/protocol/storage.md LOG4.
 */
import type { Env } from "../../core/env.ts";
import type { Retention } from "../log.ts";

export class Kept {
  /** Offset of the first one kept. */
  first: number;
  #sizes: number[] = [];
  #times: number[] = [];
  #start = 0;
  #bytes = 0;

  constructor(first: number) {
    this.first = first;
  }

  get length(): number {
    return this.#sizes.length - this.#start;
  }

  push(entryBytes: number, atMs: number): void {
    this.#sizes.push(entryBytes);
    this.#times.push(atMs);
    this.#bytes += entryBytes;
  }

  /** Forgets those before `offset`. */
  dropBefore(offset: number): void {
    while (this.first < offset && this.length) this.#shift();
    this.first = Math.max(this.first, offset);
  }

  /** Forgets what the retention does not keep, up to and with `last`. */
  retain({ maxEntries, maxBytes, maxAgeMs }: Retention, last: number, env: Env): void {
    const oldestMs = maxAgeMs === Number.POSITIVE_INFINITY ? -maxAgeMs : env.nowMs() - maxAgeMs;
    while (
      this.length > 1 &&
      this.first <= last &&
      (this.length > maxEntries || this.#bytes > maxBytes || (this.#times[this.#start] as number) < oldestMs)
    ) {
      this.#shift();
    }
  }

  /** The last offset of a read from `from` on that takes no more than it may, but one record at least. */
  lastWithin(from: number, { maxEntries, maxBytes }: { maxEntries: number; maxBytes: number }): number {
    const start = this.#start + from - this.first;
    let bytes = 0;
    let index = start;
    for (; index < this.#sizes.length && index - start < maxEntries; index++) {
      bytes += this.#sizes[index] as number;
      if (index > start && bytes > maxBytes) break;
    }
    return from + index - start - 1;
  }

  #shift(): void {
    this.#bytes -= this.#sizes[this.#start] as number;
    this.first++;
    this.#start++;
    // Each moves at most once on average.
    if (this.#start > 32 && this.#start * 2 > this.#sizes.length) {
      this.#sizes = this.#sizes.slice(this.#start);
      this.#times = this.#times.slice(this.#start);
      this.#start = 0;
    }
  }
}
