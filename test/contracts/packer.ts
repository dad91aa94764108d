/**
 * What every packer must do, as tests: `packerContract("name", factory)` in a test file of its own.
 * Rules: docs/protocol.md PACK1-PACK6, BUDGET1-BUDGET3, BUDGET5.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSyncError, SyncError } from "../../src/core/errors.ts";
import { BigDecimal, Char, keyword, List, Ratio, Sym, Tagged, Uuid } from "../../src/core/values.ts";
import { edn } from "../../src/wire/edn.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { type Budget, defaultBudget, type Packer } from "../../src/wire/packer.ts";
import { value as anyValue, objectOf } from "../support/values.ts";

export interface PackerFlags {
  /** Bytes that follow a whole value are ignored, not refused. */
  readonly ignoresTrailingBytes?: boolean;
  /** A list is read as a vector. */
  readonly listsAreVectors?: boolean;
  /** Has no `splice`. */
  readonly cannotSplice?: boolean;
  /** Random values in each property. Default 400. */
  readonly runs?: number;
}

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

export function packerContract(name: string, create: () => Packer, flags: PackerFlags = {}): void {
  const { runs = 400 } = flags;
  const packer = create();
  const hasNoList = (value: unknown): boolean => !(edn().pack(value) as string).includes("(");
  const carriedValue = flags.listsAreVectors === true ? anyValue.filter(hasNoList) : anyValue;
  const carried = <T>(named: Record<string, T>, list: string): [string, T][] =>
    Object.entries(named).filter(([name]) => name !== list || flags.listsAreVectors !== true);
  const within = (limits: Partial<Budget>): Budget => ({ ...defaultBudget, ...limits });
  const bytesOf = (packed: string | Uint8Array): Uint8Array =>
    typeof packed === "string" ? new TextEncoder().encode(packed) : packed;
  const again = (value: unknown): unknown => packer.unpack(packer.pack(value));

  describe(`${name} as a packer`, () => {
    test.each(carried(examples, "list"))("PACK2 %s is read back as an equal value of the same type", (_, value) => {
      const back = again(value);
      expect(equalValues(back, value)).toBe(true);
      expect(Object.getPrototypeOf(Object(back))).toBe(Object.getPrototypeOf(Object(value)));
    });

    test("PACK2 any value is read back as an equal one", () => {
      fc.assert(
        fc.property(carriedValue, (value) => equalValues(again(value), value)),
        { numRuns: runs },
      );
    });

    test("PACK2 what was read packs to the same again", () => {
      const stable = (value: unknown): void => {
        expect(packer.pack(again(again(value)))).toEqual(packer.pack(again(value)));
      };
      fc.assert(fc.property(carriedValue, stable), { numRuns: runs });
    });

    test("PACK2 nothing is nil, and no property at all in an object", () => {
      expect(again(undefined)).toBe(null);
      expect(again([undefined, 1])).toEqual([null, 1]);
      expect(Object.keys(again({ a: undefined, b: 1 }) as object)).toEqual(["b"]);
    });

    test.each([
      ["a function", { user: { tags: [1, () => 1] } }, /at "user\.tags\.1"/],
      ["a symbol", [Symbol("s")], /at "0"/],
      ["an instance of an unknown class", { at: new URL("http://x") }, /URL.*at "at"/],
      ["an invalid date", [[new Date(Number.NaN)]], /at "0\.0"/],
      ["a date past the year 9999", new Date(8.64e15), /Date/],
      ["a keyword that is none", { a: keyword("a b") }, /at "a"/],
      ["a symbol that is a literal", [new Sym("nil")], /at "0"/],
      ["a ratio with a denominator below one", [new Ratio(2n, -4n)], /at "0"/],
      ["a decimal that is none", [new BigDecimal("one")], /at "0"/],
      ["a uuid that is none", [new Uuid("1")], /at "0"/],
      ["a character of two units", [new Char("ab")], /at "0"/],
      ["a tag with a type of its own", [new Tagged("inst", "x")], /at "0"/],
      ["a tag that is none", [new Tagged("1", "x")], /at "0"/],
      ["two equal members", { a: new Set([[1], [1]]) }, /twice.*at "a"/],
      [
        "two equal keys",
        {
          a: new Map([
            [keyword("k"), 1],
            [keyword("k"), 2],
          ]),
        },
        /twice.*at "a"/,
      ],
    ])("PACK2 %s is refused, and the path is named", (_, value, message) => {
      expect(() => packer.pack(value)).toThrow(
        expect.objectContaining({ code: "invalid", message: expect.stringMatching(message) }),
      );
      expect(packer.pack([1]), "nothing is left behind").toEqual(create().pack([1]));
    });

    test("PACK2 a value that contains itself is refused", () => {
      const value: Record<string, unknown> = { id: 1 };
      value.self = [value];
      expect(() => packer.pack(value)).toThrow(
        expect.objectContaining({ code: "invalid", message: expect.stringMatching(/at "self\.0\.self/) }),
      );
      const set = new Set<unknown>();
      set.add(set);
      expect(() => packer.pack(set)).toThrow(expect.objectContaining({ code: "invalid" }));
    });

    test("PACK1 part of a packed value is refused at every length", () => {
      const bytes = bytesOf(packer.pack(["ab", { a: [1.5, null] }, new Set([keyword("x/y")]), new Tagged("t", "é")]));
      for (let length = 0; length < bytes.length; length++) {
        expect(() => packer.unpack(bytes.slice(0, length)), `length ${length}`).toThrow(
          expect.objectContaining({ code: "malformed" }),
        );
      }
    });

    test(`PACK1 bytes after the value are ${flags.ignoresTrailingBytes === true ? "ignored" : "refused"}`, () => {
      const longer = Uint8Array.of(...bytesOf(packer.pack([1])), ...bytesOf(packer.pack(2)));
      if (flags.ignoresTrailingBytes === true) expect(packer.unpack(longer)).toEqual([1]);
      else expect(() => packer.unpack(longer)).toThrow(expect.objectContaining({ code: "malformed" }));
    });

    test("PACK1 changed bytes give a value or a SyncError, and nothing else", () => {
      const change = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom("set", "cut", "insert")), {
        minLength: 1,
        maxLength: 4,
      });
      const survives = (value: unknown, changes: [number, number, string][]): void => {
        const bytes = Array.from(bytesOf(packer.pack(value)));
        for (const [place, byte, kind] of changes) {
          bytes.splice(place % (bytes.length + 1), kind === "insert" ? 0 : 1, ...(kind === "cut" ? [] : [byte]));
        }
        try {
          packer.pack(packer.unpack(Uint8Array.from(bytes)));
        } catch (error) {
          if (!(error instanceof SyncError)) throw error;
        }
      };
      fc.assert(fc.property(carriedValue, change, survives), { numRuns: runs * 5 });
    });

    test("PACK3 no key changes a prototype", () => {
      const names = ["__proto__", "constructor", "prototype", "toString", "__defineGetter__", "hasOwnProperty"];
      for (const name of names) {
        for (const key of [name, keyword(name), `${name} `]) {
          const inner = typeof key === "string" ? objectOf([[key, { polluted: true }]]) : new Map([[key, { polluted: true }]]);
          const back = again([inner, { after: 1 }]) as object[];
          expect(equalValues(back, [inner, { after: 1 }]), name).toBe(true);
          expect(Object.getPrototypeOf(back[0]), name).toBe(back[0] instanceof Map ? Map.prototype : Object.prototype);
          expect("polluted" in {}, name).toBe(false);
          expect((back[0] as { polluted?: unknown }).polluted, name).toBe(undefined);
        }
      }
    });

    test.each([[[]], [[1]], [[{ a: 1 }, "two", new Set([3])]]])(
      "PACK4 pieces spliced together are the packed vector (%#)",
      (values) => {
        const { splice } = packer;
        if (!splice) return expect(flags.cannotSplice).toBe(true);
        const { head, separator, tail } = splice;
        const pieces = values.map((value) => bytesOf(splice.pack(value)));
        const bytes = [...head(values.length), ...pieces.flatMap((piece, i) => [...(i > 0 ? separator : []), ...piece]), ...tail];
        expect(bytes).toEqual(Array.from(bytesOf(splice.pack(values))));
        expect(equalValues(packer.unpack(Uint8Array.from(bytes)), values)).toBe(true);
      },
    );

    test("PACK5 packed text and its UTF-8 bytes are one and the same", () => {
      expect(typeof packer.pack("a")).toBe(packer.binary ? "object" : "string");
      const value = ["é", "☃", "😀", "\ud800", { ключ: 1 }];
      expect(packer.unpack(bytesOf(packer.pack(value)))).toEqual(value);
    });

    test("PACK6 it carries the values that EDN carries", () => {
      const reference = edn();
      const same = (value: unknown): boolean => equalValues(again(value), reference.unpack(reference.pack(value)));
      fc.assert(fc.property(carriedValue, same), { numRuns: runs });
      expect(
        again(
          new Map([
            [keyword("a"), 1],
            [keyword("b/c"), 2],
          ]),
        ),
        "a map of keywords is a plain object",
      ).toEqual({ a: 1, "b/c": 2 });
    });

    const nested: Record<string, (inner: unknown) => unknown> = {
      vectors: (inner) => [inner],
      objects: (inner) => ({ a: inner }),
      maps: (inner) => new Map([[1, inner]]),
      sets: (inner) => new Set([inner]),
      lists: (inner) => new List([inner]),
      tags: (inner) => new Tagged("t", inner),
    };
    test.each(carried(nested, "lists"))("BUDGET1 %s nest to maxDepth and no deeper", (_, wrap) => {
      const deep = (depth: number): unknown => (depth === 0 ? 1 : wrap(deep(depth - 1)));
      const packed = packer.pack(deep(20));
      expect(equalValues(packer.unpack(packed, within({ maxDepth: 20 })), deep(20))).toBe(true);
      expect(() => packer.unpack(packed, within({ maxDepth: 19 }))).toThrow(expect.objectContaining({ code: "too-deep" }));
      expect(equalValues(again(deep(64)), deep(64))).toBe(true);
      expect(() => packer.pack(deep(65))).toThrow(expect.objectContaining({ code: "invalid" }));
    });

    test("BUDGET2 a vector and its items are maxValues and no more", () => {
      const packed = packer.pack(Array.from({ length: 99 }, (_, i) => i));
      expect(packer.unpack(packed, within({ maxValues: 100 }))).toHaveLength(99);
      expect(() => packer.unpack(packed, within({ maxValues: 99 }))).toThrow(expect.objectContaining({ code: "too-large" }));
    });

    test("BUDGET2 keys count as values", () => {
      const packed = packer.pack({ a: 1, b: 2 });
      expect(packer.unpack(packed, within({ maxValues: 5 }))).toEqual({ a: 1, b: 2 });
      expect(() => packer.unpack(packed, within({ maxValues: 4 }))).toThrow(expect.objectContaining({ code: "too-large" }));
    });

    test.each<[string, (key: string) => unknown]>([
      ["a keyword key", (key) => ({ [key]: 1 })],
      ["a string key", (key) => ({ [` ${key.slice(1)}`]: 1 })],
      ["a string key of a Map", (key) => new Map([[key, 1]])],
      ["a keyword", (key) => keyword(key)],
      ["a symbol", (key) => new Sym(key)],
      ["a tag", (key) => new Tagged(key, 1)],
    ])("BUDGET3 %s has maxKeyBytes bytes of UTF-8 and no more", (_, make) => {
      for (const key of ["a".repeat(60), `ab${"é".repeat(29)}`, `abc${"語".repeat(19)}`]) {
        const packed = packer.pack(make(key));
        for (const maxKeyBytes of [200, 60])
          expect(equalValues(packer.unpack(packed, within({ maxKeyBytes })), make(key))).toBe(true);
        expect(() => packer.unpack(packed, within({ maxKeyBytes: 59 }))).toThrow(expect.objectContaining({ code: "too-large" }));
      }
    });

    test("BUDGET5 numbers that collide in a hash table are too many before they are slow", () => {
      const bigints = packer.pack(new Set(Array.from({ length: 5000 }, (_, i) => (BigInt(i) << 64n) + 5n)));
      expect(() => packer.unpack(bigints)).toThrow(expect.objectContaining({ code: "too-large" }));
      const numbers = packer.pack(new Map(Array.from({ length: 20_000 }, (_, i) => [i * 7919, i])));
      expect(() => packer.unpack(numbers)).toThrow(expect.objectContaining({ code: "too-large" }));
      const fewer = new Set(Array.from({ length: 5000 }, (_, i) => i * 7919));
      expect(again(fewer)).toEqual(fewer);
    });

    test("PACK1 what is refused is refused again the same way", () => {
      const garbage = packer.binary ? Uint8Array.of(0xc1) : "[";
      for (let i = 0; i < 3; i++) {
        const error = thrownBy(() => packer.unpack(garbage));
        expect(isSyncError(error, "malformed")).toBe(true);
      }
      expect(again({ a: 1 })).toEqual({ a: 1 });
    });
  });
}

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
