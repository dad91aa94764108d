/**
 * One durable history, as often as wanted: `KIND=channel-strict SEED=17 LIMITS=tight npx vitest run … test/sim-durable/replay.test.ts`;
 * with `TRACE=1` the steps of its shortest tape are printed, should it fail.
 */
import { expect, test } from "vitest";
import { bundleDurable, type Limits } from "./bundles.ts";
import type { Summary } from "./histories.ts";

const { KIND = "channel-strict", SEED = "1", LIMITS = "default", TRACE } = process.env;

test(`the ${KIND} history of seed ${SEED} holds, and is the same every time`, { timeout: 600_000 }, async () => {
  const { run, remove } = await bundleDurable(LIMITS as Limits);
  const once = async (): Promise<Summary> => (await run(KIND, SEED, 1, 1, 300)) as Summary;
  const first = await once();
  const [failure] = first.failures;
  if (failure && TRACE) console.log(failure.trace.join("\n"));
  expect.soft(failure?.message).toBe(undefined);
  const { steps, delivered, failures } = await once();
  await remove();
  expect([steps, delivered, failures[0]?.message]).toEqual([first.steps, first.delivered, failure?.message]);
});
