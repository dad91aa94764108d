/**
 * Values to EDN text, as Clojure's own reader takes it.
 *
 * Always: one space between forms, no metadata; what is written is read back as an equal value.
 * Rules: docs/protocol.md EDN1-EDN10, EDN13, PACK2.
 */
import { List, Tagged } from "../core/values.ts";
import { isKeyName, isKeywordName } from "./names.ts";
import { writeNumber } from "./numbers.ts";
import { entriesOf, isPlain } from "./plain.ts";
import { checkDepth, refusal, trail } from "./refuse.ts";
import { isOpenTag, writeScalar } from "./scalars.ts";
import { collectText, position, putByte, putBytes, putNumber, putQuoted, putText, replaceByte, unicodeEscape } from "./sink.ts";
import { encodeUtf8 } from "./utf8.ts";

/** Throws SyncError `invalid` for what EDN cannot carry. */
export function writeEdn(value: unknown): string {
  try {
    return collectText(put, value, 0);
  } finally {
    forgetTexts();
  }
}

let isSorted = false;
/** Canonical texts of parts of the message at hand: a set within sets within sets is walked once. */
const texts = new Map<unknown, string>();

/** To be called when a message is done. */
export function forgetTexts(): void {
  if (texts.size > 0) texts.clear();
}

/** The same text for two values exactly when they are equal: members and keys are sorted by their texts. */
export function canonicalText(value: unknown, depth = 0): string {
  const known = texts.get(value);
  if (known !== undefined) return known;
  isSorted = true;
  try {
    const text = collectText(put, value, depth);
    texts.set(value, text);
    return text;
  } finally {
    isSorted = false;
  }
}

/** Throws SyncError `invalid` for two keys or members that are two to JavaScript and one to a reader. */
export function checkDistinct(keys: readonly unknown[], depth: number): void {
  const known = keys.filter((key) => typeof key === "object" || key === undefined).map((key) => canonicalText(key, depth + 1));
  if (new Set(known).size < known.length) throw refusal("A key or member that occurs twice", depth);
}

function put(value: unknown, depth: number): void {
  switch (typeof value) {
    case "string":
      return putQuoted(value);
    case "number":
      if (!putNumber(value)) putText(writeNumber(value));
      return;
    case "bigint":
      return putText(`${value}N`);
    case "object":
    case "boolean":
    case "undefined":
      if (isSorted && texts.has(value)) return putText(texts.get(value) as string);
      if (Array.isArray(value)) return putItems("[", value, 93, depth);
      if (typeof value !== "object" || value === null) return putText(`${value ?? "nil"}`);
      return isPlain(value) ? putObject(value, depth) : putOther(value, depth);
    default:
      throw refusal(`A ${typeof value}`, depth);
  }
}

/** Forms with a space between them. */
function putItems(opening: string, items: readonly unknown[], closing: number, depth: number): void {
  if (!isSorted) checkDepth(depth);
  putText(opening);
  for (let i = 0; i < items.length; i++) {
    if (i > 0) putByte(32);
    trail[depth] = i;
    put(items[i], depth + 1);
  }
  putByte(closing);
}

/** Members, or keys each with its value, to a closing brace. */
function putGroups(opening: string, groups: unknown[][], depth: number): void {
  if (isSorted) {
    const parts = groups.map((group) => collectText((items) => putItems("", items as unknown[], 32, depth), group, depth));
    return putText(`${opening}${parts.sort().join("")}}`);
  }
  putItems(opening, groups.flat(), 125, depth);
  checkDistinct(
    groups.map(([key]) => key),
    depth,
  );
}

/** Unlike `Object.hasOwn`, engines leave this call out in a for-in loop. */
const isOwn = Object.prototype.hasOwnProperty;

function putObject(value: Record<string, unknown>, depth: number): void {
  if (isSorted) return putGroups("{", entriesOf(value), depth);
  checkDepth(depth);
  const start = position();
  for (const key in value) {
    const item = value[key];
    if (item === undefined || !isOwn.call(value, key)) continue;
    putBytes(keyBytes.get(key) ?? encodeKey(key));
    trail[depth] = key;
    put(item, depth + 1);
  }
  // The brace takes the place of the space before the first key.
  if (position() === start) putByte(123);
  else replaceByte(start, 123);
  putByte(125);
}

/** The keys seen lately, as they are written, between spaces; at most `maxKeys`. */
const keyBytes = new Map<string, Uint8Array>();
const maxKeys = 4096;

function encodeKey(key: string): Uint8Array {
  const bytes = encodeUtf8(` ${isKeyName(key) ? `:${key}` : collectText(put, key, 0)} `);
  if (keyBytes.size === maxKeys) keyBytes.clear();
  if (key.length < 256) keyBytes.set(key, bytes);
  return bytes;
}

/** Values of our own classes and of JavaScript's; a class that is none of them is refused. */
function putOther(value: object, depth: number): void {
  if (value instanceof Map) return putGroups("{", Array.from(value), depth);
  if (value instanceof Set)
    return putGroups(
      "#{",
      Array.from<unknown, unknown[]>(value, (item) => [item]),
      depth,
    );
  if (value instanceof List) return putItems("(", value.items, 41, depth);
  if (!(value instanceof Tagged)) return putText(scalarText(writeScalar(value, depth)));
  if (!isOpenTag(value.tag)) throw refusal(`The tag ${value.tag}`, depth);
  if (!isSorted) checkDepth(depth);
  putText(`#${value.tag} `);
  trail[depth] = value.tag;
  put(value.value, depth + 1);
}

function scalarText(scalar: string): string {
  const text = scalar.slice(1);
  switch (scalar[0]) {
    case ":":
      return scalar;
    case "t":
      return `#inst "${text.slice(0, -1)}-00:00"`;
    case "u":
      return `#uuid "${text}"`;
    case "b":
      return `#sync/bytes "${text}"`;
    case "f":
      return `${text}M`;
    case "c":
      return `\\${isKeywordName(text) ? text : unicodeEscape(text)}`;
    default:
      return text;
  }
}
