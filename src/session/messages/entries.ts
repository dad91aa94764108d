/**
 * Entries between two of ours that both offered `:binary` in hello: the compact data plane.
 *
 * Frame:
 *    0  u8       0xC1: begins no text in UTF-8 and no MessagePack value
 *    1  varint   id of the topic
 *    …  varint   offset of the first entry
 *    …  entries  varint length, then the packed entry
 *
 * A varint is little-endian, seven bits a byte, the eighth set where another follows; at most 2^53 - 1.
 * Always: reading throws SyncError `malformed` for a frame that ends within an entry, or a number that is too large.
 * Rules: docs/protocol/plane.md PLANE1-PLANE4.
 */
import { SyncError } from "../../core/errors.ts";

export const entriesMark = 0xc1;

/** The frame, its entries copied. */
export function writeEntries(id: number, first: number, entries: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let size = 1 + varintBytes(id) + varintBytes(first);
  for (const { length } of entries) size += varintBytes(length) + length;
  const frame = new Uint8Array(size);
  frame[0] = entriesMark;
  let at = putVarint(frame, putVarint(frame, 1, id), first);
  for (const entry of entries) {
    at = putVarint(frame, at, entry.length);
    frame.set(entry, at);
    at += entry.length;
  }
  return frame;
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) count++;
  return count;
}

/** Returns where it ends. */
function putVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128;
  bytes[at++] = rest;
  return at;
}

/** The data of the `:sync/entries` that the frame stands for. */
export function readEntries(
  frame: Uint8Array,
  unpack: (packed: Uint8Array) => unknown,
): [id: number, first: number, entries: unknown[]] {
  let at = 1;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = frame[at++];
      if (byte === undefined || scale > 2 ** 49) throw new SyncError("malformed", "Entries cut short");
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const id = varint();
  const first = varint();
  const entries: unknown[] = [];
  while (at < frame.length) {
    const end = varint() + at;
    if (end > frame.length) throw new SyncError("malformed", "Entries cut short");
    entries.push(unpack(frame.subarray(at, end)));
    at = end;
  }
  return [id, first, entries];
}
