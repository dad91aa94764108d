/**
 * How the EDN writer writes, to the character.
 * Rules: docs/protocol/values.md EDN1-EDN10, PACK2, PACK5.
 */
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { BigDecimal, Char, keyword, List, Ratio, Sym, Tagged, Uuid } from "../../src/core/values.ts";
import { edn } from "../../src/wire/edn.ts";

const { pack, unpack } = edn();

describe("what is written", () => {
  test.each<[unknown, string]>([
    [{}, "{}"],
    [{ id: 1, "user/name": "Ada" }, '{:id 1 :user/name "Ada"}'],
    [{ "a b": 1, "": 2, "/": 3, "1a": 4, "größe": 5 }, '{"a b" 1 "" 2 "/" 3 "1a" 4 :größe 5}'],
    [{ a: undefined, b: null }, "{:b nil}"],
    [
      new Map<unknown, unknown>([
        ["id", 1],
        [keyword("id"), 2],
        [1, [2]],
      ]),
      '{"id" 1 :id 2 1 [2]}',
    ],
    [Object.assign(Object.create(null) as object, { a: 1 }), "{:a 1}"],
    [runInNewContext("({ a: [1, { b: 2 }] })"), "{:a [1 {:b 2}]}"],
  ])("EDN1 %j is %s", (value, text) => expect(pack(value)).toBe(text));

  test("EDN1 only own enumerable string keys are written", () => {
    const object = Object.defineProperty({ a: 1, [Symbol("s")]: 2 }, "hidden", { value: 3, enumerable: false });
    expect(pack(object)).toBe("{:a 1}");
    try {
      Object.defineProperty(Object.prototype, "inherited", { value: 1, enumerable: true, configurable: true, writable: true });
      expect(pack({ a: 1 })).toBe("{:a 1}");
    } finally {
      Reflect.deleteProperty(Object.prototype, "inherited");
    }
  });

  test.each<[unknown, string]>([
    [[], "[]"],
    [[1, [2, []], null], "[1 [2 []] nil]"],
    [Object.assign(Array(3), { 2: 1 }), "[nil nil 1]"],
    [new Set(), "#{}"],
    [new Set([1, keyword("a")]), "#{1 :a}"],
    [new List([]), "()"],
    [new List([1, new Sym("x")]), "(1 x)"],
    [true, "true"],
    [undefined, "nil"],
    [keyword("chsk/handshake"), ":chsk/handshake"],
  ])("EDN3, EDN9 %j is %s", (value, text) => expect(pack(value)).toBe(text));

  test.each<[unknown, string]>([
    [0, "0"],
    [7, "7"],
    [10, "10"],
    [99, "99"],
    [100, "100"],
    [-1, "-1"],
    [-120, "-120"],
    [2147483647, "2147483647"],
    [-2147483648, "-2147483648"],
    [4294967296, "4294967296"],
    [1700000000123, "1700000000123"],
    [9007199254740991, "9007199254740991"],
    [-9007199254740991, "-9007199254740991"],
    [42n, "42N"],
    [-(10n ** 30n), "-1000000000000000000000000000000N"],
  ])("EDN4 %s is %s", (value, text) => expect(pack(value)).toBe(text));

  test.each<[unknown, string]>([
    [0.5, "0.5"],
    [-0, "-0.0"],
    [1.1, "1.1"],
    [-12.34, "-12.34"],
    [0.0001, "0.0001"],
    [0.00001, "0.00001"],
    [1e-7, "1e-7"],
    [199999.9999, "199999.9999"],
    [200000.5, "200000.5"],
    [1e21, "1e+21"],
    [1e20, "100000000000000000000.0"],
    [2 ** 53, "9007199254740992.0"],
    [-(2 ** 60), "-1152921504606847000.0"],
    [5e-324, "5e-324"],
    [0.1 + 0.2, "0.30000000000000004"],
    [Number.NaN, "##NaN"],
    [1 / 0, "##Inf"],
    [-1 / 0, "##-Inf"],
    [new Ratio(-1n, 3n), "-1/3"],
    [new BigDecimal("1.50"), "1.50M"],
    [new BigDecimal("1E+20"), "1E+20M"],
  ])("EDN5 %s is %s", (value, text) => expect(pack(value)).toBe(text));

  test("EDN5 numbers are written as JavaScript prints them", () => {
    for (let i = 0; i < 20_000; i++) {
      const numbers = [
        i,
        -i,
        i / 100,
        i / 1000,
        -i / 10_000,
        i * 9.9999,
        i * 4567.0123,
        i * 1e7 + 0.5,
        i * 12_345_678_901,
        i / 3,
      ];
      expect(pack(numbers), String(i)).toBe(
        `[${numbers.map((number) => (Object.is(number, -0) ? "-0.0" : `${number}`)).join(" ")}]`,
      );
    }
  });

  test.each<[string, string]>([
    ["", '""'],
    ["hello", '"hello"'],
    ['q" b\\', '"q\\" b\\\\"'],
    ["\n\t\r\f\b", '"\\n\\t\\r\\f\\b"'],
    ["\0\x01\x1f\x7f", '"\\u0000\\u0001\\u001f\x7f"'],
    ["/é☃語", '"/é☃語"'],
    ["😀", '"😀"'],
    ["a\ud800", '"a\\ud800"'],
    ["\udc00😀\ud83d", '"\\udc00😀\\ud83d"'],
    ['é"\n', '"é\\"\\n"'],
    ["\u2028\ufeff", '"\u2028\ufeff"'],
  ])("EDN6, PACK5 %j is %s", (value, text) => {
    expect(pack(value)).toBe(text);
    expect(unpack(new TextEncoder().encode(pack(value) as string))).toBe(value);
    const long = `${"x".repeat(70_000)}${value}${"y".repeat(70_000)}`;
    expect(pack(long)).toBe(`"${"x".repeat(70_000)}${text.slice(1, -1)}${"y".repeat(70_000)}"`);
  });

  test.each<[unknown, string]>([
    [new Date(0), '#inst "1970-01-01T00:00:00.000-00:00"'],
    [new Date("0001-01-01T00:00:00.009Z"), '#inst "0001-01-01T00:00:00.009-00:00"'],
    [new Uuid("F81D4FAE-7dec-11d0-a765-00a0c91e6bf6"), '#uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"'],
    [Uint8Array.of(0, 1, 2, 255), '#sync/bytes "AAEC/w=="'],
    [Buffer.from("hi"), '#sync/bytes "aGk="'],
    [new Tagged("my/tag", [1, 2]), "#my/tag [1 2]"],
    [new Tagged("é", null), "#é nil"],
  ])("EDN7, EDN8 and EDN13 %s", (value, text) => expect(pack(value)).toBe(text));

  test.each<[string, string]>([
    ["a", "\\a"],
    ["☃", "\\☃"],
    [" ", "\\u0020"],
    ["\n", "\\u000a"],
    ["\0", "\\u0000"],
    ["(", "\\u0028"],
    ["\\", "\\u005c"],
    [",", "\\u002c"],
    ["\ud800", "\\ud800"],
    ["u", "\\u"],
    ["é", "\\é"],
  ])("EDN10 the character %j is %s", (unit, text) => expect(pack(new Char(unit))).toBe(text));
});

describe("the buffer behind it", () => {
  test("PACK2 a value that packs another while it is packed is packed as it is", () => {
    const inner = edn();
    const value = {
      before: "x".repeat(30_000),
      get nested() {
        return inner.pack({ a: ["y".repeat(50_000), 1] });
      },
      after: [1, 2],
    };
    expect(pack(value)).toBe(`{:before "${"x".repeat(30_000)}" :nested "{:a [\\"${"y".repeat(50_000)}\\" 1]}" :after [1 2]}`);
  });

  test("PACK2 an error of the application passes through, and nothing is left behind", () => {
    const failing = {
      a: [1, 2],
      get b(): unknown {
        throw new RangeError("mine");
      },
    };
    for (let i = 0; i < 3; i++) expect(() => pack([failing])).toThrow(new RangeError("mine"));
    expect(pack([1])).toBe("[1]");
  });

  test("PACK2 large values are packed, and small ones after them", () => {
    const large = "é".repeat(3_000_000);
    expect(unpack(pack([large, 1]))).toEqual([large, 1]);
    expect(pack(["a"])).toBe('["a"]');
  });
});
