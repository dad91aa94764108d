/** What the server says that it can do, what it hears of its clients, and the limits of theirs that it honours. */
import { defineAtom, defineChannel, Keyword, type } from "sente-sync";
import { edn } from "sente-sync/packers/edn";
import { gzip } from "sente-sync/packers/gzip";
import { json } from "sente-sync/packers/json";
import { atom, type Capabilities, channel, type Peer, type ServerOptions } from "sente-sync/server";
import { expect, test } from "vitest";
import { readAnnouncement } from "../../src/session/capabilities.ts";
import { createWorld, pushed, type RawPeer, roomRef, text, type World } from "./world.ts";

const quiet: ServerOptions = { keepalive: { keepaliveMs: 0 } };
const { unpack } = edn();

/** A client's word about itself, in EDN. */
function info(fields: string, callback = "nil"): string {
  return `[[:chsk/client-info {:capabilities {${fields}}}] ${callback}]`;
}

/** What the handshake said, by a reader of ours. */
async function announcedTo(world: World, query: string): Promise<Capabilities | undefined> {
  const peer = await world.peer(query);
  const [[, [, , data]]] = unpack(peer.take()[0] as string) as [[unknown, unknown[]]];
  return readAnnouncement(data);
}

test("CAP17 who offers sync=1 is told features, packers and limits, and what the application adds", async () => {
  const world = createWorld({
    keepalive: { keepaliveMs: 9000 },
    packer: edn(),
    packers: [gzip(json()), json()],
    limits: { maxFrameBytes: 5000, maxConnections: 7 },
    capabilities: { features: ["nrepl"], services: { nrepl: { port: 7888 } }, extensions: { theme: "dark" } },
    handshakeData: () => ({ hello: 1 }),
  });
  const told = await announcedTo(world, "client-id=a&sync=1");
  expect(told).toMatchObject({
    protocolVersion: 1,
    wireFormats: ["gzip+json", "json", "edn"],
    compression: ["gzip", "none"],
    limits: { maxMessageBytes: 5000, maxConnections: 7, heartbeatMs: 9000 },
    extensions: { theme: "dark" },
  });
  expect([...(told?.features ?? [])]).toEqual([
    ...["handshake", "event", "reply-fn", "ping-pong", "reconnect", "pub-sub", "broadcast", "sync", "move", "batch", "nrepl"],
  ]);
  expect([...(told?.services ?? [])]).toEqual([["nrepl", { port: 7888 }]]);
  expect(await announcedTo(world, "client-id=a")).toBeUndefined();
});

test("CAP17 a server that never pings states no heartbeat, and one without gzip no gzip", async () => {
  const told = await announcedTo(createWorld(quiet), "client-id=a&sync=1");
  expect(told?.limits.heartbeatMs).toBeUndefined();
  expect(told?.compression).toEqual(["none"]);
});

test("CAP19 onClientCapabilities is told each word of each client, with the peer that said it", async () => {
  const told: [Peer, Capabilities][] = [];
  const world = createWorld({ ...quiet, onClientCapabilities: (peer, capabilities) => void told.push([peer, capabilities]) });
  const one = await world.ours("client-id=one");
  const plain = await world.peer("client-id=plain");
  plain.take();
  await one.say(info(":features #{:nrepl}"));
  expect(await plain.hear(info(":features [:a] :limits {:max-message-size 2000}", '"cb"'))).toEqual(['[true "cb"]']);
  await one.say(info(":features #{:b}"));
  expect(told.map(([peer, { features }]) => [peer.clientId, ...features])).toEqual([
    ["one", "nrepl"],
    ["plain", "a"],
    ["one", "b"],
  ]);
  expect(told[1]?.[1].limits).toEqual({ maxMessageBytes: 2000 });
  expect(told[0]?.[0]).toBe(told[2]?.[0]);
  expect(one.take().slice(1)).toEqual([]);
});

test("CAP19 what the hook throws is reported, and harms nobody", async () => {
  const world = createWorld({
    ...quiet,
    onClientCapabilities() {
      throw new Error("mine");
    },
  });
  const peer = await world.ours();
  await peer.say(info(":features #{:a}"));
  expect(world.errors.map(({ error, where }) => `${where}: ${error}`)).toEqual(["onClientCapabilities: Error: mine"]);
  expect(peer.closes).toEqual([]);
  expect(world.sync.clientsWith("a")).toHaveLength(1);
});

