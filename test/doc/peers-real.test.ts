/** The real providers of y-websocket and Hocuspocus beside a client of ours, over real WebSockets. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HocuspocusProvider, HocuspocusProviderWebsocket } from "@hocuspocus/provider";
import { createClient } from "sente-sync/client";
import { doc as clientDoc } from "sente-sync/doc";
import { yjsPeers } from "sente-sync/doc/peers";
import { doc, type ServerDocOptions } from "sente-sync/doc/server";
import { createServer, type Server, type ServerOptions } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import { expect, onTestFinished, test, vi } from "vitest";
import WebSocket from "ws";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { addressed, addressOf } from "../../src/kind/doc/peer-messages.ts";
import { notes } from "./world.ts";

type Notes = ServerDocOptions<{ readonly id: string }>;

const soon = { timeout: 40_000, interval: 20 };

async function serve(options: ServerOptions = {}, documents: Notes = {}) {
  const listen = async (port: number) => {
    const sync = createServer({ onError: () => {}, ...options }) as Server;
    const family = doc(sync, notes, documents);
    yjsPeers(sync);
    return { sync, family, port: await sync.listen(port, { host: "127.0.0.1" }) };
  };
  let running = await listen(0);
  const { port } = running;
  onTestFinished(() => running.sync.close());
  return {
    port,
    get sync() {
      return running.sync;
    },
    get family() {
      return running.family;
    },
    async stop() {
      await running.sync.close();
    },
    async start() {
      running = await listen(port);
    },
  };
}

function yWebsocket(port: number, params: Record<string, string> = {}): WebsocketProvider {
  const provider = new WebsocketProvider(`ws://127.0.0.1:${port}/yjs`, "notes/1", new Y.Doc(), {
    WebSocketPolyfill: WebSocket as never,
    disableBc: true,
    maxBackoffTime: 200,
    params,
  });
  onTestFinished(() => {
    provider.destroy();
    provider.awareness.destroy();
  });
  return provider;
}

function hocuspocus(port: number, token = "", name = "notes/1"): HocuspocusProvider {
  const websocketProvider = new HocuspocusProviderWebsocket({
    url: `ws://127.0.0.1:${port}/hocuspocus`,
    WebSocketPolyfill: WebSocket,
    delay: 50,
    minDelay: 20,
    maxDelay: 200,
  });
  const provider = new HocuspocusProvider({ websocketProvider, name, token, document: new Y.Doc() });
  provider.attach();
  onTestFinished(() => {
    provider.destroy();
    websocketProvider.destroy();
  });
  return provider;
}

function ours(port: number, query = "") {
  const client = createClient(`ws://127.0.0.1:${port}/chsk${query}`, { reconnect: { maxDelayMs: 100 }, onError: () => {} });
  onTestFinished(() => client.close());
  return clientDoc(client, notes({ id: "1" }));
}

const textOf = (document: Y.Doc): string => document.getText("text").toString();
const byText = (one: string, other: string): number => (one < other ? -1 : 1);
const structsOf = (document: Y.Doc): unknown => [...Y.decodeStateVector(Y.encodeStateVector(document))].sort(([a], [b]) => a - b);

test("YPEER1, YPEER6 y-websocket, Hocuspocus and our client edit one document through a restart of the server, and end equal", async () => {
  const path = await mkdtemp(join(tmpdir(), "sente-sync-peers-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  const server = await serve({ storage: folder(path) });
  const note = ours(server.port);
  const yjs = yWebsocket(server.port);
  const hocus = hocuspocus(server.port);
  await note.ready;
  await vi.waitFor(() => expect([yjs.synced, hocus.synced]).toEqual([true, true]), soon);
  const all = (): Y.Doc[] => [note.doc, yjs.doc, hocus.document];
  note.doc.getText("text").insert(0, "ours ");
  yjs.doc.getText("text").insert(0, "yjs ");
  hocus.document.getText("text").insert(0, "hocus ");
  await vi.waitFor(() => {
    expect(textOf(note.doc)).toHaveLength(15);
    expect(new Set(all().map(textOf)).size).toBe(1);
    expect(hocus.unsyncedChanges).toBe(0);
  }, soon);
  await server.stop();
  // Anonymous, offline, and again under the client ids that they had.
  note.doc.getText("text").insert(0, "1");
  yjs.doc.getText("text").insert(0, "2");
  hocus.document.getText("text").insert(0, "3");
  yjs.doc.getText("text").delete(3, 2);
  await server.start();
  await vi.waitFor(() => {
    expect(new Set(all().map(textOf)).size).toBe(1);
    expect(hocus.unsyncedChanges).toBe(0);
    expect(yjs.synced).toBe(true);
    for (const digit of "123") expect(textOf(hocus.document)).toContain(digit);
  }, soon);
  await note.receipt.stored;
  yjs.doc.getText("text").insert(0, "last ");
  const served = await server.family.open({ id: "1" });
  await vi.waitFor(() => {
    expect(served.read(textOf)).toMatch(/^last /);
    for (const document of all()) expect(textOf(document)).toBe(served.read(textOf));
  }, soon);
  const vectors = [...all().map(structsOf), served.read(structsOf)];
  for (const vector of vectors) expect(vector).toEqual(vectors[0]);
  for (const { store } of all()) expect([store.pendingStructs, store.pendingDs]).toEqual([null, null]);
});

test("YPEER11, YPEER12 what each shows of itself the others see, and nothing of who is gone", async () => {
  const server = await serve();
  const note = ours(server.port);
  const yjs = yWebsocket(server.port);
  const hocus = hocuspocus(server.port);
  note.awareness.setLocalStateField("user", "ours");
  yjs.awareness.setLocalStateField("user", "yjs");
  hocus.awareness?.setLocalStateField("user", "hocus");
  const usersOf = (awareness: { getStates(): Map<number, unknown> } | null | undefined): unknown[] =>
    [...(awareness?.getStates().values() ?? [])].map((state) => String((state as { user?: unknown }).user)).sort(byText);
  await vi.waitFor(() => {
    for (const each of [note.awareness, yjs.awareness, hocus.awareness]) expect(usersOf(each)).toEqual(["hocus", "ours", "yjs"]);
  }, soon);
  yjs.destroy();
  await vi.waitFor(() => {
    for (const each of [note.awareness, hocus.awareness]) expect(usersOf(each)).toEqual(["hocus", "ours"]);
  }, soon);
});

test("YPEER1, YPEER2 a page of another origin is refused at both doors, and a stranger at that of y-websocket", async () => {
  const server = await serve({ authenticate: () => null });
  const status = (path: string, origin?: string): Promise<unknown> =>
    new Promise((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, origin === undefined ? {} : { origin });
      socket.on("open", () => resolve("open"));
      socket.on("unexpected-response", (_request, response) => resolve(response.statusCode));
      socket.on("error", () => {});
      onTestFinished(() => socket.terminate());
    });
  const evil = "https://evil.example";
  expect(await Promise.all([status("/yjs/notes/1", evil), status("/hocuspocus", evil)])).toEqual([403, 403]);
  expect(await Promise.all([status("/yjs/notes/1"), status("/hocuspocus"), status("/yjs")])).toEqual([401, "open", 404]);
});

test("YPEER4 one socket may try some tokens in vain, and no more", async () => {
  let refused = 0;
  const server = await serve({ authenticate: () => null });
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/hocuspocus`);
  const next = (): void => socket.send(addressed(addressOf("notes/1"), Uint8Array.of(2, 0, 1, 65 + refused)));
  socket.on("open", next);
  socket.on("message", () => {
    refused++;
    setImmediate(next);
  });
  const [code] = (await once(socket, "close")) as [number];
  expect([code, refused]).toEqual([4401, 8]);
});

const people: ServerOptions["authenticate"] = ({ url }) => {
  const id = url.searchParams.get("token") ?? url.searchParams.get("user");
  return id ? { id, name: id } : null;
};

test("YPEER2, YPEER8, YPEER14 the same users, and who may only read writes nothing, in the first step either", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  onTestFinished(() => warn.mockRestore());
  const refused: string[] = [];
  const documents: Notes = {
    authorize: ({ user, action }) => user.id !== "nobody" && (action !== "write" || user.id === "ada"),
    seed: (empty) => empty.getText("text").insert(0, "seed"),
  };
  const server = await serve({ authenticate: people }, documents);
  const reader = new Y.Doc();
  reader.getText("text").insert(0, "offline ");
  const yjs = new WebsocketProvider(`ws://127.0.0.1:${server.port}/yjs`, "notes/1", reader, {
    WebSocketPolyfill: WebSocket as never,
    disableBc: true,
    params: { token: "reader" },
  });
  onTestFinished(() => yjs.destroy());
  const hocus = hocuspocus(server.port, "reader");
  const writer = hocuspocus(server.port, "ada");
  await vi.waitFor(
    () => expect([yjs.synced, hocus.authorizedScope, writer.authorizedScope]).toEqual([true, "readonly", "read-write"]),
    soon,
  );
  hocus.document.getText("text").insert(0, "mine ");
  writer.document.getText("text").insert(4, " grows");
  await vi.waitFor(() => expect(textOf(hocus.document)).toContain("grows"), soon);
  expect(hocus.unsyncedChanges).toBeGreaterThan(0);
  expect(writer.unsyncedChanges).toBe(0);
  const served = await server.family.open({ id: "1" });
  expect(served.read(textOf)).toBe("seed grows");

  const nobody = hocuspocus(server.port, "nobody");
  const stranger = hocuspocus(server.port);
  for (const each of [nobody, stranger])
    each.on("authenticationFailed", ({ reason }: { reason: string }) => refused.push(reason));
  await vi.waitFor(() => expect(refused).toEqual(expect.arrayContaining(["forbidden", "Unauthorized request"])), soon);
  const denied = yWebsocket(server.port, { token: "nobody" });
  await vi.waitFor(() => expect(denied.shouldConnect).toBe(false), soon);
  expect(warn.mock.calls.flat().join()).toContain("forbidden");
  expect(denied.synced).toBe(false);
});
