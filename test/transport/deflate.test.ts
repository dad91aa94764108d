/**
 * permessage-deflate on real sockets: the contract of every transport, what is agreed to, and bytes that are hostile.
 * Rules: docs/protocol/transports.md DEFLATE1-DEFLATE7, TRANSPORT1-TRANSPORT10.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { createServer } from "sente-sync/server";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { connectorContractSuite } from "../../src/testing/contracts/connector.ts";
import { transportContractSuite } from "../../src/testing/contracts/transport.ts";
import { type Recorder, realTime, textFrame } from "../../src/testing/contracts/transport-world.ts";
import type { Frame } from "../../src/transport/transport.ts";
import { websocket } from "../../src/transport/websocket.ts";
import { createDeflater } from "../../src/transport/websocket-deflate.ts";
import type { WebSocketAcceptorOptions } from "../../src/transport/websocket-server.ts";
import { type Accepted, openWebSocketWorld, type WebSocketWorld } from "../support/websocket-world.ts";

const { until } = realTime;
/** All of it is compressed, however small. */
const eager = { thresholdBytes: 0 };

describe("websocket with permessage-deflate as a transport", () => {
  const suite = transportContractSuite(
    async () => {
      const world = await openWebSocketWorld({ deflate: eager });
      const { transport: client } = await world.connect(world.port, { deflate: eager });
      await until(() => world.accepted.length === 1);
      return { client, server: (world.accepted[0] as Recorder).transport, ...realTime, dispose: world.dispose };
    },
    { gathers: ["server"], pauses: ["server"] },
  );
  for (const { name, run } of suite) test(name, run);
});

describe("websocket with permessage-deflate as a connector", () => {
  const suite = connectorContractSuite(async () => {
    const { url, accepted, dispose } = await openWebSocketWorld({ deflate: true });
    return { connector: websocket({ deflate: true }), url, accepted, ...realTime, dispose };
  }, "ws://127.0.0.1:9/");
  for (const { name, run } of suite) test(name, run);
});

const disposals: (() => unknown)[] = [];
afterEach(async () => {
  for (const dispose of disposals.splice(0).reverse()) await dispose();
});

const openWorld = async (options: WebSocketAcceptorOptions = { deflate: true }): Promise<WebSocketWorld> => {
  const world = await openWebSocketWorld(options);
  disposals.push(world.dispose);
  return world;
};

interface RawPeer {
  readonly socket: Socket;
  /** The extensions that the server agreed to. */
  readonly agreed: string | undefined;
  /** What came after the upgrade. */
  bytes(): Buffer;
  readonly server: Accepted;
}

