/**
 * The tests of the tests: bugs planted in the product's real source, one at a time, each of which the histories have to
 * find. (The same seeds without a bug pass: test/sim/resume.test.ts runs them.)
 */
import { expect, test } from "vitest";
import { bundleSimulation, type Patch } from "./bundle.ts";
import type { Summary } from "./histories.ts";

/** Of the thousand, the first so many must be enough. */
const seeds = 200;

const bugs: readonly (readonly [bug: string, patches: readonly Patch[]])[] = [
  [
    "off by one in resume: the server skips the entry after the reader's position",
    [
      {
        file: "src/server/starting-point.ts",
        text: "return { offset: since.offset, recovered: true, snapshot: undefined };",
        instead: "return { offset: Math.min(since.offset + 1, head), recovered: true, snapshot: undefined };",
      },
    ],
  ],
  [
    "off by one in resume: a position that the tail just holds counts as lost",
    [
      {
        file: "src/server/starting-point.ts",
        text: "since.offset + 1 >= feed.tail.first",
        instead: "since.offset >= feed.tail.first",
      },
    ],
  ],
  [
    "off by one in resume: the client takes an entry for the next one that is the one after",
    [{ file: "src/client/held.ts", text: "if (parts || first > offset + 1)", instead: "if (parts || first > offset + 2)" }],
  ],
  [
    "the epoch is ignored when a reader subscribes again",
    [{ file: "src/server/starting-point.ts", text: "(since.epoch === null || since.epoch === feed.epoch)", instead: "true" }],
  ],
  [
    "a restarted server goes on in the old epoch",
    [{ file: "src/topic/memory-log.ts", text: "randomHex(env, 6)", instead: '"an epoch"' }],
  ],
  [
    "a late socket is believed: its frames",
    [
      {
        file: "src/client/line.ts",
        text: "if (line === state.line && transport === opened) hear(data);",
        instead: "hear(data);",
      },
    ],
  ],
  [
    "a late socket is believed: its frames and its end",
    [
      {
        file: "src/client/line.ts",
        text: "if (line === state.line && transport === opened) hear(data);",
        instead: "hear(data);",
      },
      { file: "src/session/line-step.ts", text: " || (of !== undefined && of !== line)", instead: "" },
    ],
  ],
  [
    "the answer to an older subscription is believed",
    [{ file: "src/client/held.ts", text: "nth === asks && answered(value)", instead: "answered(value)" }],
  ],
  [
    "an acknowledgement is lost while its topic is subscribed anew",
    [
      {
        file: "src/client/writes.ts",
        text: "if (to !== queue.sentTo(held.id)) return false;",
        instead: "if (to !== held.id) return true;",
      },
    ],
  ],
  [
    "what was sent when a line broke is given new numbers on the next",
    [{ file: "src/client/write-queue.ts", text: "if (write.seq && write.session === session) return true;", instead: "" }],
  ],
  [
    "a write that was sent under a lost session is sent again under the new one",
    [{ file: "src/client/write-queue.ts", text: "(isOther || !write.idempotent)", instead: "isOther" }],
  ],
  [
    "a write that the server had is done again",
    [{ file: "src/server/writers.ts", text: "if (seq > writer.last) return undefined;", instead: "return undefined;" }],
  ],
  [
    "a reply overtakes its effect",
    [
      {
        file: "src/server/connection.ts",
        text: "    if (room) room = serveCursors(this, this.#host);\n    if (room) room = this.#flushReplies();\n",
        instead:
          '    if (room) room = this.#flushLane("normal", 99);\n    if (room) room = serveCursors(this, this.#host);\n    if (room) room = this.#flushReplies();\n',
      },
    ],
  ],
  [
    "a snapshot counts as one entry further than it is",
    [
      {
        file: "src/server/topic-feeds.ts",
        text: 'framer.event("sync/snapshot", [id, head,',
        instead: 'framer.event("sync/snapshot", [id, head + 1,',
      },
    ],
  ],
  [
    "a slow reader is told a gap that is one too long",
    [{ file: "src/server/cursor.ts", text: '[feed.epoch, at], "overtaken"', instead: '[feed.epoch, at + 1], "overtaken"' }],
  ],
  [
    "what a reader has is told again when another one goes back",
    [{ file: "src/client/channel-readers.ts", text: "if (message.offset < next) return;", instead: "" }],
  ],
  [
    "what another reader missed is told to all",
    [{ file: "src/client/channel-readers.ts", text: "if (first && to < next) return;", instead: "" }],
  ],
];

/** Two processes at a time. */
const lanes: [Promise<unknown>, Promise<unknown>] = [Promise.resolve(), Promise.resolve()];

async function hunt(patches: readonly Patch[]): Promise<Summary> {
  const bundle = await bundleSimulation(patches);
  try {
    return await bundle.run({ from: 1, count: seeds, maxFailures: 1 });
  } finally {
    await bundle.remove();
  }
}

let hunts: readonly Promise<Summary>[] | undefined;
const startAll = (): readonly Promise<Summary>[] =>
  bugs.map(([, patches], index) => {
    const lane = index % 2 === 0 ? 0 : 1;
    const summary = lanes[lane].then(() => hunt(patches));
    lanes[lane] = summary.catch(() => {});
    return summary;
  });

test.each(bugs.map(([bug], index) => [bug, index] as const))("planted: %s", { timeout: 300_000 }, async (bug, index) => {
  hunts ??= startAll();
  const { failures, seeds: run } = (await hunts[index]) as Summary;
  expect(failures, `${run} histories found nothing`).toHaveLength(1);
  console.log(`${bug}: found by seed ${failures[0]?.seed}: ${failures[0]?.findings[0]?.what.split("\n")[0]}`);
});

test("a patch whose text is not in its file is not planted in silence", async () => {
  const patch = { file: "src/client/held.ts", text: "this stands nowhere", instead: "" };
  await expect(bundleSimulation([patch])).rejects.toThrow("has this 0 times");
  await expect(bundleSimulation([{ ...patch, file: "src/nowhere.ts" }])).rejects.toThrow("does not load src/nowhere.ts");
});
