/**
 * What a process of its own runs: a range of histories, `kind from count maxFailures shrinkRuns` as arguments, the summary printed as
 * JSON.
 *
 * Always: while histories run, the process has no clock, timers or randomness but those of the simulation.
 */
import { withoutWorld } from "../sim/traps.ts";
import { runHistories } from "./histories.ts";

async function main(): Promise<void> {
  const [kind = "", ...numbers] = process.argv.slice(2);
  const [from = 1, count = 1, maxFailures = 1, shrinkRuns = 0] = numbers.map(Number);
  const summary = await withoutWorld(() => runHistories({ kind, from, count, maxFailures, shrinkRuns }));
  process.stdout.write(JSON.stringify(summary));
}

void main();
