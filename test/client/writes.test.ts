import { defineChannel } from "sente-sync";
import { channel, type Receipt } from "sente-sync/client";
import { channel as serveChannel } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import type { Schema } from "../../src/core/schema.ts";
import { createWorld, roomRef, type World } from "../server/world.ts";
import { createLies } from "./lying-connector.ts";

async function connect(world: World, options: Parameters<World["client"]>[0] = {}) {
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector, ...options });
  await world.advance(10);
  return { lies, client, room: channel(client, roomRef) };
}

/** All that the room's log was given. */
function host(world: World): unknown[] {
  const stored: unknown[] = [];
  serveChannel(world.sync, roomRef).subscribe(({ data }) => void stored.push(data));
  return stored;
}

const codeOf = (receipt: Receipt): Promise<string> =>
  receipt.stored.then(
    () => "stored",
    (error: { code: string }) => error.code,
  );

test("WRITE1 a receipt goes from local to sent to stored, and knows its offset", async () => {
  const world = createWorld();
  const stored = host(world);
  const { room, lies } = await connect(world);
  lies.hear = (text) => (text.includes(":sync/ack") ? undefined : text);
  const [one, two] = [room.publish("said", 1), room.publish("said", 2)];
  expect([one.status, one.offset]).toEqual(["local", undefined]);
  await world.advance(10);
  expect([one.status, two.status, stored]).toEqual(["sent", "sent", [1, 2]]);
  lies.hear = (text) => text;
  const three = room.publish("said", 3);
  await world.advance(10);
  // The acknowledgement of a later one is that of all before it.
  expect([one, two, three].map(({ status, offset }) => [status, offset])).toEqual([
    ["stored", 1],
    ["stored", 2],
    ["stored", 3],
  ]);
  expect(await codeOf(one)).toBe("stored");
});

test("WRITE2 a write that the server refuses is rejected with its reason, alone", async () => {
  const even: Schema<number> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => (typeof value === "number" && value % 2 === 0 ? { value } : { issues: [{ message: "is odd" }] }),
    },
  };
  const ref = defineChannel("numbers", { events: { n: even } });
  const world = createWorld();
  const stored: unknown[] = [];
  serveChannel(world.sync, ref).subscribe(({ data }) => void stored.push(data));
  const { client } = await connect(world);
  const numbers = channel(client, ref);
  const receipts = [2, 3, 4].map((n) => numbers.publish("n", n));
  const codes = Promise.all(receipts.map(codeOf));
  await world.advance(10);
  expect([await codes, stored]).toEqual([
    ["stored", "invalid", "stored"],
    [2, 4],
  ]);
  expect(receipts[1]?.status).toBe("rejected");
});

test("WRITE5 what is published while the line is down is sent once, in order, when it is back", async () => {
  const world = createWorld();
  const stored = host(world);
  const { room, lies } = await connect(world);
  lies.refuse = true;
  lies.cut();
  await world.settle();
  const receipts = Array.from({ length: 300 }, (_, n) => room.publish("said", n));
  await world.advance(1000);
  expect([stored, receipts[0]?.status]).toEqual([[], "local"]);
  lies.refuse = false;
  await world.advance(10_000);
  expect(stored).toEqual(Array.from({ length: 300 }, (_, n) => n));
  expect(receipts.map(({ offset }) => offset)).toEqual(Array.from({ length: 300 }, (_, n) => n + 1));
  lies.cut();
  await world.advance(3000);
  expect(stored.length).toBe(300);
});

test("WRITE5 a write that was sent when the line broke ends in closed, its outcome unknown; it is not sent again", async () => {
  const world = createWorld();
  const stored = host(world);
  const { room, lies } = await connect(world);
  lies.hear = (text) => (text.includes(":sync/ack") ? undefined : text);
  const sent = room.publish("said", "sent");
  const outcome = codeOf(sent);
  await world.advance(10);
  lies.cut();
  await world.settle();
  expect([await outcome, sent.status]).toEqual(["closed", "rejected"]);
  lies.hear = (text) => text;
  const next = room.publish("said", "next");
  await world.advance(3000);
  expect([stored, await codeOf(next)]).toEqual([["sent", "next"], "stored"]);
});

