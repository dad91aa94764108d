/** Durable topics while much happens at once: what comes between a question to the log and its answer. */
import { defineAtom } from "sente-sync";
import { channel as channelOn } from "sente-sync/client";
import { atom, channel } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, onTestFinished, test } from "vitest";
import type { Storage } from "../../src/topic/log.ts";
import { type HandStorage, handStorage } from "../support/hand-log.ts";
import { createWorld, pushed, type RawPeer, roomRef, type World } from "./world.ts";

/** The hand log answers in promises: virtual time stands, and they have to be let run. */
async function settle(world: World): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await world.settle();
  }
}

/** Reads take a turn of the event loop, as those of a disk do. */
const slowly = (storage: HandStorage): Storage => ({
  name: "slow",
  async open(host) {
    const log = await storage.open(host);
    return {
      ...log,
      async open(name, options) {
        const topic = await log.open(name, options);
        const { read } = topic;
        topic.read = async (from, limit) => {
          await new Promise((resolve) => setImmediate(resolve));
          return read(from, limit);
        };
        return topic;
      },
    };
  },
});

async function open(): Promise<{ storage: HandStorage; world: World }> {
  const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  const world = createWorld({ storage: slowly(storage) });
  onTestFinished(() => storage.store());
  channel(world.sync, roomRef);
  await settle(world);
  return { storage, world };
}

async function writer(world: World, hello?: { session: unknown; token: unknown }): Promise<RawPeer> {
  const peer = await world.ours("client-id=a", hello);
  await peer.say('[[:sync/subscribe [{:topic "room" :kind "channel" :read false}]] "s"]');
  await settle(world);
  peer.take();
  return peer;
}

const acks = (frames: readonly string[]): unknown[] => pushed(frames, "sync/ack").map((data) => (data as number[]).slice(1));

/** A line that broke with one write under way, and the next one of the same session, which has sent it again. */
async function resent(world: World, ops: string): Promise<RawPeer> {
  const peer = await writer(world);
  await peer.say('[[:sync/write [1 1 [["said" 1]]]] nil]');
  peer.transport.terminate();
  await settle(world);
  const { session, token } = peer.welcome as NonNullable<RawPeer["welcome"]>;
  const back = await writer(world, { session, token });
  await back.say(`[[:sync/write [1 1 [${ops}] 1]] nil]`);
  return back;
}

test("WRITE8 a write that is sent again is answered when it is stored, however much of others is still on its way", async () => {
  const { storage, world } = await open();
  const back = await resent(world, '["said" 1]');
  const other = await writer(world);
  await other.say('[[:sync/write [1 1 [["said" 2]]]] nil]');
  expect(storage.waiting).toBe(2);
  await storage.store(1);
  await settle(world);
  expect([acks(back.take()), storage.waiting]).toEqual([[[1, 1]], 1]);
});

test("WRITE8 one that is sent again is answered before those that were new behind it, though one sync stored them all", async () => {
  const { storage, world } = await open();
  const back = await resent(world, '["said" 1] ["said" 2] ["said" 3]');
  const other = await writer(world);
  await other.say('[[:sync/write [1 1 [["said" 4]]]] nil]');
  await storage.store();
  await settle(world);
  expect(acks(back.take())).toEqual([
    [1, 1],
    [3, 3],
  ]);
});

test("SUB1 readers that come to a durable topic at once, while the log is read for the first of them, are all told what follows", async () => {
  const { storage, world } = await open();
  storage.auto = true;
  const heard = new Set<string>();
  for (const name of ["a", "b", "c"]) {
    channelOn(world.client(), roomRef).subscribe(({ data, offset }) => heard.add(`${name} ${data} ${offset}`));
  }
  await settle(world);
  const peer = await writer(world);
  await peer.say('[[:sync/write [1 1 [["said" 1]]]] nil]');
  await settle(world);
  expect(heard).toEqual(new Set(["a 1 1", "b 1 1", "c 1 1"]));
});

