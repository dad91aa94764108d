/**
 * Presence under faults: 200 histories of the real source, and bugs planted in it, each of which the same histories have to find.
 * Rules: docs/protocol/presence.md.
 */
import { expect, test } from "vitest";
import { bundleProgram, type Patch } from "../sim/bundle.ts";
import { runHistories, type Summary } from "./histories.ts";

const entry = new URL("./entry.ts", import.meta.url);
const seeds = 200;

async function run(patches: readonly Patch[], maxFailures: number, shrinkRuns: number, count = seeds): Promise<Summary> {
  const program = await bundleProgram(entry, patches);
  try {
    return (await program.run(1, count, maxFailures, shrinkRuns)) as Summary;
  } finally {
    await program.remove();
  }
}

test("PRESENCE3, PRESENCE20, PRESENCE21 and PRESENCE26 hold in 200 histories", { timeout: 300_000 }, async () => {
  const { failures, faults, lives, states, hash, seeds: ran } = await run([], 1, 100);
  for (const { seed, message } of failures) expect.fail(`seed ${seed}: ${message}`);
  expect(ran).toBe(seeds);
  expect(faults).toBeGreaterThan(2000);
  expect(lives).toBeGreaterThan(seeds + 50);
  for (const state of ["a broadcast heard", "joined", "came back in the grace", "the grace was over"])
    expect([state, (states[state] ?? 0) >= 20]).toEqual([state, true]);
  // In this process, and to the last step the same.
  expect((await runHistories(1, 1, 1, 0)).hash).toBe(hash);
});

const room = "src/server/presence-room.ts";
const bugs: readonly (readonly [bug: string, patch: Patch])[] = [
  [
    "who left is a ghost when its subscription ends",
    { file: room, text: "    seat.holder = undefined;\n    this.seats.delete", instead: "    this.seats.delete" },
  ],
  ["a late word of an older line counts", { file: room, text: "if (isLate) throw", instead: "if (isLate && !known) throw" }],
  [
    "the end of an older subscription counts",
    { file: room, text: "if (seat.holder !== holder) return;\n", instead: "if (!seat.holder) return;\n" },
  ],
  [
    "nobody is waited for",
    { file: room, text: 'if (how === "over" || waitMs <= 0) return', instead: 'if (how !== "goodbye" || waitMs <= 0) return' },
  ],
  [
    "somebody who is back is somebody new",
    {
      file: room,
      text: "this.#bySession.get(session.id) ?? (proven?.key === key ? proven : undefined)",
      instead: "proven?.session === session && !proven.isLost ? proven : undefined",
    },
  ],
  [
    "who is back is gone when the grace of the loss is over",
    { file: room, text: "    this.#forgetTimer(seat);\n    const holder", instead: "    const holder" },
  ],
  [
    "that somebody left is not told where it was reconnecting",
    {
      file: "src/server/presence-outlet.ts",
      text: "if (!shown) return before &&",
      instead: 'if (!shown) return before?.status === "reconnecting" ? undefined : before &&',
    },
  ],
  [
    "who leaves while it joins does not say so",
    { file: "src/client/room.ts", text: 'if (hasAsked) ask(["leave"]);', instead: 'if (isIn) ask(["leave"]);' },
  ],
  [
    "what was under way when the line was lost is forgotten",
    {
      file: "src/client/room.ts",
      text: "    const sent = data.get();\n    const asked",
      instead: "    const sent = accepted;\n    const asked",
    },
  ],
];

test.each(bugs)("planted: %s", { timeout: 300_000 }, async (_bug, patch) => {
  const { failures, seeds: ran } = await run([patch], 1, 0);
  expect(failures, `${ran} histories found nothing`).toHaveLength(1);
});
