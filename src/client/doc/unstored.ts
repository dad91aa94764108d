/**
 * What was edited in one life of a document and is not on the server yet, numbered: joined as it comes, so that many cost little.
 *
 * Always: in order; dropping what is stored never drops what is not; beyond `maxBytes` it is known that something is there, not what.
 * Rules: docs/protocol/doc.md DOC47.
 */
import * as Y from "yjs";

const maxBytes = 4 * 1024 * 1024;
const nothing = Uint8Array.of(0, 0);

export interface Piece {
  /** The newest in it. */
  readonly nth: number;
  readonly update: Uint8Array;
}

export class Unstored {
  #pieces: (Piece & { readonly count: number })[] = [];
  #bytes = 0;
  /** The newest that it ever had. */
  nth = 0;
  /** The newest that this tab has written, too. */
  written = 0;

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }
  get pieces(): readonly Piece[] {
    return this.#pieces;
  }
  /** What this tab has not written, up to that one. */
  unwritten(upTo: number): readonly Piece[] {
    return this.#pieces.filter(({ nth }) => nth > this.written && nth <= upTo);
  }

  /** Again what it had is nothing new. */
  add(nth: number, update: Uint8Array): void {
    if (nth <= this.nth) return;
    this.nth = nth;
    const kept = this.#bytes + update.length > maxBytes ? nothing : update;
    this.#pieces.push({ nth, update: kept, count: 1 });
    this.#bytes += kept.length;
    for (;;) {
      const [one, other] = this.#pieces.slice(-2);
      if (!one || !other || one.count > other.count) return;
      const joined = Y.mergeUpdates([one.update, other.update]);
      this.#bytes += joined.length - one.update.length - other.update.length;
      this.#pieces.splice(-2, 2, { nth: other.nth, update: joined, count: one.count + other.count });
    }
  }

  /** All up to that one is stored. */
  drop(nth: number): void {
    this.#pieces = this.#pieces.filter((piece) => piece.nth > nth);
    this.#bytes = this.#pieces.reduce((sum, { update }) => sum + update.length, 0);
  }
}