/** A peer that speaks bytes, with that offer. */
const openRaw = async (world: WebSocketWorld, offer = "permessage-deflate"): Promise<RawPeer> => {
  const count = world.accepted.length;
  const socket = connect(world.port, "127.0.0.1");
  disposals.push(() => socket.destroy());
  let all = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    all = Buffer.concat([all, chunk]);
  });
  socket.on("error", () => {});
  const headers = offer && `Sec-WebSocket-Extensions: ${offer}\r\n`;
  socket.write(
    `GET /chsk HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${headers}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  const headEnd = (): number => all.indexOf("\r\n\r\n");
  await until(() => headEnd() > 0 && world.accepted.length > count);
  return {
    socket,
    agreed: /^sec-websocket-extensions: (.*)$/im.exec(all.toString("latin1", 0, headEnd()))?.[1],
    bytes: () => all.subarray(headEnd() + 4),
    server: world.accepted[count] as Accepted,
  };
};

const deflated = (data: string | Uint8Array): Buffer =>
  deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
const inflated = (body: Uint8Array): Buffer =>
  inflateRawSync(Buffer.concat([body, Buffer.of(0, 0, 0xff, 0xff)]), { finishFlush: constants.Z_SYNC_FLUSH });

/** A client's compressed text frame, masked with zeros. */
const compressedFrame = (body: Buffer): Buffer => {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(body.length));
  return Buffer.concat([Buffer.of(0xc1, 0xff), length, Buffer.alloc(4), body]);
};

const long = "all work and no play ".repeat(200);
const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(5000)));

test.each([
  ["both ask for it", true, true, ["permessage-deflate", "permessage-deflate"]],
  ["only the client asks for it", false, true, ["permessage-deflate", ""]],
  ["only the server agrees to it", true, false, ["", ""]],
  ["nobody asks for it", false, false, ["", ""]],
])("DEFLATE1 what is agreed to when %s", async (_, server, client, [offered, agreed]) => {
  const world = await openWorld({ deflate: server });
  const peer = await world.connect(world.port, { deflate: client });
  const accepted = world.accepted[0] as Accepted;
  expect((accepted.request.headers["sec-websocket-extensions"] ?? "").split(";")[0]).toBe(offered);
  const raw = await openRaw(world, client ? "permessage-deflate" : "");
  expect((raw.agreed ?? "").split(";")[0]).toBe(agreed);
  for (const { transport } of [peer, accepted]) transport.send(textFrame(long));
  await until(() => peer.frames.length > 0 && accepted.frames.length > 0);
  expect([peer.frames, accepted.frames]).toEqual([[long], [long]]);
});

test("DEFLATE1 neither side keeps anything from one message to the next", async () => {
  const { agreed, bytes, server } = await openRaw(await openWorld());
  expect(agreed?.split("; ").slice(1).sort()).toEqual(["client_no_context_takeover", "server_no_context_takeover"]);
  server.transport.send(textFrame(long));
  server.transport.send(textFrame(long.slice(1)));
  const [first, second] = [deflated(long), deflated(long.slice(1))];
  await until(() => bytes().length === 2 + first.length + 2 + second.length);
  expect(bytes().subarray(2, 2 + first.length)).toEqual(first);
  expect(bytes().subarray(-second.length)).toEqual(second);
});

test("DEFLATE2 a message under the threshold leaves as it is, a longer one if that makes it smaller", async () => {
  const { bytes, server } = await openRaw(await openWorld({ deflate: { thresholdBytes: 100 } }));
  const [under, at] = ["x".repeat(99), "ż".repeat(50)];
  server.transport.send(textFrame(under));
  server.transport.send(textFrame(at));
  server.transport.send({ data: noise, text: false });
  await until(() => bytes().length > 2 + 99 + noise.length);
  expect([bytes()[0], bytes()[1]]).toEqual([0x81, 99]);
  const second = bytes().subarray(101);
  expect(second[0]).toBe(0xc1);
  const length = second[1] as number;
  expect(inflated(second.subarray(2, 2 + length)).toString()).toBe(at);
  const third = second.subarray(2 + length);
  expect([third[0], third.subarray(4)]).toEqual([0x82, noise]);
});

test("DEFLATE2 the threshold is 1 024 bytes", () => {
  const deflate = createDeflater(true);
  const [under, at]: Frame[] = [textFrame("x".repeat(1023)), textFrame("x".repeat(1024))];
  expect([deflate(under as Frame) === under, deflate(at as Frame) === at]).toEqual([true, false]);
});

test("DEFLATE2 level chooses between fast and small, and is 1 to 9", () => {
  const mixed = Uint8Array.from({ length: 60_000 }, (_, i) => (i * i * 31 + (i >> 3)) & 63);
  const lengthAt = (level: number): number => createDeflater({ level })({ data: mixed, text: false }).data.length;
  expect(lengthAt(9)).toBeLessThan(lengthAt(1));
  for (const level of [0, 10, 1.5, Number.NaN]) {
    expect(() => createDeflater({ level })).toThrow(expect.objectContaining({ code: "invalid" }));
  }
});

test("DEFLATE2 frames of one cork leave in order, compressed or not", async () => {
  const world = await openWorld();
  const peer = await world.connect(world.port, { deflate: true });
  const { transport } = world.accepted[0] as Accepted;
  const sent = ["a", long, "b", "c", long.slice(5), "d"];
  transport.cork();
  for (const text of sent) transport.send(textFrame(text));
  // Counted as they leave: as they were given, the two long ones are 8 000 bytes.
  expect(transport.bufferedBytes).toBeLessThan(1000);
  transport.uncork();
  await until(() => peer.frames.length === sent.length);
  expect(peer.frames).toEqual(sent);
});

test("DEFLATE3 a frame that goes to many is compressed once, and framed once", () => {
  const deflate = createDeflater(true);
  const frame = textFrame(long);
  const [one, other] = [deflate(frame), deflate(frame)];
  expect(one.framed).toBeInstanceOf(Uint8Array);
  expect(other).toBe(one);
  // Connections that did not agree get the same Frame.
  expect(frame).toEqual(textFrame(long));
  // Not worth it, and found out once.
  const dense: Frame = { data: noise, text: false };
  expect([deflate(dense) === dense, deflate(dense) === dense]).toEqual([true, true]);
});

test("DEFLATE3 one Frame reaches those who agreed and those who did not", async () => {
  const world = await openWorld();
  const peers = [await world.connect(world.port, { deflate: true }), await world.connect(), await openRaw(world)];
  const frame = textFrame(long);
  for (const { transport } of world.accepted) transport.send(frame);
  const [agreed, plain, raw] = peers as [Recorder, Recorder, RawPeer];
  await until(() => agreed.frames.length === 1 && plain.frames.length === 1 && raw.bytes().length > 2);
  expect([agreed.frames, plain.frames, raw.bytes()[0]]).toEqual([[long], [long], 0xc1]);
});

describe("DEFLATE4 maxFrameBytes", () => {
  const limit = 100_000;

  test("DEFLATE4 bounds what a message inflates to: 1009, counted, and nobody else is disturbed", async () => {
    let count = 0;
    const world = await openWorld({ deflate: true, maxFrameBytes: limit, onTooLarge: () => void count++ });
    const [bomber, other] = [await openRaw(world), await world.connect(world.port, { deflate: true })];
    bomber.socket.write(compressedFrame(deflated("x".repeat(limit))));
    await until(() => bomber.server.frames.length === 1);
    expect([bomber.server.frames[0]?.length, count]).toEqual([limit, 0]);
    bomber.socket.write(compressedFrame(deflated("x".repeat(limit + 1))));
    await until(() => bomber.server.closes.length > 0);
    expect(bomber.bytes().toString("hex")).toBe("880203f1");
    expect([bomber.server.events, bomber.server.closes[0]?.reason, count]).toEqual([
      ["frame", "close"],
      "Max payload size exceeded",
      1,
    ]);
    other.transport.send(textFrame(long));
    await until(() => world.accepted[1]?.frames.length === 1);
    expect(world.accepted[1]?.frames).toEqual([long]);
  });

  test("DEFLATE4 a bomb of a thousand times the limit takes no memory for it", async () => {
    const world = await openWorld({ deflate: true, maxFrameBytes: limit });
    // Just under the limit as it comes: 95 MB of zeros.
    const body = deflateRawSync(new Uint8Array(95_000_000), { level: 9 });
    expect(body.length).toBeLessThan(limit);
    const { socket, server } = await openRaw(world);
    const before = process.memoryUsage();
    socket.write(compressedFrame(body));
    let most = 0;
    await until(() => {
      const { arrayBuffers, external } = process.memoryUsage();
      most = Math.max(most, arrayBuffers - before.arrayBuffers, external - before.external);
      return server.closes.length > 0;
    });
    expect([server.frames, server.closes[0]?.reason]).toEqual([[], "Max payload size exceeded"]);
    expect(most).toBeLessThan(24 * 1024 * 1024);
  });

  test("DEFLATE4 bounds fragments together", async () => {
    const world = await openWorld({ deflate: true, maxFrameBytes: limit });
    const { socket, server } = await openRaw(world);
    const body = deflated("x".repeat(limit + 1));
    const [first, last] = [compressedFrame(body.subarray(0, 9)), compressedFrame(body.subarray(9))];
    first[0] = 0x41;
    last[0] = 0x80;
    socket.write(Buffer.concat([first, last]));
    await until(() => server.closes.length > 0);
    expect([server.frames, server.closes[0]?.reason]).toEqual([[], "Max payload size exceeded"]);
  });

  test("DEFLATE4 a server tells how many were closed for it", async () => {
    const sync = createServer({ limits: { maxFrameBytes: 1000 }, onError: () => {} });
    onTestFinished(() => sync.close());
    sync.on("app/length", ({ data }) => (data as string).length);
    const port = await sync.listen(0, { host: "127.0.0.1", deflate: true });
    const open = async (perMessageDeflate: boolean): Promise<{ socket: WebSocket; heard: string[] }> => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/chsk?client-id=a`, { perMessageDeflate });
      const heard: string[] = [];
      socket.on("message", (data) => heard.push(String(data)));
      await once(socket, "open");
      return { socket, heard };
    };
    const [bomber, plain, other] = [await open(true), await open(false), await open(true)];
    expect([bomber, plain, other].map(({ socket }) => socket.extensions)).toEqual([
      "permessage-deflate",
      "",
      "permessage-deflate",
    ]);
    for (const { socket } of [bomber, plain]) {
      socket.send(`[[:app/length "${"x".repeat(2000)}"] "a"]`);
      expect((await once(socket, "close"))[0]).toBe(1009);
    }
    await until(() => sync.stats().connections === 1);
    expect(sync.stats()).toMatchObject({ closedTooLarge: 2, malformed: 0 });
    other.socket.send('[[:app/length "abc"] "b"]');
    await until(() => other.heard.at(-1) === '[3 "b"]');
  });
});

