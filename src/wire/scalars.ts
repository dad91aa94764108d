/**
 * Values without parts that JSON has no literal for, as one code unit that names the type and a text.
 *
 *    :  keyword        $  symbol       n  bigint        f  big decimal    r  ratio
 *    c  character      u  uuid         t  instant       b  bytes
 *
 * Always: `readScalar` takes what `writeScalar` gave and nothing that breaks the type's grammar.
 * Rules: docs/protocol.md JSON2; EDN3-EDN8 for the grammars.
 */
import { BigDecimal, Char, Keyword, Ratio, Sym, Uuid } from "../core/values.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { readInst, writeInst } from "./inst.ts";
import { isKeywordName, isSymbolName, isTagName } from "./names.ts";
import { readNumber } from "./numbers.ts";
import { refusal } from "./refuse.ts";

const uuidText = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Throws SyncError `invalid` for a value of no such type, and for one that would not be read as it is. */
export function writeScalar(value: object, depth: number): string {
  const scalar = scalarOf(value);
  const back = value instanceof Uint8Array ? value : readScalar(scalar);
  if (typeof back === "object" && (back === value || scalarOf(back) === scalar)) return scalar;
  throw refusal(`${value.constructor?.name} ${scalar.slice(1, 65)}`, depth);
}

function scalarOf(value: object): string {
  if (value instanceof Keyword) return `:${value.name}`;
  if (value instanceof Date) return `t${writeInst(value)}`;
  if (value instanceof Uuid) return `u${value.text}`;
  if (value instanceof Uint8Array) return `b${encodeBase64(value)}`;
  if (value instanceof Sym) return `$${value.name}`;
  if (value instanceof Char) return `c${value.text}`;
  if (value instanceof Ratio) return `r${value.numerator}/${value.denominator}`;
  return value instanceof BigDecimal ? `f${value.text}` : "";
}

/** Nothing if the text breaks the grammar of its type. */
export function readScalar(scalar: string): bigint | object | undefined {
  const text = scalar.slice(1);
  switch (scalar[0]) {
    case ":":
      return isKeywordName(text) ? new Keyword(text) : undefined;
    case "t":
      return readInst(text);
    case "u":
      return uuidText.test(text) ? new Uuid(text) : undefined;
    case "b":
      return decodeBase64(text);
    case "$":
      return isSymbolName(text) ? new Sym(text) : undefined;
    case "c":
      return text.length === 1 ? new Char(text) : undefined;
    case "r":
      return text.includes("/") ? (readNumber(text) as Ratio) : undefined;
    case "f":
      return readNumber(`${text}M`) as BigDecimal;
    case "n":
      return readNumber(`${text}N`) as bigint;
    default:
      return undefined;
  }
}

/** Tags that have a value of their own here, by the code of its scalar; `object` marks what Clojure could not print. */
export const scalarTags: ReadonlyMap<string, string> = new Map([
  ["inst", "t"],
  ["uuid", "u"],
  ["sync/bytes", "b"],
  ["object", "?"],
]);

/** True for the tag of a `Tagged`. */
export function isOpenTag(tag: string): boolean {
  return isTagName(tag) && !scalarTags.has(tag);
}