test("WRITE5 a receipt that nobody asks is no unhandled rejection", async () => {
  const world = createWorld();
  host(world);
  const { room, lies } = await connect(world);
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  onTestFinished(() => void process.off("unhandledRejection", onUnhandled));
  lies.hear = (text) => (text.includes(":sync/ack") ? undefined : text);
  const receipt = room.publish("said", 1);
  await world.advance(10);
  lies.cut();
  await world.advance(10);
  expect([receipt.status, unhandled]).toEqual(["rejected", []]);
});

test("WRITE5 beyond maxPending a write is refused with backpressure; at it, it is taken", async () => {
  const world = createWorld();
  const stored = host(world);
  const { room, client, lies } = await connect(world);
  client.disconnect();
  lies.said.length = 0;
  await world.settle();
  const receipts = Array.from({ length: 1001 }, (_, n) => room.publish("said", n));
  expect([receipts[999]?.status, receipts[1000]?.status, await codeOf(receipts[1000] as Receipt)]).toEqual([
    "local",
    "rejected",
    "backpressure",
  ]);
  client.connect();
  await world.advance(10_000);
  expect(stored.length).toBe(1000);
  // At most 256 operations in a message.
  const frames = lies.said.filter((text) => text.includes(":sync/write"));
  expect(frames.map((text) => text.match(/"said"/g)?.length)).toEqual([256, 256, 256, 232]);
});

test("WRITE6 writes that do not fit one frame are split; one that does not fit alone is too-large, and no other", async () => {
  const world = createWorld({ limits: { maxFrameBytes: 10_000 } });
  const stored = host(world);
  const { room } = await connect(world);
  const receipts = [10, 4000, 4000, 20_000, 4000, 4000].map((length) => room.publish("said", "x".repeat(length)));
  const codes = Promise.all(receipts.map(codeOf));
  await world.advance(1000);
  expect(await codes).toEqual(["stored", "stored", "stored", "too-large", "stored", "stored"]);
  expect(stored.map((text) => (text as string).length)).toEqual([10, 4000, 4000, 4000, 4000]);
});

test("WRITE7 writes to a topic that is refused or deleted are rejected with the reason", async () => {
  const world = createWorld({ authorize: ({ topic, action }) => topic !== "room" || action === "read" });
  host(world);
  const rooms = serveChannel(world.sync, defineChannel("rooms/:id"));
  const { room, client } = await connect(world);
  const refused = codeOf(room.publish("said", 1));
  await world.advance(10);
  expect(await refused).toBe("forbidden");
  const one = channel(client, defineChannel("rooms/:id")({ id: "1" }));
  one.subscribe(() => {});
  await world.advance(10);
  rooms.delete({ id: "1" });
  await world.advance(10);
  expect(one.status.get()).toBe("deleted");
  const late = codeOf(one.publish("said", 1));
  await world.advance(10);
  expect(await late).toBe("deleted");
});

test("WRITE7 a topic that is only written is subscribed for writing while something is on its way", async () => {
  const world = createWorld();
  host(world);
  const { room, lies } = await connect(world, { lingerMs: 500 });
  room.publish("said", 1);
  await world.advance(10);
  expect(lies.said.find((text) => text.includes(":sync/subscribe"))).toContain(":read false");
  await world.advance(1000);
  expect(lies.said.at(-1)).toContain(":sync/unsubscribe");
  const seen: unknown[] = [];
  room.subscribe(({ data }) => void seen.push(data));
  room.publish("said", 2);
  await world.advance(10);
  expect(seen).toEqual([2]);
});
