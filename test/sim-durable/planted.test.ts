/**
 * The tests of the tests: bugs planted in the product's real source, one at a time, each of which the durable histories have to find
 * within the seeds of the quick tier. (The same seeds without a bug pass: durable.test.ts runs them.)
 */
import { expect, test } from "vitest";
import type { Patch } from "../sim/bundle.ts";
import { bundleDurable, type Limits } from "./bundles.ts";
import { joined, quickTier, type Summary } from "./histories.ts";

/** `limits`: under which it is sooner found. */
type Bug = readonly [bug: string, kind: string, patches: readonly Patch[], limits?: Limits];

const bugs: readonly Bug[] = [
  [
    "acknowledged before it is synced",
    "channel-strict",
    [
      {
        file: "src/topic/segment/writer.ts",
        text: "    await file.write(segment.end, pieces);\n    await file.sync();\n",
        instead: "    await file.write(segment.end, pieces);\n",
      },
    ],
  ],
  [
    "a failed sync is believed",
    "channel-strict",
    [
      {
        file: "src/topic/segment/writer.ts",
        text: "    await file.sync();\n",
        instead: "    await file.sync().catch(() => {});\n",
      },
    ],
  ],
  [
    "told and acknowledged while it is on its way to the disk",
    "channel-strict",
    [
      {
        file: "src/topic/segment/open-topic.ts",
        text: 'return this.durability === "relaxed" && this.decided === this.#offset',
        instead: "return this.decided === this.#offset",
      },
    ],
  ],
  [
    "a torn tail is believed",
    "channel-strict",
    [
      {
        file: "src/topic/segment/index-file.ts",
        text: "if (last && !isWhole(bytes, last)) {",
        instead: "if (last && bytes.length < 0) {",
      },
    ],
  ],
  [
    "what a start reads of the last segment is not stored before it counts",
    "channel-strict",
    [
      {
        file: "src/topic/segment/segment-log.ts",
        text: "for (const [number, end] of replayed.unstated) await",
        instead: "for (const [number, end] of []) await",
      },
    ],
    "default",
  ],
  [
    "the epoch stays after an unclean stop of a relaxed topic",
    "channel-relaxed",
    [
      {
        file: "src/topic/segment/open-topic.ts",
        text: 'this.durability === "relaxed" ? `${topic.epoch}-${log.generation}` : topic.epoch',
        instead: "topic.epoch",
      },
    ],
  ],
  [
    "trimmed past the snapshot",
    "channel-strict",
    [
      {
        file: "src/topic/segment/open-topic.ts",
        text: "const last = snapshot?.offset ?? (saved > 0 || this.#saving > 0 ? 0 : Number.POSITIVE_INFINITY);",
        instead: "const last = snapshot || saved ? Number.POSITIVE_INFINITY : Number.POSITIVE_INFINITY;",
      },
    ],
    "default",
  ],
  [
    "off by one in recovery: the first entry behind the snapshot is passed over",
    "atom-strict",
    [
      {
        file: "src/server/topic-state.ts",
        text: "snapshot ? snapshot.offset + 1 : 1, log.first",
        instead: "snapshot ? snapshot.offset + 2 : 1, log.first",
      },
    ],
  ],
  [
    "off by one in recovery: the last entry of the snapshot is applied again",
    "atom-strict",
    [
      {
        file: "src/server/topic-state.ts",
        text: "snapshot ? snapshot.offset + 1 : 1, log.first",
        instead: "snapshot ? snapshot.offset : 1, log.first",
      },
    ],
  ],
  [
    "a snapshot is ahead of the offset that it says",
    "atom-strict",
    [
      {
        file: "src/server/topic-state.ts",
        text: "log.saveSnapshot({ offset: log.decided, state })",
        instead: "log.saveSnapshot({ offset: log.decided - 1, state })",
      },
    ],
  ],
  [
    "what could not be stored stays in the state",
    "atom-strict",
    [
      {
        file: "src/server/topic-appends.ts",
        text: "if (recoveries === this.recoveries) await (this.recovering ??= this.#recover());",
        instead: "",
      },
    ],
  ],
  [
    "a reader is given a snapshot of what is decided, not of what is stored",
    "atom-strict",
    [
      {
        file: "src/server/topic-state.ts",
        text: "return told ? told.snapshot() : this.#told;",
        instead: "return snapshot();",
      },
    ],
  ],
  [
    "whose write it is, is not in the record",
    "channel-strict",
    [
      {
        file: "src/server/writes.ts",
        text: 'log.durability === "memory" ? undefined : writers.origin(session.id, seq)',
        instead: "undefined",
      },
    ],
  ],
  [
    "whose writes there were is not loaded from the snapshot",
    "channel-strict",
    [{ file: "src/server/topic-state.ts", text: "writers.load(known);", instead: "writers.load(undefined);" }],
  ],
  [
    "what is kept of few entries is trimmed before any snapshot says whose they were",
    "channel-strict",
    [
      {
        file: "src/server/topic-state.ts",
        text: "this.#hasSaved = snapshot !== undefined || !this.#isTight;",
        instead: "this.#hasSaved = true;",
      },
    ],
    "default",
  ],
  [
    "a write that is sent again counts as new",
    "channel-strict",
    [
      {
        file: "src/server/writes.ts",
        text: 'if (outcome === undefined || (outcome === "unknown" && !resent)) return false;',
        instead: 'if (outcome === undefined || resent || outcome === "unknown") return false;',
      },
    ],
  ],
  [
    "a write of a session that was forgotten counts as new",
    "channel-strict",
    [{ file: "src/server/writes.ts", text: '(outcome === "unknown" && !resent)', instead: 'outcome === "unknown"' }],
  ],
  [
    "a session's token is not checked",
    "channel-strict",
    [
      {
        file: "src/server/tokens.ts",
        text: "if (mac.length !== own.length || !timingSafeEqual(mac, own)) return undefined;",
        instead: "if (mac.length === 0 && timingSafeEqual(own, own)) return undefined;",
      },
    ],
  ],
  [
    "the secret that proves sessions is another one after each start",
    "channel-strict",
    [{ file: "src/server/opening.ts", text: "await opened.keep(secretKey, secret);", instead: "" }],
  ],
  [
    "the outbox numbers anew under the session that goes on",
    "channel-strict",
    [
      {
        file: "src/client/write-queue.ts",
        text: "if (write.seq && write.session === session) return true;",
        instead: "if (write.seq && write.session === session && underWay > 0) return true;",
      },
      { file: "src/client/write-queue.ts", text: "if (write.isSent && (isOther || !write.idempotent))", instead: "if (isOther)" },
    ],
  ],
  [
    "what waits is not sent when the session is known later than the topic",
    "channel-strict",
    [{ file: "src/client/writes.ts", text: "welcomed: arm,", instead: "welcomed() {}," }],
    "default",
  ],
  [
    "a session that was restored numbers new writes",
    "channel-strict",
    [
      {
        file: "src/client/outbox.ts",
        text: "mayNumber: (_topic, session) => session !== restored,",
        instead: "mayNumber: (_topic, session) => session !== null || restored === null,",
      },
    ],
  ],
  [
    "what is saved before a topic is let go does not say whose writes it has",
    "store",
    [
      {
        file: "src/server/topic.ts",
        text: "if (this.writers.hasUnrecorded) await this.#state.save();",
        instead: "this.writers.load(undefined);\n    await this.#state.save();",
      },
      {
        file: "src/server/loaded.ts",
        text: "&& !hosted.topic.writers.hasUnrecorded) return",
        instead: "&& hosted.topic.isUntouched) return",
      },
    ],
    "default",
  ],
  [
    "a topic is let go while entries are on their way to the disk",
    "store",
    [
      {
        file: "src/server/topic.ts",
        text: "!this.subscriptions.size && this.#appends.isQuiet && this.log.decided === this.head && !this.log.fault;",
        instead: "!this.subscriptions.size;",
      },
    ],
    "default",
  ],
];

/** Two processes at a time. */
const lanes: [Promise<unknown>, Promise<unknown>] = [Promise.resolve(), Promise.resolve()];

/** With the seeds of one limits, then of the other. */
async function hunt([, kind, patches, limits = "tight"]: Bug): Promise<Summary> {
  const summaries: Summary[] = [];
  for (const each of limits === "tight" ? (["tight", "default"] as const) : (["default", "tight"] as const)) {
    const { run, remove } = await bundleDurable(each, patches);
    try {
      summaries.push((await run(kind, ...quickTier[each], 1, 0)) as Summary);
    } finally {
      await remove();
    }
    if (summaries.at(-1)?.failures.length) break;
  }
  return joined(summaries);
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
  const { failures, seeds: run } = (await hunts[index]) as Summary;
  expect(failures, `${run} histories found nothing`).toHaveLength(1);
  console.log(`${bug}: found by seed ${failures[0]?.seed}: ${failures[0]?.message.split("\n")[0]}`);
});
