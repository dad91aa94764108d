/**
 * The compact form of entries.
 * Rules: docs/protocol/plane.md PLANE1-PLANE4.
 */
import fc from "fast-check";
import { defineChannel } from "sente-sync";
import { channel as clientChannel, createClient } from "sente-sync/client";
import { msgpack } from "sente-sync/packers/msgpack";
import { channel, createServer } from "sente-sync/server";
import { memoryConnector } from "sente-sync/transports/memory";
import { expect, onTestFinished, test } from "vitest";
import { entriesMark, readEntries, writeEntries } from "../../src/session/messages/entries.ts";
import type { Frame, Transport } from "../../src/transport/transport.ts";

const asIs = (packed: Uint8Array): unknown => Array.from(packed);

test("PLANE2 numbers and entries are read as they were written", () => {
  const integer = fc.oneof(fc.nat(300), fc.nat(2 ** 31 - 1), fc.maxSafeNat());
  const entries = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(integer, integer, entries, (id, first, packed) => {
      expect(readEntries(writeEntries(id, first, packed), asIs)).toEqual([id, first, packed.map((entry) => Array.from(entry))]);
    }),
  );
  expect(Array.from(writeEntries(300, 1, [Uint8Array.of(7, 8)]))).toEqual([0xc1, 0xac, 0x02, 0x01, 0x02, 7, 8]);
});

test("PLANE3 a frame that is cut short, or whose numbers are too large, is malformed", () => {
  const frame = writeEntries(300, 70_000, [Uint8Array.of(1, 2, 3), new Uint8Array(200)]);
  const whole = new Set([frame.length, frame.length - 202]);
  const bounds = [1 + 2 + 3];
  for (let length = 1; length < frame.length; length++) {
    if (whole.has(length) || bounds.includes(length)) continue;
    expect(() => readEntries(frame.subarray(0, length), asIs), `${length}`).toThrow(
      expect.objectContaining({ code: "malformed" }),
    );
  }
  const tooLarge = Uint8Array.of(entriesMark, ...Array<number>(9).fill(0xff), 1);
  expect(() => readEntries(tooLarge, asIs)).toThrow(expect.objectContaining({ code: "malformed" }));
});

const room = defineChannel("room");

/** A client over memory, and the frames that the server sent it. */
async function watched(packer: ReturnType<typeof msgpack> | undefined): Promise<readonly Frame[]> {
  const frames: Frame[] = [];
  const sync = createServer(packer ? { packer } : {});
  const served = channel(sync, room);
  const accept = (transport: Transport, url: string): void => {
    const send = transport.send.bind(transport);
    transport.send = (frame) => {
      frames.push(frame);
      return send(frame);
    };
    void sync.accept(transport, url);
  };
  const client = createClient("ws://memory/chsk", { connector: memoryConnector(accept), ...(packer && { packer }) });
  onTestFinished(async () => {
    client.close();
    await sync.close();
  });
  const heard: unknown[] = [];
  clientChannel(client, room).subscribe(({ data }) => void heard.push(data));
  await expect.poll(() => sync.stats().topics).toBe(1);
  await expect.poll(() => frames.length).toBeGreaterThan(2);
  for (let n = 0; n < 3; n++) served.publish("said", n);
  await expect.poll(() => heard).toEqual([0, 1, 2]);
  return frames;
}

test("PLANE1 and PLANE4 a binary packer gets entries in the compact form, a text packer does not, and both are read", async () => {
  const isCompact = ({ data }: Frame): boolean => typeof data !== "string" && data[0] === entriesMark;
  expect((await watched(msgpack())).filter(isCompact)).toHaveLength(1);
  expect((await watched(undefined)).filter(isCompact)).toHaveLength(0);
});
