/** What a process of its own runs: `from count maxFailures shrinkRuns` as arguments, the summary printed as JSON. */
import { withoutWorld } from "../sim/traps.ts";
import { runHistories } from "./histories.ts";

// Yjs says there what it makes of forged ids; stdout is for the summary.
console.log = () => {};

async function main(): Promise<void> {
  const [from = 1, count = 1, maxFailures = 1, shrinkRuns = 0] = process.argv.slice(2).map(Number);
  const summary = await withoutWorld(() => runHistories(from, count, maxFailures, shrinkRuns));
  process.stdout.write(JSON.stringify(summary));
}

void main();
