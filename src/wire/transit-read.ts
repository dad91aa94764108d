/**
 * Transit over JSON to values: the engine parses the JSON, then one walk follows the codes and makes the values.
 *
 * Always: the walk goes in the order of the text, in which the writer counted its codes; what a code stands for costs by its
 * length, so that few bytes do not become many.
 * Rules: docs/protocol/transit.md TRANSIT1-TRANSIT14, BUDGET1-BUDGET5, BUDGET7.
 */
import { SyncError } from "../core/errors.ts";
import { Keyword, List, Ratio, Sym, Tagged } from "../core/values.ts";
import { collectMap, collectSet } from "./collect.ts";
import { forgetTexts } from "./edn-write.ts";
import { guardJson } from "./json-guard.ts";
import { checkDigits, checkKey, enter, leave, spend, startMeter } from "./meter.ts";
import type { Budget } from "./packer.ts";
import { entriesOf, propertyOf } from "./plain.ts";
import { isOpenTag } from "./scalars.ts";
import { codeIndex, isCacheable, maxCodes } from "./transit-code.ts";
import { isUnknownTag, readText, refuse, wrapTag } from "./transit-text.ts";

/** A text that may have a code: a key, keyword, symbol or tag. */
interface Label {
  /** What counts as its length for the budget; empty for keys that are no names. */
  readonly name: string;
  readonly value: unknown;
  /** The property of a plain object that it is, as a key; nothing if assigning it would not make an own property. */
  readonly property: string | undefined;
  readonly tag: string | undefined;
  /** Values that a code for it costs. */
  readonly cost: number;
  /** The last map that had it as a key, for each level of maps in maps. */
  readonly maps: number[];
}

/** Of this message, by their codes. */
let coded: Label[] = [];

/** Throws SyncError `malformed`, `too-large` or `too-deep`. */
export function readTransit(input: string, budget: Budget): unknown {
  guardJson(input, budget);
  let parsed: unknown;
  try {
    parsed = JSON.parse(input);
  } catch (cause) {
    throw new SyncError("malformed", "Not JSON.", { cause });
  }
  startMeter(budget);
  coded = [];
  level = 0;
  try {
    return read(parsed);
  } finally {
    coded = [];
    forgetTexts();
  }
}

/** Names and string keys seen lately, by their text. */
const labels = new Map<string, Label>();
const maxLabels = 2048;
const maxKeptLength = 80;
/** A code costs one value more for so many units of what it stands for. */
const unitsPerValue = 64;

function learn(text: string): Label {
  const tag = text.startsWith("~#") ? text.slice(2) : undefined;
  const value = tag !== undefined ? undefined : text.startsWith("~") ? readText(text) : text;
  const name = tag ?? (typeof value === "string" ? value : value instanceof Keyword || value instanceof Sym ? value.name : "");
  const property = propertyOf(value);
  const label: Label = {
    name,
    value,
    // A property's own text is found faster than an equal one.
    property: property === undefined || property in Object.prototype ? undefined : Object.keys({ [property]: 0 })[0],
    tag,
    maps: [],
    cost: 1 + Math.floor(text.length / unitsPerValue),
  };
  if (name !== "" && text.length <= maxKeptLength) {
    if (labels.size === maxLabels) labels.clear();
    labels.set(text, label);
  }
  return label;
}

/** The label that stands as `text`; one value is spent for it, or more for a code. */
function readLabel(text: string): Label {
  if (text.charCodeAt(0) === 94) {
    const label = coded[codeIndex(text)] ?? refuse(text);
    spend(label.cost);
    return label;
  }
  spend(1);
  const label = labels.get(text) ?? learn(text);
  checkKey(label.name);
  if (isCacheable(text)) {
    if (coded.length === maxCodes) coded = [];
    coded.push(label);
  }
  return label;
}

function meaningOf(label: Label): unknown {
  return label.tag === undefined ? label.value : refuse(`~#${label.tag}`);
}

function read(value: unknown): unknown {
  if (typeof value === "string") return readString(value);
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? readArray(value) : readObject(value as Record<string, unknown>);
  }
  spend(1);
  return value;
}

/** Code units of what may have a code where it is no key: a keyword, symbol or tag. */
const nameMarks = ":$#";

function readString(text: string): unknown {
  const unit = text.charCodeAt(0);
  if (unit === 94 || (unit === 126 && text.length > 1 && nameMarks.includes(text.charAt(1)))) return meaningOf(readLabel(text));
  spend(1);
  return unit === 126 ? readText(text) : text;
}

