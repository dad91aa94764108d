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
import { forgetTexts } from "./edn-write.ts";
import { checkDigits, checkKey, enter, leave, spend, startMeter } from "./meter.ts";
import { isKeywordName, isTagName, literals } from "./names.ts";
import { readNumber } from "./numbers.ts";
import type { Budget } from "./packer.ts";
import { entriesOf, propertyOf } from "./plain.ts";
import { readScalar, scalarTags } from "./scalars.ts";
import { detach } from "./utf8.ts";

/** The text, then a NUL, which ends any token. */
let text = "";
let at = 0;

/** Throws SyncError `malformed`, `too-large` or `too-deep`. */
export function readEdn(input: string, budget: Budget): unknown {
  text = `${input}\0`;
  at = 0;
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

/** Moves to the next form, over white space, commas, comments and what `#_` drops; its first code unit. */
function skip(): number {
  for (;;) {
    const unit = text.charCodeAt(at);
    if (unit === 59) while (at < text.length - 1 && !/[\n\r]/.test(text.charAt(at))) at++;
    else if (unit === 35 && text.charCodeAt(at + 1) === 95) {
      readInside(2);
    } else if (unit !== 44 && (unit > 32 || unit < 9 || (unit > 13 && unit < 28))) return unit;
    else at++;
  }
}

/** The form after `width` code units, one level deeper. */
function readInside(width: number): unknown {
  enter();
  at += width;
  const value = read();
  leave();
  return value;
}

/** The next form. */
function read(unit = skip()): unknown {
  spend(1);
  if (unit === 34) return readString();
  if (unit > 48 && unit < 58) return readDecimal(unit);
  if (unit === 123) return readMap();
  if (unit === 91) return readItems(1, 93);
  if (unit === 58) return checked(readScalar(`:${readName(1)}`));
  if (unit === 35) return readDispatch(text.charCodeAt(at + 1));
  if (unit === 40) return new List(readItems(1, 41));
  if (unit === 92) return readChar();
  if (unit === 94) return readMeta(1);
  return readAtom();
}

/** A literal, a number or a symbol. */
function readAtom(): unknown {
  const token = readToken();
  const value = literals.get(token);
  if (value !== undefined) return value;
  if (/^[-+]?\d/.test(token)) return checked(readNumber(checkDigits(token)));
  return checked(readScalar(`$${checkKey(token)}`));
}

/** Refuses nothing. */
function checked<T>(value: T): NonNullable<T> {
  return value ?? refuse();
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

/** Key names that were read before, at most `maxKeys`; then all are forgotten. A property's own text is found faster than an equal one. */
const keyNames = new Map<string, string>();
const maxKeys = 4096;

function readMap(): object {
  enter();
  at++;
  const object: Record<string, unknown> = {};
  for (let unit = skip(); unit !== 125; unit = skip()) {
    const start = at;
    let property = unit === 58 ? keyNames.get(readName(1)) : undefined;
    // Whatever Object.prototype has, `__proto__` above all, is not for assignment.
    if (property === undefined || property in object) {
      at = start;
      const key = read(unit);
      property = propertyOf(key);
      if (property === undefined || property in object) return readPairs([...entriesOf(object), [key, read()]]);
      if (unit === 58) rememberKey(property);
    } else spend(1);
    object[checkKey(property)] = read();
  }
  at++;
  leave();
  return object;
}

function rememberKey(name: string): void {
  const property = Object.keys({ [name]: 0 })[0] as string;
  if (keyNames.size === maxKeys) keyNames.clear();
  keyNames.set(property, property);
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
  let start = ++at;
  let value = "";
  for (;;) {
    const unit = text.charCodeAt(at);
    if (unit === 34 || unit === 92) {
      value += slice(start);
      at++;
      if (unit === 34) return value;
      value += readEscape();
      start = at;
    } else if (++at >= text.length) refuse();
  }
}

const maxKeptLength = 8192;

/** The text from `start` to the cursor. What is cut from a message longer than `maxKeptLength` does not keep it alive. */
function slice(start: number): string {
  const part = text.slice(start, at);
  return text.length > maxKeptLength ? detach(part) : part;
}

/** What stands after a backslash in a string. */
function readEscape(): string {
  const known = '"\\\n\r\t\f\b'['"\\nrtfb'.indexOf(text.charAt(at))];
  at += known ? 1 : 5;
  return known ?? unitOf(text.slice(at - 5, at));
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

/** NUL, white space and `"(),;[\]^{}`. */
const tokenEnd = /[\0\t-\r\x1c- "(),;[-\]^{}]/g;

/** The text up to what ends a token. */
function readToken(): string {
  const start = at;
  tokenEnd.lastIndex = at;
  tokenEnd.test(text);
  at = tokenEnd.lastIndex - 1;
  return slice(start);
}

/** The token `width` code units from here. */
function readName(width: number): string {
  at += width;
  return checkKey(readToken());
}

function readDispatch(next: number): unknown {
  if (next === 123) return collectSet(readItems(2, 125));
  if (next === 94) return readMeta(2);
  if (next === 35) return readAtom();
  if (next !== 58) return readTagged(readName(1));
  const name = readName(2);
  if (!isKeywordName(name) || name.includes("/") || skip() !== 123) refuse();
  enter();
  at++;
  return readPairs([], name);
}

function readTagged(tag: string): unknown {
  if (!isTagName(tag)) refuse();
  const code = scalarTags.get(tag);
  if (code === undefined) return new Tagged(tag, readInside(0));
  if (skip() !== 34) refuse();
  return checked(readScalar(code + readString()));
}

/** Drops the metadata; the value after it stays. */
function readMeta(width: number): unknown {
  readInside(width);
  return readInside(0);
}

/** Up to 15 digits from 1 on: exact in a double, as is their quotient by a power of ten. Any other number takes longer. */
function readDecimal(first: number): unknown {
  const start = at;
  let unit = first;
  let value = 0;
  let scale = 0;
  for (; ; unit = text.charCodeAt(++at)) {
    if (unit > 47 && unit < 58) {
      value = value * 10 + unit - 48;
      scale *= 10;
    } else if (unit === 46 && scale === 0) scale = 1;
    else break;
  }
  if (at - start < 16 && (unit === 32 || unit === 93 || unit === 125)) return scale > 0 ? value / scale : value;
  at = start;
  return readAtom();
}
