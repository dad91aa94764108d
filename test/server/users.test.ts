/** Who counts as connected, and what waits for who is away. In virtual time, but for those who poll. */
import { edn } from "sente-sync/packers/edn";
import { json } from "sente-sync/packers/json";
import { type ConnectedUsers, createServer, type ServerOptions } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { memoryPair } from "../../src/transport/memory.ts";
import { ask, exchange } from "../support/http-client.ts";
import { createWorld, pushed, type RawPeer } from "./world.ts";

/** A world whose users are named by the query, and that notes who comes and goes. */
function worldOfUsers(options: ServerOptions = {}) {
  const told: string[] = [];
  const world = createWorld({
    authenticate: ({ url }) => {
      const id = url.searchParams.get("uid");
      return id === null ? { id: `anonymous-${told.length}-${Math.random()}`, anonymous: true } : { id };
    },
    onUserOpen: (id) => told.push(`+${id}`),
    onUserClose: (id) => told.push(`-${id}`),
    ...options,
  });
  return { world, told };
}

const shown = ({ ws, ajax, any }: ConnectedUsers) => [[...ws].sort(), [...ajax].sort(), [...any].sort()];
const heard = (peer: RawPeer): unknown[] => pushed(peer.frames, "app/pushed");

test("USER5 a WebSocket's user is connected from the handshake, a polling one's from its first poll", async () => {
  const told: string[] = [];
  const sync = createServer({
    authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "" }),
    longPoll: { graceMs: 1000 },
    reconnectGraceMs: 200,
    onUserOpen: (id) => told.push(`+${id}`),
    onUserClose: (id) => told.push(`-${id}`),
    onError: () => {},
  });
  onTestFinished(() => sync.close());
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const now = () => shown(sync.connectedUsers.get());
  await ask(port, { path: "/chsk?client-id=a&uid=ada&handshake%3F=1" });
  expect([now(), told]).toEqual([[[], [], []], []]);
  const poll = exchange(port, { path: "/chsk?client-id=a&uid=ada" });
  await expect.poll(now).toEqual([[], ["ada"], ["ada"]]);
  const sockets = ["ada", "bob"].map((uid) => new WebSocket(`ws://127.0.0.1:${port}/chsk?client-id=b&uid=${uid}`));
  await expect.poll(now).toEqual([["ada", "bob"], ["ada"], ["ada", "bob"]]);
  poll.abort();
  await expect.poll(now).toEqual([["ada", "bob"], [], ["ada", "bob"]]);
  for (const socket of sockets) socket.close();
  await expect.poll(now).toEqual([[], [], []]);
  expect([told.slice(0, 2), told.slice(2).sort()]).toEqual([
    ["+ada", "+bob"],
    ["-ada", "-bob"],
  ]);
});

test("USER5 a client whose packer seals its frames polls like any other", async () => {
  const { gzip } = await import("sente-sync/packers/gzip");
  const sync = createServer({
    packer: gzip(edn()),
    authenticate: () => ({ id: "ada" }),
    keepalive: { keepaliveMs: 100, pingTimeoutMs: 50 },
    onError: () => {},
  });
  onTestFinished(() => sync.close());
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const handshake = '\0[[:chsk/handshake ["ada" nil nil]] nil]';
  expect((await ask(port, { path: "/chsk?client-id=a&handshake%3F=1" })).text).toBe(handshake);
  expect((await ask(port, { path: "/chsk?client-id=a&handshake%3F=1" })).text).toBe(handshake);
  const poll = exchange(port, { path: "/chsk?client-id=a" });
  await expect.poll(() => shown(sync.connectedUsers.get())).toEqual([[], ["ada"], ["ada"]]);
  // Longer than a WebSocket may be silent: a poll is not pinged.
  await new Promise((resolve) => setTimeout(resolve, 300));
  sync.send("ada", "app/pushed");
  expect((await poll.answer).text).toBe("\0[[[:app/pushed]] nil]");
});

