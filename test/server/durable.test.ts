/** Durable topics, on a log that stores when the test says so. */
import { defineAtom, defineChannel, type } from "sente-sync";
import { atom as atomOn, channel as channelOn } from "sente-sync/client";
import { atom, channel, type ServerOptions } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, onTestFinished, test } from "vitest";
import { type HandStorage, handStorage } from "../support/hand-log.ts";
import { createWorld, pushed, type RawPeer, roomRef, text, type World } from "./world.ts";

const storing = (): HandStorage => handStorage(virtualClock({ seed: 7 }).envFor("disk"));

/** The hand log answers in promises: virtual time stands, and they have to be let run. */
async function settle(world: World): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await world.settle();
  }
}

async function open(storage: HandStorage | undefined, options: ServerOptions = {}, seed = 1) {
  const world = createWorld({ ...(storage && { storage }), ...options }, seed);
  // What is on its way when a server closes is stored.
  onTestFinished(() => storage?.store());
  const room = channel(world.sync, roomRef);
  await settle(world);
  return { world, room };
}

async function writer(world: World, hello?: { session: unknown; token: unknown }, read = false): Promise<RawPeer> {
  const peer = await world.ours("client-id=a", hello);
  await peer.say(`[[:sync/subscribe [{:topic "room" :kind "channel" :read ${read}}]] "s"]`);
  await settle(world);
  peer.take();
  return peer;
}

/** What the server answered to writes, in order. */
const outcomes = (frames: readonly string[]): unknown[] =>
  frames.flatMap((frame) => [
    ...pushed([frame], "sync/ack").map((data) => ["ack", ...(data as number[]).slice(1)]),
    ...pushed([frame], "sync/reject").map((data) => [
      "reject",
      (data as number[])[1],
      (data as [0, 0, { code: string }])[2].code,
    ]),
  ]);

test("WRITE1 and WRITE11 under strict nothing is acknowledged, and nobody sees an entry, before it is stored", async () => {
  const storage = storing();
  const { world } = await open(storage);
  const peer = await writer(world, undefined, true);
  await peer.say('[[:sync/write [1 1 [["said" 1] ["said" 2]]]] nil]');
  expect([peer.take(), storage.waiting]).toEqual([[], 1]);
  await storage.store();
  await settle(world);
  const frames = peer.take();
  expect(pushed(frames, "sync/entries")).toHaveLength(1);
  expect(outcomes(frames)).toEqual([["ack", 2, 2]]);
  expect(frames.findIndex((frame) => frame.includes("sync/entries"))).toBeLessThan(
    frames.findIndex((frame) => frame.includes("sync/ack")) + 1,
  );
});

test("WRITE8 what is sent again after a restart is answered as it was: stored ones, rejected ones, and then new ones are new", async () => {
  const storage = storing();
  storage.auto = true;
  const events = {
    said: type<unknown>(),
    odd: { "~standard": { version: 1, vendor: "test", validate: () => ({ issues: [{ message: "no" }] }) } },
  } as const;
  const ref = defineChannel("room", { events });
  const life = async (seed: number): Promise<World> => {
    const world = createWorld({ storage }, seed);
    channel(world.sync, ref);
    await settle(world);
    return world;
  };
  const first = await life(1);
  const peer = await writer(first);
  await peer.say('[[:sync/write [1 1 [["said" 1] ["odd" 2] ["said" 3]]]] nil]');
  await settle(first);
  expect(outcomes(peer.take())).toEqual([
    ["reject", 2, "invalid"],
    ["ack", 1, 1],
    ["ack", 3, 2],
  ]);
  // Not closed: killed.
  const second = await life(2);
  const { session, token, replica } = peer.welcome as NonNullable<RawPeer["welcome"]>;
  const back = await writer(second, { session, token });
  expect(back.welcome).toMatchObject({ resumed: true, session, replica });
  await back.say('[[:sync/write [1 1 [["said" 1] ["odd" 2] ["said" 3] ["said" 4]] 4]] nil]');
  await settle(second);
  expect(outcomes(back.take())).toEqual([
    ["ack", 1, 1],
    ["reject", 2, "invalid"],
    ["ack", 3, 2],
    ["ack", 4, 3],
  ]);
});

