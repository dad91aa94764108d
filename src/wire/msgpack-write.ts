/**
 * Values to MessagePack, byte for byte as Sente's ClojureScript build writes them where it has the value.
 *
 * Always: what is written is read back as an equal value, but for a list, which is read as a vector; a key is referred to
 * only within the payload that holds it in full.
 * Rules: docs/protocol/msgpack.md MSGPACK1-MSGPACK8, PACK2.
 */
import { isSyncError, type SyncError } from "../core/errors.ts";
import { Keyword, List, type Ratio, Tagged } from "../core/values.ts";
import { checkDistinct, forgetTexts } from "./edn-write.ts";
import { type Key, keywordKey, propertyKey, rootKey, stringKey, trimKeys } from "./msgpack-keys.ts";
import { readMsgpack } from "./msgpack-read.ts";
import { putBigint, putChar, putInstant, putRatio } from "./msgpack-scalars.ts";
import {
  closeExtension,
  closeMap,
  collectBytes,
  openExtension,
  position,
  putArrayHead,
  putBinary,
  putByte,
  putFewBytes,
  putMapHead,
  putNumber,
  putString,
  putTextExtension,
} from "./msgpack-sink.ts";
import { cachedKeyType, decimalType, setType, symbolType, taggedType, uuidType } from "./msgpack-types.ts";
import { type Bytes, ownBudget } from "./packer.ts";
import { isPlain } from "./plain.ts";
import { checkDepth, refusal, trail } from "./refuse.ts";
import { isOpenTag, writeScalar } from "./scalars.ts";

/** What is being packed. */
interface Payload {
  readonly id: number;
  readonly maxCachedKeys: number;
  cachedKeys: number;
  /** The key under which the next map stands. */
  place: Key;
  /** Set if lists stand in sets or keys, where one may be equal to a vector once it is read. */
  equalLists: SyncError | undefined;
}

let payloads = 0;
let current: Payload;
/** Lists put so far. */
let lists = 0;

/** The first `maxCachedKeys` keys are written once. Throws SyncError `invalid` for what no packer carries. */
export function writeMsgpack(value: unknown, maxCachedKeys: number): Bytes {
  const outer = current;
  const payload: Payload = { id: ++payloads, maxCachedKeys, cachedKeys: 0, place: rootKey(), equalLists: undefined };
  current = payload;
  try {
    const packed = collectBytes(() => put(value, 0));
    if (payload.equalLists) checkReadable(packed, payload.equalLists);
    return packed;
  } finally {
    current = outer;
    forgetTexts();
    trimKeys();
  }
}

function checkReadable(packed: Bytes, error: SyncError): void {
  try {
    readMsgpack(packed, ownBudget);
  } catch (cause) {
    if (isSyncError(cause, "malformed")) throw error;
  }
}

function put(value: unknown, depth: number): void {
  switch (typeof value) {
    case "string":
      return putString(value);
    case "number":
      return putNumber(value);
    case "boolean":
      return putByte(value ? 0xc3 : 0xc2);
    case "undefined":
      return putByte(0xc0);
    case "bigint":
      return putBigint(value);
    case "object":
      if (value === null) return putByte(0xc0);
      if (Array.isArray(value)) return putItems(value, depth);
      return isPlain(value) ? putObject(value, depth) : putOther(value, depth);
    default:
      throw refusal(`A ${typeof value}`, depth);
  }
}

function putItems(items: readonly unknown[], depth: number): void {
  checkDepth(depth);
  putArrayHead(items.length);
  for (let i = 0; i < items.length; i++) {
    trail[depth] = i;
    put(items[i], depth + 1);
  }
}

/** Unlike `Object.hasOwn`, engines leave this call out in a for-in loop. */
const isOwn = Object.prototype.hasOwnProperty;

function putObject(value: Record<string, unknown>, depth: number): void {
  checkDepth(depth);
  const payload = current;
  const outside = payload.place;
  const start = position();
  putByte(0x80);
  let count = 0;
  let key: Key | undefined;
  for (const name in value) {
    const item = value[name];
    if (item === undefined || !isOwn.call(value, name)) continue;
    let next: Key | undefined = key === undefined ? outside.inner : key.next;
    if (next === undefined || next.property !== name) {
      next = propertyKey(name);
      if (key === undefined) outside.inner = next;
      else key.next = next;
    }
    key = payload.place = next;
    putKey(key);
    trail[depth] = name;
    put(item, depth + 1);
    count++;
  }
  payload.place = outside;
  closeMap(start, count);
}

function putKey(key: Key): void {
  const payload = current;
  if (key.payload === payload.id) {
    putByte(0xd4);
    putByte(cachedKeyType);
    return putByte(key.index);
  }
  putFewBytes(key.bytes);
  if (payload.cachedKeys === payload.maxCachedKeys) return;
  key.payload = payload.id;
  key.index = payload.cachedKeys++;
}

/** Values of our own classes and of JavaScript's; a class that is none of them is refused. */
function putOther(value: object, depth: number): void {
  if (value instanceof Keyword) return putFewBytes(keyOf(value, depth).bytes);
  if (value instanceof Map) return putMap(value, depth);
  if (value instanceof Set) return putSet(value, depth);
  if (value instanceof List) {
    lists++;
    return putItems(value.items, depth);
  }
  if (value instanceof Tagged) return putTagged(value, depth);
  if (value instanceof Uint8Array) return putBinary(value);
  const scalar = writeScalar(value, depth);
  const text = scalar.slice(1);
  switch (scalar[0]) {
    case "$":
      return putTextExtension(symbolType, text);
    case "u":
      return putTextExtension(uuidType, text);
    case "f":
      return putTextExtension(decimalType, text);
    case "c":
      return putChar(text.charCodeAt(0));
    case "r":
      return putRatio(value as Ratio);
    default:
      return putInstant(Number(value));
  }
}

function keyOf(value: Keyword, depth: number): Key {
  const key = keywordKey(value.name);
  if (!key) throw refusal(`Keyword ${value}`, depth);
  return key;
}

function putMap(map: ReadonlyMap<unknown, unknown>, depth: number): void {
  checkDepth(depth);
  const before = lists;
  let listKeys = 0;
  let index = 0;
  putMapHead(map.size);
  for (const [key, value] of map) {
    trail[depth] = index++;
    const listsBefore = lists;
    if (typeof key === "string") putKey(stringKey(key));
    else if (key instanceof Keyword) putKey(keyOf(key, depth + 1));
    else put(key, depth + 1);
    listKeys += lists - listsBefore;
    trail[depth] = index++;
    put(value, depth + 1);
  }
  if (before !== lists) noteLists(listKeys, depth);
  checkDistinct(Array.from(map.keys()), depth);
}

function putSet(set: ReadonlySet<unknown>, depth: number): void {
  checkDepth(depth);
  const before = lists;
  let index = 0;
  const start = openExtension();
  putArrayHead(set.size);
  for (const item of set) {
    trail[depth] = index++;
    put(item, depth + 1);
  }
  closeExtension(setType, start);
  noteLists(lists - before, depth);
  checkDistinct(Array.from(set), depth);
}

function noteLists(count: number, depth: number): void {
  if (count > 0)
    current.equalLists ??= refusal("A list and a vector that are equal once they are read, as keys or members,", depth);
}

function putTagged(value: Tagged, depth: number): void {
  if (!isOpenTag(value.tag)) throw refusal(`The tag ${value.tag}`, depth);
  checkDepth(depth);
  const start = openExtension();
  putString(value.tag);
  trail[depth] = value.tag;
  put(value.value, depth + 1);
  closeExtension(taggedType, start);
}
