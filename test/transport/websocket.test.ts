import { describe, expect, test } from "vitest";
import { connectorContractSuite } from "../../src/testing/contracts/connector.ts";
import { transportContractSuite } from "../../src/testing/contracts/transport.ts";
import { type Recorder, realTime, record, textFrame } from "../../src/testing/contracts/transport-world.ts";
import { virtualClock } from "../../src/testing/virtual-clock.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { websocket } from "../../src/transport/websocket.ts";
import type { WebSocketLike } from "../../src/transport/ws-global.ts";
import { openWebSocketWorld } from "../support/websocket-world.ts";

describe("websocket as a transport", () => {
  const suite = transportContractSuite(
    async () => {
      const world = await openWebSocketWorld();
      const { transport: client } = await world.connect();
      await realTime.until(() => world.accepted.length === 1);
      return { client, server: (world.accepted[0] as Recorder).transport, ...realTime, dispose: world.dispose };
    },
    { gathers: ["server"], pauses: ["server"] },
  );
  for (const { name, run } of suite) test(name, run);
});

describe("websocket as a connector", () => {
  const suite = connectorContractSuite(
    async () => {
      const { url, accepted, dispose } = await openWebSocketWorld();
      return { connector: websocket(), url, accepted, ...realTime, dispose };
    }, // The discard port: nobody listens there.
    "ws://127.0.0.1:9/",
  );
  for (const { name, run } of suite) test(name, run);
});

/** A WebSocket that does what the test says. */
class FakeWebSocket implements WebSocketLike {
  static opened: FakeWebSocket[] = [];
  binaryType = "blob";
  bufferedAmount = 0;
  readyState = 1;
  readonly protocol = "";
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onerror: WebSocketLike["onerror"] = null;
  onclose: WebSocketLike["onclose"] = null;
  readonly sent: unknown[] = [];
  readonly closes: unknown[] = [];

  constructor() {
    FakeWebSocket.opened.push(this);
  }

  send(data: string | Uint8Array): void {
    this.sent.push(data);
  }

  close(...how: unknown[]): void {
    this.closes.push(how);
  }

  say(event: "onopen" | "onmessage" | "onerror" | "onclose", detail: object = {}): void {
    (this[event] as ((detail: object) => void) | null)?.(detail);
  }
}

const openFake = (isOpen = true) => {
  const clock = virtualClock({ seed: 1 });
  const said: string[] = [];
  let recorder: Recorder | undefined;
  const opening = websocket({ WebSocket: FakeWebSocket, env: clock.envFor("client") }).open("ws://there", {
    onOpen(transport: Transport) {
      said.push("open");
      recorder = record(transport);
    },
    onFail: (reason) => said.push(`fail ${reason}`),
  });
  const ws = FakeWebSocket.opened.pop() as FakeWebSocket;
  if (isOpen) ws.say("onopen");
  return { clock, said, opening, ws, recorder: recorder as Recorder };
};

test("TRANSPORT1 binary messages are asked for as array buffers and arrive as bytes", () => {
  const { ws, recorder } = openFake();
  ws.say("onmessage", { data: Uint8Array.of(1, 2).buffer });
  expect([ws.binaryType, recorder.frames]).toEqual(["arraybuffer", [Uint8Array.of(1, 2)]]);
});

test("TRANSPORT5 a full buffer is asked again every 50 ms, and only while it is full", async () => {
  const { clock, ws, recorder } = openFake();
  ws.bufferedAmount = 65_536;
  expect(recorder.transport.send(textFrame("fits"))).toBe(true);
  expect(await clock.run()).toBe("idle");
  expect(clock.nowMs).toBe(0);
  ws.bufferedAmount = 65_537;
  expect(recorder.transport.send(textFrame("full"))).toBe(false);
  expect(recorder.transport.uncork()).toBe(false);
  await clock.advance(500);
  expect([clock.steps, recorder.drains]).toEqual([10, 0]);
  ws.bufferedAmount = 100;
  await clock.run();
  expect([clock.steps, recorder.drains]).toEqual([11, 1]);
});

test("TRANSPORT2 a connection that ends while its buffer is full tells no drain and leaves no timer", async () => {
  const { clock, ws, recorder } = openFake();
  ws.bufferedAmount = 70_000;
  recorder.transport.send(textFrame("full"));
  ws.say("onclose", { code: 1001, reason: "gone" });
  ws.bufferedAmount = 0;
  expect(await clock.run()).toBe("idle");
  expect([clock.steps, recorder.events, recorder.closes]).toEqual([0, ["close"], [{ code: 1001, reason: "gone" }]]);
});

test("TRANSPORT4 a frame for a socket that its peer has closed, and that has not said so yet, is dropped without a word", () => {
  const { ws, recorder } = openFake();
  recorder.transport.send(textFrame("in time"));
  ws.readyState = 2;
  expect(recorder.transport.send(textFrame("late"))).toBe(true);
  expect([ws.sent, recorder.closes]).toEqual([["in time"], []]);
  ws.say("onclose", { code: 1001, reason: "gone" });
  expect(recorder.closes).toEqual([{ code: 1001, reason: "gone" }]);
});

test("TRANSPORT8 a cancelled open closes its socket, and nothing that one still says is heard", () => {
  const { said, opening, ws } = openFake(false);
  opening.cancel();
  expect(ws.closes.length).toBe(1);
  ws.say("onopen");
  ws.say("onmessage", { data: "late" });
  ws.say("onerror", { message: "late" });
  ws.say("onclose", { code: 1006, reason: "" });
  expect(said).toEqual([]);
});

test("TRANSPORT8 a failed open says why, as far as the platform tells", () => {
  const { said, ws } = openFake(false);
  ws.say("onerror", { message: "connect ECONNREFUSED" });
  ws.say("onclose", { code: 1006, reason: "" });
  expect(said).toEqual(["fail connect ECONNREFUSED"]);
});

test("TRANSPORT8 a constructor that throws is a failed open, not at once", async () => {
  const said: string[] = [];
  websocket().open("no url at all", { onOpen: () => said.push("open"), onFail: (reason) => said.push(reason) });
  expect(said).toEqual([]);
  await realTime.until(() => said.length > 0);
  expect(said[0]).toMatch(/SyntaxError/);
});

test("TRANSPORT14 a close that is not answered is given up after two seconds", async () => {
  const { clock, ws, recorder } = openFake();
  recorder.transport.close(4000, "bye");
  expect(ws.closes).toEqual([[4000, "bye"]]);
  await clock.advance(1999);
  expect(recorder.closes).toEqual([]);
  await clock.advance(1);
  expect(recorder.closes).toEqual([{ code: 1006, reason: "" }]);
  ws.say("onclose", { code: 4000, reason: "bye" });
  expect(recorder.closes.length).toBe(1);
});

test("TRANSPORT14 an answered close leaves no timer", async () => {
  const { clock, ws, recorder } = openFake();
  recorder.transport.close();
  ws.say("onclose", { code: 1000, reason: "" });
  await clock.run();
  expect([clock.nowMs, recorder.closes]).toEqual([0, [{ code: 1000, reason: "" }]]);
});

test("TRANSPORT15 the client of Node offers no compression", async () => {
  const world = await openWebSocketWorld();
  await world.connect();
  expect(world.accepted[0]?.request.headers["sec-websocket-extensions"]).toBeUndefined();
  await world.dispose();
});
