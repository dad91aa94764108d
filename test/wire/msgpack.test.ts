/**
 * The MessagePack packer beyond the contract. Expected bytes stand here as hexadecimal text.
 * Rules: docs/protocol/msgpack.md MSGPACK1-MSGPACK10, BUDGET1-BUDGET6.
 */
import { decode, encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BigDecimal, Char, keyword, List, Ratio, Sym, Tagged, Uuid } from "../../src/core/values.ts";
import { packerContractSuite } from "../../src/testing/contracts/packer.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { msgpack } from "../../src/wire/msgpack.ts";
import { defaultBudget } from "../../src/wire/packer.ts";
import { cpuMsOf } from "../support/cpu.ts";

describe("msgpack as a packer", () => {
  for (const { name, run } of packerContractSuite(msgpack, { ignoresTrailingBytes: true, listsAreVectors: true }))
    test(name, run);
});

const { pack, unpack, splice } = msgpack();
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const hexOf = (packed: string | Uint8Array): string => Buffer.from(packed as Uint8Array).toString("hex");
const hexOfText = (text: string): string => hexOf(new TextEncoder().encode(text));

function expectRefused(hex: string, code = "malformed"): void {
  expect(() => unpack(bytesOf(hex)), hex).toThrow(expect.objectContaining({ name: "SyncError", code }));
}

