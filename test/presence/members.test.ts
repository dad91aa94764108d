/** Members of a room: who they are, what they show, what is refused, and what happens when lines end. Rules: docs/protocol/presence.md. */
import { defineRoom, type Schema, SyncError, type } from "sente-sync";
import { presence as presenceOn } from "sente-sync/client";
import { presence } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, test } from "vitest";
import { type Answer, pushed, type RawPeer, text } from "../server/world.ts";
import { handStorage } from "../support/hand-log.ts";
import { createRoomWorld, type RoomWorld, type Shown, seen } from "./world.ts";

const named: Schema<Shown> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate(value: unknown) {
      const { name } = value as Shown;
      return typeof name === "string"
        ? { value: { ...(value as Shown), name: name.trim() } }
        : { issues: [{ message: "no name" }] };
    },
  },
};

/** A connection by hand that reads the room as that user. */
async function reader(world: RoomWorld, as: string, hello?: object): Promise<{ peer: RawPeer; id: number; answer: Answer }> {
  const peer = await world.ours(`client-id=raw&as=${as}`, hello as never);
  const [answer] = await peer.subscribe({ topic: "room", kind: "presence" });
  return { peer, id: (answer as Answer).id, answer: answer as Answer };
}

const member = (id: number, ...request: unknown[]): string => `[:sync/member ${text([id, ...request])}]`;
/** An event that is an error, as text. */
const codeOf = (value: unknown): string | undefined => /:code "([\w-]+)"/.exec(text(value))?.[1];
const errorCode = (value: unknown): unknown => codeOf(value) ?? value;

/** Entries that came, items alone. */
const items = (peer: RawPeer): unknown[] =>
  pushed(peer.take(), "sync/entries").flatMap((data) =>
    (data as [number, number, unknown[][]])[2].flatMap((entry) => entry.slice(1)),
  );

test("PRESENCE1 to join one reads the room and is allowed to; who may read may look without joining", async () => {
  const world = createRoomWorld({ authorize: ({ action, user }) => action === "read" || user.id !== "eve" });
  const ada = await reader(world, "ada");
  const eve = await reader(world, "eve");
  expect(errorCode(await ada.peer.ask(member(99, "join", {}, false)))).toBe("invalid");
  expect(errorCode(await ada.peer.ask(member(ada.id, "set", {}, [], false)))).toBe("invalid");
  expect(errorCode(await eve.peer.ask(member(eve.id, "join", {}, false)))).toBe("forbidden");
  expect(await ada.peer.ask(member(ada.id, "join", { name: "ada" }, false))).toHaveLength(4);
  await world.advance(100);
  expect(items(eve.peer)).toEqual([["in", ada.peer.welcome?.replica, { id: "ada" }, { name: "ada" }, "online"]]);
});

test("PRESENCE1 authorize may take its time; what cannot be read counts as malformed", async () => {
  const world = createRoomWorld({
    authorize: ({ action }) => action === "read" || new Promise((resolve) => void world.env.setTimer(() => resolve(true), 50)),
  });
  const { peer, id } = await reader(world, "ada");
  await peer.say(`[${member(id, "join", {}, false)} "late"]`);
  expect(world.room.members.get()).toHaveLength(0);
  await world.advance(60);
  expect(peer.reply("late")).toHaveLength(4);
  for (const bad of [["join", 1], ["set", {}, [1]], ["tell", 1], ["stage", "steal"], ["fly"]]) {
    const other = await reader(world, "bob");
    await other.peer.say(`[${member(other.id, ...bad)} nil]`);
  }
  expect(world.sync.stats().malformed).toBe(5);
});

test("PRESENCE2, PRESENCE3 the id is the replica's; a second join of the session is the same member, another session another", async () => {
  const world = createRoomWorld();
  const one = await reader(world, "ada");
  const two = await reader(world, "ada");
  const first = (await one.peer.ask(member(one.id, "join", { name: "one" }, false))) as string[];
  const again = (await one.peer.ask(member(one.id, "join", { name: "1" }, false))) as string[];
  const other = (await two.peer.ask(member(two.id, "join", { name: "two" }, false))) as string[];
  expect(first[0]).toBe(one.peer.welcome?.replica);
  expect(again.slice(0, 2)).toEqual(first.slice(0, 2));
  expect(other[0]).toBe(two.peer.welcome?.replica);
  expect(world.room.members.get().map(({ data }) => data.name)).toEqual(["1", "two"]);
});

