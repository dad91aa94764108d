/** Channels beyond subscribing: what is kept, positions, what was before, who reads, wildcards. */
import { defineAtom, defineChannel, type } from "sente-sync";
import { atom as atomOn, channel as channelOn, channels, type Gap, type Position } from "sente-sync/client";
import { json } from "sente-sync/packers/json";
import { type Authorize, atom, channel, type Subscribers } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, test } from "vitest";
import { defaultRetention, type Storage } from "../../src/topic/log.ts";
import { createWorld, roomRef, type World } from "../server/world.ts";
import { type HandStorage, handStorage } from "../support/hand-log.ts";
import { createLies } from "./lying-connector.ts";

const roomsRef = defineChannel("org/:org/room/:id", { events: { said: type<unknown>() } });

/** What a subscriber was told, in order. */
function hear(client: object, options: { from?: "latest" | number | Position } = {}) {
  const told: (number | Gap)[] = [];
  const positions: Position[] = [];
  const stop = channelOn(client, roomRef).subscribe(
    ({ offset, position }) => {
      told.push(offset);
      positions.push(position);
    },
    { ...options, onGap: (gap) => void told.push(gap) },
  );
  return { told, positions, stop };
}

function fill(world: World, count: number, retention = {}) {
  const room = channel(world.sync, roomRef, { retention });
  for (let n = 1; n <= count; n++) room.publish("said", `event ${n}`);
  return room;
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: { code: string }) => error.code,
  );

function storing(): HandStorage {
  const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  storage.auto = true;
  return storage;
}

/** The hand log answers in promises: they have to be let run. */
async function settle(world: World): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await world.advance(1);
  }
}

test.each([
  ["entries", { maxEntries: 3 }, [{ from: 1, to: 3 }, 4, 5, 6]],
  ["bytes", { maxBytes: 50 }, [{ from: 1, to: 4 }, 5, 6]],
  ["the newest, however large", { maxBytes: 1 }, [{ from: 1, to: 5 }, 6]],
])("CHANNEL7 a channel keeps at most its retention: %s", async (_, retention, expected) => {
  const world = createWorld();
  fill(world, 6, retention);
  const { told } = hear(world.client(), { from: 1 });
  await world.advance(10);
  expect(told).toEqual(expected);
});

test("CHANNEL7 over a log that keeps more, nobody is given more", async () => {
  const hand = storing();
  const storage: Storage = {
    name: "generous",
    async open(host) {
      const log = await hand.open(host);
      return { ...log, open: (topic, options) => log.open(topic, { ...options, retention: defaultRetention }) };
    },
  };
  const world = createWorld({ storage });
  const room = channel(world.sync, roomRef, { retention: { maxEntries: 2 } });
  await settle(world);
  for (let n = 1; n <= 5; n++) room.publish("said", n);
  await settle(world);
  const client = world.client();
  const { told } = hear(client, { from: 1 });
  const past = channelOn(client, roomRef).history();
  await settle(world);
  expect(told).toEqual([{ from: 1, to: 3 }, 4, 5]);
  expect(await past).toMatchObject({ messages: [{ offset: 4 }, { offset: 5 }], gap: { from: 1, to: 3 } });
});

test("CHANNEL8 what became too old is not given to newcomers, where nothing was appended since, neither in another format", async () => {
  const world = createWorld({ packers: [json()] });
  const room = fill(world, 2, { maxAgeMs: 1000 });
  const early = hear(world.client(), { from: 1 });
  await world.advance(600);
  room.publish("said", "later");
  await world.advance(600);
  const client = world.client();
  const late = hear(client, { from: 1 });
  const past = channelOn(client, roomRef).history();
  await world.advance(10);
  expect([early.told, late.told]).toEqual([
    [1, 2, 3],
    [{ from: 1, to: 2 }, 3],
  ]);
  expect(await past).toMatchObject({ messages: [{ offset: 3 }], more: false, gap: { from: 1, to: 2 } });
  await world.advance(600);
  const last = hear(world.client(), { from: 1 });
  await world.advance(10);
  expect(last.told).toEqual([{ from: 1, to: 3 }]);
  room.publish("said", "again");
  await world.settle();
  expect([early.told, late.told.at(-1), last.told.at(-1)]).toEqual([[1, 2, 3, 4], 4, 4]);
});

