/** What a hostile client can say, with a bystander who is never cut and whose echo goes on. */
import { once } from "node:events";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { edn } from "sente-sync/packers/edn";
import { gzip } from "sente-sync/packers/gzip";
import { atom, channel, createServer } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { createWorld, pushed, type RawPeer, roomRef, text, type World } from "./world.ts";

async function openWorld(
  options: Parameters<typeof createWorld>[0] = {},
): Promise<{ world: World; bystander: RawPeer; alive(): Promise<void> }> {
  const world = createWorld({ keepalive: { keepaliveMs: 0 }, ...options });
  world.sync.on("app/echo", ({ data }) => data);
  const bystander = await world.ours("client-id=bystander");
  return {
    world,
    bystander,
    async alive() {
      expect(await bystander.ask("[:app/echo :still-here]")).toMatchObject({ name: "still-here" });
      expect(bystander.closes).toEqual([]);
    },
  };
}

test("WRAP3 malformed frames are dropped and counted, the third in ten seconds closes with 4007", async () => {
  const { world, alive } = await openWorld();
  for (const bad of [
    "",
    "[",
    "]",
    "[[:a/b 1] nil nil]",
    "nil",
    "{:a",
    '"unfinished',
    '[[:a/b #"regex"] nil]',
    "\u0000",
    "#_",
    "[[:a/b 1/0] nil]",
  ]) {
    const peer = await world.peer("client-id=evil&sync=1");
    await peer.say(bad, bad);
    expect([bad, peer.closes]).toEqual([bad, []]);
    await peer.say(bad);
    expect([bad, peer.closes]).toEqual([bad, [{ code: 4007, reason: "malformed" }]]);
    await alive();
  }
});

test("WRAP4 forged callback ids reach nobody but who sent them", async () => {
  const { world, bystander, alive } = await openWorld();
  let release = (_: unknown): void => {};
  world.sync.on("app/wait", () => new Promise((resolve) => void (release = resolve)));
  await bystander.say('[[:app/wait] "cb1"]');
  bystander.take();
  const peer = await world.ours("client-id=evil");
  peer.take();
  const heard = await peer.hear(
    '[[:app/echo :forged] "cb1"]',
    '[[:app/echo :forged] "cb2"]',
    "[[:app/echo 1] {:a [1]}]",
    "[[:app/echo 1] :ajax]",
  );
  expect(heard).toEqual(['[:forged "cb1"]', '[:forged "cb2"]', "[1 {:a [1]}]", "[1 :ajax]"]);
  release("mine");
  await world.settle();
  expect(bystander.take()).toEqual(['["mine" "cb1"]']);
  await alive();
});

test("EVENT4 keys like __proto__ in what comes change no prototype, and stay keys", async () => {
  const { world, alive } = await openWorld();
  const seen: unknown[] = [];
  world.sync.on("app/x", ({ data }) => {
    seen.push(data);
    return data;
  });
  const peer = await world.ours("client-id=evil");
  peer.take();
  const value = "{:__proto__ {:polluted true} :constructor {:prototype {:polluted true}} :a 1}";
  const [reply] = await peer.hear(`[[:app/x ${value}] "a"]`);
  expect(({} as { polluted?: unknown }).polluted).toBe(undefined);
  expect(reply).toContain(":__proto__ {:polluted true}");
  await peer.say('[[:sync/subscribe [{:topic "__proto__" :kind "atom"} {:topic "a" :__proto__ {:kind "atom"}}]] "s"]');
  await peer.say("[[:sync/hello {:__proto__ {:v 1}}] nil]", "[[:__proto__/x 1] nil]", "[[:app/__proto__ 1] nil]");
  await alive();
});

test("SUB12 subscriptions of odd shapes are refused item by item, other odd messages are malformed", async () => {
  const { world, alive } = await openWorld();
  atom(world.sync, "a", { initial: 1 });
  const odd = [
    "{}",
    "[1 2]",
    "nil",
    '{:topic 1 :kind "atom"}',
    '{:topic "a"}',
    '{:topic "a" :kind nil}',
    '{:topic ["a"] :kind "atom"}',
  ];
  const peer = await world.ours("client-id=evil");
  const answers = (await peer.ask(`[:sync/subscribe [${odd.join(" ")}]]`)) as { error?: { code: string } }[];
  expect(answers.map(({ error }) => error?.code)).toEqual(odd.map(() => "invalid"));
  expect(await peer.ask("[:sync/subscribe []]")).toEqual([]);
  for (const since of ['["e"]', "[1 1]", '["e" -1]', '["e" 1.5]', "{}", '"x"', `["e" ${2 ** 53 - 1}]`]) {
    const [answer] = (await peer.ask(`[:sync/subscribe [{:topic "a" :kind "atom" :since ${since}}]]`)) as {
      recovered: boolean;
    }[];
    expect(answer).toMatchObject({ recovered: false });
  }
  for (const message of [
    ":sync/subscribe 1",
    ":sync/unsubscribe {}",
    ":sync/position [1]",
    ":sync/write [1 0 []]",
    ":sync/write []",
    ":sync/entries [1 1 []]",
    ":sync/none",
  ]) {
    const each = await world.ours("client-id=evil");
    for (let n = 0; n < 3; n++) await each.say(`[[${message}] "x"]`);
    expect([message, each.closes]).toEqual([message, [{ code: 4007, reason: "malformed" }]]);
  }
  await alive();
});

