/**
 * Where the text packers write: one growing buffer of UTF-8, from which the finished text is taken.
 *
 * Always: what is written is UTF-8 (an unpaired surrogate in a string is written as an escape); a packing that begins
 * within another, say in a getter, leaves the outer one as it was; at most `maxIdleBytes` are kept between packings.
 * Rules: docs/protocol.md EDN5, EDN6, JSON1.
 */
import { encodeUtf8 } from "./utf8.ts";

const maxIdleBytes = 1 << 20;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

let bytes = new Uint8Array(1 << 14);
let length = 0;

/** Puts one value that stands inside `depth` collections. */
export type Put = (value: unknown, depth: number) => void;

/** The text that `put` puts; nothing of it stays. */
export function collectText(put: Put, value: unknown, depth: number): string {
  const start = length;
  try {
    put(value, depth);
    return decoder.decode(bytes.subarray(start, length));
  } finally {
    length = start;
    if (start === 0 && bytes.length > maxIdleBytes) bytes = new Uint8Array(1 << 14);
  }
}

/** The buffer, with room for `count` bytes more; small enough to be inlined. */
function reserve(count: number): Uint8Array {
  return length + count > bytes.length ? grow(count) : bytes;
}

function grow(count: number): Uint8Array {
  const larger = new Uint8Array((length + count) * 2);
  larger.set(bytes);
  bytes = larger;
  return larger;
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
  const count = source.length;
  const target = reserve(count);
  let end = length;
  for (let i = 0; i < count; i++) target[end++] = source[i] as number;
  length = end;
}

/** Text of ASCII, which is put quickest, or of any characters. */
export function putText(text: string): void {
  const count = text.length;
  const target = reserve(count);
  let end = length;
  for (let i = 0; i < count; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 127) return putBytes(encodeUtf8(text));
    target[end++] = unit;
  }
  length = end;
}

/** Control characters with a short escape, and quote and backslash; what stands after the backslash. */
export const escapedUnits = '"\\\n\r\t\f\b';
export const escapeLetters = '"\\nrtfb';
/** For each unit of ASCII: 0 if it stands for itself in a string literal, else the unit after its backslash. */
const escapes = new Uint8Array(128).fill(117, 0, 32);
for (let i = 0; i < 7; i++) escapes[escapedUnits.charCodeAt(i)] = escapeLetters.charCodeAt(i);

/** A string literal of EDN and of JSON. */
export function putQuoted(text: string): void {
  const count = text.length;
  const target = reserve(count * 3 + 2);
  let end = length;
  target[end++] = 34;
  for (let i = 0; i < count; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 128) {
      const letter = escapes[unit] as number;
      if (letter === 117) return putRare(text);
      if (letter !== 0) target[end++] = 92;
      target[end++] = letter || unit;
    } else if (unit < 0x800) {
      target[end++] = 0xc0 | (unit >> 6);
      target[end++] = 0x80 | (unit & 63);
    } else {
      if (unit >= 0xd800 && unit < 0xe000) return putRare(text);
      target[end++] = 0xe0 | (unit >> 12);
      target[end++] = 0x80 | ((unit >> 6) & 63);
      target[end++] = 0x80 | (unit & 63);
    }
  }
  target[end++] = 34;
  length = end;
}

/** The same for text with a surrogate, or a unit that is escaped by its number. */
function putRare(text: string): void {
  const toEscape = (unit: string): string => `\\${escapeLetters[escapedUnits.indexOf(unit)] ?? unicodeEscape(unit)}`;
  putText(`"${text.replace(/["\\\0-\x1f]|[\ud800-\udfff]/gu, toEscape)}"`);
}

/** `u00e9` */
export function unicodeEscape(unit: string): string {
  return `u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Puts an integer of up to 31 bits, or a decimal of up to four places, as JavaScript prints it; false for any other number. */
export function putNumber(value: number): boolean {
  const size = Math.abs(value);
  const whole = size | 0;
  const scaled = size < 200_000 ? (size * 10_000 + 0.5) | 0 : 0;
  // A decimal that is equal is exact, and so few digits name one double only: they are the shortest text that reads as it.
  if (size !== whole ? size !== scaled / 10_000 : Object.is(value, -0)) return false;
  if (value < 0) putByte(45);
  putDigits(whole, 1);
  if (size !== whole) {
    putByte(46);
    putDigits(scaled - whole * 10_000, 4);
    while (bytes[length - 1] === 48) length--;
  }
  return true;
}

/** A whole number below 2^31, with zeros before it to at least `width` digits. */
function putDigits(value: number, width: number): void {
  const target = reserve(10);
  let count = 0;
  for (let rest = value; rest > 0 || count < width; rest = (rest / 10) | 0) count++;
  length += count;
  let rest = value;
  for (let i = length - 1; count > 0; count--) {
    const tens = (rest / 10) | 0;
    target[i--] = 48 + rest - tens * 10;
    rest = tens;
  }
}
