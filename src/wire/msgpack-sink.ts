/**
 * Where the MessagePack packer writes: one growing buffer, from which finished bytes are copied.
 *
 * Always: the shortest header that fits; a packing that begins within another, say in a getter, leaves the outer one as
 * it was; at most `maxIdleBytes` are kept between packings.
 * Rules: docs/protocol/msgpack.md MSGPACK1-MSGPACK4, MSGPACK8.
 */
import { unitsType } from "./msgpack-types.ts";
import type { Bytes } from "./packer.ts";

const initialBytes = 1 << 14;
const maxIdleBytes = 1 << 20;
/** Up to this length a loop is faster than the engine's encoder. */
const maxLoopLength = 48;
const encoder = new TextEncoder();

let bytes = new Uint8Array(initialBytes);
let view = new DataView(bytes.buffer);
let length = 0;

/** The bytes that `put` puts; nothing of them stays. */
export function collectBytes(put: () => void): Bytes {
  const start = length;
  try {
    put();
    return bytes.slice(start, length);
  } finally {
    length = start;
    if (start === 0 && bytes.length > maxIdleBytes) replaceBuffer(initialBytes);
  }
}

function replaceBuffer(size: number): void {
  bytes = new Uint8Array(size);
  view = new DataView(bytes.buffer);
}

/** The buffer, with room for `count` bytes more; small enough to be inlined. */
function reserve(count: number): Uint8Array {
  return length + count > bytes.length ? grow(count) : bytes;
}

function grow(count: number): Uint8Array {
  const smaller = bytes;
  replaceBuffer((length + count) * 2);
  bytes.set(smaller);
  return bytes;
}

/** Where the next byte goes. */
export function position(): number {
  return length;
}

export function putByte(byte: number): void {
  reserve(1)[length++] = byte;
}

export function putUint16(value: number): void {
  const target = reserve(2);
  target[length++] = value >> 8;
  target[length++] = value;
}

export function putUint32(value: number): void {
  reserve(4);
  view.setUint32(length, value);
  length += 4;
}

export function putBigInt64(value: bigint): void {
  reserve(8);
  view.setBigInt64(length, value);
  length += 8;
}

export function putBytes(source: Uint8Array): void {
  reserve(source.length).set(source, length);
  length += source.length;
}

/** The same, faster for few bytes. */
export function putFewBytes(source: Uint8Array): void {
  const count = source.length;
  const target = reserve(count);
  let end = length;
  for (let i = 0; i < count; i++) target[end++] = source[i] as number;
  length = end;
}

/** Integers within 2^53 as integers, but for -0; other numbers as floats, of 32 bits where those are exact. */
export function putNumber(value: number): void {
  if (value === (value | 0) && !Object.is(value, -0)) return putInt32(value);
  reserve(9);
  if (Number.isSafeInteger(value) && value !== 0) {
    if (value > 0 && value <= 0xffffffff) return putHead(0xce, 4, value);
    putByte(0xd3);
    putUint32(Math.floor(value / 2 ** 32));
    return putUint32(value);
  }
  const isWhole = value === Math.floor(value) && Number.isFinite(value);
  if (!isWhole && Math.fround(value) === value) {
    putByte(0xca);
    view.setFloat32(length, value);
    length += 4;
  } else {
    putByte(0xcb);
    view.setFloat64(length, value);
    length += 8;
  }
}

function putInt32(value: number): void {
  if (value >= -32 && value < 128) return putByte(value);
  if (value >= 0)
    return value < 256 ? putHead(0xcc, 1, value) : value < 65_536 ? putHead(0xcd, 2, value) : putHead(0xce, 4, value);
  return value >= -128 ? putHead(0xd0, 1, value) : value >= -32_768 ? putHead(0xd1, 2, value) : putHead(0xd2, 4, value);
}

/** A byte that names a type, and a number of `width` bytes. */
function putHead(type: number, width: 1 | 2 | 4, value: number): void {
  const target = reserve(5);
  target[length++] = type;
  if (width === 4) return putUint32(value);
  if (width === 2) target[length++] = value >> 8;
  target[length++] = value;
}

