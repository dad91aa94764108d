import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { defineChannel, type } from "sente-sync";
import { edn } from "sente-sync/packers/edn";
import { atom, channel, createServer } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import type { Frame, Transport, TransportHandlers } from "../../src/transport/transport.ts";
import { websocket } from "../../src/transport/websocket.ts";
import type { Splice } from "../../src/wire/packer.ts";
import { createWorld, pushed, type RawPeer, roomRef, text, type World } from "./world.ts";

const item = { topic: "room", kind: "channel", since: null };

/** Values that were packed, by a packer that tells. */
function watchedPacker() {
  const packer = edn();
  const packed: unknown[] = [];
  const pack = (value: unknown) => {
    packed.push(value);
    return packer.pack(value);
  };
  return { packed, packer: { ...packer, pack, splice: { ...packer.splice, pack } as Splice } };
}

async function readers(world: World, count: number): Promise<RawPeer[]> {
  const peers: RawPeer[] = [];
  for (let n = 0; n < count; n++) {
    const peer = await world.ours(`client-id=c${n}`);
    await peer.subscribe(item);
    peer.take();
    peers.push(peer);
  }
  return peers;
}

test("DELIVER1 an entry is encoded once per wire format, however many read it", async () => {
  const watched = watchedPacker();
  const world = createWorld({ packer: { ...watched.packer, format: "edn/2" } });
  const room = channel(world.sync, roomRef);
  const peers = await readers(world, 20);
  watched.packed.length = 0;
  for (let n = 0; n < 5; n++) room.publish("said", n);
  await world.settle();
  // The ids and numbers of the frame around them are packed, too.
  expect(watched.packed.filter(Array.isArray)).toEqual([0, 1, 2, 3, 4].map((n) => ["said", n, null]));
  for (const peer of peers)
    expect(pushed(peer.take(), "sync/entries")).toEqual([[1, 1, [0, 1, 2, 3, 4].map((n) => ["said", n, null])]]);
});

test("DELIVER1 in the format that entries are kept in, not even that", async () => {
  const watched = watchedPacker();
  const world = createWorld({ packer: watched.packer });
  const room = channel(world.sync, roomRef);
  await readers(world, 20);
  watched.packed.length = 0;
  room.publish("said", "once");
  await world.settle();
  expect(watched.packed.filter(Array.isArray)).toEqual([]);
});

test("DELIVER2 readers at the same place are sent the very same frame", async () => {
  const frames: unknown[] = [];
  const world = createWorld();
  const room = channel(world.sync, roomRef);
  const peers = await readers(world, 10);
  for (const { transport } of peers) {
    const far = (transport as unknown as { peer: { send(frame: unknown): boolean } }).peer;
    const send = far.send.bind(far);
    far.send = (frame) => {
      frames.push(frame);
      return send(frame);
    };
  }
  room.publish("said", 1);
  room.publish("said", 2);
  await world.settle();
  expect(frames.length).toBe(10);
  expect(new Set(frames).size).toBe(1);
});