test("WRITE8 a write that is on its way to the disk when it is sent again is answered once it is there, and is there once", async () => {
  const storage = storing();
  const { world, room } = await open(storage);
  const heard: unknown[] = [];
  room.subscribe(({ data }) => void heard.push(data));
  const peer = await writer(world);
  await peer.say('[[:sync/write [1 1 [["said" 1]]]] nil]');
  peer.transport.terminate();
  await settle(world);
  const { session, token } = peer.welcome as NonNullable<RawPeer["welcome"]>;
  const back = await writer(world, { session, token });
  await back.say('[[:sync/write [1 1 [["said" 1]] 1]] nil]');
  expect([outcomes(back.take()), storage.waiting]).toEqual([[], 1]);
  await storage.store();
  await settle(world);
  expect([outcomes(back.take()), heard]).toEqual([[["ack", 1, 1]], [1]]);
  expect(world.sync.stats().repeatedWrites).toBe(1);
});

test("WRITE9 of a session that the topic may have forgotten, what was sent before is session-lost, what was not is new", async () => {
  const { world } = await open(undefined, { limits: { maxWriters: 1 } });
  const peer = await writer(world);
  expect(outcomes(await peer.hear('[[:sync/write [1 1 [["said" 1]]]] nil]'))).toEqual([["ack", 1, 1]]);
  await world.advance(10);
  const other = await writer(world);
  expect(outcomes(await other.hear('[[:sync/write [1 1 [["said" 2]]]] nil]'))).toEqual([["ack", 1, 2]]);
  expect(outcomes(await peer.hear('[[:sync/write [1 1 [["said" 1]] 1]] nil]'))).toEqual([["reject", 1, "session-lost"]]);
  expect(outcomes(await peer.hear('[[:sync/write [1 2 [["said" 3]]]] nil]'))).toEqual([["ack", 2, 3]]);
});

test("WRITE10 a log that cannot store: read-only, no ack, the state goes back, others go on, and all goes on when it is well", async () => {
  const storage = storing();
  const { world, room } = await open(storage);
  const total = atom(world.sync, defineAtom("total", { initial: { n: 0 } }), { durability: "strict" });
  const memory = atom(world.sync, defineAtom("memory", { initial: 0 }));
  await settle(world);
  await total.ready;
  total.update((draft) => void (draft.n = 1));
  await settle(world);
  await storage.store();
  await settle(world);

  const peer = await writer(world);
  await peer.say('[[:sync/write [1 1 [["said" 1]]]] nil]');
  const published = room.publish("said", "by the server").stored;
  total.update((draft) => void (draft.n = 2));
  await settle(world);
  expect([storage.waiting, total.get().n]).toEqual([3, 2]);
  await storage.fail();
  await settle(world);
  expect(outcomes(peer.take())).toEqual([["reject", 1, "read-only"]]);
  await expect(published).rejects.toMatchObject({ code: "read-only", retry: "later" });
  expect(total.get()).toEqual({ n: 1 });
  expect(world.errors.map(({ where, error }) => [where, (error as { code: string }).code])).toEqual([["total", "read-only"]]);
  memory.set(1);
  await settle(world);
  expect(memory.get()).toBe(1);
  expect(outcomes(await peer.hear('[[:sync/write [1 2 [["said" 2]]]] nil]'))).toEqual([["reject", 2, "read-only"]]);

  storage.heal();
  storage.auto = true;
  await peer.say('[[:sync/write [1 3 [["said" 3]]]] nil]');
  total.update((draft) => void draft.n++);
  await settle(world);
  expect(outcomes(peer.take())).toEqual([["ack", 3, 1]]);
  expect(total.get()).toEqual({ n: 2 });
});

test("WRITE11 a snapshot, a view and a rendered page have what is stored, while more is decided", async () => {
  const storage = storing();
  const { world } = await open(storage);
  const total = atom(world.sync, defineAtom("total", { initial: { n: 0 } }), {
    durability: "strict",
    view: { key: () => "all", select: ({ n }) => n },
  });
  const plain = atom(world.sync, defineAtom("plain", { initial: 0 }), { durability: "strict" });
  await settle(world);
  total.set({ n: 1 });
  plain.set(1);
  await settle(world);
  const see = async (): Promise<unknown> => {
    const peer = await world.ours("client-id=b");
    await peer.say('[[:sync/subscribe [{:topic "total" :kind "atom"} {:topic "plain" :kind "atom"}]] "s"]');
    await settle(world);
    return pushed(peer.frames, "sync/snapshot").map((data) => (data as unknown[])[4]);
  };
  expect([await see(), plain.get()]).toEqual([["0", "0"], 1]);
  await storage.store();
  await settle(world);
  expect(await see()).toEqual(["1", "1"]);
});