test("CHANNEL9 a position goes on after its message; in another epoch it is told as a gap before anything else", async () => {
  const one = createWorld({}, 1);
  fill(one, 3);
  const first = hear(one.client(), { from: 2 });
  await one.advance(10);
  expect(first.told).toEqual([2, 3]);
  const position = first.positions[0] as Position;
  expect(typeof position).toBe("string");
  const again = hear(one.client(), { from: position });
  await one.advance(10);
  expect(again.told).toEqual([3]);

  // Another server, which has events at those offsets, too.
  const other = createWorld({}, 2);
  fill(other, 4);
  const client = other.client();
  const alone = hear(client, { from: position });
  await other.advance(10);
  expect(alone.told).toEqual([{ from: 0, to: 0 }, 1, 2, 3, 4]);
  // Beside another who is live, which hears nothing twice.
  const beside = hear(client, { from: position });
  await other.advance(10);
  expect([alone.told, beside.told]).toEqual([
    [{ from: 0, to: 0 }, 1, 2, 3, 4],
    [{ from: 0, to: 0 }, 1, 2, 3, 4],
  ]);
});

test("CHANNEL9 a position is judged once the server said its epoch, also where others began with offsets of their own", async () => {
  const world = createWorld();
  fill(world, 4);
  const client = world.client();
  const numbered = hear(client, { from: 2 });
  const positioned = hear(client, { from: "000000000000:3" });
  await world.advance(10);
  expect(numbered.told).toEqual([2, 3, 4]);
  expect(positioned.told).toEqual([{ from: 0, to: 0 }, 1, 2, 3, 4]);
  expect(() => hear(client, { from: "nothing" as Position })).toThrow("Not a position");
});

test("CHANNEL10 history is the newest events before an offset, in their order", async () => {
  const world = createWorld();
  fill(world, 10);
  const room = channelOn(world.client(), roomRef);
  const offsets = async (options: Parameters<typeof room.history>[0]) => {
    const asking = room.history(options);
    await world.advance(10);
    const { messages, more, gap } = await asking;
    expect(gap).toBe(undefined);
    return [messages.map(({ offset, data }) => [offset, data]), more];
  };
  expect(await offsets({ limit: 2 })).toEqual([
    [
      [9, "event 9"],
      [10, "event 10"],
    ],
    true,
  ]);
  expect(await offsets({ before: 3, limit: 5 })).toEqual([
    [
      [1, "event 1"],
      [2, "event 2"],
    ],
    false,
  ]);
  expect(await offsets({ before: 1 })).toEqual([[], false]);
  expect((await offsets({ before: 99, limit: 1 }))[0]).toEqual([[10, "event 10"]]);
  expect(((await offsets({})) as [unknown[]])[0]).toHaveLength(10);
  await expect(room.history({ limit: -1 })).rejects.toMatchObject({ code: "invalid" });
});

test("CHANNEL10 a message's position serves as well, and the next page follows it", async () => {
  const world = createWorld();
  fill(world, 5);
  const room = channelOn(world.client(), roomRef);
  const newest = room.history({ limit: 2 });
  await world.advance(10);
  const [oldest] = (await newest).messages;
  const next = room.history({ limit: 2, before: oldest?.position as Position });
  await world.advance(10);
  expect((await next).messages.map(({ offset }) => offset)).toEqual([2, 3]);
});

