/** The server's half of a move, frame by frame: peers by hand, whose new connection is in EDN, too, unless a test asks for another packer. */
import { defineAtom, Keyword } from "sente-sync";
import { edn } from "sente-sync/packers/edn";
import { json } from "sente-sync/packers/json";
import { msgpack } from "sente-sync/packers/msgpack";
import { atom, channel, type Peer, type ServerOptions } from "sente-sync/server";
import { expect, test } from "vitest";
import { createWorld, pushed, type RawPeer, roomRef, text, type Welcome, type World } from "./world.ts";

const quiet: ServerOptions = { keepalive: { keepaliveMs: 0 } };
const { unpack } = edn();
const moveQuery = "client-id=raw&sync=1&move=1";
const marker = "[[:sync/move] nil]";
const movedFrame = "[[[:sync/moved]] nil]";

function helloOf({ welcome }: Pick<RawPeer, "welcome">, callback = '"hi"'): string {
  const { session, token } = welcome as Welcome;
  return `[[:sync/hello ${text({ v: 1, session, token, move: true })}] ${callback}]`;
}

/** A visitor that has heard its handshake. */
async function visitor(world: World, query = moveQuery): Promise<RawPeer> {
  const peer = await world.peer(query);
  expect(peer.take()).toHaveLength(1);
  return peer;
}

/** Moves the session of `from`; the server polls, so it takes some milliseconds. */
async function moveTo(world: World, from: RawPeer): Promise<RawPeer> {
  const to = await visitor(world);
  await from.say(marker);
  await to.say(helloOf(from));
  await world.advance(20);
  return to;
}

test("MOVE1 a visitor hears its handshake and nothing more, and nobody is told of it", async () => {
  const told: string[] = [];
  const world = createWorld({
    ...quiet,
    authenticate: () => ({ id: "ann" }),
    onConnect: ({ clientId }) => void told.push(`connect ${clientId}`),
    onDisconnect: ({ clientId }) => void told.push(`disconnect ${clientId}`),
    onUserOpen: (id) => void told.push(`open ${id}`),
    limits: { maxConnectionsPerUser: 1 },
  });
  const peer = await visitor(world);
  world.sync.send("ann", "app/n", 1);
  world.sync.broadcast("app/n", 2);
  await world.advance(100);
  expect([peer.take(), told, [...world.sync.connectedUsers.get().any]]).toEqual([[], [], []]);
  // It takes none of its user's room, but some of the server's.
  const own = await world.ours("client-id=own");
  expect(own.welcome?.user).toEqual({ id: "ann" });
  expect(world.sync.stats().connections).toBe(2);
  peer.transport.close(1000, "");
  await world.advance(10);
  expect([told, world.sync.stats().connections]).toEqual([["open ann", "connect own"], 1]);
});

test("MOVE1 a visitor passes the doors as any other; without sync=1 there are none", async () => {
  const world = createWorld({ ...quiet, limits: { maxConnections: 2 } });
  await visitor(world);
  const plain = await world.peer("client-id=raw&move=1");
  plain.take();
  world.sync.broadcast("app/n", 1);
  await world.settle();
  expect(pushed(plain.take(), "app/n")).toEqual([1]);
  const late = await world.peer(moveQuery);
  expect(late.closes).toEqual([{ code: 4008, reason: "Too many connections" }]);
});

test("MOVE2 what a visitor says before hello is malformed", async () => {
  const world = createWorld(quiet);
  let calls = 0;
  world.sync.on("app/x", () => void calls++);
  const peer = await visitor(world);
  await peer.say("[[:app/x] nil]", marker);
  expect([calls, world.sync.stats().malformed, peer.closes]).toEqual([0, 2, []]);
  await peer.say('[[:sync/subscribe [{:topic "room" :kind "channel"}]] "1"]');
  expect(peer.closes).toEqual([{ code: 4007, reason: "malformed" }]);
});

test("MOVE2 a visitor that says nothing is closed without a ping", async () => {
  const world = createWorld({ keepalive: { keepaliveMs: 4000, pingTimeoutMs: 1000 } });
  const peer = await visitor(world);
  await world.advance(1900);
  expect(peer.closes).toEqual([]);
  await world.advance(500);
  expect([peer.closes, peer.take()]).toEqual([[{ code: 1000, reason: "" }], []]);
});

