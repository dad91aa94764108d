/** What a process of its own runs: `from count maxFailures shrinkRuns` as arguments, the summary printed as JSON. */
import { withoutWorld } from "../sim/traps.ts";
import { runHistories } from "./histories.ts";

async function main(): Promise<void> {
  const [from = 1, count = 1, maxFailures = 1, shrinkRuns = 0] = process.argv.slice(2).map(Number);
  process.stdout.write(JSON.stringify(await withoutWorld(() => runHistories(from, count, maxFailures, shrinkRuns))));
}

void main();
