/**
 * The recent entries of a topic, encoded once, by offset. A reader is only a number: the last index it was given.
 *
 * Always: holds at most maxEntries entries and maxBytes bytes, the oldest dropped first, except that the newest entry is
 * kept however large; the entries held are those of [first, next) without a hole; an entry's bytes are never copied.
 * Rules: docs/protocol/tail.md TAIL1-TAIL14.
 */
import { checkInteger, maxFirstIndex, maxSlots, Ring } from "./ring.ts";

export interface TailOptions {
  /** 1 to 2^24. Default 1 024. */
  readonly maxEntries?: number | undefined;
  /** Sum of the entries' sizes; what an array costs beside its bytes is not counted. Default 1 MiB. */
  readonly maxBytes?: number | undefined;
  /** Index of the first append, 0 to 2^52. Default 1, as offsets count. */
  readonly firstIndex?: number | undefined;
  /** Told each entry that had to make room, after it left and before `append` returns. */
  readonly onDrop?: ((index: number, bytes: Uint8Array) => void) | undefined;
}

export const defaultTailLimits: { readonly maxEntries: number; readonly maxBytes: number } = {
  maxEntries: 1024,
  maxBytes: 1024 * 1024,
};

/** Counters as they stand; `length` is `sendIndex - recvIndex`. */
export interface TailSnapshot {
  readonly version: 1;
  /** Index that the next append gets. */
  readonly sendIndex: number;
  /** Index of the oldest entry held. */
  readonly recvIndex: number;
  readonly length: number;
  readonly bytes: number;
  /** Entries that had to make room, since the tail was created. */
  readonly dropsOldest: number;
}

export interface Tail {
  /** Index of the oldest entry held; `next` when there is none. */
  readonly first: number;
  /** Index that the next append gets. */
  readonly next: number;
  /** Sum of the sizes held. */
  readonly bytes: number;
  readonly length: number;
  /** Keeps `bytes`, which must not change from now on, and returns its index. A view keeps its whole buffer alive. */
  append(bytes: Uint8Array): number;
  get(index: number): Uint8Array | undefined;
  /** 0 for an index that is not held. */
  sizeOf(index: number): number;
  /**
   * The last index that a frame of `maxBytes` reaches from `from` on, one byte of separator per entry;
   * `from` itself when even that is too much, `from - 1` when `from` is not held.
   */
  rangeEnd(from: number, maxBytes: number): number;
  /** Drops all and gives the memory back; indices go on. */
  clear(): void;
  /** Drops all; the next append gets `nextIndex` (0 to 2^52), which may be lower: a new epoch. */
  reset(nextIndex: number): void;
  snapshot(): TailSnapshot;
  /** One line for a log. */
  dump(name?: string): string;
}

export function createTail(options: TailOptions = {}): Tail {
  return new EncodedTail(options);
}

class EncodedTail extends Ring<Uint8Array> implements Tail {
  bytes = 0;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #onDrop: TailOptions["onDrop"];
  #dropsOldest = 0;

  constructor({ maxEntries, maxBytes, firstIndex, onDrop }: TailOptions) {
    super(checkInteger("firstIndex", firstIndex ?? 1, 0, maxFirstIndex));
    this.#maxEntries = checkInteger("maxEntries", maxEntries ?? defaultTailLimits.maxEntries, 1, maxSlots);
    this.#maxBytes = checkInteger("maxBytes", maxBytes ?? defaultTailLimits.maxBytes, 1, Number.MAX_SAFE_INTEGER);
    this.#onDrop = onDrop;
  }

  append(bytes: Uint8Array): number {
    const size = bytes.length;
    // Room first: the ring then never grows past maxEntries, and an onDrop that throws leaves a tail in order.
    while (this.next > this.first && (this.next - this.first >= this.#maxEntries || this.bytes + size > this.#maxBytes)) {
      const index = this.first;
      const dropped = this.shift();
      this.bytes -= dropped.length;
      this.#dropsOldest++;
      this.#onDrop?.(index, dropped);
    }
    this.bytes += size;
    return this.push(bytes);
  }

  sizeOf(index: number): number {
    return this.get(index)?.length ?? 0;
  }

  rangeEnd(from: number, maxBytes: number): number {
    if (from < this.first || from >= this.next) return from - 1;
    let left = maxBytes - this.sizeOf(from) - 1;
    let end = from;
    while (end + 1 < this.next) {
      left -= this.sizeOf(end + 1) + 1;
      if (!(left >= 0)) break;
      end++;
    }
    return end;
  }

  override reset(nextIndex: number): void {
    super.reset(checkInteger("nextIndex", nextIndex, 0, maxFirstIndex));
    this.bytes = 0;
  }

  snapshot(): TailSnapshot {
    const { first, next, length, bytes } = this;
    return { version: 1, sendIndex: next, recvIndex: first, length, bytes, dropsOldest: this.#dropsOldest };
  }

  dump(name = ""): string {
    const { first, next, length, bytes } = this;
    return (
      `tail=${JSON.stringify(name)} cap=${this.#maxEntries} policy=drop-oldest occ=${length} send=${next} recv=${first} ` +
      `bytes=${bytes} max_bytes=${this.#maxBytes} drops_oldest=${this.#dropsOldest}`
    );
  }
}
