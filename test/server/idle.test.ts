/** Topics that nobody uses are let go, and come back as if nothing had happened. */
import { defineAtom, defineChannel, defineRoom, defineShared, defineStore, SyncError, type } from "sente-sync";
import { shared as clientShared } from "sente-sync/client";
import { atom, channel, presence, type ServerOptions, shared, store } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, onTestFinished, test } from "vitest";
import { coreOf } from "../../src/server/core.ts";
import { createResting } from "../../src/server/resting.ts";
import type { OpenLog } from "../../src/topic/log.ts";
import { type HandStorage, handStorage } from "../support/hand-log.ts";
import { type Answer, createWorld, pushed, type RawPeer, text, type World } from "./world.ts";

const idleTopicMs = 1000;
const count = defineStore("count/:id", {
  initial: { n: 0 },
  mutations: {
    add(draft, by: number) {
      draft.n += by;
    },
  },
});
const rooms = defineChannel("room/:id", { events: { said: type<unknown>() } });
const one = { id: "1" };

/** The hand log answers in promises: virtual time stands, and they have to be let run. */
async function settle(world: World): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await world.settle();
  }
}

async function during<T>(world: World, asked: Promise<T>): Promise<T> {
  await settle(world);
  return asked;
}

function open(options: ServerOptions = {}): { world: World; storage: HandStorage; isLoaded: (name: string) => boolean } {
  const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  storage.auto = true;
  const world = createWorld({ storage, ...options, limits: { idleTopicMs, ...options.limits } });
  onTestFinished(() => storage.store());
  const { topics } = coreOf(world.sync);
  return { world, storage, isLoaded: (name) => topics.opened(name) !== undefined };
}

/** So long that what nobody uses is gone. */
async function rest(world: World): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await world.advance(idleTopicMs / 2);
    await settle(world);
  }
}

/** The answer to a subscription, which may wait for the disk. */
async function subscribed(world: World, peer: RawPeer, item: object): Promise<Answer> {
  await peer.say(`[[:sync/subscribe ${text([item])}] "mine"]`);
  await settle(world);
  return (peer.reply("mine") as [Answer])[0];
}

test("IDLE1 what nobody has used for idleTopicMs is let go; who reads or writes it keeps it, and one that is declared by its own name stays", async () => {
  const { world, isLoaded } = open();
  const counts = store(world.sync, count);
  store(world.sync, defineStore("own", { initial: 0, mutations: {} }));
  await during(
    world,
    counts.use(one, (handle) => handle.do.add(1).stored),
  );
  await world.advance(idleTopicMs - 100);
  expect(isLoaded("count/1")).toBe(true);
  const writer = await world.ours("client-id=a");
  await writer.say('[[:sync/subscribe [{:topic "count/1" :kind "store" :read false}]] "s"]');
  await rest(world);
  expect(isLoaded("count/1")).toBe(true);
  writer.transport.terminate();
  await rest(world);
  expect([isLoaded("count/1"), isLoaded("own")]).toEqual([false, true]);
});

test("IDLE1 a view keeps its topic, and so does what waits for its time or for the disk", async () => {
  const { world, storage, isLoaded } = open();
  const values = atom(world.sync, defineAtom("value/:id", { initial: { n: 0 } }), {
    durability: "strict",
    debounceMs: 5 * idleTopicMs,
    view: { key: () => "all", select: (value: { n: number }) => value.n },
  });
  const reader = await world.ours("client-id=a");
  await reader.say('[[:sync/subscribe [{:topic "value/1" :kind "atom"}]] "s"]');
  await rest(world);
  expect(isLoaded("value/1")).toBe(true);
  reader.transport.terminate();
  await during(
    world,
    values.use(one, (value) => value.set({ n: 1 })),
  );
  await rest(world);
  expect(isLoaded("value/1")).toBe(true);
  storage.auto = false;
  await world.advance(3 * idleTopicMs);
  await settle(world);
  expect(storage.waiting).toBe(1);
  await rest(world);
  expect(isLoaded("value/1")).toBe(true);
  await storage.fail();
  await rest(world);
  expect(isLoaded("value/1")).toBe(true);
  storage.heal();
  await rest(world);
  expect(isLoaded("value/1")).toBe(false);
});

test("IDLE1 with Infinity none is let go", async () => {
  const { world, isLoaded } = open({ limits: { idleTopicMs: Number.POSITIVE_INFINITY } });
  const counts = store(world.sync, count);
  await during(
    world,
    counts.use(one, (handle) => handle.do.add(1).stored),
  );
  await world.advance(10 * 24 * 3_600_000);
  expect(isLoaded("count/1")).toBe(true);
});

