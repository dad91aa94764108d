import { defineAtom, defineChannel } from "sente-sync";
import { atom, type Client, channel, type Gap } from "sente-sync/client";
import { atom as serveAtom, channel as serveChannel } from "sente-sync/server";
import { memoryConnector } from "sente-sync/transports/memory";
import { expect, test } from "vitest";
import { createWorld, roomRef, type World } from "../server/world.ts";
import { createLies, type Lies } from "./lying-connector.ts";

const counter = defineAtom("counter", { initial: { n: 0, tags: [] as string[] } });

/** A client whose line can be broken, and who is connected. */
async function connect(world: World, options: Parameters<World["client"]>[0] = {}): Promise<{ client: Client; lies: Lies }> {
  const lies = createLies(options.connector ?? world.connector);
  const client = world.client({ ...options, connector: lies.connector });
  await world.advance(10);
  return { client, lies };
}

/** What readers of the atom were told. */
function watch(client: object): {
  seen: [cause: string, n: number | undefined][];
  held: ReturnType<typeof atom<{ n: number; tags: string[] }>>;
} {
  const held = atom(client, counter);
  const seen: [string, number | undefined][] = [];
  held.listen((value, { cause }) => void seen.push([cause, value?.n]));
  return { seen, held };
}

function listenTo(client: object, options: { from?: "latest" | number } = {}): { offsets: number[]; gaps: Gap[]; stop(): void } {
  const offsets: number[] = [];
  const gaps: Gap[] = [];
  const stop = channel(client, roomRef).subscribe(({ offset }) => void offsets.push(offset), {
    ...options,
    onGap: (gap) => void gaps.push(gap),
  });
  return { offsets, gaps, stop };
}

test("SUB3 across a lost line a reader goes on from its position: no entry twice, none missing, no snapshot", async () => {
  const world = createWorld();
  const live = serveAtom(world.sync, counter);
  const room = serveChannel(world.sync, roomRef);
  const { client, lies } = await connect(world);
  const { seen } = watch(client);
  const { offsets, gaps } = listenTo(client);
  const change = async (): Promise<void> => {
    live.update((draft) => void draft.n++);
    room.publish("said", 1);
    await world.settle();
  };
  await world.advance(10);
  await change();
  await change();
  lies.cut();
  await world.settle();
  await change();
  await change();
  await world.advance(2000);
  await change();
  expect(seen).toEqual([
    ["snapshot", 0],
    ["entries", 1],
    ["entries", 2],
    ["entries", 4],
    ["entries", 5],
  ]);
  expect([offsets, gaps]).toEqual([[1, 2, 3, 4, 5], []]);
});

test("SUB4 after a restart of the server nothing is mistaken for a resume: an atom gets a snapshot, a channel a gap", async () => {
  const world = createWorld();
  let current = world.sync;
  const host = (n: number) => {
    const live = serveAtom(current, counter, { initial: { n, tags: [] } });
    const room = serveChannel(current, roomRef);
    for (let i = 0; i < 3; i++) room.publish("said", i);
    return { live, room };
  };
  host(1);
  const connector = memoryConnector((transport, url) => void current.accept(transport, url), world.env);
  const { client } = await connect(world, { connector });
  const { seen } = watch(client);
  const { offsets, gaps } = listenTo(client, { from: 1 });
  await world.advance(10);
  expect(offsets).toEqual([1, 2, 3]);
  current = createWorld({ env: world.env }).sync;
  const { room } = host(100);
  client.reconnect();
  await world.advance(100);
  room.publish("said", 3);
  await world.advance(10);
  expect(seen).toEqual([
    ["snapshot", 1],
    ["snapshot", 100],
  ]);
  expect([offsets, gaps]).toEqual([[1, 2, 3, 1, 2, 3, 4], [{ from: 0, to: 0 }]]);
});

test("SUB7 a channel's reader that was away too long is told which offsets it missed", async () => {
  const world = createWorld();
  const room = serveChannel(world.sync, roomRef, { retention: { maxEntries: 2 } });
  const { client, lies } = await connect(world);
  const { offsets, gaps } = listenTo(client);
  await world.advance(10);
  room.publish("said", 1);
  await world.settle();
  lies.cut();
  for (let n = 2; n <= 6; n++) room.publish("said", n);
  await world.advance(2000);
  expect([offsets, gaps]).toEqual([[1, 5, 6], [{ from: 2, to: 4 }]]);
});

