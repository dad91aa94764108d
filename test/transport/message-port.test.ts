/** Message ports of Node, which are those of browsers but for how they are listened to; and a real worker. */
import { fileURLToPath } from "node:url";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { atom, createServer } from "sente-sync/server";
import { describe, expect, onTestFinished, test } from "vitest";
import { connectorContractSuite } from "../../src/testing/contracts/connector.ts";
import { transportContractSuite } from "../../src/testing/contracts/transport.ts";
import { binaryFrame, type Recorder, realTime, record, textFrame } from "../../src/testing/contracts/transport-world.ts";
import { acceptPort, type PortLike, type PortOptions, portConnector } from "../../src/transport/message-port.ts";
import type { Connector, Transport } from "../../src/transport/transport.ts";
import { counter } from "./fixtures/stats.ts";

const { until, settle } = realTime;

/** What a browser has of a port: no `on`, and messages as events. */
function browserPort(port: MessagePort): PortLike {
  const events = port as unknown as EventTarget;
  return {
    postMessage: (message, transfer) => port.postMessage(message, transfer),
    addEventListener: (event, run) => events.addEventListener(event, run),
    removeEventListener: (event, run) => events.removeEventListener(event, run),
    start: () => port.start(),
    close: () => port.close(),
  };
}

interface World {
  readonly accepted: Recorder[];
  readonly urls: string[];
  readonly connector: Connector;
  /** Channels that were made, the acceptor's ends. */
  readonly ports: MessagePort[];
  connect(url?: string): Promise<Recorder>;
  stop(): void;
  dispose(): Promise<void>;
}

/** A connector that makes a channel for each connection, or uses one for all. */
function openWorld(isReused = false, as: (port: MessagePort) => PortLike = (port) => port, options: PortOptions = {}): World {
  const accepted: Recorder[] = [];
  const urls: string[] = [];
  const ports: MessagePort[] = [];
  const stops: (() => void)[] = [];
  const made: MessagePort[] = [];
  const clients: Transport[] = [];
  const make = (): PortLike => {
    const { port1, port2 } = new MessageChannel();
    ports.push(port2);
    made.push(port1, port2);
    const accept = (transport: Transport, url: string): void => {
      accepted.push(record(transport));
      urls.push(url);
    };
    stops.push(acceptPort(as(port2), { accept }, options));
    return as(port1);
  };
  const connector = portConnector(isReused ? make() : make, options);
  const stop = (): void => {
    for (const each of stops) each();
  };
  return {
    accepted,
    urls,
    ports,
    connector,
    stop,
    connect: (url = "port:///chsk?a=b") =>
      new Promise((resolve, reject) => {
        connector.open(url, {
          onOpen(transport) {
            clients.push(transport);
            resolve(record(transport));
          },
          onFail: (reason) => reject(new Error(reason)),
        });
      }),
    async dispose() {
      for (const client of clients) client.terminate();
      stop();
      await settle();
      for (const port of made) port.close();
    },
  };
}

for (const [name, as] of [
  ["message-port in Node", undefined],
  ["message-port in a browser", browserPort],
] as const) {
  describe(`${name} as a transport`, () => {
    const suite = transportContractSuite(
      async () => {
        const world = openWorld(false, as);
        const { transport: client } = await world.connect();
        return { client, server: world.accepted[0]!.transport, ...realTime, dispose: world.dispose };
      },
      { gathers: [], pauses: ["client", "server"] },
    );
    for (const { name, run } of suite) test(name, run);
  });
}
for (const isReused of [false, true]) {
  describe(`message-port, ${isReused ? "one" : "made"} as a connector`, () => {
    const suite = connectorContractSuite(async () => {
      const { connector, accepted, dispose } = openWorld(isReused);
      return { connector, url: "port:///chsk", accepted, ...realTime, dispose };
    });
    for (const { name, run } of suite) test(name, run);
  });
}

const open = (...how: Parameters<typeof openWorld>): World => {
  const world = openWorld(...how);
  onTestFinished(world.dispose);
  return world;
};

