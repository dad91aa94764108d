/**
 * Where the text packers write: one growing buffer of UTF-8, from which the finished text is taken.
 *
 * Always: what is written is UTF-8 (an unpaired surrogate in a string is written as an escape); a packing that begins
 * within another, say in a getter, leaves the outer one as it was; at most `maxIdleBytes` are kept between packings.
 * Rules: docs/protocol.md EDN5, EDN6, JSON1.
 */
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

const minBytes = 1 << 14;
const maxIdleBytes = 1 << 20;

let bytes = new Uint8Array(minBytes);
let length = 0;

/** Puts one value that stands inside `depth` collections. */
export type Put = (value: unknown, depth: number) => void;

/** The text that `put` puts; nothing of it stays. */
export function collectText(put: Put, value: unknown, depth: number): string {
  const start = length;
  try {
    put(value, depth);
    return decodeUtf8(bytes.subarray(start, length));
  } finally {
    length = start;
    if (start === 0 && bytes.length > maxIdleBytes) bytes = new Uint8Array(minBytes);
  }
}

/** The buffer, with room for `count` bytes more. */
function reserve(count: number): Uint8Array {
  if (length + count > bytes.length) {
    const smaller = bytes;
    bytes = new Uint8Array((length + count) * 2);
    bytes.set(smaller);
  }
  return bytes;
}

/** Where the next byte goes. */
export function position(): number {
  return length;
}

/** Puts a byte in the place of one that was put. */
export function replaceByte(place: number, byte: number): void {
  bytes[place] = byte;
}

export function putByte(byte: number): void {
  reserve(1)[length++] = byte;
}

export function putBytes(source: Uint8Array): void {
  const target = reserve(source.length);
  let end = length;
  for (let i = 0; i < source.length; i++) target[end++] = source[i] as number;
  length = end;
}

/** Text of ASCII, which is put quickest, or of any characters. */
export function putText(text: string): void {
  const target = reserve(text.length);
  let end = length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 126) return putBytes(encodeUtf8(text));
    target[end++] = unit;
  }
  length = end;
}

/** A string literal of EDN and of JSON. */
export function putQuoted(text: string): void {
  const target = reserve(text.length * 2 + 2);
  let end = length;
  target[end++] = 34;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 32 || unit > 126) return putText(JSON.stringify(text));
    if (unit === 34 || unit === 92) target[end++] = 92;
    target[end++] = unit;
  }
  target[end++] = 34;
  length = end;
}

/** Puts an integer of up to 31 bits, or a decimal of up to four places, as JavaScript prints it; false for any other number. */
export function putNumber(value: number): boolean {
  const size = Math.abs(value);
  const whole = size | 0;
  const scaled = size < 200_000 ? (size * 10_000 + 0.5) | 0 : 0;
  // A decimal that is equal is exact, and so few digits name one double only: they are the shortest text that reads as it.
  if (Object.is(value, -0) || (size !== whole && size !== scaled / 10_000)) return false;
  reserve(20);
  if (value < 0) putByte(45);
  putDigits(whole);
  if (size !== whole) {
    const point = length;
    // The digit 1 keeps the zeros behind it, and then makes room for the point.
    putDigits((scaled % 10_000) + 10_000);
    bytes[point] = 46;
    while (bytes[length - 1] === 48) length--;
  }
  return true;
}

/** The digits of a whole number below 2^31. */
function putDigits(value: number): void {
  const tens = (value / 10) | 0;
  if (tens > 0) putDigits(tens);
  bytes[length++] = 48 + value - tens * 10;
}
