import { defineAtom, defineChannel } from "sente-sync";
import { atom as holdAtom } from "sente-sync/client";
import { edn } from "sente-sync/packers/edn";
import { json } from "sente-sync/packers/json";
import { atom, channel } from "sente-sync/server";
import { expect, test } from "vitest";
import { createWorld, pushed, type RawPeer, roomRef, text, type World } from "./world.ts";

const { unpack } = edn();

/** A channel that holds `said` events 1 to `count`. */
function createRoom(world: World, count: number, retention = {}) {
  const room = channel(world.sync, roomRef, { retention });
  for (let n = 1; n <= count; n++) room.publish("said", n);
  return room;
}

/** Offsets that the entries frames carried, in order. */
function offsets(frames: readonly string[]): number[] {
  return (pushed(frames, "sync/entries") as [id: number, first: number, entries: unknown[]][]).flatMap(([, first, entries]) =>
    entries.map((_, index) => first + index),
  );
}

/** The value of a snapshot that came in those frames, and its offset. */
function snapshotOf(frames: readonly string[]): { offset: number; value: unknown; parts: number } | undefined {
  const parts = pushed(frames, "sync/snapshot") as [id: number, offset: number, part: number, last: boolean, chunk: string][];
  if (!parts.length) return undefined;
  expect(parts.map(([, , part]) => part)).toEqual(parts.map((_, index) => index));
  expect(parts.map(([, , , last]) => last)).toEqual(parts.map((_, index) => index === parts.length - 1));
  return { offset: parts[0]?.[1] ?? -1, value: unpack(parts.map(([, , , , chunk]) => chunk).join("")), parts: parts.length };
}

const atomItem = (topic: string, since: unknown = null) => ({ topic, kind: "atom", since });
const channelItem = (topic: string, since: unknown = null) => ({ topic, kind: "channel", since });

test("SUB1 each item has its answer, in order, in one reply", async () => {
  const world = createWorld();
  atom(world.sync, "a", { initial: 1 });
  createRoom(world, 2);
  const peer = await world.ours();
  const answers = await peer.subscribe(channelItem("room"), atomItem("none"), atomItem("a"), 7);
  expect(answers).toEqual([
    { id: 2, at: [expect.stringMatching(/^[0-9a-f]{12}$/), 2], recovered: true, durability: "memory" },
    { error: { code: "not-declared", message: 'Nothing declares the topic "none".' } },
    { id: 1, at: [expect.any(String), 0], recovered: false, durability: "memory" },
    { error: { code: "invalid", message: "A subscription needs a topic and a kind." } },
  ]);
});

test("SUB2 the answer leaves before the first entry, the snapshot too", async () => {
  const world = createWorld();
  const value = atom(world.sync, "a", { initial: 1 });
  createRoom(world, 3);
  const peer = await world.ours();
  peer.take();
  const said = peer.say(`[[:sync/subscribe ${text([channelItem("room", [null, 0]), atomItem("a")])}] "s"]`);
  value.set(2);
  await said;
  const frames = peer.take();
  expect(frames[0]?.endsWith('"s"]')).toBe(true);
  expect(pushed(frames.slice(1), "sync/entries")).toEqual([
    [2, 1, [1, 2, 3].map((n) => ["said", n, null])],
    [1, 1, [[[0, [], 2]]]],
  ]);
  expect(snapshotOf(frames)).toEqual({ offset: 0, value: 1, parts: 1 });
});

test("SUB3 a position that the tail holds is recovered: every entry after it, once and in order", async () => {
  const world = createWorld();
  const room = createRoom(world, 5);
  const first = await world.ours();
  const [
    {
      at: [epoch],
    } = { at: [""] },
  ] = await first.subscribe(channelItem("room"));
  for (const [since, expected] of [
    [0, [1, 2, 3, 4, 5]],
    [3, [4, 5]],
    [5, []],
  ] as const) {
    const peer = await world.ours();
    peer.take();
    const [answer] = await peer.subscribe(channelItem("room", [epoch, since]));
    expect(answer).toMatchObject({ recovered: true, at: [epoch, since] });
    expect(offsets(peer.take())).toEqual(expected);
  }
  const peer = await world.ours();
  await peer.subscribe(channelItem("room", [null, 4]));
  room.publish("said", 6);
  await world.settle();
  expect(offsets(peer.frames)).toEqual([5, 6]);
});