test("CHANNEL11 an answer has at most 256 events and 256 KiB, a larger event comes alone; there are more", async () => {
  const world = createWorld();
  const room = channel(world.sync, roomRef, { retention: { maxBytes: 1 << 24 } });
  for (let n = 1; n <= 300; n++) room.publish("said", n);
  const talk = channelOn(world.client(), roomRef);
  const ask = async (before?: number) => {
    const asking = talk.history({ limit: 1000, ...(before && { before }) });
    await world.advance(100);
    const { messages, more } = await asking;
    return [messages[0]?.offset, messages.length, more];
  };
  expect(await ask()).toEqual([45, 256, true]);
  expect(await ask(45)).toEqual([1, 44, false]);
  for (let n = 1; n <= 10; n++) room.publish("said", "x".repeat(100_000));
  // Halved until they fit: 2 of 100 KB.
  expect(await ask()).toEqual([309, 2, true]);
  room.publish("said", "y".repeat(300_000));
  expect(await ask()).toEqual([311, 1, true]);
});

test("CHANNEL12 what is no longer kept is told as a gap, as is another epoch", async () => {
  const world = createWorld();
  fill(world, 10, { maxEntries: 4 });
  const room = channelOn(world.client(), roomRef);
  const ask = async (options: Parameters<typeof room.history>[0]) => {
    const asking = room.history(options);
    await world.advance(10);
    const { messages, more, gap } = await asking;
    return [messages.map(({ offset }) => offset), more, gap];
  };
  expect(await ask({ limit: 6 })).toEqual([[7, 8, 9, 10], false, { from: 5, to: 6 }]);
  expect(await ask({ limit: 4 })).toEqual([[7, 8, 9, 10], false, undefined]);
  expect(await ask({ before: 7, limit: 3 })).toEqual([[], false, { from: 4, to: 6 }]);
  expect(await ask({ before: 3 })).toEqual([[], false, { from: 1, to: 2 }]);
  expect(await ask({ before: "000000000000:9" })).toEqual([[], false, { from: 0, to: 0 }]);
});

test("CHANNEL13 who may not read is told neither what was nor who reads; other kinds have no history", async () => {
  const world = createWorld({ limits: { maxCallbacks: 1 } });
  channel(world.sync, roomRef, { authorize: ({ action }) => action === "publish" });
  atom(world.sync, defineAtom("a", { initial: 1 }));
  const talk = channelOn(world.client(), roomRef);
  const asking = Promise.all([codeOf(talk.history()), codeOf(talk.subscribers())]);
  await world.advance(10);
  expect(await asking).toEqual(["forbidden", "forbidden"]);
  const peer = await world.ours();
  const [writes, a] = await peer.subscribe({ topic: "room", kind: "channel", read: false }, { topic: "a", kind: "atom" });
  const ask = async (event: string) => JSON.stringify(await peer.ask(event)).match(/(invalid|unsupported)/)?.[0];
  expect(await ask(`[:sync/history [${writes?.id} 0 1]]`)).toBe("invalid");
  expect(await ask(`[:sync/subscribers [${writes?.id}]]`)).toBe("invalid");
  expect(await ask("[:sync/history [99 0 1]]")).toBe("invalid");
  expect(await ask(`[:sync/history [${a?.id} 0 1]]`)).toBe("unsupported");
  peer.take();
  // Of another shape it is malformed, as all messages are.
  await peer.say('[[:sync/history [1 0]] "x"]');
  expect(world.sync.stats().malformed).toBe(1);
});

