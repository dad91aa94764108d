/**
 * The tests of the tests, for shared trees and stores: bugs planted in the product's real source, one at a time, each of which the
 * histories have to find within the seeds of the quick tier. (The same seeds without a bug pass: durable.test.ts runs them.)
 */
import { expect, test } from "vitest";
import type { Patch } from "../sim/bundle.ts";
import { bundleDurable, type Limits } from "./bundles.ts";
import { quickTier, type Summary } from "./histories.ts";

type Bug = readonly [bug: string, kind: "shared" | "store", patch: Patch, limits?: Limits];

const bugs: readonly Bug[] = [
  [
    "DURABLE15 what is pending is laid over the tree without the oldest write",
    "shared",
    { file: "src/client/shared-topic.ts", text: "changes } of pending) {", instead: "changes } of pending.slice(1)) {" },
  ],
  [
    "DURABLE13 a write that was rejected stays on the screen",
    "shared",
    {
      file: "src/client/shared-topic.ts",
      text: "receipt.stored.then(settled, settled);",
      instead: "receipt.stored.then(settled, () => {});",
    },
  ],
  [
    "DURABLE13 what an earlier page wrote stays on top when it is confirmed",
    "shared",
    {
      file: "src/client/unanswered.ts",
      text: "receipt.stored.then(stored, done);",
      instead: "receipt.stored.then(() => has() && stored, done);",
    },
  ],
  [
    "DURABLE14 a stamp from the future is taken",
    "shared",
    {
      file: "src/kind/shared.ts",
      text: "const isUnknown = ms === 0 || ms > context.nowMs + maxAheadMs;",
      instead: "const isUnknown = ms === 0 || ms > context.nowMs + 1e15;",
    },
  ],
  [
    "DURABLE14 a stamp that comes does not move the clock on",
    "shared",
    {
      file: "src/client/shared-clock.ts",
      text: "if (compareStamps(stamp, seen) > 0) seen = stamp;\n    hybrid.see(stamp);",
      instead: "void stamp;",
    },
  ],
  [
    "DURABLE13 whichever write comes last wins",
    "shared",
    {
      file: "src/kind/registers.ts",
      text: "if (register.stamp && compareStamps(register.stamp, stamp) >= 0)\n",
      instead: "if (register.stamp && compareStamps(register.stamp, stamp) === 0)\n",
    },
  ],
  [
    "DURABLE13 a snapshot has no deletions",
    "shared",
    {
      file: "src/kind/shared-tree.ts",
      text: "const rows = this.registers.list().map(",
      instead: "const rows = this.registers.list().filter(([, , value]) => value !== nothing).map(",
    },
  ],
  [
    "DURABLE13 a deletion is forgotten that hides what is beneath",
    "shared",
    {
      file: "src/kind/registers.ts",
      text: "if (!isOld || child.below?.size || !isObject || has) continue;",
      instead: "if (!isOld || child.below?.size || !isObject) continue;",
    },
  ],
  [
    "DURABLE15 calls are run again without the oldest",
    "store",
    {
      file: "src/kind/optimistic.ts",
      text: "[...adopted.values(), ...proposed.values()]",
      instead: "[...adopted.values(), ...[...proposed.values()].slice(1)]",
    },
  ],
  [
    "DURABLE15 an entry is shown beside its call",
    "store",
    { file: "src/kind/optimistic.ts", text: "      drop(id);\n      isStale = true;", instead: "      isStale = true;" },
  ],
  [
    "DURABLE12 a call that the server rejected stays on the screen",
    "store",
    {
      file: "src/client/store.ts",
      text: "receipt.stored.then(answered, answered);",
      instead: "receipt.stored.then(answered, () => {});",
    },
  ],
  [
    "DURABLE12 a call of a session that was forgotten counts as new",
    "store",
    { file: "src/server/writes.ts", text: '(outcome === "unknown" && !resent)', instead: 'outcome === "unknown"' },
  ],
  [
    "DURABLE12 a call that is sent again is made again",
    "store",
    {
      file: "src/server/writes.ts",
      text: 'if (outcome === undefined || (outcome === "unknown" && !resent)) return false;',
      instead: 'if (outcome === undefined || resent || outcome === "unknown") return false;',
    },
  ],
  [
    "DURABLE13 what the server makes of a call is not what it logs",
    "store",
    {
      file: "src/kind/store-authority.ts",
      text: "? ahead.to : applyPatch(state, entry[0] as Steps);",
      instead: "? ahead.to : state;",
    },
  ],
  [
    "COPY1 a page goes on from behind what its copy has",
    "shared",
    {
      file: "src/client/storage/keeping.ts",
      text: "held.begin(copied.epoch, copied.offset);",
      instead: "held.begin(copied.epoch, copied.offset + 1);",
    },
  ],
];

/** Two processes at a time. */
const lanes: [Promise<unknown>, Promise<unknown>] = [Promise.resolve(), Promise.resolve()];

async function hunt([, kind, patch, limits = "tight"]: Bug): Promise<Summary> {
  const { run, remove } = await bundleDurable(limits, [patch]);
  try {
    return (await run(kind, ...quickTier[limits], 1, 0)) as Summary;
  } finally {
    await remove();
  }
}

let hunts: readonly Promise<Summary>[] | undefined;
const startAll = (): readonly Promise<Summary>[] =>
  bugs.map((bug, index) => {
    const lane = index % 2 === 0 ? 0 : 1;
    const summary = lanes[lane].then(() => hunt(bug));
    lanes[lane] = summary.catch(() => {});
    return summary;
  });

test.each(bugs.map(([bug], index) => [bug, index] as const))("planted: %s", { timeout: 600_000 }, async (bug, index) => {
  hunts ??= startAll();
  const { failures, seeds } = (await hunts[index]) as Summary;
  expect(failures, `${seeds} histories found nothing`).toHaveLength(1);
  console.log(`${bug}: found by seed ${failures[0]?.seed}: ${failures[0]?.message.split("\n")[0]}`);
});
