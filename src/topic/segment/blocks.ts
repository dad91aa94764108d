/**
 * Where the records of one topic lie: blocks of consecutive offsets, four numbers each, in one flat array.
 *
 * Always: blocks are in the order of their offsets and never overlap; gaps are allowed, and are damage. A topic with one block costs
 * one small array, because there may be 100,000 of them.
 * Rules: docs/protocol/storage.md SEG5.
 */

/** Segment and byte of a body, as one number. */
export type Place = number;

const span = 2 ** 32;
export const placeOf = (segment: number, position: number): Place => segment * span + position;
export const segmentOf = (place: Place): number => Math.floor(place / span);
export const positionOf = (place: Place): number => place % span;

export interface Block {
  readonly first: number;
  readonly count: number;
  readonly place: Place;
  /** Bytes of its body. */
  readonly size: number;
}

const width = 4;
const none: number[] = [];

export class Blocks {
  /** first, count, place, size of each; what is before `#start` is dropped. */
  #data = none;
  #start = 0;

  get length(): number {
    return (this.#data.length - this.#start) / width;
  }

  at(index: number): Block {
    const at = this.#start + index * width;
    const data = this.#data;
    return { first: data[at] ?? 0, count: data[at + 1] ?? 0, place: data[at + 2] ?? 0, size: data[at + 3] ?? 0 };
  }

  #firstAt(index: number): number {
    return this.#data[this.#start + index * width] as number;
  }

  /** Index of the block with that offset, or else of the next behind it. */
  indexOf(offset: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = this.#start + middle * width;
      if ((this.#data[at] as number) + (this.#data[at + 1] as number) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The one behind all others. */
  push({ first, count, place, size }: Block): void {
    // A literal takes no more than it needs; the first push would take room for five.
    if (this.#data.length === 0) this.#data = [first, count, place, size];
    else this.#data.push(first, count, place, size);
  }

  /** True where a block begins at that offset and lies there. */
  isAt(first: number, place: Place): boolean {
    const index = this.indexOf(first);
    return index < this.length && this.#firstAt(index) === first && this.#data[this.#start + index * width + 2] === place;
  }

  /** Says that the block with that first offset lies elsewhere. */
  move(first: number, place: Place): void {
    this.#data[this.#start + this.indexOf(first) * width + 2] = place;
  }

  /** Drops the blocks that are wholly before `offset`, and tells each. */
  dropBefore(offset: number, dropped: (block: Block) => void): void {
    const count = this.indexOf(offset);
    if (count === 0) return;
    for (let i = 0; i < count; i++) dropped(this.at(i));
    this.#start += count * width;
    // Each moves at most once on average.
    if (this.#start * 2 >= this.#data.length) {
      this.#data = this.#start === this.#data.length ? none : this.#data.slice(this.#start);
      this.#start = 0;
    }
  }
}
