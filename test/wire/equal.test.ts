/**
 * Deep equality.
 * Rules: docs/protocol/values.md PACK6.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { BigDecimal, Char, keyword, List, Ratio, Sym, Tagged, Uuid } from "../../src/core/values.ts";
import { examples } from "../../src/testing/contracts/packer-values.ts";
import { edn } from "../../src/wire/edn.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { value as anyValue } from "../support/values.ts";

const { pack, unpack } = edn();

test("PACK6 the examples are equal to themselves and to nothing else", () => {
  const all = Object.entries(examples);
  for (const [name, value] of all) {
    for (const [other, another] of all) expect(equalValues(value, another), `${name} and ${other}`).toBe(name === other);
  }
});

test.each<[string, unknown, unknown]>([
  ["null and undefined", null, undefined],
  ["null and undefined in an array", [null], [undefined]],
  ["a hole and null", Array(1), [null]],
  ["a property that is undefined and none", { a: 1, b: undefined }, { a: 1 }],
  ["keys in another order", { a: 1, b: 2 }, { b: 2, a: 1 }],
  ["members in another order", new Set([[1], [2]]), new Set([[2], [1]])],
  [
    "entries in another order",
    new Map<unknown, unknown>([
      [1, 2],
      [[3], 4],
    ]),
    new Map<unknown, unknown>([
      [[3], 4],
      [1, 2],
    ]),
  ],
  [
    "a Map and the object it would be read as",
    new Map<unknown, unknown>([
      [keyword("a"), 1],
      ["b c", 2],
    ]),
    { a: 1, "b c": 2 },
  ],
  ["that in an array", [new Map([[keyword("a"), 1]])], [{ a: 1 }]],
  ["keys that are equal values", new Map([[[1], 2]]), new Map([[[1], 2]])],
  ["bytes and a Buffer", Uint8Array.of(104, 105), Buffer.from("hi")],
  ["uuids in another case", new Uuid("F81D4FAE-7dec-11d0-a765-00a0c91e6bf6"), new Uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")],
  ["not a number", [Number.NaN], [Number.NaN]],
  ["lists", new List([1, [2]]), new List([1, [2]])],
  ["tagged values", new Tagged("x", [1]), new Tagged("x", [1])],
])("PACK6 %s are equal", (_, a, b) => {
  expect(equalValues(a, b)).toBe(true);
  expect(equalValues(b, a)).toBe(true);
});

test.each<[string, unknown, unknown]>([
  ["0 and -0", 0, -0],
  ["1 and 1n", 1, 1n],
  ["a number and its text", 1, "1"],
  ["an array and a list", [1], new List([1])],
  ["an array and a set", [1], new Set([1])],
  ["a keyword and a string", keyword("a"), "a"],
  ["a keyword and a symbol", keyword("a"), new Sym("a")],
  ["a character and a string", new Char("a"), "a"],
  ["decimals of other scale", new BigDecimal("1.5"), new BigDecimal("1.50")],
  ["ratios of other terms", new Ratio(1n, 2n), new Ratio(2n, 4n)],
  ["null and false", null, false],
  ["null and an object", null, {}],
  ["an empty object and an empty array", {}, []],
  ["an object with null and one with another key", { a: null, b: undefined }, { a: undefined, b: 1 }],
  ["another key", { a: 1, b: undefined }, { b: 1, a: undefined }],
  ["more keys", { a: 1 }, { a: 1, b: null }],
  ["keys and inherited names", { toString: 1 }, { a: 1 }],
  ["longer arrays", [1], [1, null]],
  ["a string key and a keyword key", new Map([["a", 1]]), { a: 1 }],
  ["sets of other members", new Set([[1]]), new Set([[2]])],
  ["other tags", new Tagged("x", 1), new Tagged("y", 1)],
  ["functions", () => 1, () => 1],
  ["unknown classes", new URL("http://a"), new URL("http://a")],
  ["a set of unknown members", new Set([() => 1]), new Set([() => 1])],
])("PACK6 %s are not", (_, a, b) => {
  expect(equalValues(a, b)).toBe(false);
  expect(equalValues(b, a)).toBe(false);
});

test("PACK6 values are equal exactly when they are written as the same value", () => {
  fc.assert(
    fc.property(anyValue, anyValue, (a, b) => equalValues(a, b) === equalValues(unpack(pack(a)), unpack(pack(b)))),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(anyValue, (a) => equalValues(a, unpack(pack(a))) && !equalValues(a, [a])),
    { numRuns: 1000 },
  );
});

test("PACK6 what no packer carries is equal to itself", () => {
  const value = { at: new URL("http://a"), f: () => 1 };
  expect(equalValues([value], [value])).toBe(true);
  expect(equalValues({ ...value }, { ...value })).toBe(true);
});
