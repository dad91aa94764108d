/** Shared trees on the server: what is stored and told, seeds, validation, hooks, and what survives a restart. */
import { defineShared, SyncError } from "sente-sync";
import { shared as sharedOn } from "sente-sync/client";
import { type ServerOptions, type SharedChange, shared } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, onTestFinished, test } from "vitest";
import { type HandStorage, handStorage } from "../support/hand-log.ts";
import { createWorld, pushed, type RawPeer, text, type World } from "./world.ts";

interface Board {
  title: string;
  shapes: { [id: string]: { x: number; y: number } };
}
const initial: Board = { title: "", shapes: {} };
const board = defineShared("board", { initial });
const boards = defineShared("org/:org/board/:id", { initial });
const dayMs = 86_400_000;

async function settle(world: World): Promise<void> {
  for (let i = 0; i < 6; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await world.settle();
  }
}

const storing = (): HandStorage => handStorage(virtualClock({ seed: 7 }).envFor("disk"));

async function life(
  storage: HandStorage,
  seed: number,
  options: Parameters<typeof shared<Board>>[2] = {},
  server: ServerOptions = {},
) {
  const world = createWorld({ storage, ...server }, seed);
  onTestFinished(() => storage.store());
  const live = shared(world.sync, board, options);
  await settle(world);
  return { world, live };
}

async function reader(world: World, topic = "board", read = true): Promise<{ peer: RawPeer; now: unknown; id: number }> {
  const peer = await world.ours("client-id=a");
  await peer.say(`[[:sync/subscribe [{:topic "${topic}" :kind "shared" :read ${read}}]] "s"]`);
  await settle(world);
  const [answer] = peer.reply("s") as [{ id: number; now: unknown }];
  return { peer, now: answer.now, id: answer.id };
}

const entries = (frames: readonly string[]): unknown[] =>
  pushed(frames, "sync/entries").flatMap((data) => (data as [number, number, unknown[]])[2]);
const snapshots = (frames: readonly string[]): string[] =>
  pushed(frames, "sync/snapshot").map((data) => (data as unknown[])[4] as string);

test("SHARED1 and SHARED16 a subscription is answered with the server's time; writes are told to all, stamped by the session's replica", async () => {
  const world = createWorld();
  const live = shared(world.sync, board);
  const { peer, now } = await reader(world);
  expect(now).toBe(Math.floor(world.env.nowMs()));
  const other = await reader(world);
  peer.take();
  const frames = await other.peer.hear(
    `[[:sync/write [1 1 [[${String(now)} 0 "title" "Plan"] [0 0 ["shapes" "a"] {:x 1 :y 2}]]]] nil]`,
  );
  const replica = other.peer.welcome?.replica;
  const told = [
    [now, replica, "title", "Plan"],
    [[0, 1], 0, ["shapes", "a"], { x: 1, y: 2 }],
  ];
  expect(entries(frames)).toEqual(told);
  expect(entries(peer.take())).toEqual(told);
  expect(live.get()).toEqual({ title: "Plan", shapes: { a: { x: 1, y: 2 } } });
});

test("SHARED11 under strict nobody is told, in an entry or in a snapshot, what is not stored; what fails is taken back", async () => {
  const storage = storing();
  const { world, live } = await life(storage, 1);
  const seen: Board[] = [];
  live.listen((value) => void seen.push(value));
  live.set(["title"], "one");
  await settle(world);
  await storage.store();
  await settle(world);
  const two = live.set(["title"], "two");
  await settle(world);
  expect(live.get().title).toBe("two");
  const late = await reader(world);
  const [snapshot] = snapshots(late.peer.take());
  expect([snapshot?.includes("one"), snapshot?.includes("two")]).toEqual([true, false]);
  await storage.store();
  await settle(world);
  await two.stored;
  expect(entries(late.peer.take())).toEqual([[expect.anything(), 0, "title", "two"]]);
  const three = live.set(["title"], "three").stored.catch((error: SyncError) => error.code);
  await settle(world);
  await storage.fail();
  await settle(world);
  expect([await three, live.get().title, late.peer.take()]).toEqual(["read-only", "two", []]);
  storage.heal();
  await settle(world);
  live.set(["title"], "four");
  await settle(world);
  await storage.store();
  await settle(world);
  // Told relative to what is there, not to what was taken back.
  expect(entries(late.peer.take())).toEqual([[expect.anything(), 0, "title", "four"]]);
  expect(seen.map(({ title }) => title)).toEqual(["one", "two", "three", "two", "four"]);
});