describe("numbers, strings and bytes", () => {
  test.each<[unknown, string]>([
    [0, "00"],
    [127, "7f"],
    [128, "cc80"],
    [255, "ccff"],
    [256, "cd0100"],
    [65_535, "cdffff"],
    [65_536, "ce00010000"],
    [2 ** 31 - 1, "ce7fffffff"],
    [2 ** 31, "ce80000000"],
    [2 ** 32 - 1, "ceffffffff"],
    [2 ** 32, "d30000000100000000"],
    [2 ** 53 - 1, "d3001fffffffffffff"],
    [-1, "ff"],
    [-32, "e0"],
    [-33, "d0df"],
    [-128, "d080"],
    [-129, "d1ff7f"],
    [-32_768, "d18000"],
    [-32_769, "d2ffff7fff"],
    [-(2 ** 31), "d280000000"],
    [-(2 ** 31) - 1, "d3ffffffff7fffffff"],
    [-(2 ** 53) + 1, "d3ffe0000000000001"],
    [2n ** 53n, "d30020000000000000"],
    [-(2n ** 53n), "d3ffe0000000000000"],
    [2n ** 63n - 1n, "d37fffffffffffffff"],
    [-(2n ** 63n), "d38000000000000000"],
    ["a".repeat(31), `bf${"61".repeat(31)}`],
    ["a".repeat(32), `d920${"61".repeat(32)}`],
    ["é".repeat(15), `be${"c3a9".repeat(15)}`],
    ["é".repeat(16), `d920${"c3a9".repeat(16)}`],
    ["a".repeat(48), `d930${"61".repeat(48)}`],
    ["a".repeat(49), `d931${"61".repeat(49)}`],
    ["a".repeat(255), `d9ff${"61".repeat(255)}`],
    ["a".repeat(256), `da0100${"61".repeat(256)}`],
    ["語".repeat(85), `d9ff${"e8aa9e".repeat(85)}`],
    ["語".repeat(86), `da0102${"e8aa9e".repeat(86)}`],
    ["a".repeat(65_535), `daffff${"61".repeat(65_535)}`],
    ["a".repeat(65_536), `db00010000${"61".repeat(65_536)}`],
    ["é".repeat(32_768), `db00010000${"c3a9".repeat(32_768)}`],
    [new Uint8Array(255), `c4ff${"00".repeat(255)}`],
    [new Uint8Array(256), `c50100${"00".repeat(256)}`],
    [new Uint8Array(65_536), `c600010000${"00".repeat(65_536)}`],
    [new Array(15).fill(null), `9f${"c0".repeat(15)}`],
    [new Array(16).fill(null), `dc0010${"c0".repeat(16)}`],
    [new Array(65_536).fill(null), `dd00010000${"c0".repeat(65_536)}`],
  ])("MSGPACK1 %s has the shortest head (%#)", (value, hex) => {
    expect(hexOf(pack(value))).toBe(hex);
    expect(unpack(bytesOf(hex))).toEqual(value);
  });

  test.each([15, 16, 65_535, 65_536])("MSGPACK1 a map of %i keys has the shortest head", (count) => {
    const head = count < 16 ? "8f" : count < 65_536 ? `de${count.toString(16).padStart(4, "0")}` : "df00010000";
    const object = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 1]));
    const budget = { ...defaultBudget, maxValues: 200_000 };
    for (const map of [object, new Map(Object.entries(object).map(([key, value]) => [keyword(key), value]))]) {
      const packed = pack(map) as Uint8Array;
      expect(hexOf(packed.subarray(0, head.length / 2))).toBe(head);
      expect(equalValues(unpack(packed, budget), object)).toBe(true);
    }
  });

  test.each<[string, unknown]>([
    ["cc05", 5],
    ["cd0005", 5],
    ["ce00000005", 5],
    ["cf0000000000000005", 5],
    ["d30000000000000005", 5],
    ["d0fb", -5],
    ["d1fffb", -5],
    ["d2fffffffb", -5],
    ["d3fffffffffffffffb", -5],
    ["cfffffffffffffffff", 2n ** 64n - 1n],
    ["cf0020000000000000", 2n ** 53n],
    ["cf001fffffffffffff", 2 ** 53 - 1],
    ["d90161", "a"],
    ["da000161", "a"],
    ["db0000000161", "a"],
    ["c50001ff", Uint8Array.of(255)],
    ["c600000001ff", Uint8Array.of(255)],
    ["dc000101", [1]],
    ["dd0000000101", [1]],
    ["de0001d4006101", { a: 1 }],
    ["df00000001c701006101", { a: 1 }],
  ])("MSGPACK1 %s is read, whatever the length of its head", (hex, value) => {
    expect(unpack(bytesOf(hex))).toEqual(value);
  });

  test.each(["", "c1", "a1ff", "a2c3", "a3eda080", "d921", "cd01", "c402ff", "ca0000"])("MSGPACK1 %s is refused", (hex) => {
    expectRefused(hex);
  });

  test("MSGPACK1 a buffer that a string was read from may change afterwards, and bytes are a copy", () => {
    const packed = pack([Uint8Array.of(1, 2), "ab", "c".repeat(100)]) as Uint8Array;
    const value = unpack(Buffer.from(packed.buffer));
    packed.fill(0);
    expect(value).toEqual([Uint8Array.of(1, 2), "ab", "c".repeat(100)]);
    expect((value as [Uint8Array])[0].buffer.byteLength).toBe(2);
  });

  test.each<[number, string]>([
    [0.5, "ca3f000000"],
    [-4.5, "cac0900000"],
    [0.1, "cb3fb999999999999a"],
    [1 / 0, "ca7f800000"],
    [-1 / 0, "caff800000"],
    [Number.NaN, "cb7ff8000000000000"],
    [-0, "cb8000000000000000"],
    [2 ** 53, "cb4340000000000000"],
    [-(2 ** 60), "cbc3b0000000000000"],
    [1e21, "cb444b1ae4d6e2ef50"],
    [5e-324, "cb0000000000000001"],
  ])("MSGPACK2 %d is %s", (value, hex) => {
    expect(hexOf(pack(value))).toBe(hex);
    expect(unpack(bytesOf(hex))).toBe(value);
  });

  test("MSGPACK2 floats are numbers whatever their width", () => {
    expect(unpack(bytesOf("94cb3ff0000000000000ca3f800000ca80000000cb3fe0000000000000"))).toEqual([1, 1, -0, 0.5]);
  });
});