test("IDLE2 who asks next has it from the log, in the same epoch; a reader that comes back gets what it missed", async () => {
  const { world, isLoaded } = open();
  const served = channel(world.sync, rooms);
  const say = (n: number): Promise<number> =>
    during(
      world,
      served.use(one, (room) => room.publish("said", n).stored),
    );
  await say(1);
  const ada = await world.ours("client-id=a");
  const before = await subscribed(world, ada, { topic: "room/1", kind: "channel", since: null });
  ada.transport.terminate();
  await rest(world);
  expect(isLoaded("room/1")).toBe(false);
  expect(await say(2)).toBe(2);
  await rest(world);
  expect([isLoaded("room/1"), world.sync.stats().topicsUnloaded]).toEqual([false, 2]);
  const again = await world.ours("client-id=b");
  const after = await subscribed(world, again, { topic: "room/1", kind: "channel", since: before.at });
  expect([after.recovered, after.at]).toEqual([true, before.at]);
  expect(after.id).not.toBe(before.id);
  expect(pushed(again.frames, "sync/entries")).toEqual([[after.id, 2, [["said", 2, null]]]]);
});

test("IDLE2 our client goes on where it was", async () => {
  const { world, isLoaded } = open();
  const tree = defineShared("tree/:id", { initial: { text: "" } });
  const served = shared(world.sync, tree);
  const client = world.client();
  const mine = clientShared(client, tree(one));
  const stop = mine.subscribe(() => {});
  await settle(world);
  mine.set(["text"], "first");
  await settle(world);
  const seen: unknown[] = [];
  client.on("resume", ({ recovered }) => seen.push(recovered));
  client.close();
  await rest(world);
  expect(isLoaded("tree/1")).toBe(false);
  await during(
    world,
    served.use(one, (own) => own.set(["text"], `${own.get().text} and second`).stored),
  );
  const other = clientShared(world.client(), tree(one));
  other.subscribe(() => {});
  await settle(world);
  expect(other.get()).toEqual({ text: "first and second" });
  stop();
});

test("IDLE3 a write that is sent again is answered as it was, also one that was rejected and has no record", async () => {
  const { world, isLoaded } = open();
  let isOpen = true;
  store(world.sync, count, {
    validate() {
      if (!isOpen) throw new SyncError("app/closed", "Not now.");
    },
  });
  const item = { topic: "count/1", kind: "store" };
  const ada = await world.ours("client-id=a");
  const { session, token } = ada.welcome as { session: string; token: string };
  const first = await subscribed(world, ada, item);
  await ada.say(`[[:sync/write [${first.id} 1 [["add" 1 "0123456789abcde1"]]]] nil]`);
  await settle(world);
  isOpen = false;
  ada.take();
  await ada.say(`[[:sync/write [${first.id} 2 [["add" 1 "0123456789abcde2"]]]] nil]`);
  await settle(world);
  expect(pushed(ada.take(), "sync/reject")).toHaveLength(1);
  ada.transport.terminate();
  await rest(world);
  expect(isLoaded("count/1")).toBe(false);
  isOpen = true;
  const again = await world.ours("client-id=a", { session, token });
  const second = await subscribed(world, again, { ...item, since: first.at });
  again.take();
  await again.say(`[[:sync/write [${second.id} 1 [["add" 1 "0123456789abcde1"] ["add" 1 "0123456789abcde2"]] 2]] nil]`);
  await settle(world);
  const frames = again.take();
  expect(pushed(frames, "sync/ack")).toMatchObject([[second.id, 1, expect.any(Number)]]);
  expect(pushed(frames, "sync/reject")).toMatchObject([[second.id, 2, { code: "app/closed" }]]);
  expect(world.sync.stats().repeatedWrites).toBe(1);
});

test("IDLE4 what is in memory alone stays while there is something of it; an empty room goes", async () => {
  const { world, isLoaded } = open();
  const values = atom(world.sync, defineAtom("value/:id", { initial: 0 }));
  await values.use(one, (value) => value.set(1));
  await values.use({ id: "2" }, () => {});
  const lobby = presence(world.sync, defineRoom("lobby/:id"));
  await lobby.use(one, () => {});
  await lobby.use({ id: "2" }, (room) => room.show("a slide"));
  const ada = await world.ours("client-id=a");
  const { id } = await subscribed(world, ada, { topic: "lobby/3", kind: "presence" });
  await ada.ask(`[:sync/join [${id} {}]]`);
  await rest(world);
  const loaded = ["value/1", "value/2", "lobby/1", "lobby/2", "lobby/3"].filter(isLoaded);
  expect(loaded).toEqual(["value/1", "lobby/2", "lobby/3"]);
  expect(values.list()).toEqual(["value/1"]);
});

test.each(["strict", "memory"] as const)(
  "IDLE5 a topic to which nothing was ever written keeps its epoch: %s",
  async (durability) => {
    const { world, isLoaded } = open();
    const counts = store(world.sync, count, { durability });
    const item = { topic: "count/1", kind: "store" };
    const ada = await world.ours("client-id=a");
    const before = await subscribed(world, ada, { ...item, since: null });
    ada.transport.terminate();
    await rest(world);
    expect(isLoaded("count/1")).toBe(false);
    const again = await world.ours("client-id=b");
    const after = await subscribed(world, again, { ...item, since: before.at });
    expect([after.at, after.recovered]).toEqual([before.at, true]);
    again.take();
    await during(
      world,
      counts.use(one, (handle) => handle.do.add(1).stored),
    );
    expect(pushed(again.take(), "sync/entries")).toHaveLength(1);
  },
);