test("SHARED11 a restart finds the tree as it was, by its records and by its snapshot, and goes on", async () => {
  const storage = storing();
  storage.auto = true;
  const { world, live } = await life(storage, 1);
  for (let at = 0; at < 1005; at++) live.set(["shapes", `s${at % 7}`], { x: at, y: 0 });
  live.delete(["shapes", "s3"]);
  await settle(world);
  const before = live.get();
  const again = await life(storage, 2);
  expect(again.live.get()).toEqual(before);
  const { peer } = await reader(again.world);
  peer.take();
  again.live.set(["title"], "later");
  await settle(again.world);
  expect(entries(peer.take())).toEqual([[expect.anything(), 0, "title", "later"]]);
});

test("SHARED10 a seed is made once, before anybody reads, and what was written offline before it counts", async () => {
  const storage = storing();
  storage.auto = true;
  let seeds = 0;
  const seed = (): Board => ({ title: `seed ${++seeds}`, shapes: { a: { x: 1, y: 1 } } });
  const { world, live } = await life(storage, 1, { seed });
  await live.ready;
  expect(live.get().title).toBe("seed 1");
  const { peer } = await reader(world);
  await peer.say(`[[:sync/write [1 1 [[5 0 "title" "offline"]]]] nil]`);
  await settle(world);
  expect(live.get()).toEqual({ title: "offline", shapes: { a: { x: 1, y: 1 } } });
  const again = await life(storage, 2, { seed });
  expect([again.live.get().title, seeds]).toEqual(["offline", 1]);
});

test("SHARED8 a schema and `validate` judge what the state would be; only that write is rejected", async () => {
  const world = createWorld();
  const writes: unknown[] = [];
  const schema = {
    "~standard": {
      version: 1 as const,
      vendor: "test",
      validate: (value: unknown) =>
        (value as Board).title === "bad" ? { issues: [{ message: "no", path: ["title"] }] } : { value: value as Board },
    },
  };
  const live = shared(world.sync, defineShared("board", { initial, schema }), {
    validate({ next, changes, user, value }) {
      writes.push([next.title, value.title, changes, user.id]);
      if (next.title === "late") throw new SyncError("app/late", "No.", { data: 7 });
      if (next.title === "self") live.set(["title"], "mine");
    },
  });
  const { peer } = await reader(world);
  peer.take();
  const frames = await peer.hear(
    `[[:sync/write [1 1 [[0 0 "title" "good"] [0 0 "title" "bad"] [0 0 "title" "late"] [0 0 "title" "self"] [0 0 [["shapes" "a"]]] [0 0 "title" "end"]]]] nil]`,
  );
  const codes = pushed(frames, "sync/reject").map((data) => [(data as number[])[1], (data as [0, 0, { code: string }])[2].code]);
  expect(codes).toEqual([
    [2, "invalid"],
    [3, "app/late"],
    [4, "invalid"],
  ]);
  expect(live.get().title).toBe("end");
  expect(writes[0]).toEqual(["good", "", [{ path: ["title"], value: "good" }], expect.any(String)]);
  expect(writes[3]).toEqual(["good", "good", [{ path: ["shapes", "a"] }], expect.any(String)]);
  // The server's own: the schema, but not `validate`.
  expect(() => live.set(["title"], "bad")).toThrow(expect.objectContaining({ code: "invalid" }));
  live.set(["title"], "late");
  expect(live.get().title).toBe("late");
});

test("SHARED12 onChange is told each stored write once, in order, with who wrote it, and may write itself", async () => {
  const storage = storing();
  const changes: SharedChange<Board>[] = [];
  const { world, live } = await life(storage, 1, {
    onChange(change) {
      changes.push(change);
      if (change.from !== null) live.set(["shapes", "answer"], { x: 1, y: 1 });
    },
  });
  const { peer } = await reader(world);
  await peer.say(`[[:sync/write [1 1 [[0 0 "title" "Plan"]]]] nil]`);
  await settle(world);
  expect(changes).toEqual([]);
  await storage.store();
  await settle(world);
  await storage.store();
  await settle(world);
  expect(changes.map(({ topic, from, changes: paths }) => [topic, from, paths])).toEqual([
    ["board", peer.welcome?.replica, [{ path: ["title"], value: "Plan" }]],
    ["board", null, [{ path: ["shapes", "answer"], value: { x: 1, y: 1 } }]],
  ]);
});