test("DELIVER3 what happens in one turn costs each socket one write", async () => {
  const http = createHttpServer();
  const writes = new Map<Duplex, number>();
  http.on("upgrade", (_, socket: Duplex) => {
    // What reaches the system: one call however many pieces were corked.
    for (const name of ["_write", "_writev"] as const) {
      const original = socket[name] as (...args: unknown[]) => void;
      socket[name] = (...args: unknown[]) => {
        writes.set(socket, (writes.get(socket) ?? 0) + 1);
        original.apply(socket, args);
      };
    }
  });
  const sync = createServer({ authenticate: () => ({ id: "ada" }), onError: () => {} });
  const room = channel(sync, roomRef);
  const values = [atom(sync, "a", { initial: 0 }), atom(sync, "b", { initial: 0 })];
  sync.on("app/go", () => {
    for (let n = 0; n < 100; n++) room.publish("said", n);
    for (const value of values) value.set(1);
    sync.send("ada", "app/pushed", 1);
    return "ok";
  });
  sync.attach(http);
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  const sockets = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/chsk?client-id=a&sync=1`);
      const heard: string[] = [];
      socket.on("message", (data) => heard.push(String(data)));
      await once(socket, "open");
      socket.send(`[[:sync/subscribe ${text([item, { topic: "a", kind: "atom" }, { topic: "b", kind: "atom" }])}] "s"]`);
      return { socket, heard };
    }),
  );
  onTestFinished(async () => {
    for (const { socket } of sockets) socket.terminate();
    await sync.close();
    http.close();
  });
  // Handshake, answer, two snapshots.
  await expect.poll(() => sockets.every(({ heard }) => heard.length === 4)).toBe(true);
  writes.clear();
  sockets[0]?.socket.send('[[:app/go] "r"]');
  await expect.poll(() => sockets.every(({ heard }) => heard.length >= 8)).toBe(true);
  expect([...writes.values()]).toEqual([1, 1, 1, 1, 1]);
  expect(sockets[0]?.heard.slice(4).map((frame) => /:[a-z]+\/[a-z]+|"ok"/.exec(frame)?.[0])).toEqual([
    ":sync/entries",
    ":sync/entries",
    ":sync/entries",
    '"ok"',
    ":app/pushed",
  ]);
});

test("DELIVER4 a full socket keeps its cursor waiting and nothing else: others have everything, what it holds is bounded", async () => {
  const world = createWorld();
  const room = channel(world.sync, roomRef, { retention: { maxBytes: 256 * 1024 } });
  const [slow, fast] = (await readers(world, 2)) as [RawPeer, RawPeer];
  slow.transport.pause();
  const far = (slow.transport as unknown as { peer: { bufferedBytes: number } }).peer;
  let most = 0;
  for (let n = 1; n <= 300; n++) {
    room.publish("said", "x".repeat(10_000));
    await world.settle();
    most = Math.max(most, far.bufferedBytes);
  }
  expect(pushed(fast.take(), "sync/entries").length).toBe(300);
  // 64 KiB until it is full, and at most one flush of 64 KiB, and an entry more.
  expect(most).toBeLessThan(2 * 65_536 + 20_000);
  slow.transport.resume();
  await world.advance(1000);
  const frames = slow.take();
  expect(pushed(frames, "sync/gap").length).toBe(1);
  const lasts = (pushed(frames, "sync/entries") as [number, number, unknown[]][]).map(
    ([, first, entries]) => first + entries.length - 1,
  );
  expect(lasts.at(-1)).toBe(300);
});

test("DELIVER5 a flush gives one connection 64 KiB of entries, topic by topic; the rest follows in the next turn", async () => {
  const world = createWorld();
  const names = ["large", "small"];
  const [large, small] = names.map((name) => channel(world.sync, defineChannel(name, { events: { said: type<string>() } })));
  const peer = await world.ours();
  await peer.subscribe(...names.map((topic) => ({ ...item, topic })));
  peer.take();
  for (let n = 0; n < 10; n++) large?.publish("said", "x".repeat(60_000));
  small?.publish("said", "y");
  await world.advance(100);
  const topics = (pushed(peer.take(), "sync/entries") as [number][]).map(([id]) => id);
  expect(topics.length).toBe(11);
  expect(topics.indexOf(2)).toBeLessThan(4);
});

test("REPLY2 a reply waits for its effect also where the reader is blocked, and where a snapshot brings it", async () => {
  const world = createWorld();
  const value = atom(world.sync, "a", { initial: { n: 0, text: "" }, retention: { maxEntries: 2 } });
  world.sync.on("app/set", ({ data }) => {
    value.update((draft) => {
      draft.n = data as number;
      draft.text = `${data}`.repeat(100_000);
    });
    return "set";
  });
  const peer = await world.ours();
  await peer.subscribe({ topic: "a", kind: "atom" });
  peer.take();
  peer.transport.pause();
  for (let n = 1; n <= 6; n++) await peer.say(`[[:app/set ${n}] "r${n}"]`);
  peer.transport.resume();
  await world.advance(1000);
  // The value as the peer has it when each reply comes.
  const frames = peer.take();
  const shown: [string, number][] = [];
  let offset = 0;
  for (const frame of frames) {
    const reply = /^\["set" "(r\d)"\]$/.exec(frame)?.[1];
    if (reply) shown.push([reply, offset]);
    for (const [, first] of pushed([frame], "sync/entries") as [number, number][]) offset = first;
    for (const [, at, , last] of pushed([frame], "sync/snapshot") as [number, number, number, boolean][])
      offset = last ? at : offset;
  }
  expect(shown.map(([reply]) => reply)).toEqual(["r1", "r2", "r3", "r4", "r5", "r6"]);
  for (const [reply, at] of shown) expect(at).toBeGreaterThanOrEqual(Number(reply.slice(1)));
  expect(pushed(frames, "sync/gap").length).toBe(1);
});

test("REPLY2 a reply waits for a snapshot that has its effect, also where that takes several flushes", async () => {
  const world = createWorld();
  const value = atom(world.sync, "a", { initial: { n: 0, text: "x".repeat(200_000) }, retention: { maxEntries: 1 } });
  world.sync.on("app/set", ({ data }) => value.update((draft) => void (draft.n = data as number)));
  // It takes everything at once, but says that it is full when it is told to.
  const said: string[] = [];
  let room = true;
  const transport = {
    name: "stub",
    bufferedBytes: 0,
    handlers: undefined as unknown as TransportHandlers,
    send: ({ data }: Frame) => said.push(String(data)) > 0 && room,
    cork() {},
    uncork: () => room,
    pause() {},
    resume() {},
    close() {},
    terminate() {},
  } satisfies Transport;
  await world.sync.accept(transport, "/chsk?client-id=a&sync=1");
  const hear = async (text: string): Promise<void> => {
    transport.handlers.onFrame(text);
    await world.settle();
  };
  await hear(`[[:sync/subscribe ${text([{ topic: "a", kind: "atom" }])}] "s"]`);
  room = false;
  await hear('[[:app/set 1] "r1"]');
  await hear('[[:app/set 2] "r2"]');
  await hear('[[:app/set 3] "r3"]');
  said.length = 0;
  room = true;
  transport.handlers.onDrain?.();
  await world.settle();
  const kinds = said.map((frame) => /:sync\/gap|:sync\/snapshot|"r\d"/.exec(frame)?.[0]);
  expect(kinds).toEqual([":sync/gap", ...Array<string>(5).fill(":sync/snapshot"), '"r1"', '"r2"', '"r3"']);
});

test("DELIVER6 fifty clients over real sockets see every event once and in order, in fewer frames than events", async () => {
  const sync = createServer({ onError: () => {} });
  onTestFinished(() => sync.close());
  const room = channel(sync, roomRef);
  const port = await sync.listen(0, { host: "127.0.0.1" });
  let frames = 0;
  const seen: unknown[][] = await Promise.all(
    Array.from(
      { length: 50 },
      () =>
        new Promise<unknown[]>((resolve, reject) => {
          websocket().open(`ws://127.0.0.1:${port}/chsk?client-id=a&sync=1`, {
            onFail: reject,
            onOpen(transport) {
              onTestFinished(() => transport.terminate());
              const offsets: number[] = [];
              transport.handlers = {
                onFrame(data) {
                  const entries = pushed([data as string], "sync/entries") as [number, number, unknown[]][];
                  frames += entries.length;
                  for (const [, first, each] of entries) offsets.push(...each.map((_, index) => first + index));
                  if ((data as string).endsWith('"s"]')) resolve(offsets);
                },
                onClose: () => {},
              };
              transport.send({ data: `[[:sync/subscribe ${text([item])}] "s"]`, text: true });
            },
          });
        }),
    ),
  );
  for (let n = 0; n < 40; n++) for (let m = 0; m < 25; m++) room.publish("said", n);
  await expect.poll(() => seen.every((offsets) => offsets.length === 1000)).toBe(true);
  const expected = Array.from({ length: 1000 }, (_, index) => index + 1);
  for (const offsets of seen) expect(offsets).toEqual(expected);
  expect(frames).toBeLessThan(1000);
});
