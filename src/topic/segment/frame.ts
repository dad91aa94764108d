/**
 * The bytes of a segment file: batches, one behind the other, and nothing else. Each is
 *
 *     head, 28 bytes   salt 8 | crc 4 of the 16 that follow | position 4 | table 4 | bodies 4 | crc 4 of the table
 *     table            what the batch does (table.ts)
 *     bodies           of its items, in their order (body.ts)
 *     table            the same again
 *     tail, 28 bytes   the head again, its salt turned over bit by bit
 *
 * Numbers are little-endian, checksums CRC-32C; `table` and `bodies` are lengths; `position` is where the batch begins. The salt is
 * random for each segment and stands in the file's name, so that nobody can write an entry that looks like a batch.
 *
 * Always: no single run of damage inside the head, a table or the tail makes a batch unknown, since the other copy tells what it was.
 * Rules: docs/protocol/storage.md SEG1-SEG4.
 */
import { crc32c } from "./crc.ts";

export const headBytes = 28;
export const saltBytes = 8;
const crcAt = 8;
const checkedAt = 12;

export interface Frame {
  readonly position: number;
  readonly tableBytes: number;
  readonly bodyBytes: number;
}

/** Where the batch ends. */
export const endOf = ({ position, tableBytes, bodyBytes }: Frame): number => position + 2 * (headBytes + tableBytes) + bodyBytes;

/** Where its bodies begin. */
export const bodiesOf = ({ position, tableBytes }: Frame): number => position + headBytes + tableBytes;

/** What stands before the bodies and what behind them; `table` has room for a head in front, and one behind. */
export function frameOf(salt: Uint8Array, table: Uint8Array, frame: Frame): { front: Uint8Array; back: Uint8Array } {
  const { position, tableBytes, bodyBytes } = frame;
  const front = new Uint8Array(headBytes + tableBytes);
  front.set(salt);
  front.set(table, headBytes);
  const view = new DataView(front.buffer);
  view.setUint32(checkedAt, position, true);
  view.setUint32(checkedAt + 4, tableBytes, true);
  view.setUint32(checkedAt + 8, bodyBytes, true);
  view.setUint32(checkedAt + 12, crc32c(table), true);
  view.setUint32(crcAt, crc32c(front, checkedAt, headBytes), true);
  const back = new Uint8Array(tableBytes + headBytes);
  back.set(table);
  back.set(front.subarray(0, headBytes), tableBytes);
  for (let i = 0; i < saltBytes; i++) back[tableBytes + i] = ~(salt[i] as number);
  return { front, back };
}

/** The batch whose head stands at `at`, or, with `turned`, whose tail does; undefined where none whole does. */
function readHead(bytes: Uint8Array, salt: Uint8Array, at: number, turned: 0 | 255): (Frame & { tableCrc: number }) | undefined {
  if (at < 0 || at + headBytes > bytes.length) return undefined;
  for (let i = 0; i < saltBytes; i++) if (bytes[at + i] !== ((salt[i] as number) ^ turned)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, headBytes);
  if (view.getUint32(crcAt, true) !== crc32c(bytes, at + checkedAt, at + headBytes)) return undefined;
  const frame = {
    position: view.getUint32(checkedAt, true),
    tableBytes: view.getUint32(checkedAt + 4, true),
    bodyBytes: view.getUint32(checkedAt + 8, true),
    tableCrc: view.getUint32(checkedAt + 12, true),
  };
  // One that the disk put elsewhere than it was told.
  const headAt = turned ? endOf(frame) - headBytes : frame.position;
  return headAt === at ? frame : undefined;
}

export interface FoundBatch extends Frame {
  readonly table: Uint8Array;
}

/** The next batch from `from` on, whichever of its copies is whole. What is between is damage, or the end. */
export function findBatch(bytes: Uint8Array, salt: Uint8Array, from: number): FoundBatch | undefined {
  const first = salt[0] as number;
  const turnedFirst = ~first & 255;
  for (let at = from; at + headBytes <= bytes.length; at++) {
    const byte = bytes[at];
    if (byte !== first && byte !== turnedFirst) continue;
    const frame = readHead(bytes, salt, at, byte === first ? 0 : 255);
    if (!frame || frame.position < from) continue;
    const table = tableOf(bytes, frame);
    if (table) return { position: frame.position, tableBytes: frame.tableBytes, bodyBytes: frame.bodyBytes, table };
  }
  return undefined;
}

/** The whole one of the two tables. */
function tableOf(bytes: Uint8Array, frame: Frame & { tableCrc: number }): Uint8Array | undefined {
  for (const start of [frame.position + headBytes, bodiesOf(frame) + frame.bodyBytes]) {
    const table = bytes.subarray(start, start + frame.tableBytes);
    if (table.length === frame.tableBytes && crc32c(table) === frame.tableCrc) return table;
  }
  return undefined;
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");

/** `0000002a-9f31c07744e0a2d5.seg`: number and salt. */
export function segmentName(number: number, salt: Uint8Array, suffix: "seg" | "idx"): string {
  return `${hex(number, 8)}-${[...salt].map((byte) => hex(byte, 2)).join("")}.${suffix}`;
}

export function parseSegmentName(name: string): { number: number; salt: Uint8Array } | undefined {
  const [, number, salt] = /^([0-9a-f]{8})-([0-9a-f]{16})\.seg$/.exec(name) ?? [];
  if (number === undefined || salt === undefined) return undefined;
  return {
    number: Number.parseInt(number, 16),
    salt: Uint8Array.from({ length: saltBytes }, (_, i) => Number.parseInt(salt.slice(2 * i, 2 * i + 2), 16)),
  };
}