/** A port that an acceptor listens on, and the other end, written by hand. */
function openRaw(options: PortOptions = {}) {
  const { port1, port2 } = new MessageChannel();
  const heard: unknown[] = [];
  const accepted: Recorder[] = [];
  const urls: string[] = [];
  port1.on("message", (message) => heard.push(message));
  const accept = (transport: Transport, url: string): void => {
    accepted.push(record(transport));
    urls.push(url);
  };
  const stop = acceptPort(port2, { accept }, options);
  onTestFinished(() => {
    stop();
    port1.close();
  });
  return { peer: port1, heard, accepted, urls };
}

test("PORT1 a message carries the frame's own bytes, as a copy", async () => {
  const { peer, heard, accepted } = openRaw();
  peer.postMessage(["open", "1", "/"]);
  await until(() => accepted.length === 1);
  const large = new Uint8Array(65_536).fill(9);
  const { transport } = accepted[0]!;
  transport.send({ data: large.subarray(10, 13), text: false });
  transport.send({ data: Buffer.from("hé"), text: true });
  transport.send(textFrame("text"));
  await until(() => heard.length === 4);
  expect(heard.slice(1)).toEqual([Uint8Array.of(9, 9, 9), "hé", "text"]);
  expect([(heard[1] as Uint8Array).buffer.byteLength, large.length]).toEqual([3, 65_536]);
});

test("PORT2 the acceptor is given the path and query, and answers with the id", async () => {
  const { peer, heard, accepted, urls } = openRaw();
  peer.postMessage(["open", "x1", "/chsk?a=b"]);
  await until(() => heard.length === 1);
  expect([urls, heard, accepted.length]).toEqual([["/chsk?a=b"], [["opened", "x1"]], 1]);
});

test("PORT2 what is no opening is ignored", async () => {
  const { peer, heard, accepted } = openRaw();
  for (const message of [
    "early",
    Uint8Array.of(1),
    ["close", 1000, ""],
    ["open"],
    ["open", 1, "/"],
    ["open", "1", "//evil"],
    ["open", "1", `/${"x".repeat(8192)}`],
    null,
    { open: "/" },
  ]) {
    peer.postMessage(message);
  }
  await settle();
  expect([heard, accepted]).toEqual([[], []]);
});

test("PORT2 a new open ends the connection before it", async () => {
  const { peer, accepted, heard } = openRaw();
  peer.postMessage(["open", "1", "/"]);
  peer.postMessage("a");
  peer.postMessage(["open", "2", "/"]);
  peer.postMessage("b");
  await until(() => accepted[1]?.frames.length === 1 && heard.length >= 2);
  expect(accepted.map(({ frames, closes }) => [frames, closes])).toEqual([
    [["a"], [{ code: 1006, reason: "" }]],
    [["b"], []],
  ]);
  expect(heard.slice(0, 2)).toEqual([
    ["opened", "1"],
    ["opened", "2"],
  ]);
});

test("PORT2 what an older connection still says is not told to the new one", async () => {
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port1.close());
  let id: unknown;
  port2.on("message", (message) => ([, id] = message as unknown[]));
  const frames: unknown[] = [];
  portConnector(port1).open("port:///", {
    onOpen: (transport) => void (transport.handlers = { onFrame: (data) => frames.push(data), onClose() {} }),
    onFail() {},
  });
  await until(() => id !== undefined);
  for (const message of [["opened", "another"], "late", ["drop"], ["opened", id], "now"]) port2.postMessage(message);
  await until(() => frames.length > 0);
  await settle();
  expect(frames).toEqual(["now"]);
});

test("PORT3 a paused end acknowledges nothing, and what it hands on later is acknowledged", async () => {
  const world = open();
  const client = await world.connect();
  const server = world.accepted[0]!;
  server.transport.pause();
  expect(client.transport.send(binaryFrame(65_536))).toBe(true);
  expect(client.transport.send(textFrame("x"))).toBe(false);
  expect(client.transport.uncork()).toBe(false);
  await settle();
  expect([client.transport.bufferedBytes, client.drains, server.events]).toEqual([65_537, 0, []]);
  server.transport.resume();
  await until(() => client.drains === 1);
  expect([client.transport.bufferedBytes, server.frames.length]).toEqual([0, 2]);
});

