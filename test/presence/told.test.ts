/** What readers are told and when, and how a client says and sees it. Rules: docs/protocol/presence.md PRESENCE15-PRESENCE19, PRESENCE26. */
import { defineRoom, type } from "sente-sync";
import { presence } from "sente-sync/client";
import { json } from "sente-sync/packers/json";
import { presence as room } from "sente-sync/server";
import { simulate } from "sente-sync/testing";
import { expect, test } from "vitest";
import { createMoving } from "../client/moving.ts";
import { type Answer, pushed, type RawPeer, text } from "../server/world.ts";
import { createRoomWorld, type RoomWorld, roomRef, type Shown, seen } from "./world.ts";

async function reader(
  world: RoomWorld,
  as: string,
): Promise<{ peer: RawPeer; id: number; say(...request: unknown[]): Promise<unknown> }> {
  const peer = await world.ours(`client-id=raw&as=${as}`);
  const [answer] = await peer.subscribe({ topic: "room", kind: "presence" });
  const { id } = answer as Answer;
  return { peer, id, say: (...request) => peer.ask(`[:sync/member ${text([id, ...request])}]`) };
}

/** Entries that came: how many, and their items. */
function told(peer: RawPeer): unknown[][] {
  return pushed(peer.take(), "sync/entries").flatMap((data) =>
    (data as [number, number, unknown[][]])[2].map((entry) => entry.slice(1)),
  );
}

test("PRESENCE15, PRESENCE16 what changes within 20 ms is one item of one entry, and nothing where it is as it was", async () => {
  const world = createRoomWorld();
  const ada = await reader(world, "ada");
  const bob = await reader(world, "bob");
  await ada.say("join", { name: "ada", n: 0 }, false);
  const id = ada.peer.welcome?.replica;
  expect(told(bob.peer)).toEqual([[["in", id, { id: "ada" }, { name: "ada", n: 0 }, "online"]]]);
  for (let n = 1; n <= 5; n++) await ada.say("set", { n }, [], false);
  expect(told(bob.peer)).toEqual([]);
  await world.advance(20);
  expect(told(bob.peer)).toEqual([[["set", id, { n: 5 }, [], "online"]]]);
  await world.advance(1000);
  // After a pause, at once.
  await ada.say("set", { n: 6 }, ["name"], true);
  expect(told(bob.peer)).toEqual([[["set", id, { n: 6 }, ["name"], "away"]]]);
  await ada.say("set", { n: 7 }, [], true);
  await ada.say("set", { n: 6 }, [], true);
  await world.advance(1000);
  expect(told(bob.peer)).toEqual([]);
  // A broadcast waits for nothing, and what changed before it comes with it.
  await ada.say("set", { n: 8 }, [], true);
  await ada.say("tell", "ping", 1, false);
  await ada.say("set", { n: 9 }, [], true);
  await ada.say("tell", "ping", 2, false);
  expect(told(bob.peer)).toEqual([
    [["set", id, { n: 8 }, [], "away"]],
    [["told", id, "ping", 1]],
    [
      ["set", id, { n: 9 }, [], "away"],
      ["told", id, "ping", 2],
    ],
  ]);
  await ada.say("leave");
  await ada.say("join", { n: 9 }, true);
  await world.advance(100);
  expect(told(bob.peer)).toEqual([]);
});

test("PRESENCE16 with many readers entries are further apart", async () => {
  const world = createRoomWorld();
  const ada = await reader(world, "ada");
  const readers: Awaited<ReturnType<typeof reader>>[] = [];
  for (let n = 0; n < 599; n++) readers.push(await reader(world, `reader${n >> 4}`));
  await ada.say("join", { n: 0 }, false);
  await world.advance(100);
  const bob = readers[0] as (typeof readers)[0];
  told(bob.peer);
  await ada.say("set", { n: 1 }, [], false);
  await ada.say("set", { n: 2 }, [], false);
  expect(told(bob.peer)).toHaveLength(1);
  await world.advance(29);
  expect(told(bob.peer)).toHaveLength(0);
  await world.advance(2);
  expect(told(bob.peer)).toHaveLength(1);
});

