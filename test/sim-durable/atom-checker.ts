/**
 * What became of the values of one durable atom, and whether its readers were told those and nothing else. Values are unique texts.
 *
 * Always: it is judged at the end, by what the log has; the first thing that is wrong is the first finding.
 * Rules: docs/reliability.md DURABLE1, DURABLE5, DURABLE7, DURABLE8.
 */
import type { Level } from "./channel-checker.ts";
import type { Notes } from "./notes.ts";

interface Told {
  readonly who: string;
  readonly value: string;
  readonly cause: string;
}

export class AtomChecker {
  readonly #notes: Notes;
  readonly #level: Level;
  /** Everything that some server decided. */
  readonly #decided = new Set<string>();
  readonly #readers: Told[][] = [];

  constructor(notes: Notes, level: Level) {
    this.#notes = notes;
    this.#level = level;
  }

  decided(value: string): void {
    this.#decided.add(value);
  }

  reader(who: string): { told(value: string, cause: string): void } {
    const told: Told[] = [];
    this.#readers.push(told);
    return {
      told: (value, cause) => {
        this.#notes.delivered++;
        if (!this.#decided.has(value)) this.#notes.wrong(`${who} was told what no server had: ${value}`);
        told.push({ who, value, cause });
      },
    };
  }

  /** `values`: what the log's entries make of the first value, one by one, that one included. */
  judge(values: readonly string[]): void {
    const places = new Map(values.map((value, index) => [value, index]));
    this.#notes.stored += values.length - 1;
    for (const told of this.#readers) {
      let at = -1;
      let lost = 0;
      for (const { who, value, cause } of told) {
        const place = places.get(value);
        if (place === undefined) {
          lost++;
          if (this.#level === "strict") this.#notes.wrong(`${who} was told what is not stored: ${value}`);
          continue;
        }
        // Until its first entry is stored, a topic has no epoch that lasts.
        const isBack = place < at || (place === at && place > 0 && this.#level === "strict");
        if (isBack) this.#notes.wrong(`${who} was told value ${place} after ${at}, by ${cause}`);
        if (lost && cause !== "snapshot")
          this.#notes.wrong(`${who} was told value ${place} by ${cause}, after what a crash took back`);
        if (lost) this.#notes.reached("a value taken back by a crash, and told so");
        if (cause === "snapshot" && at >= 0) this.#notes.reached("a snapshot in place of entries");
        lost = 0;
        at = place;
      }
    }
  }
}
