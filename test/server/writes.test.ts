import { defineChannel, type } from "sente-sync";
import { atom, channel } from "sente-sync/server";
import { expect, test } from "vitest";
import type { Schema } from "../../src/core/schema.ts";
import { createWorld, pushed, type RawPeer, roomRef, type World } from "./world.ts";

const writing = { topic: "room", kind: "channel", read: false };

/** What the server answered to writes, in order. */
function outcomes(frames: readonly string[]): unknown[] {
  return frames.flatMap((frame) => [
    ...pushed([frame], "sync/ack").map((data) => ["ack", ...(data as unknown[])]),
    ...pushed([frame], "sync/reject").map((data) => {
      const [id, seq, error] = data as [number, number, { code: string }];
      return ["reject", id, seq, error.code];
    }),
  ]);
}

async function writer(world: World, query?: string, hello?: { session: unknown; token: unknown }): Promise<RawPeer> {
  const peer = await world.ours(query, hello);
  await peer.subscribe(writing);
  peer.take();
  return peer;
}

test("WRITE1 operations are stored in order, and acknowledged together with the offset of the last", async () => {
  const world = createWorld();
  const room = channel(world.sync, roomRef);
  const heard: unknown[] = [];
  room.subscribe(({ offset, data, from }) => void heard.push([offset, data, from]));
  const peer = await writer(world);
  expect(
    outcomes(await peer.hear('[[:sync/write [1 1 [["said" 1] ["said" 2]]]] nil]', '[[:sync/write [1 3 [["said" 3]]]] nil]')),
  ).toEqual([
    ["ack", 1, 2, 2],
    ["ack", 1, 3, 3],
  ]);
  const from = peer.welcome?.replica;
  expect(heard).toEqual([
    [1, 1, from],
    [2, 2, from],
    [3, 3, from],
  ]);
});

test("WRITE1 an acknowledgement tells the write's own offset, also where a listener appends at once", async () => {
  const world = createWorld();
  const room = channel(world.sync, roomRef);
  room.subscribe(({ data, from }) => {
    if (from !== null) room.publish("said", `re: ${data}`);
  });
  const peer = await writer(world);
  expect(outcomes(await peer.hear('[[:sync/write [1 1 [["said" 1]]]] nil]', '[[:sync/write [1 2 [["said" 2]]]] nil]'))).toEqual([
    ["ack", 1, 1, 1],
    ["ack", 1, 2, 3],
  ]);
});

test("WRITE1 an acknowledgement leaves behind the entry it tells of", async () => {
  const world = createWorld();
  channel(world.sync, roomRef);
  const peer = await world.ours();
  await peer.subscribe({ ...writing, read: true });
  peer.take();
  const frames = await peer.hear('[[:sync/write [1 1 [["said" 1]]]] nil]');
  expect(frames).toEqual([
    `[[[:sync/entries [1 1 [["said" 1 "${peer.welcome?.replica}"]]]]] nil]`,
    "[[[:sync/ack [1 1 1]]] nil]",
  ]);
});

test("WRITE2 each operation that is refused is rejected by its number; the others are stored", async () => {
  const even: Schema<number> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => (typeof value === "number" && value % 2 === 0 ? { value } : { issues: [{ message: "is odd" }] }),
    },
  };
  const world = createWorld();
  const room = channel(world.sync, defineChannel("room", { events: { said: even } }));
  const stored: unknown[] = [];
  room.subscribe(({ data }) => void stored.push(data));
  const peer = await writer(world);
  const ops = '[["said" 2] ["said" 3] ["other" 4] ["said"] 5 ["said" 6]]';
  expect(outcomes(await peer.hear(`[[:sync/write [1 1 ${ops}]] nil]`))).toEqual([
    ["ack", 1, 1, 1],
    ["reject", 1, 2, "invalid"],
    ["reject", 1, 3, "not-declared"],
    ["reject", 1, 4, "invalid"],
    ["reject", 1, 5, "invalid"],
    ["ack", 1, 6, 2],
  ]);
  expect([stored, world.sync.stats().refused]).toEqual([[2, 6], 4]);
});

test("WRITE3 what is sent again is answered as it was, on a later line too; a number that was passed over is a conflict", async () => {
  const world = createWorld();
  channel(world.sync, roomRef);
  const peer = await writer(world);
  expect(
    outcomes(
      await peer.hear('[[:sync/write [1 5 [["said" 5]]]] nil]', '[[:sync/write [1 4 [["said" 4] ["said" 5] ["said" 6]]]] nil]'),
    ),
  ).toEqual([
    ["ack", 1, 5, 1],
    ["reject", 1, 4, "conflict"],
    ["ack", 1, 5, 1],
    ["ack", 1, 6, 2],
  ]);
  peer.transport.close();
  await world.settle();
  const back = await writer(world, "client-id=b", { session: peer.welcome?.session, token: peer.welcome?.token });
  expect(outcomes(await back.hear('[[:sync/write [1 6 [["said" 6] ["said" 7]]]] nil]'))).toEqual([
    ["ack", 1, 6, 2],
    ["ack", 1, 7, 3],
  ]);
  const stranger = await writer(world, "client-id=c");
  expect(outcomes(await stranger.hear('[[:sync/write [1 1 [["said" 1]]]] nil]'))).toEqual([["ack", 1, 1, 4]]);
});

test("WRITE4 what is written without hello or subscription, or to what clients do not write, is rejected", async () => {
  const world = createWorld();
  channel(world.sync, roomRef);
  atom(world.sync, "a", { initial: 1 });
  const peer = await world.ours();
  expect(outcomes(await peer.hear('[[:sync/write [99 1 [["said" 1] ["said" 2]]]] nil]'))).toEqual([
    ["reject", 99, 1, "invalid"],
    ["reject", 99, 2, "invalid"],
  ]);
  const [{ id } = { id: 0 }] = await peer.subscribe({ topic: "a", kind: "atom" });
  peer.take();
  expect(outcomes(await peer.hear(`[[:sync/write [${id} 1 [[[0 [] 2]]]]] nil]`))).toEqual([["reject", id, 1, "unsupported"]]);
});

test("WRITE4 a publisher cannot say who it is", async () => {
  const world = createWorld();
  const room = channel(world.sync, defineChannel("room", { events: { said: type<unknown>() } }));
  const from: unknown[] = [];
  room.subscribe((message) => void from.push(message.from));
  const peer = await writer(world);
  expect(outcomes(await peer.hear('[[:sync/write [1 1 [["said" 1 "forged"] ["said" {:from "forged"}]]]] nil]'))).toEqual([
    ["reject", 1, 1, "invalid"],
    ["ack", 1, 2, 1],
  ]);
  room.publish("said", 1);
  expect(from).toEqual([peer.welcome?.replica, null]);
});