test("PRESENCE17 a reader that is far behind gets the members as they are", async () => {
  const world = createRoomWorld({ limits: { updatesPerSecond: 1000 } });
  const ada = await reader(world, "ada");
  const slow = await reader(world, "slow");
  await ada.say("join", { n: 0, pad: "x".repeat(3000) }, false);
  await world.advance(100);
  slow.peer.take();
  slow.peer.transport.pause();
  for (let n = 1; n <= 300; n++) {
    await ada.say("set", { n, pad: `${n}`.repeat(900) }, [], false);
    await world.advance(20);
  }
  slow.peer.transport.resume();
  await world.advance(100);
  const frames = slow.peer.take();
  expect(pushed(frames, "sync/gap")).toHaveLength(1);
  const [, , , last, snapshot] = pushed(frames, "sync/snapshot").at(-1) as [number, number, number, boolean, string];
  expect([last, snapshot.includes(":n 300")]).toEqual([true, true]);
  expect(frames.join("").length).toBeLessThan(300_000);
});

test("PRESENCE19 a user is one with all of its members, and who was here lately is offline", async () => {
  const world = createRoomWorld();
  const ada = world.enter("ada");
  const one = world.enter("bob", { name: "1" });
  const two = world.enter("bob", { name: "2" });
  await world.advance(200);
  const users = (): unknown[] =>
    ada.room.users.get().map(({ user, status, members }) => [user.id, status, members.map(({ data }) => data.name)]);
  expect(users()).toEqual([
    ["ada", "online", ["ada"]],
    ["bob", "online", ["1", "2"]],
  ]);
  const bob = ada.room.user("bob");
  const held = bob.get();
  ada.room.set({ cursor: null });
  await world.advance(200);
  expect(bob.get()).toBe(held);
  one.room.close();
  await world.advance(200);
  expect(users()).toContainEqual(["bob", "online", ["2"]]);
  two.client.close();
  await world.advance(1000);
  expect(users()).toContainEqual(["bob", "offline", []]);
  expect(bob.get()?.lastSeenMs).toBe(world.env.nowMs() - 300 - 200);
  expect(ada.room.user("nobody").get()).toBeUndefined();
});

test("PRESENCE26 what is set is gathered while an update is under way, and told ten times a second at most", async () => {
  const world = createRoomWorld();
  const ada = world.enter("ada", { name: "ada", n: 0 });
  const bob = world.enter("bob");
  await world.advance(500);
  const shown: unknown[] = [];
  bob.room.others.listen((others) => void shown.push(others[0]?.data["n"]));
  for (let n = 1; n <= 100; n++) {
    ada.room.set({ n });
    expect(ada.room.self.get().data["n"]).toBe(n);
    await world.advance(10);
  }
  await world.advance(200);
  expect(shown.at(-1)).toBe(100);
  expect(shown.length).toBeGreaterThanOrEqual(9);
  expect(shown.length).toBeLessThanOrEqual(12);
  expect(world.room.counters.rateLimited).toBe(0);
});

test("PRESENCE26 while the line is down the view is stale and stays; after it all of it is said again", async () => {
  const world = createRoomWorld({ graceMs: 3_600_000 });
  const ada = world.enter("ada");
  const bob = world.enter("bob");
  await world.advance(200);
  expect(bob.room.stale.get()).toBe(false);
  const stale: boolean[] = [];
  bob.room.stale.listen((is) => void stale.push(is));
  bob.client.disconnect();
  bob.room.set({ name: "Bob" });
  await world.advance(300);
  expect([bob.room.stale.get(), seen(bob.room)]).toEqual([true, ["ada online"]]);
  bob.client.connect();
  await world.advance(300);
  expect(stale).toEqual([true, false]);
  expect(seen(ada.room)).toEqual(["Bob online"]);
  expect(ada.room.others.get()).toHaveLength(1);
});

test("PRESENCE26 after rate-limited it is sent again; two handles are one member until both are closed", async () => {
  const world = createRoomWorld({ limits: { updatesPerSecond: 2 } });
  const bob = world.enter("bob");
  const ada = world.enter("ada", { name: "ada" });
  await world.advance(100);
  const second = presence(ada.client, roomRef, { colour: "red" });
  await world.advance(3000);
  expect(bob.room.others.get().map(({ data }) => data)).toEqual([{ name: "ada", colour: "red" }]);
  ada.room.close();
  ada.room.close();
  await world.advance(100);
  expect(seen(bob.room)).toEqual(["ada online"]);
  second.close();
  await world.advance(100);
  expect(seen(bob.room)).toEqual([]);
});

