/** The framing of streams, and what a transport over one does with a peer that speaks bytes by hand. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { isSyncError } from "../../src/core/errors.ts";
import { binaryFrame, type Recorder, realTime, record, textFrame } from "../../src/testing/contracts/transport-world.ts";
import { type AcceptStreamOptions, acceptStream } from "../../src/transport/stream.ts";
import { closeFrame, FrameReader, framePieces, openFrame, type StreamFrame } from "../../src/transport/stream-frame.ts";
import { isOpening, openingOf } from "../../src/transport/stream-opening.ts";
import { listenTcp } from "../../src/transport/tcp.ts";
import type { Frame } from "../../src/transport/transport.ts";
import { createVirtualEnv } from "../support/virtual-env.ts";

const { until, settle } = realTime;
const bytesOf = (frame: Frame): Buffer => Buffer.concat(framePieces(frame));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** All frames of `bytes`, given in pieces that end at `cuts`. */
function readAll(bytes: Uint8Array, cuts: readonly number[], { maxFrameBytes = 1 << 20, awaitsOpen = true } = {}): StreamFrame[] {
  const reader = new FrameReader(maxFrameBytes, awaitsOpen);
  const frames: StreamFrame[] = [];
  let start = 0;
  for (const end of [...cuts, bytes.length]) {
    reader.push(Buffer.from(bytes.subarray(start, end)));
    start = end;
    for (let frame = reader.next(); frame; frame = reader.next()) frames.push(frame);
  }
  return frames;
}

const refusal = (bytes: Uint8Array, options?: { maxFrameBytes?: number; awaitsOpen?: boolean }): unknown => {
  try {
    return readAll(bytes, [], options);
  } catch (error) {
    return isSyncError(error) ? error.code : error;
  }
};

const stream = Buffer.concat([
  openFrame("/chsk?client-id=ä"),
  bytesOf(textFrame("héllo")),
  bytesOf(textFrame("")),
  bytesOf(binaryFrame(0)),
  bytesOf({ data: new TextEncoder().encode("\ufeffbytes"), text: true }),
  bytesOf(binaryFrame(300, 5)),
  closeFrame(4001, "too slow"),
]);
const streamFrames: StreamFrame[] = [
  { kind: "open", url: "/chsk?client-id=ä" },
  { kind: "message", data: "héllo" },
  { kind: "message", data: "" },
  { kind: "message", data: new Uint8Array(0) },
  { kind: "message", data: "\ufeffbytes" },
  { kind: "message", data: new Uint8Array(300).fill(5) },
  { kind: "close", code: 4001, reason: "too slow" },
];

test("STREAM1 the bytes of each kind of frame", () => {
  expect(hex(openFrame("/a"))).toBe("00000002" + "2f61");
  expect(hex(bytesOf(textFrame("hé")))).toBe("40000003" + "68c3a9");
  expect(hex(bytesOf({ data: Uint8Array.of(0x7b), text: true }))).toBe("40000001" + "7b");
  expect(hex(bytesOf(binaryFrame(2)))).toBe("80000002" + "0707");
  expect(hex(closeFrame(1000, ""))).toBe("c0000002" + "03e8");
  expect(hex(closeFrame(4001, "x"))).toBe("c0000003" + "0fa1" + "78");
  expect(hex(bytesOf(binaryFrame(70_000)).subarray(0, 4))).toBe("80011170");
});

test("STREAM1 a long reason is cut between two characters", () => {
  const [frame] = readAll(closeFrame(1000, `x${"ż".repeat(100)}`), [], { awaitsOpen: false });
  expect(frame).toEqual({ kind: "close", code: 1000, reason: `x${"ż".repeat(61)}` });
});

test("STREAM2 bytes that come one by one, and all at once, give the same frames", () => {
  expect(readAll(stream, [])).toEqual(streamFrames);
  expect(readAll(stream, [...stream.keys()])).toEqual(streamFrames);
});

test("STREAM2 a stream cut at any one place, or at any two near each other, gives the same frames", () => {
  for (let cut = 1; cut < stream.length; cut++) {
    expect(readAll(stream, [cut])).toEqual(streamFrames);
    for (let next = cut; next < Math.min(cut + 6, stream.length); next++)
      expect(readAll(stream, [cut, next])).toEqual(streamFrames);
  }
});