test.each(["nil", "{}", "{:capabilities 5}", "[1]"])(
  "CAP19 a client-info of %s is an event that nobody handles",
  async (data) => {
    let calls = 0;
    const world = createWorld({ ...quiet, onClientCapabilities: () => void calls++ });
    const peer = await world.ours();
    expect(text(await peer.ask(`[:chsk/client-info ${data}]`))).toContain("unhandled-event");
    expect([calls, world.sync.stats().unhandledEvents, world.sync.clientsWith("event")]).toEqual([0, 1, []]);
  },
);

test("CAP20 a peer is what it said last; one that is silent is taken for a plain Sente client", async () => {
  const world = createWorld(quiet);
  const peers: Peer[] = [];
  world.sync.on("app/here", ({ peer }) => void peers.push(peer));
  const raw = await world.peer("client-id=one");
  await raw.say("[[:app/here] nil]");
  const [peer] = peers as [Peer];
  expect([peer.supports("reply-fn"), peer.supports("auto-reconnect"), peer.supports("nrepl")]).toEqual([true, true, false]);
  expect(peer.capabilities.wireFormats).toEqual(["edn"]);
  await raw.say(info(":features #{:nrepl :heartbeat} :services {:nrepl {:ops [:eval]}}"));
  expect(["nrepl", "ping-pong", "heartbeat", "reply-fn"].map((feature) => peer.supports(feature))).toEqual([
    ...[true, true, true, false],
  ]);
  expect(peer.capabilities.services.get("nrepl")).toEqual({ ops: [new Keyword("eval")] });
  await raw.say(info(":features #{:b}"));
  expect([peer.supports("nrepl"), peer.supports("b")]).toEqual([false, true]);
});

test("CAP20 clientsWith has those that said it, whatever their user, and nobody silent or gone", async () => {
  const world = createWorld(quiet);
  const [one, two, three, silent] = [
    await world.ours("client-id=1"),
    await world.peer("client-id=2"),
    await world.ours("client-id=3"),
    await world.ours("client-id=4"),
  ];
  await one.say(info(":features #{:nrepl :pubsub}"));
  await two.say(info(":features [:nrepl]"));
  await three.say(info(":features #{:other}"));
  const withIt = (feature: string): string[] => world.sync.clientsWith(feature).map(({ clientId }) => clientId);
  expect(withIt("nrepl")).toEqual(["1", "2"]);
  expect([withIt("pub-sub"), withIt("pubsub")]).toEqual([["1"], ["1"]]);
  // Assumed of the silent one, and not said.
  expect([silent.closes, withIt("reply-fn")]).toEqual([[], []]);
  one.transport.close(1000, "");
  await world.advance(10);
  expect(withIt("nrepl")).toEqual(["2"]);
  world.sync.clientsWith("nrepl")[0]?.send("app/hi", 1);
  await world.settle();
  expect(pushed(two.take(), "app/hi")).toEqual([1]);
});

const small = info(":limits {:max-message-size 2000}");
const sized = (length: number): string => "x".repeat(length);
/** The ids of those topics, read by the peer from now on. */
async function idsOf(peer: RawPeer, kind: string, ...topics: string[]): Promise<number[]> {
  const answers = await peer.subscribe(...topics.map((topic) => ({ topic, kind, since: null, read: true })));
  return answers.map(({ id }) => id);
}
const longest = (peer: RawPeer): number => Math.max(...peer.take().map((frame) => Buffer.byteLength(frame)));

