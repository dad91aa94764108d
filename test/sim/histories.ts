/**
 * Many histories, one seed each: what they had in them, and for one that failed, the shortest plan that still fails.
 */
import { drawPlan, type Plan } from "./plan.ts";
import { type Report, runPlan } from "./world.ts";

/** Plain data: it travels from the processes that run the histories. */
export interface Summary {
  readonly seeds: number;
  readonly failures: readonly Report[];
  /** Histories with at least 20 entries told under at least 3 faults. */
  readonly full: number;
  readonly delivered: number;
  readonly faults: number;
  /** Rare states, and in how many histories each was reached. */
  readonly states: Readonly<Record<string, number>>;
  /** Hashes of every hundredth seed. */
  readonly hashes: Readonly<Record<number, string>>;
  /** What the longest of its processes took of its core. */
  readonly cpuMs: number;
}

export interface Range {
  readonly from: number;
  readonly count: number;
  /** Stops after so many failures. */
  readonly maxFailures: number;
}

export async function runHistories({ from, count, maxFailures }: Range): Promise<Summary> {
  const before = process.cpuUsage();
  const failures: Report[] = [];
  const states: Record<string, number> = {};
  const hashes: Record<number, string> = {};
  let [seeds, full, delivered, faults] = [0, 0, 0, 0];
  for (let seed = from; seed < from + count && failures.length < maxFailures; seed++) {
    const report = await runPlan(drawPlan(seed));
    seeds++;
    delivered += report.delivered;
    faults += report.faults;
    if (report.delivered >= 20 && report.faults >= 3) full++;
    if (seed % 100 === 0) hashes[seed] = report.hash;
    for (const state of Object.keys(report.states)) states[state] = (states[state] ?? 0) + 1;
    if (report.findings.length) failures.push(report);
  }
  const { user, system } = process.cpuUsage(before);
  return { seeds, failures, full, delivered, faults, states, hashes, cpuMs: (user + system) / 1000 };
}

/** The two as if they had been one. */
export function joined(a: Summary, b: Summary): Summary {
  const states = { ...a.states };
  for (const [state, times] of Object.entries(b.states)) states[state] = (states[state] ?? 0) + times;
  return {
    seeds: a.seeds + b.seeds,
    failures: [...a.failures, ...b.failures],
    full: a.full + b.full,
    delivered: a.delivered + b.delivered,
    faults: a.faults + b.faults,
    states,
    hashes: { ...a.hashes, ...b.hashes },
    cpuMs: Math.max(a.cpuMs, b.cpuMs),
  };
}

/** Leaves out operations, the largest spans first, as long as it goes on failing. */
export async function shrink(plan: Plan, maxRuns = 200): Promise<Plan> {
  let best = plan;
  let runs = 0;
  for (let span = best.ops.length >> 1; span >= 1; span >>= 1) {
    for (let at = 0; at < best.ops.length && runs++ < maxRuns; ) {
      const ops = best.ops.filter((_, index) => index < at || index >= at + span);
      if ((await runPlan({ ...best, ops })).findings.length) best = { ...best, ops };
      else at += span;
    }
  }
  return best;
}

/** Everything a person needs to see it again. */
export async function describeFailure({ seed, findings }: Report): Promise<string> {
  const shrunk = await shrink(drawPlan(seed));
  const left = (await runPlan(shrunk)).findings;
  const ops = shrunk.ops.map(({ atMs, name, client, args }) => `  ${atMs} ms  ${name} client${client} ${JSON.stringify(args)}`);
  return [
    `seed ${seed}: ${findings.length} findings, the first at ${findings[0]?.atMs} ms:`,
    `  ${findings[0]?.what}`,
    `again: SEED=${seed} npx vitest run --config test/vitest.config.ts --project node test/sim/replay.test.ts -t history`,
    ...(left.length
      ? [`it still fails with these ${ops.length} operations (${left[0]?.what}):`, ...ops]
      : ["it did not fail again"]),
    `under ${JSON.stringify({ ...shrunk, ops: undefined })}`,
  ].join("\n");
}