describe("extensions", () => {
  test.each<[unknown, string]>([
    [keyword("a"), "d40061"],
    [keyword("user/name"), `c70900${hexOfText("user/name")}`],
    [new Sym("/"), "d4012f"],
    [new Char("a"), "d40261"],
    [new Char("é"), "d502c3a9"],
    [new Char("☃"), "c70302e29883"],
    [new Char("\ud83d"), "c70302eda0bd"],
    [new Ratio(1n, 3n), "d5030103"],
    [new Ratio(-22n, 7n), "d503ea07"],
    [new Ratio(2n ** 53n, 3n), "c70a03d3002000000000000003"],
    [new Set([1, 2, 3]), "d60493010203"],
    [new Set(), "d40490"],
    [new Set([new Set()]), "d60491d40490"],
    [new Uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"), `c72409${hexOfText("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")}`],
    [new Date(0), "c70cff000000000000000000000000"],
    [new Date(-1), "c70cff3b8b87c0ffffffffffffffff"],
    [new Date("9999-12-31T23:59:59.999Z"), "c70cff3b8b87c00000003afff4417f"],
    [new Date("0000-01-01T00:00:00Z"), "c70cff00000000fffffff1868b8400"],
  ])("MSGPACK3 %s is %s", (value, hex) => {
    expect(hexOf(pack(value))).toBe(hex);
    expect(equalValues(unpack(bytesOf(hex)), value)).toBe(true);
  });

  test("MSGPACK3 what is past the millisecond is dropped", () => {
    expect(unpack(bytesOf("c70cff075bcd150000000000000001"))).toEqual(new Date(1123));
  });

  test.each([
    ["an empty keyword", "c70000"],
    ["a keyword with white space", "c70300612062"],
    ["a keyword that is not UTF-8", "d400ff"],
    ["a symbol that is a number", "d40131"],
    ["a symbol that is a literal", "c703016e696c"],
    ["no character", "c70002"],
    ["two characters", "d5026161"],
    ["a character of two units", "d602f09f9880"],
    ["a broken surrogate", "c70302eda0c0"],
    ["a ratio over zero", "d5030100"],
    ["a ratio over a negative number", "d50301ff"],
    ["a ratio of floats", "c70a03cb3fe000000000000003"],
    ["a ratio of one number", "d40301"],
    ["a ratio of a string", "c70303a16101"],
    ["a set that is no array", "d40401"],
    ["a set of a set", "d504d40490"],
    ["a set with a member twice", "c7030492 0101"],
    ["a set with two equal members", "c7050492910191 01"],
    ["a uuid that is none", "d40961"],
    ["an instant of 4 bytes", "d6ff00000000"],
    ["an instant of 8 bytes", "d7ff0000000000000000"],
    ["an instant with a second of nanoseconds", "c70cff3b9aca000000000000000000"],
    ["an instant past the year 9999", "c70cff000000000000003afff44180"],
    ["an instant no Date has", "c70cff000000007fffffffffffffff"],
  ])("MSGPACK3 %s is refused", (_, hex) => {
    expectRefused(hex);
  });

  test.each([
    [1, "d400"],
    [2, "d500"],
    [3, "c70300"],
    [4, "d600"],
    [8, "d700"],
    [9, "c70900"],
    [16, "d800"],
    [17, "c71100"],
    [255, "c7ff00"],
    [256, "c8010000"],
    [65_536, "c90001000000"],
  ])("MSGPACK4 a content of %i bytes has the shortest head", (count, head) => {
    const name = "a".repeat(count);
    const packed = pack(keyword(name));
    expect(hexOf(packed)).toBe(head + hexOfText(name));
    expect(unpack(packed, { ...defaultBudget, maxKeyBytes: 65_536 })).toEqual(keyword(name));
    const members = new Set([name]);
    expect(unpack(pack(members))).toEqual(members);
  });

  test.each([
    ["longer than its value", "c7030490c0c0"],
    ["shorter than its value", "d40491c0"],
    ["longer than a ratio", "c703030103c0"],
    ["longer than what follows", "c70300"],
    ["an unknown type", "d40a61"],
    ["an unknown type of ours", "d47f61"],
    ["an unknown negative type", "d4fe61"],
  ])("MSGPACK4 an extension that is %s is refused", (_, hex) => {
    expectRefused(hex);
  });

  test.each<[string, number[]]>([
    ["d70500000001fffffffe", [1, -2]],
    ["d7063fc00000c0000000", [1.5, -2]],
    ["d8073ff8000000000000c000000000000000", [1.5, -2]],
    ["c70005", []],
  ])("MSGPACK6 %s is an array of numbers, big-endian", (hex, numbers) => {
    expect(unpack(bytesOf(hex))).toEqual(numbers);
    expect(hexOf(pack(unpack(bytesOf(hex))))).toBe(hexOf(pack(numbers)));
  });

  test("MSGPACK6 a part of a number is refused, and what has no numbers is written by nobody", () => {
    for (const hex of ["c70305000000", "c7060600000000ffff", "d60700000000", "c70805"]) expectRefused(hex);
    for (const array of [new Float64Array(1), new Float32Array(1), new Int32Array(1)]) {
      expect(() => pack([array])).toThrow(expect.objectContaining({ code: "invalid" }));
    }
  });

  test.each<[unknown, string]>([
    [0n, "d42030"],
    [42n, "d5203432"],
    [-42n, "c703202d3432"],
    [2n ** 53n - 1n, `d820${hexOfText("9007199254740991")}`],
    [2n ** 63n, `c71320${hexOfText("9223372036854775808")}`],
    [-(2n ** 63n) - 1n, `c71420${hexOfText("-9223372036854775809")}`],
    [new BigDecimal("1.50"), `d621${hexOfText("1.50")}`],
    [new Tagged("t", [1]), "d622a1749101"],
    ["\ud800", "d523d800"],
    ["a\udc00", "d6230061dc00"],
    [new Ratio(2n ** 64n, 3n), `c71803c71420${hexOfText("18446744073709551616")}03`],
  ])("MSGPACK8 %s is %s", (value, hex) => {
    expect(hexOf(pack(value))).toBe(hex);
    expect(equalValues(unpack(bytesOf(hex)), value)).toBe(true);
  });

  test.each([
    ["a bigint that is none", "d42061"],
    ["an empty bigint", "c70020"],
    ["a bigint with leading zeros", "d5203030"],
    ["a decimal that is none", "d42161"],
    ["a decimal with its letter", "d521314d"],
    ["a tag without a value", "d522a174"],
    ["a tag that is no string", "d5220101"],
    ["a tag with a type of its own", "c70622a4696e737401"],
    ["a tag that is none", "c70322a13101"],
    ["half a unit", "c70323d80000"],
    ["no text", "c70023"],
    ["a text that UTF-8 carries", "d5230061"],
    ["a pair of surrogates", "d623d83dde00"],
  ])("MSGPACK8 %s is refused", (_, hex) => {
    expectRefused(hex);
  });

  test("MSGPACK8 digits are counted", () => {
    const budget = { ...defaultBudget, maxDigits: 20 };
    for (const make of [
      (digits: number) => BigInt(`-${"7".repeat(digits)}`),
      (digits: number) => new BigDecimal(`${"7".repeat(digits - 1)}.7`),
      (digits: number) => new Ratio(BigInt("7".repeat(digits - 1)), 8n),
    ]) {
      expect(equalValues(unpack(pack(make(20)), budget), make(20))).toBe(true);
      expect(() => unpack(pack(make(21)), budget)).toThrow(expect.objectContaining({ code: "too-large" }));
    }
  });
});

describe("lists", () => {
  test("MSGPACK5 a list is an array, and comes back as one", () => {
    expect(hexOf(pack(new List([1, new List([])])))).toBe("920190");
    expect(unpack(pack({ a: new List([1, new List([])]) }))).toEqual({ a: [1, []] });
    expect(unpack(pack(new Map([[new List([1]), new List([2])]])))).toEqual(new Map([[[1], [2]]]));
    expect(equalValues(unpack(pack(new Set([new List([1]), [2]]))), new Set([[1], [2]]))).toBe(true);
  });

  test.each<[string, unknown, string]>([
    ["members", { a: new Set([[1], new List([1])]) }, "a"],
    ["members of members", [new Set([new Set([[1]]), new Set([new List([1])])])], "0"],
    [
      "keys",
      {
        b: new Map<unknown, number>([
          [[1], 1],
          [new List([1]), 2],
        ]),
      },
      "b",
    ],
  ])("MSGPACK5 equal lists and vectors as %s are refused", (_, value, place) => {
    expect(() => pack(value)).toThrow(
      expect.objectContaining({ code: "invalid", message: expect.stringContaining(`at "${place}`) }),
    );
    expect(hexOf(pack(new Set([new List([1])])))).toBe("c70304919101");
  });

  test("MSGPACK5 equal lists and vectors as values of a map are two values", () => {
    const map = new Map<unknown, unknown>([
      [1, [1]],
      [2, new List([1])],
    ]);
    expect(hexOf(pack(map))).toBe("82019101029101");
  });

  test("MSGPACK5 a long key beside a list is no equal member", () => {
    const set = new Set([new List([1]), keyword("k".repeat(2000))]);
    expect(() => pack(set)).not.toThrow();
  });
});

describe("the key cache", () => {
  test.each<[string, unknown, string]>([
    ["properties", [{ id: 1 }, { id: 2 }], "9281d500696401 81d4080002"],
    ["string keys", [{ "a b": 1 }, new Map([["a b", 2]])], "9281a3612062 01 81d4080002"],
    ["nested keys", { a: { a: { a: 1 } } }, "81d4006181d4080081d4080001"],
    ["keys in sets", [{ k: 1 }, new Set([{ k: 2 }]), { k: 3 }], "9381d4006b01c706049181d408000281d4080003"],
    ["keys in tags", [{ k: 1 }, new Tagged("t", { k: 2 })], "9281d4006b01 c70722a17481d4080002"],
    ["keys in keys", [new Map([[{ a: 1 }, 2]]), { a: 3 }], "9281 81d4006101 02 81d4080003"],
    ["keywords and strings apart", [new Map([["id", 1]]), { id: 2 }, { id: 3 }], "9381a26964 01 81d5006964 02 81d4080103"],
    ["broken strings", [{ "\ud800": 1 }, { "\ud800": 2 }], "9281d523d80001 81d4080002"],
    ["no other keys", [new Map([[1, 2]]), new Map([[1, 3]])], "92810102810103"],
    ["no keywords that are values", [keyword("a"), { a: keyword("a") }], "92d4006181d40061d40061"],
  ])("MSGPACK7 %s", (_, value, hex) => {
    expect(hexOf(pack(value))).toBe(hex.replaceAll(" ", ""));
    expect(equalValues(unpack(bytesOf(hex)), value)).toBe(true);
  });

  test("MSGPACK7 a payload remembers nothing of another, nor of one that failed", () => {
    const once = pack({ id: 1 });
    expect(() => pack([{ id: 1 }, () => 1])).toThrow();
    expect(pack({ id: 1 })).toEqual(once);
    expect(() => unpack(bytesOf("9281d500696401c1"))).toThrow();
    expectRefused("81d4080001");
  });

  test("MSGPACK7 the first 256 keys have an index, of any length", () => {
    const names = Array.from({ length: 300 }, (_, i) => (i === 255 ? "x".repeat(1000) : `k${i}`));
    const object = Object.fromEntries(names.map((name) => [name, 1]));
    const hex = hexOf(pack([object, object]));
    expect(hex.match(/d408..01/g)).toHaveLength(256);
    expect(hex).toContain("d408ff01d6006b323536");
    expect(unpack(bytesOf(hex))).toEqual([object, object]);
  });

  test("MSGPACK7 a key in full has the next index, seen before or not", () => {
    // a and a have 0 and 1, b has 2.
    expect(unpack(bytesOf("9481d400610181d400610281d400620381d4080204"))).toEqual([{ a: 1 }, { a: 2 }, { b: 3 }, { b: 4 }]);
    const fresh = bytesOf("9481d400610181d400610281d400620381d4080104");
    expect(unpack(fresh)).toEqual([{ a: 1 }, { a: 2 }, { b: 3 }, { a: 4 }]);
  });

  test.each([
    ["an index that was not given", "81d4080001"],
    ["an index of the key itself", "82d4006101d4080102"],
    ["a reference that is no key", "92d4006181d40061 d40800"],
    ["a reference in an array", "9281d4006101d40800"],
    ["a reference of two bytes", "9281d400610181d508000002"],
    ["an unfinished reference", "9281d400610181d408"],
    ["the same key again", "82d4006101d4080002"],
    ["the same key in full", "82d4006101d4006102"],
    ["the same key in a Map", "830102d4006101d4080002"],
    ["the same key before a Map's own", "83d4006101d4080002 0103"],
  ])("MSGPACK7 %s is refused", (_, hex) => {
    expectRefused(hex);
  });

  test("MSGPACK7 pieces have no references, and stand in any payload", () => {
    const value = [{ id: 1 }, { id: 2 }];
    const piece = splice?.pack(value) as Uint8Array;
    expect(hexOf(piece)).toBe("9281d50069640181d500696402");
    const whole = Uint8Array.of(...(splice?.head(20) ?? []), ...Array.from({ length: 20 }, () => Array.from(piece)).flat());
    expect(hexOf(whole.subarray(0, 3))).toBe("dc0014");
    expect(unpack(whole)).toEqual(Array(20).fill(value));
  });

  test("MSGPACK7 a packing within a packing leaves the outer one as it was", () => {
    const inner = { id: 3, more: 4 };
    const outer = {
      id: 1,
      get packed() {
        return pack(inner);
      },
      more: { id: 2 },
    };
    const value = { id: 1, packed: pack(inner), more: { id: 2 } };
    for (let i = 0; i < 3; i++) expect(unpack(pack([outer, outer]))).toEqual([value, value]);
  });

  test("MSGPACK7 more keys than are remembered are read and written all the same", () => {
    for (let round = 0; round < 3; round++) {
      const object = Object.fromEntries(Array.from({ length: 6000 }, (_, i) => [`key-${round}-${i}`, { id: i }]));
      expect(unpack(pack(object))).toEqual(object);
    }
  });

  test("MSGPACK7 objects of many shapes, one after the other, keep their own keys", () => {
    const names = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "x y", "__proto__", "1", "toString"), { maxLength: 6 });
    const shape = (keys: string[], value: unknown): object => Object.fromEntries(keys.map((key) => [key, value]));
    const same = (shapes: string[][]): boolean => {
      const value = shapes.map((keys, i) => shape(keys, shape(shapes[(i * 7) % shapes.length] ?? [], i)));
      return equalValues(unpack(pack(value)), value) && equalValues(unpack(splice?.pack(value) ?? ""), value);
    };
    fc.assert(fc.property(fc.array(names, { maxLength: 12 }), same), { numRuns: 1000 });
  });
});

