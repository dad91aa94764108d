/**
 * Values to Transit over JSON, byte for byte as the JVM's writer puts them where JavaScript has the same value.
 *
 * Always: what is written is read back as an equal value.
 * Rules: docs/protocol/transit.md TRANSIT1-TRANSIT12.
 */
import { Keyword, List, Ratio, Sym, type Tagged } from "../core/values.ts";
import { checkDistinct, forgetTexts } from "./edn-write.ts";
import { writeNumber } from "./numbers.ts";
import { isPlain } from "./plain.ts";
import { checkDepth, refusal, trail } from "./refuse.ts";
import { isOpenTag, writeScalar } from "./scalars.ts";
import { collectText, position, putByte, putNumber, putQuoted, putText, replaceByte } from "./sink.ts";
import { knownLabel, labelOf, propertyLabel, putLabel, startLabels } from "./transit-label.ts";
import { bigintText, doubleText, escapeText, isUnknownTag, keyText, scalarText, wrapTag } from "./transit-text.ts";

let isVerbose = false;
/** 44 or 58: what stands between a key and its value. */
let between = 44;

/** A whole message. Throws SyncError `invalid` for what no packer carries. */
export function writeTransit(value: unknown, verbose: boolean): string {
  const text = write(value, verbose, !verbose);
  const unit = text.charCodeAt(0);
  if (unit === 91 || unit === 123) return text;
  return verbose ? `{"~#'":${text}}` : `["~#'",${text}]`;
}

/** One item of a vector, which refers to nothing outside and has no codes. */
export function writeTransitPiece(value: unknown, verbose: boolean): string {
  return write(value, verbose, false);
}

function write(value: unknown, verbose: boolean, withCodes: boolean): string {
  // A getter may pack something else meanwhile.
  const wasVerbose = isVerbose;
  const endLabels = startLabels(withCodes);
  begin(verbose);
  try {
    return collectText(put, value, 0);
  } finally {
    begin(wasVerbose);
    endLabels();
    forgetTexts();
  }
}

function begin(verbose: boolean): void {
  isVerbose = verbose;
  between = verbose ? 58 : 44;
}

function put(value: unknown, depth: number): void {
  switch (typeof value) {
    case "string":
      return putQuoted(escapeText(value));
    case "number":
      if (!putNumber(value)) putText(numberText(value));
      return;
    case "bigint":
      return putText(`"${bigintText(value)}"`);
    case "object":
    case "boolean":
    case "undefined":
      if (Array.isArray(value)) return putItems(value, depth);
      if (typeof value !== "object" || value === null) return putText(`${value ?? null}`);
      return isPlain(value) ? putObject(value, depth) : putOther(value, depth);
    default:
      throw refusal(`A ${typeof value}`, depth);
  }
}

function numberText(value: number): string {
  const text = doubleText(value);
  return text === undefined ? writeNumber(value) : `"${text}"`;
}

function putItems(items: readonly unknown[], depth: number): void {
  checkDepth(depth);
  putByte(91);
  for (let i = 0; i < items.length; i++) {
    if (i > 0) putByte(44);
    trail[depth] = i;
    put(items[i], depth + 1);
  }
  putByte(93);
}

/** Begins a map; its place. */
function openMap(): number {
  const start = position();
  if (!isVerbose) putText('["^ "');
  return start;
}

/** Ends the map that began at `start`. */
function closeMap(start: number): void {
  if (!isVerbose) return putByte(93);
  // The brace takes the place of the comma before the first key.
  if (position() === start) putByte(123);
  else replaceByte(start, 123);
  putByte(125);
}

/** Unlike `Object.hasOwn`, engines leave this call out in a for-in loop. */
const isOwn = Object.prototype.hasOwnProperty;

function putObject(value: Record<string, unknown>, depth: number): void {
  checkDepth(depth);
  const start = openMap();
  for (const key in value) {
    const item = value[key];
    if (item === undefined || !isOwn.call(value, key)) continue;
    putByte(44);
    putLabel(propertyLabel(key));
    putByte(between);
    trail[depth] = key;
    put(item, depth + 1);
  }
  closeMap(start);
}

function putMap(map: ReadonlyMap<unknown, unknown>, depth: number): void {
  checkDepth(depth);
  const keys = Array.from(map.keys());
  const texts = keys.map((key, i) => {
    trail[depth] = 2 * i;
    return keyText(key, depth + 1, isVerbose);
  });
  if (texts.includes(undefined)) putTagged("cmap", () => putItems(Array.from(map).flat(), depth));
  else {
    const start = openMap();
    for (let i = 0; i < keys.length; i++) {
      putByte(44);
      putLabel(labelOf(texts[i] as string));
      putByte(between);
      trail[depth] = 2 * i + 1;
      put(map.get(keys[i]), depth + 1);
    }
    closeMap(start);
  }
  checkDistinct(keys, depth);
}

function putTagged(tag: string, putContent: () => void): void {
  putByte(isVerbose ? 123 : 91);
  putLabel(labelOf(`~#${tag}`));
  putByte(between);
  putContent();
  putByte(isVerbose ? 125 : 93);
}

/** Values of our own classes and of JavaScript's; a class that is none of them is refused. */
function putOther(value: object, depth: number): void {
  if (value instanceof Keyword) {
    return putLabel(knownLabel(`~:${value.name}`) ?? labelOf(`~${writeScalar(value, depth)}`));
  }
  if (value instanceof Map) return putMap(value, depth);
  if (value instanceof List) return putTagged("list", () => putItems(value.items, depth));
  if (value instanceof Set) {
    const items = Array.from<unknown>(value);
    putTagged("set", () => putItems(items, depth));
    return checkDistinct(items, depth);
  }
  if (value instanceof Ratio) {
    writeScalar(value, depth);
    return putTagged("ratio", () => putText(`["~n${value.numerator}","~n${value.denominator}"]`));
  }
  const text = scalarText(value, depth, isVerbose);
  if (text === undefined) return putUnknown(value as Tagged, depth);
  return value instanceof Sym ? putLabel(labelOf(text)) : putQuoted(text);
}

function putUnknown(value: Tagged, depth: number): void {
  const { tag } = value;
  if (!isOpenTag(tag)) throw refusal(`The tag ${tag}`, depth);
  checkDepth(depth);
  const putValue = (): void => {
    trail[depth] = tag;
    put(value.value, depth + 1);
  };
  if (isUnknownTag(tag)) return putTagged(tag, putValue);
  putTagged(wrapTag, () => {
    putText(`["${tag}",`);
    putValue();
    putByte(93);
  });
}
