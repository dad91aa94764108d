/**
 * Many durable histories, one seed each: what they had in them, and those that failed.
 *
 * Always: plain data, which travels from the processes that run them.
 */
import { type SimulateOptions, SimulationFailure, type SimulationReport, simulate } from "sente-sync/testing";
import { atomHistory } from "./atom-history.ts";
import type { Limits } from "./bundles.ts";
import { channelHistory } from "./channel-history.ts";
import { inboxHistory } from "./inbox-history.ts";
import type { Notes } from "./notes.ts";
import { sharedHistory } from "./shared-history.ts";
import { storeHistory } from "./store-history.ts";

/** Runs the history of a seed; spends so many runs on a shorter tape, should it fail. */
type History = (seed: number | string, shrinkRuns: number) => Promise<Outcome>;

/** What there are histories of, by name. All run in every tier. */
export const kinds: ReadonlyMap<string, History> = new Map([
  ["channel-strict", of((seed) => channelHistory(seed, "strict"))],
  ["channel-relaxed", of((seed) => channelHistory(seed, "relaxed"))],
  ["atom-strict", of((seed) => atomHistory(seed, "strict"))],
  ["atom-relaxed", of((seed) => atomHistory(seed, "relaxed"))],
  ["inbox", of(inboxHistory)],
  ["shared", of(sharedHistory)],
  ["store", of(storeHistory)],
]);

export interface Failure {
  readonly kind: string;
  readonly seed: number;
  readonly message: string;
  /** The last steps of its shortest tape. */
  readonly trace: readonly string[];
}

export interface Summary {
  readonly seeds: number;
  readonly failures: readonly Failure[];
  /** Histories that were told at least 20 things under at least 3 faults. */
  readonly full: number;
  readonly stored: number;
  readonly delivered: number;
  readonly faults: number;
  readonly lives: number;
  readonly steps: number;
  readonly simulatedMs: number;
  /** Rare states, and in how many histories each was reached. */
  readonly states: Readonly<Record<string, number>>;
  /** Hashes of every hundredth seed. */
  readonly hashes: Readonly<Record<string, string>>;
  /** What the longest of its processes took of its core. */
  readonly cpuMs: number;
}

/** The seeds of `npm test`, of each kind, by limits. */
export const quickTier: Readonly<Record<Limits, readonly [from: number, count: number]>> = {
  default: [41, 100],
  tight: [271, 100],
};

export interface Range {
  readonly kind: string;
  readonly from: number;
  readonly count: number;
  /** Stops after so many failures. */
  readonly maxFailures: number;
  readonly shrinkRuns: number;
}

/** What became of one history, and what it noted. */
export interface Outcome {
  readonly report?: SimulationReport;
  readonly failure?: SimulationFailure;
  readonly notes: Notes;
}

export async function runHistory(kind: string, seed: number | string, shrinkRuns: number): Promise<Outcome> {
  const history = kinds.get(kind);
  if (!history) throw new Error(`There are no histories of ${kind}.`);
  return history(seed, shrinkRuns);
}

function of<S, C, M extends { readonly notes: Notes }>(optionsOf: (seed: number | string) => SimulateOptions<S, C, M>): History {
  return (seed, shrinkRuns) => run(optionsOf(seed), shrinkRuns);
}

async function run<S, C, M extends { readonly notes: Notes }>(
  options: SimulateOptions<S, C, M>,
  shrinkRuns: number,
): Promise<Outcome> {
  let notes: Notes | undefined;
  const model: typeof options.model = (clock) => {
    const made = options.model?.(clock) as M;
    // The first: a history that fails is run again to be shrunk.
    notes ??= made.notes;
    return made;
  };
  try {
    const report = await simulate({ ...options, model, shrinkRuns });
    return { report, notes: notes as unknown as Notes };
  } catch (error) {
    if (!(error instanceof SimulationFailure)) throw error;
    return { failure: error, notes: notes as unknown as Notes };
  }
}

export async function runHistories({ kind, from, count, maxFailures, shrinkRuns }: Range): Promise<Summary> {
  const before = process.cpuUsage();
  const failures: Failure[] = [];
  const states: Record<string, number> = {};
  const hashes: Record<string, string> = {};
  let [seeds, full, stored, delivered, faults, lives, steps, simulatedMs] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let seed = from; seed < from + count && failures.length < maxFailures; seed++) {
    const { report, failure, notes } = await runHistory(kind, seed, shrinkRuns);
    seeds++;
    if (failure !== undefined) failures.push({ kind, seed, message: failure.message, trace: failure.trace });
    if (!report) continue;
    stored += notes.stored;
    delivered += notes.delivered;
    faults += report.faults;
    lives += report.serverLives;
    steps += report.steps;
    simulatedMs += report.simulatedMs;
    if (notes.delivered >= 20 && report.faults >= 3) full++;
    if (seed % 100 === 0) hashes[`${kind} ${seed}`] = report.hash;
    for (const state of new Set([...Object.keys(notes.states), ...Object.keys(report.states)])) {
      states[state] = (states[state] ?? 0) + 1;
    }
  }
  const { user, system } = process.cpuUsage(before);
  const cpuMs = (user + system) / 1000;
  return { seeds, failures, full, stored, delivered, faults, lives, steps, simulatedMs, states, hashes, cpuMs };
}

/** As if they had been one. */
export function joined(all: readonly Summary[]): Summary {
  const sum = (of: (summary: Summary) => number): number => all.reduce((total, each) => total + of(each), 0);
  const states: Record<string, number> = {};
  for (const each of all) for (const [state, times] of Object.entries(each.states)) states[state] = (states[state] ?? 0) + times;
  return {
    seeds: sum(({ seeds }) => seeds),
    failures: all.flatMap(({ failures }) => failures),
    full: sum(({ full }) => full),
    stored: sum(({ stored }) => stored),
    delivered: sum(({ delivered }) => delivered),
    faults: sum(({ faults }) => faults),
    lives: sum(({ lives }) => lives),
    steps: sum(({ steps }) => steps),
    simulatedMs: sum(({ simulatedMs }) => simulatedMs),
    states,
    hashes: Object.assign({}, ...all.map(({ hashes }) => hashes)) as Record<string, string>,
    cpuMs: sum(({ cpuMs }) => cpuMs),
  };
}