test("WRITE4 writes to ids that are unknown or another's are rejected and change nothing", async () => {
  const { world, bystander, alive } = await openWorld();
  const room = channel(world.sync, roomRef);
  const stored: unknown[] = [];
  room.subscribe(({ data }) => void stored.push(data));
  const [{ id } = { id: 0 }] = await bystander.subscribe({ topic: "room", kind: "channel" });
  bystander.take();
  const peer = await world.ours("client-id=evil");
  for (const target of [id, 0, 999_999, Number.MAX_SAFE_INTEGER])
    await peer.say(`[[:sync/write [${target} 1 [["said" "forged"]]]] nil]`);
  expect((pushed(peer.frames, "sync/reject") as [number, number, { code: string }][]).map(([, , { code }]) => code)).toEqual(
    Array(4).fill("invalid"),
  );
  expect([stored, bystander.take()]).toEqual([[], []]);
  await alive();
});

test("HAND2 to a peer that did not offer sync its messages are events that nobody handles", async () => {
  const { world, alive } = await openWorld();
  atom(world.sync, "a", { initial: "secret" });
  const peer = await world.peer("client-id=evil");
  peer.take();
  const heard = await peer.hear(
    '[[:sync/hello {:v 1}] "a"]',
    '[[:sync/subscribe [{:topic "a" :kind "atom"}]] "b"]',
    '[[:sync/write [1 1 [1]]] "c"]',
    "[[:sync/unsubscribe 1] nil]",
  );
  expect([heard, world.sync.stats().unhandledEvents, world.sync.stats().sessions]).toEqual([[], 4, 1]);
  await alive();
});

test("LIMIT2 deep, wide and long values cost one message each, whatever their event", async () => {
  const { world, alive } = await openWorld();
  const bombs = [
    `${"[".repeat(100_000)}`,
    `[[:app/echo ${"[".repeat(500)}${"]".repeat(500)}] "a"]`,
    `[[:app/echo ${"#a ".repeat(500)}1] "a"]`,
    `[[:app/echo ${"9".repeat(100_000)}] "a"]`,
    `[[:app/echo {:${"k".repeat(2000)} 1}] "a"]`,
    `[[:app/echo #{${"1 ".repeat(100_001)}}] "a"]`,
  ];
  for (const bomb of bombs) {
    const peer = await world.ours("client-id=evil");
    const before = world.sync.stats().malformed;
    await peer.say(bomb);
    expect(world.sync.stats().malformed).toBe(before + 1);
    await alive();
  }
});

test("LIMIT10 a client that never reads keeps its own cursor waiting, then is closed; the bystander never notices", async () => {
  const { world, bystander, alive } = await openWorld({ limits: { stuckMs: 20_000 } });
  const room = channel(world.sync, roomRef);
  const value = atom(world.sync, "a", { initial: { n: 0, text: "x".repeat(20_000) } });
  const items = [
    { topic: "room", kind: "channel" },
    { topic: "a", kind: "atom" },
  ];
  await bystander.subscribe(...items);
  const peer = await world.ours("client-id=evil");
  await peer.subscribe(...items);
  peer.transport.pause();
  const far = (peer.transport as unknown as { peer: { bufferedBytes: number } }).peer;
  for (let second = 0; second < 19; second++) {
    for (let n = 0; n < 10; n++) room.publish("said", "y".repeat(5000));
    value.update((draft) => void draft.n++);
    await peer.say('[[:app/echo "still asking"] "x"]');
    expect(far.bufferedBytes).toBeLessThan(200_000);
    await world.advance(1000);
    await alive();
  }
  expect(world.sync.stats()).toMatchObject({ connections: 2, closedStuck: 0 });
  await world.advance(5000);
  expect(world.sync.stats()).toMatchObject({ connections: 1, closedStuck: 1 });
  await alive();
});

test("LIMIT5 a flood is paused, and what never stops is closed; the bystander's echo takes no part in it", async () => {
  const { world, alive } = await openWorld();
  const peer = await world.ours("client-id=evil");
  for (let second = 0; second < 40 && !peer.closes.length; second++) {
    await peer.say(...Array.from({ length: 400 }, () => "[[:app/echo 1] nil]"));
    await world.advance(1000);
    await alive();
  }
  expect(peer.closes).toEqual([{ code: 4008, reason: "rate-limited" }]);
});