describe("what follows, and what is missing", () => {
  test("MSGPACK9 bytes after the value are ignored, whatever they are", () => {
    for (const rest of ["00", "c1", "ff".repeat(100), "00".repeat(1024)]) expect(unpack(bytesOf(`9101${rest}`))).toEqual([1]);
  });

  test("MSGPACK9 text is refused", () => {
    expect(() => unpack("\x91\x01")).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  test.each(["dd", "df", "db", "c6"])("MSGPACK10 %s with a length that is not there takes no memory", (head) => {
    const cpuMs = cpuMsOf(() => {
      for (let i = 0; i < 1000; i++) expectRefused(`${head}ffffffff`);
      for (const type of ["05", "06", "07", "20", "23", "04"]) expectRefused(`c9fffffff8${type}`);
    });
    expect(cpuMs).toBeLessThan(2000);
  });

  test("MSGPACK10 items are counted before they are there", () => {
    const budget = { ...defaultBudget, maxValues: 100 };
    for (const hex of [`dc0064${"c0".repeat(200)}`, `de0032${"c0".repeat(200)}`, `c8019005${"00".repeat(400)}`]) {
      expect(() => unpack(bytesOf(hex), budget), hex).toThrow(expect.objectContaining({ code: "too-large" }));
    }
    expect(unpack(bytesOf(`c8018c05${"00".repeat(396)}`), budget)).toHaveLength(99);
  });

  test.each<[string, string, string]>([
    ["arrays", "91", "too-deep"],
    ["maps", "8101", "too-deep"],
    ["keys", "81", "too-deep"],
    ["cached keys", "81d40061", "too-deep"],
    ["sets", "c9000fffff0491", "too-deep"],
    ["sets of sets", "c9000fffff04", "malformed"],
    ["tags", "c9000fffff22a174", "too-deep"],
    ["tags of tags", "c9000fffff22", "too-deep"],
    ["ratios", "c9000fffff03", "malformed"],
    ["ratios of arrays of ratios", "c9000fffff0391", "too-deep"],
  ])("MSGPACK10 %s do not nest without a limit", (_, opening, code) => {
    expectRefused(opening.repeat(100_000) + "c0".repeat(100_000), code);
  });
});

describe("beside another implementation", () => {
  // Keys of the other one are strings; ours are strings too where they are no key names.
  const key = fc.string({ unit: "grapheme", maxLength: 8 }).map((text) => `${text} `);
  const number = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.double(), fc.constantFrom(2 ** 32, -(2 ** 31) - 1, 2 ** 31));
  const plain = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4, depthSize: "small" },
      fc.constantFrom(null, true, false),
      number,
      fc.string({ unit: "grapheme", maxLength: 80 }),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
      fc.array(tie("any"), { maxLength: 20 }),
      fc.dictionary(key, tie("any"), { maxKeys: 20, noNullPrototype: true }),
    ),
  })).any;

  test("MSGPACK1 what another implementation wrote is read as that one reads it", () => {
    // It writes -0 as 0.
    const same = (value: unknown): boolean => equalValues(unpack(encode(value)), decode(encode(value)));
    fc.assert(fc.property(plain, same), { numRuns: 2000 });
  });

  test("MSGPACK1 what we wrote is read by another implementation, but for the key cache", () => {
    const same = (value: unknown): boolean => equalValues(decode(splice?.pack(value) as Uint8Array), value);
    fc.assert(fc.property(plain, same), { numRuns: 2000 });
  });
});
