/**
 * The JSON packer beyond the contract.
 * Rules: docs/protocol/values.md JSON1-JSON7, BUDGET1-BUDGET7.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BigDecimal, Char, keyword, List, Ratio, Sym, Tagged, Uuid } from "../../src/core/values.ts";
import { packerContractSuite } from "../../src/testing/contracts/packer.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { json } from "../../src/wire/json.ts";
import { defaultBudget } from "../../src/wire/packer.ts";
import { socketio } from "../../src/wire/socketio.ts";
import { transit } from "../../src/wire/transit.ts";
import { cpuMsOf } from "../support/cpu.ts";

describe("json as a packer", () => {
  for (const { name, run } of packerContractSuite(json)) test(name, run);
});

const { pack, unpack } = json();

function expectRefused(text: string, code = "malformed"): void {
  expect(() => unpack(text), text).toThrow(expect.objectContaining({ name: "SyncError", code }));
}

test("JSON1 what JSON has is written as JSON.stringify writes it", () => {
  const plain = fc.jsonValue().filter((value) => !/"~|-0[,\]}]|-0$/.test(JSON.stringify(value)) && !hasMinusZero(value));
  fc.assert(
    fc.property(plain, (value) => pack(value) === JSON.stringify(value)),
    { numRuns: 2000 },
  );
});

function hasMinusZero(value: unknown): boolean {
  return Object.is(value, -0) || (typeof value === "object" && value !== null && Object.values(value).some(hasMinusZero));
}

test("JSON1 keys of objects are never escaped, and an object is a plain object", () => {
  const object = { "~:a": 1, "~#set": 2, "a b": 3, id: 4, "": 5 };
  expect(pack(object)).toBe('{"~:a":1,"~#set":2,"a b":3,"id":4,"":5}');
  expect(unpack(pack(object))).toEqual(object);
});

test.each<[unknown, string]>([
  [keyword("user/name"), '"~:user/name"'],
  [new Sym("a/b"), '"~$a/b"'],
  [42n, '"~n42"'],
  [new Ratio(1n, 3n), '"~r1/3"'],
  [new BigDecimal("1.50"), '"~f1.50"'],
  [new Char("a"), '"~ca"'],
  [new Char('"'), '"~c\\""'],
  [new Uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"), '"~uf81d4fae-7dec-11d0-a765-00a0c91e6bf6"'],
  [new Date(0), '"~t1970-01-01T00:00:00.000Z"'],
  [Uint8Array.of(0, 1, 2, 255), '"~bAAEC/w=="'],
  [Number.NaN, '"~zNaN"'],
  [1 / 0, '"~zInf"'],
  [-1 / 0, '"~z-Inf"'],
])("JSON2 %s is %s", (value, text) => {
  expect(pack(value)).toBe(text);
  expect(equalValues(unpack(text), value)).toBe(true);
});

test.each([
  ["~", '"~~"'],
  ["~:a", '"~~:a"'],
  ["~~", '"~~~"'],
  ["a~", '"a~"'],
])("JSON3 the string %s is %s", (value, text) => {
  expect(pack(value)).toBe(text);
  expect(unpack(text)).toBe(value);
});

test.each<[unknown, string]>([
  [new Set([1, "~"]), '["~#set",[1,"~~"]]'],
  [new List([1]), '["~#list",[1]]'],
  [
    new Map<unknown, unknown>([
      [1, 2],
      ["id", 3],
    ]),
    '["~#map",[1,2,"id",3]]',
  ],
  [new Tagged("my/tag", [1]), '["~#tag","my/tag",[1]]'],
  [["~#set", [1]], '["~~#set",[1]]'],
  [new Set([new Set()]), '["~#set",[["~#set",[]]]]'],
])("JSON4 %s is %s", (value, text) => {
  expect(pack(value)).toBe(text);
  expect(equalValues(unpack(text), value)).toBe(true);
});

test("JSON4 a tagged map is a plain object where an EDN map would be", () => {
  expect(unpack('["~#map",["~:a",1,"b c",2]]')).toEqual({ a: 1, "b c": 2 });
  expect(unpack('["~#map",["a",1]]')).toEqual(new Map([["a", 1]]));
  expect(Object.keys(unpack('["~#map",["~:__proto__",{"polluted":1}]]') as object)).toEqual(["__proto__"]);
  for (const text of [
    '["~#set",[1,1]]',
    '["~#set",[[1],[1]]]',
    '["~#map",[1,2,1,3]]',
    '["~#map",["~:a",1,"~:a",2]]',
    '["~#set",[0,-0]]',
  ])
    expectRefused(text);
});

test.each([
  [-0, "-0"],
  [1e21, "1e+21"],
  [2 ** 53, "9007199254740992"],
  [0.1, "0.1"],
  [-1.5, "-1.5"],
])("JSON5 %d is %s", (value, text) => {
  expect(pack(value)).toBe(text);
  expect(unpack(text)).toBe(value);
});

describe("what is refused", () => {
  test.each([
    "~x",
    "~",
    "~:",
    "~::a",
    "~:a b",
    "~n",
    "~n1.5",
    "~n1N",
    "~n0x1",
    "~nx",
    "~n01",
    "~f",
    "~fx",
    "~f1M",
    "~r1",
    "~r1/0",
    "~r1/2N",
    "~r1.5/2",
    "~c",
    "~cab",
    "~u1",
    "~tx",
    "~t2023-02-30",
    "~bA",
    "~bA=",
    "~zInfinity",
    "~z",
    "~zNaN ",
    "~$",
    "~$nil",
    "~$1",
    "~1",
    "~#",
    "~#set",
  ])("JSON6 the string %s", (text) => {
    expectRefused(JSON.stringify(text));
    expectRefused(JSON.stringify([1, { a: text }]));
  });

  test.each([
    '["~#set"]',
    '["~#set",1]',
    '["~#set",[1],2]',
    '["~#set",{}]',
    '["~#foo",[]]',
    '["~#",[]]',
    '["~#map",[1]]',
    '["~#map",{}]',
    '["~#tag"]',
    '["~#tag","x"]',
    '["~#tag",1,2]',
    '["~#tag","inst",1]',
    '["~#tag","object",1]',
    '["~#tag","1",1]',
    '["~#tag","x",1,2]',
    '["~#tag","~~x",1]',
    '[1,["~#list"]]',
    '["~#set",["~#set",[]],1]',
  ])("JSON6 %s", (text) => expectRefused(text));

  test.each([
    "",
    " ",
    "[",
    "[1,]",
    "{",
    "1 2",
    "nul",
    "undefined",
    "NaN",
    "'a'",
    "{a:1}",
    "[1]]",
    "\ufeff1",
    "01",
    "+1",
    '"\n"',
    "\0",
  ])("JSON6 %j", (text) => expectRefused(text));
});

test("JSON7 of two equal keys in an object the last counts", () => {
  expect(unpack('{"a":1,"a":2}')).toEqual({ a: 2 });
});

test("BUDGET1 200 000 arrays or objects are refused", () => {
  for (const opening of ["[", '{"a":']) {
    expectRefused(opening.repeat(200_000) + 1 + (opening === "[" ? "]" : "}").repeat(200_000), "too-deep");
    expectRefused(opening.repeat(20_000));
  }
});

test.each([json(), transit(), socketio()])("BUDGET7 a megabyte of brackets is refused by $name before it is parsed", (packer) => {
  const around = packer.pack(["@"]);
  const frame = (typeof around === "string" ? around : new TextDecoder().decode(around)).replace('"@"', "@");
  const refused = (text: string, code: string): void =>
    expect(() => packer.unpack(frame.replace("@", () => text))).toThrow(expect.objectContaining({ code }));
  const least = (work: () => void): number => Math.min(...[0, 1, 2].map(() => cpuMsOf(work)));
  const deep = "[".repeat(500_000) + "]".repeat(500_000);
  const many = `[${`${"[".repeat(60)}${"]".repeat(60)},`.repeat(8000)}0]`;
  for (const [text, code] of [
    [deep, "too-deep"],
    [many, "too-large"],
  ] as const) {
    expect(least(() => refused(text, code))).toBeLessThan(least(() => void JSON.parse(text)) / 2);
  }
  refused('{"a":'.repeat(250_000) + 1 + "}".repeat(250_000), "too-deep");
  // In strings they are none.
  const value = ['"[{\\'.repeat(100_000), "{[", { a: "[" }];
  expect(packer.unpack(packer.pack(value))).toEqual(value);
});

test("BUDGET7 what the budget allows passes, two brackets for each value and level", () => {
  const sets = (count: number): string => `[${Array(count).fill('["~#set",[]]').join()}]`;
  expect(unpack(sets(99_999))).toHaveLength(99_999);
  expectRefused(sets(100_000), "too-large");
  const nested = (depth: number): string => '["~#set",['.repeat(depth) + 1 + "]]".repeat(depth);
  const small = { ...defaultBudget, maxValues: 100 };
  expect(() => unpack(nested(64), small)).not.toThrow();
  expect(() => unpack(nested(65), small)).toThrow(expect.objectContaining({ code: "too-deep" }));
});

test.each<[string, number]>([
  ["1", 1],
  ["[]", 1],
  ["[1,2]", 3],
  ['{"a":1}', 3],
  ['["~#set",[1]]', 2],
  ['["~#map",[1,2]]', 3],
  ['["~#tag","x",1]', 2],
  ['"~n1"', 1],
])("BUDGET2 %s is %i values", (text, count) => {
  expect(() => unpack(text, { ...defaultBudget, maxValues: count })).not.toThrow();
  expect(() => unpack(text, { ...defaultBudget, maxValues: count - 1 })).toThrow(expect.objectContaining({ code: "too-large" }));
});

test.each(["~n", "~f", "~r1/", "~n-"])("BUDGET4 %s takes maxDigits digits", (prefix) => {
  const digits = prefix === "~r1/" ? 49 : 50;
  const text = (count: number): string => JSON.stringify(prefix + "7".repeat(count));
  expect(() => unpack(text(digits), { ...defaultBudget, maxDigits: 50 })).not.toThrow();
  expect(() => unpack(text(digits + 1), { ...defaultBudget, maxDigits: 50 })).toThrow(
    expect.objectContaining({ code: "too-large" }),
  );
  const long = text(5_000_000);
  expect(cpuMsOf(() => expectRefused(long, "too-large"))).toBeLessThan(3000);
});