test("DEFLATE5 who wants a smaller window than the server's gets messages as they are", async () => {
  const world = await openWorld();
  const small = await openRaw(world, "permessage-deflate; server_max_window_bits=9");
  expect(small.agreed).toMatch(/^permessage-deflate;/);
  small.server.transport.send(textFrame(long));
  await until(() => small.bytes().length === 4 + long.length);
  expect(small.bytes()[0]).toBe(0x81);
  small.socket.write(compressedFrame(deflated(long)));
  await until(() => small.server.frames.length === 1);
  expect(small.server.frames).toEqual([long]);
});

test("DEFLATE6 the client of Node offers to keep nothing, and takes a level", async () => {
  const world = await openWorld();
  await world.connect(world.port, { deflate: { level: 9 } });
  const offer = world.accepted[0]?.request.headers["sec-websocket-extensions"];
  expect(offer?.split("; ").sort()).toEqual([
    "client_max_window_bits",
    "client_no_context_takeover",
    "permessage-deflate",
    "server_no_context_takeover",
  ]);
  await expect(world.connect(world.port, { deflate: { level: 10 } })).rejects.toThrow("A deflate level is 1 to 9");
});

test("DEFLATE6 what the client sends is compressed from its threshold on", async () => {
  const world = await openWorld();
  const peer = await world.connect(world.port, { deflate: { thresholdBytes: 100 } });
  const { socket, frames } = world.accepted[0] as Accepted;
  const heads: number[] = [];
  socket.prependListener("data", (chunk: Buffer) => heads.push(chunk[0] as number));
  for (const text of ["x".repeat(99), "x".repeat(100)]) {
    peer.transport.send(textFrame(text));
    await until(() => frames.at(-1) === text);
  }
  expect(heads).toEqual([0x81, 0xc1]);
});

test.each([
  ["no deflate stream", Buffer.from("not deflated at all")],
  ["one that holds no UTF-8", deflated(Buffer.of(0xff, 0xfe, 0xfd))],
])("DEFLATE7 a message that is %s closes the connection with 1007", async (_, body) => {
  const { socket, server, bytes } = await openRaw(await openWorld());
  socket.write(compressedFrame(body));
  await until(() => server.closes.length > 0);
  expect([bytes().toString("hex"), server.frames]).toEqual(["880203ef", []]);
});

test("DEFLATE7 a compressed message on a connection that did not agree closes it with 1002", async () => {
  const { socket, server, bytes } = await openRaw(await openWorld(), "");
  socket.write(compressedFrame(deflated(long)));
  await until(() => server.closes.length > 0);
  expect([bytes().toString("hex"), server.frames]).toEqual(["880203ea", []]);
});

test("DEFLATE7 an offer that cannot be read is answered with 400", async () => {
  const world = await openWorld();
  const headers = { "Sec-WebSocket-Extensions": "permessage-deflate; nonsense" };
  const ws = new WebSocket(world.url, { perMessageDeflate: false, headers });
  await expect(once(ws, "open")).rejects.toThrow("400");
  expect(world.accepted).toEqual([]);
});
