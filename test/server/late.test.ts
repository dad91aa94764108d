/** Topics that take their time beside others that do not. */
import { defineAtom, defineShared, type Pattern } from "sente-sync";
import { atom as clientAtom, shared as clientShared } from "sente-sync/client";
import { atom, shared } from "sente-sync/server";
import { expect, test } from "vitest";
import { createWorld, pushed, type RawPeer, text } from "./world.ts";

const slow = defineShared("slow/:id", { initial: {} });
const hung = defineAtom("hung/:id", { initial: 1 });
const fast = defineAtom("fast/:id", { initial: { n: 1 } });

/** Slow ones take 300 ms, hung ones for ever. */
function open(options: Parameters<typeof createWorld>[0] = {}) {
  const world = createWorld(options);
  const wait = (ms: number): Promise<void> => new Promise((resolve) => void world.env.setTimer(() => resolve(), ms));
  const trees = shared(world.sync, slow as Pattern<"shared", Record<string, unknown>, { id: string }>, {
    seed: () => wait(300).then(() => ({ text: "seeded" })),
  });
  atom(world.sync, hung, { authorize: () => new Promise(() => {}) });
  atom(world.sync, fast);
  return Object.assign(world, { trees });
}

const item = (topic: string, kind: string): object => ({ topic, kind, since: null });
const three = [item("slow/1", "shared"), item("hung/1", "atom"), item("fast/1", "atom")];
const lately = { session: null, token: null, late: true };
const ask = (peer: RawPeer, callback: string, ...items: object[]): Promise<void> =>
  peer.say(`[[:sync/subscribe ${text(items)}] "${callback}"]`);

test("SUB21 and HELLO9 what takes longer than the reply waits is told when it is there, ahead of what is in its topic", async () => {
  const world = open();
  const peer = await world.ours("client-id=raw", lately);
  await ask(peer, "s", ...three);
  expect(peer.reply("s")).toBe(undefined);
  await world.advance(30);
  const answers = peer.reply("s") as unknown[];
  expect(answers).toMatchObject([expect.any(Number), expect.any(Number), { recovered: false }]);
  expect(answers[0]).not.toBe(answers[1]);
  expect(pushed(peer.take(), "sync/snapshot")).toHaveLength(1);
  await world.advance(1000);
  const frames = peer.take();
  const told = pushed(frames, "sync/subscribed");
  expect(told).toMatchObject([[answers[0], { recovered: false }]]);
  const at = (part: string): number => frames.findIndex((frame) => frame.includes(part));
  expect(at("sync/subscribed")).toBeLessThan(at("sync/snapshot"));
});

test("SUB21 other peers have one reply when all of it is there; a later request waits for none of it", async () => {
  const world = open();
  const peer = await world.ours();
  await ask(peer, "s", item("slow/1", "shared"), item("fast/1", "atom"));
  await ask(peer, "t", item("fast/2", "atom"));
  expect(peer.reply("t")).toMatchObject([{ recovered: false }]);
  await world.advance(200);
  expect(peer.reply("s")).toBe(undefined);
  await world.advance(200);
  expect(peer.reply("s")).toMatchObject([{ recovered: false }, { recovered: false }]);
  expect(peer.frames.join()).not.toContain("sync/subscribed");
});

test("SUB21 those to one topic are answered as they were asked for, and the newest stays", async () => {
  const world = open();
  const { trees } = world;
  const peer = await world.ours("client-id=raw", lately);
  await ask(peer, "s", item("slow/1", "shared"));
  await ask(peer, "t", { ...item("slow/1", "shared"), read: false });
  await world.advance(30);
  const numbers = [peer.reply("s"), peer.reply("t")].flat();
  peer.take();
  await world.advance(1000);
  const frames = peer.take();
  expect(pushed(frames, "sync/subscribed").map((each) => (each as [number])[0])).toEqual(numbers);
  // The second one only writes.
  expect(pushed(frames, "sync/snapshot").length).toBeLessThan(2);
  (await trees.open({ id: "1" })).set(["x"], 1);
  await world.settle();
  expect(pushed(peer.take(), "sync/entries")).toEqual([]);
});

test("SUB21 our client has each topic when it is there, whatever else it asked for in the same turn", async () => {
  const world = open();
  const client = world.client();
  await world.advance(100);
  const tree = clientShared(client, slow({ id: "1" }));
  const stuck = clientAtom(client, hung({ id: "1" }));
  const quick = clientAtom(client, fast({ id: "1" }));
  for (const handle of [tree, stuck, quick]) handle.keep();
  await world.advance(100);
  expect([tree, stuck, quick].map(({ status }) => status.get())).toEqual(["loading", "loading", "live"]);
  const written = tree.set(["text"] as never, "mine" as never);
  await world.advance(500);
  expect([tree.status.get(), tree.get(), written.status]).toEqual(["live", { text: "mine" }, "stored"]);
  expect([stuck.status.get(), client.status.get().name]).toEqual(["loading", "connected"]);
  // A new line asks for all of it again.
  client.reconnect();
  await world.advance(3000);
  expect([tree, stuck, quick].map(({ status }) => status.get())).toEqual(["live", "loading", "live"]);
});

test("SUB21 what is given up before it is there is given up when it is", async () => {
  const world = open({ limits: { idleTopicMs: 1000 } });
  const client = world.client();
  await world.advance(100);
  const tree = clientShared(client, slow({ id: "1" }));
  tree.keep()();
  await world.advance(10_000);
  expect([tree.status.get(), world.sync.stats().topics]).toEqual(["idle", 0]);
});

test("SUB22 no more are made at a time than twice what a connection may have", async () => {
  const world = open({ limits: { maxSubscriptions: 1 } });
  const peer = await world.ours();
  await ask(peer, "s", item("hung/1", "atom"), item("hung/2", "atom"));
  await ask(peer, "t", item("fast/1", "atom"));
  expect(peer.reply("t")).toMatchObject([{ error: { code: "limit" } }]);
});

test("SUB23 a new handle of what was refused, or deleted, asks anew", async () => {
  let may = false;
  const world = createWorld({ authorize: () => may });
  const family = atom(world.sync, fast);
  const client = world.client();
  const one = (): ReturnType<typeof clientAtom<{ n: number }>> => clientAtom(client, fast({ id: "1" }));
  const settled = (handle: { readonly ready: Promise<unknown> }): Promise<unknown> => {
    const outcome = handle.ready.catch((error: { code: string }) => error.code);
    return world.advance(100).then(() => outcome);
  };
  expect(await settled(one())).toBe("forbidden");
  expect(await settled(one())).toBe("forbidden");
  may = true;
  const handle = one();
  expect(await settled(handle)).toEqual({ n: 1 });
  handle.keep();
  family.delete({ id: "1" });
  await world.settle();
  expect([handle.status.get(), handle.error?.code]).toEqual(["deleted", "deleted"]);
  expect(await settled(one())).toEqual({ n: 1 });
  expect([handle.status.get(), handle.error]).toEqual(["live", undefined]);
});