test("PRESENCE14 after the server's death its clients join again, under the same ids where it still knows their sessions", async () => {
  const world = simulate({
    seed: 1,
    storage: true,
    install: (sync) => room(sync, roomRef),
    open: (client, { page }) => presence(client, roomRef, { name: page.name }),
  });
  const [ada, bob] = [world.client({ name: "ada" }), world.client({ name: "bob" })];
  await world.settle();
  const before = [ada, bob].map(({ app }) => app.self.get().id);
  world.server.crash("kill", 100);
  await world.advance("3s");
  await world.settle();
  expect(world.server.lives).toBe(2);
  expect(
    world.server.app.members
      .get()
      .map(({ id }) => id)
      .sort(),
  ).toEqual([...before].sort((a, b) => String(a).localeCompare(String(b))));
  expect([seen(ada.app), seen(bob.app)]).toEqual([["bob online"], ["ada online"]]);
});

test("PRESENCE26 others stay === where nothing of theirs changed, and a handle without data only looks", async () => {
  const world = createRoomWorld();
  const ada = world.enter("ada");
  const watcher = presence(world.client(), roomRef);
  let told = 0;
  watcher.members.subscribe(() => told++);
  await world.advance(200);
  expect(watcher.others.get().map(({ data }) => data.name)).toEqual(["ada"]);
  expect(world.room.members.get()).toHaveLength(1);
  expect(watcher.broadcast("x", 1)).toBe(false);
  const others = ada.room.others.get();
  let changes = 0;
  ada.room.others.listen(() => changes++);
  ada.room.set({ cursor: { x: 1, y: 1 } });
  await world.advance(300);
  expect([changes, ada.room.others.get() === others]).toEqual([0, true]);
  expect(ada.room.members.get()[0]?.data.cursor).toEqual({ x: 1, y: 1 });
  expect(told).toBeGreaterThan(1);
});

test("PRESENCE3 nobody ever sees itself among the others: coming, leaving, coming again, over lines", async () => {
  const world = createRoomWorld();
  const client = world.client();
  const looks = presence(client, roomRef);
  const seenSelf: string[] = [];
  looks.others.subscribe((others) => void seenSelf.push(...others.map(({ id }) => id)));
  for (let round = 0; round < 3; round++) {
    const joined = presence(client, roomRef, { name: "ada" });
    await world.advance(200);
    expect(looks.members.get()).toHaveLength(1);
    if (round === 1) client.reconnect();
    await world.advance(200);
    joined.close();
    await world.advance(200);
    expect(looks.members.get()).toHaveLength(0);
  }
  expect(seenSelf).toEqual([]);
});

test("PRESENCE23 a member goes along when its session moves to another connection", async () => {
  const world = createMoving({ packers: [json()], upgrade: {} });
  const hallRef = defineRoom("hall", { schema: type<Shown>() });
  const hall = room(world.sync, hallRef);
  const ada = presence(world.client, hallRef, { name: "ada" });
  const statuses = new Set<string>();
  hall.members.listen((members) => {
    for (const { status } of members) statuses.add(status);
    statuses.add(`${members.length}`);
  });
  await world.advance(3000);
  expect(world.tap.links.map(({ isOver }) => isOver)).toEqual([true, false]);
  ada.set({ name: "Ada" });
  await world.advance(20_000);
  expect(hall.members.get().map(({ data }) => data.name)).toEqual(["Ada"]);
  expect([...statuses]).toEqual(["online", "1"]);
  expect(ada.self.get().id).toBe(hall.members.get()[0]?.id);
});

test("PRESENCE26 who finds a room full is told so, and comes in once there is a place", async () => {
  const world = createRoomWorld({ limits: { members: 2 } });
  const [ada, bob] = [world.enter("ada"), world.enter("bob")];
  await world.advance(200);
  const cem = world.enter("cem", { name: "cem" });
  await world.advance(6000);
  expect([cem.room.error.get()?.code, cem.room.self.get().id]).toEqual(["limit", undefined]);
  bob.client.close();
  await world.advance(6000);
  expect([cem.room.error.get(), ada.room.others.get().map(({ data }) => data["name"])]).toEqual([undefined, ["cem"]]);
});
