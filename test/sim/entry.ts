/**
 * What a process of its own runs: a range of histories, from and count given as arguments, the summary printed as JSON.
 *
 * Always: while histories run, the process has no clock, timers or randomness but those of the simulation.
 */
import { type Range, runHistories } from "./histories.ts";
import { withoutWorld } from "./traps.ts";

async function main(): Promise<void> {
  const [from = 1, count = 1, maxFailures = 1] = process.argv.slice(2).map(Number);
  const range: Range = { from, count, maxFailures };
  process.stdout.write(JSON.stringify(await withoutWorld(() => runHistories(range))));
}

void main();
