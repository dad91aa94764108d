import { afterEach, expect, test } from "vitest";
import { binaryFrame, type Recorder, realTime, textFrame } from "../../src/testing/contracts/transport-world.ts";
import { openTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { openWebSocketWorld } from "../support/websocket-world.ts";

const { until, settle } = realTime;
let dispose: () => Promise<void> = async () => {};
afterEach(() => dispose());

const open = async (): Promise<{ proxy: TcpProxy; client: Recorder; server: Recorder }> => {
  const world = await openWebSocketWorld();
  const proxy = await openTcpProxy(world.port);
  dispose = async () => {
    await proxy.close();
    await world.dispose();
  };
  const client = await world.connect(proxy.port);
  return { proxy, client, server: world.accepted[0] as Recorder };
};

test("TRANSPORT1 frames arrive through a slow wire", async () => {
  const { proxy, client, server } = await open();
  proxy.delay(30);
  const startMs = performance.now();
  client.transport.send(textFrame("there"));
  await until(() => server.frames.length === 1);
  server.transport.send(binaryFrame(100_000));
  await until(() => client.frames.length === 1);
  expect(performance.now() - startMs).toBeGreaterThan(55);
});

test("TRANSPORT3 a cut wire is told to both sides as 1006", async () => {
  const { proxy, client, server } = await open();
  proxy.cut();
  await until(() => client.closes.length > 0 && server.closes.length > 0);
  await settle();
  expect([client.closes.map(({ code }) => code), server.closes.map(({ code }) => code)]).toEqual([[1006], [1006]]);
  expect(proxy.connections).toBe(0);
});

test.each([1, 3, 9, 40])("TRANSPORT1 of a frame cut in the middle, %i bytes in, nothing arrives", async (bytes) => {
  const { proxy, client, server } = await open();
  server.transport.send(textFrame("whole"));
  await until(() => client.frames.length === 1);
  proxy.cutAfter(bytes, "client");
  server.transport.send(textFrame("x".repeat(60)));
  await until(() => client.closes.length > 0 && server.closes.length > 0);
  expect([client.frames, client.closes.map(({ code }) => code)]).toEqual([["whole"], [1006]]);
});

test("TRANSPORT14 on a half-open wire nothing is told, until a close goes unanswered", async () => {
  const { proxy, client, server } = await open();
  proxy.halfOpen("server");
  client.transport.send(textFrame("into the void"));
  server.transport.send(textFrame("still heard"));
  await until(() => client.frames.length === 1);
  await settle();
  expect([server.events, client.events]).toEqual([[], ["frame"]]);
  client.transport.close();
  await until(() => client.closes.length > 0);
  expect(client.closes).toEqual([{ code: 1006, reason: "" }]);
});

test("TRANSPORT8 a refused connection is a failed open", async () => {
  const { proxy } = await open();
  proxy.refuse(true);
  const world = await openWebSocketWorld();
  await expect(world.connect(proxy.port)).rejects.toThrow();
  await world.dispose();
});
