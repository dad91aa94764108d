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
import { collectText, putByte, putNumber, putQuoted, putText } from "./sink.ts";

/** Throws SyncError `invalid` for what EDN cannot carry. */
export function writeEdn(value: unknown): string {
  try {
    return collectText(put, value, 0);
  } finally {
    forgetTexts();
  }
}

/** Canonical texts of parts of the message at hand: a set within sets within sets is walked once. */
const texts = new Map<unknown, string>();

/** To be called when a message is done. */
export function forgetTexts(): void {
  if (texts.size > 0) texts.clear();
}

/** A depth at which members and keys are sorted by their texts; no depth of collections reaches a limit from there. */
const sorted = Number.NEGATIVE_INFINITY;

/** The same text for two values exactly when they are equal. */
export function canonicalText(value: unknown): string {
  let text = texts.get(value);
  if (text === undefined) {
    text = collectText(put, value, sorted);
    texts.set(value, text);
  }
  return text;
}

/** True if two of the keys or members are one to a reader. The text of an object never begins as that of a string does. */
export function hasTwice(keys: readonly unknown[]): boolean {
  const names = keys.map((key) =>
    typeof key === "string" ? `"${key}` : typeof key === "object" || key === undefined ? canonicalText(key) : key,
  );
  return new Set(names).size < keys.length;
}

/** Throws SyncError `invalid` for two keys or members that are two to JavaScript and one to a reader. */
export function checkDistinct(keys: readonly unknown[], depth: number): void {
  if (hasTwice(keys)) throw refusal("A key or member that occurs twice", depth);
}

function put(value: unknown, depth: number): void {
  if (typeof value === "string") return putQuoted(value);
  if (typeof value === "number") return putNumber(value) ? undefined : putText(writeNumber(value));
  if (depth < 0 && texts.has(value)) return putText(canonicalText(value));
  if (Array.isArray(value)) return putItems("[", value, "]", depth);
  if (typeof value === "object" && value) return isPlain(value) ? putObject(value, depth) : putOther(value, depth);
  if (typeof value === "function" || typeof value === "symbol") throw refusal(`A ${typeof value}`, depth);
  putText(typeof value === "bigint" ? `${value}N` : `${value ?? "nil"}`);
}

/** Forms with a space between them. */
function putItems(opening: string, items: readonly unknown[], closing: string, depth: number): void {
  checkDepth(depth);
  putText(opening);
  for (let i = 0; i < items.length; i++) {
    if (i > 0) putByte(32);
    trail[depth] = i;
    put(items[i], depth + 1);
  }
  putText(closing);
}

/** Members, or keys each with its value, to a closing brace. */
function putGroups(opening: string, groups: unknown[][], depth: number): void {
  if (depth < 0) {
    const parts = groups.map((group) => collectText((items) => putItems("", items as unknown[], " ", depth), group, depth));
    return putText(`${opening}${parts.sort().join("")}}`);
  }
  putItems(opening, groups.flat(), "}", depth);
  checkDistinct(
    groups.map(([key]) => key),
    depth,
  );
}

function putObject(value: Record<string, unknown>, depth: number): void {
  if (depth < 0) return putGroups("{", entriesOf(value), depth);
  checkDepth(depth);
  let before = 123;
  for (const key of Object.keys(value)) {
    const item = value[key];
    if (item === undefined) continue;
    putByte(before);
    before = 32;
    putText(keyTexts.get(key) ?? encodeKey(key));
    trail[depth] = key;
    put(item, depth + 1);
  }
  if (before === 123) putByte(before);
  putByte(125);
}

/** The keys seen lately, as they are written, with a space after them; at most `maxKeys`. */
const keyTexts = new Map<string, string>();
const maxKeys = 4096;

function encodeKey(key: string): string {
  const text = `${isKeyName(key) ? `:${key}` : collectText(put, key, 0)} `;
  if (keyTexts.size === maxKeys) keyTexts.clear();
  if (key.length < 256) keyTexts.set(key, text);
  return text;
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
  if (value instanceof List) return putItems("(", value.items, ")", depth);
  if (!(value instanceof Tagged)) return putText(scalarText(writeScalar(value, depth)));
  if (!isOpenTag(value.tag)) throw refusal(`The tag ${value.tag}`, depth);
  checkDepth(depth);
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
      return `\\${isKeywordName(text) ? text : `u${text.charCodeAt(0).toString(16).padStart(4, "0")}`}`;
    default:
      return text;
  }
}