test("WRITE12 a durable atom is there after a restart, from a snapshot and what follows it; ready says when", async () => {
  const storage = storing();
  storage.auto = true;
  const ref = defineAtom("list", { initial: [] as number[] });
  const first = createWorld({ storage });
  const list = atom(first.sync, ref, { durability: "strict" });
  expect(() => list.update((draft) => void draft.push(0))).toThrow(expect.objectContaining({ code: "loading" }));
  await settle(first);
  await list.ready;
  for (let n = 1; n <= 1100; n++) {
    list.update((draft) => void (draft[0] = n));
    await settle(first);
  }
  const second = createWorld({ storage }, 2);
  const again = atom(second.sync, ref, { durability: "strict" });
  await settle(second);
  await again.ready;
  expect(again.get()).toEqual([1100]);
  const peer = await second.ours();
  await peer.say('[[:sync/subscribe [{:topic "list" :kind "atom"}]] "s"]');
  await settle(second);
  expect(text(pushed(peer.frames, "sync/snapshot")[0])).toContain("[1100]");
});

test("RESUME7 a reply waits for what its handler wrote", async () => {
  const storage = storing();
  const { world, room } = await open(storage);
  world.sync.on("app/say", () => {
    room.publish("said", 1);
    return "done";
  });
  const peer = await writer(world, undefined, true);
  await peer.say('[[:app/say] "q"]');
  await settle(world);
  expect(peer.take()).toEqual([]);
  await storage.store();
  await settle(world);
  expect(peer.take().map((frame) => (frame.includes("entries") ? "entries" : frame))).toEqual(["entries", '["done" "q"]']);
});

test("a durable topic tells at subscription how durable it is; without a storage it is memory", async () => {
  for (const [storage, durability] of [
    [storing(), "strict"],
    [undefined, "memory"],
  ] as const) {
    const { world } = await open(storage);
    const peer = await world.ours();
    await peer.say('[[:sync/subscribe [{:topic "room" :kind "channel"}]] "s"]');
    await settle(world);
    expect(peer.frames.some((frame) => frame.includes(`:durability "${durability}"`))).toBe(true);
  }
});

test("SUB20 a reader behind the tail of a durable channel is given what the log has, in order, then what is new", async () => {
  const storage = storing();
  storage.auto = true;
  const { world, room } = await open(storage);
  for (let n = 1; n <= 3000; n++) room.publish("said", n);
  await settle(world);
  const got: unknown[] = [];
  const gaps: unknown[] = [];
  const client = world.client();
  channelOn(client, roomRef).subscribe(({ data, offset }) => void got.push([offset, data]), {
    from: 1,
    onGap: (gap) => void gaps.push(gap),
  });
  for (let i = 0; i < 20; i++) {
    await world.advance(100);
    await settle(world);
  }
  room.publish("said", 3001);
  for (let i = 0; i < 5; i++) await settle(world);
  expect(gaps).toEqual([]);
  expect(got).toEqual(Array.from({ length: 3001 }, (_, index) => [index + 1, index + 1]));
});

