import fc from "fast-check";
import { expect, test } from "vitest";
import { isSyncError, SyncError } from "../../src/core/errors.ts";
import type { ChannelEntry, ChannelMessage } from "../../src/kind/channel.ts";
import { createChannelAuthority, createChannelReplica, maxEventNameBytes } from "../../src/kind/channel.ts";
import type { Replica, WriteContext } from "../../src/kind/kind.ts";
import { kindLaws } from "../../src/testing/contracts/kind.ts";
import { documents } from "./documents.ts";

const by = (replica: string | null): WriteContext => ({ replica, user: null, nowMs: 0 });
const invalid = expect.objectContaining({ name: "SyncError", code: "invalid" });

/** A channel has no value; what it told stands for one. */
const observed = (): Replica<readonly ChannelMessage[], ChannelEntry> => {
  let told: readonly ChannelMessage[] = [];
  const replica = createChannelReplica((message) => {
    told = [...told, message];
  });
  return {
    get value() {
      return told;
    },
    apply: replica.apply,
    restore: replica.restore,
    clear: replica.clear,
  };
};

const laws = kindLaws({
  authority: () => createChannelAuthority(),
  replica: observed,
  op: (random) => ({ event: random() < 0.2 ? "not a name" : "room/said", data: { n: Math.floor(random() * 9) } }),
  badEntries: [
    null,
    {},
    [],
    ["said", 1],
    ["said", 1, 2],
    ["said", 1, undefined],
    [1, 1, null],
    ["x".repeat(256), 1, null],
    ["a", 1, "b", 2],
  ],
});
for (const { name, run } of laws) test(`${name} (channel)`, run);

test("CHANNEL1 an entry is the event, the data and the publisher's replica, null for the server", () => {
  const channel = createChannelAuthority();
  expect(channel.decide({ event: "said", data: { text: "hi" } }, by("r7"))).toEqual(["said", { text: "hi" }, "r7"]);
  expect(channel.decide({ event: "said", data: null }, by(null))).toEqual(["said", null, null]);
});

test("CHANNEL2 an event's name is one keyword, plain or namespaced, of at most 255 bytes", () => {
  const channel = createChannelAuthority();
  const decide = (event: unknown): unknown => channel.decide({ event: event as string, data: 0 }, by("r"));
  for (const event of [
    "said",
    "page/visit",
    "a.b/c-d",
    "x?",
    "a".repeat(maxEventNameBytes),
    `n/${"a".repeat(maxEventNameBytes - 2)}`,
  ])
    expect(decide(event)).toEqual([event, 0, "r"]);
  for (const event of [
    "",
    "a b",
    "a/",
    "/a",
    "a/b/c",
    ":a",
    "a\n",
    'a"',
    "é",
    "a,b",
    "a".repeat(maxEventNameBytes + 1),
    null,
    1,
    ["said"],
    {},
  ]) {
    expect(() => decide(event), String(event)).toThrow(invalid);
  }
});

test("CHANNEL3 what validate returns is logged, and what it throws rejects", () => {
  const channel = createChannelAuthority({
    validate(event, data) {
      if (event === "own") throw new SyncError("app/full");
      if (typeof data !== "string") throw new TypeError("no text");
      return data.trim();
    },
  });
  expect(channel.decide({ event: "said", data: " hi " }, by("r"))).toEqual(["said", "hi", "r"]);
  expect(() => channel.decide({ event: "said", data: 1 }, by("r"))).toThrow(
    expect.objectContaining({ code: "invalid", cause: expect.any(TypeError) }),
  );
  expect(() => channel.decide({ event: "own", data: 1 }, by("r"))).toThrow(expect.objectContaining({ code: "app/full" }));
});

test("CHANNEL4 a validation that is asynchronous is refused", async () => {
  const channel = createChannelAuthority({ validate: () => Promise.reject(new Error("nobody waits for this")) });
  expect(() => channel.decide({ event: "said", data: 1 }, by("r"))).toThrow(expect.objectContaining({ code: "unsupported" }));
  await new Promise((resolve) => setImmediate(resolve));
});

test("CHANNEL5 a channel has no snapshot and no value: a late joiner gets the tail", () => {
  const channel = createChannelAuthority();
  channel.apply(["said", 1, null]);
  expect(channel.snapshot()).toBeUndefined();
  expect(createChannelReplica(() => {}).value).toBeUndefined();
});

test("CHANNEL6 each entry is told once, with its offset", () => {
  const told: ChannelMessage[] = [];
  const replica = createChannelReplica((message) => told.push(message));
  replica.apply(["said", { text: "hi" }, "r7"], 41);
  replica.apply(["closed", null, null], 42);
  expect(told).toEqual([
    { event: "said", data: { text: "hi" }, from: "r7", offset: 41 },
    { event: "closed", data: null, from: null, offset: 42 },
  ]);
});

test("CHANNEL6 whatever arrives as an entry is told or refused as invalid", () => {
  let refusals = 0;
  const entry = fc.oneof(
    documents,
    fc.tuple(documents, documents, documents),
    fc.tuple(fc.string(), documents, fc.option(fc.string())),
  );
  fc.assert(
    fc.property(entry, (value) => {
      const told: ChannelMessage[] = [];
      try {
        createChannelReplica((message) => told.push(message)).apply(value as ChannelEntry, 1);
      } catch (error) {
        refusals++;
        return isSyncError(error, "invalid") && told.length === 0;
      }
      return told.length === 1 && typeof told[0]?.event === "string";
    }),
    { numRuns: 2000, seed: 5 },
  );
  expect(refusals).toBeGreaterThan(200);
});
