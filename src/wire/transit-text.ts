/**
 * Values without parts as the texts that Transit has for them: a tilde, a character that names the type, the rest.
 *
 * Always: `readText` takes what `keyText` and `scalarText` gave; two values that are not equal have two texts.
 * Rules: docs/protocol/transit.md TRANSIT2-TRANSIT6.
 */
import { SyncError } from "../core/errors.ts";
import { List, Ratio, Tagged } from "../core/values.ts";
import { checkDigits, checkKey } from "./meter.ts";
import { isTagName } from "./names.ts";
import { readNumber, writeNumber } from "./numbers.ts";
import { isPlain } from "./plain.ts";
import { isOpenTag, readScalar, writeScalar } from "./scalars.ts";

/** Wraps a tag that Transit has a meaning of its own for, and the value. */
export const wrapTag = "sync/tag";

const meaningfulTags = new Set(["set", "list", "cmap", "ratio", wrapTag, ..."b c d f i m n t u z".split(" ")]);

/** True for the tag of a `Tagged` that Transit writes and reads as it is. */
export function isUnknownTag(tag: string): boolean {
  return isOpenTag(tag) && !meaningfulTags.has(tag);
}

/** What begins like a marked text gets a mark of its own. */
export function escapeText(text: string): string {
  const unit = text.charCodeAt(0);
  return unit === 126 || unit === 94 || unit === 96 ? `~${text}` : text;
}

/** A key of a map, or nothing if it has parts. */
export function keyText(key: unknown, depth: number, isVerbose: boolean): string | undefined {
  switch (typeof key) {
    case "string":
      return escapeText(key);
    case "number":
      return Number.isSafeInteger(key) ? `~i${key}` : (doubleText(key) ?? `~d${writeNumber(key)}`);
    case "boolean":
      return `~?${key ? "t" : "f"}`;
    case "bigint":
      return bigintText(key);
    case "undefined":
      return "~_";
    case "object":
      return key === null ? "~_" : scalarText(key, depth, isVerbose);
    default:
      return undefined;
  }
}

/** A number that JSON has no literal for. */
export function doubleText(value: number): string | undefined {
  if (Number.isFinite(value)) return undefined;
  return `~z${value}`.replace("inity", "").replace("Inf", "INF");
}

/** The JVM has longs of 64 bits. What is a number here already is only a bigint there if it says so. */
export function bigintText(value: bigint): string {
  const isLong = BigInt.asIntN(64, value) === value && !Number.isSafeInteger(Number(value));
  return `~${isLong ? "i" : "n"}${value}`;
}

/** Throws SyncError `invalid` for an object that is neither a collection nor a value; nothing for a collection. */
export function scalarText(value: object, depth: number, isVerbose: boolean): string | undefined {
  if (Array.isArray(value) || isPlain(value)) return undefined;
  if (value instanceof Tagged) {
    const isText = value.tag.length === 1 && typeof value.value === "string" && isUnknownTag(value.tag);
    return isText ? `~${value.tag}${value.value}` : undefined;
  }
  if (value instanceof Map || value instanceof Set || value instanceof List || value instanceof Ratio) return undefined;
  const scalar = writeScalar(value, depth);
  return value instanceof Date && !isVerbose ? `~m${value.valueOf()}` : `~${scalar}`;
}

const constants = new Map<string, unknown>([
  ["~_", null],
  ["~?t", true],
  ["~?f", false],
  ["~zNaN", Number.NaN],
  ["~zINF", Number.POSITIVE_INFINITY],
  ["~z-INF", Number.NEGATIVE_INFINITY],
]);

/** The value of a text that begins with a tilde. Throws SyncError `malformed`, or `too-large`. */
export function readText(text: string): unknown {
  const code = text.charAt(1);
  const rest = text.slice(2);
  switch (code) {
    case "~":
    case "^":
    case "`":
      return text.slice(1);
    case "_":
    case "?":
    case "z":
      return constants.has(text) ? constants.get(text) : refuse(text);
    case ":":
    case "$":
      return readScalar(code + checkKey(rest)) ?? refuse(text);
    case "n":
    case "f":
      return readScalar(code + checkDigits(rest)) ?? refuse(text);
    case "u":
    case "c":
    case "t":
    case "b":
      return readScalar(code + rest) ?? refuse(text);
    case "i":
      return (/^[-+]?\d+$/.test(checkDigits(rest)) ? readNumber(rest) : undefined) ?? refuse(text);
    case "d":
      return readDouble(checkDigits(rest)) ?? refuse(text);
    case "m":
      return readMillis(rest) ?? refuse(text);
    default:
      return isTagName(code) ? new Tagged(code, rest) : refuse(text);
  }
}

function readDouble(text: string): number | undefined {
  return /^[-+\d.eE]+$/.test(text) && readNumber(text) !== undefined ? Number(text) : undefined;
}

/** An instant by its distance to 1970, within the years of an instant as text. */
function readMillis(text: string): object | undefined {
  const date = new Date(/^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN);
  return Number.isNaN(date.valueOf()) ? undefined : (readScalar(`t${date.toISOString()}`) as object | undefined);
}

export function refuse(what: string): never {
  throw new SyncError("malformed", `Transit with ${what.slice(0, 20)}, which is no value.`);
}
