import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { binaryFrame, realTime, textFrame } from "../../src/testing/contracts/transport-world.ts";
import type { WebSocketAcceptorOptions } from "../../src/transport/websocket-server.ts";
import { type Accepted, openWebSocketWorld, type WebSocketWorld } from "../support/websocket-world.ts";

const { until, settle } = realTime;
const disposals: (() => unknown)[] = [];
afterEach(async () => {
  for (const dispose of disposals.splice(0).reverse()) await dispose();
});

const openWorld = async (options?: WebSocketAcceptorOptions): Promise<WebSocketWorld> => {
  const world = await openWebSocketWorld(options);
  disposals.push(world.dispose);
  return world;
};

/** A peer that speaks bytes: what arrives after the upgrade is in `bytes()`. */
const openRaw = async (
  world: WebSocketWorld,
  headers = "",
): Promise<{ socket: Socket; head: string; bytes(): Buffer; server: Accepted }> => {
  const socket = connect(world.port, "127.0.0.1");
  disposals.push(() => socket.destroy());
  let all = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    all = Buffer.concat([all, chunk]);
  });
  socket.on("error", () => {});
  socket.write(
    `GET /chsk HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${headers}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  const headEnd = (): number => all.indexOf("\r\n\r\n");
  await until(() => headEnd() > 0 && world.accepted.length > 0);
  return {
    socket,
    head: all.toString("latin1", 0, headEnd()),
    bytes: () => all.subarray(headEnd() + 4),
    server: world.accepted.at(-1) as Accepted,
  };
};

/** A client's frame: masked with zeros. */
const clientFrame = (opcode: number, payload: string): Buffer =>
  Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), Buffer.from(payload)]);

/** Counts what the stream below the socket is asked to write, which is one system call each. */
const countWrites = ({ socket }: Accepted): { count: number } => {
  const counter = { count: 0 };
  for (const name of ["_write", "_writev"] as const) {
    const original = socket[name] as (...args: unknown[]) => void;
    socket[name] = (...args: unknown[]) => {
      counter.count++;
      original.apply(socket, args);
    };
  }
  return counter;
};

test("TRANSPORT11 a message is one final, unmasked frame of the right opcode", async () => {
  const { bytes, server } = await openRaw(await openWorld());
  server.transport.send(textFrame("hé"));
  server.transport.send({ data: Uint8Array.of(0x7b, 0x7d), text: true });
  server.transport.send({ data: Uint8Array.of(1, 2), text: false });
  server.transport.send(textFrame(""));
  await until(() => bytes().length === 5 + 4 + 4 + 2);
  expect(bytes().toString("hex")).toBe("810368c3a981027b7d820201028100");
});

test("TRANSPORT11 a frame sent to two connections is encoded once", async () => {
  const world = await openWorld();
  const [one, other] = [await openRaw(world), await openRaw(world)];
  const frame = textFrame("shared");
  one.server.transport.send(frame);
  const { framed } = frame;
  other.server.transport.send(frame);
  await until(() => one.bytes().length === 8 && other.bytes().length === 8);
  expect(frame.framed).toBe(framed);
});

test("TRANSPORT11 messages and the control frames of ws never mix", async () => {
  const { socket, bytes, server } = await openRaw(await openWorld());
  server.transport.cork();
  server.transport.send(textFrame("a"));
  server.transport.send(binaryFrame(1));
  socket.write(clientFrame(9, "p"));
  await until(() => bytes().length > 0);
  server.transport.uncork();
  await until(() => bytes().length === 3 + 3 + 3);
  expect(bytes().toString("hex")).toBe(["8a0170", "810161", "820107"].join(""));
});

test("TRANSPORT12 64 replies of one turn leave in one write", async () => {
  const world = await openWorld();
  const client = await world.connect();
  const server = world.accepted[0] as Accepted;
  const writes = countWrites(server);
  server.transport.cork();
  for (let i = 0; i < 64; i++) server.transport.send(textFrame(`${i}`.padEnd(60)));
  expect([writes.count, server.transport.bufferedBytes]).toEqual([0, 64 * 60]);
  server.transport.uncork();
  expect(writes.count).toBe(1);
  await until(() => client.frames.length === 64);
  expect(server.transport.bufferedBytes).toBe(0);
});

test("TRANSPORT12 replies and shared frames of one cork leave in one write", async () => {
  const world = await openWorld();
  const client = await world.connect();
  const server = world.accepted[0] as Accepted;
  const writes = countWrites(server);
  const shared = { data: new TextEncoder().encode("shared"), text: true };
  server.transport.cork();
  for (const frame of [textFrame("1"), shared, textFrame("2"), textFrame("3"), shared, binaryFrame(30_000)])
    server.transport.send(frame);
  server.transport.uncork();
  expect(writes.count).toBe(1);
  await until(() => client.frames.length === 6);
  expect(client.frames.slice(0, 5)).toEqual(["1", "shared", "2", "3", "shared"]);
});

test("TRANSPORT12 a cork lets go of what it holds whenever that is over 64 KiB", async () => {
  const world = await openWorld();
  const client = await world.connect();
  const server = world.accepted[0] as Accepted;
  const writes = countWrites(server);
  const frame = binaryFrame(40_000);
  server.transport.cork();
  for (let i = 0; i < 5; i++) server.transport.send(frame);
  expect(writes.count).toBe(2);
  server.transport.uncork();
  expect(writes.count).toBe(3);
  await until(() => client.frames.length === 5);
});

test("TRANSPORT5 a peer that does not read costs a bounded buffer, and no drain is promised that cannot come", async () => {
  const { socket, server } = await openRaw(await openWorld());
  socket.pause();
  const frame = binaryFrame(32 * 1024);
  let sent = 0;
  server.transport.cork();
  while (server.transport.send(frame) && sent < 5000) sent++;
  expect(server.transport.uncork()).toBe(false);
  expect(server.transport.bufferedBytes).toBeLessThan(4 * 64 * 1024);
  await settle();
  expect(server.drains).toBe(0);
  socket.resume();
  await until(() => server.drains === 1);
  expect(server.transport.send(frame)).toBe(true);
});

test("TRANSPORT13 a message over the limit closes the connection with 1009", async () => {
  const world = await openWorld({ maxFrameBytes: 100 });
  const client = await world.connect();
  const server = world.accepted[0] as Accepted;
  client.transport.send(textFrame("x".repeat(100)));
  client.transport.send(textFrame("x".repeat(101)));
  await until(() => client.closes.length > 0 && server.closes.length > 0);
  expect(client.closes).toEqual([{ code: 1009, reason: "" }]);
  expect(server.events).toEqual(["frame", "close"]);
  expect(server.closes).toEqual([{ code: 1006, reason: "Max payload size exceeded" }]);
});

test("TRANSPORT14 a peer that does not answer a close is dropped at the deadline", async () => {
  const { socket, server } = await openRaw(await openWorld({ closeTimeoutMs: 50 }));
  const startMs = performance.now();
  server.transport.close(1001, "restart");
  await until(() => server.closes.length > 0);
  expect(performance.now() - startMs).toBeGreaterThan(40);
  expect(server.closes).toEqual([{ code: 1006, reason: "" }]);
  await until(() => socket.destroyed || socket.readableEnded);
});

test("TRANSPORT14 a peer that does not even read is dropped at the deadline, with all that waits for it", async () => {
  const { socket, server } = await openRaw(await openWorld({ closeTimeoutMs: 50 }));
  socket.pause();
  const frame = binaryFrame(64 * 1024);
  while (server.transport.send(frame));
  server.transport.close();
  await until(() => server.closes.length > 0);
  await settle();
  expect(server.events).toEqual(["close"]);
});

test("TRANSPORT4 the rest of a read is not told after the transport was dropped", async () => {
  const { socket, server } = await openRaw(await openWorld());
  const heard: unknown[] = [];
  server.transport.handlers = {
    onFrame(data) {
      heard.push(data);
      server.transport.terminate();
    },
    onClose: (code) => heard.push(code),
  };
  socket.write(Buffer.concat([clientFrame(1, "a"), clientFrame(1, "b"), clientFrame(1, "c")]));
  await until(() => heard.length > 1);
  await settle();
  expect(heard).toEqual(["a", 1006]);
});

test("TRANSPORT1 a message in fragments arrives whole", async () => {
  const { socket, server } = await openRaw(await openWorld());
  const whole = clientFrame(1, "one");
  const [first, last] = [clientFrame(1, "tw"), clientFrame(0, "o")];
  first[0] = 0x01;
  const bytes = Buffer.concat([whole, first, clientFrame(9, ""), last]);
  for (const byte of bytes) {
    socket.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => server.frames.length === 2);
  expect(server.frames).toEqual(["one", "two"]);
});

test("TRANSPORT15 an offer of compression is not taken up", async () => {
  const { head } = await openRaw(await openWorld(), "Sec-WebSocket-Extensions: permessage-deflate\r\n");
  expect(head).toMatch(/^HTTP\/1.1 101 /);
  expect(head.toLowerCase()).not.toContain("extensions");
});

test("TRANSPORT8 a request that is no WebSocket upgrade is answered, and no transport comes of it", async () => {
  const world = await openWorld();
  const socket = connect(world.port, "127.0.0.1");
  disposals.push(() => socket.destroy());
  socket.write("GET /chsk HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1.1 400 /);
  expect(world.accepted).toEqual([]);
});