test("IDLE5 of so many names and no more; of those that are there again, none", () => {
  const ended: string[] = [];
  const resting = createResting(
    2,
    (name) => void ended.push(`forgot ${name}`),
    (name) => void ended.push(`closed ${name}`),
  );
  const log = (durability: OpenLog["durability"]): OpenLog => ({ durability }) as OpenLog;
  resting.rest("a", log("memory"));
  resting.rest("b", log("strict"));
  resting.wake("a");
  resting.wake("a");
  expect(ended).toEqual([]);
  resting.rest("c", log("memory"));
  resting.rest("d", log("strict"));
  resting.rest("e", log("memory"));
  expect(ended).toEqual(["closed b", "forgot c"]);
  resting.wake("d");
  expect(ended).toEqual(["closed b", "forgot c", "closed d"]);
});

test("IDLE7 what the program opened stays until it was released as often; then its handle throws `closed`", async () => {
  const { world, isLoaded } = open();
  const counts = store(world.sync, count);
  const handle = await during(world, counts.open(one));
  expect(await during(world, counts.open(one))).toBe(handle);
  await during(world, handle.do.add(1).stored);
  counts.release(one);
  await rest(world);
  expect([isLoaded("count/1"), counts.list()]).toEqual([true, ["count/1"]]);
  counts.release(one);
  counts.release(one);
  await rest(world);
  expect([isLoaded("count/1"), counts.list()]).toEqual([false, []]);
  expect(() => handle.do.add(1)).toThrow(expect.objectContaining({ code: "closed" }));
  const anew = await during(world, counts.open(one));
  expect([anew.get(), anew === handle]).toEqual([{ n: 1 }, false]);
});

test("IDLE7 `use` keeps it for as long as its function takes, whatever becomes of that", async () => {
  const { world, isLoaded } = open();
  const counts = store(world.sync, count);
  let end = (_error?: Error): void => {};
  const used = counts.use(one, (handle) => {
    void handle.do.add(1);
    return new Promise<never>((_resolve, reject) => (end = (error) => reject(error ?? new Error("ended"))));
  });
  await rest(world);
  expect(isLoaded("count/1")).toBe(true);
  end(new Error("mine"));
  await expect(used).rejects.toThrow("mine");
  await rest(world);
  expect(isLoaded("count/1")).toBe(false);
});

test.each([
  [
    "atom",
    (world: World) => atom(world.sync, defineAtom("t/:id", { initial: 0 })),
    (handle: never) => (handle as { set(n: number): void }).set(1),
  ],
  [
    "shared",
    (world: World) => shared(world.sync, defineShared("t/:id", { initial: {} })),
    (handle: never) => (handle as { set(path: string[], n: number): void }).set(["n"], 1),
  ],
  [
    "channel",
    (world: World) => channel(world.sync, defineChannel("t/:id")),
    (handle: never) => (handle as { publish(name: string, data: number): void }).publish("said", 1),
  ],
  [
    "presence",
    (world: World) => presence(world.sync, defineRoom("t/:id")),
    (handle: never) => (handle as { show(n: number): void }).show(1),
  ],
] as const)("IDLE7 a handle of what was let go writes nowhere: %s", async (_kind, declare, write) => {
  const { world, isLoaded } = open();
  const family = declare(world) as unknown as { open(params: object): Promise<never>; release(params: object): void };
  const handle = await during(world, family.open(one));
  family.release(one);
  await rest(world);
  expect(isLoaded("t/1")).toBe(false);
  expect(() => write(handle)).toThrow(expect.objectContaining({ code: "closed" }));
  expect(world.errors).toEqual([]);
});

test("IDLE9 `stats` tells how many topics are loaded, and how many were loaded and let go so far", async () => {
  const { world } = open({ limits: { maxTopics: 2 } });
  const counts = store(world.sync, count);
  for (const id of ["1", "2"])
    await during(
      world,
      counts.use({ id }, (handle) => handle.do.add(1).stored),
    );
  await expect(counts.use({ id: "3" }, () => {})).rejects.toMatchObject({ code: "limit" });
  await rest(world);
  expect(world.sync.stats()).toMatchObject({ topics: 0, topicsLoaded: 2, topicsUnloaded: 2 });
  await during(
    world,
    counts.use({ id: "3" }, () => {}),
  );
  expect(world.sync.stats()).toMatchObject({ topics: 1, topicsLoaded: 3, topicsUnloaded: 2 });
});

test("IDLE10 a topic that is not loaded is deleted as one that is", async () => {
  const { world, isLoaded } = open();
  const counts = store(world.sync, count);
  const item = { topic: "count/1", kind: "store" };
  await during(
    world,
    counts.use(one, (handle) => handle.do.add(1).stored),
  );
  const ada = await world.ours("client-id=a");
  const before = await subscribed(world, ada, { ...item, since: null });
  ada.transport.terminate();
  await rest(world);
  expect(isLoaded("count/1")).toBe(false);
  counts.delete(one);
  const again = await world.ours("client-id=b");
  const after = await subscribed(world, again, { ...item, since: before.at });
  expect([after.at[1], after.recovered, after.at[0] === before.at[0]]).toEqual([0, false, false]);
});
