import { defineChannel } from "sente-sync";
import { channel, type Receipt } from "sente-sync/client";
import { channel as serveChannel } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import type { Schema } from "../../src/core/schema.ts";
import type { Transport } from "../../src/transport/transport.ts";
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

const even: Schema<number> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) => (typeof value === "number" && value % 2 === 0 ? { value } : { issues: [{ message: "is odd" }] }),
  },
};
/** Takes even numbers. */
const evenRef = defineChannel("numbers", { events: { n: even } });

test("WRITE2 a write that the server refuses is rejected with its reason, alone", async () => {
  const world = createWorld();
  const stored: unknown[] = [];
  serveChannel(world.sync, evenRef).subscribe(({ data }) => void stored.push(data));
  const { client } = await connect(world);
  const numbers = channel(client, evenRef);
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

test("WRITE5 a write that was sent when the line broke is sent again over the next, under its number, before what is new", async () => {
  const world = createWorld();
  const stored = host(world);
  const { room, lies } = await connect(world);
  lies.hear = (text) => (text.includes(":sync/ack") ? undefined : text);
  const first = ["a", "b"].map((text) => room.publish("said", text));
  await world.advance(10);
  lies.cut();
  await world.settle();
  expect(first.map(({ status }) => status)).toEqual(["sent", "sent"]);
  lies.hear = (text) => text;
  const next = room.publish("said", "c");
  lies.said.length = 0;
  await world.advance(3000);
  expect([stored, await Promise.all([...first, next].map(codeOf))]).toEqual([
    ["a", "b", "c"],
    ["stored", "stored", "stored"],
  ]);
  expect([...first, next].map(({ offset }) => offset)).toEqual([1, 2, 3]);
  // One message: the first two of it were sent before.
  const writes = lies.said.filter((text) => text.includes(":sync/write"));
  expect(writes).toHaveLength(1);
  expect(writes[0]).toMatch(/ 1 \[\["said" "a"\] \["said" "b"\] \["said" "c"\]\] 2\]/);
});

test("WRITE5 a write that never reached the server is done once it is sent again", async () => {
  const world = createWorld();
  const stored = host(world);
  const { room, lies } = await connect(world);
  room.publish("said", "a");
  await world.advance(10);
  // The socket takes it, and the network does not.
  const send = lies.lines.at(-1) as Transport;
  const swallow = send.send.bind(send);
  send.send = (frame) => (String(frame.data).includes(":sync/write") ? true : swallow(frame));
  const lost = room.publish("said", "b");
  await world.advance(10);
  expect([lost.status, stored]).toEqual(["sent", ["a"]]);
  lies.cut();
  await world.advance(3000);
  expect([lost.status, lost.offset, stored]).toEqual(["stored", 2, ["a", "b"]]);
});

test("WRITE5 rejected writes leave holes in the numbers: what is around them is sent again as it was numbered", async () => {
  const world = createWorld();
  const stored: unknown[] = [];
  serveChannel(world.sync, evenRef).subscribe(({ data }) => void stored.push(data));
  const { client, lies } = await connect(world);
  const numbers = channel(client, evenRef);
  lies.hear = (text) => (text.includes(":sync/ack") ? undefined : text);
  const receipts = [2, 3, 4, 5, 6].map((n) => numbers.publish("n", n));
  const codes = Promise.all(receipts.map(codeOf));
  await world.advance(10);
  expect(receipts.map(({ status }) => status)).toEqual(["sent", "rejected", "sent", "rejected", "sent"]);
  lies.hear = (text) => text;
  lies.cut();
  await world.advance(3000);
  expect([await codes, stored]).toEqual([
    ["stored", "invalid", "stored", "invalid", "stored"],
    [2, 4, 6],
  ]);
});

test("WRITE5 a thousand writes that were answered and did not hear it are settled by the next line's few answers", async () => {
  const world = createWorld();
  const stored = host(world);
  const { room, lies } = await connect(world);
  lies.hear = (text) => (text.includes(":sync/ack") ? undefined : text);
  const receipts = Array.from({ length: 1000 }, (_, n) => room.publish("said", n));
  await world.advance(100);
  lies.hear = (text) => text;
  lies.cut();
  await world.advance(3000);
  expect(stored).toHaveLength(1000);
  expect(receipts.every(({ status }) => status === "stored")).toBe(true);
  // The server knows the places of the newest alone.
  expect([receipts[0]?.offset, receipts[999]?.offset]).toEqual([undefined, 1000]);
});

test("OUTBOX1 a receipt that nobody asks is no unhandled rejection, and says what stored means", async () => {
  const world = createWorld({ authorize: ({ action }) => action === "read" });
  host(world);
  const { room } = await connect(world);
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  onTestFinished(() => void process.off("unhandledRejection", onUnhandled));
  const receipt = room.publish("said", 1);
  await world.advance(10);
  expect([receipt.status, unhandled]).toEqual(["rejected", []]);
  const open = createWorld();
  host(open);
  const said = (await connect(open)).room.publish("said", 1);
  expect(said.durability).toBe(undefined);
  await open.advance(10);
  expect(said.durability).toBe("memory");
  await expect(receipt.stored).rejects.toMatchObject({ code: "forbidden" });
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

test("WRITE6 the number of one that is too large goes to the next: no number is left out, so all are known when they come again", async () => {
  const world = createWorld({ limits: { maxFrameBytes: 10_000 } });
  const stored = host(world);
  const { room, lies } = await connect(world);
  lies.hear = (text) => (text.includes(":sync/ack") ? undefined : text);
  const receipts = [10, 20_000, 20, 20_000, 30].map((length) => room.publish("said", "x".repeat(length)));
  const codes = Promise.all(receipts.map(codeOf));
  await world.advance(10);
  const sent = lies.said.filter((text) => text.includes(":sync/write")).map((text) => text.replace(/x+/g, "x"));
  expect(sent.map((text) => /write \[\d+ (\d+)/.exec(text)?.[1])).toEqual(["1", "2", "3"]);
  lies.hear = (text) => text;
  lies.cut();
  await world.advance(3000);
  expect(await codes).toEqual(["stored", "too-large", "stored", "too-large", "stored"]);
  expect(stored.map((text) => (text as string).length)).toEqual([10, 20, 30]);
});

test("WRITE7 what was sent to a topic that is refused on the next line ends in session-lost: nobody can say", async () => {
  let isAllowed = true;
  const world = createWorld({ authorize: () => isAllowed });
  const stored = host(world);
  const { room, lies } = await connect(world);
  lies.hear = (text) => (text.includes(":sync/ack") ? undefined : text);
  const sent = codeOf(room.publish("said", "sent"));
  await world.advance(10);
  lies.refuse = true;
  lies.cut();
  await world.settle();
  const unsent = codeOf(room.publish("said", "unsent"));
  isAllowed = false;
  lies.hear = (text) => text;
  lies.refuse = false;
  await world.advance(3000);
  expect([await sent, await unsent, stored]).toEqual(["session-lost", "forbidden", ["sent"]]);
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