test("CHANNEL13 a grant that was taken back ends it, and too many questions are refused", async () => {
  const world = createWorld({ authenticate: () => ({ id: "ada" }), limits: { maxCallbacks: 1 } });
  const durable = createWorld({ storage: storing(), limits: { maxCallbacks: 1 } });
  channel(durable.sync, roomRef).publish("said", 1);
  await settle(durable);
  const other = await durable.ours();
  await other.say('[[:sync/subscribe [{:topic "room" :kind "channel"}]] "s"]');
  await settle(durable);
  const { id } = (other.reply("s") as [{ id: number }])[0];
  await other.say(`[[:sync/history [${id} 0 1]] "h1"]`, `[[:sync/history [${id} 0 1]] "h2"]`);
  await settle(durable);
  expect(JSON.stringify(other.reply("h1"))).toContain("entries");
  expect(JSON.stringify(other.reply("h2"))).toContain("limit");

  fill(world, 1);
  const peer = await world.ours();
  const [room] = await peer.subscribe({ topic: "room", kind: "channel" });
  expect(JSON.stringify(await peer.ask(`[:sync/history [${room?.id} 0 1]]`))).toContain("event 1");
  world.sync.revoke({ user: "ada", topic: "room" });
  expect(JSON.stringify(await peer.ask(`[:sync/history [${room?.id} 0 1]]`))).toContain("forbidden");
});

test("CHANNEL14, CHANNEL15 subscribers are counted by connections and users, and told once a turn", async () => {
  const world = createWorld({ authenticate: ({ url }) => ({ id: url.searchParams.get("user") ?? "" }) });
  const room = channel(world.sync, roomRef);
  const seen: Subscribers[] = [];
  room.subscribers.subscribe((count) => void seen.push(count));
  const reads = { topic: "room", kind: "channel" };
  const enter = (user: string) => world.ours(`client-id=raw&user=${user}`);
  const [ada, ada2, bob, carl] = [await enter("ada"), await enter("ada"), await enter("bob"), await enter("carl")];
  for (const peer of [ada, ada2, bob]) await peer.subscribe(reads);
  await carl.subscribe({ ...reads, read: false });
  expect(room.subscribers.get()).toEqual({ connections: 3, users: 2 });
  ada.transport.terminate();
  await bob.subscribe(reads);
  await world.settle();
  expect(room.subscribers.get()).toEqual({ connections: 2, users: 2 });
  await ada2.say("[[:sync/unsubscribe [1]] nil]");
  expect(room.subscribers.get()).toEqual({ connections: 1, users: 1 });
  expect(seen.map(({ connections, users }) => `${connections}/${users}`)).toEqual(["0/0", "1/1", "2/1", "3/2", "2/2", "1/1"]);
});

test("CHANNEL16 a client asks who reads: it waits for its line, and gives up after a time", async () => {
  const world = createWorld();
  channel(world.sync, roomRef);
  const lies = createLies(world.connector);
  lies.refuse = true;
  const client = world.client({ connector: lies.connector });
  const talk = channelOn(client, roomRef);
  const counted = talk.subscribers();
  const late = codeOf(talk.history({ timeoutMs: 500 }));
  await world.advance(600);
  expect(await late).toBe("timeout");
  lies.refuse = false;
  await world.advance(5000);
  expect(await counted).toEqual({ connections: 1, users: 1 });
  await world.advance(2000);
  // It read only to ask.
  expect(talk.status.get()).toBe("idle");
});

/** What a wildcard's reader was told: whose event, its offset there, and the wildcard's own. */
function hearAll(client: object, params: { org?: string } = {}, from: "latest" | number | Position = "latest") {
  const told: unknown[] = [];
  const all = channels(client, roomsRef, params);
  all.subscribe(({ channel: { params: of, offset }, offset: own, data }) => void told.push([of.org, of.id, offset, own, data]), {
    from,
    onGap: (gap) => void told.push(gap),
  });
  return { told, all };
}

