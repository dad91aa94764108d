/**
 * Random values of every type in the type table, for fast-check.
 *
 * Always: each can be packed, so no number is -0 in a set or as a key, and no two members or keys are equal.
 */
import fc from "fast-check";
import { BigDecimal, Char, Keyword, List, Ratio, Sym, Tagged, Uuid } from "../../src/core/values.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { readNumber } from "../../src/wire/numbers.ts";

const letters = "abzAZ*!_?$%&=<>éß語😀".match(/./gu) ?? [];
const part = fc
  .tuple(fc.constantFrom(...letters), fc.array(fc.constantFrom(...letters, "0", "9", "-", "+", ".", "#", ":"), { maxLength: 6 }))
  .map(([first, rest]) => first + rest.join("").replace(/:+/g, ":").replace(/:$/, ""));

/** A key name: what is a keyword in a map of a plain object. */
export const keyName: fc.Arbitrary<string> = fc.oneof(
  part,
  fc.tuple(part, part).map((parts) => parts.join("/")),
);

/** Names that other readers have, or had, trouble with. */
const awkward = fc.constantFrom(
  "__proto__",
  "constructor",
  "toString",
  "valueOf",
  "hasOwnProperty",
  "length",
  "toJSON",
  "then",
  "0",
  "42",
);

/** Any key of a plain object. */
const property = fc.oneof(
  keyName,
  fc.string({ unit: "binary", maxLength: 12 }),
  awkward,
  fc.constantFrom("", "/", "a b", "~x", "~#set", ":a"),
);

const decimal = fc
  .tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.option(fc.nat(99)), fc.option(fc.integer({ min: -30, max: 30 })))
  .map(
    ([whole, places, exponent]) =>
      new BigDecimal(`${whole}${places === null ? "" : `.${places}`}${exponent === null ? "" : `E${exponent}`}`),
  );

const ratio = fc
  .tuple(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), fc.bigInt({ min: 2n, max: 10n ** 12n }))
  .map(([numerator, denominator]) => readNumber(`${numerator}/${denominator}`))
  .filter((number) => number instanceof Ratio);

const number = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.maxSafeInteger(),
  fc.integer({ min: -2_000_000, max: 2_000_000 }).map((cents) => cents / 100),
  fc.constantFrom(0, -0, Number.NaN, 1 / 0, -1 / 0, 1e21, 1e20, 2 ** 53, -(2 ** 53), 5e-324, 1.7976931348623157e308, 0.1 + 0.2),
);

const date = fc.date({ min: new Date("0000-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59.999Z"), noInvalidDate: true });

/** Lone surrogates too. */
const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary" }),
  fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)),
);

/** Values without parts. */
export const scalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, true, false),
  number,
  text,
  fc.constantFrom("~", "~~", "~:a", "~#set", "nil"),
  fc.bigInt(),
  keyName.map((name) => new Keyword(name)),
  fc.constantFrom("1", "a/b/c", "don't", "-1", "x|y", "/", "__proto__").map((name) => new Keyword(name)),
  keyName.filter((name) => !/^(nil|true|false)$/.test(name)).map((name) => new Sym(name)),
  fc.uuid().map((uuid) => new Uuid(uuid)),
  fc.nat(0xffff).map((unit) => new Char(String.fromCharCode(unit))),
  ratio,
  decimal,
  date,
  fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes)),
);

const positive = (value: unknown): unknown => (Object.is(value, -0) ? 0 : value);
const distinct = { maxLength: 5, comparator: equalValues } as const;

/** Any value that a packer carries. */
export const value: fc.Arbitrary<unknown> = fc.letrec((tie) => {
  const any = tie("any");
  const entries = (key: fc.Arbitrary<unknown>): fc.Arbitrary<[unknown, unknown][]> =>
    fc.uniqueArray(fc.tuple(key.map(positive), any), { maxLength: 5, comparator: equalValues, selector: ([first]) => first });
  return {
    any: fc.oneof({ maxDepth: 4, depthSize: "small" }, scalar, tie("collection")),
    collection: fc.oneof(
      fc.array(any, { maxLength: 6 }),
      fc.uniqueArray(fc.tuple(property, any), { maxLength: 6, selector: ([key]) => key }).map(objectOf),
      entries(keyName.map((name) => new Keyword(name))).map((pairs) => new Map(pairs)),
      entries(any).map((pairs) => new Map(pairs)),
      fc.uniqueArray(any.map(positive), distinct).map((items) => new Set(items)),
      fc.array(any, { maxLength: 4 }).map((items) => new List(items)),
      fc.tuple(fc.constantFrom("my/tag", "x", "a.b/c"), any).map(([tag, content]) => new Tagged(tag, content)),
    ),
  };
}).any;

/** An object with these own properties, whatever their names. */
export function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  const object = {};
  for (const [key, item] of entries) {
    Object.defineProperty(object, key, { value: item, writable: true, enumerable: true, configurable: true });
  }
  return object;
}
