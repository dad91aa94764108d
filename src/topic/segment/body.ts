/**
 * What lies in a block's body: its checksum, and then its records. Also the pieces of snapshots, which are a checksum and bytes.
 *
 * Always: the checksum is seeded with whose body it is, so that one that lies in another's place does not pass.
 * Rules: docs/protocol/storage.md SEG2, SEG4.
 */
import type { LogRecord } from "../log.ts";
import { ByteReader, type ByteWriter } from "./bytes.ts";
import { crc32c } from "./crc.ts";

/** Bytes of the checksum, which come first. */
export const checkBytes = 4;

const seedOf = (id: number, offset: number): number => (Math.imul(id, 0x9e3779b1) ^ offset) >>> 0;

/** The checksum of a body, `start` being where its checksum stands, into its place. */
export function seal(bytes: Uint8Array, start: number, end: number, id: number, offset: number): void {
  const crc = crc32c(bytes, start + checkBytes, end, seedOf(id, offset));
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(start, crc, true);
}

/** Whether that is the body that was written for that topic and offset. */
export function isSound(body: Uint8Array, id: number, offset: number): boolean {
  if (body.length < checkBytes) return false;
  const crc = new DataView(body.buffer, body.byteOffset).getUint32(0, true);
  return crc === crc32c(body, checkBytes, body.length, seedOf(id, offset));
}

/** Record by record: size of the entry, 0 or 1 + size of the origin, milliseconds, the bytes of both. */
export function writeRecord(writer: ByteWriter, { entry, atMs, origin }: LogRecord): void {
  writer.varint(entry.length);
  writer.varint(origin ? origin.length + 1 : 0);
  writer.varint(Math.max(0, Math.round(atMs)));
  if (origin) writer.raw(origin);
  writer.raw(entry);
}

/** Calls `each` with the record and its offset until it answers false; copies nothing before `from`. */
export function readRecords(
  body: Uint8Array,
  first: number,
  count: number,
  from: number,
  each: (record: LogRecord, offset: number) => boolean,
): void {
  const reader = new ByteReader(body, checkBytes);
  for (let offset = first; offset < first + count; offset++) {
    const entryLength = reader.varint();
    const originLength = reader.varint();
    const atMs = reader.varint();
    if (offset < from) {
      reader.skip(Math.max(0, originLength - 1) + entryLength);
      continue;
    }
    const origin = originLength ? reader.raw(originLength - 1).slice() : undefined;
    const entry = reader.raw(entryLength).slice();
    if (!each(origin ? { entry, atMs, origin } : { entry, atMs }, offset)) return;
  }
}

/** Calls `each` with the entry's length and the time of each record. */
export function measureRecords(body: Uint8Array, count: number, each: (entryBytes: number, atMs: number) => void): void {
  const reader = new ByteReader(body, checkBytes);
  for (let i = 0; i < count; i++) {
    const entryLength = reader.varint();
    const originLength = reader.varint();
    const atMs = reader.varint();
    reader.skip(Math.max(0, originLength - 1) + entryLength);
    each(entryLength, atMs);
  }
}