test("CHANNEL17 a wildcard has a name that no channel has, and is there where the server says so", async () => {
  const world = createWorld();
  const rooms = channel(world.sync, roomsRef, { wildcards: "whole" });
  const star = await rooms.open({ org: "a", id: "*" });
  expect(star.topic).toBe("org/a/room/%2A");
  channel(world.sync, defineChannel("plain/:id"));
  const client = world.client();
  const { all, told } = hearAll(client, { org: "a" });
  expect(all.topic).toBe("org/a/room/*");
  expect(channels(client, roomsRef).topic).toBe("org/*/room/*");
  const plain = channels(client, defineChannel("plain/:id"));
  plain.subscribe(() => {});
  await world.advance(10);
  star.publish("said", "from a star");
  await world.settle();
  expect(told).toEqual([["a", "*", 1, 1, "from a star"]]);
  expect([plain.status.get(), plain.error?.code]).toEqual(["refused", "not-declared"]);
  expect(() => channels(client, roomsRef, { id: "7" })).toThrow("needs all params before it");
  expect(() => channels(client, roomsRef, { org: "a", id: "7" })).toThrow("is one topic");
  expect(world.errors).toEqual([]);
});

test("CHANNEL18 a wildcard has an order of its own, of all its channels and no other, with a tail and a history", async () => {
  const world = createWorld();
  const rooms = channel(world.sync, roomsRef, { wildcards: "whole", retention: { maxEntries: 3 } });
  const [one, two, other] = await Promise.all(
    [
      { org: "a", id: "1" },
      { org: "a", id: "x/2" },
      { org: "b", id: "1" },
    ].map((params) => rooms.open(params)),
  );
  one?.publish("said", "before anybody");
  const some = hearAll(world.client(), { org: "a" });
  const lies = createLies(world.connector);
  const every = hearAll(world.client({ connector: lies.connector }));
  await world.advance(10);
  one?.publish("said", "A");
  two?.publish("said", "B");
  other?.publish("said", "C");
  await world.settle();
  expect(some.told).toEqual([
    ["a", "1", 2, 1, "A"],
    ["a", "x/2", 1, 2, "B"],
  ]);
  expect(every.told).toHaveLength(3);
  // A line that broke: it goes on, and where it was away too long hears of a gap.
  lies.cut();
  one?.publish("said", "D");
  await world.advance(3000);
  expect(every.told.at(-1)).toEqual(["a", "1", 3, 4, "D"]);
  lies.refuse = true;
  lies.cut();
  for (let n = 1; n <= 5; n++) two?.publish("said", n);
  lies.refuse = false;
  await world.advance(5000);
  expect(every.told.slice(4)).toEqual([{ from: 5, to: 6 }, ["a", "x/2", 4, 7, 3], ["a", "x/2", 5, 8, 4], ["a", "x/2", 6, 9, 5]]);
  const past = every.all.history({ limit: 1 });
  await world.advance(10);
  expect((await past).messages).toMatchObject([{ offset: 9, channel: { params: { org: "a", id: "x/2" }, offset: 6 } }]);
});

test("CHANNEL19 authorize is asked for the wildcard by its name; a yes is for all of its channels", async () => {
  const asked: unknown[] = [];
  const authorize: Authorize = ({ topic, action, params }) => {
    asked.push([action, topic, params]);
    return topic === "org/a/room/*";
  };
  const world = createWorld();
  const rooms = channel(world.sync, roomsRef, { wildcards: "whole", authorize });
  const client = world.client();
  const some = hearAll(client, { org: "a" });
  const every = hearAll(client);
  await world.advance(10);
  (await rooms.open({ org: "a", id: "secret" })).publish("said", 1);
  await world.settle();
  expect(some.told).toEqual([["a", "secret", 1, 1, 1]]);
  expect([every.all.status.get(), every.all.error?.code, every.told]).toEqual(["refused", "forbidden", []]);
  expect(asked).toEqual([
    ["read", "org/a/room/*", { org: "a" }],
    ["read", "org/*/room/*", {}],
  ]);
});

