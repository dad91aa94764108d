/** Our client against a scripted server that says what Sente's server said, word for word, and expects what Sente's client said. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { isSyncError } from "sente-sync";
import { createClient, senteState } from "sente-sync/client";
import { expect, onTestFinished, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { realEnv } from "../../src/core/env.ts";
import type { Keyword } from "../../src/core/values.ts";
import { codingOf } from "./codings.ts";
import { exchange } from "./recordings.ts";

/** Recorded client options, and timers that run ten times faster. */
const keepaliveMs: Record<string, number> = { "cljs-ws-client-ping": 200 };

interface Queue<T> {
  push(item: T): void;
  next(): Promise<T>;
  readonly length: number;
}

function createQueue<T>(): Queue<T> {
  const items: T[] = [];
  let wake = (): void => {};
  return {
    push(item) {
      items.push(item);
      wake();
    },
    async next() {
      while (!items.length) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return items.shift() as T;
    },
    get length() {
      return items.length;
    },
  };
}

/** Plays the server's part; returns what the client's application heard. */
async function play(name: string): Promise<{ pushed: unknown[]; pings: number; paths: URL[]; reasons: unknown[] }> {
  const { steps, packer } = exchange(name);
  const { read, write, packer: own } = codingOf(packer);
  const said = (step: { readonly text: string; readonly bytes?: Uint8Array }): string | Uint8Array => step.bytes ?? step.text;
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const connections = createQueue<[WebSocket, IncomingMessage]>();
  const frames = createQueue<string | Uint8Array>();
  server.on("connection", (socket, request) => {
    connections.push([socket, request]);
    socket.on("message", (data, isBinary) => frames.push(isBinary ? (data as Buffer) : String(data)));
  });

  const first = steps.find((step) => step.type === "open")?.path ?? "";
  const { searchParams } = new URL(first, "ws://x");
  searchParams.delete("client-id");
  const client = createClient(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/chsk?${searchParams}`, {
    packer: own,
    reconnect: { keepaliveMs: keepaliveMs[name] ?? 20_000 },
    // The first retry comes at once, as Sente's does.
    env: { ...realEnv, random: () => 0 },
    onError: () => {},
  });
  onTestFinished(() => client.close());
  const state = senteState(client);
  const heard = { pushed: [] as unknown[], pings: 0, paths: [] as URL[], reasons: [] as unknown[] };
  client.on("test/pushed", ({ data }) => heard.pushed.push(data));
  client.on("chsk/ws-ping", () => heard.pings++);
  client.on("disconnect", ({ reason }) => heard.reasons.push(reason));

  let socket: WebSocket | undefined;
  /** Recorded callback ids, and what became of the requests. */
  const ids = new Map<unknown, string>();
  const replies = new Map<unknown, Promise<unknown>>();

  for (const [index, step] of steps.entries()) {
    if (step.type === "open") {
      const [accepted, request] = await connections.next();
      socket = accepted;
      heard.paths.push(new URL(request.url ?? "", "ws://x"));
      expect(state.get().open).toBe(false);
    } else if (step.type === "close") {
      const closed = once(socket as WebSocket, "close");
      if (step.from === "server") socket?.close(step.code);
      else if (index === steps.length - 1) client.disconnect();
      else client.reconnect();
      await closed;
    } else if (step.from === "server") {
      const [value, callback] = read(said(step)) as [unknown, unknown];
      socket?.send(callback === null ? said(step) : write([value, ids.get(callback)]));
      if (replies.has(callback)) expect(await replies.get(callback)).toStrictEqual(value);
      if (Array.isArray(value) && String(value[0]) === ":chsk/handshake") {
        await expect.poll(() => client.status.get().name, { interval: 1 }).toBe("connected");
        const [uid, , handshakeData] = value[1] as unknown[];
        expect(state.get()).toMatchObject({ type: "ws", open: true, everOpened: true, uid, handshakeData });
      }
    } else {
      const [event, callback] = read(said(step)) as [unknown[], string | null];
      const id = (event[0] as Keyword).name;
      if (id.startsWith("test/")) {
        if (callback === null) expect(client.send(id, event[1])).toBe("ok");
        // Recorded with 500 ms; nobody answers this one.
        else replies.set(callback, client.request(id, event[1], { timeoutMs: id === "test/no-reply" ? 20 : 5000 }));
      }
      const [sent, ownCallback] = read(await frames.next()) as [unknown, string | null];
      expect(sent).toStrictEqual(event);
      if (callback === null) expect(ownCallback).toBe(null);
      else ids.set(callback, ownCallback as string);
      if (id === "test/no-reply") {
        const error = await (replies.get(callback) as Promise<unknown>).catch((reason: unknown) => reason);
        expect(isSyncError(error, "timeout")).toBe(true);
        // Too late is too late.
        socket?.send(write(["late", ownCallback]));
      }
    }
  }
  expect(frames.length).toBe(0);
  return heard;
}

test.each([
  ["cljs-ws-edn", [0, 1, 2, 0, 1]],
  ["jvm-ws-edn", [0, 1, 2, 0, 1]],
  ["cljs-ws-msgpack", [0, 1, 2, 0, 1]],
  ["cljs-ws-gzip-msgpack", [0, 1, 2, 0, 1]],
  // That server pushed nothing.
  ["cljs-ws-msgpack-to-cljs-server", []],
])("CALL1, CALL2, EVENT1, HAND4 and WRAP1 our client is understood by a server that speaks %s", async (name, expected) => {
  const { pushed } = await play(name);
  expect(pushed).toEqual(expected);
});

test("PING4 our client answers the pings of cljs-ws-server-ping", async () => {
  const { pings } = await play("cljs-ws-server-ping");
  expect(pings).toBe(2);
});

test("PING5 our client pings as in cljs-ws-client-ping", async () => {
  await play("cljs-ws-client-ping");
});

test("HAND4 and RECONNECT1 our client comes back as in cljs-ws-reconnect, with the same client id and parameters", async () => {
  const { paths, reasons } = await play("cljs-ws-reconnect");
  expect(paths.map(({ pathname, searchParams }) => [pathname, searchParams.get("uid")])).toEqual([
    ["/chsk", "gus"],
    ["/chsk", "gus"],
    ["/chsk", "gus"],
  ]);
  const ids = paths.map(({ searchParams }) => searchParams.get("client-id"));
  expect(ids[0]).toMatch(/^[0-9a-f-]{32,36}$/);
  expect(new Set(ids).size).toBe(1);
  expect(reasons).toEqual(["clean", "requested-reconnect", "requested-disconnect"]);
});
