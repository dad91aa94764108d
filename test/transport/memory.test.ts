import { describe, expect, test } from "vitest";
import { connectorContractSuite } from "../../src/testing/contracts/connector.ts";
import { transportContractSuite } from "../../src/testing/contracts/transport.ts";
import { binaryFrame, type Recorder, realTime, record, textFrame } from "../../src/testing/contracts/transport-world.ts";
import { memoryConnector, memoryPair } from "../../src/transport/memory.ts";

const dispose = async (): Promise<void> => {};

describe("memory as a transport", () => {
  const suite = transportContractSuite(
    async () => {
      const [client, server] = memoryPair();
      return { client, server, ...realTime, dispose };
    },
    { gathers: [], pauses: ["client", "server"] },
  );
  for (const { name, run } of suite) test(name, run);
});

describe("memory as a connector", () => {
  const suite = connectorContractSuite(async () => {
    const accepted: Recorder[] = [];
    const connector = memoryConnector((transport) => accepted.push(record(transport)));
    return { connector, url: "memory:", accepted, ...realTime, dispose };
  });
  for (const { name, run } of suite) test(name, run);
});

test("TRANSPORT8 the server is given the url before the client opens", async () => {
  const said: string[] = [];
  const connector = memoryConnector((_, url) => said.push(`accept ${url}`));
  connector.open("memory:there", { onOpen: () => said.push("open"), onFail: () => said.push("fail") });
  await realTime.settle();
  expect(said).toEqual(["accept memory:there", "open"]);
});

test("TRANSPORT5 what waits at a paused end fills the sender's buffer", async () => {
  const [one, other] = memoryPair().map(record) as [Recorder, Recorder];
  other.transport.pause();
  expect(one.transport.send(binaryFrame(65_536))).toBe(true);
  expect(one.transport.send(textFrame("x"))).toBe(false);
  await realTime.settle();
  expect([one.drains, one.transport.bufferedBytes]).toEqual([0, 65_537]);
  other.transport.resume();
  await realTime.until(() => one.drains === 1);
  expect(other.frames.length).toBe(2);
});

test("TRANSPORT2 a dropped connection is told to a paused end, too, without what was on its way", async () => {
  const [one, other] = memoryPair().map(record) as [Recorder, Recorder];
  other.transport.pause();
  one.transport.send(textFrame("x"));
  one.transport.terminate();
  await realTime.until(() => other.closes.length === 1);
  expect(other.events).toEqual(["close"]);
});