test("DOOR7 handshakes that are never finished disturb nobody, and end", async () => {
  const sync = createServer({ limits: { handshakeMs: 1000 }, onError: () => {} });
  onTestFinished(() => sync.close());
  sync.on("app/echo", ({ data }) => data);
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const unfinished = Array.from({ length: 20 }, (_, n) => {
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(["", "GET ", "GET /chsk?client-id=a HTTP/1.1\r\nupgrade: websocket\r\n"][n % 3] as string),
    );
    socket.on("error", () => {});
    socket.resume();
    return once(socket, "close");
  });
  const bystander = new WebSocket(`ws://127.0.0.1:${port}/chsk?client-id=b`);
  onTestFinished(() => bystander.terminate());
  const heard: string[] = [];
  bystander.on("message", (data) => heard.push(String(data)));
  await once(bystander, "open");
  bystander.send('[[:app/echo 1] "a"]');
  await expect.poll(() => heard.at(-1)).toBe('[1 "a"]');
  await Promise.all(unfinished);
  bystander.send('[[:app/echo 2] "b"]');
  await expect.poll(() => heard.at(-1)).toBe('[2 "b"]');
  expect(sync.stats().connections).toBe(1);
});

test("WRAP3 an open WebSocket that sends broken frames is closed, and only it", async () => {
  const sync = createServer({ onError: () => {} });
  onTestFinished(() => sync.close());
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const head =
    "GET /chsk?client-id=a HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
  const broken = [
    [0xff, 0xff, 0xff, 0xff],
    [0x81, 0x05, 1, 2, 3, 4, 5],
    [0x83, 0x80, 0, 0, 0, 0],
    [0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28],
    [0x88, 0x81, 0, 0, 0, 0, 1],
  ];
  for (const bytes of broken) {
    const socket = connect(port, "127.0.0.1", () => socket.write(head));
    socket.on("error", () => {});
    await once(socket, "data");
    socket.write(Uint8Array.from(bytes));
    socket.resume();
    await once(socket, "close");
  }
  await expect.poll(() => sync.stats().connections).toBe(0);
});

test("EVENT3, WRAP3 and SUB12 whatever is said, it is answered or dropped, and nothing else happens", async () => {
  const { world, alive } = await openWorld({
    limits: { messages: { perSecond: 1e6, burst: 1e6 }, newTopics: { perSecond: 1e6, burst: 1e6 } },
  });
  atom(world.sync, "a", { initial: { n: 1 } });
  channel(world.sync, roomRef);
  const ids = fc.constantFrom(
    "sync/hello",
    "sync/subscribe",
    "sync/unsubscribe",
    "sync/position",
    "sync/write",
    "sync/snapshot",
    "chsk/ws-ping",
    "chsk/ws-pong",
    "app/echo",
    "chsk/handshake",
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom<unknown>(null, 0, 1, 2, -1, 1.5, 2 ** 53 - 1, "", "a", "room", "atom", "channel", "said", true, false),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom("v", "session", "token", "topic", "kind", "since", "read", "x"), tie("value"), {
        maxKeys: 4,
      }),
    ),
  }));
  const message = fc
    .tuple(ids, value, fc.option(value, { nil: null }))
    .map(([id, data, callback]) => `[[:${id} ${text(data)}] ${text(callback)}]`);
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 12 }), async (messages) => {
      const peer = await world.peer("client-id=evil&sync=1");
      await peer.say(...messages);
      peer.transport.terminate();
      await world.settle();
      expect(world.sync.stats().connections).toBe(1);
    }),
    { numRuns: 150 },
  );
  expect(
    world.errors.every(({ error }) => ["malformed", "invalid", "unhandled-event"].includes((error as { code: string }).code)),
  ).toBe(true);
  await alive();
});

test("SEAL11 a small frame that would become a large one is not opened", async () => {
  const sync = createServer({ packer: gzip(edn()), onError: () => {} });
  onTestFinished(() => sync.close());
  const heard: unknown[] = [];
  sync.on("app/echo", ({ data }) => void heard.push(data));
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chsk?client-id=bomb`);
  const closed = once(socket, "close");
  await once(socket, "open");
  const bomb = gzipSync(`[[:app/echo "${"0".repeat(60_000_000)}"] nil]`);
  expect(bomb.length).toBeLessThan(100_000);
  socket.send(Buffer.concat([Uint8Array.of(1), bomb]));
  expect((await closed)[0]).toBe(1009);
  expect([heard, sync.stats().closedTooLarge]).toEqual([[], 1]);
});
