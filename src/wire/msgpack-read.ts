/**
 * MessagePack to values: a recursive descent over the bytes.
 *
 * Always: a length is compared with what is left, and paid for, before memory is taken for it; an extension ends where
 * its head says; what follows the first value is not looked at.
 * Rules: docs/protocol/msgpack.md MSGPACK1-MSGPACK10, BUDGET1-BUDGET6.
 */
import { SyncError } from "../core/errors.ts";
import { Keyword } from "../core/values.ts";
import { collectMap } from "./collect.ts";
import { forgetTexts } from "./edn-write.ts";
import { checkKey, enter, leave, spend, startMeter } from "./meter.ts";
import { readContent } from "./msgpack-extensions.ts";
import { Key, keywordKey, rootKey, stringKey, trimKeys } from "./msgpack-keys.ts";
import {
  closeSource,
  cursor,
  isExtension,
  need,
  openSource,
  refuse,
  takeBytes,
  takeCachedKey,
  takeExpected,
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
import { maxCachedKeys } from "./msgpack-types.ts";
import type { Budget } from "./packer.ts";
import { entriesOf } from "./plain.ts";

/** The keys that stood in this payload in full, the first 256. */
const cachedKeys: Key[] = [];
/** The key under which the next map stands. */
let place = rootKey();

/** Throws SyncError `malformed`, `too-large` or `too-deep`. */
export function readMsgpack(packed: string | Uint8Array, budget: Budget): unknown {
  if (typeof packed === "string") throw new SyncError("malformed", "MessagePack is binary, and this is text.");
  openSource(packed);
  place = rootKey();
  startMeter(budget);
  spend(1);
  try {
    return read();
  } finally {
    closeSource();
    cachedKeys.length = 0;
    forgetTexts();
    trimKeys();
  }
}

/** The next value, which is paid for. */
function read(): unknown {
  const head = takeUint8();
  if (head < 0x80) return head;
  if (head >= 0xe0) return head - 256;
  if (head >= 0xa0 && head < 0xc0) return takeText(head & 31);
  if (head < 0x90) return readMap(head & 15);
  if (head < 0xa0) return readItems(head & 15);
  switch (head) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xc4:
      return takeBytes(takeUint8());
    case 0xc5:
      return takeBytes(takeUint16());
    case 0xc6:
      return takeBytes(takeUint32());
    case 0xca:
      return takeFloat32();
    case 0xcb:
      return takeFloat64();
    case 0xcc:
      return takeUint8();
    case 0xcd:
      return takeUint16();
    case 0xce:
      return takeUint32();
    case 0xcf:
      return takeInt64(takeUint32());
    case 0xd0:
      return (takeUint8() << 24) >> 24;
    case 0xd1:
      return (takeUint16() << 16) >> 16;
    case 0xd2:
      return takeInt32();
    case 0xd3:
      return takeInt64(takeInt32());
    case 0xd9:
      return takeText(takeUint8());
    case 0xda:
      return takeText(takeUint16());
    case 0xdb:
      return takeText(takeUint32());
    case 0xdc:
      return readItems(takeUint16());
    case 0xdd:
      return readItems(takeUint32());
    case 0xde:
      return readMap(takeUint16());
    case 0xdf:
      return readMap(takeUint32());
    default:
      return isExtension(head) ? readExtension(head) : refuse();
  }
}

function readExtension(head: number): unknown {
  const size = takeExtensionSize(head);
  const type = (takeUint8() << 24) >> 24;
  const end = cursor() + size;
  const value = readContent(type, size, read);
  return cursor() === end ? value : refuse();
}

function readItems(count: number): unknown[] {
  need(count);
  spend(count);
  enter();
  const items = [];
  for (let i = 0; i < count; i++) items.push(read());
  leave();
  return items;
}

function readMap(count: number): object {
  need(2 * count);
  spend(2 * count);
  enter();
  const outside = place;
  const object: Record<string, unknown> = {};
  let last: Key | undefined;
  for (let i = 0; i < count; i++) {
    const expected: Key | undefined = last === undefined ? outside.inner : last.next;
    const key = readKey(expected);
    if (!(key instanceof Key) || key.property === undefined) {
      place = outside;
      return readPairs([...entriesOf(object), [key instanceof Key ? key.value : key, read()]], i + 1, count);
    }
    if (key !== expected) {
      if (last === undefined) outside.inner = key;
      else last.next = key;
    }
    place = last = key;
    object[key.property] = read();
  }
  place = outside;
  leave();
  if (Object.keys(object).length < count) throw new SyncError("malformed", "A key occurs twice.");
  return object;
}

/** The rest of a map of `count`, from its key at `index` on; `pairs` are the keys and values before. */
function readPairs(pairs: [unknown, unknown][], index: number, count: number): object {
  if (pairs.length < index) throw new SyncError("malformed", "A key occurs twice.");
  for (let i = index; i < count; i++) {
    const key = readKey(undefined);
    pairs.push([key instanceof Key ? key.value : key, read()]);
  }
  leave();
  return collectMap(pairs);
}

/** A keyword or string as a `Key`, or any other key as it is. */
function readKey(expected: Key | undefined): unknown {
  const index = takeCachedKey();
  if (index >= 0) return cachedKeys[index] ?? refuse();
  if (expected !== undefined && takeExpected(expected.bytes)) {
    checkKey(expected.text);
    return remember(expected);
  }
  const value = read();
  if (typeof value === "string") return remember(stringKey(checkKey(value)));
  return value instanceof Keyword ? remember(keywordKey(value.name) ?? refuse()) : value;
}

/** The place of a key in the payload is that of its first occurrence, and of any other in full. */
function remember(key: Key): Key {
  if (cachedKeys.length < maxCachedKeys) cachedKeys.push(key);
  return key;
}