test("PRESENCE4 the key of a join proves under another session that it is the same client; another key does not", async () => {
  const world = createRoomWorld();
  const one = await reader(world, "ada");
  const [id, key] = (await one.peer.ask(member(one.id, "join", { name: "one" }, false))) as string[];
  const watch = await reader(world, "bob");
  one.peer.transport.terminate();
  await world.advance(100);
  const thief = await reader(world, "ada");
  const stolen = (await thief.peer.ask(member(thief.id, "join", { name: "thief" }, false, [id, "0123"]))) as string[];
  expect(stolen[0]).not.toBe(id);
  const two = await reader(world, "ada");
  const back = (await two.peer.ask(member(two.id, "join", { name: "two" }, false, [id, key]))) as string[];
  expect(back[0]).toBe(id);
  await world.advance(10_000);
  expect(world.room.members.get().map(({ data }) => data.name)).toEqual(["two", "thief"]);
  expect(items(watch.peer).filter((item) => (item as unknown[])[0] === "out")).toEqual([]);
});

test("PRESENCE5 data passes the schema and onUpdate; its owner is told what became of it, or why not", async () => {
  const ref = defineRoom("checked", { schema: type<Shown>() });
  const strict: typeof ref = { ...ref, options: { schema: named } };
  const world = createRoomWorld();
  const updates: unknown[] = [];
  const room = presence(world.sync, strict, {
    onUpdate({ data, before, user, id }) {
      updates.push([id === undefined, user.id, before?.name]);
      if (data.name === "root") throw new SyncError("forbidden", "Not that name.");
      return data.name === "ADA" ? { ...data, name: "ada" } : undefined;
    },
  });
  const client = world.client();
  const ada = presenceOn(client, ref, { name: " ADA " });
  await world.advance(200);
  expect(ada.self.get().data).toEqual({ name: "ada" });
  ada.set({ name: "root" });
  expect(ada.self.get().data.name).toBe("root");
  await world.advance(200);
  expect(ada.self.get().data.name).toBe("ada");
  expect(ada.error.get()?.code).toBe("forbidden");
  ada.set({ name: 7 as never });
  await world.advance(300);
  expect([ada.self.get().data.name, ada.error.get()?.code]).toEqual(["ada", "invalid"]);
  expect(room.counters.invalid).toBe(2);
  expect(room.members.get().map(({ data }) => data)).toEqual([{ name: "ada" }]);
  ada.set({ name: "eve" });
  await world.advance(300);
  expect(ada.error.get()).toBeUndefined();
  expect(updates[0]).toEqual([true, "nobody", undefined]);
  expect(updates.at(-1)).toEqual([false, "nobody", "ada"]);
});

test("PRESENCE6 what is set is merged, and a key that is undefined is taken out", async () => {
  const world = createRoomWorld();
  const ada = world.enter("ada", { name: "ada", cursor: { x: 1, y: 1 } });
  const bob = world.enter("bob");
  await world.advance(200);
  ada.room.set({ cursor: null });
  ada.room.set({ name: undefined as never, colour: "red" });
  await world.advance(300);
  expect(bob.room.others.get()[0]?.data).toEqual({ cursor: null, colour: "red" });
  expect(ada.room.self.get().data).toEqual({ cursor: null, colour: "red" });
});

test("PRESENCE7 each limit refuses and counts", async () => {
  const limits = { memberBytes: 100, members: 2, updatesPerSecond: 2, eventsPerSecond: 1, lossyPerSecond: 1 };
  const world = createRoomWorld({ limits });
  const { peer, id } = await reader(world, "ada");
  const ask = async (...request: unknown[]): Promise<unknown> => errorCode(await peer.ask(member(id, ...request)));
  expect(await ask("join", { name: "x".repeat(100) }, false)).toBe("too-large");
  expect(await ask("join", { name: "ada" }, false)).toHaveLength(4);
  expect(await ask("set", { name: "y".repeat(100) }, [], false)).toBe("too-large");
  expect(await ask("set", { name: "b" }, [], false)).toBe(true);
  expect(await ask("set", { name: "c" }, [], false)).toBe("rate-limited");
  expect([await ask("tell", "hi", 1, false), await ask("tell", "hi", "z".repeat(100), false)]).toEqual([true, "too-large"]);
  expect(await ask("tell", "hi", 1, false)).toBe("rate-limited");
  for (const expected of [true, true, "rate-limited"]) expect(await ask("tell", "at", 1, true)).toBe(expected);
  // To leave and to come again is no way round.
  expect([await ask("leave"), await ask("join", {}, false)]).toEqual([true, "rate-limited"]);
  for (const [as, expected] of [
    ["bob", 4],
    ["cid", 4],
    ["dan", "limit"],
  ] as const) {
    const other = await reader(world, as);
    const answer = errorCode(await other.peer.ask(member(other.id, "join", {}, false)));
    expect(typeof expected === "number" ? (answer as unknown[]).length : answer).toBe(expected);
  }
  expect(world.room.counters).toMatchObject({ joined: 3, left: 1, tooLarge: 3, rateLimited: 4, full: 1 });
});