test("SHARED12 a listener or hook that throws harms nobody, and is reported", async () => {
  const world = createWorld();
  const live = shared(world.sync, board, {
    onChange() {
      throw new Error("change");
    },
  });
  live.listen(() => {
    throw new Error("listen");
  });
  const { peer } = await reader(world);
  const frames = await peer.hear(`[[:sync/write [1 1 [[0 0 "title" "Plan"]]]] nil]`);
  expect(pushed(frames, "sync/ack")).toEqual([[1, 1, 1]]);
  expect(world.errors.map(({ error }) => (error as Error).message)).toEqual(["listen", "change"]);
});

test("SHARED7 deletions are forgotten after a while, and what is older is stale", async () => {
  const world = createWorld();
  const live = shared(world.sync, board, { forgetDeletedMs: dayMs });
  live.set(["shapes", "a"], { x: 1, y: 1 });
  live.delete(["shapes", "a"]);
  const oldMs = Math.floor(world.env.nowMs());
  await world.advance(2 * dayMs);
  for (let at = 0; at < 1000; at++) live.set(["title"], String(at));
  const { peer } = await reader(world);
  expect(snapshots(peer.take())[0]?.includes('"a"')).toBe(false);
  const frames = await peer.hear(`[[:sync/write [1 1 [[${oldMs} 0 ["shapes" "a"] {:x 9 :y 9}]]]] nil]`);
  expect(pushed(frames, "sync/reject")).toEqual([
    [1, 1, { code: "stale", message: expect.any(String), data: { current: [[["shapes", "a"]]] } }],
  ]);
  expect(live.get().shapes).toEqual({});
});

test("SHARED13 a pattern is a family: open, list, clear, delete", async () => {
  const world = createWorld();
  const family = shared(world.sync, boards, { seed: ({ params }) => ({ title: `${params.org}/${params.id}`, shapes: {} }) });
  const one = await family.open({ org: "acme", id: "1" });
  expect([one.get().title, one.topic]).toEqual(["acme/1", "org/acme/board/1"]);
  await family.open({ org: "acme", id: "2" });
  await family.open({ org: "else", id: "1" });
  expect(family.list({ prefix: "org/acme/" })).toEqual(["org/acme/board/1", "org/acme/board/2"]);
  const client = world.client();
  const held = sharedOn(client, boards({ org: "acme", id: "1" }));
  held.keep();
  await world.advance(10);
  expect(held.get()).toEqual({ title: "acme/1", shapes: {} });
  await family.clear({ org: "acme", id: "1" });
  await world.advance(10);
  expect([held.get(), one.get()]).toEqual([initial, initial]);
  family.delete({ org: "acme", id: "1" });
  await world.advance(10);
  expect([held.status.get(), held.get()]).toEqual(["deleted", undefined]);
  expect(family.list()).toHaveLength(2);
});

test("SHARED13 writing needs the grant `write`; before `ready` it is loading; a value that cannot travel is refused and leaves nothing", async () => {
  const storage = storing();
  const world = createWorld({ storage });
  onTestFinished(() => storage.store());
  const live = shared(world.sync, board, { authorize: ({ action }) => action === "read" });
  expect(() => live.set(["title"], "early")).toThrow(expect.objectContaining({ code: "loading" }));
  await settle(world);
  const { peer } = await reader(world);
  expect(pushed(await peer.hear(`[[:sync/write [1 1 [[0 0 "title" "x"]]]] nil]`), "sync/reject")).toMatchObject([
    [1, 1, { code: "forbidden" }],
  ]);
  expect(() => live.set(["title"], (() => {}) as never)).toThrow(expect.objectContaining({ code: "invalid" }));
  expect(() => live.delete([])).toThrow(expect.objectContaining({ code: "invalid" }));
  expect(live.get()).toEqual(initial);
  expect(text(live.update(() => {}) && live.get())).toBe(text(initial));
});