test("STREAM2 a message of 1 MiB in odd pieces arrives whole", () => {
  const bytes = bytesOf({ data: Uint8Array.from({ length: 1 << 20 }, (_, index) => index % 251), text: false });
  const cuts = Array.from({ length: 900 }, (_, index) => index * 1163);
  const [frame] = readAll(bytes, cuts, { awaitsOpen: false }) as unknown as [{ data: Uint8Array }];
  expect(frame.data.every((byte, index) => byte === index % 251)).toBe(true);
  expect(frame.data.length).toBe(1 << 20);
});

test("STREAM2 bytes are the receiver's own, and not a window on what was read", () => {
  const chunk = Buffer.concat([bytesOf(binaryFrame(3)), bytesOf(binaryFrame(3))]);
  const reader = new FrameReader(100, false);
  reader.push(chunk);
  const { data } = reader.next() as { data: Uint8Array };
  expect(data.buffer.byteLength).toBe(3);
  expect(data.buffer).not.toBe(chunk.buffer);
});

test("STREAM3 an opening is a path with its query, and nothing that could lead elsewhere", () => {
  for (const good of ["/", "/chsk", "/?client-id=1", "/a//b?x=/y", "/chsk?client-id=ä"]) {
    expect(isOpening(good), good).toBe(true);
    expect(new URL(good, "ws://localhost").host).toBe("localhost");
  }
  for (const bad of ["", "chsk", "//evil", "/\\evil", "/\t/evil:99999", "/a b", "/a\n", "ws://evil/"])
    expect(isOpening(bad), bad).toBe(false);
  const openings = ["tcp://h:1/chsk?a=b", "stdio:///chsk", "port:chsk?x", "tcp://h:1", "tcp://h:1//x", "ws://h/a%20b"];
  expect(openings.map((url) => openingOf(new URL(url)))).toEqual(["/chsk?a=b", "/chsk", "/chsk?x", "/", "/x", "/a%20b"]);
});

test("STREAM3 an opening has at most 8 KiB, on both sides", () => {
  const longest = `/${"x".repeat(8191)}`;
  expect(readAll(openFrame(longest), [])).toEqual([{ kind: "open", url: longest }]);
  expect(() => openFrame(`${longest}x`)).toThrow(expect.objectContaining({ code: "too-large" }));
  expect(refusal(Buffer.from([0, 0, 0x20, 1]))).toBe("too-large");
  // What a browser or a TLS client would say first.
  expect(refusal(Buffer.from("GET / HTTP/1.1\r\n\r\n"))).toBe("malformed");
  expect(refusal(Buffer.from("1603010200", "hex"))).toBe("too-large");
});

test("STREAM4 a length over the limit is refused with its header, and one at the limit is not", () => {
  const limit = { maxFrameBytes: 100, awaitsOpen: false };
  expect(refusal(bytesOf(binaryFrame(100)), limit)).toHaveLength(1);
  expect(refusal(bytesOf(binaryFrame(101)).subarray(0, 4), limit)).toBe("too-large");
  expect(refusal(Buffer.from("7fffffff", "hex"), limit)).toBe("too-large");
  expect(refusal(Buffer.from("bfffffff", "hex"), limit)).toBe("too-large");
  expect(refusal(bytesOf(binaryFrame(100)).subarray(0, 4), limit)).toEqual([]);
});

test("STREAM4 a length that is promised and not sent takes no memory", () => {
  const header = Buffer.from([0x80, 0x10, 0, 0, 1, 2, 3]);
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 200 }, () => {
    const reader = new FrameReader(1 << 20, false);
    for (const byte of header) {
      reader.push(Buffer.of(byte));
      reader.next();
    }
    return reader;
  });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  expect(readers.length).toBe(200);
});

