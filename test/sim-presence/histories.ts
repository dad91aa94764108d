/** A range of histories, one after the other, and what they had in them. */
import { type SimulationReport, simulate } from "sente-sync/testing";
import { type History, history, type Model } from "./history.ts";

export interface Summary {
  readonly seeds: number;
  readonly failures: readonly { readonly seed: number; readonly message: string }[];
  readonly faults: number;
  readonly lives: number;
  readonly states: Readonly<Record<string, number>>;
  /** Of the first seed. */
  readonly hash: string;
}

export async function runHistories(from: number, count: number, maxFailures: number, shrinkRuns: number): Promise<Summary> {
  const failures: { seed: number; message: string }[] = [];
  const states: Record<string, number> = {};
  let [faults, lives, hash, seeds] = [0, 0, "", 0];
  for (let seed = from; seed < from + count && failures.length < maxFailures; seed++) {
    seeds++;
    const result = await runHistory(seed, shrinkRuns);
    if ("message" in result) failures.push({ seed, message: result.message });
    else {
      const { report, model } = result;
      faults += report.faults;
      lives += report.serverLives;
      hash ||= report.hash;
      for (const [state, times] of Object.entries(model.states)) states[state] = (states[state] ?? 0) + times;
    }
  }
  return { seeds, failures, faults, lives, states, hash };
}

async function runHistory(
  seed: number,
  shrinkRuns: number,
): Promise<{ readonly report: SimulationReport; readonly model: Model } | { readonly message: string }> {
  let model: Model | undefined;
  const options = history(seed, { shrinkRuns });
  const make = options.model as NonNullable<History["model"]>;
  try {
    const report = await simulate({
      ...options,
      model: (clock) => {
        model = make(clock);
        return model;
      },
    });
    return { report, model: model as unknown as Model };
  } catch (error) {
    return { message: (error as Error).message };
  }
}