test("MOVE2 a visitor whose hello does not ask for a move stays as a connection of its own", async () => {
  const told: string[] = [];
  const world = createWorld({
    ...quiet,
    authenticate: () => ({ id: "ann" }),
    onConnect: ({ clientId }) => void told.push(clientId),
    limits: { maxConnectionsPerUser: 1 },
  });
  const hello = '[[:sync/hello {:v 1 :session nil :token nil}] "hi"]';
  const [peer, late] = [await visitor(world), await visitor(world)];
  await peer.say(hello);
  expect([told, [...world.sync.connectedUsers.get().ws]]).toEqual([["raw"], ["ann"]]);
  world.sync.send("ann", "app/n", 1);
  await world.settle();
  expect(pushed(peer.take(), "app/n")).toEqual([1]);
  await late.say(hello);
  expect(late.closes).toEqual([{ code: 4008, reason: "Too many connections of one user" }]);
  expect(told).toEqual(["raw"]);
});

test("MOVE4 what comes on the new connection waits for the marker on the old one, and for what came before it", async () => {
  const world = createWorld(quiet);
  const heard: unknown[] = [];
  world.sync.on("app/n", ({ data }) => void heard.push(data));
  const from = await world.ours();
  const to = await visitor(world);
  await to.say(helloOf(from), "[[:app/n 3] nil]");
  await world.advance(50);
  await from.say("[[:app/n 1] nil]");
  await to.say("[[:app/n 4] nil]");
  expect([heard, to.take()]).toEqual([[1], []]);
  await from.say("[[:app/n 2] nil]", marker);
  await world.advance(20);
  await to.say("[[:app/n 5] nil]");
  expect(heard).toEqual([1, 2, 3, 4, 5]);
});

test("MOVE4 and MOVE5 subscriptions that were asked for before the marker are answered on the old connection", async () => {
  let allow = (_: boolean): void => {};
  const world = createWorld({
    ...quiet,
    authorize: ({ action }) => action !== "read" || new Promise<boolean>((resolve) => void (allow = resolve)),
  });
  const room = channel(world.sync, roomRef);
  const from = await world.ours();
  from.take();
  await from.say('[[:sync/subscribe [{:topic "room" :kind "channel" :since nil :read true}]] "s"]');
  const to = await moveTo(world, from);
  expect([from.take(), to.take()]).toEqual([[], []]);
  allow(true);
  await world.advance(20);
  const frames = from.take();
  expect([frames.length, frames.at(-1)]).toEqual([2, movedFrame]);
  expect(from.reply("s")).toMatchObject([{ recovered: true }]);
  room.publish("said", "hello");
  await world.settle();
  expect(pushed(to.take(), "sync/entries")).toHaveLength(1);
});

test("MOVE5 the marker is last on the old connection, behind entries, replies and pushes; the new one begins with the answer to hello", async () => {
  const world = createWorld({ ...quiet, authenticate: () => ({ id: "ann" }) });
  const stats = atom(world.sync, defineAtom("stats", { initial: { n: 0, text: "" } }));
  world.sync.on("app/bump", () => {
    stats.update((draft) => void draft.n++);
    world.sync.send("ann", "app/pushed", stats.get().n);
    return stats.get().n;
  });
  const from = await world.ours();
  await from.subscribe({ topic: "stats", kind: "atom", since: null, read: true });
  from.take();
  const to = await visitor(world);
  // Its socket is full: what is to be said waits there.
  from.transport.pause();
  for (const letter of ["x", "y"]) {
    stats.update((draft) => void (draft.text = letter.repeat(60_000)));
    await world.settle();
  }
  await from.say('[[:app/bump] "a"]', '[[:app/bump] "b"]', marker);
  await to.say(helloOf(from), '[[:app/bump] "c"]');
  stats.update((draft) => void draft.n++);
  await world.advance(100);
  expect([to.take(), from.closes]).toEqual([[], []]);
  from.transport.resume();
  await world.advance(20);
  stats.update((draft) => void draft.n++);
  await world.advance(20);

  const old = from.take();
  expect(old.at(-1)).toBe(movedFrame);
  expect(from.closes).toEqual([{ code: 1000, reason: "moved" }]);
  expect([from.reply("a"), from.reply("b")]).toEqual([1, 2]);
  expect(pushed(old, "app/pushed")).toEqual([1, 2]);
  const fresh = to.take();
  expect((unpack(fresh[0] as string) as [unknown])[0]).toMatchObject({
    session: from.welcome?.session,
    resumed: true,
    moved: true,
  });
  expect([to.reply("c"), pushed(fresh, "app/pushed")]).toEqual([4, [4]]);
  // Each entry once, in order, on one of the two; what one turn changes is one entry.
  const firsts = [...pushed(old, "sync/entries"), ...pushed(fresh, "sync/entries")] as [number, number, unknown[]][];
  const offsets = firsts.flatMap(([, first, entries]) => entries.map((_, at) => first + at));
  expect(offsets).toEqual(Array.from({ length: 6 }, (_, n) => n + 1));
});