test("ATOM1 what an atom was changed to in the turn in which the server closes is stored", async () => {
  const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  storage.auto = true;
  const ref = defineAtom("total", { initial: 0 });
  const life = async (): Promise<{ world: World; total: { get(): number; set(value: number): void } }> => {
    const world = createWorld({ storage });
    const total = atom(world.sync, ref, { durability: "strict" });
    await settle(world);
    return { world, total };
  };
  const first = await life();
  first.total.set(7);
  await first.world.sync.close({ drain: true });
  expect((await life()).total.get()).toBe(7);
});

/** Numbers, and offsets or codes. */
const answers = (frames: readonly string[]): unknown[] => [
  ...pushed(frames, "sync/reject").map((data) => [(data as unknown[])[1], ((data as unknown[])[2] as { code: string }).code]),
  ...acks(frames),
];

/** The same session over another line. */
async function again(world: World, peer: RawPeer): Promise<RawPeer> {
  peer.transport.terminate();
  await settle(world);
  const { session, token } = peer.welcome as NonNullable<RawPeer["welcome"]>;
  return writer(world, { session, token });
}

test("WRITE10 what was rejected while the disk failed is rejected again for who sends it again, though another write was taken back since", async () => {
  const { storage, world } = await open();
  const peer = await writer(world);
  const other = await writer(world);
  await other.say('[[:sync/write [1 1 [["said" 1]]]] nil]');
  await storage.fail(1);
  await peer.say('[[:sync/write [1 1 [["said" 2]]]] nil]');
  await settle(world);
  expect(answers(peer.take())).toEqual([[1, "read-only"]]);
  await storage.fail();
  await settle(world);
  storage.heal();
  await peer.say('[[:sync/write [1 2 [["said" 3]]]] nil]');
  await storage.store();
  await settle(world);
  const back = await again(world, peer);
  await back.say('[[:sync/write [1 1 [["said" 2] ["said" 3]] 2]] nil]');
  await settle(world);
  expect(answers(back.take())).toEqual([
    [1, "read-only"],
    [2, 1],
  ]);
});

test("WRITE10 one that is still on its way while those behind it are refused is answered before them, also for who sends it again", async () => {
  const { storage, world } = await open();
  const peer = await writer(world);
  await peer.say('[[:sync/write [1 1 [["said" 1]]]] nil]');
  await peer.say('[[:sync/write [1 2 [["said" 2]]]] nil]');
  expect(storage.waiting).toBe(2);
  await storage.fail(1);
  await settle(world);
  const back = await again(world, peer);
  await back.say('[[:sync/write [1 1 [["said" 1] ["said" 2]] 2]] nil]');
  await settle(world);
  expect(answers(back.take())).toEqual([]);
  await storage.fail();
  await settle(world);
  expect(answers(back.take())).toEqual([
    [1, "read-only"],
    [2, "read-only"],
  ]);
});

test("WRITE10 while what is stored cannot be read back nothing is answered, and once it can all is, without a restart", async () => {
  const { storage, world } = await open();
  const peer = await writer(world);
  await peer.say('[[:sync/write [1 1 [["said" 1]]]] nil]');
  await storage.store();
  await settle(world);
  expect(answers(peer.take())).toEqual([[1, 1]]);
  await peer.say('[[:sync/write [1 2 [["said" 2]]]] nil]');
  storage.unreadable = 3;
  await storage.fail();
  storage.heal();
  await peer.say('[[:sync/write [1 3 [["said" 3]]]] nil]');
  await world.advance(2900);
  expect([answers(peer.take()), storage.unreadable]).toEqual([[], 1]);
  await world.advance(4200);
  await settle(world);
  await storage.store();
  await settle(world);
  expect(answers(peer.take())).toEqual([
    [2, "read-only"],
    [3, 2],
  ]);
  storage.unreadable = 100;
  await peer.say('[[:sync/write [1 4 [["said" 4]]]] nil]');
  await storage.fail();
  // And a server that closes does not wait for it.
  await world.sync.close();
});