function readArray(array: unknown[]): unknown {
  const first = array[0];
  if (typeof first === "string") {
    if (first === "^ ") return readMap(array);
    if (isTag(first)) return array.length === 2 ? readTagged(first, array[1]) : refuse(first);
  }
  spend(1);
  return readItems(array);
}

function readItems(items: unknown): unknown[] {
  if (!Array.isArray(items)) return refuse("a tag");
  enter();
  for (let i = 0; i < items.length; i++) {
    const item: unknown = items[i];
    const value = read(item);
    if (value !== item) items[i] = value;
  }
  leave();
  return items;
}

/** True for a tag, or a code of one. */
function isTag(text: string): boolean {
  return text.startsWith("~#") || (text.charCodeAt(0) === 94 && coded[codeIndex(text)]?.tag !== undefined);
}

function readObject(object: Record<string, unknown>): unknown {
  const keys = Object.keys(object);
  const [first] = keys;
  if (first !== undefined && keys.length === 1 && isTag(first)) return readTagged(first, object[first]);
  const flat: unknown[] = ["^ "];
  for (const key of keys) flat.push(key, object[key]);
  return readMap(flat);
}

/** Maps read so far, and how many of them are open. */
let map = 0;
let level = 0;

/** A map of the keys and values from index 1 on. */
function readMap(flat: readonly unknown[]): object {
  if (flat.length % 2 === 0) refuse("^ ");
  spend(1);
  enter();
  level++;
  const own = ++map;
  const object: Record<string, unknown> = {};
  for (let i = 1; i < flat.length; i += 2) {
    const key = flat[i];
    const label = typeof key === "string" ? readLabel(key) : undefined;
    if (label?.property === undefined || label.maps[level] === own) {
      return readPairs(flat, i + 2, entriesOf(object), [label ? meaningOf(label) : read(key), read(flat[i + 1])]);
    }
    label.maps[level] = own;
    object[label.property] = read(flat[i + 1]);
  }
  level--;
  leave();
  return object;
}

/** The rest of a map that began as a plain object, from index `from` on. */
function readPairs(
  flat: readonly unknown[],
  from: number,
  before: readonly [unknown, unknown][],
  last: [unknown, unknown],
): object {
  const pairs = [...before, last];
  for (let i = from; i < flat.length; i += 2) {
    const key = flat[i];
    pairs.push([typeof key === "string" ? meaningOf(readLabel(key)) : read(key), read(flat[i + 1])]);
  }
  level--;
  leave();
  return collectMap(pairs);
}

function readTagged(text: string, content: unknown): unknown {
  const tag = readLabel(text).tag as string;
  switch (tag) {
    case "set":
      return collectSet(readItems(content));
    case "list":
      return new List(readItems(content));
    case "cmap":
      return collectMap(pairsOf(readItems(content)));
    case "ratio":
      return readRatio(content);
    case wrapTag:
      return readWrapped(content);
    default: {
      const value = readInside(content);
      if (tag === "'") return value;
      if (isUnknownTag(tag)) return new Tagged(tag, value);
      // What is a text elsewhere may be a tag and the rest of the text.
      return tag.length === 1 && typeof value === "string" ? readText(`~${tag}${value}`) : refuse(text);
    }
  }
}

function readInside(content: unknown): unknown {
  enter();
  const value = read(content);
  leave();
  return value;
}

function pairsOf(items: readonly unknown[]): [unknown, unknown][] {
  if (items.length % 2 !== 0) refuse("cmap");
  return Array.from({ length: items.length / 2 }, (_, i) => [items[2 * i], items[2 * i + 1]]);
}

function readWrapped(content: unknown): Tagged {
  const [tag, value] = Array.isArray(content) && content.length === 2 ? content : [];
  if (typeof tag !== "string" || !isOpenTag(checkKey(tag)) || isUnknownTag(tag)) return refuse(wrapTag);
  return new Tagged(tag, readInside(value));
}

/** Of two integers, however written; it counts as one value without parts. */
function readRatio(content: unknown): Ratio {
  const [numerator, denominator] = Array.isArray(content) && content.length === 2 ? content.map(readInteger) : [];
  if (numerator === undefined || denominator === undefined || denominator < 1n) return refuse("ratio");
  checkDigits(`${numerator}${denominator}`);
  return new Ratio(numerator, denominator);
}

function readInteger(part: unknown): bigint | undefined {
  const value = typeof part === "string" && /^~[in]/.test(part) ? readText(part) : part;
  return typeof value === "bigint" || Number.isSafeInteger(value) ? BigInt(value as bigint) : undefined;
}
