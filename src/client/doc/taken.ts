/**
 * What a tab took from others and nobody said to be stored, by the lives of the documents in which it was edited.
 *
 * Always: of each life in order; at most `maxLives` of them; what this tab has written, too, it does not write again.
 * Rules: docs/protocol/doc.md DOC47, DOC48.
 */
import type { Part } from "./tab-messages.ts";
import { Unstored } from "./unstored.ts";

const maxLives = 64;

/** A life, and an edit up to which something is meant. */
export type UpTo = readonly [life: string, nth: number];

export class Taken {
  readonly #lives = new Map<string, Unstored>();

  get isEmpty(): boolean {
    return this.#lives.size === 0;
  }
  get newest(): readonly UpTo[] {
    return [...this.#lives].map(([life, { nth }]) => [life, nth]);
  }
  get parts(): readonly Part[] {
    return [...this.#lives].flatMap(([life, { pieces }]) => pieces.map(({ nth, update }) => ({ life, nth, update })));
  }
  has(life: string): boolean {
    return this.#lives.has(life);
  }

  /** False: there are too many lives. `isAnswer`: it has all of a life that is not stored. */
  add(parts: readonly Part[], isAnswer: boolean): boolean {
    for (const [life, theirs] of byLife(parts)) {
      const before = this.#lives.get(life);
      if (!before && this.#lives.size >= maxLives) return false;
      // What was there before an answer may not follow upon each other.
      const isAnew = !before || (isAnswer && (theirs.at(-1) as Part).nth > before.nth);
      const unstored = isAnew ? new Unstored() : before;
      unstored.written = before?.written ?? 0;
      this.#lives.set(life, unstored);
      for (const { nth, update } of theirs) unstored.add(nth, update);
    }
    return true;
  }

  /** All up to there is stored. */
  drop(life: string, nth: number): void {
    const unstored = this.#lives.get(life);
    unstored?.drop(nth);
    // One that is quiet is not remembered: what it says next begins it anew.
    if (unstored?.isEmpty) this.#lives.delete(life);
  }

  /** What this tab has not written up to there; from now on it has. */
  takeUnwritten(upTo: readonly UpTo[]): readonly Part[] {
    return upTo.flatMap(([life, nth]) => {
      const unstored = this.#lives.get(life);
      const pieces = unstored?.unwritten(nth) ?? [];
      if (unstored && pieces.length) unstored.written = nth;
      return pieces.map((piece) => ({ life, nth: piece.nth, update: piece.update }));
    });
  }

  clear(): void {
    this.#lives.clear();
  }
}

function byLife(parts: readonly Part[]): Map<string, Part[]> {
  const lives = new Map<string, Part[]>();
  for (const part of parts) lives.set(part.life, [...(lives.get(part.life) ?? []), part]);
  return lives;
}
