/** What the server sends to a user by way of the inbox: plain Sente peers are pushed it, clients of ours have it once, over cuts and restarts. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineEvents, type } from "sente-sync";
import { createClient, inbox, relay } from "sente-sync/client";
import { createServer, type InboxOptions, inbox as serveInbox } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import { memoryConnector } from "sente-sync/transports/memory";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { rawSessions } from "../conformance/recordings.ts";
import { openTcpProxy } from "../support/tcp-proxy.ts";
import { createWorld, pushed } from "./world.ts";

const events = defineEvents({
  "test/pushed": { data: type<number>(), inbox: true },
  "test/ticked": { data: type<number>() },
});
const authenticate = ({ url }: { readonly url: URL }) => ({ id: url.searchParams.get("uid") ?? "nobody" });

/** How Sente's own server wrote that push, as recorded. */
const recorded = (n: number): string => {
  const text = `[[[:test/pushed ${n}]] nil]`;
  const frames = rawSessions().flatMap(({ steps }) => steps.map((step) => (step.type === "frame" ? step.text : "")));
  expect(frames).toContain(text);
  return text;
};
const code = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

test("INBOX15, INBOX16 over real sockets, a cut and a restart: a plain Sente peer is pushed what it was there for, ours have each once", async () => {
  const path = await mkdtemp(join(tmpdir(), "inbox-push-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  const begin = async (at: number) => {
    const sync = createServer({ events, authenticate, storage: folder(path), onError: () => {} });
    serveInbox(sync);
    return { sync, port: await sync.listen(at, { host: "127.0.0.1" }) };
  };
  let { sync, port } = await begin(0);
  onTestFinished(() => sync.close());
  const proxy = await openTcpProxy(port);
  onTestFinished(() => proxy.close());

  const plainFrames: string[] = [];
  const plain = async (): Promise<void> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chsk?client-id=plain&uid=ada`);
    socket.on("message", (data) => void plainFrames.push(String(data)));
    onTestFinished(() => socket.terminate());
    await once(socket, "message");
  };
  const follow = (uid: string, at: number) => {
    const client = createClient(`ws://127.0.0.1:${at}/chsk?uid=${uid}`, { events });
    onTestFinished(() => client.close());
    const heard: unknown[] = [];
    inbox(client).on("test/pushed", ({ data, from }) => void heard.push([data, from]));
    return { client, heard };
  };
  await plain();
  const [ours, tab] = [follow("ada", proxy.port), follow("ada", port)];
  await expect.poll(() => [ours, tab].map(({ client }) => client.status.get().name)).toEqual(["connected", "connected"]);

  sync.send("ada", "test/pushed", 0);
  await expect.poll(() => [ours.heard.length, tab.heard.length, plainFrames.length]).toEqual([1, 1, 2]);
  // Nobody of bob is there, or ever was.
  sync.send("bob", "test/pushed", 1);
  proxy.refuse(true);
  proxy.cut();
  sync.send("ada", "test/pushed", 1);
  await expect.poll(() => [tab.heard.length, plainFrames.length]).toEqual([2, 3]);
  expect(ours.heard.length).toBe(1);
  await sync.close();
  ({ sync, port } = await begin(port));
  proxy.refuse(false);
  await plain();
  const bob = follow("bob", port);
  sync.send("ada", "test/pushed", 0);
  const each = [0, 1, 0].map((n) => [n, null]);
  await expect.poll(() => [ours.heard, tab.heard], { timeout: 30_000 }).toEqual([each, each]);
  await expect.poll(() => bob.heard, { timeout: 30_000 }).toEqual([[1, null]]);
  await expect.poll(() => plainFrames.filter((text) => !text.includes("handshake"))).toEqual([0, 1, 0].map(recorded));
});

const mailed = (options: InboxOptions = {}) => {
  const world = createWorld({ events, authenticate });
  return { world, mail: serveInbox(world.sync, options) };
};

test("INBOX15 events that are not declared so stay pushes: nothing of them is stored, and no inbox is opened", async () => {
  const { world, mail } = mailed();
  const ours = await world.ours("client-id=a&uid=ada");
  world.sync.send("ada", "test/ticked", 1);
  world.sync.broadcast("test/ticked", 2);
  await world.settle();
  expect([pushed(ours.frames, "test/ticked"), mail.counters.stored, world.sync.stats().topics]).toEqual([[1, 2], 0, 0]);
  world.sync.send("ada", "test/pushed", 3);
  await world.settle();
  expect([pushed(ours.frames, "test/pushed"), mail.counters.stored]).toEqual([[], 1]);
});

test("INBOX15 without inbox(sync), and to everybody, such an event is refused as invalid", async () => {
  const { sync } = createWorld({ events });
  expect([code(() => sync.send("ada", "test/pushed", 1)), code(() => sync.broadcast("test/pushed", 1))]).toEqual([
    "invalid",
    "invalid",
  ]);
  serveInbox(sync);
  expect([code(() => sync.send("ada", "test/pushed", 1)), code(() => sync.broadcast("test/pushed", 1))]).toEqual([
    undefined,
    "invalid",
  ]);
});

test("INBOX15 what was sent waits as every message does: by number and by age", async () => {
  const { world, mail } = mailed({ retention: { maxEntries: 2, maxAgeMs: 1000 } });
  for (const n of [1, 2, 3]) world.sync.send("ada", "test/pushed", n);
  await world.advance(10);
  expect(mail.counters).toEqual({ stored: 3, missed: 1, pushed: 0 });
  await world.advance(1000);
  world.sync.send("ada", "test/pushed", 4);
  await world.advance(10);
  expect(mail.counters).toEqual({ stored: 4, missed: 3, pushed: 0 });
});

test("INBOX16 a handler is told the messages of its event alone, from the first unread one on, whoever sent them; in order, until it leaves", async () => {
  const world = createWorld({ events, authenticate: () => ({ id: "ada" }) });
  serveInbox(world.sync);
  const user = { id: "ada" };
  const connector = memoryConnector((transport, url) => void world.sync.accept(transport, url, user), world.env);
  const client = world.client({ connector });
  await world.advance(10);
  const own = inbox(client);
  world.sync.send("ada", "test/pushed", 1);
  await world.advance(10);
  own.keep();
  await world.advance(10);
  own.markRead();
  const [all, late]: unknown[][] = [[], []];
  const leave = own.on("test/pushed", ({ data, from }) => void all?.push([data, from?.user]));
  own.on("test/pushed", ({ data }) => void late?.push(data), { from: "latest" });
  world.sync.send("ada", "test/pushed", 2);
  relay(client).send({ user: "ada" }, "test/other", 3);
  relay(client).send({ user: "ada" }, "test/pushed", 4);
  await world.advance(10);
  leave();
  world.sync.send("ada", "test/pushed", 5);
  await world.advance(10);
  expect([all, late]).toEqual([
    [
      [2, undefined],
      [4, "ada"],
    ],
    [2, 4, 5],
  ]);
});
