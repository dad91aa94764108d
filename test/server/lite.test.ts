import { once } from "node:events";
import { defineAtom, defineChannel, keyword, type } from "sente-sync";
import { atom as clientAtom, channel as clientChannel } from "sente-sync/client";
import { type SenteLiteOptions, senteLite } from "sente-sync/lite";
import { edn } from "sente-sync/packers/edn";
import { atom, channel, createServer, type ServerOptions } from "sente-sync/server";
import { memoryPair } from "sente-sync/transports/memory";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import type { Schema } from "../../src/core/schema.ts";
import type { LiteUp } from "../../src/session/messages/lite.ts";
import { readLite } from "../../src/session/messages/lite.ts";
import { createWorld, RawPeer, type World } from "./world.ts";

const { unpack } = edn();
const roomRef = defineChannel("room/1", { events: { message: type<unknown>(), other: type<unknown>() } });
const statsRef = defineAtom("stats", { initial: { n: 0, tags: ["a"] } });

interface LiteWorld extends World {
  lite(url?: string): Promise<LitePeer>;
}
interface LitePeer extends RawPeer {
  uid: string;
}

function createLiteWorld(options: ServerOptions = {}, liteOptions: (world: World) => SenteLiteOptions = () => ({})): LiteWorld {
  const world = createWorld(options);
  const door = senteLite(world.sync, liteOptions(world));
  return {
    ...world,
    async lite(url) {
      const [near, far] = memoryPair(world.env);
      const peer = new RawPeer(near, world) as LitePeer;
      await door.accept(far, url);
      await world.settle();
      const [handshake] = peer.take();
      if (handshake) [peer.uid] = (unpack(handshake) as [unknown, [string]])[1];
      return peer;
    },
  };
}

const subscribe = (name: string): string => `[:sente-lite/subscribe {:channel-id "${name}"}]`;
const unsubscribe = (name: string): string => `[:sente-lite/unsubscribe {:channel-id "${name}"}]`;
const subscribed = (name: string, error = ""): string =>
  `[:sente-lite/subscribed {:channel-id "${name}" :success ${error ? `false :error :${error}` : "true"}}]`;
const publish = (name: string, data: string): string => `[:sente-lite/publish {:channel-id "${name}" :data ${data}}]`;
const message = (name: string, data: string, from: string): string =>
  `[:sente-lite/channel-msg {:channel-id "${name}" :data ${data} :from ${from}}]`;
const atomMessage = (value: string, version: number, timestamp: number): string =>
  message("atom-sync", `{:atom-id :stats :value ${value} :version ${version} :timestamp ${timestamp}}`, "nil");

test.each<[string, LiteUp]>([
  ["[:a/b]", { type: "event", id: "a/b", data: null }],
  ["[:a/b {:n 1}]", { type: "event", id: "a/b", data: { n: 1 } }],
  ["[:chsk/ws-ping]", { type: "ping" }],
  ["[:chsk/ws-pong nil]", { type: "pong" }],
  [subscribe("r"), { type: "subscribe", channel: "r" }],
  [unsubscribe("r"), { type: "unsubscribe", channel: "r" }],
  [publish("r", "[1]"), { type: "publish", channel: "r", data: [1] }],
  ['[:sente-lite/publish {:channel-id "r"}]', { type: "publish", channel: "r", data: null }],
  ["[:bare 1]", { type: "bad-event", what: [keyword("bare"), 1], id: keyword("bare"), data: 1 }],
  ['["a/b"]', { type: "bad-event", what: ["a/b"], id: "a/b", data: null }],
  [
    "[:sync/hello {:v 1}]",
    { type: "bad-event", what: [[keyword("sync/hello"), { v: 1 }]], id: keyword("sync/hello"), data: { v: 1 } },
  ],
])("LITE2, LITE4 and LITE7 %s is read as what it is", (text, up) => {
  expect(readLite(unpack(text))).toStrictEqual(up);
});