test("MOVE7 the peer, its session, its user and what it said of itself are the same; nobody is told that it went or came", async () => {
  const told: string[] = [];
  const peers: Peer[] = [];
  const world = createWorld({
    ...quiet,
    authenticate: () => ({ id: "ann" }),
    onConnect: () => void told.push("connect"),
    onDisconnect: () => void told.push("disconnect"),
    onUserOpen: () => void told.push("open"),
    onUserClose: () => void told.push("close"),
  });
  world.sync.connectedUsers.listen(({ ws }) => void told.push(`ws ${[...ws]}`));
  let answer = (_: unknown): void => {};
  world.sync.on("app/who", ({ peer }) => void peers.push(peer));
  world.sync.on("app/slow", () => new Promise((resolve) => void (answer = resolve)));
  const from = await world.ours();
  await from.say("[[:chsk/client-info {:capabilities {:features #{:nrepl}}}] nil]", "[[:app/who] nil]", '[[:app/slow] "slow"]');
  const before = told.splice(0);
  const to = await moveTo(world, from);
  await world.advance(5000);
  await to.say("[[:app/who] nil]");
  answer("late");
  world.sync.send("ann", "app/n", 1);
  peers[0]?.send("app/n", 2);
  await world.settle();
  expect([before.includes("connect"), told]).toEqual([true, []]);
  expect(peers[0]).toBe(peers[1]);
  expect([peers[0]?.supports("nrepl"), world.sync.clientsWith("nrepl")]).toEqual([true, [peers[0]]]);
  expect([to.reply("slow"), pushed(to.take(), "app/n")]).toEqual(["late", [1, 2]]);
  expect(world.sync.stats()).toMatchObject({ connections: 1, sessions: 1, users: 1 });
  // What the peer does now, it does to the new connection.
  peers[0]?.close();
  await world.advance(3000);
  expect([to.closes, told.filter((fact) => !fact.startsWith("ws"))]).toEqual([
    [{ code: 1000, reason: "" }],
    ["disconnect", "close"],
  ]);
});

test("MOVE7 a write whose permission is asked for when the session moves is decided once, and answered on the new connection", async () => {
  let allow = (_: boolean): void => {};
  let asked = 0;
  const world = createWorld({
    ...quiet,
    authorize({ action }) {
      if (action !== "publish") return true;
      asked++;
      return new Promise<boolean>((resolve) => void (allow = resolve));
    },
  });
  const room = channel(world.sync, roomRef);
  const said: unknown[] = [];
  room.subscribe(({ data }) => void said.push(data));
  const from = await world.ours();
  const [{ id }] = (await from.subscribe({ topic: "room", kind: "channel", since: null, read: true })) as unknown as [
    { id: number },
  ];
  await from.say(`[[:sync/write [${id} 1 [["said" 1]]]] nil]`);
  const to = await moveTo(world, from);
  // Renewed there, it waits for the same answer.
  await to.subscribe({ topic: "room", kind: "channel", since: null, read: true });
  await to.say(`[[:sync/write [${id} 2 [["said" 2]]]] nil]`);
  expect(said).toEqual([]);
  allow(true);
  await world.advance(10);
  expect([said, asked]).toEqual([[1, 2], 1]);
  expect(pushed(to.take(), "sync/ack").map((ack) => (ack as unknown[])[1])).toEqual([1, 2]);
});

