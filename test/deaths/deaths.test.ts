/**
 * Real processes under real load, killed at drawn instants: nothing that was acknowledged is lost or done twice, and nobody is told
 * what is not so. `SEED=17` runs one seed again: the same instants and writers, on whatever the machine makes of them.
 */
import { expect, test } from "vitest";
import { runDeaths, summary } from "./deaths.ts";

const seed = process.env.SEED ?? String(Date.now() % 1_000_000);
/** Far above what it takes: a hang is to be told from a slow machine. */
const timeout = 400_000;

test.for([
  { name: "strict", kills: 4, durability: "strict", compacting: false },
  { name: "strict, while it compacts", kills: 3, durability: "strict", compacting: true },
  { name: "relaxed", kills: 3, durability: "relaxed", compacting: true },
] as const)("kill -9 under load: $name", { timeout }, async ({ name, ...options }) => {
  const report = await runDeaths({ seed, ...options });
  console.log(`${name}, ${summary(report)}`);
  const again = `SEED=${seed} npx vitest run --config test/vitest.config.ts --project node test/deaths/deaths.test.ts`;
  expect(report.faults.slice(0, 20), again).toEqual([]);
  expect(report.acks).toBeGreaterThan(100);
});
