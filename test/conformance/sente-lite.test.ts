/**
 * Our server against scripted peers that say what sente_lite's clients said, word for word, and expect what its server answered; and
 * where a peer of one protocol meets a peer of the other, both of our sides behave as Sente's did.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { keyword } from "sente-sync";
import { createClient, senteState } from "sente-sync/client";
import { senteLite } from "sente-sync/lite";
import { edn } from "sente-sync/packers/edn";
import { channel, createServer } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";

interface Recorded {
  readonly name: string;
  readonly steps: readonly {
    readonly conn?: string;
    readonly kind?: string;
    readonly url?: string;
    readonly from?: string;
    readonly text?: string;
  }[];
}

const { sessions } = JSON.parse(readFileSync(new URL("vectors/exchanges-sente-lite.json", import.meta.url), "utf8")) as {
  sessions: Recorded[];
};

/** Where the recorded client connected. */
function pathOf(name: string): string {
  return sessions.find((session) => session.name === name)?.steps.find(({ url }) => url)?.url ?? "";
}

/** Frames in the order seen; the server's pings come by its clock, not by what was said. */
function framesOf(name: string): { line: string; from: string; text: string }[] {
  const recorded = sessions.find((session) => session.name === name) as Recorded;
  return recorded.steps.flatMap(({ conn = "a", from = "", text }) =>
    text === undefined || (from === "server" && text === "[:chsk/ws-ping]") ? [] : [{ line: conn, from, text }],
  );
}

const { unpack } = edn();

interface Line {
  say(text: string): void;
  next(): Promise<string>;
  readonly waiting: number;
  readonly closes: number[];
}

async function connect(port: number, path = "/lite"): Promise<Line> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  onTestFinished(() => socket.terminate());
  const frames: string[] = [];
  const closes: number[] = [];
  let wake = (): void => {};
  socket.on("message", (data, isBinary) => {
    frames.push(isBinary ? "binary" : String(data));
    wake();
  });
  socket.on("close", (code) => void closes.push(code));
  await new Promise((resolve) => socket.once("open", resolve));
  return {
    say: (text) => socket.send(text),
    async next() {
      while (!frames.length) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return frames.shift() as string;
    },
    get waiting() {
      return frames.length;
    },
    closes,
  };
}

/** What is not the same in two runs, named: connection ids by `ids`, times by what they are. */
function comparable(value: unknown, ids: ReadonlyMap<unknown, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => comparable(item, ids));
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        key === "timestamp" && typeof item === "number" ? "time" : comparable(item, ids),
      ]),
    );
  return ids.get(value) ?? value;
}

/** Plays the clients' part; returns how much was compared. */
async function play(name: string): Promise<{ compared: number; malformed: number }> {
  const sync = createServer({ onError: () => {} });
  onTestFinished(() => sync.close());
  channel(sync, "room");
  senteLite(sync, { echo: true });
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const lines = new Map<string, Line>();
  const ids = new Map<unknown, string>();
  let compared = 0;
  for (const { line: at, from, text } of framesOf(name)) {
    const line = lines.get(at) ?? (await connect(port));
    lines.set(at, line);
    if (from === "client") {
      line.say(text);
      continue;
    }
    const expected = unpack(text) as unknown[];
    const said = unpack(await line.next()) as unknown[];
    if (String(said[0]) === ":chsk/handshake") {
      for (const [id] of [expected[1], said[1]] as [string][]) ids.set(id, `id of ${at}`);
    }
    expect(comparable(said, ids)).toStrictEqual(comparable(expected, ids));
    compared++;
  }
  // Nothing more than was recorded: an answer to what came last would be in front of this pong.
  for (const line of lines.values()) {
    line.say("[:chsk/ws-ping]");
    expect(unpack(await line.next())).toEqual([keyword("chsk/ws-pong")]);
    expect([line.waiting, line.closes]).toEqual([0, []]);
  }
  return { compared, malformed: sync.stats().malformed };
}

test("LITE2, LITE3, LITE4, LITE5, LITE8 and LITE9 scripted clients are answered as sente_lite's server answered them", async () => {
  expect(await play("raw-to-nbb-server")).toEqual({ compared: 14, malformed: 2 });
});

test("LITE3, LITE5, LITE8, LITE9 and LITE11 sente_lite's own client is answered as its server answered it", async () => {
  expect(await play("lite-client-to-nbb-server")).toEqual({ compared: 6, malformed: 0 });
});

const strayed = "lite-client-to-real-sente";

test("HAND1, EVENT3 sente_lite's client at Sente's door hears what Sente's server told it, and nothing that it says is an event", async () => {
  const sync = createServer({ authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "" }) });
  onTestFinished(() => sync.close());
  const odd: unknown[] = [];
  sync.on("chsk/bad-event", ({ data }) => void odd.push(data));
  const line = await connect(await sync.listen(0, { host: "127.0.0.1" }), pathOf(strayed));
  const said: unknown[] = [];
  for (const { from, text } of framesOf(strayed)) {
    if (from === "server") {
      expect(unpack(await line.next())).toStrictEqual(unpack(text));
      continue;
    }
    line.say(text);
    said.push((unpack(text) as unknown[])[0]);
  }
  // All of it was heard, none of it answered, and the line stands.
  line.say('[[:chsk/ws-ping] "1"]');
  expect(unpack(await line.next())).toEqual(["pong", "1"]);
  expect([odd, sync.stats().badEvents, sync.stats().malformed, line.closes]).toEqual([said, 5, 0, []]);
});

const lost = "real-sente-client-to-nbb-server";

test("LITE3, LITE5 Sente's client at sente_lite's door hears what sente_lite's server told it", async () => {
  const sync = createServer({ keepalive: { keepaliveMs: 100, pingTimeoutMs: 20_000 } });
  onTestFinished(() => sync.close());
  senteLite(sync, { path: "/" });
  const line = await connect(await sync.listen(0, { host: "127.0.0.1" }), pathOf(lost));
  const [handshake] = framesOf(lost);
  const [, said] = unpack(await line.next()) as [unknown, unknown[]];
  const [id, recorded] = unpack(handshake?.text as string) as [unknown, unknown[]];
  expect([id, said.slice(1)]).toStrictEqual([keyword("chsk/handshake"), recorded.slice(1)]);
  expect(await line.next()).toBe("[:chsk/ws-ping]");
  expect(line.closes).toEqual([]);
});

test("HAND4, PING4 our client in front of sente_lite's server never opens, as Sente's did not", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const reported: unknown[] = [];
  const client = createClient(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/?uid=z`, {
    onError: (error) => void reported.push(error),
  });
  onTestFinished(() => client.close());
  const state = senteState(client);
  const heard: string[] = [];
  for (const event of ["connect", "chsk/handshake", "chsk/ws-ping"]) client.on(event, () => void heard.push(event));
  client.connect();
  const [socket] = (await once(server, "connection")) as [WebSocket];
  const told: string[] = [];
  socket.on("message", (data) => void told.push(String(data)));
  for (const { text } of sessions.find(({ name }) => name === lost)?.steps ?? []) if (text) socket.send(text);
  // What is sent on one socket arrives in order, and a ping of the socket itself is answered behind all of it.
  socket.ping();
  await once(socket, "pong");
  expect([client.status.get().name, state.get().open, state.get().everOpened]).toEqual(["connecting", false, false]);
  // Sente's was silent; ours does not look at its state before it answers a ping.
  expect([heard, told]).toEqual([Array(3).fill("chsk/ws-ping"), Array(3).fill("[[:chsk/ws-pong] nil]")]);
  expect(reported).toEqual([expect.objectContaining({ code: "malformed" })]);
});
