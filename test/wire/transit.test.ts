/**
 * The Transit packer beyond the contract, in both forms.
 * Rules: docs/protocol/transit.md TRANSIT1-TRANSIT14, BUDGET1-BUDGET5.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BigDecimal, Char, keyword, List, Ratio, Sym, Tagged, Uuid } from "../../src/core/values.ts";
import { packerContractSuite } from "../../src/testing/contracts/packer.ts";
import { edn } from "../../src/wire/edn.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { defaultBudget } from "../../src/wire/packer.ts";
import { transit } from "../../src/wire/transit.ts";
import { cpuMsOf } from "../support/cpu.ts";
import { value as anyValue } from "../support/values.ts";

const plain = transit();
const verbose = transit({ verbose: true });
const { pack, unpack } = plain;

describe("transit as a packer", () => {
  for (const { name, run } of packerContractSuite(transit)) test(name, run);
});
describe("transit-verbose as a packer", () => {
  for (const { name, run } of packerContractSuite(() => transit({ verbose: true }))) test(name, run);
});

function expectRefused(text: string, code = "malformed"): void {
  expect(() => unpack(text), text).toThrow(expect.objectContaining({ name: "SyncError", code }));
}

/** Both forms of an item, written and read. */
function expectTexts(value: unknown, text: string, verboseText = text): void {
  expect(pack([value])).toBe(`[${text}]`);
  expect(verbose.pack([value])).toBe(`[${verboseText}]`);
  for (const packed of [text, verboseText]) expect(equalValues(unpack(packed), value), packed).toBe(true);
}

test.each<[unknown, string]>([
  [[1, "a", null, true, false], '[1,"a",null,true,false]'],
  [-0, "-0.0"],
  [0.1, "0.1"],
  [1e21, "1e+21"],
  [2 ** 53 - 1, "9007199254740991"],
  [2 ** 53, "9007199254740992.0"],
  [1700000000123, "1700000000123"],
])("TRANSIT1 %s is %s", (value, text) => expectTexts(value, text));

test("TRANSIT1 a number without a mark is a double", () => {
  expect(unpack("[9007199254740993]")).toEqual([2 ** 53]);
  expect(unpack("[1.0E21,-0,1.0]")).toEqual([1e21, -0, 1]);
});

test.each([
  ["~", '"~~"'],
  ["~:a", '"~~:a"'],
  ["^0", '"~^0"'],
  ["^ ", '"~^ "'],
  ["`a", '"~`a"'],
  ["a~^`", '"a~^`"'],
  ["", '""'],
])("TRANSIT2 the string %j is %s", (value, text) => {
  expectTexts(value, text);
  expectTexts(new Map([[value, 1]]), `["^ ",${text},1]`, `{${text}:1}`);
});

test("TRANSIT2 a backtick without a mark is read as it stands", () => {
  expect(unpack('["`a"]')).toEqual(["`a"]);
});

