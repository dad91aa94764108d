/**
 * Values for the contract of packers: one of each type by name, and random ones.
 *
 * Always: each can be packed, so no number is -0 in a set or as a key, and no two members or keys are equal; a random value
 * depends on its generator alone.
 * Rules: docs/protocol/values.md PACK2.
 */
import { BigDecimal, Char, Keyword, keyword, List, Ratio, Sym, Tagged, Uuid } from "../../core/values.ts";
import { equalValues } from "../../wire/equal.ts";
import { readNumber } from "../../wire/numbers.ts";
import type { Rng } from "../rng.ts";

/** One value of each type, by name. */
export const examples: Record<string, unknown> = {
  nil: null,
  "true": true,
  "false": false,
  zero: 0,
  "minus zero": -0,
  integer: -42,
  "2^31": 2 ** 31,
  "2^53": 2 ** 53,
  "1e21": 1e21,
  fraction: 12.34,
  "smallest double": 5e-324,
  "not a number": Number.NaN,
  infinity: 1 / 0,
  "minus infinity": -1 / 0,
  "small bigint": 42n,
  "large bigint": 10n ** 30n,
  ratio: new Ratio(-22n, 7n),
  decimal: new BigDecimal("1.50"),
  "empty string": "",
  string: 'q" b\\ n\n t\t r\r \f \b \0 / é ☃ 😀',
  "tilde string": "~:a",
  character: new Char("a"),
  "white character": new Char("\n"),
  keyword: keyword("a"),
  "namespaced keyword": keyword("user/name"),
  symbol: new Sym("a/b"),
  uuid: new Uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
  date: new Date("1985-04-12T23:20:50.520Z"),
  "early date": new Date("0001-01-01T00:00:00Z"),
  bytes: Uint8Array.of(0, 1, 2, 255),
  "no bytes": new Uint8Array(),
  "empty vector": [],
  vector: [1, "two", keyword("three"), null, true, 4.5],
  "empty object": {},
  object: { "user/name": "Ada", id: 1, "not a keyword": 2, "": 3, "1": 4 },
  "map of string keys": new Map([["id", 1]]),
  "map of mixed keys": new Map<unknown, unknown>([
    [1, "a"],
    [keyword("b"), 2],
    ["b", 3],
    [[1], 4],
    [null, 5],
  ]),
  set: new Set<unknown>([1, "1", keyword("a"), [1], new Set([1])]),
  list: new List([1, [2]]),
  tagged: new Tagged("my/tag", [1, { a: 2 }]),
};

/** An object with these own properties, whatever their names. */
export function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  const object = {};
  for (const [key, value] of entries) {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  }
  return object;
}

export interface ValueLimits {
  /** Collections within collections. */
  readonly depth: number;
  /** With values of type List. */
  readonly lists: boolean;
}

/** Any value that a packer carries. */
export function randomValue(rng: Rng, limits: ValueLimits): unknown {
  if (limits.depth === 0 || rng.chance(0.4)) return rng.pick(scalars)(rng);
  const inner = { ...limits, depth: limits.depth - 1 };
  const any = (): unknown => randomValue(rng, inner);
  const kinds = [
    () => several(rng, 6, any),
    () => objectOf(distinct(several(rng, 6, () => [property(rng), any()] as const))),
    () => new Map(distinct(several(rng, 5, () => [new Keyword(keyName(rng)), any()] as const))),
    () => new Map(distinct(several(rng, 5, () => [positive(any()), any()] as const))),
    () => new Set(distinct(several(rng, 5, () => [positive(any()), null] as const)).map(([member]) => member)),
    () => new Tagged(rng.pick(["my/tag", "x", "a.b/c"]), any()),
    () => new List(several(rng, 4, any)),
  ];
  return rng.pick(limits.lists ? kinds : kinds.slice(0, -1))();
}

const several = <T>(rng: Rng, most: number, make: () => T): T[] => Array.from({ length: rng.int(most + 1) }, make);
const positive = (value: unknown): unknown => (Object.is(value, -0) ? 0 : value);

/** Without those whose key was there before. */
function distinct<K>(pairs: readonly (readonly [K, unknown])[]): (readonly [K, unknown])[] {
  return pairs.filter(([key], index) => pairs.findIndex(([other]) => equalValues(key, other)) === index);
}

