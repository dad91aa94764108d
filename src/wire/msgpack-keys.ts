/**
 * Keywords and strings that are keys, remembered from message to message: as they are written, as they are read, and
 * which key followed which, so that the next one is guessed rather than looked up.
 *
 * Always: a key that is the same is the same `Key` until the table is full, then it forgets them all between two
 * messages; a wrong guess costs time, never a wrong value.
 * Rules: docs/protocol/msgpack.md MSGPACK3, MSGPACK7.
 */
import { Keyword } from "../core/values.ts";
import { collectBytes, putString, putTextExtension } from "./msgpack-sink.ts";
import { keywordType } from "./msgpack-types.ts";
import { isKeyName, isKeywordName } from "./names.ts";
import { propertyOf } from "./plain.ts";

export class Key {
  readonly value: Keyword | string;
  /** The keyword's name, or the string. */
  readonly text: string;
  /** In full, as we write it. */
  readonly bytes: Uint8Array;
  /** The property that it is in a plain object; nothing if it is none, or one that is not for assignment. */
  readonly property: string | undefined;
  /** The key that followed last in a map. */
  next: Key | undefined;
  /** The first key of the last map that stood under this key. */
  inner: Key | undefined;
  /** The last payload that this key was written to in full, and its index there. */
  payload = 0;
  index = 0;
  constructor(value: Keyword | string, bytes: Uint8Array) {
    this.value = value;
    this.text = typeof value === "string" ? value : value.name;
    this.bytes = bytes;
    const property = propertyOf(value);
    // A property's own text is found faster than an equal one. Whatever Object.prototype has is not for assignment.
    this.property = property === undefined || property in {} ? undefined : Object.keys({ [property]: 0 })[0];
  }
}

const maxKeptBytes = 1 << 20;
/** What a key takes besides its bytes, roughly. */
const bytesPerKey = 256;

const keywords = new Map<string, Key>();
const strings = new Map<string, Key>();
let keptBytes = 0;
/** Stands before every first key. */
let root = new Key("", new Uint8Array());

export function rootKey(): Key {
  return root;
}

/** To be called when a message is done. */
export function trimKeys(): void {
  if (keptBytes <= maxKeptBytes) return;
  keywords.clear();
  strings.clear();
  keptBytes = 0;
  root = new Key("", new Uint8Array());
}

/** Nothing if `name` is no keyword's name. */
export function keywordKey(name: string): Key | undefined {
  const known = keywords.get(name);
  if (known !== undefined || !isKeywordName(name)) return known;
  return keep(
    keywords,
    name,
    new Key(
      new Keyword(name),
      collectBytes(() => putTextExtension(keywordType, name)),
    ),
  );
}

export function stringKey(text: string): Key {
  return (
    strings.get(text) ??
    keep(
      strings,
      text,
      new Key(
        text,
        collectBytes(() => putString(text)),
      ),
    )
  );
}

/** The key that a property of a plain object is. */
export function propertyKey(property: string): Key {
  const known = keywords.get(property) ?? strings.get(property);
  if (known?.property === property) return known;
  return (isKeyName(property) ? keywordKey(property) : undefined) ?? stringKey(property);
}

function keep(keys: Map<string, Key>, text: string, key: Key): Key {
  keys.set(text, key);
  keptBytes += key.bytes.length + bytesPerKey;
  return key;
}
