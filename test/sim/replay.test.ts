/** One seed, as often as wanted: `SEED=17 npx vitest run … test/sim/replay.test.ts`; with `TRACE=1` every step is printed. */
import { expect, test } from "vitest";
import { describeFailure } from "./histories.ts";
import { drawPlan } from "./plan.ts";
import { runPlan } from "./world.ts";

const seed = process.env["SEED"] ?? "1";

test(`the history of seed ${seed} has no findings, and is the same every time`, async () => {
  const print = (atMs: number, node: string, what: string): void =>
    console.log(`${atMs.toFixed(2).padStart(10)} ${node.padEnd(8)} ${what}`);
  const report = await runPlan(drawPlan(seed), process.env["TRACE"] ? print : undefined);
  expect.soft(report.findings, report.findings.length ? await describeFailure(report) : "").toEqual([]);
  const again = await runPlan(drawPlan(seed));
  expect([again.hash, again.steps, again.delivered, again.findings]).toEqual([
    report.hash,
    report.steps,
    report.delivered,
    report.findings,
  ]);
});