test("USER6 the hooks are told once per user: with its first connection, and when the grace after its last is over", async () => {
  const { world, told } = worldOfUsers();
  const first = await world.peer("client-id=a&uid=ada");
  const second = await world.peer("client-id=b&uid=ada");
  expect(told).toEqual(["+ada"]);
  first.transport.close();
  await world.advance(10_000);
  second.transport.close();
  await world.advance(2499);
  expect(told).toEqual(["+ada"]);
  expect(shown(world.sync.connectedUsers.get())).toEqual([["ada"], [], ["ada"]]);
  const third = await world.peer("client-id=c&uid=ada");
  await world.advance(10_000);
  expect(told).toEqual(["+ada"]);
  third.transport.close();
  await world.advance(2501);
  expect(told).toEqual(["+ada", "-ada"]);
  expect(shown(world.sync.connectedUsers.get())).toEqual([[], [], []]);
});

test("USER6 reconnectGraceMs 0 waits for nobody; a hook that throws is reported and harms nobody", async () => {
  const told: string[] = [];
  const { world } = worldOfUsers({
    reconnectGraceMs: 0,
    onUserOpen: () => {
      throw new Error("on purpose");
    },
    onUserClose: (id) => told.push(id),
  });
  const peer = await world.peer("client-id=a&uid=ada");
  expect([world.errors.map(({ where }) => where), peer.frames.length]).toEqual([["onUserOpen"], 1]);
  peer.transport.close();
  await world.settle();
  expect(told).toEqual(["ada"]);
});

test("USER7 connectedUsers is a store: it tells what changed once per turn, and nothing that did not", async () => {
  const { world } = worldOfUsers();
  const seen: string[][] = [];
  const stop = world.sync.connectedUsers.listen(({ any }) => seen.push([...any].sort()));
  const all: number[] = [];
  world.sync.connectedUsers.subscribe(({ any }) => all.push(any.size))();
  expect(all).toEqual([0]);
  for (const id of ["ada", "bob", "cyd"]) {
    const [near, far] = memoryPair(world.env);
    near.handlers = { onFrame() {}, onClose() {} };
    void world.sync.accept(far, "/chsk?client-id=a", { id });
  }
  await world.settle();
  expect([seen, all]).toEqual([[["ada", "bob", "cyd"]], [0]]);
  const kept = world.sync.connectedUsers.get();
  await world.peer("client-id=b&uid=ada");
  expect([seen.length, world.sync.connectedUsers.get() === kept]).toEqual([1, true]);
  stop();
  await world.peer("client-id=a&uid=dan");
  expect(seen.length).toBe(1);
  expect([...kept.any].sort()).toEqual(["ada", "bob", "cyd"]);
});

test("USER8 a server that closes waits for nobody: all users are told to have gone", async () => {
  const { world, told } = worldOfUsers();
  await world.peer("client-id=a&uid=ada");
  (await world.peer("client-id=a&uid=bob")).transport.close();
  await world.settle();
  await world.sync.close();
  await world.settle();
  expect([...told].sort()).toEqual(["+ada", "+bob", "-ada", "-bob"]);
  expect(shown(world.sync.connectedUsers.get())).toEqual([[], [], []]);
  await world.advance(10_000);
  expect(told.length).toBe(4);
});

test("MAIL1 what is pushed to a plain client while it is away waits for the same user with the same client id", async () => {
  const { world } = worldOfUsers();
  const before = await world.peer("client-id=a&uid=ada");
  before.transport.close();
  await world.settle();
  world.sync.send("ada", "app/pushed", 1);
  world.sync.send("ada", "app/pushed", 2);
  await world.advance(2000);
  const other = await world.peer("client-id=b&uid=ada");
  const stranger = await world.peer("client-id=a&uid=eve");
  const nobody = await world.peer("client-id=a");
  const after = await world.peer("client-id=a&uid=ada");
  expect([heard(other), heard(stranger), heard(nobody), heard(after)]).toEqual([[], [], [], [1, 2]]);
  expect(after.frames[0]).toContain(":chsk/handshake");
  // Once.
  expect(heard(await world.peer("client-id=a&uid=ada"))).toEqual([]);
});