test("PRESENCE8 a broadcast reaches who is here, once, in order, from whom the server says; its schema is asked", async () => {
  const ref = defineRoom("party", {
    schema: type<Shown>(),
    events: { ping: type<number>(), named: named },
  });
  const world = createRoomWorld();
  const room = presence(world.sync, ref);
  const ada = presenceOn(world.client(), ref, { name: "ada" });
  const bob = presenceOn(world.client(), ref, { name: "bob" });
  const heard: unknown[] = [];
  const stop = bob.on("ping", ({ data, from }) => void heard.push([data, from?.data.name]));
  ada.on("ping", ({ data, from }) => void heard.push(["ada hears", data, from?.data.name]));
  expect(ada.broadcast("ping", 0)).toBe(false);
  await world.advance(200);
  for (const data of [1, 2, 3]) expect(ada.broadcast("ping", data)).toBe(true);
  await world.advance(50);
  expect(heard).toEqual([
    [1, "ada"],
    [2, "ada"],
    [3, "ada"],
  ]);
  room.broadcast("ping", 4);
  await world.advance(50);
  expect(heard.slice(3)).toEqual(
    expect.arrayContaining([
      [4, undefined],
      ["ada hears", 4, undefined],
    ]),
  );
  stop();
  ada.broadcast("named", { name: 1 as never });
  await world.advance(50);
  expect(ada.error.get()?.code).toBe("invalid");
  ada.broadcast("other" as never, 1 as never);
  await world.advance(50);
  expect(ada.error.get()?.code).toBe("not-declared");
  expect(() => room.broadcast("named", { name: 1 as never })).toThrow(SyncError);
  expect(heard).toHaveLength(5);
});

test("PRESENCE9 a lossy broadcast: the newest of a turn, dropped and counted for whose socket is full, and never waiting", async () => {
  const world = createRoomWorld();
  const ada = world.enter("ada");
  const bob = world.enter("bob");
  const full = await reader(world, "full");
  await world.advance(200);
  const heard: unknown[] = [];
  bob.room.on("at", ({ data, from }) => void heard.push([data, from?.data.name]));
  full.peer.take();
  full.peer.transport.pause();
  world.sync.broadcast("app/fill", "x".repeat(300_000));
  await world.advance(10);
  expect(full.peer.take()).toEqual([]);
  for (let turn = 0; turn < 3; turn++) {
    for (const data of [1, 2, 3]) ada.room.broadcast("at", data + 10 * turn, { lossy: true });
    await world.advance(100);
  }
  expect(heard).toEqual([
    [3, "ada"],
    [13, "ada"],
    [23, "ada"],
  ]);
  expect(world.sync.stats().droppedLossy).toBe(3);
  full.peer.transport.resume();
  await world.advance(100);
  expect(pushed(full.peer.take(), "sync/told")).toEqual([]);
  ada.room.broadcast("at", 99, { lossy: true });
  await world.advance(100);
  expect(pushed(full.peer.take(), "sync/told")).toHaveLength(1);
});

test("PRESENCE20, PRESENCE21 a lost line is told at once; who is back in the grace was never gone, who is not is", async () => {
  const world = createRoomWorld({ graceMs: 4000 });
  const bob = world.enter("bob");
  const changes: string[] = [];
  const one = await reader(world, "ada");
  const [id] = (await one.peer.ask(member(one.id, "join", { name: "ada" }, false))) as string[];
  await world.advance(200);
  bob.room.others.listen(() => void changes.push(seen(bob.room).join()));
  one.peer.transport.terminate();
  await world.advance(3900);
  const { session, token } = one.peer.welcome as { session: string; token: string };
  const two = await reader(world, "ada", { session, token });
  expect(((await two.peer.ask(member(two.id, "join", { name: "ada" }, false))) as string[])[0]).toBe(id);
  await world.advance(10_000);
  expect(changes).toEqual(["ada reconnecting", "ada online"]);
  two.peer.transport.terminate();
  await world.advance(3900);
  expect(changes.slice(2)).toEqual(["ada reconnecting"]);
  await world.advance(200);
  expect(changes.slice(3)).toEqual([""]);
  expect(world.room.counters).toMatchObject({ joined: 2, left: 1, returned: 1 });
});