test("SUB11 entries that got lost in silence are found by the next position check", async () => {
  const world = createWorld();
  const live = serveAtom(world.sync, counter);
  const { client, lies } = await connect(world, { positionMs: 40_000 });
  const { seen } = watch(client);
  await world.advance(10);
  lies.hear = (text) => (text.includes(":sync/entries") ? undefined : text);
  live.update((draft) => void draft.n++);
  await world.settle();
  lies.hear = (text) => text;
  await world.advance(39_000);
  expect(seen).toEqual([["snapshot", 0]]);
  await world.advance(1000);
  expect(seen).toEqual([
    ["snapshot", 0],
    ["entries", 1],
  ]);
});

test("SUB11 a position check that finds nothing changes nothing", async () => {
  const world = createWorld();
  const live = serveAtom(world.sync, counter);
  const { client, lies } = await connect(world, { positionMs: 1000 });
  const { seen } = watch(client);
  await world.advance(10);
  for (let n = 0; n < 5; n++) {
    live.update((draft) => void draft.n++);
    await world.advance(1000);
  }
  expect(seen.map(([, n]) => n)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(lies.said.filter((text) => text.includes(":sync/position")).length).toBe(5);
  expect(lies.said.filter((text) => text.includes(":sync/subscribe")).length).toBe(1);
});

test("SUB11 a hole is seen by the next entry, which is not applied but asked for again with what is missing", async () => {
  const world = createWorld();
  const room = serveChannel(world.sync, roomRef);
  const { client, lies } = await connect(world);
  const { offsets, gaps } = listenTo(client);
  await world.advance(10);
  for (const lost of [2, 3, 5]) {
    room.publish("said", "kept");
    await world.settle();
    lies.hear = (text) => (text.includes(":sync/entries") ? undefined : text);
    room.publish("said", `lost ${lost}`);
    await world.settle();
    lies.hear = (text) => text;
  }
  room.publish("said", "kept");
  await world.advance(10);
  expect([offsets, gaps]).toEqual([[1, 2, 3, 4, 5, 6, 7], []]);
});

test("SUB11 entries that were had before are skipped, and frames that repeat do no harm", async () => {
  const world = createWorld();
  const live = serveAtom(world.sync, counter);
  const { client, lies } = await connect(world);
  const { seen, held } = watch(client);
  await world.advance(10);
  const heard: string[] = [];
  lies.hear = (text) => {
    if (text.includes(":sync/entries")) heard.push(text);
    return text;
  };
  for (let n = 0; n < 3; n++) {
    live.update((draft) => void draft.tags.push(`t${n}`));
    await world.settle();
  }
  for (const text of [...heard].reverse()) lies.lines[0]?.handlers.onFrame(text);
  expect(held.get()?.tags).toEqual(["t0", "t1", "t2"]);
  expect(seen.filter(([cause]) => cause === "snapshot").length).toBe(1);
});

test("SUB6 a value of more than a megabyte, and of more values than a message may have, arrives whole", async () => {
  const world = createWorld();
  const large = Array.from({ length: 150_000 }, (_, n) => n);
  const live = serveAtom(world.sync, "large", { initial: { list: large, text: "x".repeat(600_000) } });
  const { client } = await connect(world);
  const held = atom<{ list: number[]; text: string }>(client, "large");
  const ready = held.ready;
  await world.advance(1000);
  held.keep();
  const same = (): boolean => JSON.stringify(held.get()) === JSON.stringify(live.get());
  expect([(await ready).list.length, same()]).toEqual([150_000, true]);
  live.set({ list: [...large, 1], text: "" });
  await world.advance(1000);
  expect([held.get()?.list.length, same()]).toEqual([150_001, true]);
});

test("SUB6 while a snapshot is on its way the old value stays, in one piece", async () => {
  const world = createWorld();
  const live = serveAtom(world.sync, "large", { initial: "a".repeat(200_000), retention: { maxEntries: 1 } });
  const { client, lies } = await connect(world);
  const held = atom<string>(client, "large");
  const lengths = new Set<string | undefined>();
  held.subscribe((value) => void lengths.add(value && `${value[0]}${value.length}`));
  await world.advance(100);
  lies.cut();
  live.set("b".repeat(100_000));
  await world.settle();
  live.set("c".repeat(300_000));
  let parts = 0;
  lies.hear = (text) => {
    if (text.includes(":sync/snapshot")) parts++;
    return parts === 3 ? undefined : text;
  };
  await world.advance(2000);
  // The third part was lost: what came of the others was no value, and all of it was asked for again.
  expect(parts).toBeGreaterThan(7);
  expect([...lengths]).toEqual([undefined, "a200000", "c300000"]);
});

test("LIMIT13 a snapshot longer than maxSnapshotLength is refused as too-large, and not asked for again on that line", async () => {
  const world = createWorld();
  serveAtom(world.sync, "large", { initial: "x".repeat(200_000) });
  const { client, lies } = await connect(world, { limits: { maxSnapshotLength: 100_000 } });
  const held = atom<string>(client, "large");
  held.keep();
  const error = held.ready.catch((reason: unknown) => reason);
  await world.advance(5000);
  expect(await error).toMatchObject({ code: "too-large" });
  expect(held.status.get()).toBe("refused");
  expect(lies.said.filter((text) => text.includes(":sync/subscribe")).length).toBe(1);
});

test("SUB12 what is refused says why, to whoever waits; the next line asks again", async () => {
  const world = createWorld({ authorize: ({ topic }) => topic !== "secret" || open });
  let open = false;
  serveAtom(world.sync, "secret", { initial: 1 });
  const { client, lies } = await connect(world);
  const [secret, none] = [atom<number>(client, "secret"), atom<number>(client, "none")];
  const errors = [secret, none].map(({ ready }) => ready.catch((reason: { code: string }) => reason.code));
  secret.keep();
  await world.advance(10);
  expect(await Promise.all(errors)).toEqual(["forbidden", "not-declared"]);
  expect([secret.status.get(), secret.error?.code, secret.get()]).toEqual(["refused", "forbidden", undefined]);
  open = true;
  lies.cut();
  await world.advance(2000);
  expect([secret.status.get(), secret.error, secret.get()]).toEqual(["live", undefined, 1]);
});

test("SUB8 what ends is cleared at once, and says why", async () => {
  const world = createWorld({ authenticate: () => ({ id: "ada" }) });
  serveAtom(world.sync, "a", { initial: 1 });
  const docs = serveAtom(world.sync, defineAtom("doc/:id", { initial: 2 }));
  const { client } = await connect(world);
  const [a, doc] = [atom<number>(client, "a"), atom(client, defineAtom("doc/:id", { initial: 2 })({ id: "1" }))];
  const causes: string[] = [];
  for (const held of [a, doc]) held.listen((_, { cause }) => void causes.push(cause));
  await world.advance(10);
  expect([a.get(), doc.get()]).toEqual([1, 2]);
  world.sync.revoke({ user: "ada", topic: "a" });
  docs.delete({ id: "1" });
  await world.advance(10);
  expect([a.get(), a.status.get(), a.error?.code, doc.get(), doc.status.get(), doc.error?.code]).toEqual([
    undefined,
    "refused",
    "forbidden",
    undefined,
    "deleted",
    "deleted",
  ]);
  expect(causes).toEqual(["snapshot", "snapshot", "cleared", "cleared"]);
});

test("SUB16 a topic is subscribed while somebody uses it and for lingerMs after; its value stays", async () => {
  const world = createWorld();
  const live = serveAtom(world.sync, counter);
  const { client, lies } = await connect(world, { lingerMs: 1000 });
  const held = atom(client, counter);
  await world.advance(100);
  expect([lies.said.length, held.status.get()]).toEqual([1, "idle"]);
  const stop = held.listen(() => {});
  await world.advance(10);
  expect(held.status.get()).toBe("live");
  stop();
  stop();
  await world.advance(999);
  // Somebody came back in time.
  const again = held.keep();
  await world.advance(5000);
  expect(lies.said.filter((text) => text.includes(":sync/unsubscribe")).length).toBe(0);
  again();
  await world.advance(1001);
  expect([lies.said.at(-1), held.status.get(), held.get()?.n]).toEqual([expect.stringContaining(":sync/unsubscribe"), "idle", 0]);
  live.update((draft) => void draft.n++);
  await world.advance(10);
  expect(held.get()?.n).toBe(0);
  // The one who comes next has the old value at once, and goes on from there.
  const seen: unknown[] = [];
  held.subscribe((value, change) => void seen.push([value?.n, change?.cause]));
  await world.advance(10);
  expect(seen).toEqual([
    [0, undefined],
    [1, "entries"],
  ]);
  held.close();
  held.close();
  await world.advance(2000);
  expect(held.status.get()).toBe("idle");
});

test("SUB16 all that is asked for in one turn is one message, and two handles of a topic are one subscription", async () => {
  const world = createWorld();
  for (const name of ["a", "b", "c"]) serveAtom(world.sync, name, { initial: 1 });
  const { client, lies } = await connect(world);
  for (const name of ["a", "b", "c", "a"]) atom(client, name).keep();
  await world.advance(10);
  const said = lies.said.filter((text) => text.includes(":sync/subscribe"));
  expect(said.length).toBe(1);
  expect(said[0]?.match(/:topic/g)?.length).toBe(3);
  expect(() => channel(client, "a")).toThrow('"a" is a atom.');
});

test("SUB16 the status of a topic follows the line: loading, live, stale, live", async () => {
  const world = createWorld();
  serveAtom(world.sync, counter);
  const { client, lies } = await connect(world);
  const { held } = watch(client);
  const statuses: string[] = [];
  held.status.subscribe((status) => void statuses.push(status));
  await world.advance(10);
  lies.cut();
  await world.advance(3000);
  expect(statuses).toEqual(["loading", "live", "stale", "live"]);
});

test("SUB17 an entry that breaks a guard is never applied: the value is asked for anew, once; then it is refused", async () => {
  const world = createWorld();
  const live = serveAtom(world.sync, counter);
  const { client, lies } = await connect(world);
  const { seen, held } = watch(client);
  await world.advance(10);
  lies.hear = (text) => text.replace(/(:sync\/entries \[\d+ \d+ ).*/, '$1[[[0 ["tags" 99 "x"] 1]]]]]] nil]');
  live.update((draft) => void draft.n++);
  await world.advance(10);
  expect([held.get(), held.status.get()]).toEqual([{ n: 1, tags: [] }, "live"]);
  live.update((draft) => void draft.n++);
  await world.advance(10);
  expect([held.status.get(), held.error?.code]).toEqual(["refused", "invalid"]);
  expect(seen.filter(([cause]) => cause === "snapshot").length).toBe(2);
  // It does not go on and on.
  live.update((draft) => void draft.n++);
  await world.advance(1000);
  expect(lies.said.filter((text) => text.includes(":sync/subscribe")).length).toBe(2);
});

test("SUB18 a channel's subscriber starts now, or at an offset as far as it is kept, whoever read before", async () => {
  const world = createWorld();
  const room = serveChannel(world.sync, roomRef, { retention: { maxEntries: 5 } });
  for (let n = 1; n <= 8; n++) room.publish("said", n);
  const { client } = await connect(world);
  const now = listenTo(client);
  await world.advance(10);
  room.publish("said", 9);
  await world.advance(10);
  const older = listenTo(client, { from: 7 });
  const oldest = listenTo(client, { from: 1 });
  await world.advance(10);
  room.publish("said", 10);
  await world.advance(10);
  expect([now.offsets, now.gaps]).toEqual([[9, 10], []]);
  expect(older.offsets).toEqual([7, 8, 9, 10]);
  expect([oldest.offsets, oldest.gaps]).toEqual([[5, 6, 7, 8, 9, 10], [{ from: 1, to: 4 }]]);
  now.stop();
  now.stop();
  room.publish("said", 11);
  await world.advance(10);
  expect([now.offsets.at(-1), older.offsets.at(-1)]).toEqual([10, 11]);
});

test("SUB18 the first subscriber may start at an offset, too", async () => {
  const world = createWorld();
  const room = serveChannel(world.sync, roomRef);
  for (let n = 1; n <= 10; n++) room.publish("said", n);
  const { client } = await connect(world);
  const { offsets, gaps } = listenTo(client, { from: 5 });
  await world.advance(10);
  expect([offsets, gaps]).toEqual([[5, 6, 7, 8, 9, 10], []]);
});

test("SUB18 one who asks for the past while another's subscription is under way misses nothing", async () => {
  const world = createWorld();
  const room = serveChannel(world.sync, roomRef);
  for (let n = 1; n <= 3; n++) room.publish("said", n);
  const { client, lies } = await connect(world);
  const now = listenTo(client);
  let release: (() => void) | undefined;
  lies.hear = (text) => {
    if (!text.includes(":recovered")) return text;
    release = () => lies.lines[0]?.handlers.onFrame(text);
    return undefined;
  };
  await world.advance(10);
  const past = listenTo(client, { from: 1 });
  lies.hear = (text) => text;
  release?.();
  await world.advance(10);
  expect([now.offsets.filter((offset) => offset > 3), past.offsets]).toEqual([[], [1, 2, 3]]);
});

test("SUB17 a listener that throws is reported, and keeps nothing from anybody", async () => {
  const world = createWorld();
  const live = serveAtom(world.sync, counter);
  const room = serveChannel(world.sync, roomRef, { retention: { maxEntries: 1 } });
  const { client, lies } = await connect(world);
  const bad = (): never => {
    throw new Error("listener");
  };
  const held = atom(client, counter);
  held.listen(bad);
  held.status.listen(bad);
  channel(client, roomRef).subscribe(bad, { onGap: bad });
  const { seen } = watch(client);
  const { offsets, gaps } = listenTo(client);
  await world.advance(10);
  lies.cut();
  live.update((draft) => void draft.n++);
  for (let n = 1; n <= 3; n++) room.publish("said", n);
  await world.advance(2000);
  expect(seen).toEqual([
    ["snapshot", 0],
    ["entries", 1],
  ]);
  expect([offsets, gaps]).toEqual([[3], [{ from: 1, to: 2 }]]);
  expect(world.errors.every(({ error }) => (error as Error).message === "listener")).toBe(true);
  expect(world.errors.length).toBeGreaterThanOrEqual(4);
});

test("SUB19 what a server rendered is there at once, and goes on from its position", async () => {
  const world = createWorld({ authorize: ({ topic }) => topic !== "secret" });
  const live = serveAtom(world.sync, counter);
  serveAtom(world.sync, "secret", { initial: 1 });
  live.update((draft) => void (draft.n = 7));
  // What this turn updated is rendered, too.
  const rendering = world.sync.dehydrate({ topics: ["counter"] });
  const refused = world.sync.dehydrate({ topics: ["secret"] }).catch((error: { code: string }) => error.code);
  await world.settle();
  const hydrate = (await rendering) as string;
  expect(await refused).toBe("forbidden");
  const { client, lies } = await connect(world, { hydrate });
  expect(atom(client, counter).get()?.n).toBe(7);
  const { seen } = watch(client);
  await world.advance(10);
  live.update((draft) => void draft.n++);
  await world.advance(10);
  expect(seen).toEqual([["entries", 8]]);
  expect(lies.said.join()).toMatch(/:topic "counter" :kind "atom" :since \["[0-9a-f]{12}" 1\]/);
});

test("SUB16 what a change did not touch stays the same object, and a definition of channels is only a name", async () => {
  const world = createWorld();
  const live = serveAtom(world.sync, counter);
  const { client } = await connect(world);
  const { held } = watch(client);
  await world.advance(10);
  const before = held.get();
  live.update((draft) => void draft.n++);
  await world.advance(10);
  expect(held.get()).not.toBe(before);
  expect(held.get()?.tags).toBe(before?.tags);
  expect(channel(client, defineChannel("room/:id")({ id: "a/b" })).topic).toBe("room/a%2Fb");
});

test("HAND5 a plain Sente server has no topics: reading and writing them is refused, and may work on the next line", async () => {
  const world = createWorld();
  serveAtom(world.sync, counter);
  serveChannel(world.sync, roomRef);
  const lies = createLies(world.connector);
  lies.hear = (text) => text.replace(" {:v 1}]] nil]", "]] nil]");
  const client = world.client({ connector: lies.connector });
  const held = atom(client, counter);
  const early = held.ready.catch((error: { code: string }) => error.code);
  held.keep();
  await world.advance(10);
  const late = channel(client, roomRef);
  const receipt = late.publish("said", 1).stored.catch((error: { code: string }) => error.code);
  await world.advance(10);
  expect([await early, await receipt, held.status.get(), client.status.get().name]).toEqual([
    "feature-not-supported",
    "feature-not-supported",
    "refused",
    "connected",
  ]);
  expect(lies.said).toEqual([]);
  lies.hear = (text) => text;
  client.reconnect();
  await world.advance(100);
  expect([held.status.get(), held.get()?.n]).toEqual(["live", 0]);
});