test("CAP21 what one turn pushes is cut to what the client takes, and an event that is larger alone is dropped and counted", async () => {
  const world = createWorld({ ...quiet, authenticate: () => ({ id: "ann" }) });
  const [one, other] = [await world.ours("client-id=1"), await world.ours("client-id=2")];
  await one.say(small);
  one.take();
  other.take();
  for (let n = 0; n < 10; n++) world.sync.send("ann", "app/n", [n, sized(700)]);
  world.sync.send("ann", "app/n", [10, sized(3000)]);
  world.sync.send("ann", "app/n", [11, "é".repeat(950)]);
  await world.settle();
  const frames = one.take();
  const numbers = (of: string[]): number[] => pushed(of, "app/n").map((data) => (data as [number])[0]);
  expect(numbers(frames)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
  expect(Math.max(...frames.map((frame) => Buffer.byteLength(frame)))).toBeLessThanOrEqual(2000);
  expect(frames.length).toBeLessThan(11);
  const others = other.take();
  expect([others.length, numbers(others)]).toEqual([1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]);
  expect(world.sync.stats().tooLargeForPeer).toBe(1);
});

test("CAP21 a message of exactly what the client takes is sent, one byte more is not", async () => {
  const world = createWorld(quiet);
  const peer = await world.ours();
  await peer.say(small);
  const around = text([[[new Keyword("app/n"), ""]], null]).length;
  peer.take();
  world.sync.broadcast("app/n", sized(2000 - around));
  await world.settle();
  expect([longest(peer), world.sync.stats().tooLargeForPeer]).toEqual([2000, 0]);
  world.sync.broadcast("app/n", sized(2001 - around));
  await world.settle();
  expect([peer.take(), world.sync.stats().tooLargeForPeer]).toEqual([[], 1]);
});

test("CAP21 until a client says what it takes, nothing is too large for it", async () => {
  const world = createWorld(quiet);
  const peer = await world.ours();
  peer.take();
  world.sync.broadcast("app/n", sized(3000));
  await world.settle();
  expect(longest(peer)).toBeGreaterThan(3000);
});

test("CAP22 a reply that is larger is the error too-large for who said hello, and none for a plain peer", async () => {
  const world = createWorld(quiet);
  world.sync.on("app/long", ({ data }) => sized(data as number));
  const [ours, plain] = [await world.ours("client-id=1"), await world.peer("client-id=2")];
  for (const peer of [ours, plain]) {
    await peer.say(small);
    expect(await peer.ask("[:app/long 1900]")).toBe(sized(1900));
  }
  expect(await ours.ask("[:app/long 2000]")).toEqual([
    new Keyword("sync/error"),
    { code: "too-large", message: "The reply is larger than this client takes." },
  ]);
  expect(await plain.ask("[:app/long 2000]")).toBeUndefined();
  expect(world.sync.stats().tooLargeForPeer).toBe(2);
  expect(await plain.ask("[:app/long 5]")).toBe("xxxxx");
});

test("CAP23 entries that came together are cut to what the client takes, each once and in order", async () => {
  const world = createWorld(quiet);
  const room = channel(world.sync, roomRef);
  const peer = await world.ours();
  await peer.say(small);
  const [id] = await idsOf(peer, "channel", "room");
  peer.take();
  for (let n = 0; n < 20; n++) room.publish("said", [n, sized(n % 3 ? 100 : 900)]);
  await world.settle();
  const frames = peer.take();
  expect(Math.max(...frames.map((frame) => frame.length))).toBeLessThanOrEqual(2000);
  const entries = pushed(frames, "sync/entries") as [number, number, [string, [number]][]][];
  expect(entries.every(([topic]) => topic === id)).toBe(true);
  expect(entries.flatMap(([, first, items]) => items.map((_, at) => first + at))).toEqual(
    Array.from({ length: 20 }, (_, n) => n + 1),
  );
  expect(entries.flatMap(([, , items]) => items.map(([, [n]]) => n))).toEqual(Array.from({ length: 20 }, (_, n) => n));
  expect(world.sync.stats().tooLargeForPeer).toBe(0);
});

test("CAP23 an entry that is larger alone ends the subscription with too-large; the others go on", async () => {
  const world = createWorld(quiet);
  const room = channel(world.sync, roomRef);
  const other = channel(world.sync, defineChannel("other", { events: { said: type<unknown>() } }));
  const [one, two] = [await world.ours("client-id=1"), await world.ours("client-id=2")];
  await one.say(small);
  const [id, otherId] = await idsOf(one, "channel", "room", "other");
  await idsOf(two, "channel", "room", "other");
  one.take();
  two.take();
  room.publish("said", sized(2500));
  other.publish("said", "still here");
  await world.settle();
  room.publish("said", "after");
  await world.settle();
  const frames = one.take();
  expect(pushed(frames, "sync/end")).toEqual([[id, "too-large"]]);
  expect(pushed(frames, "sync/entries").map((data) => (data as [number])[0])).toEqual([otherId]);
  expect(pushed(two.take(), "sync/entries")).toHaveLength(3);
  expect(world.sync.stats().tooLargeForPeer).toBe(1);
});

test("CAP23 a snapshot that does not fit ends the subscription with too-large, and what was asked is answered", async () => {
  const world = createWorld(quiet);
  const stats = atom(world.sync, defineAtom("stats", { initial: { text: sized(5000) } }));
  world.sync.on("app/add", () => stats.update((draft) => void (draft.text += "!")));
  const peer = await world.ours();
  await peer.say(small);
  const [id] = await idsOf(peer, "atom", "stats");
  const frames = peer.take();
  expect([pushed(frames, "sync/end"), pushed(frames, "sync/snapshot")]).toEqual([[[id, "too-large"]], []]);
  expect(world.sync.stats().tooLargeForPeer).toBe(1);
  expect(await peer.ask("[:app/add]")).toBe(null);
});

test.each([
  ["CAP25 a newer one", "2", "Protocol version 2 is not supported here; 1 is."],
  ["CAP25 an unreadable one", '"new"', "An unreadable protocol version is not supported here; 1 is."],
])("%s is told why, and closed with 4010", async (_title, version, reason) => {
  let calls = 0;
  const world = createWorld({ ...quiet, onClientCapabilities: () => void calls++ });
  const [peer, other] = [await world.ours("client-id=1"), await world.peer("client-id=2")];
  for (const each of [peer, other]) {
    each.take();
    const frames = await each.hear(info(`:protocol-version ${version} :features #{:nrepl}`));
    expect(pushed(frames, "chsk/close")).toEqual([{ reason, supported: [1] }]);
    expect(each.closes).toEqual([{ code: 4010, reason: "unsupported version" }]);
  }
  expect([calls, world.sync.clientsWith("nrepl"), world.sync.stats().connections]).toEqual([0, [], 0]);
});

test("CAP25 one that states none speaks version 1", async () => {
  const world = createWorld(quiet);
  const peer = await world.ours();
  await peer.say(info(":features #{:nrepl}"), info(":protocol-version 1"));
  expect(peer.closes).toEqual([]);
});

test("CAP14 and CAP19 the form with :type says the same", async () => {
  const world = createWorld(quiet);
  const peer = await world.peer();
  await peer.say("[{:type :chsk/client-info :capabilities {:features #{:nrepl}}} nil]");
  expect(world.sync.clientsWith("nrepl")).toHaveLength(1);
  expect(world.sync.stats().badEvents).toBe(0);
});

test("UP2 the server chooses by its own order, and answers the way it was asked", async () => {
  const world = createWorld({ ...quiet, packers: [json(), gzip(edn())] });
  const peer = await world.ours();
  peer.take();
  const offer = "[:chsk/packer-capabilities {:supported [:edn :gzip+edn :json]}]";
  const frames = await peer.hear(`[${offer} nil]`);
  expect(pushed(frames, "chsk/packer-agreement")).toEqual([{ "chosen-packer": new Keyword("json") }]);
  expect(await peer.ask(offer)).toEqual({ "chosen-packer": new Keyword("json") });
  expect(await peer.ask("[:chsk/packer-capabilities {:supported #{:gzip+edn}}]")).toEqual({
    "chosen-packer": new Keyword("gzip+edn"),
  });
  // None in common: what they speak now.
  expect(await peer.ask("[:chsk/packer-capabilities {:supported [:smoke]}]")).toEqual({ "chosen-packer": new Keyword("edn") });
  // The agreement changes nothing by itself.
  expect(await peer.ask("[:chsk/ws-ping]")).toBe("pong");
});

test("UP2 an offer that cannot be read is an event that nobody handles; the form with :type is read, also of a plain peer", async () => {
  const world = createWorld({ ...quiet, packers: [json()] });
  const peer = await world.peer();
  peer.take();
  expect(await peer.hear("[[:chsk/packer-capabilities {:supported 7}] nil]")).toEqual([]);
  expect(world.sync.stats().unhandledEvents).toBe(1);
  const frames = await peer.hear("[{:type :chsk/packer-capabilities :supported [:edn :json]} nil]");
  expect(pushed(frames, "chsk/packer-agreement")).toEqual([{ "chosen-packer": new Keyword("json") }]);
});
