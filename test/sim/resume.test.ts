/** Resume, proven: a thousand histories, in two processes. Rules: docs/protocol/resume.md. */
import { afterAll, expect, test } from "vitest";
import { type Bundle, bundleSimulation } from "./bundle.ts";
import { describeFailure, joined, type Summary } from "./histories.ts";
import { drawPlan } from "./plan.ts";
import { runPlan } from "./world.ts";

const seeds = 1000;
const allowedMs = 30_000;

/** What rarely happens, and in how many histories at least. */
const rareStates: readonly (readonly [title: string, state: string, atLeast: number])[] = [
  ["RESUME3 a position the tail still held was resumed from", "a resume recovered", 500],
  ["RESUME3 an overrun of the tail was told as a snapshot", "a snapshot after an overrun", 100],
  ["RESUME3 an overrun of the tail was told as a gap", "a gap told", 200],
  ["RESUME3 a slow reader was overtaken", "a reader overtaken while it was slow", 100],
  ["RESUME4 a new epoch was told to an atom's reader", "an atom's epoch change seen", 200],
  ["RESUME4 a new epoch was told to a channel's reader", "a channel's epoch change seen", 200],
  ["RESUME6 a write sent again after its line broke was answered as it was", "a write sent again was answered as it was", 100],
  ["RESUME6 a write under way when its server or its client ended was kept", "a write of unknown outcome, stored", 100],
  ["RESUME6 a write under way when its server or its client ended was lost", "a write of unknown outcome, lost", 100],
  ["RESUME7 a reply was compared with its effect", "a reply compared with its effect", 30],
  ["RESUME8 an entry lost in silence was found by the next one", "a hole found by the next entry", 50],
  ["RESUME8 an entry lost in silence was found by the position check", "a hole found by the position check", 30],
  ["RESUME9 a dead line was found by the client's ping", "a dead line found by a ping", 100],
  ["RESUME9 a silent client was closed by the server", "a silent client closed", 50],
  ["RESUME9 a client that read nothing was closed by the server", "a stuck client closed", 2],
  ["RESUME9 a connect that never ended was given up", "a connect that never ends given up", 100],
  ["RESUME10 a late word of an older socket was dropped", "a late word dropped", 50],
];

let bundle: Promise<Bundle> | undefined;
let tookMs = 0;
let summary: Promise<Summary> | undefined;

const runAll = async (): Promise<Summary> => {
  bundle ??= bundleSimulation();
  const { run } = await bundle;
  const startMs = performance.now();
  const half = seeds / 2;
  const [first, second] = await Promise.all([
    run({ from: 1, count: half, maxFailures: 1 }),
    run({ from: half + 1, count: half, maxFailures: 1 }),
  ]);
  tookMs = performance.now() - startMs;
  return joined(first, second);
};
const histories = (): Promise<Summary> => (summary ??= runAll());

afterAll(async () => (await bundle)?.remove());

test("RESUME1, RESUME2, RESUME3, RESUME4, RESUME5, RESUME6, RESUME7 and RESUME11 hold in 1000 histories", {
  timeout: 300_000,
}, async () => {
  const { failures, seeds: run, full, delivered, faults, cpuMs } = await histories();
  console.log(
    `${run} seeds in ${(tookMs / 1000).toFixed(1)} s (${(cpuMs / 1000).toFixed(1)} s of each core): ` +
      `${delivered} entries told under ${faults} faults; ${full} histories told 20 entries under 3 faults`,
  );
  for (const report of failures) expect.fail(await describeFailure(report));
  expect(run).toBe(seeds);
});

test("the histories take less than 30 s of the two cores they run on", async () => {
  // Not the time on the wall, which others on this machine have a part in.
  expect((await histories()).cpuMs).toBeLessThan(allowedMs);
});

test("four of five histories tell at least 20 entries under at least 3 faults that happened", async () => {
  const { full } = await histories();
  expect(full).toBeGreaterThanOrEqual(seeds * 0.8);
});

test("one history of a hundred is run again, in another process, and is the same to the last byte", async () => {
  const { hashes } = await histories();
  expect(Object.keys(hashes)).toHaveLength(seeds / 100);
  for (const [seed, hash] of Object.entries(hashes))
    expect([seed, (await runPlan(drawPlan(Number(seed)))).hash]).toEqual([seed, hash]);
});

test.each(rareStates)("%s", async (_title, state, atLeast) => {
  const { states } = await histories();
  expect(states[state] ?? 0).toBeGreaterThanOrEqual(atLeast);
});
