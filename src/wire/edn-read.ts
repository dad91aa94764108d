/**
 * EDN text to values: a recursive descent over the string, with one cursor.
 *
 * Always: the whole text is one value or it is refused; the cursor only moves forward, so the time is linear; no code of
 * the application runs meanwhile, so one cursor is enough.
 * Rules: docs/protocol.md EDN1-EDN14, BUDGET1-BUDGET6.
 */
import { SyncError } from "../core/errors.ts";
import { Char, Keyword, List, Sym, Tagged } from "../core/values.ts";
import { collectMap, collectSet } from "./collect.ts";
import { nextShape, type Shape, startShapes } from "./edn-shape.ts";
import { forgetTexts } from "./edn-write.ts";
import { checkDigits, checkKey, enter, leave, spend, startMeter } from "./meter.ts";
import { isKeywordName, isSymbolName, isTagName, literals } from "./names.ts";
import { readNumber } from "./numbers.ts";
import type { Budget } from "./packer.ts";
import { entriesOf } from "./plain.ts";
import { readScalar, scalarTags } from "./scalars.ts";
import { escapedUnits, escapeLetters } from "./sink.ts";
import { detach } from "./utf8.ts";

/** The text, then a NUL: the cursor never stands past the end. */
let text = "";
let at = 0;
/** The first backslash at or after the cursor, as far as it was looked for. */
let backslash = 0;
let root: Shape = startShapes();
/** The key under which the cursor stands; it remembers how a map begins there. */
let place = root;

/** Throws SyncError `malformed`, `too-large` or `too-deep`. */
export function readEdn(input: string, budget: Budget): unknown {
  text = `${input}\0`;
  at = 0;
  backslash = -1;
  place = root = startShapes();
  startMeter(budget);
  try {
    const value = read();
    skip();
    return at === input.length ? value : refuse();
  } finally {
    text = "";
    forgetTexts();
  }
}

function refuse(): never {
  throw new SyncError("malformed", `Not EDN near character ${at}.`);
}

/** 1 for the code units that end a token: NUL, white space and `"(),;[\]^{}`; 2 for white space and the comma among them. */
const ends = new Uint8Array(128);
for (const unit of '\0"();[\\]^{}') ends[unit.charCodeAt(0)] = 1;
for (const unit of "\t\n\v\f\r\x1c\x1d\x1e\x1f ,") ends[unit.charCodeAt(0)] = 2;

function isEnd(unit: number): boolean {
  return unit < 128 && ends[unit] !== 0;
}

/** Moves to the next form, over white space, commas, comments and what `#_` drops; its first code unit. */
function skip(): number {
  for (;;) {
    let unit = text.charCodeAt(at);
    while (unit < 128 && ends[unit] === 2) unit = text.charCodeAt(++at);
    if (unit === 59) {
      while (at < text.length - 1 && unit !== 10 && unit !== 13) unit = text.charCodeAt(++at);
    } else if (unit === 35 && text.charCodeAt(at + 1) === 95) {
      at += 2;
      readInside();
    } else return unit;
  }
}

/** The next form, one level deeper. */
function readInside(): unknown {
  enter();
  const value = read();
  leave();
  return value;
}

/** The next form. */
function read(unit = skip()): unknown {
  spend(1);
  if (unit === 34) return readString();
  if (unit <= 57 && unit >= 48) return readDecimal(unit);
  if (unit === 123) return readMap();
  if (unit === 91) return readItems(1, 93);
  if (unit === 58) return readKeyword(readName(1));
  if (unit === 35) return readDispatch(text.charCodeAt(at + 1));
  if (unit === 40) return new List(readItems(1, 41));
  if (unit === 92) return readChar();
  if (unit === 94) return readMeta(1);
  if ((unit === 45 || unit === 43) && /\d/.test(text.charAt(at + 1))) return readDecimal(unit);
  const name = readName(0);
  const value = literals.get(name);
  return value !== undefined ? value : isSymbolName(name) ? new Sym(name) : refuse();
}

function readKeyword(name: string): Keyword {
  return isKeywordName(name) ? new Keyword(name) : refuse();
}

/** What stands between here and `closing`; the opening takes `width` code units. */
function readItems(width: number, closing: number): unknown[] {
  enter();
  at += width;
  const items = [];
  for (let unit = skip(); unit !== closing; unit = skip()) items.push(read(unit));
  at++;
  leave();
  return items;
}

function readMap(): object {
  enter();
  at++;
  const outside = place;
  const object: Record<string, unknown> = {};
  let shape = root;
  let expected = outside.inner;
  for (let unit = skip(); unit !== 125; unit = skip()) {
    if (expected !== undefined && stands(expected.raw)) {
      at += expected.raw.length;
      spend(1);
    } else {
      const start = at;
      const key = read(unit);
      expected = nextShape(shape, text.slice(start, at), key, object);
      if (expected === undefined) {
        place = outside;
        return readPairs([...entriesOf(object), [key, read()]]);
      }
      if (shape === root) outside.inner = expected;
      else shape.next = expected;
    }
    place = shape = expected;
    expected = shape.next;
    object[checkKey(shape.key)] = read();
  }
  at++;
  leave();
  place = outside;
  return object;
}