test("SUB3 an atom goes on by patches from a position that the tail holds", async () => {
  const world = createWorld();
  const value = atom(world.sync, "a", { initial: { n: 0 } });
  const peer = await world.ours();
  const [
    {
      at: [epoch],
    } = { at: [""] },
  ] = await peer.subscribe(atomItem("a"));
  value.set({ n: 1 });
  await world.settle();
  const back = await world.ours();
  back.take();
  const [answer] = await back.subscribe(atomItem("a", [epoch, 0]));
  expect(answer?.recovered).toBe(true);
  const frames = back.take();
  expect([offsets(frames), snapshotOf(frames)]).toEqual([[1], undefined]);
});

test("SUB4 a position in another epoch, beyond the head, or no longer held is not recovered: an atom's snapshot follows", async () => {
  const world = createWorld();
  const value = atom(world.sync, "a", { initial: 0, retention: { maxEntries: 2 } });
  for (let n = 1; n <= 5; n++) {
    value.set(n);
    await world.settle();
  }
  const first = await world.ours();
  const [
    {
      at: [epoch],
    } = { at: [""] },
  ] = await first.subscribe(atomItem("a"));
  for (const since of [null, ["other", 5], [epoch, 6], [epoch, 2], [null, 2], ["", 5], "odd"]) {
    const peer = await world.ours();
    peer.take();
    const [answer] = await peer.subscribe(atomItem("a", since));
    expect(answer).toMatchObject({ recovered: false, at: [epoch, 5] });
    expect(snapshotOf(peer.take())).toEqual({ offset: 5, value: 5, parts: 1 });
  }
  const [held] = await (await world.ours()).subscribe(atomItem("a", [epoch, 3]));
  expect(held?.recovered).toBe(true);
});

test("SUB4 a channel has no snapshot: who missed entries gets all that are kept, a newcomer what comes", async () => {
  const world = createWorld();
  const room = createRoom(world, 5, { maxEntries: 2 });
  const newcomer = await world.ours();
  const [
    {
      at: [epoch],
    } = { at: [""] },
  ] = await newcomer.subscribe(channelItem("room"));
  for (const since of [
    ["other", 5],
    [epoch, 2],
    [epoch, 9],
  ]) {
    const peer = await world.ours();
    peer.take();
    const [answer] = await peer.subscribe(channelItem("room", since));
    expect(answer).toMatchObject({ recovered: false, at: [epoch, 3] });
    expect(offsets(peer.take())).toEqual([4, 5]);
  }
  newcomer.take();
  room.publish("said", 6);
  await world.settle();
  expect(offsets(newcomer.take())).toEqual([6]);
});

test("SUB5 entries are [id first [entry …]], joined up to 65 000 bytes; a larger one goes alone", async () => {
  const world = createWorld();
  const room = createRoom(world, 0);
  const peer = await world.ours();
  const [{ id } = { id: 0 }] = await peer.subscribe(channelItem("room"));
  peer.take();
  for (const length of [10, 30_000, 30_000, 30_000, 100_000, 10]) room.publish("said", "x".repeat(length));
  await world.advance(1000);
  const frames = pushed(peer.take(), "sync/entries") as [number, number, unknown[]][];
  expect(frames.map(([topic, first, entries]) => [topic, first, entries.length])).toEqual([
    [id, 1, 3],
    [id, 4, 1],
    [id, 5, 1],
    [id, 6, 1],
  ]);
});

test("SUB6 a snapshot comes in parts of 48 Ki characters, which joined are the packed value", async () => {
  const world = createWorld();
  const large = Array.from({ length: 30_000 }, (_, n) => `value ${n} with some text and a 😀 in it`);
  atom(world.sync, "a", { initial: large });
  const peer = await world.ours();
  peer.take();
  const [answer] = await peer.subscribe(atomItem("a"));
  expect(answer).toMatchObject({ recovered: false, at: [expect.any(String), 0] });
  await world.advance(1000);
  const frames = peer.take();
  const chunks = (pushed(frames, "sync/snapshot") as [number, number, number, boolean, string][]).map(([, , , , chunk]) => chunk);
  expect(chunks.join("").length).toBeGreaterThan(1_000_000);
  expect(chunks.every((chunk) => chunk.length <= 48 * 1024 && chunk.length > 0)).toBe(true);
  expect(snapshotOf(frames)?.value).toEqual(large);
});

test("SUB6 no part ends within a surrogate pair, wherever the cut falls", async () => {
  const world = createWorld();
  for (const shift of ["", "x"]) {
    const value = shift + "😀".repeat(40_000);
    atom(world.sync, `a${shift}`, { initial: value });
    const peer = await world.ours();
    await peer.subscribe(atomItem(`a${shift}`));
    await world.advance(100);
    expect(snapshotOf(peer.frames)?.value).toBe(value);
  }
});