test("SEED1 and SEED2 a durable atom is seeded once in its life, whoever asks for it, however often; before it is stored nobody sees it", async () => {
  const storage = storing();
  let seeds = 0;
  const ref = defineAtom("board/:id", { initial: { title: "" } });
  const life = async (seed: number) => {
    const world = createWorld({ storage }, seed);
    const boards = atom(world.sync, ref, {
      durability: "strict",
      seed: async ({ params }) => {
        seeds++;
        await new Promise((resolve) => setImmediate(resolve));
        return { title: `${params.id} ${seeds}` };
      },
    });
    await settle(world);
    return { world, boards };
  };
  const first = await life(1);
  const clients = [1, 2, 3].map(() => first.world.client());
  const got = clients.map((client) => atomOn(client, ref({ id: "a" })));
  for (const held of got) held.listen(() => {});
  const opening = first.boards.open({ id: "a" });
  await first.world.advance(1000);
  await settle(first.world);
  expect([seeds, got.map((held) => held.get())]).toEqual([1, [undefined, undefined, undefined]]);
  await storage.store();
  await settle(first.world);
  expect((await opening).get()).toEqual({ title: "a 1" });
  await settle(first.world);
  expect(got.map((held) => held.get())).toEqual([1, 2, 3].map(() => ({ title: "a 1" })));

  const second = await life(2);
  expect((await second.boards.open({ id: "a" })).get()).toEqual({ title: "a 1" });
  expect(seeds).toBe(1);
  // One that died before it was stored was never there.
  const lost = second.boards.open({ id: "b" });
  await settle(second.world);
  lost.catch(() => {});
  const third = await life(3);
  const again = third.boards.open({ id: "b" });
  await settle(third.world);
  await storage.store();
  expect((await again).get()).toEqual({ title: "b 3" });
});

test("SEED3 a seed that throws leaves the atom unopened, tells its readers, harms no other, and is asked again", async () => {
  const storage = storing();
  storage.auto = true;
  const { world } = await open(storage);
  let fails = true;
  const boards = atom(world.sync, defineAtom("board/:id", { initial: 0 }), {
    durability: "strict",
    seed: () => {
      if (fails) throw new Error("no database");
      return 7;
    },
  });
  await expect(boards.open({ id: "a" })).rejects.toMatchObject({ code: "loading", cause: new Error("no database") });
  const peer = await world.ours();
  await peer.say('[[:sync/subscribe [{:topic "board/a" :kind "atom"} {:topic "room" :kind "channel"}]] "s"]');
  await settle(world);
  expect(
    (peer.reply("s") as { error?: { code: string }; id?: number }[]).map(({ error, id }) => error?.code ?? typeof id),
  ).toEqual(["loading", "number"]);
  fails = false;
  expect((await boards.open({ id: "a" })).get()).toBe(7);
});

test("DOOR13 a server that drains answers what it read, and reads no more", async () => {
  const storage = storing();
  const { world } = await open(storage);
  let answer = (_: string): void => {};
  world.sync.on("app/slow", () => new Promise<string>((resolve) => (answer = resolve)));
  const peer = await writer(world);
  await peer.say('[[:app/slow] "q"]', '[[:sync/write [1 1 [["said" 1]]]] nil]');
  const closing = world.sync.close({ drain: true });
  await peer.say('[[:sync/write [1 2 [["said" 2]]]] nil]');
  await world.advance(100);
  expect([peer.take(), peer.closes]).toEqual([[], []]);
  answer("done");
  await storage.store();
  await settle(world);
  await world.advance(100);
  const frames = peer.take();
  expect([frames.some((frame) => frame === '["done" "q"]'), outcomes(frames)]).toEqual([true, [["ack", 1, 1]]]);
  await closing;
  expect([peer.closes[0]?.code, storage.waiting]).toEqual([1001, 0]);
});

test("DOOR13 a client waits for its answer while the server drains for long: the server's silence is not taken for death", async () => {
  const world = createWorld();
  world.sync.on("app/slow", () => new Promise((resolve) => void world.env.setTimer(() => resolve("done"), 40_000)));
  const client = world.client();
  await world.advance(10);
  const answer = client.request("app/slow", null, { timeoutMs: 60_000 });
  await world.advance(10);
  const lost: unknown[] = [];
  client.on("disconnect", ({ reason }) => lost.push(reason));
  const closing = world.sync.close({ drain: true, drainMs: 50_000 });
  await world.advance(39_900);
  expect(lost).toEqual([]);
  await world.advance(200);
  expect([await answer, lost.length]).toEqual(["done", 1]);
  await closing;
});

test("DOOR13 a server does not drain for longer than drainMs", async () => {
  const world = createWorld();
  world.sync.on("app/never", () => new Promise(() => {}));
  const peer = await world.ours();
  await peer.say('[[:app/never] "q"]');
  const closing = world.sync.close({ drain: true, drainMs: 500 });
  await world.advance(499);
  expect(peer.closes).toEqual([]);
  await world.advance(20);
  await closing;
  expect(peer.closes[0]?.code).toBe(1001);
});
