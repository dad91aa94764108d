/**
 * Slots addressed by an index that only grows: what tails, queues and lanes hold their values in.
 *
 * Always: holds exactly the values of [first, next); the slot of an index is its low bits, so nothing moves but on growth;
 * no slot exists before the first push; a slot let go of holds nothing. It has no limit: the owner keeps one.
 * Rules: docs/protocol/tail.md RING1-RING4.
 */
import { SyncError } from "../core/errors.ts";

/** No ring holds more: beyond it arrays turn slow, and a mistake in an option turns into lost memory. */
export const maxSlots: number = 2 ** 24;

/** Half of the exact integers: an index that starts here can still grow 2^52 times. */
export const maxFirstIndex: number = 2 ** 52;

const initialSlots = 8;
const keptSlots = 1024;
const none: never[] = [];

/** Returns `value`; throws SyncError `invalid` unless it is an integer in [min, max]. */
export function checkInteger(name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new SyncError("invalid", `${name} must be an integer from ${min} to ${max}`);
}

export class Ring<T> {
  /** Index of the oldest value held; `next` when there is none. */
  first: number;
  /** Index that the next push gets. */
  next: number;
  /** A power of two of them, so that `index & (length - 1)` is the slot; exact for every safe integer. */
  #slots: (T | undefined)[] = none;

  constructor(firstIndex: number) {
    this.first = firstIndex;
    this.next = firstIndex;
  }

  get length(): number {
    return this.next - this.first;
  }

  get(index: number): T | undefined {
    const slots = this.#slots;
    return index >= this.first && index < this.next ? slots[index & (slots.length - 1)] : undefined;
  }

  push(value: T): number {
    const index = this.next;
    if (index - this.first === this.#slots.length) this.#grow();
    const slots = this.#slots;
    slots[index & (slots.length - 1)] = value;
    this.next = index + 1;
    return index;
  }

  /** Takes the oldest value out; only for a ring that has one. */
  shift(): T {
    const slots = this.#slots;
    const slot = this.first++ & (slots.length - 1);
    const value = slots[slot] as T;
    slots[slot] = undefined;
    // What one burst took must not stay taken for ever.
    if (this.first === this.next && slots.length > keptSlots) this.#slots = none;
    return value;
  }

  /** Claims an index for a value that goes past the slots; only for an empty ring. */
  skip(): void {
    this.first = ++this.next;
  }

  /** Holds nothing, and gives the slots back. */
  clear(): void {
    this.reset(this.next);
  }

  reset(nextIndex: number): void {
    this.first = nextIndex;
    this.next = nextIndex;
    this.#slots = none;
  }

  #grow(): void {
    const slots = this.#slots;
    const grown = new Array<T | undefined>(slots.length * 2 || initialSlots).fill(undefined);
    for (let index = this.first; index < this.next; index++) {
      grown[index & (grown.length - 1)] = slots[index & (slots.length - 1)];
    }
    this.#slots = grown;
  }
}
