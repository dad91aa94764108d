/** Our polling client against a scripted server that answers what Sente's server answered, and expects the requests of Sente's client. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient, senteState } from "sente-sync/client";
import { fallback } from "sente-sync/transports/fallback";
import { longPoll } from "sente-sync/transports/long-poll";
import { websocket } from "sente-sync/transports/websocket";
import { expect, onTestFinished, test } from "vitest";
import { realEnv } from "../../src/core/env.ts";
import type { Keyword } from "../../src/core/values.ts";
import { codingOf } from "./codings.ts";
import { exchange, type HttpStep, type Recording } from "./recordings.ts";

type Request = Extract<HttpStep, { type: "request" }>;

const formType = "application/x-www-form-urlencoded;charset=UTF-8";

interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
}

/** A server that answers when it is told to. */
async function listen() {
  const asked: Asked[] = [];
  const upgrades: string[] = [];
  let wake = (): void => {};
  const http = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      asked.push({ request, response, body: Buffer.concat(pieces) });
      wake();
    });
  });
  http.on("upgrade", (request, socket) => {
    upgrades.push(request.url ?? "");
    socket.destroy();
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  onTestFinished(() => {
    http.close();
    http.closeAllConnections();
  });
  return {
    asked,
    upgrades,
    address: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/chsk`,
    async next(method: string): Promise<Asked> {
      for (;;) {
        const at = asked.findIndex(({ request }) => request.method === method);
        if (at >= 0) return asked.splice(at, 1)[0] as Asked;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

const pairs = (parameters: URLSearchParams): [string, string][] => [...parameters].sort(([a], [b]) => (a < b ? -1 : 1));

/** Parameters, of the URL and of a form, with what differs from run to run as a word; `ppstr` as its value. */
function parametersOf(parameters: URLSearchParams, clientId: string, read: (packed: string) => unknown): unknown {
  return pairs(parameters).map(([name, value]) => {
    if (name === "udt") return [name, /^\d{13}$/.test(value)];
    if (name === "client-id") return [name, value === clientId];
    return [name, name === "ppstr" ? read(value) : value];
  });
}

/** Headers of a recorded request that a client of ours is to send as well. */
function headersOf({ headers }: Request): [string, string | undefined][] {
  // What a browser's XMLHttpRequest makes of no token.
  const { "x-csrf-token": token, ...rest } = headers;
  return Object.entries(token === "null" ? rest : headers);
}

/** What a recorded post says, be it a form or bytes. */
function messageOf({ headers, body }: Request): string | Uint8Array {
  const isForm = headers["content-type"] === formType;
  return isForm ? (new URLSearchParams(String(body)).get("ppstr") ?? "") : body;
}

async function play({ http, packer: packerName }: Recording, isFallback = false) {
  const { packer, read } = codingOf(packerName);
  const { asked, upgrades, address, next } = await listen();
  const [first] = http;
  if (first?.type !== "request") throw new Error("It does not begin with a request");
  const { searchParams } = new URL(first.path, "http://x");
  const recordedId = searchParams.get("client-id") ?? "";
  for (const name of ["client-id", "udt", "handshake?"]) searchParams.delete(name);
  const { "x-csrf-token": csrfToken } = Object.fromEntries(headersOf(first));
  const polls = longPoll(csrfToken === undefined ? {} : { csrfToken });
  const errors: unknown[] = [];
  const client = createClient(`${address}?${searchParams}`, {
    packer,
    connector: isFallback ? fallback([websocket(), polls]) : polls,
    // It tries again sooner than it was recorded.
    reconnect: { maxDelayMs: 10 },
    env: { ...realEnv, random: () => 0 },
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => client.close());
  const state = senteState(client);
  const pushed: unknown[] = [];
  const told: string[] = [];
  client.on("test/pushed", ({ data }) => pushed.push(data));
  for (const name of ["connect", "resume", "disconnect"] as const) client.on(name, () => told.push(name));
  const open = new Map<number, Asked>();
  const replies = new Map<number, Promise<unknown>>();

  for (const step of http) {
    if (step.type === "request") {
      const isPost = step.method === "POST";
      if (isPost) {
        const [event, callback] = read(messageOf(step)) as [[Keyword, unknown], unknown];
        if (callback === null) expect(client.send(event[0].name, event[1])).toBe("ok");
        else replies.set(step.id, client.request(event[0].name, event[1]));
      }
      const ours = await next(step.method);
      open.set(step.id, ours);
      const { request, body } = ours;
      const url = new URL(step.path, "http://x");
      const ourUrl = new URL(request.url ?? "", "http://x");
      // The one thing that it adds: it asks whether this is a server of ours.
      expect(ourUrl.searchParams.get("sync")).toBe(isPost ? null : "1");
      ourUrl.searchParams.delete("sync");
      expect(ourUrl.pathname).toBe(url.pathname);
      expect(parametersOf(ourUrl.searchParams, client.clientId, read)).toEqual(parametersOf(url.searchParams, recordedId, read));
      expect(request.headers).toMatchObject(Object.fromEntries(headersOf(step)));
      expect(request.headers["x-csrf-token"]).toBe(isPost ? step.headers["x-csrf-token"] : csrfToken);
      expect(request.headers["content-type"]).toBe(step.headers["content-type"]);
      if (step.headers["content-type"] === formType) {
        const [form, ourForm] = [step.body, body].map((bytes) => new URLSearchParams(String(bytes)));
        expect(parametersOf(ourForm as URLSearchParams, client.clientId, read)).toStrictEqual(
          parametersOf(form as URLSearchParams, recordedId, read),
        );
      } else if (isPost) expect(read(body)).toStrictEqual(read(step.body));
      else expect(body.length).toBe(0);
    } else {
      const { response } = open.get(step.id) as Asked;
      // As http-kit labels everything.
      response.writeHead(step.status, { "content-type": "text/html; charset=utf-8" }).end(step.body);
      if (step.status !== 200) continue;
      const [value] = read(packer.binary || packer.seal ? step.body : String(step.body)) as [unknown];
      if (replies.has(step.id)) expect(await replies.get(step.id)).toStrictEqual(value);
      if (Array.isArray(value) && String(value[0]) === ":chsk/handshake") {
        await expect.poll(() => client.status.get(), { interval: 1 }).toEqual({ name: "connected", transport: "ajax" });
        const [user, , handshakeData] = value[1] as unknown[];
        expect(state.get()).toMatchObject({ type: "ajax", open: true, everOpened: true, uid: user, handshakeData });
      }
    }
  }
  expect([asked, errors]).toEqual([[], []]);
  return { client, pushed, told, upgrades };
}

test.each<[string, number[]]>([
  ["cljs-ajax-edn", [0, 1, 2, 0, 1]],
  ["cljs-ajax-msgpack", [0, 1, 2, 0, 1]],
  ["cljs-ajax-gzip-edn-no-csrf-token", []],
  ["cljs-ajax-lp-timeout", []],
])(
  "POLL2, POLL3, POLL16, POLL17 and POLL18 our client asks what Sente's client asked in %s, and understands the answers",
  async (name, events) => {
    const { client, pushed, told } = await play(exchange(name));
    expect([pushed, told, client.status.get().name]).toEqual([events, ["connect"], "connected"]);
  },
);

test("FALL1 our client falls back as in cljs-auto-downgrade, with the client id that the WebSocket was refused with", async () => {
  const { client, upgrades, told } = await play(exchange("cljs-auto-downgrade"), true);
  expect(upgrades.map((path) => new URL(path, "ws://x").searchParams.get("client-id"))).toEqual([client.clientId]);
  expect([told, client.status.get()]).toEqual([["connect"], { name: "connected", transport: "ajax" }]);
});

test("POLL1 our client, refused as in cljs-rejected-csrf, asks for a handshake again each time and is never open", async () => {
  const { client, told } = await play(exchange("cljs-rejected-csrf"));
  expect([told, senteState(client).get()]).toMatchObject([[], { open: false, everOpened: false }]);
});