test.each<[unknown, string]>([
  [keyword("user/name"), '"~:user/name"'],
  [new Sym("a/b"), '"~$a/b"'],
  [new BigDecimal("1.50"), '"~f1.50"'],
  [new BigDecimal("1E+20"), '"~f1E+20"'],
  [new Char("a"), '"~ca"'],
  [new Char('"'), '"~c\\""'],
  [new Uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"), '"~uf81d4fae-7dec-11d0-a765-00a0c91e6bf6"'],
  [Uint8Array.of(0, 1, 2, 255), '"~bAAEC/w=="'],
  [Number.NaN, '"~zNaN"'],
  [1 / 0, '"~zINF"'],
  [-1 / 0, '"~z-INF"'],
])("TRANSIT3 %s is %s, and the same as a key", (value, text) => {
  expectTexts(value, text);
  expectTexts(new Map([[value, 1]]), `["^ ",${text},1]`, `{${text}:1}`);
});

test.each<[unknown, string]>([
  [null, "~_"],
  [true, "~?t"],
  [false, "~?f"],
  [0, "~i0"],
  [-42, "~i-42"],
  [0.5, "~d0.5"],
  [1e21, "~d1e+21"],
  [2 ** 53, "~d9007199254740992.0"],
])("TRANSIT3 the key %s is %s, which is read as a value too", (key, text) => {
  expectTexts(new Map([[key, 1]]), `["^ ","${text}",1]`, `{"${text}":1}`);
  expect(unpack(`["${text}"]`)).toEqual([key]);
});

test("TRANSIT3 a double in digits is a number however large", () => {
  expect(unpack('["~d9007199254740992","~d1.0E21","~d-0.0"]')).toEqual([2 ** 53, 1e21, -0]);
});

test.each<[unknown, string]>([
  [42n, '"~n42"'],
  [-(2n ** 53n) + 1n, '"~n-9007199254740991"'],
  [2n ** 53n, '"~i9007199254740992"'],
  [-(2n ** 53n), '"~i-9007199254740992"'],
  [2n ** 63n - 1n, '"~i9223372036854775807"'],
  [-(2n ** 63n), '"~i-9223372036854775808"'],
  [2n ** 63n, '"~n9223372036854775808"'],
  [10n ** 30n, '"~n1000000000000000000000000000000"'],
])("TRANSIT4 %s is %s", (value, text) => {
  expectTexts(value, text);
  expectTexts(new Map([[value, 1]]), `["^ ",${text},1]`, `{${text}:1}`);
});

test("TRANSIT4 what others write is read too", () => {
  expect(unpack('["~i42","~i-9007199254740991","~n9007199254740992","~i99999999999999999999"]')).toEqual([
    42,
    -(2 ** 53) + 1,
    2n ** 53n,
    99999999999999999999n,
  ]);
});

test.each([
  ["1985-04-12T23:20:50.520Z", 482196050520],
  ["1969-12-31T23:59:59.999Z", -1],
  ["0000-01-01T00:00:00.000Z", -62167219200000],
  ["9999-12-31T23:59:59.999Z", 253402300799999],
])("TRANSIT5 the instant %s is %d", (text, millis) => {
  expectTexts(new Date(text), `"~m${millis}"`, `"~t${text}"`);
  expectTexts(new Map([[new Date(text), 1]]), `["^ ","~m${millis}",1]`, `{"~t${text}":1}`);
});

test("TRANSIT5 other texts and milliseconds of an instant", () => {
  expect(unpack('["~t1985-04-12T23:20:50.52+01:00"]')).toEqual([new Date("1985-04-12T22:20:50.520Z")]);
  for (const text of ["~m-62167219200001", "~m253402300800000", "~m9999999999999999999"]) expectRefused(`["${text}"]`);
});

test("TRANSIT6 an unknown letter is a tag, and a URI is one", () => {
  expectTexts(new Tagged("r", "http://x"), '"~rhttp://x"');
  expectTexts(new Tagged("X", ""), '"~X"');
  expectTexts(new Tagged("X", "~a"), '"~X~a"');
  expectTexts(new Map([[new Tagged("r", "http://x"), 1]]), '["^ ","~rhttp://x",1]', '{"~rhttp://x":1}');
  expectTexts(new Tagged("r", [1]), '["~#r",[1]]', '{"~#r":[1]}');
  expect(equalValues(unpack('["~#r","http://x"]'), new Tagged("r", "http://x"))).toBe(true);
  expect(edn().pack(unpack('["~rhttp://x"]'))).toBe('[#r "http://x"]');
});

describe("maps", () => {
  test.each<[unknown, string, string]>([
    [{}, '["^ "]', "{}"],
    [{ "user/name": 1, "a b": 2, "": 3 }, '["^ ","~:user/name",1,"a b",2,"",3]', '{"~:user/name":1,"a b":2,"":3}'],
    [{ "~:a": 1, "^0": 2, "~#set": 3 }, '["^ ","~~:a",1,"~^0",2,"~~#set",3]', '{"~~:a":1,"~^0":2,"~~#set":3}'],
    [new Map([["id", 1]]), '["^ ","id",1]', '{"id":1}'],
    [
      new Map<unknown, unknown>([
        [1, 2],
        ["id", 3],
      ]),
      '["^ ","~i1",2,"id",3]',
      '{"~i1":2,"id":3}',
    ],
    [new Map([[[1], 2]]), '["~#cmap",[[1],2]]', '{"~#cmap":[[1],2]}'],
    [
      new Map<unknown, unknown>([
        [{ a: 1 }, 2],
        [3, keyword("a")],
      ]),
      '["~#cmap",[["^ ","~:a",1],2,3,"~:a"]]',
      '{"~#cmap":[{"~:a":1},2,3,"~:a"]}',
    ],
    [new Map([[new Ratio(1n, 3n), 1]]), '["~#cmap",[["~#ratio",["~n1","~n3"]],1]]', '{"~#cmap":[{"~#ratio":["~n1","~n3"]},1]}'],
  ])("TRANSIT7 a map has its text, and back (%#)", expectTexts);

  test("TRANSIT7 a map is a plain object where an EDN map would be", () => {
    expect(unpack('["^ ","~:a",1,"b c",2]')).toEqual({ a: 1, "b c": 2 });
    expect(unpack('["^ ","a",1]')).toEqual(new Map([["a", 1]]));
    const mixed = new Map<unknown, unknown>([[keyword("a"), 1]]).set("a", 2);
    expect(equalValues(unpack('["^ ","~:a",1,"a",2]'), mixed)).toBe(true);
    expect(unpack('["~#cmap",["~:a",1]]')).toEqual({ a: 1 });
    expect(equalValues(unpack('["^ ",1,2,[3],4]'), new Map<unknown, unknown>([[1, 2]]).set([3], 4))).toBe(true);
  });

  test.each([
    '["^ ","~:a",1,"~:a",2]',
    '["^ ","~:a",1,"~:b",["^ ","~:a",1],"~:a",2]',
    '["^ ","~:long",1,"~:b",["^ ","^0",["^ ","^0",1]],"^0",2]',
    '["^ ","a",1,"a",2]',
    '["^ ","~i1",1,"~d1",2]',
    '["^ ","~d0",1,"~d-0.0",2]',
    '["~#cmap",["~:a",1,"~:a",2]]',
    '["~#cmap",[[1],1,[1],2]]',
    '{"~:a":1,"~:constructor":2,"~#a":3}',
  ])("TRANSIT7 a key that occurs twice is refused: %s", (text) => expectRefused(text));

  test("TRANSIT7 a key may stand again in other maps, inside, beside and after one that was refused", () => {
    expect(unpack('["^ ","~:a",["^ ","~:a",["^ ","~:a",1]],"~:b",["^ ","~:a",2]]')).toEqual({
      a: { a: { a: 1 } },
      b: { a: 2 },
    });
    for (let i = 0; i < 3; i++) {
      expectRefused('["^ ","~:a",["^ ","~:a",1,"~:a",2]]');
      expect(unpack('["^ ","~:a",["^ ","~:a",1]]')).toEqual({ a: { a: 1 } });
    }
  });

  test("TRANSIT7 of two equal texts in a JSON object the last counts", () => {
    expect(unpack('{"~:a":1,"~:a":2}')).toEqual({ a: 2 });
  });
});

test.each<[unknown, string, string]>([
  [new Set([1, "~"]), '["~#set",[1,"~~"]]', '{"~#set":[1,"~~"]}'],
  [new Set([new Set()]), '["~#set",[["^0",[]]]]', '{"~#set":[{"~#set":[]}]}'],
  [new List([1, [2]]), '["~#list",[1,[2]]]', '{"~#list":[1,[2]]}'],
  [new Ratio(-22n, 7n), '["~#ratio",["~n-22","~n7"]]', '{"~#ratio":["~n-22","~n7"]}'],
  [new Tagged("my/tag", { a: 1 }), '["~#my/tag",["^ ","~:a",1]]', '{"~#my/tag":{"~:a":1}}'],
  [["~#set", [1]], '["~~#set",[1]]', '["~~#set",[1]]'],
  [new List(["~#set", [1]]), '["~#list",["~~#set",[1]]]', '{"~#list":["~~#set",[1]]}'],
])("TRANSIT8 a tagged array has its text, and back (%#)", expectTexts);

test("TRANSIT8 what others may write is read too", () => {
  const same = (text: string, value: unknown): void => expect(equalValues(unpack(text), value), text).toBe(true);
  same('["~#ratio",[1,"~i3"]]', new Ratio(1n, 3n));
  same('["~#m","0"]', new Date(0));
  same('["~#u","f81d4fae-7dec-11d0-a765-00a0c91e6bf6"]', new Uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"));
  same('["~#:","a"]', keyword("a"));
  same('["~#link",["^ ","~:href","~rx"]]', new Tagged("link", { href: new Tagged("r", "x") }));
});

test.each(["set", "list", "cmap", "ratio", "sync/tag", ..."b c d f i m n t u z".split(" ")])(
  "TRANSIT9 a Tagged with the tag %s is one for every packer",
  (tag) => {
    for (const value of ["1", [1], null]) {
      const text = JSON.stringify(value);
      expectTexts(new Tagged(tag, value), `["~#sync/tag",["${tag}",${text}]]`, `{"~#sync/tag":["${tag}",${text}]}`);
    }
    expect(equalValues(edn().unpack(edn().pack(unpack(pack(new Tagged(tag, 1))))), new Tagged(tag, 1))).toBe(true);
  },
);

test.each([
  '["~#sync/tag",["my/tag",1]]',
  '["~#sync/tag",["inst",1]]',
  '["~#sync/tag",["set"]]',
  '["~#sync/tag",["set",1,2]]',
  '["~#sync/tag",[1,2]]',
  '["~#sync/tag","set"]',
])("TRANSIT9 %s is refused", (text) => expectRefused(text));

describe("codes", () => {
  const k = keyword;

  test.each<[unknown, string]>([
    [[k("ab"), k("ab"), k("a"), k("a")], '["~:ab","^0","~:a","~:a"]'],
    [[new Sym("ab"), new Sym("ab"), k("ab")], '["~$ab","^0","~:ab"]'],
    [["long string", "long string"], '["long string","long string"]'],
    [[{ "a long": 1 }, { "a long": 2 }], '[["^ ","a long",1],["^ ","^0",2]]'],
    [[{ "a b": 1 }, { "a b": 2 }], '[["^ ","a b",1],["^ ","a b",2]]'],
    [[{ "~ab": 1 }, { "~ab": 2 }], '[["^ ","~~ab",1],["^ ","^0",2]]'],
    [[{ ab: k("ab") }, { ab: 2 }], '[["^ ","~:ab","^0"],["^ ","^0",2]]'],
    [
      [new Map([[12, 1]]), new Map([[12, 2]]), new Map([[1, 3]]), new Map([[1, 4]])],
      '[["^ ","~i12",1],["^ ","^0",2],["^ ","~i1",3],["^ ","~i1",4]]',
    ],
    [[new Set([1]), new Set([2])], '[["~#set",[1]],["^0",[2]]]'],
    [[new Tagged("xyz", 1), new Tagged("xyz", 2)], '[["~#xyz",1],["^0",2]]'],
    [[new Tagged("r", "http"), new Tagged("r", "http")], '["~rhttp","~rhttp"]'],
    [[new Set([k("ab")]), k("ab"), new Set([2])], '[["~#set",["~:ab"]],"^1",["^0",[2]]]'],
  ])("TRANSIT10 what has a code, and where (%#)", (value, text) => {
    expect(pack(value)).toBe(text);
    expect(equalValues(unpack(text), value)).toBe(true);
    expect(verbose.pack(value)).not.toMatch(/"\^\d"/);
  });

  const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `k${i}`);

  test("TRANSIT10 codes go from one digit to two, and begin anew after 1 936 texts", () => {
    const keywords = names(1936).map(k);
    const packed = JSON.parse(pack([...keywords, ...keywords]) as string) as string[];
    expect(packed.slice(0, 1936)).toEqual(keywords.map(String).map((name) => `~${name}`));
    expect(packed.slice(1936, 1940)).toEqual(["^0", "^1", "^2", "^3"]);
    expect(packed.slice(1936 + 42, 1936 + 46)).toEqual(["^Z", "^[", "^10", "^11"]);
    expect(packed.slice(-2)).toEqual(["^[Z", "^[["]);
    const more = ["k0", "k1935", "x0", "k0", "x0", "k0"].map(k);
    const after = JSON.parse(pack([...keywords, ...more]) as string) as string[];
    expect(after.slice(1936)).toEqual(["^0", "^[[", "~:x0", "~:k0", "^0", "^1"]);
    expect(equalValues(unpack(pack([...keywords, ...more])), [...keywords, ...more])).toBe(true);
  });

  test("TRANSIT10 thousands of keys are read as they were written", () => {
    const random = fc.array(fc.nat(2500), { minLength: 4000, maxLength: 6000 });
    const survives = (ids: number[]): void => {
      const value = ids.map((id) => (id % 3 === 0 ? k(`k${id}`) : { [`k${id}`]: new Map([[`k${id}`, 1]]) }));
      expect(equalValues(unpack(pack(value)), value)).toBe(true);
    };
    fc.assert(fc.property(random, survives), { numRuns: 8 });
  });

  test("TRANSIT10 a message knows no codes of the one before, nor of one that is packed meanwhile", () => {
    const value = { abc: 1 };
    const outer = {
      abc: 1,
      get inner(): string {
        return pack([value, value]) as string;
      },
      def: { abc: 2, def: 3 },
    };
    const text = pack([value, value]) as string;
    expect(text).toBe('[["^ ","~:abc",1],["^ ","^0",1]]');
    expect(pack([value, value])).toBe(text);
    expect(unpack(pack(outer))).toEqual({ abc: 1, inner: text, def: { abc: 2, def: 3 } });
    expect(() => pack([value, { abc: () => 1 }])).toThrow();
    expect(pack([value, value])).toBe(text);
    expectRefused('["^0"]');
  });

  test("TRANSIT10 a code may stand wherever its text may", () => {
    expect(unpack('[["^ ","some key",1],"^0",["^ ","~:a","^0"]]')).toEqual([{ "some key": 1 }, "some key", { a: "some key" }]);
    expect(unpack('[{"~:abc":1},{"^0":2},{"~#set":["^0"]},{"^1":[1]}]')).toEqual([
      { abc: 1 },
      { abc: 2 },
      new Set([keyword("abc")]),
      new Set([1]),
    ]);
  });

  test.each([
    '["^0"]',
    '["~:abc","^1"]',
    '["~:ab","^/"]',
    '["~:ab","^\\\\"]',
    '["~:ab","^"]',
    '["~:ab","^000"]',
    '["~:ab","^0 "]',
    '["~:ab","^ 0"]',
    '["~:a","^0"]',
    '[["~#set",[]],"^0"]',
    '[["~#set",[]],["^ ","^0",1]]',
    '[["~#set",[]],["^0",[],1]]',
    '["^0",[1]]',
    '["long string","^0"]',
  ])("TRANSIT10 %s is refused", (text) => expectRefused(text));

  test("TRANSIT11 a code costs a value, and one more for every 64 units of its text", () => {
    for (const [length, cost] of [
      [63, 1],
      [64, 2],
      [640, 11],
    ] as const) {
      const name = "a".repeat(length - 2);
      for (const text of [`["~:${name}","^0"]`, `["~$${name}","^0"]`]) {
        expect(() => unpack(text, { ...defaultBudget, maxValues: 2 + cost })).not.toThrow();
        expect(() => unpack(text, { ...defaultBudget, maxValues: 1 + cost })).toThrow(
          expect.objectContaining({ code: "too-large" }),
        );
      }
    }
  });

  test("TRANSIT11, BUDGET5 codes of long texts, nested in sets, are too many before they are slow", () => {
    const key = `"~:${"a".repeat(1000)}"`;
    const long = `[${key},["~#set",[${Array.from({ length: 50_000 }, (_, i) => `["^0",${i}]`).join(",")}]]]`;
    expectRefused(long, "too-large");
    const bytes = `[["^ ","~b${"AAAA".repeat(250_000)}",1],${Array.from({ length: 1000 }, () => '["^ ","^0",1]').join(",")}]`;
    expectRefused(bytes, "too-large");
  });
});

describe("pieces", () => {
  test.each([plain, verbose])("TRANSIT12 a piece may be copied to any place of any frame (%#)", ({ splice, unpack: read }) => {
    if (!splice) throw new Error("It splices.");
    const texts = (values: readonly unknown[]): string => values.map((value) => splice.pack(value) as string).join(",");
    const copied = (values: readonly unknown[]): boolean => equalValues(read(`[${texts(values)}]`), values);
    const known = [{ abc: 1 }, { abc: 2, def: keyword("abc") }, new Set([1]), new Set([{ abc: 3 }]), keyword("def")];
    expect(copied(known)).toBe(true);
    expect(copied(known.toReversed())).toBe(true);
    expect(texts(known)).not.toMatch(/"\^[0-[]/);
    fc.assert(fc.property(fc.array(anyValue), copied), { numRuns: 300 });
  });

  test.each<[unknown, string]>([
    [1, "1"],
    ["~a", '"~~a"'],
    [null, "null"],
    [undefined, "null"],
    [true, "true"],
    [0.5, "0.5"],
    [1n, '"~n1"'],
    [keyword("abc"), '"~:abc"'],
    [new Tagged("r", "x"), '"~rx"'],
    [new Date(0), '"~m0"'],
  ])("TRANSIT12 %s is quoted at the top, and alone as a piece", (value, text) => {
    const verboseText = text === '"~m0"' ? '"~t1970-01-01T00:00:00.000Z"' : text;
    expect(pack(value)).toBe(`["~#'",${text}]`);
    expect(verbose.pack(value)).toBe(`{"~#'":${verboseText}}`);
    expect(plain.splice?.pack(value)).toBe(text);
    expect(verbose.splice?.pack(value)).toBe(verboseText);
    for (const packed of [`["~#'",${text}]`, `{"~#'":${verboseText}}`, text, ` ["~#'" , ${text}]\n`])
      expect(equalValues(unpack(packed), value)).toBe(true);
  });

  test.each<[unknown, string]>([
    [[], "[]"],
    [{}, '["^ "]'],
    [new Set(), '["~#set",[]]'],
    [new Ratio(1n, 3n), '["~#ratio",["~n1","~n3"]]'],
    [new Tagged("r", 1), '["~#r",1]'],
  ])("TRANSIT12 a collection is not quoted (%#)", (value, text) => expect(pack(value)).toBe(text));

  test("TRANSIT12, BUDGET1, BUDGET2 a quote is read anywhere, and counts as a value and a level", () => {
    expect(unpack(`[["~#'",1],["~#'",["~#'",[2]]]]`)).toEqual([1, [2]]);
    expect(unpack(`["~#'",1]`, { ...defaultBudget, maxValues: 2, maxDepth: 1 })).toBe(1);
    expect(() => unpack(`["~#'",1]`, { ...defaultBudget, maxValues: 1 })).toThrow(expect.objectContaining({ code: "too-large" }));
    expect(() => unpack(`["~#'",1]`, { ...defaultBudget, maxDepth: 0 })).toThrow(expect.objectContaining({ code: "too-deep" }));
  });
});

test("TRANSIT13 each form is read by both, and they are named apart", () => {
  expect([plain, verbose].map(({ name, format, binary }) => [name, format, binary])).toEqual([
    ["transit", "transit", false],
    ["transit-verbose", "transit-verbose", false],
  ]);
  const crossed = (value: unknown): boolean =>
    equalValues(verbose.unpack(plain.pack(value)), value) && equalValues(plain.unpack(verbose.pack(value)), value);
  fc.assert(fc.property(anyValue, crossed), { numRuns: 400 });
  expect(unpack('[{"~:a":["^ ","~:b",{"~#set":[1]}]}]')).toEqual([{ a: { b: new Set([1]) } }]);
});

describe("what is refused", () => {
  test.each([
    "~",
    "~:",
    "~::a",
    "~:a b",
    "~$",
    "~$nil",
    "~$1",
    "~n",
    "~n1.5",
    "~n1N",
    "~n01",
    "~nx",
    "~i",
    "~i1.5",
    "~i1N",
    "~i01",
    "~f",
    "~f1M",
    "~fx",
    "~d",
    "~d1/2",
    "~d1M",
    "~d1N",
    "~dx",
    "~dNaN",
    "~c",
    "~cab",
    "~u1",
    "~m",
    "~m1.5",
    "~mx",
    "~tx",
    "~t2023-02-30",
    "~bA",
    "~zInf",
    "~z",
    "~_x",
    "~?",
    "~?x",
    "~1",
    "~ a",
    "~'a",
    "~#",
    "~#set",
    "^",
    "^ ",
    "^0",
  ])("TRANSIT14 the string %s", (text) => {
    expectRefused(JSON.stringify(text));
    expectRefused(JSON.stringify([1, 2, text]));
    expectRefused(JSON.stringify(["^ ", "~:a", text]));
    expectRefused(JSON.stringify(["^ ", text, 1]));
    expectRefused(JSON.stringify({ [text]: 1, "b c": 2 }));
  });

  test.each([
    '["~#set"]',
    '["~#set",1]',
    '["~#set",[1],2]',
    '["~#set",{}]',
    '["~#set",["^ "]]',
    '["~#set",["~#list",[1]]]',
    '["~#set",[1,1]]',
    '["~#set",[0,-0.0]]',
    '["~#list","a"]',
    '["~#cmap",[1]]',
    '["~#cmap",{}]',
    '["~#ratio",[1]]',
    '["~#ratio",[1,2,3]]',
    '["~#ratio",["~n1","~n0"]]',
    '["~#ratio",["~n1","~n-3"]]',
    '["~#ratio",[1.5,2]]',
    '["~#ratio",["1","2"]]',
    '["~#ratio","~n1"]',
    '["~#inst","1985"]',
    '["~#uuid","x"]',
    '["~#object",[]]',
    '["~#sync/bytes","AAEC"]',
    '["~#",[]]',
    '["~#1a",1]',
    '["~#a b",1]',
    '["~#m",0]',
    '["~#u",[1,2]]',
    '["~#_",null]',
    '["~#\'"]',
    '["~#\'",1,2]',
    '["^ ","~:a"]',
    '["^ ","~:a",1,"~:b"]',
    '["^ ","~#set",[1]]',
    '[1,"^ ","~:a",1]',
    '{"~#set":1}',
    '{"~#set":[1],"~:a":1}',
    '{"~:a":1,"~#set":[1]}',
  ])("TRANSIT14 %s", (text) => {
    expectRefused(text);
    expectRefused(`[1,${text}]`);
  });

  test.each(["", " ", "[", "[1,]", "{", "1 2", "nul", "[1]]", "01", "\ufeff1"])("TRANSIT14 %j", (text) => expectRefused(text));
});

test("BUDGET1 200 000 arrays, maps, tags or quotes are refused", () => {
  for (const [opening, closing] of [
    ["[", "]"],
    ['["^ ","~:a",', "]"],
    ['{"~:a":', "}"],
    ['["~#set",[', "]]"],
    ['["~#\'",', "]"],
    ['["~#x",', "]"],
    ['["~#sync/tag",["set",', "]]"],
    ['["~#cmap",[1,', "]]"],
    ['["^ ",[1],', "]"],
  ] as const) {
    expectRefused(opening.repeat(200_000) + 1 + closing.repeat(200_000), "too-deep");
    expectRefused(opening.repeat(10_000));
  }
});

test.each<[string, number]>([
  ["1", 1],
  ["[]", 1],
  ["[1,2]", 3],
  ['["^ "]', 1],
  ['["^ ","~:a",1]', 3],
  ['{"~:a":1}', 3],
  ['["~:abc","^0"]', 3],
  ['["~#set",[1]]', 2],
  ['["~#cmap",[1,2]]', 3],
  ['["~#x",1]', 2],
  ['["~#sync/tag",["set",1]]', 2],
  ['["~#ratio",["~n1","~n2"]]', 1],
  ['"~n1"', 1],
  ['"~rx"', 1],
])("BUDGET2 %s is %i values", (text, count) => {
  expect(() => unpack(text, { ...defaultBudget, maxValues: count })).not.toThrow();
  expect(() => unpack(text, { ...defaultBudget, maxValues: count - 1 })).toThrow(expect.objectContaining({ code: "too-large" }));
});

test("BUDGET3 a key that was read with a larger budget is judged anew", () => {
  const text = `["^ ","~:${"a".repeat(60)}",1]`;
  expect(() => unpack(text)).not.toThrow();
  expect(() => unpack(text, { ...defaultBudget, maxKeyBytes: 59 })).toThrow(expect.objectContaining({ code: "too-large" }));
});

test.each(["~n", "~i", "~d", "~f", "~n-"])("BUDGET4 %s takes maxDigits digits", (prefix) => {
  const text = (count: number): string => JSON.stringify(prefix + "7".repeat(count));
  expect(() => unpack(text(50), { ...defaultBudget, maxDigits: 50 })).not.toThrow();
  expect(() => unpack(text(51), { ...defaultBudget, maxDigits: 50 })).toThrow(expect.objectContaining({ code: "too-large" }));
  const long = text(5_000_000);
  expect(cpuMsOf(() => expectRefused(long, "too-large"))).toBeLessThan(3000);
});

test("BUDGET4 a ratio has maxDigits digits in both parts together", () => {
  const text = (digits: number): string => `["~#ratio",["~n${"7".repeat(25)}","~n${"3".repeat(digits)}"]]`;
  expect(() => unpack(text(25), { ...defaultBudget, maxDigits: 50 })).not.toThrow();
  expect(() => unpack(text(26), { ...defaultBudget, maxDigits: 50 })).toThrow(expect.objectContaining({ code: "too-large" }));
});
