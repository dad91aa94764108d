/**
 * The bytes of a MessagePack payload that is being read, and the cursor in them.
 *
 * Always: nothing past the end is read; no code of the application runs meanwhile, so one cursor is enough.
 * Rules: docs/protocol/msgpack.md MSGPACK1, PACK1, BUDGET6.
 */
import { SyncError } from "../core/errors.ts";
import { cachedKeyType } from "./msgpack-types.ts";
import { decodeUtf8 } from "./utf8.ts";

const noBytes = new Uint8Array();
/** Up to this length a loop is faster than the engine's decoder. */
const maxLoopLength = 32;
/** For each of these lengths an array of code units. */
const unitsOf = Array.from({ length: maxLoopLength + 1 }, (_, length) => new Array<number>(length).fill(0));
const float = new DataView(new ArrayBuffer(8));

let bytes: Uint8Array = noBytes;
let at = 0;

export function openSource(payload: Uint8Array): void {
  bytes = payload;
  at = 0;
}

export function closeSource(): void {
  bytes = noBytes;
}

export function refuse(): never {
  throw new SyncError("malformed", `Not MessagePack near byte ${at}.`);
}

/** Where the next byte is. */
export function cursor(): number {
  return at;
}

/** Throws unless `count` bytes are left. */
export function need(count: number): void {
  if (at + count > bytes.length) refuse();
}

/** The next byte, which must have been asked for with `need`. */
export function peek(): number {
  return bytes[at] as number;
}

export function takeUint8(): number {
  if (at === bytes.length) refuse();
  return bytes[at++] as number;
}

export function takeUint16(): number {
  need(2);
  const value = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  at += 2;
  return value;
}

export function takeInt32(): number {
  need(4);
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
  const value = high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  at += 4;
  return value;
}

export function takeUint32(): number {
  return takeInt32() >>> 0;
}

export function takeFloat32(): number {
  float.setInt32(0, takeInt32());
  return float.getFloat32(0);
}

export function takeFloat64(): number {
  float.setInt32(0, takeInt32());
  float.setInt32(4, takeInt32());
  return float.getFloat64(0);
}

/** An integer of 64 bits, of which `high` is the upper half: a bigint where a number is not exact. */
export function takeInt64(high: number): number | bigint {
  const low = takeUint32();
  const value = high * 2 ** 32 + low;
  return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(low);
}

/** True for the first byte of an extension. */
export function isExtension(head: number): boolean {
  return (head >= 0xc7 && head <= 0xc9) || (head >= 0xd4 && head <= 0xd8);
}

/** How long the content of an extension with this first byte is. */
export function takeExtensionSize(head: number): number {
  if (head >= 0xd4) return 1 << (head - 0xd4);
  return head === 0xc7 ? takeUint8() : head === 0xc8 ? takeUint16() : takeUint32();
}

/** The next bytes, in memory of their own. */
export function takeBytes(count: number): Uint8Array<ArrayBuffer> {
  need(count);
  at += count;
  return new Uint8Array(bytes.subarray(at - count, at));
}

/** True, and past it, if `expected` stands here. */
export function takeExpected(expected: Uint8Array): boolean {
  const { length } = expected;
  if (at + length > bytes.length) return false;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== expected[i]) return false;
  at += length;
  return true;
}

/** The index of a key that this payload has in full, and past it; -1 if something else is here. */
export function takeCachedKey(): number {
  if (bytes[at] !== 0xd4 || bytes[at + 1] !== cachedKeyType) return -1;
  need(3);
  at += 3;
  return bytes[at - 1] as number;
}

/** UTF-8 of `count` bytes. */
export function takeText(count: number): string {
  need(count);
  const start = at;
  at += count;
  const units = unitsOf[count];
  if (units === undefined) return decodeUtf8(bytes.subarray(start, at));
  for (let i = 0; i < count; i++) {
    const unit = bytes[start + i] as number;
    if (unit > 127) return decodeUtf8(bytes.subarray(start, at));
    units[i] = unit;
  }
  return String.fromCharCode.apply(null, units);
}
