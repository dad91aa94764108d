import { json } from "sente-sync/packers/json";
import { expect, test } from "vitest";
import { check, sweepEveryMs } from "../../src/server/keepalive.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { createWorld } from "./world.ts";

test("PING1 a connection that is silent for half of keepaliveMs is pinged, with Sente's timers by default", async () => {
  const world = createWorld();
  const peer = await world.peer();
  peer.take();
  await world.advance(12_000);
  expect(peer.take()).toEqual([]);
  // The sweep comes every 2.5 s.
  await world.advance(3000);
  expect(peer.take()).toEqual(["[:chsk/ws-ping nil]"]);
});

test("PING1 a connection is pinged in the packer that it speaks", async () => {
  const world = createWorld({ packers: [json()] });
  const peer = await world.peer("client-id=raw&packers=json");
  peer.take();
  await world.advance(15_000);
  expect(peer.take()).toEqual(['["~:chsk/ws-ping",null]']);
});

test("PING2 without a word in pingTimeoutMs it is closed with 1000, as Sente does, and counted once", async () => {
  const world = createWorld();
  const peer = await world.peer();
  await world.advance(22_000);
  expect(peer.closes).toEqual([]);
  await world.advance(5500);
  expect(peer.closes).toEqual([{ code: 1000, reason: "" }]);
  await world.advance(60_000);
  expect(world.sync.stats()).toMatchObject({ closedSilent: 1, connections: 0 });
});

test("PING3 any message is a sign of life, before it is unpacked", async () => {
  const world = createWorld();
  const words = ["[[:chsk/ws-pong] nil]", "[[:app/x] nil]", '[[:chsk/ws-ping] "p"]', "unreadable"];
  for (const word of words) {
    const peer = await world.peer();
    peer.take();
    await world.advance(15_000);
    expect(peer.take()).toEqual(["[:chsk/ws-ping nil]"]);
    await peer.say(word);
    peer.take();
    // A pong timeout, and then a whole window without a ping.
    await world.advance(12_500);
    expect([peer.take(), peer.closes]).toEqual([[], []]);
    peer.transport.close();
    await world.settle();
  }
});

test("PING3 pings and pongs are told to whoever listens", async () => {
  const world = createWorld();
  const told: string[] = [];
  for (const name of ["chsk/ws-ping", "chsk/ws-pong"] as const) world.sync.on(name, ({ event }) => void told.push(event));
  const peer = await world.peer();
  await peer.say("[[:chsk/ws-pong] nil]", "[[:chsk/ws-ping] nil]");
  expect(told).toEqual(["chsk/ws-pong", "chsk/ws-ping"]);
});

test('PING5 a client\'s ping with a callback id is answered "pong", one without is not', async () => {
  const world = createWorld();
  const peer = await world.peer();
  peer.take();
  expect(await peer.hear('[[:chsk/ws-ping] "p1"]', "[[:chsk/ws-ping] nil]", '[[:chsk/ws-ping] "p2"]')).toEqual([
    '["pong" "p1"]',
    '["pong" "p2"]',
  ]);
});

test("PING7 keepaliveMs 0 turns pings off", async () => {
  const world = createWorld({ keepalive: { keepaliveMs: 0 } });
  const peer = await world.peer();
  peer.take();
  await world.advance(600_000);
  expect([peer.take(), peer.closes]).toEqual([[], []]);
});

test("PING7 while the server does not read, silence says nothing", () => {
  const connection = {
    closing: false,
    polled: false,
    blockedSinceMs: 0,
    checkAtMs: 0,
    heard: 1,
    heardAtCheck: 1,
    pingedAtMs: 1,
    readingPaused: true,
  };
  const options = { keepaliveMs: 25_000, pingTimeoutMs: 10_000 };
  expect(check(connection as never, 100_000, options, 30_000)).toBe("fine");
  expect(check({ ...connection, readingPaused: false } as never, 100_000, options, 30_000)).toBe("silent");
  const polled = { ...connection, readingPaused: false, polled: true };
  expect(check(polled as never, 100_000, options, 30_000), "polls are their own sign of life").toBe("fine");
});

test("PING1 the sweep is late by a quarter of the shorter time at most, between 25 ms and 2.5 s", () => {
  expect(sweepEveryMs({ keepaliveMs: 25_000, pingTimeoutMs: 10_000 })).toBe(2500);
  expect(sweepEveryMs({ keepaliveMs: 2000, pingTimeoutMs: 1000 })).toBe(250);
  expect(sweepEveryMs({ keepaliveMs: 20, pingTimeoutMs: 10 })).toBe(25);
  expect(sweepEveryMs({ keepaliveMs: 0, pingTimeoutMs: 0 })).toBe(2500);
});

test("PING2 one that does not close at once is closed and counted once", async () => {
  const world = createWorld();
  const closes: unknown[] = [];
  const [near, far] = memoryPair(world.env);
  near.handlers = { onFrame() {}, onClose() {} };
  far.close = (code, reason) => void closes.push([code, reason]);
  await world.sync.accept(far, "/chsk?client-id=a");
  await world.advance(120_000);
  expect([closes, world.sync.stats().closedSilent]).toEqual([[[1000, ""]], 1]);
});