/** True if the key `raw` stands at the cursor. */
function stands(raw: string): boolean {
  const { length } = raw;
  for (let i = 0; i < length; i++) if (raw.charCodeAt(i) !== text.charCodeAt(at + i)) return false;
  return isEnd(text.charCodeAt(at + length));
}

/** The rest of a map, to its brace; `pairs` are the keys and values before, `space` that of a namespaced map. */
function readPairs(pairs: [unknown, unknown][], space?: string): object {
  for (let unit = skip(); unit !== 125; unit = skip()) {
    let key = read(unit);
    if (space !== undefined && (key instanceof Keyword || key instanceof Sym)) {
      key = new (key.constructor as typeof Sym)(qualified(key.name, space));
    }
    pairs.push([key, read()]);
  }
  at++;
  leave();
  return collectMap(pairs);
}

/** In `#:space{…}` the name `a` is `space/a`, and `_/a` is `a`. */
function qualified(name: string, space: string): string {
  return name.startsWith("_/") ? name.slice(2) : checkKey(name.includes("/") ? name : `${space}/${name}`);
}

function readString(): string {
  at++;
  let end = text.indexOf('"', at);
  if (backslash < at) findBackslash();
  let value = "";
  while (end > backslash) {
    value += cut(backslash) + readEscape();
    if (end < at) end = text.indexOf('"', at);
    findBackslash();
  }
  if (end < 0) refuse();
  return value + cut(end);
}

/** The text from the cursor to `end`; the cursor goes past the code unit there. */
function cut(end: number): string {
  const start = at;
  at = end + 1;
  return slice(start, end);
}

const maxKeptLength = 8192;

/** What is cut from a message longer than `maxKeptLength` does not keep it alive. */
function slice(start: number, end: number): string {
  const part = text.slice(start, end);
  return text.length > maxKeptLength ? detach(part) : part;
}

function findBackslash(): void {
  const found = text.indexOf("\\", at);
  backslash = found < 0 ? text.length : found;
}

/** What stands after a backslash in a string. */
function readEscape(): string {
  const known = escapeLetters.indexOf(text.charAt(at));
  at += known < 0 ? 5 : 1;
  return known < 0 ? unitOf(text.slice(at - 5, at)) : escapedUnits.charAt(known);
}

/** The code unit that `u263a` names. */
function unitOf(name: string): string {
  return /^u[\da-f]{4}$/i.test(name) ? String.fromCharCode(Number.parseInt(name.slice(1), 16)) : refuse();
}

const charNames = ["newline", "space", "tab", "return", "formfeed", "backspace"];

function readChar(): Char {
  const start = ++at;
  if (text.charCodeAt(at) <= 32) refuse();
  // The first unit belongs to the character even if it would end a token.
  at++;
  const name = text.charAt(start) + readName(0);
  return new Char(name.length === 1 ? name : ("\n \t\r\f\b"[charNames.indexOf(name)] ?? unitOf(name)));
}

/** The text up to what ends a token. */
function readToken(): string {
  const start = at;
  while (!isEnd(text.charCodeAt(at))) at++;
  return slice(start, at);
}

/** The token `width` code units from here. */
function readName(width: number): string {
  at += width;
  return checkKey(readToken());
}

function readDispatch(next: number): unknown {
  if (next === 123) return collectSet(readItems(2, 125));
  if (next === 94) return readMeta(2);
  if (next !== 35 && next !== 58) return readTagged(readName(1));
  const name = readName(2);
  if (next === 35) return name === "NaN" ? Number.NaN : name === "Inf" ? 1 / 0 : name === "-Inf" ? -1 / 0 : refuse();
  if (!isKeywordName(name) || name.includes("/") || skip() !== 123) refuse();
  enter();
  at++;
  return readPairs([], name);
}

function readTagged(tag: string): unknown {
  if (!isTagName(tag)) refuse();
  const code = scalarTags.get(tag);
  if (code === undefined) return new Tagged(tag, readInside());
  return (skip() === 34 && readScalar(code + readString())) || refuse();
}

/** Drops the metadata; the value after it stays. */
function readMeta(width: number): unknown {
  at += width;
  readInside();
  return readInside();
}

const powers = Array.from({ length: 16 }, (_, exponent) => 10 ** exponent);

/** Up to 15 digits are exact in a double, and their quotient by a power of ten is the nearest double; the rest takes longer. */
function readDecimal(first: number): unknown {
  const start = at;
  let unit = first < 48 ? text.charCodeAt(++at) : first;
  let value = 0;
  let digits = at;
  const isZero = unit === 48;
  for (; unit <= 57 && unit >= 48; unit = text.charCodeAt(++at)) value = value * 10 + (unit - 48);
  digits = at - digits;
  let scale = isZero && digits > 1 ? 16 : 0;
  if (unit === 46) {
    const point = ++at;
    for (unit = text.charCodeAt(at); unit <= 57 && unit >= 48; unit = text.charCodeAt(++at)) value = value * 10 + (unit - 48);
    scale += at - point || 16;
  }
  if (digits + scale < 16 && isEnd(unit)) {
    if (scale > 0) value /= powers[scale] as number;
    return first !== 45 ? value : scale > 0 ? -value : 0 - value;
  }
  at = start;
  return readNumber(checkDigits(readToken())) ?? refuse();
}
