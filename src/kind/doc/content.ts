/**
 * What a struct of a Yjs update holds, passed over and checked: how long it is, and that nothing in it can harm who reads it.
 *
 *   1 deleted   varint length
 *   2 json      varint count, then that many texts: JSON, or `undefined`
 *   3 binary    varint length, bytes
 *   4 string    text; its length counts in UTF-16 units
 *   5 embed     text: JSON
 *   6 format    text: key, text: JSON
 *   7 type      varint: 0 array 1 map 2 text 3 element 4 fragment 5 hook 6 xml text; 3 and 5 with a name, text
 *   8 any       varint count, then that many values
 *   9 document  text: its guid, then a value: an object, of `gc`, `autoLoad` and `meta` alone
 *   value       a byte from 116 to 127: bytes, array, object, text, true, false, 64-bit integer, float64, float32, integer, null, undefined
 *
 * Always: values are at most `maxDepth` deep and `maxValues` many, keys at most `maxKeyBytes` long, and none is `__proto__`.
 * Rules: docs/protocol/doc.md DOC3, DOC4.
 */
import { SyncError } from "../../core/errors.ts";
import { type Cursor, malformed } from "./bytes.ts";

export interface UpdateLimits {
  readonly maxDepth: number;
  /** Structs, deleted ranges and values within them. */
  readonly maxValues: number;
  readonly maxKeyBytes: number;
}

export const updateLimits: UpdateLimits = { maxDepth: 64, maxValues: 100_000, maxKeyBytes: 1024 };

/** Counts what one update has. */
export interface Spent {
  readonly limits: UpdateLimits;
  values: number;
}

export const contents = { deleted: 1, json: 2, binary: 3, string: 4, embed: 5, format: 6, type: 7, any: 8, document: 9 } as const;

export function spend(spent: Spent, count = 1): void {
  spent.values += count;
  if (spent.values > spent.limits.maxValues) {
    throw new SyncError("too-large", `A document's update has at most ${spent.limits.maxValues} parts.`);
  }
}

/** Passes over the content; its length. */
export function passContent(cursor: Cursor, content: number, spent: Spent): number {
  switch (content) {
    case contents.deleted:
      return cursor.varint();
    case contents.json:
      return passEach(cursor, spent, () => passJson(cursor, spent, true));
    case contents.binary:
      cursor.at = cursor.partEnd();
      return 1;
    case contents.string:
      return cursor.textLength();
    case contents.embed:
      passJson(cursor, spent);
      return 1;
    case contents.format:
      passKey(cursor, spent);
      passJson(cursor, spent);
      return 1;
    case contents.type: {
      const type = cursor.varint();
      if (type > 6) throw malformed("an unknown type");
      if (type === 3 || type === 5) passKey(cursor, spent);
      return 1;
    }
    case contents.any:
      return passEach(cursor, spent, () => passValue(cursor, spent, 1));
    case contents.document:
      passKey(cursor, spent);
      passOptions(cursor, spent);
      return 1;
    default:
      throw malformed("an unknown content");
  }
}

/** Passes over elements that say how many they are; how many. */
function passEach(cursor: Cursor, spent: Spent, pass: () => void): number {
  const count = cursor.varint();
  // Each takes a byte at least.
  if (count > cursor.left) throw malformed("it ends too early");
  spend(spent, count);
  for (let i = 0; i < count; i++) pass();
  return count;
}

/** A name of something: bounded, and none that would change a prototype. */
export function passKey(cursor: Cursor, spent: Spent): void {
  const start = cursor.at;
  const end = cursor.partEnd();
  if (end - cursor.at > spent.limits.maxKeyBytes) {
    throw new SyncError("too-large", `A key in a document has at most ${spent.limits.maxKeyBytes} bytes.`);
  }
  const isLong = end - cursor.at === protoKey.length;
  cursor.at = start;
  if (!isLong) cursor.textLength();
  else if (cursor.text() === protoKey) throw new SyncError("invalid", `"${protoKey}" is no key for a document.`);
}

const protoKey = "__proto__";

export function passJson(cursor: Cursor, spent: Spent, mayBeUndefined = false): void {
  const text = cursor.text();
  if (mayBeUndefined && text === "undefined") return;
  let depth = 0;
  let isText = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (isText) {
      if (unit === 92) i++;
      else if (unit === 34) isText = false;
    } else if (unit === 34) isText = true;
    else if (unit === 91 || unit === 123) checkDepth(++depth, spent);
    else if (unit === 93 || unit === 125) depth--;
    else if (unit === 44) spend(spent);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed("text that is no JSON");
  }
  // It may be spelled otherwise.
  if (text.includes(protoKey) || (text.includes("\\u") && JSON.stringify(value).includes(protoKey))) {
    throw new SyncError("invalid", `"${protoKey}" is no key for a document.`);
  }
}

function checkDepth(depth: number, { limits }: Spent): void {
  if (depth > limits.maxDepth) throw new SyncError("too-deep", `A value in a document is at most ${limits.maxDepth} deep.`);
}

function passValue(cursor: Cursor, spent: Spent, depth: number): void {
  checkDepth(depth, spent);
  switch (cursor.byte()) {
    case 127:
    case 126:
    case 121:
    case 120:
      return;
    case 125:
      return passInteger(cursor);
    case 124:
      return cursor.skip(4);
    case 123:
    case 122:
      return cursor.skip(8);
    case 119:
      cursor.textLength();
      return;
    case 118:
      passEach(cursor, spent, () => {
        passKey(cursor, spent);
        passValue(cursor, spent, depth + 1);
      });
      return;
    case 117:
      passEach(cursor, spent, () => passValue(cursor, spent, depth + 1));
      return;
    case 116:
      cursor.at = cursor.partEnd();
      return;
    default:
      throw malformed("an unknown value");
  }
}

/** Options of a document within: Yjs makes a document of them, and takes each for what it says. */
function passOptions(cursor: Cursor, spent: Spent): void {
  if (cursor.byte() !== 118) throw malformed("a document whose options are no object");
  passEach(cursor, spent, () => {
    const key = cursor.text();
    const value = cursor.bytes[cursor.at] ?? 0;
    if (key !== "meta" && !(isFlag.has(key) && (value === 120 || value === 121))) {
      throw new SyncError("invalid", "A document within a document has the options gc, autoLoad and meta.");
    }
    passValue(cursor, spent, 2);
  });
}

const isFlag = new Set(["gc", "autoLoad"]);

/** Six bits and a sign in the first byte, then seven a byte. */
function passInteger(cursor: Cursor): void {
  let byte = cursor.byte();
  let value = byte & 63;
  for (let scale = 64; byte > 127; scale *= 128) {
    byte = cursor.byte();
    value += (byte & 127) * scale;
    if (value > Number.MAX_SAFE_INTEGER) throw malformed("a number over 2^53");
  }
}
