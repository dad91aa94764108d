/** Many histories of documents, one seed each: what they had in them, and those that failed. */
import { SimulationFailure, simulate } from "sente-sync/testing";
import type { Notes } from "../sim-durable/notes.ts";
import { docHistory } from "./history.ts";

export interface Summary {
  readonly seeds: number;
  readonly failures: readonly { readonly seed: number; readonly message: string; readonly trace: readonly string[] }[];
  /** Histories that stored at least 20 edits under at least 3 faults. */
  readonly full: number;
  readonly stored: number;
  readonly faults: number;
  readonly lives: number;
  readonly simulatedMs: number;
  /** Rare states, and in how many histories each was reached. */
  readonly states: Readonly<Record<string, number>>;
  /** Of the first seed, to run it again. */
  readonly hash: string;
  readonly cpuMs: number;
}

/** The seeds of `npm test`. */
export const quickSeeds: readonly [from: number, count: number] = [1, 200];

export async function runHistories(from: number, count: number, maxFailures: number, shrinkRuns: number): Promise<Summary> {
  const before = process.cpuUsage();
  const failures: { seed: number; message: string; trace: readonly string[] }[] = [];
  const states: Record<string, number> = {};
  let hash = "";
  let [seeds, full, stored, faults, lives, simulatedMs] = [0, 0, 0, 0, 0, 0];
  for (let seed = from; seed < from + count && failures.length < maxFailures; seed++) {
    seeds++;
    let notes: Notes | undefined;
    try {
      const history = docHistory(seed);
      const report = await simulate({
        ...history,
        model(clock) {
          const made = history.model(clock);
          notes ??= made.notes;
          return made;
        },
        shrinkRuns,
      });
      const own = notes as unknown as Notes;
      stored += own.stored;
      faults += report.faults;
      lives += report.serverLives;
      simulatedMs += report.simulatedMs;
      hash ||= report.hash;
      if (own.stored >= 20 && report.faults >= 3) full++;
      for (const state of new Set([...Object.keys(own.states), ...Object.keys(report.states)]))
        states[state] = (states[state] ?? 0) + 1;
    } catch (error) {
      if (!(error instanceof SimulationFailure)) throw error;
      failures.push({ seed, message: error.message, trace: error.trace.slice(-60) });
    }
  }
  const { user, system } = process.cpuUsage(before);
  return { seeds, failures, full, stored, faults, lives, simulatedMs, states, hash, cpuMs: (user + system) / 1000 };
}