test("STREAM5 what is no frame is malformed", () => {
  const cases: [what: string, bytes: string, awaitsOpen?: boolean][] = [
    ["no opening", "4000000161", true],
    ["a close instead of an opening", "c000000203e8", true],
    ["an opening that is no path", "0000000161", true],
    ["an empty opening", "00000000", true],
    ["a second opening", "000000012f"],
    ["text that is not UTF-8", "40000002c328"],
    ["a reason that is not UTF-8", "c000000403e8c328"],
    ["a close without a code", "c0000000"],
    ["half a code", "c000000103"],
    ["a code under 1000", "c000000203e7"],
    ["a code over 4999", "c00000021388"],
    ["a code that nobody may send", "c000000203ee"],
    ["a reason that is too long", "c000007e"],
  ];
  for (const [what, bytes, awaitsOpen = false] of cases)
    expect(refusal(Buffer.from(bytes, "hex"), { awaitsOpen }), what).toBe("malformed");
});

/** A listener, and a peer of it that speaks bytes. */
async function openRaw(options: AcceptStreamOptions = {}, onAccept?: (server: Recorder) => void) {
  const accepted: Recorder[] = [];
  const urls: string[] = [];
  const accept = (transport: Recorder["transport"], url: string): void => {
    const server = record(transport);
    onAccept?.(server);
    accepted.push(server);
    urls.push(url);
  };
  const door = await listenTcp({ accept }, { port: 0, ...options });
  const socket: Socket = connect({ port: door.port, host: "127.0.0.1", allowHalfOpen: true });
  onTestFinished(() => {
    socket.destroy();
    for (const { transport } of accepted) transport.terminate();
    door.close();
  });
  let all = Buffer.alloc(0);
  let ended = false;
  socket.on("data", (chunk) => {
    all = Buffer.concat([all, chunk]);
  });
  socket.on("end", () => {
    ended = true;
  });
  socket.on("error", () => {});
  await once(socket, "connect");
  return { socket, accepted, urls, bytes: () => hex(all), ended: () => ended, port: door.port };
}

const opening = openFrame("/chsk?client-id=1");

test("STREAM3 the acceptor hands over the connection with its opening, and not before", async () => {
  const { socket, accepted, urls } = await openRaw();
  socket.write(opening.subarray(0, 9));
  await settle();
  expect(accepted).toEqual([]);
  socket.write(opening.subarray(9));
  await until(() => accepted.length === 1);
  expect(urls).toEqual(["/chsk?client-id=1"]);
});

test.each([
  [
    "STREAM4 a message over the limit is told by 1009",
    [opening, bytesOf(binaryFrame(101)).subarray(0, 4)],
    1009,
    "Over 100 bytes",
  ],
  [
    "STREAM5 text that is not UTF-8 is told by 1002",
    [opening, Buffer.from("40000002c328", "hex")],
    1002,
    "Text that is not UTF-8",
  ],
] as const)("%s", async (_, pieces, code, reason) => {
  const { socket, accepted, bytes, ended } = await openRaw({ maxFrameBytes: 100 });
  socket.write(Buffer.concat([...pieces, bytesOf(textFrame("after"))]));
  await until(ended);
  expect(bytes()).toBe(hex(closeFrame(code, reason)));
  socket.end();
  await until(() => accepted[0]!.closes.length > 0);
  expect([accepted[0]!.events, accepted[0]!.closes]).toEqual([["close"], [{ code, reason }]]);
});

test("STREAM5 a peer that says no opening is answered and never handed over", async () => {
  const { socket, accepted, bytes, ended } = await openRaw();
  socket.write("GET / HTTP/1.1\r\n\r\n");
  await until(ended);
  expect(bytes()).toBe(hex(closeFrame(1002, "The stream does not begin with an opening")));
  expect(accepted).toEqual([]);
});

test("STREAM6 a peer that says nothing is closed at the deadline, and one that opened is not", async () => {
  const env = createVirtualEnv();
  const silent = await openRaw({ env });
  await until(() => env.timers === 1);
  const opened = await openRaw({ env });
  opened.socket.write(opening);
  await until(() => opened.accepted.length === 1);
  expect(env.timers).toBe(1);
  env.advance(9999);
  await settle();
  expect(silent.ended()).toBe(false);
  env.advance(1);
  await until(silent.ended);
  expect(silent.bytes()).toBe(hex(closeFrame(1002, "No opening in time")));
  expect([silent.accepted, opened.ended()]).toEqual([[], false]);
});