test.each([
  "[]",
  "[:a/b 1 2]",
  "{:type :a/b}",
  ":a/b",
  "nil",
  "[:sente-lite/subscribe]",
  "[:sente-lite/subscribe {:channel-id :room}]",
  '[:sente-lite/unsubscribe ["room"]]',
  '[:sente-lite/publish {"channel-id" "room"}]',
  "[:sente-lite/publish nil]",
])("LITE4 %s is malformed", (text) => {
  expect(readLite(unpack(text))).toEqual({ type: "malformed" });
});

test("LITE1 the door is on its path alone, passes the same checks, and needs no client id", async () => {
  const users: string[] = [];
  const sync = createServer({
    authenticate: ({ url, request }) => {
      const id = url.searchParams.get("token");
      users.push(`${id} ${request?.headers.origin}`);
      return id === null ? null : { id };
    },
    limits: { maxConnectionsPerUser: 1 },
  });
  onTestFinished(() => sync.close());
  senteLite(sync, { path: "/other" });
  expect(() => senteLite(sync, { path: "/other" })).toThrow(expect.objectContaining({ code: "conflict" }));
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const knock = async (target: string, headers: Record<string, string> = {}): Promise<string> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${target}`, { headers });
    onTestFinished(() => socket.terminate());
    const [data] = (await Promise.race([
      once(socket, "message"),
      once(socket, "unexpected-response").then(([, response]) => [`${(response as { statusCode: number }).statusCode}`]),
    ])) as [unknown];
    return String(data);
  };
  expect(await knock("/other?token=ann&sync=1&move=1&auth=1&packers=msgpack")).toMatch(
    /^\[:chsk\/handshake \["[0-9a-f]{8}" nil \{:sente-lite-version "2\.0\.0"\} true\]\]$/,
  );
  expect(await knock("/lite?token=ann")).toBe("404");
  expect(await knock("/chsk?token=gus")).toBe("400");
  expect(await knock("/chsk?token=gus&client-id=c")).toBe('[[:chsk/handshake ["gus" nil nil]] nil]');
  expect(await knock("/other")).toBe("401");
  expect(await knock("/other?token=ann")).toBe("429");
  expect(await knock("/other?token=bea", { origin: "http://elsewhere.example" })).toBe("403");
  expect(users).toEqual(["ann undefined", "gus undefined", "null undefined", "ann undefined"]);
});

test("LITE1 a transport that is handed over passes the door, and one that is refused is told why", async () => {
  const world = createLiteWorld({ authenticate: ({ url }) => (url.searchParams.has("in") ? { id: "ann" } : null) });
  expect((await world.lite("/?in=1")).uid).toMatch(/^[0-9a-f]{8}$/);
  const refused = await world.lite("/");
  expect([refused.frames, refused.closes]).toEqual([[], [{ code: 4401, reason: "Unauthorized request" }]]);
  expect((await world.lite("//:99999")).closes).toEqual([{ code: 4008, reason: "Bad request" }]);
});

test("LITE2, LITE3 the handshake is first, and what is pushed leaves as an event a frame", async () => {
  const world = createLiteWorld({ onConnect: (peer) => peer.send("app/early", 1), handshakeData: () => ({ hidden: true }) });
  const ours = await world.ours();
  const peer = await world.lite();
  expect(peer.frames).toEqual([`[:chsk/handshake ["${peer.uid}" nil {:sente-lite-version "2.0.0"} true]]`, "[:app/early 1]"]);
  world.sync.broadcast("app/one", { a: [keyword("k")] });
  world.sync.broadcast("app/two");
  await world.settle();
  expect(peer.frames.slice(2)).toEqual(["[:app/one {:a [:k]}]", "[:app/two nil]"]);
  expect(peer.uid).not.toBe(ours.welcome?.replica);
});

test("LITE2, LITE3 it is so whatever format the server speaks by default", async () => {
  const { msgpack } = await import("sente-sync/packers/msgpack");
  const world = createLiteWorld({ packer: msgpack() });
  const room = channel(world.sync, roomRef);
  const peer = await world.lite();
  expect(await peer.hear(subscribe("room/1"))).toEqual([subscribed("room/1")]);
  room.publish("message", 1);
  await world.settle();
  expect(peer.take()).toEqual([message("room/1", "1", "nil")]);
});

test("LITE4 what is malformed is dropped and counted, and the third in ten seconds closes", async () => {
  const world = createLiteWorld();
  const peer = await world.lite();
  await peer.say("[:a/b", "#_", "[:chsk/ws-ping]");
  expect(peer.take()).toEqual(["[:chsk/ws-pong]"]);
  await world.advance(10_001);
  peer.transport.send({ data: new TextEncoder().encode("[:chsk/ws-ping]"), text: false });
  await peer.say("[:a/b 1 2]");
  expect([peer.take(), peer.closes]).toEqual([[], []]);
  await peer.say("[:sente-lite/subscribe {}]");
  expect(peer.closes).toEqual([{ code: 4007, reason: "malformed" }]);
  expect(world.sync.stats()).toMatchObject({ malformed: 5, connections: 0 });
});

test("LITE5 an idle peer is pinged, kept by its pong or any other message, and closed without", async () => {
  const world = createLiteWorld();
  const heard: string[] = [];
  world.sync.on("chsk/ws-pong", ({ event }) => void heard.push(event));
  const peer = await world.lite();
  await world.advance(12_500);
  for (const word of ["[:chsk/ws-pong]", "unreadable"]) {
    await world.advance(15_000);
    expect(peer.take()).toEqual(["[:chsk/ws-ping]"]);
    await peer.say(word);
    await world.advance(12_500);
    expect([peer.take(), peer.closes]).toEqual([[], []]);
  }
  expect(heard).toEqual(["chsk/ws-pong"]);
  await world.advance(30_000);
  expect([peer.take(), peer.closes]).toEqual([["[:chsk/ws-ping]"], [{ code: 1000, reason: "" }]]);
  expect(world.sync.stats()).toMatchObject({ closedSilent: 1 });
});

test("LITE5 a peer's ping is answered", async () => {
  const world = createLiteWorld();
  const peer = await world.lite();
  expect(await peer.hear("[:chsk/ws-ping]", "[:chsk/ws-ping nil]")).toEqual(["[:chsk/ws-pong]", "[:chsk/ws-pong]"]);
});

test("LITE6 events reach their handlers under the same grants, and what they return goes nowhere", async () => {
  const actions: string[] = [];
  const world = createLiteWorld({
    authorize: ({ action, topic }) => {
      actions.push(`${action} ${topic}`);
      return topic !== "app/no";
    },
  });
  const told: unknown[] = [];
  world.sync.on("app/ask", ({ data, peer }) => {
    told.push(data);
    peer.send("app/answer", { "request-id": (data as { "request-id": number })["request-id"], "value": 4 });
    return "nowhere";
  });
  world.sync.on("app/no", () => void told.push("no"));
  world.sync.on("app/throws", () => {
    throw new Error("on purpose");
  });
  const peer = await world.lite();
  expect(await peer.hear("[:app/ask {:request-id 7}]", "[:app/no]", "[:app/throws 1]", "[:app/nobody]")).toEqual([
    "[:app/answer {:request-id 7 :value 4}]",
  ]);
  expect(told).toEqual([{ "request-id": 7 }]);
  expect(actions).toEqual(["event app/ask", "event app/no", "event app/throws"]);
  expect(world.sync.stats()).toMatchObject({ handlerErrors: 1, unhandledEvents: 1, malformed: 0 });
});

test("LITE7 what is no event is told as it came, and our own messages are not obeyed", async () => {
  const world = createLiteWorld();
  const bad: unknown[] = [];
  world.sync.on("chsk/bad-event", ({ data }) => void bad.push(data));
  channel(world.sync, roomRef);
  const peer = await world.lite();
  const hostile = '[:sync/subscribe [{:topic "room/1" :kind "channel" :since nil}]]';
  expect(await peer.hear("[:bare 1]", '[[:app/x 1] "cb"]', "[nil]", hostile, "[:sync/unsubscribe [1]]")).toEqual([]);
  expect(bad).toStrictEqual(
    ["[:bare 1]", '[[:app/x 1] "cb"]', "[nil]", `[${hostile}]`, "[[:sync/unsubscribe [1]]]"].map((text) => unpack(text)),
  );
  expect([world.sync.stats().badEvents, world.sync.stats().malformed, peer.closes]).toEqual([5, 0, []]);
});

const nothing: Schema = { "~standard": { version: 1, vendor: "test", validate: () => ({ issues: [{ message: "no" }] }) } };

test("LITE8 with echo, what nobody handles is echoed, and nothing else", async () => {
  const world = createLiteWorld({ events: { "app/typed": { data: nothing } } }, () => ({ echo: true }));
  world.sync.on("app/known", () => "nowhere");
  world.sync.on("app/typed", () => {});
  const peer = await world.lite();
  const echo = (id: string, data: string): string =>
    `[:sente-lite/echo {:original-event-id ${id} :original-data ${data} :conn-id "${peer.uid}" :timestamp ${world.env.nowMs()}}]`;
  expect(
    await peer.hear(
      "[:app/known 1]",
      "[:app/typed 1]",
      "[:app/x {:n 1}]",
      '[[:app/x 1] "cb"]',
      "[:sync/hello {:v 1}]",
      "[:chsk/ws-ping]",
    ),
  ).toEqual(["[:chsk/ws-pong]", echo(":app/x", "{:n 1}"), echo("[:app/x 1]", '"cb"'), echo(":sync/hello", "{:v 1}")]);
});

test("LITE9, LITE10 every subscription and every end of one is answered, failures with their word", async () => {
  const world = createLiteWorld({ limits: { maxSubscriptions: 2 }, authorize: ({ topic }) => topic !== "secret" });
  for (const name of ["room/1", "room/2", "room/3", "secret"]) channel(world.sync, name);
  atom(world.sync, statsRef);
  const peer = await world.lite();
  const said = [subscribe("room/1"), subscribe("nowhere"), subscribe("secret"), subscribe("stats"), subscribe("room/1")];
  expect(await peer.hear(...said)).toEqual([
    subscribed("room/1"),
    subscribed("nowhere", "channel-not-found"),
    subscribed("secret", "forbidden"),
    subscribed("stats", "invalid"),
    subscribed("room/1"),
  ]);
  expect(await peer.hear(subscribe("room/2"), subscribe("room/3"))).toEqual([
    subscribed("room/2"),
    subscribed("room/3", "max-subscriptions-per-conn"),
  ]);
  expect(await peer.hear(unsubscribe("room/2"), unsubscribe("room/2"), subscribe("room/3"))).toEqual([
    subscribed("room/2"),
    subscribed("room/2", "not-subscribed"),
    subscribed("room/3"),
  ]);
});

test("LITE10 nothing comes after the end, and one that the server makes is told with its reason", async () => {
  const world = createLiteWorld();
  const room = channel(world.sync, roomRef);
  const peer = await world.lite();
  await peer.say(subscribe("room/1"));
  room.publish("message", 1);
  await peer.say(unsubscribe("room/1"));
  const before = peer.take();
  expect(before.at(-1)).toBe(subscribed("room/1"));
  room.publish("message", 2);
  await world.settle();
  expect(peer.take()).toEqual([]);
  await peer.say(subscribe("room/1"));
  peer.take();
  world.sync.revoke({ topic: "room/1" });
  room.publish("message", 3);
  await world.settle();
  expect(peer.take()).toEqual([subscribed("room/1", "forbidden")]);
  expect(await peer.hear(unsubscribe("room/1"))).toEqual([subscribed("room/1", "not-subscribed")]);
});

test("LITE11, LITE12 a sente_lite peer and a client of ours share a channel, both ways", async () => {
  const world = createLiteWorld();
  const room = channel(world.sync, roomRef);
  const peer = await world.lite();
  const other = await world.lite();
  const heard: unknown[] = [];
  const ours = clientChannel(world.client(), roomRef);
  ours.subscribe(({ event, data, from }) => void heard.push([event, data, from]));
  await world.advance(10);
  await peer.say(subscribe("room/1"));
  await other.say(subscribe("room/1"));
  peer.take();
  other.take();
  await peer.say(
    publish("room/1", '{:text "hi" :tags #{:a}}'),
    '[:sente-lite/publish {:channel-id "room/1" :data 2 :exclude-sender? true}]',
  );
  const fromPeer = `"${peer.uid}"`;
  const expected = [message("room/1", '{:text "hi" :tags #{:a}}', fromPeer), message("room/1", "2", fromPeer)];
  expect([peer.take(), other.take()]).toEqual([expected, expected]);
  expect(heard).toStrictEqual([
    ["message", { text: "hi", tags: new Set([keyword("a")]) }, peer.uid],
    ["message", 2, peer.uid],
  ]);
  void ours.publish("message", [3]);
  void ours.publish("other", "not theirs");
  await world.settle();
  room.publish("message", 4);
  await world.settle();
  const [three, four] = peer.take();
  expect(three).toMatch(/^\[:sente-lite\/channel-msg \{:channel-id "room\/1" :data \[3\] :from "[0-9a-f]{8}"\}\]$/);
  expect(four).toBe(message("room/1", "4", "nil"));
  expect(other.take()).toEqual([three, four]);
});

test("LITE11 a publication needs no subscription, and a refused one is told to the application alone", async () => {
  const world = createLiteWorld({ authorize: ({ action, topic }) => !(action === "publish" && topic === "quiet") }, () => ({
    event: "said",
  }));
  const heard: unknown[] = [];
  for (const name of ["room/1", "quiet"])
    channel(world.sync, name).subscribe(({ event, data }) => void heard.push([name, event, data]));
  channel(world.sync, roomOf("typed"));
  const peer = await world.lite();
  await peer.say(
    publish("room/1", "1"),
    publish("quiet", "2"),
    publish("nowhere", "3"),
    publish("typed", "4"),
    publish("room/1", "5"),
  );
  expect(heard).toEqual([
    ["room/1", "said", 1],
    ["room/1", "said", 5],
  ]);
  expect(peer.take()).toEqual([]);
  expect(world.errors.map(({ error, where }) => [where, (error as { code: string }).code])).toEqual([
    ["quiet", "forbidden"],
    ["nowhere", "not-declared"],
    ["typed", "not-declared"],
  ]);
  // Reading what it only wrote so far, and the other way.
  expect(await peer.hear(subscribe("room/1"), publish("room/1", "6"))).toEqual([
    subscribed("room/1"),
    message("room/1", "6", `"${peer.uid}"`),
  ]);
  expect(await peer.hear(unsubscribe("room/1"), publish("room/1", "7"))).toEqual([subscribed("room/1")]);
  expect(heard.length).toBe(4);
});

function roomOf(name: "typed") {
  return defineChannel(name, { events: { message: type<unknown>() } });
}

test("LITE12 a message is translated once for all that read it", async () => {
  const world = createLiteWorld();
  const room = channel(world.sync, "room");
  const frames: unknown[][] = [];
  const door = senteLite(world.sync, { path: "/counted" });
  for (let i = 0; i < 3; i++) {
    const [near, far] = memoryPair(world.env);
    const sent: unknown[] = [];
    frames.push(sent);
    const send = far.send.bind(far);
    far.send = (frame) => {
      sent.push(frame);
      return send(frame);
    };
    const peer = new RawPeer(near, world);
    await door.accept(far);
    await peer.say(subscribe("room"));
  }
  for (const sent of frames) sent.length = 0;
  room.publish("message", 1);
  room.publish("message", 2);
  await world.settle();
  expect(frames.map((sent) => sent.length)).toEqual([2, 2, 2]);
  for (const sent of frames) for (const [index, frame] of sent.entries()) expect(frame).toBe(frames[0]?.[index]);
});

test("LITE13 what a peer says while a channel is opened waits in order, and the peer is not read", async () => {
  let allow = (_: boolean): void => {};
  const world = createLiteWorld({
    authorize: ({ topic }) => (topic === "slow" ? new Promise((resolve) => void (allow = resolve)) : true),
  });
  const told: unknown[] = [];
  world.sync.on("app/told", ({ data }) => void told.push(data));
  channel(world.sync, "slow").subscribe(({ data }) => void told.push(data));
  const peer = await world.lite();
  await peer.say("[:app/told 1]", publish("slow", "2"), "[:app/told 3]");
  for (let i = 0; i < 200; i++) peer.transport.send({ data: `[:app/told "${"x".repeat(1000)}"]`, text: true });
  await world.settle();
  expect(told).toEqual([1]);
  // It waits with the peer, not here.
  expect(peer.transport.bufferedBytes).toBeGreaterThan(190_000);
  // First to read, then to publish.
  allow(true);
  await world.settle();
  allow(true);
  await world.advance(2000);
  expect(told.slice(0, 3)).toEqual([1, 2, 3]);
  expect(told.length).toBe(203);
});

const statsAtom = (world: World) => atom(world.sync, statsRef);

/** A world with the atom `stats` on `atom-sync`. */
function createAtomWorld(options: ServerOptions = {}, liteOptions: SenteLiteOptions = {}) {
  let stats: ReturnType<typeof statsAtom> | undefined;
  const world = createLiteWorld(options, (each) => {
    stats = statsAtom(each);
    const secret = atom(each.sync, "secret", { initial: 1 });
    return { atoms: [secret, stats], ...liteOptions };
  });
  return { world, stats: stats as ReturnType<typeof statsAtom>, nowMs: () => world.env.nowMs() };
}
const noSecrets: ServerOptions = { authorize: ({ topic }) => topic !== "secret" };

test("LITE14 a subscriber of atom-sync has every value that it may read at once, and each new one whole", async () => {
  const { world, stats, nowMs } = createAtomWorld(noSecrets);
  const peer = await world.lite();
  expect(await peer.hear(subscribe("atom-sync"))).toEqual([
    subscribed("atom-sync"),
    atomMessage('{:n 0 :tags ["a"]}', 1, nowMs()),
  ]);
  stats.update((draft) => {
    draft.n++;
  });
  stats.update((draft) => {
    draft.tags.push("b");
  });
  await world.settle();
  expect(peer.take()).toEqual([atomMessage('{:n 1 :tags ["a" "b"]}', 2, nowMs())]);
  await world.advance(5);
  stats.set({ n: 9, tags: [] });
  await world.settle();
  expect(peer.take()).toEqual([atomMessage("{:n 9 :tags []}", 3, nowMs())]);
  expect(await peer.hear(unsubscribe("atom-sync"), unsubscribe("atom-sync"))).toEqual([
    subscribed("atom-sync"),
    subscribed("atom-sync", "not-subscribed"),
  ]);
  stats.set({ n: 10, tags: [] });
  await world.settle();
  expect(peer.take()).toEqual([]);
});

test("LITE14 who may read none of the atoms is refused, and one whose last is taken back is told", async () => {
  const { world } = createAtomWorld({ authorize: ({ topic, user }) => topic !== "secret" && user.id !== "gus" });
  const [near, far] = memoryPair(world.env);
  const gus = new RawPeer(near, world);
  await senteLite(world.sync, { path: "/again", atoms: [atom(world.sync, "more", { initial: 0 })] }).accept(far, "/", {
    id: "gus",
  });
  await world.settle();
  gus.take();
  expect(await gus.hear(subscribe("atom-sync"))).toEqual([subscribed("atom-sync", "forbidden")]);
  const peer = await world.lite();
  await peer.say(subscribe("atom-sync"));
  peer.take();
  world.sync.revoke({ topic: "stats" });
  await world.settle();
  expect(peer.take()).toEqual([subscribed("atom-sync", "forbidden")]);
});

test("LITE14 a large value arrives whole, and a slow reader gets the newest instead of every one", async () => {
  const { world, stats } = createAtomWorld(noSecrets);
  const large = Array.from({ length: 20_000 }, (_, i) => `tag ${i} ☺😀`);
  stats.set({ n: 1, tags: large });
  const peer = await world.lite();
  const valueIn = (frame: string | undefined): unknown =>
    (unpack(frame as string) as [unknown, { data: { value: unknown } }])[1].data.value;
  const [, first] = await peer.hear(subscribe("atom-sync"));
  expect(valueIn(first)).toEqual({ n: 1, tags: large });
  peer.transport.pause();
  for (let n = 2; n < 50; n++) {
    stats.update((draft) => {
      draft.n = n;
    });
    await world.settle();
  }
  peer.transport.resume();
  await world.settle();
  const later = peer.take();
  expect(later.length).toBeLessThan(5);
  expect(valueIn(later.at(-1))).toEqual({ n: 49, tags: large });
});

test("LITE14, LITE15 a sente_lite peer and a client of ours share an atom, both ways", async () => {
  const asked: unknown[] = [];
  const { world, stats, nowMs } = createAtomWorld(noSecrets, {
    onAtom({ atom: { topic }, value, user, peer }) {
      asked.push([topic, value, user.id, peer.user.id]);
      return (value as { n?: unknown }).n !== 666;
    },
  });
  const peer = await world.lite("/?client-id=mine");
  const ours = clientAtom(world.client(), statsRef);
  ours.subscribe(() => {});
  await peer.say(subscribe("atom-sync"));
  await world.advance(10);
  peer.take();
  const change = (value: string): string =>
    publish("atom-sync", `{:atom-id :stats :value ${value} :version 1 :timestamp 1700000000000}`);
  await peer.say(change("{:n 5 :tags []}"));
  expect([stats.get(), ours.get()]).toEqual([
    { n: 5, tags: [] },
    { n: 5, tags: [] },
  ]);
  expect(peer.take()).toEqual([atomMessage("{:n 5 :tags []}", 2, nowMs())]);
  await peer.say(change("{:n 666 :tags []}"));
  expect([stats.get().n, peer.take()]).toEqual([5, []]);
  const [[, , user]] = asked as [[string, unknown, string]];
  expect(user).toMatch(/^anonymous-/);
  expect(asked).toEqual([
    ["stats", { n: 5, tags: [] }, user, user],
    ["stats", { n: 666, tags: [] }, user, user],
  ]);
});

test("LITE15 what is no change of one of these atoms sets nothing, and without onAtom nothing does", async () => {
  let asked = 0;
  const { world, stats } = createAtomWorld({}, { onAtom: () => ++asked > 0 });
  const peer = await world.lite();
  for (const data of [
    "{:atom-id :other :value 1}",
    '{:atom-id "stats" :value 1}',
    "{:atom-id :stats}",
    "nil",
    "[1]",
    "{:value 1}",
  ])
    await peer.say(publish("atom-sync", data));
  expect([asked, stats.get().n, peer.closes]).toEqual([0, 0, []]);
  expect(world.errors).toEqual([]);
  await peer.say(publish("atom-sync", "{:atom-id :stats :value {:n 3 :tags []}}"));
  expect([asked, stats.get().n]).toEqual([1, 3]);

  const silent = createAtomWorld();
  const another = await silent.world.lite();
  expect(await another.hear(publish("atom-sync", "{:atom-id :stats :value {:n 3 :tags []}}"))).toEqual([]);
  expect(silent.stats.get().n).toBe(0);
  expect(silent.world.sync.stats()).toMatchObject({ unhandledEvents: 1 });
});

test("LITE15 setting asks authorize for the event sente-lite/publish", async () => {
  let asked = 0;
  const { world, stats } = createAtomWorld(
    { authorize: ({ action, topic }) => !(action === "event" && topic === "sente-lite/publish") },
    { onAtom: () => ++asked > 0 },
  );
  const peer = await world.lite();
  await peer.say(publish("atom-sync", "{:atom-id :stats :value {:n 3 :tags []}}"));
  expect([asked, stats.get().n]).toEqual([0, 0]);
});

test("LITE16 without atoms, atom-sync is a channel like any other", async () => {
  const world = createLiteWorld();
  const peer = await world.lite();
  expect(await peer.hear(subscribe("atom-sync"))).toEqual([subscribed("atom-sync", "channel-not-found")]);
  channel(world.sync, "atom-sync");
  const data = "{:atom-id :app-state :value {:count 1} :version 1 :timestamp 1700000000000}";
  expect(await peer.hear(subscribe("atom-sync"), publish("atom-sync", data))).toEqual([
    subscribed("atom-sync"),
    message("atom-sync", data, `"${peer.uid}"`),
  ]);
});

test("LITE1 the server's limits hold: a flood is slowed down and in the end closed, and closing says so", async () => {
  const world = createLiteWorld({ limits: { messages: { perSecond: 10, burst: 20 } } });
  let told = 0;
  world.sync.on("app/told", () => void told++);
  const peer = await world.lite();
  for (let i = 0; i < 60; i++) peer.transport.send({ data: i % 2 ? "[:app/told]" : "[:chsk/ws-ping]", text: true });
  await world.settle();
  expect(world.sync.stats().ratePauses).toBeGreaterThan(0);
  await world.advance(10_000);
  expect([told, peer.closes]).toEqual([30, []]);
  await world.sync.close();
  await world.settle();
  expect(peer.closes).toEqual([{ code: 1001, reason: "server closing" }]);
});

test("LITE1 a message that is too large closes with 1009, as everywhere", async () => {
  const sync = createServer({ limits: { maxFrameBytes: 1000 } });
  onTestFinished(() => sync.close());
  senteLite(sync);
  const socket = new WebSocket(`ws://127.0.0.1:${await sync.listen(0, { host: "127.0.0.1" })}/lite`);
  await once(socket, "message");
  socket.send(`[:app/x "${"x".repeat(1000)}"]`);
  expect((await once(socket, "close"))[0]).toBe(1009);
});