test("SUB6 entries made while a snapshot is on its way follow it", async () => {
  const world = createWorld();
  const value = atom(world.sync, "a", { initial: { text: "x".repeat(500_000), n: 0 } });
  const peer = await world.ours();
  peer.take();
  peer.transport.pause();
  const asked = peer.say(`[[:sync/subscribe ${text([atomItem("a")])}] "s"]`);
  await asked;
  value.update((draft) => void (draft.n = 1));
  await world.settle();
  value.update((draft) => void (draft.n = 2));
  await world.settle();
  peer.transport.resume();
  await world.advance(1000);
  const frames = peer.take();
  expect([snapshotOf(frames)?.offset, offsets(frames)]).toEqual([0, [1, 2]]);
});

test("SUB7 an atom's reader that the tail overtook is told a gap, then given a snapshot; then it goes on", async () => {
  const world = createWorld();
  const value = atom(world.sync, "a", { initial: { n: 0, text: "" }, retention: { maxEntries: 4 } });
  const peer = await world.ours();
  const [
    {
      id,
      at: [epoch],
    } = { id: 0, at: [""] },
  ] = await peer.subscribe(atomItem("a"));
  await block(world, peer, () => value.set({ n: -1, text: "x".repeat(100_000) }));
  for (let n = 1; n <= 10; n++) {
    value.update((draft) => void (draft.n = n));
    await world.settle();
  }
  peer.transport.resume();
  await world.advance(100);
  value.update((draft) => void (draft.n = 11));
  await world.advance(100);
  const frames = peer.take();
  expect(pushed(frames, "sync/gap")).toEqual([[id, id, [epoch, 11], "overtaken"]]);
  expect(snapshotOf(frames)).toMatchObject({ offset: 11, value: { n: 10 } });
  expect(offsets(frames)).toEqual([1, 12]);
});

test("SUB7 a channel's reader that the tail overtook is told a gap, then given what is kept", async () => {
  const world = createWorld();
  const room = createRoom(world, 0, { maxEntries: 4 });
  const peer = await world.ours();
  const [
    {
      id,
      at: [epoch],
    } = { id: 0, at: [""] },
  ] = await peer.subscribe(channelItem("room"));
  await block(world, peer, () => room.publish("said", "x".repeat(100_000)));
  for (let n = 2; n <= 11; n++) {
    room.publish("said", n);
    await world.settle();
  }
  peer.transport.resume();
  await world.advance(100);
  const frames = peer.take();
  expect(pushed(frames, "sync/gap")).toEqual([[id, id, [epoch, 7], "overtaken"]]);
  expect(offsets(frames)).toEqual([1, 8, 9, 10, 11]);
});

/** Fills the peer's socket while it does not read. */
async function block(world: World, peer: RawPeer, fill: () => void): Promise<void> {
  peer.take();
  peer.transport.pause();
  fill();
  await world.settle();
}

test("SUB8 a topic that is deleted ends for its readers and writers, and for those of its views", async () => {
  const world = createWorld({ authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "" }) });
  const docs = atom(world.sync, defineAtom("doc/:id", { initial: { open: 2, secret: 1 } }), {
    view: {
      key: (user) => (user as { id: string }).id === "eve",
      select: ({ open, secret }, masked) => (masked ? { open } : { open, secret }),
    },
  });
  const rooms = channel(world.sync, defineChannel("room/:id"));
  const [ada, eve] = [await world.ours("client-id=a&uid=ada"), await world.ours("client-id=b&uid=eve")];
  const [a] = await ada.subscribe(atomItem("doc/1"));
  const [b] = await eve.subscribe(atomItem("doc/1"));
  const [w] = await ada.subscribe({ ...channelItem("room/1"), read: false });
  expect(a?.id).not.toBe(b?.id);
  docs.delete({ id: "1" });
  rooms.delete({ id: "1" });
  await world.settle();
  expect(pushed(ada.frames, "sync/end")).toEqual([
    [a?.id, "deleted"],
    [w?.id, "deleted"],
  ]);
  expect(pushed(eve.frames, "sync/end")).toEqual([[b?.id, "deleted"]]);
  const [again] = await ada.subscribe(atomItem("doc/1", a?.at));
  expect(again).toMatchObject({ recovered: false });
  expect(again?.id).not.toBe(a?.id);
});

test("SUB9 unsubscribe ends it without a word more; its reply is true", async () => {
  const world = createWorld();
  const room = createRoom(world, 0);
  const peer = await world.ours();
  const [{ id } = { id: 0 }] = await peer.subscribe(channelItem("room"));
  expect(await peer.ask(`[:sync/unsubscribe [${id} 99]]`)).toBe(true);
  peer.take();
  room.publish("said", 1);
  await world.settle();
  expect(peer.take()).toEqual([]);
});