test("STREAM6 a stream for which no deadline is given has none", async () => {
  const env = createVirtualEnv();
  const quiet = { on() {}, pause() {}, resume() {}, destroy() {}, write() {}, cork() {}, uncork() {}, end() {} };
  acceptStream({ name: "x", source: quiet, sink: { ...quiet, writableLength: 0, writableNeedDrain: false } }, () => {}, { env });
  expect(env.timers).toBe(0);
});

test("STREAM7 a close is answered by the end of the stream", async () => {
  const { socket, accepted, bytes, ended } = await openRaw();
  socket.write(Buffer.concat([opening, bytesOf(textFrame("a")), closeFrame(4001, "bye")]));
  await until(ended);
  expect([bytes(), accepted[0]!.events, accepted[0]!.closes]).toEqual(["", ["frame", "close"], [{ code: 4001, reason: "bye" }]]);
});

test("STREAM7 a peer that does not answer a close is dropped after two seconds", async () => {
  const env = createVirtualEnv();
  const { socket, accepted, ended } = await openRaw({ env });
  socket.write(opening);
  await until(() => accepted.length === 1);
  const [server] = accepted as [Recorder];
  server.transport.close(1001, "restart");
  await until(ended);
  socket.write(bytesOf(textFrame("not heard")));
  await settle();
  env.advance(1999);
  expect(server.events).toEqual([]);
  env.advance(1);
  expect([server.events, server.closes, env.timers]).toEqual([["close"], [{ code: 1006, reason: "" }], 0]);
});

test("STREAM8 a stream that ends within a frame is told as 1006, without that frame", async () => {
  const { socket, accepted } = await openRaw();
  socket.end(Buffer.concat([opening, bytesOf(textFrame("whole")), bytesOf(textFrame("cut off")).subarray(0, 8)]));
  await until(() => accepted[0]?.closes.length === 1);
  expect([accepted[0]!.frames, accepted[0]!.closes]).toEqual([["whole"], [{ code: 1006, reason: "" }]]);
});

test("STREAM8 a reset is told as 1006 with its reason", async () => {
  const { socket, accepted } = await openRaw();
  socket.write(opening);
  await until(() => accepted.length === 1);
  socket.resetAndDestroy();
  await until(() => accepted[0]!.closes.length === 1);
  expect(accepted[0]!.closes).toEqual([{ code: 1006, reason: "read ECONNRESET" }]);
});

test("STREAM9 what is large is not copied", () => {
  const data = new Uint8Array(1025);
  expect(framePieces({ data, text: true })[1]).toBe(data);
  expect(framePieces({ data: data.subarray(1), text: true })).toHaveLength(1);
});

test("STREAM10 frames behind the opening wait for a paused transport, also those of the same read", async () => {
  const { socket, accepted } = await openRaw({}, (server) => server.transport.pause());
  socket.write(Buffer.concat([opening, bytesOf(textFrame("a")), bytesOf(textFrame("b")), closeFrame(1000, "")]));
  await until(() => accepted.length === 1);
  await settle();
  const [server] = accepted as [Recorder];
  expect(server.events).toEqual([]);
  server.transport.resume();
  expect(server.events).toEqual([]);
  await until(() => server.closes.length === 1);
  expect(server.frames).toEqual(["a", "b"]);
});

test("STREAM10 a transport that is paused within a frame tells the next ones later", async () => {
  const { socket, accepted } = await openRaw();
  socket.write(opening);
  await until(() => accepted.length === 1);
  const { transport } = accepted[0]!;
  const heard: unknown[] = [];
  transport.handlers = {
    onFrame(data) {
      heard.push(data);
      transport.pause();
    },
    onClose() {},
  };
  socket.write(Buffer.concat(["a", "b", "c"].map((word) => bytesOf(textFrame(word)))));
  await until(() => heard.length === 1);
  await settle();
  expect(heard).toEqual(["a"]);
  transport.resume();
  await until(() => heard.length === 2);
  await settle();
  expect(heard).toEqual(["a", "b"]);
});
