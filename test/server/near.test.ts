/**
 * Round trips that are measured where pings are answered, and what a packer makes of them.
 * Rules: docs/protocol/seals.md GZIP11.
 */
import { gzip } from "sente-sync/packers/gzip";
import { memoryPair } from "sente-sync/transports/memory";
import { expect, test } from "vitest";
import type { Transport } from "../../src/transport/transport.ts";
import { edn } from "../../src/wire/edn.ts";
import { createWorld } from "./world.ts";

const packer = gzip(edn(), { adaptive: true });
const long = "all work and no play ".repeat(100);
/** A frame as the wrapper leaves it. */
const left = (text: string): Uint8Array => Uint8Array.of(0, ...new TextEncoder().encode(text));
const flags = (frames: readonly (string | Uint8Array)[]): unknown[] =>
  frames.filter((data) => data.length > 50).map((data) => data[0]);

/** A plain peer of a compressing server, which answers a ping after so long. */
async function openPeer(answerMs: number | undefined, asked = "[[:chsk/ws-pong] nil]") {
  const world = createWorld({ packer });
  const [near, far] = memoryPair(world.env);
  const frames: (string | Uint8Array)[] = [];
  let pings = 0;
  near.handlers = {
    onFrame(data) {
      frames.push(data);
      if (!Buffer.from(data).includes("chsk/ws-ping")) return;
      pings++;
      if (answerMs !== undefined) world.env.setTimer(() => near.send({ data: left(asked), text: false }), answerMs);
    },
    onClose() {},
  };
  await world.sync.accept(far, "/chsk?client-id=raw");
  await world.settle();
  frames.length = 0;
  const tell = async (): Promise<void> => {
    world.sync.broadcast("app/said", long);
    await world.settle();
  };
  return { world, near, frames, tell, pings: () => pings };
}

test.each([
  [0, [1, 0]],
  [4, [1, 0]],
  [5, [1, 1]],
  [300, [1, 1]],
])("GZIP11 a peer that answers a ping after %i ms", async (answerMs, expected) => {
  const { world, frames, tell, pings } = await openPeer(answerMs);
  await tell();
  await world.advance(16_000);
  expect(pings()).toBe(1);
  await tell();
  expect(flags(frames)).toEqual(expected);
});

test("GZIP11 a later round trip counts, and one that was not measured does not", async () => {
  const { world, near, frames, tell, pings } = await openPeer(1);
  await world.advance(16_000);
  await tell();
  // Nobody asked for it.
  near.send({ data: left("[[:chsk/ws-pong] nil]"), text: false });
  await world.settle();
  await tell();
  expect([flags(frames), pings()]).toEqual([[0, 0], 1]);
  const unasked = await openPeer(undefined);
  unasked.near.send({ data: left("[[:chsk/ws-pong] nil]"), text: false });
  await unasked.world.settle();
  await unasked.tell();
  expect(flags(unasked.frames)).toEqual([1]);
});

test("GZIP11 anything but a pong is no answer", async () => {
  const { world, frames, tell, pings } = await openPeer(1, "[[:app/other nil] nil]");
  await world.advance(16_000);
  await tell();
  expect([flags(frames), pings()]).toEqual([[1], 1]);
});

test("GZIP11 a client measures its own pings", async () => {
  const world = createWorld({ packer, keepalive: { keepaliveMs: 0 } });
  world.sync.on("app/said", () => {});
  const frames: (string | Uint8Array)[] = [];
  const watched = (transport: Transport): Transport => {
    const send = transport.send.bind(transport);
    transport.send = (frame) => {
      frames.push(frame.data);
      return send(frame);
    };
    return transport;
  };
  const connector = {
    name: "memory",
    open: (url: string, events: Parameters<typeof world.connector.open>[1]) =>
      world.connector.open(url, { ...events, onOpen: (transport) => events.onOpen(watched(transport)) }),
  };
  const client = world.client({ packer, connector, positionMs: 1e9 });
  await world.settle();
  frames.length = 0;
  client.send("app/said", long);
  await world.advance(25_000);
  client.send("app/said", long);
  await world.settle();
  expect(frames.filter((data) => Buffer.from(data).includes("chsk/ws-ping"))).toHaveLength(1);
  expect([frames[0]?.[0], frames.at(-1)?.[0]]).toEqual([1, 0]);
  expect(client.status.get().name).toBe("connected");
});