test("PORT3 an acknowledgement of what was never sent closes the connection", async () => {
  const { peer, accepted } = openRaw();
  peer.postMessage(["open", "1", "/"]);
  peer.postMessage(["ack", 1]);
  await until(() => accepted[0]?.closes.length === 1);
  expect(accepted[0]!.closes).toEqual([{ code: 1002, reason: "A message of no known kind" }]);
});

test("PORT4 a close waits for a paused end, and a drop does not", async () => {
  const world = open();
  const [first, second] = [await world.connect(), await world.connect()];
  for (const { transport } of world.accepted) transport.pause();
  for (const { transport } of [first, second]) transport.send(textFrame("a"));
  first.transport.close(4001, "bye");
  second.transport.terminate();
  await settle();
  expect(world.accepted.map(({ events }) => events)).toEqual([[], ["close"]]);
  world.accepted[0]!.transport.resume();
  await until(() => world.accepted[0]!.closes.length === 1);
  expect([world.accepted[0]!.events, world.accepted[0]!.closes]).toEqual([["frame", "close"], [{ code: 4001, reason: "bye" }]]);
});

test("PORT5 a port that was given serves one connection after the other", async () => {
  const world = open(true);
  for (let i = 0; i < 3; i++) {
    const client = await world.connect();
    client.transport.send(textFrame(`${i}`));
    client.transport.close();
    await until(() => world.accepted[i]!.closes.length === 1);
  }
  expect(world.accepted.map(({ frames }) => frames)).toEqual([["0"], ["1"], ["2"]]);
  expect(world.ports.length).toBe(1);
});

test("PORT5 a port that was made is closed with its connection, also with one that never opened", async () => {
  const world = open();
  const closed: number[] = [];
  const client = await world.connect();
  world.ports[0]!.on("close", () => closed.push(0));
  client.transport.close();
  await until(() => closed.length === 1);
  expect(world.accepted[0]!.closes).toEqual([{ code: 1000, reason: "" }]);
  const opening = world.connector.open("port:///", { onOpen() {}, onFail() {} });
  world.ports[1]!.on("close", () => closed.push(1));
  opening.cancel();
  await until(() => closed.length === 2);
});

test("PORT6 a message over the limit closes the connection with 1009", async () => {
  const world = open(false, undefined, { maxFrameBytes: 100 });
  const client = await world.connect();
  client.transport.send(textFrame("x".repeat(100)));
  client.transport.send(binaryFrame(101));
  await until(() => client.closes.length === 1 && world.accepted[0]!.closes.length === 1);
  expect(client.closes).toEqual([{ code: 1009, reason: "Over 100 bytes" }]);
  expect(world.accepted[0]!.events).toEqual(["frame", "close"]);
});

test("PORT6 a paused end holds so much, empty messages counted too", async () => {
  const world = open(false, undefined, { maxWaitingBytes: 10_000 });
  const [first, second] = [await world.connect(), await world.connect()];
  for (const { transport } of world.accepted) transport.pause();
  for (let i = 0; i < 156; i++) first.transport.send(textFrame(""));
  second.transport.send(textFrame("x".repeat(9_936)));
  await settle();
  expect([first.closes, second.closes]).toEqual([[], []]);
  first.transport.send(textFrame(""));
  second.transport.send(textFrame(""));
  await until(() => first.closes.length + second.closes.length === 2);
  expect(first.closes).toEqual([{ code: 1008, reason: "Too much waits" }]);
});