test("MOVE11 a marker that does not come within 10 s ends both connections", async () => {
  const world = createWorld(quiet);
  const from = await world.ours();
  const to = await visitor(world);
  await to.say(helloOf(from));
  await world.advance(9900);
  expect([from.closes, to.closes]).toEqual([[], []]);
  await world.advance(200);
  const closes = [{ code: 1000, reason: "not moved" }];
  expect([from.closes, to.closes]).toEqual([closes, closes]);
  expect(world.sync.stats().connections).toBe(0);
});

test("MOVE11 an old connection that is not read empty ends both", async () => {
  const world = createWorld(quiet);
  const room = channel(world.sync, roomRef);
  const from = await world.ours();
  await from.subscribe({ topic: "room", kind: "channel", since: null, read: true });
  from.transport.pause();
  for (let n = 0; n < 4; n++) room.publish("said", "x".repeat(60_000));
  const to = await moveTo(world, from);
  await world.advance(11_000);
  expect(to.closes).toEqual([{ code: 1000, reason: "not moved" }]);
  expect(to.take()).toEqual([]);
});

test.each(["old", "new"])(
  "MOVE11 when the %s connection ends before the move is done, so does the other; the session waits to be resumed",
  async (which) => {
    const world = createWorld(quiet);
    const from = await world.ours();
    const to = await visitor(world);
    await to.say(helloOf(from));
    await world.advance(20);
    const [gone, left] = which === "old" ? [from, to] : [to, from];
    gone.transport.terminate();
    await world.advance(20);
    expect(left.closes).toEqual([{ code: 1000, reason: "not moved" }]);
    const { session, token } = from.welcome as Welcome;
    expect((await world.ours("client-id=raw", { session, token })).welcome).toMatchObject({ resumed: true, session });
  },
);

test.each([
  ["another token", (from: RawPeer) => helloOf(from).replace(from.welcome?.token as string, "0".repeat(32))],
  [
    "a session that nobody knows",
    (from: RawPeer) => helloOf({ welcome: { ...(from.welcome as Welcome), session: "s9", token: "t9" } }),
  ],
])("MOVE12 a hello with %s moves nothing", async (_, helloFor) => {
  const world = createWorld(quiet);
  const from = await world.ours();
  from.take();
  const to = await visitor(world);
  await from.say(marker);
  await to.say(helloFor(from));
  await world.advance(20);
  expect([to.closes, to.take()]).toEqual([[{ code: 1000, reason: "not moved" }], []]);
  expect([from.closes, from.take()]).toEqual([[], []]);
  world.sync.broadcast("app/n", 1);
  await world.settle();
  expect(pushed(from.take(), "app/n")).toEqual([1]);
});

test("MOVE12 a session without another connection has nothing to move from", async () => {
  const world = createWorld(quiet);
  const from = await world.ours();
  from.transport.close(1000, "");
  await world.advance(10);
  const to = await visitor(world);
  await to.say(helloOf(from));
  expect(to.closes).toEqual([{ code: 1000, reason: "not moved" }]);
});

test("MOVE12 the user of another cannot take a session, whatever it knows", async () => {
  const world = createWorld({ ...quiet, authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "" }) });
  const from = await world.ours("client-id=raw&uid=ann");
  const to = await visitor(world, `${moveQuery}&uid=bob`);
  await from.say(marker);
  await to.say(helloOf(from));
  expect([to.closes, from.closes]).toEqual([[{ code: 1000, reason: "not moved" }], []]);
});

test("UP3 packers names what is wanted, in order; the first that the server has is spoken, else its own", async () => {
  const world = createWorld({ ...quiet, packers: [msgpack(), json()] });
  const spoken = async (packers: string): Promise<unknown> => {
    const peer = await world.peer(`${moveQuery}&packers=${packers}`);
    return peer.take()[0];
  };
  expect(await spoken("msgpack")).toBeInstanceOf(Uint8Array);
  const handshake = [[expect.anything(), expect.arrayContaining([{ v: 1 }])], null];
  expect(json().unpack((await spoken("smoke,json,msgpack")) as string)).toMatchObject(handshake);
  expect(unpack((await spoken("smoke")) as string)).toMatchObject([[new Keyword("chsk/handshake"), expect.anything()], null]);
});
