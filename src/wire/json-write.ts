/**
 * Values to JSON text.
 *
 * Always: what is written is read back as an equal value; `JSON.parse` takes it.
 * Rules: docs/protocol.md JSON1-JSON5.
 */
import { List, Tagged } from "../core/values.ts";
import { checkDistinct, forgetTexts } from "./edn-write.ts";
import { isPlain } from "./plain.ts";
import { checkDepth, refusal, trail } from "./refuse.ts";
import { isOpenTag, writeScalar } from "./scalars.ts";
import { collectText, putByte, putNumber, putQuoted, putText } from "./sink.ts";

/** Throws SyncError `invalid` for what no packer carries. */
export function writeJson(value: unknown): string {
  try {
    return collectText(put, value, 0);
  } finally {
    forgetTexts();
  }
}

function put(value: unknown, depth: number): void {
  switch (typeof value) {
    case "string":
      return putQuoted(value.startsWith("~") ? `~${value}` : value);
    case "number":
      if (!putNumber(value)) putText(writeDouble(value));
      return;
    case "bigint":
      return putText(`"~n${value}"`);
    case "object":
    case "boolean":
    case "undefined":
      if (Array.isArray(value)) return putItems("[", value, "]", depth);
      if (typeof value !== "object" || value === null) return putText(`${value ?? null}`);
      return isPlain(value) ? putObject(value, depth) : putOther(value, depth);
    default:
      throw refusal(`A ${typeof value}`, depth);
  }
}

function writeDouble(value: number): string {
  if (Number.isFinite(value)) return value === 0 ? "-0" : `${value}`;
  return `"~z${value}"`.replace("inity", "");
}

function putItems(opening: string, items: readonly unknown[], closing: string, depth: number): void {
  checkDepth(depth);
  putText(opening);
  for (let i = 0; i < items.length; i++) {
    if (i > 0) putByte(44);
    trail[depth] = i;
    put(items[i], depth + 1);
  }
  putText(closing);
}

/** Unlike `Object.hasOwn`, engines leave this call out in a for-in loop. */
const isOwn = Object.prototype.hasOwnProperty;

function putObject(value: Record<string, unknown>, depth: number): void {
  checkDepth(depth);
  let before = 123;
  for (const key in value) {
    const item = value[key];
    if (item === undefined || !isOwn.call(value, key)) continue;
    putByte(before);
    before = 44;
    putQuoted(key);
    putByte(58);
    trail[depth] = key;
    put(item, depth + 1);
  }
  if (before === 123) putByte(before);
  putByte(125);
}

function putOther(value: object, depth: number): void {
  if (value instanceof Map || value instanceof Set) {
    putItems(
      `["~#${value instanceof Map ? "map" : "set"}",[`,
      Array.from<unknown>(value).flat(value instanceof Map ? 1 : 0),
      "]]",
      depth,
    );
    return checkDistinct(Array.from(value.keys()), depth);
  }
  if (value instanceof List) return putItems('["~#list",[', value.items, "]]", depth);
  if (!(value instanceof Tagged)) return putQuoted(`~${writeScalar(value, depth)}`);
  if (!isOpenTag(value.tag)) throw refusal(`The tag ${value.tag}`, depth);
  checkDepth(depth);
  putText(`["~#tag","${value.tag}",`);
  trail[depth] = value.tag;
  put(value.value, depth + 1);
  putByte(93);
}
