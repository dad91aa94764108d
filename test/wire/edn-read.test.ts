/**
 * What the EDN reader takes, what it refuses and what it spends.
 * Rules: docs/protocol/values.md EDN1-EDN14, BUDGET1-BUDGET6.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { BigDecimal, Char, Keyword, keyword, List, Ratio, Sym, Tagged, Uuid } from "../../src/core/values.ts";
import { edn } from "../../src/wire/edn.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { type Budget, defaultBudget } from "../../src/wire/packer.ts";
import { cpuMsOf } from "../support/cpu.ts";

const { pack, unpack } = edn();
const within = (limits: Partial<Budget>): Budget => ({ ...defaultBudget, ...limits });

function expectRead(text: string, value: unknown): void {
  const read = unpack(text);
  expect(equalValues(read, value), `${text} is read as ${pack(read)}`).toBe(true);
  expect(Object.getPrototypeOf(Object(read)), text).toBe(Object.getPrototypeOf(Object(value)));
  expect(typeof read, text).toBe(typeof value);
}

function expectRefused(text: string, code = "malformed"): void {
  expect(() => unpack(text), text).toThrow(expect.objectContaining({ name: "SyncError", code }));
}

describe("maps", () => {
  test.each<[string, unknown]>([
    ["{}", {}],
    ["{:a 1}", { a: 1 }],
    ["{:user/name 1, :b 2}", { "user/name": 1, b: 2 }],
    ['{:id 1 "a b" 2 "" 3 "/" 4 "9" 5}', { id: 1, "a b": 2, "": 3, "/": 4, "9": 5 }],
    ['{"id" 1}', new Map([["id", 1]])],
    [
      '{:id 1 "id" 2}',
      new Map<unknown, unknown>([
        [keyword("id"), 1],
        ["id", 2],
      ]),
    ],
    ["{:1 1}", new Map([[keyword("1"), 1]])],
    ["{:a/b/c 1}", new Map([[keyword("a/b/c"), 1]])],
    ["{:don't 1}", new Map([[keyword("don't"), 1]])],
    ["{1 2}", new Map([[1, 2]])],
    [
      "{:a 1 nil 2}",
      new Map<unknown, unknown>([
        [keyword("a"), 1],
        [null, 2],
      ]),
    ],
    [
      '{:a 1 "b c" 2 [1] {:d 3}}',
      new Map<unknown, unknown>([
        [keyword("a"), 1],
        ["b c", 2],
        [[1], { d: 3 }],
      ]),
    ],
    ["{a 1}", new Map([[new Sym("a"), 1]])],
  ])("EDN1 %s is a plain object only if it is written as the same map", (text, value) => {
    expectRead(text, value);
    expect(equalValues(unpack(pack(unpack(text))), value)).toBe(true);
  });

  test("EDN1 a key that is not the expected one is read as well as one that is", () => {
    const rows =
      '[{:a 1 :b 2} {:a 1 :b 2} {:a 1 :bb 2} {:b 1 :a 2} {:a 1} {:a 1 :b 2 :c 3} {} {:a{:a[]}:b"x"} {:a 1 "b c" 2} {:a 1 "b" 2}]';
    const value = [
      { a: 1, b: 2 },
      { a: 1, b: 2 },
      { a: 1, bb: 2 },
      { b: 1, a: 2 },
      { a: 1 },
      { a: 1, b: 2, c: 3 },
      {},
      { a: { a: [] }, b: "x" },
      { a: 1, "b c": 2 },
      new Map<unknown, unknown>([
        [keyword("a"), 1],
        ["b", 2],
      ]),
    ];
    for (let i = 0; i < 3; i++) expectRead(rows, value);
  });

  test("EDN1 keys with escapes are the keys they stand for", () => {
    for (let i = 0; i < 3; i++) {
      expectRead('[{"\\u0000" 1 "a\\nb" 2 "c d" 3} {"a\\u000ab" 1} {"\\u0061" 1}]', [
        { "\0": 1, "a\nb": 2, "c d": 3 },
        { "a\nb": 1 },
        new Map([["a", 1]]),
      ]);
      expectRefused('{"a b" 1 "a\\u0020b" 2}');
      expectRefused('{"a\\u0020b" 1 "a b" 2}');
    }
  });

  test("EDN1 more kinds of maps than the reader remembers are read all the same", () => {
    for (let i = 0; i < 5000; i++)
      expect(unpack(`[{:k${i} 1 :x {:y${i} 2}} {:k${i} 3}]`)).toEqual([{ [`k${i}`]: 1, x: { [`y${i}`]: 2 } }, { [`k${i}`]: 3 }]);
    const wide = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`key-${i}`, i]));
    for (let i = 0; i < 3; i++) expect(unpack(pack(wide))).toEqual(wide);
  });

  test.each(["__proto__", "constructor", "toString", "valueOf", "hasOwnProperty", "length", "then"])(
    "PACK3 :%s is an own property",
    (name) => {
      for (const text of [`{:${name} {:polluted 1}}`, `{:a 1 :${name} {:polluted 1}}`, `#:x{:_/${name} {:polluted 1}}`]) {
        const object = unpack(text) as Record<string, unknown>;
        expect(Object.getOwnPropertyDescriptor(object, name)).toEqual({
          value: { polluted: 1 },
          writable: true,
          enumerable: true,
          configurable: true,
        });
        expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
        expect(pack(object)).toContain(`:${name} {:polluted 1}`);
      }
      expectRead(`{"${name}" 1}`, new Map([[name, 1]]));
    },
  );

  test("PACK3 a name that Object.prototype guards is an own property all the same", () => {
    const set = (): never => {
      throw new Error("a setter was called");
    };
    try {
      Object.defineProperty(Object.prototype, "guarded", { get: () => 0, set, configurable: true });
      Object.defineProperty(Object.prototype, "frozen", { value: 0, writable: false, configurable: true });
      for (let i = 0; i < 3; i++) {
        const object = unpack("{:a 1 :guarded 2 :frozen 3}") as object;
        expect(Object.entries(object)).toEqual([
          ["a", 1],
          ["guarded", 2],
          ["frozen", 3],
        ]);
      }
    } finally {
      Reflect.deleteProperty(Object.prototype, "guarded");
      Reflect.deleteProperty(Object.prototype, "frozen");
    }
  });

  test.each([
    "{:a 1 :a 2}",
    "{:a 1 :b 2 :a 3}",
    '{"a b" 1 "a b" 2}',
    "{1 1 1 2}",
    "{1 1 1.0 2}",
    "{0 1 -0.0 2}",
    "{nil 1 nil 2}",
    "{[1] 1 [1] 2}",
    "{:1 1 :1 2}",
    "{{:a 1 :b 2} 1 {:b 2 :a 1} 2}",
    "{#{1 2} 1 #{2 1} 2}",
    "{:__proto__ 1 :__proto__ 2}",
    "#:a{:b 1 :a/b 2}",
    "#:a{:_/b 1 :_/b 2}",
    '{"a" 1 "a" 2}',
    "{a 1 a 2}",
    "{##NaN 1 ##NaN 2}",
    "#{1 1}",
    "#{1 1.0}",
    "#{0 -0.0}",
    "#{:a :a}",
    '#{"a" "a"}',
    "#{nil nil}",
    "#{true true}",
    "#{42N 42N}",
    "#{1/2 1/2}",
    "#{[1] [1]}",
    "#{[#{1 2}] [#{2 1}]}",
    "#{(1) (1)}",
    "#{\\a \\a}",
    "#{a a}",
    "#{{} {}}",
    '#{#inst "2020" #inst "2020-01-01"}',
    "#{#x [1] #x [1]}",
    '#{#uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf6" #uuid "F81D4FAE-7dec-11d0-a765-00a0c91e6bf6"}',
    "#{{:a 1} #_ 1 {:a 1}}",
    "#{1.5M 1.5M}",
  ])("EDN3 %s has a key or member twice and is refused", (text) => {
    expectRefused(text);
    expectRefused(`[{:a 1} ${text}]`);
  });

  test.each<[string, unknown]>([
    ["#{1 1N}", new Set<unknown>([1, 1n])],
    ['#{"a" :a a \\a}', new Set<unknown>(["a", keyword("a"), new Sym("a"), new Char("a")])],
    ["#{[1] (1) #{1}}", new Set<unknown>([[1], new List([1]), new Set([1])])],
    ['#{"[1]" [1] ":a" :a}', new Set<unknown>(["[1]", [1], ":a", keyword("a")])],
    ["#{nil false}", new Set<unknown>([null, false])],
    [
      "#{1.5M 1.50M 1/2 2/4}",
      new Set<unknown>([new BigDecimal("1.5"), new BigDecimal("1.50"), new Ratio(1n, 2n), new Ratio(2n, 4n)]),
    ],
  ])("EDN3 %s has different members", (text, value) => expectRead(text, value));

  test.each<[string, unknown]>([
    ["#:user{:name 1 :age 2}", { "user/name": 1, "user/age": 2 }],
    ['#:user{:_/x 1 :other/y 2 "s t" 3}', { x: 1, "other/y": 2, "s t": 3 }],
    ["#:user {:a {:b 1}}", { "user/a": { b: 1 } }],
    [
      "#:user{a 1 _/b 2}",
      new Map([
        [new Sym("user/a"), 1],
        [new Sym("b"), 2],
      ]),
    ],
    ["#:a.b{}", {}],
    ["#:user{1 2}", new Map([[1, 2]])],
    ["[#:a{:b #:c{:d 1}} {:e 2}]", [{ "a/b": { "c/d": 1 } }, { e: 2 }]],
  ])("EDN11 %s has its namespace on each key", (text, value) => expectRead(text, value));

  test.each(["#:{:a 1}", "#::{:a 1}", "#::a{:b 1}", "#:a/b{:c 1}", "#:a[:b 1]", "#:a", "#: a{:b 1}", "#:a{:b}", '#:"a"{:b 1}'])(
    "EDN11 %s is refused",
    (text) => {
      expectRefused(text);
    },
  );
});

describe("numbers", () => {
  test.each<[string, unknown]>([
    ["0", 0],
    ["-0", 0],
    ["+0", 0],
    ["+5", 5],
    ["-5", -5],
    ["42", 42],
    ["9007199254740991", 9007199254740991],
    ["-9007199254740991", -9007199254740991],
    ["9007199254740992", 9007199254740992n],
    ["-9223372036854775808", -9223372036854775808n],
    ["123456789012345", 123456789012345],
    ["1234567890123456", 1234567890123456],
    ["42N", 42n],
    ["-0N", 0n],
    ["+7N", 7n],
  ])("EDN4 %s", (text, value) => expectRead(text, value));

  test.each<[string, unknown]>([
    ["1.0", 1],
    ["-0.0", -0],
    ["0.0", 0],
    ["1.", 1],
    ["1.5", 1.5],
    ["-12.34", -12.34],
    ["1e3", 1000],
    ["1E3", 1000],
    ["1.0E21", 1e21],
    ["1e+21", 1e21],
    ["4.9E-324", 5e-324],
    ["1.7976931348623157E308", 1.7976931348623157e308],
    ["1e400", 1 / 0],
    ["0.1", 0.1],
    ["123456789.123456", 123456789.123456],
    ["0.30000000000000004", 0.1 + 0.2],
    ["100000000000000.5", 100000000000000.5],
    ["9007199254740993.0", 9007199254740992],
    ["##NaN", Number.NaN],
    ["##Inf", 1 / 0],
    ["##-Inf", -1 / 0],
    ["1/3", new Ratio(1n, 3n)],
    ["-22/7", new Ratio(-22n, 7n)],
    ["1.5M", new BigDecimal("1.5")],
    ["1E+20M", new BigDecimal("1E+20")],
    ["+3M", new BigDecimal("3")],
    ["1.50M", new BigDecimal("1.50")],
  ])("EDN5 %s", (text, value) => expectRead(text, value));

  test("EDN5 decimals of up to 15 digits are the doubles that JavaScript reads", () => {
    for (let places = 0; places <= 15; places++) {
      for (let i = 0; i < 300; i++) {
        const digits = String((i * 7_919_777_123_457) % 10 ** 15).padStart(15, "1");
        const text = `${digits.slice(0, 15 - places).replace(/^0+(?=\d)/, "") || "0"}${places > 0 ? `.${digits.slice(15 - places)}` : ""}`;
        expect(unpack(text), text).toBe(Number(text));
        expect(unpack(`-${text}`), text).toBe(places > 0 ? -Number(text) : 0 - Number(text));
      }
    }
  });

  test.each([
    "01",
    "-01",
    "00",
    "007",
    "01.5",
    "00.1",
    "0x1F",
    "2r101",
    "1a",
    "1a2",
    "1_000",
    "1..2",
    "1.2.3",
    "1e",
    "1e+",
    "1.5N",
    "1NN",
    "1MM",
    "1e3N",
    "1/0",
    "1/",
    "1/2/3",
    "1/-2",
    "1/2N",
    "01/2",
    "1/02",
    "1+",
    "1-",
    "1:",
    "1#",
    "1'",
    ".5",
    "1e5.5",
    "##",
    "##nan",
    "##Infinity",
    "##+Inf",
    "## NaN",
    "##NaN1",
    "1é",
  ])("EDN4, EDN5 %s is no number", (text) => {
    expectRefused(text);
    expectRefused(`[${text}]`);
  });
});

describe("text", () => {
  test.each<[string, unknown]>([
    ['""', ""],
    ['"a"', "a"],
    ['"a\\"b"', 'a"b'],
    ['"\\\\"', "\\"],
    ['"\\n\\r\\t\\f\\b"', "\n\r\t\f\b"],
    ['"\\u00e9\\u263A"', "é☺"],
    ['"\\ud83d\\ude00"', "😀"],
    ['"\\ud800"', "\ud800"],
    ['"raw\n\ttab\0nul\x7f\u2028"', "raw\n\ttab\0nul\x7f\u2028"],
    ['"; #_ [ ) \\\\"', "; #_ [ ) \\"],
    ['"a\\\\" ; "b"', "a\\"],
    [`"${"x".repeat(5000)}\\n${"y".repeat(5000)}"`, `${"x".repeat(5000)}\n${"y".repeat(5000)}`],
  ])("EDN6 %s", (text, value) => expectRead(text, value));

  test("EDN6 strings with and without escapes follow each other", () => {
    expectRead('["a" "b\\n" "c" "\\"" "" "\\\\" "d"]', ["a", "b\n", "c", '"', "", "\\", "d"]);
  });

  test.each([
    '"',
    '"a',
    '"a\\"',
    '"\\',
    '"\\x"',
    '"\\u"',
    '"\\u12"',
    '"\\u12g4"',
    '"\\u 123"',
    '"\\0"',
    '"\\/"',
    '"\\u+123"',
    '"a" "',
    '["a"',
    '"\\u12',
  ])("EDN6 %s is refused", (text) => expectRefused(text));

  test.each<[string, string]>([
    ["\\a", "a"],
    ["\\newline", "\n"],
    ["\\space", " "],
    ["\\tab", "\t"],
    ["\\return", "\r"],
    ["\\formfeed", "\f"],
    ["\\backspace", "\b"],
    ["\\u263A", "☺"],
    ["\\u", "u"],
    ["\\n", "n"],
    ["\\(", "("],
    ["\\)", ")"],
    ["\\[", "["],
    ["\\}", "}"],
    ["\\\\", "\\"],
    ['\\"', '"'],
    ["\\;", ";"],
    ["\\,", ","],
    ["\\#", "#"],
    ["\\^", "^"],
    ["\\@", "@"],
    ["\\1", "1"],
    ["\\:", ":"],
    ["\\☃", "☃"],
    ["\\ud800", "\ud800"],
    ["\\é", "é"],
  ])("EDN10 %s", (text, unit) => {
    expectRead(text, new Char(unit));
    expectRead(`[${text}]`, [new Char(unit)]);
    expectRead(`[${text} ${text}]`, [new Char(unit), new Char(unit)]);
  });

  test.each([
    "\\",
    "\\ ",
    "\\\n",
    "\\\t",
    "\\ab",
    "\\new",
    "\\Newline",
    "\\u12",
    "\\u12345",
    "\\u12g4",
    "\\(a",
    "\\aé",
    "\\😀",
    "\\\0",
    "\\constructor",
    "\\o101",
  ])("EDN10 %s is refused", (text) => {
    expectRefused(text);
    expectRefused(`[${text}]`);
  });
});

describe("names", () => {
  test.each([
    "a",
    "a/b",
    "a.b.c/d-e?",
    "foo*+!-_?<>=&%.bar",
    "a#b",
    "a:b",
    "1",
    "a/1",
    "a/b/c",
    "don't",
    "x|y",
    "-",
    "-1",
    ".a",
    "/",
    "é",
    "😀",
    "nil",
    "true",
    "a/nil",
  ])("EDN9 :%s is a keyword", (name) => {
    expectRead(`:${name}`, new Keyword(name));
    expectRead(`[:${name}]`, [new Keyword(name)]);
    expect(pack(new Keyword(name))).toBe(`:${name}`);
  });

  test.each([
    "a",
    "a/b",
    "/",
    "+",
    "-",
    "-a",
    "+a",
    "->x",
    "a.b/c",
    "a'",
    "é",
    "...",
    ".a",
    "nilly",
    "nil/x",
    "trueish",
    "x1",
    "*a*",
    "a#",
    "_",
    "&",
    "%",
  ])("EDN9 %s is a symbol", (name) => {
    expectRead(name, new Sym(name));
    expectRead(`[${name}]`, [new Sym(name)]);
    expect(pack(new Sym(name))).toBe(name);
  });

  test.each([
    ":",
    "::a",
    ":a:",
    ":a::b",
    ":/a",
    ":a/",
    ":a:/b",
    "a:",
    "a::b",
    ":a/b:",
    "/a",
    "a/",
    "a//b",
    ":@a",
    "a@b",
    "a`b",
    "~a",
    "`a",
    "@a",
    ":a\u00a0b",
    "a\u2003b",
    "a\x01b",
    ":\ud800",
    "\ufeffa",
  ])("EDN9 %s is neither", (text) => {
    expectRefused(text);
    expectRefused(`[${text}]`);
  });
});

describe("tags", () => {
  test.each<[string, string]>([
    ["1985-04-12T23:20:50.520-00:00", "1985-04-12T23:20:50.520Z"],
    ["1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50.520Z"],
    ["1985", "1985-01-01T00:00:00.000Z"],
    ["1985-04", "1985-04-01T00:00:00.000Z"],
    ["1985-04-12", "1985-04-12T00:00:00.000Z"],
    ["1985-04-12T23:20", "1985-04-12T23:20:00.000Z"],
    ["1985-04-12T23:20:50", "1985-04-12T23:20:50.000Z"],
    ["1985-04-12T23:20:50+01:30", "1985-04-12T21:50:50.000Z"],
    ["1985-04-12T23:20Z", "1985-04-12T23:20:00.000Z"],
    ["1985-04-12T23:20:50.123456789Z", "1985-04-12T23:20:50.123Z"],
    ["0000-01-01", "0000-01-01T00:00:00.000Z"],
    ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
    ["2024-02-29", "2024-02-29T00:00:00.000Z"],
    ["1969-12-31T23:59:59.999-00:00", "1969-12-31T23:59:59.999Z"],
  ])("EDN7 #inst %s", (text, iso) => {
    expectRead(`#inst "${text}"`, new Date(iso));
    expectRead(`[#inst"${text}"]`, [new Date(iso)]);
  });

  test.each([
    '""',
    '"x"',
    '"85"',
    '"1985-13"',
    '"1985-00-01"',
    '"2023-02-29"',
    '"2023-02-30T10:00:00Z"',
    '"2023-04-31"',
    '"1985-04-12T25:00:00Z"',
    '"1985-04-12T23:60:00Z"',
    '"1985-04-12T23:20:50.Z"',
    '"1985-04-12 23:20:50Z"',
    '"+12345-01-01"',
    "1985",
    "nil",
    "[]",
    "",
    '"0000-01-01T00:00:00+01:00"',
    '"Apr 12 1985"',
    '"1985-04-12T23:20:50z"',
  ])("EDN7 #inst %s is refused", (text) => {
    expectRefused(`#inst ${text}`);
    expectRefused(`[#inst ${text}]`);
  });

  test("EDN8 a uuid is read in any case and is lower case", () => {
    expectRead('#uuid "F81D4FAE-7dec-11d0-a765-00a0c91e6bf6"', new Uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"));
    for (const text of [
      '"f81d4fae"',
      '"f81d4fae-7dec-11d0-a765-00a0c91e6bf"',
      '"g81d4fae-7dec-11d0-a765-00a0c91e6bf6"',
      "f81d4fae",
      "nil",
      '""',
    ])
      expectRefused(`#uuid ${text}`);
  });

  test("EDN8 bytes are canonical base64", () => {
    expectRead('#sync/bytes "AAEC/w=="', Uint8Array.of(0, 1, 2, 255));
    expectRead('#sync/bytes ""', new Uint8Array());
    const large = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31) & 255);
    expect(unpack(pack(large))).toEqual(large);
    for (const text of ["AAEC/w", "AAEC/w=", "AAEC/x==", "AA EC", "AAEC_w==", "====", "A", "é", "AAEC\\n"])
      expectRefused(`#sync/bytes "${text}"`);
  });

  test.each<[string, unknown]>([
    ["#my/tag [1 2]", new Tagged("my/tag", [1, 2])],
    ["#x{:a 1}", new Tagged("x", { a: 1 })],
    ["#a #b 1", new Tagged("a", new Tagged("b", 1))],
    ['#js"s"', new Tagged("js", "s")],
    ["#x #_ 1 2", new Tagged("x", 2)],
    ["#x nil", new Tagged("x", null)],
    ["#a.b/c-d :k", new Tagged("a.b/c-d", keyword("k"))],
    ["#instant 1", new Tagged("instant", 1)],
    ["#constructor 1", new Tagged("constructor", 1)],
    ["#é 1", new Tagged("é", 1)],
  ])("EDN13 %s is kept", (text, value) => expectRead(text, value));

  test.each([
    '#"a+b"',
    "#'x",
    "#(inc %)",
    "#<Foo>",
    "#object[x 1]",
    '#object["[B" 0x138aa3cc "[B@138aa3cc"]',
    '#object[java.net.URI 0x10a98392 "http://x"]',
    "#?(:clj 1)",
    "#=(+ 1 2)",
    "# x 1",
    "#1 2",
    "#-x 1",
    "#:x 1",
    "#x",
    "#",
    "[#x]",
    "{:a #x}",
    "#!x",
    "@x",
    "'",
    "`x",
    "~x",
    "#@x",
  ])("EDN13, EDN14 %s is refused", (text) => {
    if (text !== "'") expectRefused(text);
    expectRefused(`[${text}`);
  });
});

describe("between forms", () => {
  test.each<[string, unknown]>([
    [" \t\n\v\f\r\x1c\x1d\x1e\x1f,1,, ", 1],
    ["[1,2,,3]", [1, 2, 3]],
    ["[1;c\n2]", [1, 2]],
    ["[1;c\r2]", [1, 2]],
    ["1 ; end", 1],
    ["; a\n; b\n1;", 1],
    [";\n1", 1],
    ["#_1 2", 2],
    ["#_ 1 2", 2],
    ["#_ #_ 1 2 3", 3],
    ["#_#_#_1 2 3 4", 4],
    ["[#_1]", []],
    ["[1 #_ [2 {:a #_ 3 4}] 5]", [1, 5]],
    ["{:a #_ :b 1}", { a: 1 }],
    ["{#_ :x :a 1 #_ 2}", { a: 1 }],
    ["#{1 #_1}", new Set([1])],
    ["1 #_2", 1],
    ["#_;c\n1 2", 2],
    ["[1 #_#x 2 3]", [1, 3]],
    ['[1 #_ #inst "2020" 3]', [1, 3]],
    ["^{:a 1} [1]", [1]],
    ["^:a [1]", [1]],
    ["^a ^:b ^{:c 1} {:d 2}", { d: 2 }],
    ["#^{:a 1} [1]", [1]],
    ["[^:a x ^:b y]", [new Sym("x"), new Sym("y")]],
    ["{:a ^:m [1]}", { a: [1] }],
    ["{^:m :a 1 ^:m :b 2}", { a: 1, b: 2 }],
    [
      '[a[1]b(2)"c":d\\e{}#{}f]',
      [new Sym("a"), [1], new Sym("b"), new List([2]), "c", keyword("d"), new Char("e"), {}, new Set(), new Sym("f")],
    ],
  ])("EDN12 %s", (text, value) => {
    expectRead(text, value);
    expectRead(text, value);
  });

  test.each([
    "",
    " ",
    ";",
    "; c",
    ",",
    "#_",
    "#_1",
    "#_ #_ 1 2",
    "[#_]",
    "[1 #_]",
    "{:a #_}",
    "{:a 1 #_}",
    "^",
    "^:a",
    "^:a ^:b",
    "[^:a]",
    "[^]",
    "\u00a01",
    "1\u2003",
    "\0",
    "1\0",
    "\x011",
    "\ufeff1",
  ])("EDN12, EDN14 %j is refused", (text) => expectRefused(text));

  test.each([
    "1 2",
    "[1",
    "[1 2",
    "(1",
    "#{1",
    "{:a 1",
    "{:a",
    "{1}",
    "{:a 1 :b}",
    "[1)",
    "(1]",
    "#{1]",
    "{:a 1]",
    "]",
    ")",
    "}",
    "[]]",
    "nil nil",
    "[1] x",
    "[[]",
    "[{]}",
    '["a]',
    "#{",
    "{",
    "(",
    "[",
    ":a :b",
    '"a" 1',
    "[nil",
    "{:a nil",
    "{ }}",
    "a b",
    "[1 2] #",
    "[\\",
    "{:a {:b 1}",
    "{:a 1}}",
  ])("EDN14 %s is refused", (text) => expectRefused(text));

  test("EDN14 every part of a text is refused or is shorter", () => {
    const text =
      '[nil true {:a/b 1.5 "c d" #{:x} [1] 2} (x y) #inst "2020" #my/tag "é\\n" \\a 1/3 42N 1.5M ##Inf #:n{:k 1} #_ 1 ^:m [z]]';
    for (let length = 0; length < text.length; length++) expectRefused(text.slice(0, length));
    expect(unpack(text)).toHaveLength(13);
  });
});

describe("budget", () => {
  test.each([
    ["[", "]"],
    ["(", ")"],
    ["#{", "}"],
    ["{:a ", "}"],
    ["{1 ", "}"],
    ["#x ", ""],
    ["#:a{:b ", "}"],
    ["#_ [", "] 1"],
    ["^[", "] [1]"],
    ["#_", " 1"],
  ])("BUDGET1 %s counts towards maxDepth", (opening, closing) => {
    const nested = (depth: number): string => opening.repeat(depth) + (opening === "#_" ? "1 " : "1") + closing.repeat(depth);
    const width = opening === "#_ [" || opening === "^[" ? 2 : 1;
    expect(() => unpack(nested(10), within({ maxDepth: 10 * width }))).not.toThrow();
    expect(() => unpack(nested(11), within({ maxDepth: 11 * width - 1 }))).toThrow(expect.objectContaining({ code: "too-deep" }));
  });

  test.each(["[", "(", "{", "#{", "#x ", "#_", "^", "#^", "{:a ", "[[{:a #{(", "#:a{:b ", "#_[", "^{:a "])(
    "BUDGET1 200 000 times %s is refused at once",
    (opening) => {
      expect(cpuMsOf(() => expectRefused(opening.repeat(200_000), "too-deep"))).toBeLessThan(3000);
    },
  );

  test.each<[string, number]>([
    ["1", 1],
    ["[]", 1],
    ["[1 2]", 3],
    ["{:a 1}", 3],
    ["{1 2}", 3],
    ["#{1}", 2],
    ["#x 1", 2],
    ['#inst "2020"', 1],
    ["#_ 1 2", 2],
    ["^:a [1]", 4],
    ["[#_ [1 2] 3]", 5],
    ["#:a{:b 1}", 3],
    ["[{:a 1} {:a 1}]", 7],
  ])("BUDGET2 %s is %i values", (text, count) => {
    for (let i = 0; i < 2; i++) {
      expect(() => unpack(text, within({ maxValues: count }))).not.toThrow();
      expect(() => unpack(text, within({ maxValues: count - 1 }))).toThrow(expect.objectContaining({ code: "too-large" }));
    }
  });

  test("BUDGET3 a key that was read before is measured again", () => {
    const key = "k".repeat(70);
    expect(unpack(`{:${key} 1}`)).toEqual({ [key]: 1 });
    expect(() => unpack(`{:${key} 1}`, within({ maxKeyBytes: 69 }))).toThrow(expect.objectContaining({ code: "too-large" }));
    expect(unpack(`{:${key} 1}`, within({ maxKeyBytes: 70 }))).toEqual({ [key]: 1 });
    expect(() => unpack(`#:${"n".repeat(40)}{:${key} 1}`, within({ maxKeyBytes: 110 }))).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
    expect(unpack(`"${"x".repeat(2000)}"`, within({ maxKeyBytes: 10 }))).toHaveLength(2000);
  });

  test.each([
    "9".repeat(50),
    `${"9".repeat(50)}N`,
    `-${"9".repeat(50)}`,
    `${"9".repeat(25)}/${"7".repeat(25)}`,
    `${"9".repeat(48)}.25M`,
    `1.${"3".repeat(49)}`,
    `1e${"0".repeat(48)}1`,
  ])("BUDGET4 %s has 50 digits", (text) => {
    expect(() => unpack(text, within({ maxDigits: 50 }))).not.toThrow();
    expect(() => unpack(text, within({ maxDigits: 49 }))).toThrow(expect.objectContaining({ code: "too-large" }));
  });

  test("BUDGET4 five million digits are refused at once", () => {
    for (const tail of ["", "N", "M", ".5", "/3"]) {
      const text = "7".repeat(5_000_000) + tail;
      expect(cpuMsOf(() => expectRefused(text, "too-large"))).toBeLessThan(3000);
    }
  });

  test("BUDGET5 strings with one hash in Java are read as fast as others", () => {
    const time = (zero: string, one: string): number => {
      const digits = (i: number): string => i.toString(2).padStart(16, "0");
      const words = Array.from({ length: 65_536 }, (_, i) => digits(i).replace(/0/g, zero).replace(/1/g, one));
      const limits = within({ maxValues: 200_000 });
      return cpuMsOf(() => {
        expect((unpack(`#{${words.map((word) => `"${word}"`).join(" ")}}`, limits) as Set<string>).size).toBe(65_536);
        expect((unpack(`{${words.map((word) => `"${word}" 1`).join(" ")}}`, limits) as Map<string, number>).size).toBe(65_536);
        expect((unpack(`#{${words.map((word) => `[${word}]`).join(" ")}}`, limits) as Set<unknown>).size).toBe(65_536);
      });
    };
    const scale = time("ab", "ba");
    expect(time("Aa", "BB")).toBeLessThan(scale * 5 + 1000);
  });

  test("BUDGET5 members that are large and nested are compared once for each level at most", () => {
    const large = `[${"[1 2 3] ".repeat(10_000)}]`;
    const scale = cpuMsOf(() => pack(unpack(`[${large} ${large}]`)));
    const nested = cpuMsOf(() => {
      unpack(`${"#{".repeat(60)}${large}${"}".repeat(60)}`);
      unpack(`${"#{[".repeat(30)}${large}${"]}".repeat(30)}`);
      pack(unpack(`${"{[".repeat(30)}${large}${"] 1}".repeat(30)}`));
    });
    expect(nested).toBeLessThan(scale * 60 + 1000);
  });

  test.each([
    '"\\n" ',
    '"" ',
    ":a ",
    "{:a 1} ",
    '{"a b" 1} ',
    '{"a\\nb" 1} ',
    "#_ 1 ",
    "; c\n",
    '#inst "2020" ',
    "\\a ",
    "{1 2} ",
    "#{[1]} ",
    "^:a [] ",
    '{:a "x" "b\\nc" 2 1 3} ',
  ])("BUDGET5 many of %j take time in proportion", (piece) => {
    const time = (repeated: string): number => {
      const text = `[${repeated.repeat(200_000)}"\\\\"]`;
      return cpuMsOf(() => unpack(text, within({ maxValues: 10_000_000 })));
    };
    // A vector of two numbers for scale; a quadratic reader needs several thousand times more.
    const scale = Math.max(20, Math.min(time("[1 2] "), time("[1 2] ")));
    expect(time(piece)).toBeLessThan(scale * 60);
  });

  test("BUDGET6 a short string does not keep a long message alive", () => {
    const kept: unknown[] = [];
    const before = heapAfterGc();
    for (let i = 0; i < 60; i++) {
      const name = `a-name-of-its-own-${i}`;
      const padding = `"${String.fromCharCode(65 + (i % 26)).repeat(1_000_000)}"`;
      const [first, , ...others] = unpack(
        `["some text of this message ${i}" ${padding} :${name} ${name} #${name} 1 {:${name} 1} 1.${i}00000000000M "a\\n${name}"]`,
      ) as unknown[];
      kept.push(first, others);
    }
    expect(heapAfterGc() - before).toBeLessThan(20_000_000);
    expect(kept).toHaveLength(120);
  });
});

function heapAfterGc(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