test("CHANNEL20 under `each` nobody is given an event of a channel that he may not read as it comes", async () => {
  let closed = "";
  const authorize: Authorize = ({ topic, user, params }) =>
    topic.endsWith("*") ||
    (params["id"] === "slow" ? Promise.resolve(true) : params["id"] === user.id && params["id"] !== closed);
  const world = createWorld({
    authenticate: ({ url }) => ({ id: url.searchParams.get("user") ?? "" }),
    authorize: ({ params }) => params["org"] !== "b",
  });
  const rooms = channel(world.sync, roomsRef, { wildcards: "each", authorize });
  const subscribe = async (user: string) => {
    const peer = await world.ours(`client-id=${user}&user=${user}`);
    const [answer] = await peer.subscribe({ topic: "org/*/room/*", kind: "channel" });
    peer.take();
    return { peer, answer };
  };
  const [ada, bob, ada2] = [await subscribe("ada"), await subscribe("bob"), await subscribe("ada")];
  expect(ada.answer?.id).toBe(ada2.answer?.id);
  expect(ada.answer?.id).not.toBe(bob.answer?.id);
  const open = (org: string, id: string) => rooms.open({ org, id });
  const [forAda, forBob, slow, notA] = [
    await open("a", "ada"),
    await open("a", "bob"),
    await open("a", "slow"),
    await open("b", "ada"),
  ];
  const publish = async (): Promise<string[]> => {
    for (const room of [forAda, forBob, slow, notA]) room.publish("said", room.topic);
    await world.settle();
    return [ada, bob, ada2].map(({ peer }) => peer.take().join(""));
  };
  const heard = await publish();
  expect(heard.map((text) => [...text.matchAll(/:?"said" "([^"]*)"/g)].map(([, topic]) => topic))).toEqual([
    ["org/a/room/ada"],
    ["org/a/room/bob"],
    ["org/a/room/ada"],
  ]);
  expect(world.errors.map(({ error }) => (error as { code: string }).code)).toEqual(["unsupported", "unsupported"]);
  closed = "ada";
  expect((await publish())[0]).toBe("");
});

test("CHANNEL21 nobody publishes to a wildcard", async () => {
  const world = createWorld();
  channel(world.sync, roomsRef, { wildcards: "whole" });
  const peer = await world.ours();
  const [all] = await peer.subscribe({ topic: "org/*/room/*", kind: "channel" });
  peer.take();
  const frames = await peer.hear(`[[:sync/write [${all?.id} 1 [["said" 1]]]] nil]`);
  expect(frames.join("")).toContain("unsupported");
});

test.each(["whole", "each"] as const)(
  "CHANNEL22 a wildcard that nobody reads is forgotten after a while: %s",
  async (wildcards) => {
    const world = createWorld({ authenticate: () => ({ id: "ada" }), limits: { sessionGraceMs: 10_000 } });
    const rooms = channel(world.sync, roomsRef, { wildcards });
    const room = await rooms.open({ org: "a", id: "1" });
    const item = { topic: "org/*/room/*", kind: "channel" };
    const read = async () => {
      const peer = await world.ours();
      const [answer] = await peer.subscribe(item);
      return { peer, at: answer?.at };
    };
    const first = await read();
    room.publish("said", 1);
    await world.settle();
    first.peer.transport.terminate();
    await world.advance(10);
    // Away for less than that, it misses nothing.
    room.publish("said", 2);
    await world.advance(9000);
    room.publish("said", 3);
    const second = await read();
    expect(second.at).toEqual([first.at?.[0], 3]);
    second.peer.transport.terminate();
    await world.advance(10);
    room.publish("said", 4);
    await world.advance(11_000);
    room.publish("said", 5);
    const third = await read();
    expect(third.at?.[1]).toBe(0);
    expect(third.at?.[0]).not.toBe(first.at?.[0]);
    expect(world.errors).toEqual([]);
  },
);

test("CHANNEL18 an atom and a channel by plain name go on as they were beside a wildcard", async () => {
  const world = createWorld();
  channel(world.sync, roomsRef, { wildcards: "whole" });
  atom(world.sync, defineAtom("org/a", { initial: 7 }));
  const value = atomOn<number>(world.client(), "org/a").ready;
  await world.advance(10);
  expect(await value).toBe(7);
});