export function putArrayHead(count: number): void {
  if (count < 16) putByte(0x90 | count);
  else if (count < 65_536) putHead(0xdc, 2, count);
  else putHead(0xdd, 4, count);
}

export function putMapHead(count: number): void {
  if (count < 16) putByte(0x80 | count);
  else if (count < 65_536) putHead(0xde, 2, count);
  else putHead(0xdf, 4, count);
}

/** The head of a map whose `count` was not known at `start`, where one byte was left for it. */
export function closeMap(start: number, count: number): void {
  if (count < 16) {
    bytes[start] = 0x80 | count;
    return;
  }
  const end = makeRoom(start + 1, count < 65_536 ? 2 : 4);
  length = start;
  putMapHead(count);
  length = end;
}

/** Moves what stands from `start` on by `count` bytes; where it ends then. */
function makeRoom(start: number, count: number): number {
  reserve(count).copyWithin(start + count, start, length);
  return length + count;
}

export function putBinary(content: Uint8Array): void {
  const count = content.length;
  if (count < 256) putHead(0xc4, 1, count);
  else if (count < 65_536) putHead(0xc5, 2, count);
  else putHead(0xc6, 4, count);
  putBytes(content);
}

/** Leaves room for the shortest head of an extension; where its content begins. */
export function openExtension(): number {
  reserve(2);
  length += 2;
  return length;
}

/** Puts the head before the content that began at `start`. */
export function closeExtension(type: number, start: number): void {
  const count = length - start;
  const fixed = [1, 2, 4, 8, 16].indexOf(count);
  const end = fixed < 0 ? makeRoom(start, count < 256 ? 1 : count < 65_536 ? 2 : 4) : length;
  length = start - 2;
  if (fixed >= 0) putByte(0xd4 + fixed);
  else if (count < 256) putHead(0xc7, 1, count);
  else if (count < 65_536) putHead(0xc8, 2, count);
  else putHead(0xc9, 4, count);
  putByte(type);
  length = end;
}

/** An extension whose content is text in UTF-8. */
export function putTextExtension(type: number, text: string): void {
  const start = openExtension();
  reserve(text.length * 3);
  length += encoder.encodeInto(text, bytes.subarray(length)).written;
  closeExtension(type, start);
}

export function putString(text: string): void {
  const count = text.length;
  if (count > maxLoopLength) return putLongString(text);
  const target = reserve(count + 2);
  let end = length;
  if (count < 32) target[end++] = 0xa0 | count;
  else {
    target[end++] = 0xd9;
    target[end++] = count;
  }
  for (let i = 0; i < count; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 127) return putLongString(text);
    target[end++] = unit;
  }
  length = end;
}

/** A string that is long or not ASCII: its length in bytes is known only when they are there. */
function putLongString(text: string): void {
  const target = reserve(text.length * 3 + 5);
  const start = length;
  const guess = start + widthOfHead(text.length);
  const count = encoder.encodeInto(text, target.subarray(guess)).written;
  // What is no ASCII may hold an unpaired surrogate, which the encoder replaces.
  if (count > text.length && /[\ud800-\udfff]/u.test(text)) return putUnits(text);
  const content = start + widthOfHead(count);
  if (content !== guess) target.copyWithin(content, guess, guess + count);
  if (count < 32) putByte(0xa0 | count);
  else if (count < 256) putHead(0xd9, 1, count);
  else if (count < 65_536) putHead(0xda, 2, count);
  else putHead(0xdb, 4, count);
  length = content + count;
}

function widthOfHead(count: number): number {
  return count < 32 ? 1 : count < 256 ? 2 : count < 65_536 ? 3 : 5;
}

function putUnits(text: string): void {
  const start = openExtension();
  for (let i = 0; i < text.length; i++) putUint16(text.charCodeAt(i));
  closeExtension(unitsType, start);
}