test("PRESENCE22 closed in order: not a word for half a second, then gone; one that leaves or is sent away is gone at once", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob");
  const [ada, cid, dan, eve] = ["ada", "cid", "dan", "eve"].map((name) => world.enter(name)) as [
    ReturnType<typeof world.enter>,
    ReturnType<typeof world.enter>,
    ReturnType<typeof world.enter>,
    ReturnType<typeof world.enter>,
  ];
  await world.advance(200);
  ada.client.close();
  await world.advance(400);
  expect(seen(bob.room)).toContain("ada online");
  await world.advance(200);
  expect(seen(bob.room)).not.toContain("ada online");
  cid.room.close();
  await world.advance(50);
  expect(seen(bob.room)).toEqual(["dan online", "eve online"]);
  world.sync.revoke({ user: "dan", topic: "room" });
  await world.advance(50);
  expect(seen(bob.room)).toEqual(["eve online"]);
  expect([dan.room.status.get(), dan.room.error.get()?.code]).toEqual(["refused", "forbidden"]);
  world.sync.disconnect({ user: "eve" });
  await world.advance(1);
  expect(world.room.members.get().map(({ data }) => data.name)).toEqual(["bob"]);
  eve.client.close();
  // Who asks for another line has closed the first in order, and stays.
  const changes: string[] = [];
  const fay = world.enter("fay");
  await world.advance(200);
  bob.room.others.listen(() => void changes.push(seen(bob.room).join()));
  fay.client.reconnect();
  await world.advance(3000);
  expect(changes).toEqual([]);
});

test("PRESENCE23 the end of an older subscription changes nothing", async () => {
  const world = createRoomWorld();
  const one = await reader(world, "ada");
  await one.peer.ask(member(one.id, "join", { name: "ada" }, false));
  const { session, token } = one.peer.welcome as { session: string; token: string };
  const two = await reader(world, "ada", { session, token });
  await two.peer.ask(member(two.id, "join", { name: "ada" }, false));
  one.peer.transport.terminate();
  await world.advance(20_000);
  expect(world.room.members.get()).toMatchObject([{ status: "online" }]);
  // And what still comes on the older one is nobody's.
  expect(await two.peer.ask(member(two.id, "set", { name: "x" }, [], false))).toBe(true);
});

test("PRESENCE23 the same connection that subscribes anew has its member back without a word", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob");
  const { peer, id } = await reader(world, "ada");
  await peer.ask(member(id, "join", { name: "ada" }, false));
  await world.advance(200);
  const changes: string[] = [];
  bob.room.others.listen(() => void changes.push(seen(bob.room).join()));
  await peer.say(`[[:sync/unsubscribe [${id}]] nil]`, `[[:sync/subscribe ${text([{ topic: "room", kind: "presence" }])}] "s"]`);
  await peer.ask(member(id, "join", { name: "ada" }, false));
  await world.advance(9000);
  expect(changes.filter((change) => change === "")).toEqual([]);
  expect(seen(bob.room)).toEqual(["ada online"]);
});

test("PRESENCE24 a server that closes leaves no timer of a room", async () => {
  const world = createRoomWorld({ graceMs: 60_000 });
  const { peer, id } = await reader(world, "ada");
  await peer.ask(member(id, "join", { name: "ada" }, false));
  peer.transport.terminate();
  await world.advance(10);
  const bob = await reader(world, "bob");
  await bob.peer.ask(member(bob.id, "join", { name: "bob" }, false));
  await world.advance(0);
  await Promise.all([world.sync.close(), world.advance(100)]);
  const { steps } = world.clock;
  await world.clock.run({ untilMs: world.clock.nowMs + 120_000 });
  expect(world.clock.steps).toBe(steps);
});

test("PRESENCE14 a room is in memory, whatever the server's durability is", async () => {
  const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  storage.auto = true;
  const world = createRoomWorld({}, { durability: "strict", storage });
  const { answer } = await reader(world, "ada");
  expect(answer.durability).toBe("memory");
});

test("PRESENCE18 the server's handle tells its members once per turn", async () => {
  const world = createRoomWorld();
  const told: string[][] = [];
  world.room.members.subscribe((members) => void told.push(members.map(({ data }) => String(data.name))));
  world.enter("ada");
  world.enter("bob");
  await world.advance(200);
  expect(told[0]).toEqual([]);
  expect(told.at(-1)).toEqual(["ada", "bob"]);
  expect(told.length).toBeLessThan(6);
});
