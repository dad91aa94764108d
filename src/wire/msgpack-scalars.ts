/**
 * Numbers and characters that MessagePack itself does not have, and instants.
 * Rules: docs/protocol/msgpack.md MSGPACK1, MSGPACK3, MSGPACK8.
 */
import type { Ratio } from "../core/values.ts";
import { closeExtension, openExtension, putBigInt64, putByte, putNumber, putTextExtension, putUint32 } from "./msgpack-sink.ts";
import { bigintType, charType, instantType, ratioType } from "./msgpack-types.ts";

/** What 64 bits hold and a number does not is an integer to other peers too. */
export function putBigint(value: bigint): void {
  if (Number.isSafeInteger(Number(value)) || BigInt.asIntN(64, value) !== value) return putTextExtension(bigintType, `${value}`);
  putByte(0xd3);
  putBigInt64(value);
}

export function putRatio({ numerator, denominator }: Ratio): void {
  const start = openExtension();
  for (const part of [numerator, denominator]) {
    const number = Number(part);
    if (Number.isSafeInteger(number)) putNumber(number);
    else putBigint(part);
  }
  closeExtension(ratioType, start);
}

/** UTF-8, in which an unpaired surrogate has three bytes like its neighbours. */
export function putChar(unit: number): void {
  const start = openExtension();
  if (unit < 0x80) putByte(unit);
  else {
    putByte(unit < 0x800 ? 0xc0 | (unit >> 6) : 0xe0 | (unit >> 12));
    if (unit >= 0x800) putByte(0x80 | ((unit >> 6) & 63));
    putByte(0x80 | (unit & 63));
  }
  closeExtension(charType, start);
}

/** Nanoseconds, then whole seconds rounded down. */
export function putInstant(ms: number): void {
  const seconds = Math.floor(ms / 1000);
  const start = openExtension();
  putUint32((ms - seconds * 1000) * 1_000_000);
  putUint32(Math.floor(seconds / 2 ** 32));
  putUint32(seconds);
  closeExtension(instantType, start);
}