test("SUB10 subscribing again takes the place of what was there: every entry once", async () => {
  const world = createWorld();
  const room = createRoom(world, 3);
  const peer = await world.ours();
  peer.take();
  const answers = await peer.subscribe(channelItem("room", [null, 0]), channelItem("room", [null, 1]));
  expect(answers.map(({ id }) => id)).toEqual([1, 1]);
  expect(offsets(peer.take())).toEqual([2, 3]);
  room.publish("said", 4);
  await world.settle();
  expect(offsets(peer.take())).toEqual([4]);
});

test("SUB11 a position check is answered with the server's own, for what is live, behind all that it counts", async () => {
  const world = createWorld();
  const room = createRoom(world, 3);
  atom(world.sync, "a", { initial: 0 });
  const peer = await world.ours();
  const answers = await peer.subscribe(channelItem("room"), atomItem("a"));
  const [one, two] = answers.map(({ id }) => id);
  room.publish("said", 4);
  await world.settle();
  expect(await peer.ask(`[:sync/position [[${one} 3] [${two} 0] [99 0]]]`)).toEqual([
    [one, 4],
    [two, 0],
  ]);
});

test("SUB12 a wrong kind is refused; a topic of nobody's declaration too", async () => {
  const world = createWorld();
  atom(world.sync, "a", { initial: 1 });
  const peer = await world.ours();
  const answers = await peer.subscribe(channelItem("a"), atomItem("b"), { topic: 1, kind: "atom" }, null, []);
  expect(answers.map(({ error }) => error?.code)).toEqual(["invalid", "not-declared", "invalid", "invalid", "invalid"]);
});

test("SUB13 a subscription for writing is answered at the head, and reads nothing", async () => {
  const world = createWorld();
  const room = createRoom(world, 3);
  const peer = await world.ours();
  const [answer] = await peer.subscribe({ ...channelItem("room", [null, 0]), read: false });
  expect(answer).toMatchObject({ at: [expect.any(String), 3], recovered: true });
  peer.take();
  room.publish("said", 4);
  await world.settle();
  expect(peer.take()).toEqual([]);
});

test("SUB14 readers of a view share a topic per key, and see what it selects", async () => {
  const world = createWorld({ authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "" }) });
  const stock = atom(world.sync, "stock", {
    initial: { price: 1, cost: 1 },
    view: {
      key: (user) => (user as { id: string }).id === "boss",
      select: ({ price, cost }, boss) => {
        if (!boss && price === 13) throw new Error("no price 13");
        return boss ? { price, cost } : { price };
      },
    },
  });
  const [boss, ada, bob] = [
    await world.ours("client-id=a&uid=boss"),
    await world.ours("client-id=b&uid=ada"),
    await world.ours("client-id=c&uid=bob"),
  ];
  const ids: (number | undefined)[] = [];
  for (const peer of [boss, ada, bob]) ids.push((await peer.subscribe(atomItem("stock")))[0]?.id);
  expect([ids[1] === ids[2], ids[0] === ids[1]]).toEqual([true, false]);
  expect([boss, ada].map((peer) => snapshotOf(peer.frames)?.value)).toEqual([{ price: 1, cost: 1 }, { price: 1 }]);
  for (const peer of [boss, ada, bob]) peer.take();
  stock.update((draft) => void (draft.cost = 2));
  await world.settle();
  expect([boss, ada, bob].map((peer) => offsets(peer.take()))).toEqual([[1], [], []]);
  // A select that throws harms only that view, and only for that change.
  stock.update((draft) => void (draft.price = 13));
  await world.settle();
  expect([boss, ada].map((peer) => offsets(peer.take()))).toEqual([[2], []]);
  expect(world.errors.map(({ where }) => where)).toEqual(["stock?view=false"]);
  stock.update((draft) => void (draft.price = 14));
  await world.settle();
  expect([boss, ada].map((peer) => offsets(peer.take()))).toEqual([[3], [1]]);
});

test("SUB15 a server of another packer says the same in its bytes, a snapshot's chunks too", async () => {
  const world = createWorld({ packer: json() });
  const value = atom(world.sync, "a", { initial: { n: 1, long: "y".repeat(60_000) } });
  const client = world.client({ packer: json() });
  const held = holdAtom<{ n: number }>(client, "a");
  const seen: unknown[] = [];
  held.listen((now, { cause }) => void seen.push([cause, now?.n]));
  await world.advance(100);
  value.update((draft) => void (draft.n = 2));
  await world.advance(100);
  expect(seen).toEqual([
    ["snapshot", 1],
    ["entries", 2],
  ]);
});