test("MAIL1 a client of ours gets it with its session's proof, and nobody by its client id", async () => {
  const { world } = worldOfUsers();
  const before = await world.ours("client-id=a");
  const { id } = before.welcome?.user ?? { id: "" };
  before.transport.close();
  await world.settle();
  world.sync.send(id, "app/pushed", 1);
  const { session, token } = before.welcome ?? { session: "", token: "" };
  const forger = await world.ours("client-id=a", { session, token: "0" });
  const plain = await world.peer("client-id=a");
  expect([heard(forger), heard(plain)]).toEqual([[], []]);
  const after = await world.ours("client-id=other", { session, token });
  await world.settle();
  expect([after.welcome?.resumed, heard(after)]).toEqual([true, [1]]);
});

test("MAIL1 a client of ours gets what waited for its session, not for a plain client of the same user and client id", async () => {
  const { world } = worldOfUsers();
  const plain = await world.peer("client-id=a&uid=ada");
  const before = await world.ours("client-id=a&uid=ada");
  plain.transport.close();
  await world.settle();
  world.sync.send("ada", "app/pushed", 1);
  await world.settle();
  before.transport.close();
  await world.settle();
  world.sync.send("ada", "app/pushed", 2);
  const { session, token } = before.welcome ?? { session: "", token: "" };
  const after = await world.ours("client-id=a&uid=ada", { session, token });
  await world.settle();
  expect([heard(before), heard(after)]).toEqual([[1], [2]]);
  expect(heard(await world.peer("client-id=a&uid=ada"))).toEqual([1, 2]);
});

test("MAIL1 a client that comes back with another packer gets it in that one", async () => {
  const { world } = worldOfUsers({ packers: [json()] });
  const before = await world.peer("client-id=a&uid=ada&packers=json");
  before.transport.close();
  await world.settle();
  world.sync.send("ada", "app/pushed", { n: 1 });
  const after = await world.peer("client-id=a&uid=ada");
  expect(heard(after)).toEqual([{ n: 1 }]);
});

test("MAIL2 what waits is dropped after the grace, and bounded: events by maxWaiting, users by maxIdleSessions", async () => {
  const { world, told } = worldOfUsers({ limits: { maxWaiting: 3, maxIdleSessions: 2 } });
  const leave = async (uid: string): Promise<void> => {
    (await world.peer(`client-id=a&uid=${uid}`)).transport.close();
    await world.settle();
  };
  await leave("ada");
  for (let n = 1; n <= 5; n++) world.sync.send("ada", "app/pushed", n);
  expect(world.sync.stats().droppedPushes).toBe(2);
  expect(heard(await world.peer("client-id=a&uid=ada"))).toEqual([1, 2, 3]);

  await leave("bob");
  world.sync.send("bob", "app/pushed", 1);
  await world.advance(2501);
  expect(heard(await world.peer("client-id=a&uid=bob"))).toEqual([]);

  told.length = 0;
  for (const uid of ["cyd", "dan", "eve"]) await leave(uid);
  // The first to go was the first to be forgotten.
  expect(told).toEqual(["+cyd", "+dan", "+eve", "-cyd"]);
});

test("MAIL3 what a connection was given and had not sent when it broke waits as well, before what is pushed later", async () => {
  const { world } = worldOfUsers();
  const before = await world.peer("client-id=a&uid=ada");
  before.transport.pause();
  for (let n = 0; n < 3; n++) {
    world.sync.send("ada", "app/filler", "x".repeat(60_000));
    await world.settle();
  }
  world.sync.send("ada", "app/pushed", 1);
  await world.settle();
  before.transport.terminate();
  await world.settle();
  world.sync.send("ada", "app/pushed", 2);
  expect(heard(await world.peer("client-id=a&uid=ada"))).toEqual([1, 2]);
});
