/**
 * The content of extensions, Sente's and ours, to values.
 *
 * Always: content that breaks the grammar of its type is refused, and so is a type that nobody here knows.
 * Rules: docs/protocol/msgpack.md MSGPACK3, MSGPACK4, MSGPACK6, MSGPACK8; EDN7-EDN10 for the grammars.
 */
import { Char, Ratio, Tagged } from "../core/values.ts";
import { collectSet } from "./collect.ts";
import { writeInst } from "./inst.ts";
import { checkDigits, checkKey, enter, leave, spend } from "./meter.ts";
import { keywordKey } from "./msgpack-keys.ts";
import {
  isExtension,
  need,
  peek,
  refuse,
  takeBytes,
  takeExtensionSize,
  takeFloat32,
  takeFloat64,
  takeInt32,
  takeInt64,
  takeText,
  takeUint8,
  takeUint16,
  takeUint32,
} from "./msgpack-source.ts";
import {
  bigintType,
  charType,
  decimalType,
  doublesType,
  floatsType,
  instantType,
  intsType,
  keywordType,
  ratioType,
  setType,
  symbolType,
  taggedType,
  unitsType,
  uuidType,
} from "./msgpack-types.ts";
import { isOpenTag, readScalar } from "./scalars.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Reads the next value, which is paid for. */
export type Read = () => unknown;

/** The value of an extension whose content of `size` bytes is next. It may read more or fewer: the caller looks. */
export function readContent(type: number, size: number, read: Read): unknown {
  switch (type) {
    case keywordType:
      return keywordKey(checkKey(takeText(size)))?.value ?? refuse();
    case symbolType:
      return readScalar(`$${checkKey(takeText(size))}`) ?? refuse();
    case uuidType:
      return readScalar(`u${takeText(size)}`) ?? refuse();
    case bigintType:
      return takeBigint(size);
    case decimalType:
      return readScalar(`f${checkDigits(takeText(size))}`) ?? refuse();
    case charType:
      return readChar(size);
    case ratioType:
      return readRatio(read);
    case setType:
      return readSet(read);
    case taggedType:
      return readTagged(read);
    case instantType:
      return readInstant(size);
    case intsType:
      return readNumbers(takeInt32, 4, size);
    case floatsType:
      return readNumbers(takeFloat32, 4, size);
    case doublesType:
      return readNumbers(takeFloat64, 8, size);
    case unitsType:
      return readUnits(size);
    default:
      return refuse();
  }
}

function takeBigint(size: number): bigint {
  return (readScalar(`n${checkDigits(takeText(size))}`) as bigint | undefined) ?? refuse();
}

/** Of up to three bytes of UTF-8; an unpaired surrogate, which UTF-8 does not have, has three as well. */
function readChar(size: number): Char {
  const content = takeBytes(size);
  const [first = 0, second = 0, third = 0] = content;
  if (size === 3 && first === 0xed && second >= 0xa0 && second < 0xc0 && third >= 0x80 && third < 0xc0) {
    return new Char(String.fromCharCode(0xd000 | ((second & 63) << 6) | (third & 63)));
  }
  const text = decodeUtf8(content);
  return text.length === 1 ? new Char(text) : refuse();
}

function readRatio(read: Read): Ratio {
  const [numerator, denominator] = [takePart(read), takePart(read)];
  checkDigits(`${numerator}/${denominator}`);
  return denominator > 0n ? new Ratio(numerator, denominator) : refuse();
}

/** An integer. Other extensions are not read: they would nest without a limit, here and in a set. */
function takePart(read: Read): bigint {
  need(1);
  if (isExtension(peek())) {
    const size = takeExtensionSize(takeUint8());
    return takeUint8() === bigintType ? takeBigint(size) : refuse();
  }
  const part = read();
  return typeof part === "bigint" || Number.isSafeInteger(part) ? BigInt(part as bigint) : refuse();
}

function readSet(read: Read): Set<unknown> {
  need(1);
  const items = isExtension(peek()) ? refuse() : read();
  return Array.isArray(items) ? collectSet(items) : refuse();
}

function readTagged(read: Read): Tagged {
  enter();
  const tag = read();
  if (typeof tag !== "string" || !isOpenTag(checkKey(tag))) return refuse();
  spend(1);
  const value = read();
  leave();
  return new Tagged(tag, value);
}

/** Nanoseconds past the millisecond are dropped. */
function readInstant(size: number): Date {
  if (size !== 12) refuse();
  const nanoseconds = takeUint32();
  const seconds = takeInt64(takeInt32());
  const date = new Date(Number(seconds) * 1000 + Math.floor(nanoseconds / 1_000_000));
  return nanoseconds < 1_000_000_000 && writeInst(date) ? date : refuse();
}

function readNumbers(take: () => number, width: number, size: number): number[] {
  need(size);
  const count = size / width;
  if (!Number.isInteger(count)) refuse();
  spend(count);
  enter();
  leave();
  return Array.from({ length: count }, take);
}

function readUnits(size: number): string {
  need(size);
  let text = "";
  for (let i = 0; i < size; i += 2) text += String.fromCharCode(takeUint16());
  // One text, one form: what UTF-8 carries is no extension.
  return /[\ud800-\udfff]/u.test(text) ? text : refuse();
}