test("PORT7 any other message closes the connection with 1002", async () => {
  for (const message of [
    null,
    1,
    {},
    [],
    ["close"],
    ["close", 999, ""],
    ["close", 5000, ""],
    ["close", 1000],
    ["ack"],
    ["ack", -1],
    ["x"],
  ]) {
    const { peer, heard, accepted } = openRaw();
    peer.postMessage(["open", "1", "/"]);
    peer.postMessage(message);
    peer.postMessage("after");
    await until(() => accepted[0]?.closes.length === 1);
    expect([accepted[0]!.events, accepted[0]!.closes[0]?.code], JSON.stringify(message)).toEqual([["close"], 1002]);
    await until(() => heard.length === 2);
    expect(heard[1]).toEqual(["close", 1002, "A message of no known kind"]);
  }
});

test("PORT7 a message that cannot be read closes the connection with 1002", async () => {
  const listeners = new Map<string, (detail: unknown) => void>();
  const sent: unknown[] = [];
  const port: PortLike = {
    postMessage: (message) => void sent.push(message),
    on: (event, run) => listeners.set(event, run),
    off: (event) => listeners.delete(event),
  };
  const accepted: Recorder[] = [];
  const stop = acceptPort(port, { accept: (transport) => accepted.push(record(transport)) });
  listeners.get("message")?.(["open", "1", "/"]);
  listeners.get("messageerror")?.(new Error("DataCloneError"));
  await until(() => accepted[0]!.closes.length === 1);
  expect(sent.at(-1)).toEqual(["close", 1002, "A message that cannot be read"]);
  stop();
  expect(listeners.size).toBe(0);
});

test("PORT8 a port that is closed ends the connection with 1006, after what was sent, or the open", async () => {
  const world = open(true);
  const client = await world.connect();
  world.accepted[0]!.transport.send(textFrame("last"));
  world.ports[0]!.close();
  await until(() => client.closes.length === 1);
  expect([client.events, client.closes]).toEqual([["frame", "close"], [{ code: 1006, reason: "" }]]);
  const { port1, port2 } = new MessageChannel();
  const said: string[] = [];
  portConnector(port1).open("port:///", { onOpen: () => said.push("open"), onFail: (reason) => said.push(reason) });
  port2.close();
  await until(() => said.length === 1);
  expect(said).toEqual(["The port is closed"]);
});

test("an acceptor that stops drops its connection and takes no other", async () => {
  const world = open(true);
  const client = await world.connect();
  world.stop();
  await until(() => client.closes.length === 1 && world.accepted[0]!.closes.length === 1);
  expect(client.closes).toEqual([{ code: 1006, reason: "" }]);
  const said: string[] = [];
  world.connector.open("port:///", { onOpen: () => said.push("open"), onFail: () => said.push("fail") }).cancel();
  await settle();
  expect([said, world.accepted.length]).toEqual([[], 1]);
});

test("PORT8 a worker sees an atom, resumes after a drop, and is missed once it has ended", async () => {
  const sync = createServer({ authenticate: ({ url }) => ({ id: url.searchParams.get("from") ?? "nobody" }) });
  const live = atom(sync, counter);
  const seen: unknown[] = [];
  const resumed: unknown[] = [];
  sync.on("test/seen", ({ data, user }) => void seen.push([user.id, data]));
  sync.on("test/resumed", ({ data }) => void resumed.push(data));
  const transports: Transport[] = [];
  const worker = new Worker(fileURLToPath(new URL("fixtures/worker.mjs", import.meta.url)), {
    workerData: "port-client",
    execArgv: ["--conditions=source"],
  });
  const accept = (transport: Transport, url: string): void => {
    transports.push(transport);
    void sync.accept(transport, url);
  };
  const stop = acceptPort(worker, { accept });
  onTestFinished(async () => {
    stop();
    await sync.close();
    await worker.terminate();
  });
  await until(() => seen.length === 1);
  live.update((draft) => void draft.n++);
  await until(() => seen.length === 2);
  transports[0]!.terminate();
  await until(() => sync.stats().connections === 0);
  live.update((draft) => void draft.n++);
  await until(() => seen.length === 3 && resumed.length === 1);
  expect(seen).toEqual([0, 1, 2].map((n) => ["worker", { n }]));
  expect(resumed).toEqual([{ recovered: true }]);
  sync.broadcast("test/exit");
  await until(() => sync.stats().connections === 0);
});