test("LITE4, LITE9 hostile names and data change nothing and hurt nobody", async () => {
  const world = createLiteWorld();
  const heard: unknown[] = [];
  channel(world.sync, roomRef).subscribe(({ data }) => void heard.push(data));
  const peer = await world.lite();
  const long = "x".repeat(10_000);
  expect(await peer.hear(subscribe("__proto__"), subscribe("toString"), unsubscribe("constructor"), subscribe(long))).toEqual([
    subscribed("__proto__", "channel-not-found"),
    subscribed("toString", "channel-not-found"),
    subscribed("constructor", "not-subscribed"),
    subscribed(long, "channel-not-found"),
  ]);
  const deep = "[".repeat(80) + "]".repeat(80);
  expect(await peer.hear(`[:app/x ${deep}]`, '[:sente-lite/publish {:__proto__ {:channel-id "room/1"}}]')).toEqual([]);
  await peer.say(publish("room/1", '{:__proto__ {:polluted true} "a" 1}'));
  expect(heard.length).toBe(1);
  expect(({} as { polluted?: unknown }).polluted).toBe(undefined);
  expect([world.sync.stats().malformed, peer.closes]).toEqual([2, []]);
});

test("LITE13 who leaves while a channel is opened for it leaves nothing behind", async () => {
  let allow = (_: boolean): void => {};
  const world = createLiteWorld({ authorize: () => new Promise((resolve) => void (allow = resolve)) });
  const heard: unknown[] = [];
  channel(world.sync, roomRef).subscribe(({ data }) => void heard.push(data));
  const peer = await world.lite();
  await peer.say(publish("room/1", "1"));
  peer.transport.terminate();
  await world.settle();
  allow(true);
  await world.settle();
  expect([heard, world.errors, world.sync.stats().connections]).toEqual([[], [], 0]);
});