const letters = "abzAZ*!_?$%&=<>éß語😀".match(/./gu) ?? [];
const others = [...letters, "0", "9", "-", "+", ".", "#", ":"];
const part = (rng: Rng): string => {
  const rest = several(rng, 6, () => rng.pick(others)).join("");
  return rng.pick(letters) + rest.replace(/:+/g, ":").replace(/:$/, "");
};

/** A key name: what is a keyword in a map of a plain object. */
const keyName = (rng: Rng): string => (rng.chance(0.5) ? part(rng) : `${part(rng)}/${part(rng)}`);

/** Names that other readers have, or had, trouble with. */
const awkward = ["__proto__", "constructor", "toString", "valueOf", "hasOwnProperty", "length", "toJSON", "then", "0", "42"];
const noKeywords = ["", "/", "a b", "~x", "~#set", ":a"];

/** Any key of a plain object. */
const property = (rng: Rng): string =>
  rng.pick([keyName, text, () => rng.pick(awkward), () => rng.pick(noKeywords)] as ((rng: Rng) => string)[])(rng);

/** Lone surrogates too. */
const text = (rng: Rng): string =>
  rng.chance(0.5)
    ? several(rng, 10, () => rng.pick(others)).join("")
    : several(rng, 10, () => String.fromCharCode(rng.int(0x10000))).join("");

/** Of either sign, with up to `digits` digits. */
const integer = (rng: Rng, digits: number): bigint => {
  const sign = rng.chance(0.5) ? "-" : "";
  return BigInt(sign + Array.from({ length: 1 + rng.int(digits) }, () => rng.int(10)).join(""));
};
const double = (rng: Rng): number => new DataView(rng.bytes(8).buffer as ArrayBuffer).getFloat64(0);
const ratio = (rng: Rng): unknown => {
  const value = readNumber(`${integer(rng, 12)}/${rng.int(1e9) + 2}`);
  return value instanceof Ratio ? value : new Ratio(1n, 3n);
};
const decimal = (rng: Rng): BigDecimal => {
  const places = rng.chance(0.5) ? `.${rng.int(100)}` : "";
  const exponent = rng.chance(0.5) ? `E${rng.int(61) - 30}` : "";
  return new BigDecimal(`${integer(rng, 20)}${places}${exponent}`);
};
const numbers = [0, -0, Number.NaN, 1 / 0, -1 / 0, 1e21, 1e20, 2 ** 53, -(2 ** 53), 5e-324, 1.7976931348623157e308, 0.1 + 0.2];
const firstMs = Date.parse("0000-01-01T00:00:00Z");
const lastMs = Date.parse("9999-12-31T23:59:59.999Z");
const keywords = ["1", "a/b/c", "don't", "-1", "x|y", "/", "__proto__"];
const symbolName = (rng: Rng): string => {
  const name = keyName(rng);
  return /^(nil|true|false)$/.test(name) ? "a" : name;
};
const hex = (rng: Rng, length: number): string => Array.from({ length }, () => rng.int(16).toString(16)).join("");

/** Values without parts. */
const scalars: readonly ((rng: Rng) => unknown)[] = [
  (rng) => rng.pick([null, true, false]),
  (rng) => rng.pick(numbers),
  (rng) => rng.int(2 ** 32) - 2 ** 31,
  (rng) => Number(integer(rng, 15)),
  (rng) => (rng.int(4_000_000) - 2_000_000) / 100,
  double,
  text,
  (rng) => rng.pick(["~", "~~", "~:a", "~#set", "nil"]),
  (rng) => integer(rng, 40),
  (rng) => new Keyword(keyName(rng)),
  (rng) => new Keyword(rng.pick(keywords)),
  (rng) => new Sym(symbolName(rng)),
  (rng) => new Uuid(`${hex(rng, 8)}-${hex(rng, 4)}-4${hex(rng, 3)}-a${hex(rng, 3)}-${hex(rng, 12)}`),
  (rng) => new Char(String.fromCharCode(rng.int(0x10000))),
  ratio,
  decimal,
  (rng) => new Date(firstMs + Math.floor(rng.next() * (lastMs - firstMs))),
  (rng) => rng.bytes(rng.int(41)),
];
