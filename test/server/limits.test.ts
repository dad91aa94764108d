import { once } from "node:events";
import { defineAtom } from "sente-sync";
import { atom, channel, createServer, defaultKeepalive, defaultLimits } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { handStorage } from "../support/hand-log.ts";
import { read } from "../support/sources.ts";
import { createWorld, pushed, type RawPeer, roomRef } from "./world.ts";

const quiet = { keepalive: { keepaliveMs: 0 } };

test("LIMIT1 a message of maxFrameBytes is read, one byte more closes with 1009 and harms nobody else", async () => {
  const sync = createServer({ limits: { maxFrameBytes: 1000 }, onError: () => {} });
  onTestFinished(() => sync.close());
  sync.on("app/length", ({ data }) => (data as string).length);
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const open = async (): Promise<{ socket: WebSocket; heard: string[] }> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chsk?client-id=a`);
    const heard: string[] = [];
    socket.on("message", (data) => heard.push(String(data)));
    await once(socket, "open");
    return { socket, heard };
  };
  const message = (bytes: number): string => {
    const empty = '[[:app/length ""] "a"]';
    return empty.replace('""', `"${"x".repeat(bytes - empty.length)}"`);
  };
  const [one, other] = [await open(), await open()];
  one.socket.send(message(1000));
  await expect.poll(() => one.heard.at(-1)).toBe(`[${1000 - '[[:app/length ""] "a"]'.length} "a"]`);
  one.socket.send(message(1001));
  expect((await once(one.socket, "close"))[0]).toBe(1009);
  other.socket.send('[[:app/length "abc"] "b"]');
  await expect.poll(() => other.heard.at(-1)).toBe('[3 "b"]');
});

test("LIMIT2 what the decoder's budget does not allow is malformed: the third in ten seconds closes with 4007", async () => {
  const world = createWorld(quiet);
  const deep = `[[:app/x ${"[".repeat(70)}${"]".repeat(70)}] nil]`;
  const wide = `[[:app/x [${"1 ".repeat(100_001)}]] nil]`;
  const peer = await world.peer();
  await peer.say(deep, wide);
  expect(peer.closes).toEqual([]);
  await peer.say("[[:app/x 1");
  expect(peer.closes).toEqual([{ code: 4007, reason: "malformed" }]);
  expect(world.sync.stats()).toMatchObject({ malformed: 3, connections: 0 });
  // Two in ten seconds, and again after them, are forgiven.
  const clumsy = await world.peer();
  for (let n = 0; n < 5; n++) {
    await clumsy.say("]", "]");
    await world.advance(10_001);
  }
  expect(clumsy.closes).toEqual([]);
});

async function flood(peer: RawPeer, count: number): Promise<void> {
  await peer.say(...Array.from({ length: count }, (_, n) => `[[:app/count ${n}] nil]`));
}

test("LIMIT3 beyond the rate of messages reading pauses; nothing is lost", async () => {
  const world = createWorld({ ...quiet, limits: { messages: { perSecond: 10, burst: 5 } } });
  const seen: unknown[] = [];
  world.sync.on("app/count", ({ data }) => void seen.push(data));
  const peer = await world.peer();
  await flood(peer, 5);
  expect([seen.length, world.sync.stats().ratePauses]).toEqual([5, 0]);
  await flood(peer, 20);
  // One more was read before it paused.
  expect([seen.length, world.sync.stats().ratePauses]).toEqual([6, 1]);
  await world.advance(1000);
  expect(seen.length).toBeGreaterThan(12);
  expect(seen.length).toBeLessThan(18);
  await world.advance(1500);
  expect(seen.length).toBe(25);
  expect(peer.closes).toEqual([]);
});

test("LIMIT4 beyond the rate of bytes likewise", async () => {
  const world = createWorld({ ...quiet, limits: { bytes: { perSecond: 1000, burst: 2000 } } });
  let seen = 0;
  world.sync.on("app/x", () => void seen++);
  const peer = await world.peer();
  await peer.say(...Array.from({ length: 6 }, () => `[[:app/x "${"x".repeat(980)}"] nil]`));
  expect([seen, world.sync.stats().ratePauses]).toEqual([3, 1]);
  await world.advance(4500);
  expect([seen, peer.closes]).toEqual([6, []]);
});

test("LIMIT5 a connection that stays over its rate for 30 s is closed with 4008; a bystander is not", async () => {
  const world = createWorld({ ...quiet, limits: { messages: { perSecond: 10, burst: 5 } } });
  world.sync.on("app/count", () => {});
  world.sync.on("app/echo", ({ data }) => data);
  const [peer, bystander] = [await world.peer(), await world.peer()];
  for (let second = 0; second < 34 && !peer.closes.length; second++) {
    await flood(peer, 20);
    await world.advance(1000);
    expect(await bystander.ask(`[:app/echo ${second}]`)).toBe(second);
  }
  expect(peer.closes).toEqual([{ code: 4008, reason: "rate-limited" }]);
  expect(world.sync.stats()).toMatchObject({ closedFlooding: 1, connections: 1 });
});

test("LIMIT5 bursts with pauses between them are no flood", async () => {
  const world = createWorld({ ...quiet, limits: { messages: { perSecond: 10, burst: 5 } } });
  world.sync.on("app/count", () => {});
  const peer = await world.peer();
  for (let n = 0; n < 20; n++) {
    await flood(peer, 10);
    await world.advance(4000);
  }
  expect(peer.closes).toEqual([]);
  expect(world.sync.stats().ratePauses).toBeGreaterThanOrEqual(20);
});

test("LIMIT6 with maxCallbacks requests unanswered the next is refused, and its handler not called", async () => {
  const world = createWorld({ ...quiet, limits: { maxCallbacks: 3 } });
  const waiting: (() => void)[] = [];
  let called = 0;
  world.sync.on("app/wait", () => {
    called++;
    return new Promise<void>((resolve) => void waiting.push(resolve));
  });
  const peer = await world.ours();
  expect(peer.welcome?.limits).toMatchObject({ maxCallbacks: 3 });
  for (let n = 0; n < 5; n++) await peer.ask("[:app/wait]");
  expect([called, world.sync.stats().refused]).toEqual([3, 2]);
  expect(peer.frames.at(-1)).toContain(':code "limit"');
  // What wants no reply holds no place.
  await peer.say("[[:app/wait] nil]");
  expect(called).toBe(4);
  waiting[0]?.();
  await world.settle();
  await peer.ask("[:app/wait]");
  expect(called).toBe(5);
});

test("LIMIT7 a connection has at most maxSubscriptions topics; one that it has may be asked for again", async () => {
  const world = createWorld({ ...quiet, limits: { maxSubscriptions: 2 } });
  for (const name of ["a", "b", "c"]) atom(world.sync, name, { initial: 1 });
  const peer = await world.ours();
  const answers = await peer.subscribe(...["a", "b", "c", "a"].map((topic) => ({ topic, kind: "atom" })));
  expect(answers.map(({ error }) => error?.code)).toEqual([undefined, undefined, "limit", undefined]);
  await peer.ask(`[:sync/unsubscribe [${answers[1]?.id}]]`);
  expect((await peer.subscribe({ topic: "c", kind: "atom" }))[0]?.error).toBe(undefined);
});

test("LIMIT8 a connection brings topics into being at a limited rate; topics that are open cost nothing", async () => {
  const world = createWorld({ ...quiet, limits: { newTopics: { perSecond: 1, burst: 3 } } });
  atom(world.sync, defineAtom("doc/:id", { initial: 0 }));
  const [peer, other] = [await world.ours(), await world.ours("client-id=b")];
  const names = (count: number, from = 0) =>
    Array.from({ length: count }, (_, n) => ({ topic: `doc/${from + n}`, kind: "atom" }));
  expect((await peer.subscribe(...names(5))).map(({ error }) => error?.code)).toEqual([
    undefined,
    undefined,
    undefined,
    "rate-limited",
    "rate-limited",
  ]);
  expect((await peer.subscribe(...names(3))).every(({ error }) => !error)).toBe(true);
  expect((await other.subscribe(...names(3, 10))).every(({ error }) => !error)).toBe(true);
  await world.advance(1000);
  expect((await peer.subscribe(...names(2, 20))).map(({ error }) => error?.code)).toEqual([undefined, "rate-limited"]);
});

test("LIMIT9 a server has at most maxTopics open", async () => {
  const world = createWorld({ ...quiet, limits: { maxTopics: 2 } });
  const docs = atom(world.sync, defineAtom("doc/:id", { initial: 0 }));
  const peer = await world.ours();
  const items = ["1", "2", "3"].map((id) => ({ topic: `doc/${id}`, kind: "atom" }));
  expect((await peer.subscribe(...items)).map(({ error }) => error?.code)).toEqual([undefined, undefined, "limit"]);
  docs.delete({ id: "1" });
  expect((await peer.subscribe({ topic: "doc/3", kind: "atom" }))[0]?.error).toBe(undefined);
});

test("LIMIT10 a socket that has not drained for stuckMs is closed with 4013; a slow one that drains is not", async () => {
  const world = createWorld({ limits: { stuckMs: 5000 } });
  const room = channel(world.sync, roomRef);
  const [stuck, slow] = [await world.ours("client-id=a"), await world.ours("client-id=b")];
  for (const peer of [stuck, slow]) {
    await peer.subscribe({ topic: "room", kind: "channel" });
    peer.transport.pause();
  }
  for (let n = 0; n < 5; n++) room.publish("said", "x".repeat(50_000));
  await world.advance(4000);
  slow.transport.resume();
  await world.settle();
  await world.advance(4000);
  stuck.transport.resume();
  await world.settle();
  expect([stuck.closes, slow.closes]).toEqual([[{ code: 4013, reason: "stuck" }], []]);
  expect(world.sync.stats()).toMatchObject({ closedStuck: 1, connections: 1 });
});

test("LIMIT11 with maxWaiting messages waiting for one connection pushes are dropped and counted, and reading pauses", async () => {
  const world = createWorld({ ...quiet, limits: { maxWaiting: 10, messages: { perSecond: 1000, burst: 1000 } } });
  let handled = 0;
  world.sync.on("app/echo", ({ data }) => {
    handled++;
    return data;
  });
  const peer = await world.ours();
  const userId = peer.welcome?.user.id ?? "";
  peer.take();
  peer.transport.pause();
  // Fills the socket.
  world.sync.send(userId, "app/fill", "x".repeat(100_000));
  await world.settle();
  for (let n = 0; n < 15; n++) world.sync.send(userId, "app/n", n);
  await world.settle();
  expect(world.sync.stats().droppedPushes).toBe(5);
  await peer.say(...Array.from({ length: 50 }, (_, n) => `[[:app/echo ${n}] "r${n}"]`));
  expect(handled).toBe(0);
  peer.transport.resume();
  await world.advance(100);
  const frames = peer.take();
  expect(handled).toBe(50);
  expect(pushed(frames, "app/n")).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(frames.filter((frame) => /"r\d+"\]$/.test(frame)).length).toBe(50);
});

test("LIMIT11 replies that wait pause reading, too: what one connection holds is bounded", async () => {
  const world = createWorld({ ...quiet, limits: { maxWaiting: 10, messages: { perSecond: 10_000, burst: 10_000 } } });
  let handled = 0;
  world.sync.on("app/echo", ({ data }) => {
    handled++;
    return data;
  });
  const peer = await world.ours();
  peer.transport.pause();
  world.sync.send(peer.welcome?.user.id ?? "", "app/fill", "x".repeat(100_000));
  await world.settle();
  for (let n = 0; n < 200; n++) await peer.say(`[[:app/echo ${n}] "r${n}"]`);
  expect(handled).toBe(10);
  peer.transport.resume();
  await world.advance(1000);
  expect([handled, peer.closes]).toEqual([200, []]);
});

test.each(["memory", "strict"] as const)(
  "LIMIT14 beyond maxTailBytes the topics that were written to longest ago give up what they hold (%s)",
  async (durability) => {
    const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
    storage.auto = true;
    const world = createWorld({ ...quiet, storage, limits: { maxTailBytes: 4000 } });
    const [old, busy] = ["old", "busy"].map((name) => atom(world.sync, name, { initial: "", durability, mode: "value" }));
    const news = channel(world.sync, "news", { durability });
    await world.settle();
    const tailBytes = () => world.sync.stats().tailBytes;
    const text = (n: number, length = 400) => `${n} ${"x".repeat(length)}`;
    const of = (topic: string, kind: string, since?: unknown) => ({ topic, kind, since });
    const reader = await world.ours();
    const [atOld, atBusy, atNews] = await reader.subscribe(of("old", "atom"), of("busy", "atom"), of("news", "channel"));
    const write = async (run: (n: number) => unknown, from: number, to: number): Promise<void> => {
      for (let n = from; n <= to; n++) {
        run(n);
        await world.settle();
        expect(tailBytes()).toBeLessThanOrEqual(4000);
      }
    };
    await write((n) => old?.set(text(n)), 1, 3);
    await write((n) => news.publish("said", text(n)), 1, 3);
    expect([tailBytes() > 2400, world.sync.stats().droppedTails]).toEqual([true, 0]);
    await write((n) => busy?.set(text(n)), 1, 8);
    expect(world.sync.stats().droppedTails).toBeGreaterThan(1);
    // Who reads along has it all, in entries.
    const entries = pushed(reader.take(), "sync/entries") as [number, number, unknown[]][];
    expect(entries.map(([id, first]) => [id, first])).toEqual([
      ...[1, 2, 3].map((n) => [atOld?.id, n]),
      ...[1, 2, 3].map((n) => [atNews?.id, n]),
      ...[1, 2, 3, 4, 5, 6, 7, 8].map((n) => [atBusy?.id, n]),
    ]);
    // Who comes back is told what is missing, or given it from the disk.
    const back = await world.ours();
    const since = (answer: { readonly at: readonly [string, number] } | undefined, offset: number) => [answer?.at[0], offset];
    const answers = await back.subscribe(
      of("old", "atom", since(atOld, 1)),
      of("busy", "atom", since(atBusy, 4)),
      of("news", "channel", since(atNews, 1)),
    );
    await world.settle();
    const isStored = durability === "strict";
    expect(answers.map(({ recovered }) => recovered)).toEqual([false, true, isStored]);
    const told = pushed(back.take(), "sync/entries") as [number, number, unknown[]][];
    const counts = [atOld, atBusy, atNews].map((at) =>
      told.filter(([id]) => id === at?.id).reduce((sum, [, , all]) => sum + all.length, 0),
    );
    expect(counts).toEqual([0, 4, isStored ? 2 : 1]);
    // The newest, too, where it is too much alone.
    await write((n) => busy?.set(text(n, 3000)), 9, 13);
    const again = await back.subscribe(of("busy", "atom", since(atBusy, 12)));
    expect([again[0]?.at[1], again[0]?.recovered]).toEqual([13, false]);
    expect(pushed(reader.take(), "sync/gap")).toEqual([]);
  },
);

test("LIMIT14 what a topic held is nobody's once it is let go", async () => {
  const world = createWorld({ ...quiet, limits: { idleTopicMs: 1000 } });
  const rooms = atom(world.sync, defineAtom("room/:id", { initial: 0 }));
  for (const id of ["1", "2"]) (await rooms.open({ id })).set(7);
  await world.settle();
  const { tailBytes } = world.sync.stats();
  expect(tailBytes).toBeGreaterThan(0);
  rooms.delete({ id: "1" });
  expect(world.sync.stats().tailBytes).toBe(tailBytes / 2);
});

test("LIMIT12 the limits that the document tells are those of the code", () => {
  const rows = read("docs/protocol.md").split("\n");
  const documented = new Map(
    rows.flatMap((row) => {
      const [, name, value] = /^\| `(\w+)` \| ([^|]+?) \|/.exec(row) ?? [];
      return name && value ? [[name, value] as const] : [];
    }),
  );
  const told = (value: unknown): string => {
    if (typeof value === "object" && value !== null) {
      const { perSecond, burst } = value as { perSecond: number; burst: number };
      return `${perSecond} per second, burst ${burst}`;
    }
    return `${value}`;
  };
  for (const [name, value] of Object.entries({ ...defaultLimits, ...defaultKeepalive }))
    expect([name, documented.get(name)]).toEqual([name, told(value)]);
});
