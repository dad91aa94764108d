/**
 * Ours beside transit-js, on random values that it carries: the same bytes, and each reads the other.
 *
 * Left out is what it does not carry or gets wrong: characters (it reads strings), -0, fractions and large integers as keys (it
 * writes `~i0.5`), tags of one letter with anything but a string, names of Object.prototype as keys (its cache finds what is
 * there), sets and maps of many (its hash order).
 * Rules: docs/protocol/transit.md TRANSIT3, TRANSIT7, TRANSIT8, TRANSIT10, TRANSIT12.
 */
import { createRequire } from "node:module";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BigDecimal, Keyword, keyword, List, Ratio, Sym, Tagged, Uuid } from "../../src/core/values.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { entriesOf, isPlain } from "../../src/wire/plain.ts";
import { transit } from "../../src/wire/transit.ts";
import { keyName, objectOf } from "../support/values.ts";

interface NamePeer {
  readonly _name?: string;
  toString(): string;
}

interface TaggedPeer {
  readonly tag: string;
  readonly rep: unknown;
}

/** What this test uses of transit-js, which has no types. */
interface Peer {
  readonly writer: (type: string) => { write(value: unknown): string };
  readonly reader: (type: string) => { read(text: string): unknown };
  readonly keyword: (name: string) => unknown;
  readonly symbol: (name: string) => unknown;
  readonly uuid: (text: string) => unknown;
  readonly map: (flat: unknown[]) => Map<unknown, unknown>;
  readonly set: (items: unknown[]) => Set<unknown>;
  readonly list: (items: unknown[]) => unknown;
  readonly tagged: (tag: string, value: unknown) => unknown;
  readonly isKeyword: (value: unknown) => value is NamePeer;
  readonly isSymbol: (value: unknown) => value is NamePeer;
  readonly isUUID: (value: unknown) => value is NamePeer;
  readonly isMap: (value: unknown) => value is Map<unknown, unknown>;
  readonly isSet: (value: unknown) => value is Set<unknown>;
  readonly isTaggedValue: (value: unknown) => value is TaggedPeer;
}

const peer = createRequire(import.meta.url)("transit-js") as Peer;

function toPeer(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toPeer);
  if (isPlain(value)) return peer.map(entriesOf(value).flat().map(toPeer));
  if (value instanceof Map) return peer.map(Array.from(value).flat().map(toPeer));
  if (value instanceof Set) return peer.set(Array.from(value, toPeer));
  if (value instanceof List) return peer.list(value.items.map(toPeer));
  if (value instanceof Tagged) return peer.tagged(value.tag, toPeer(value.value));
  if (value instanceof Keyword) return peer.keyword(value.name);
  if (value instanceof Sym) return peer.symbol(value.name);
  if (value instanceof Uuid) return peer.uuid(value.text);
  if (value instanceof BigDecimal) return peer.tagged("f", value.text);
  if (value instanceof Ratio) return peer.tagged("ratio", [value.numerator, value.denominator].map(toPeer));
  return typeof value === "bigint" ? peer.tagged("n", `${value}`) : value;
}

function fromPeer(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromPeer);
  if (peer.isMap(value)) {
    const pairs: [unknown, unknown][] = [];
    value.forEach((item, key) => pairs.push([fromPeer(key), fromPeer(item)]));
    return new Map(pairs);
  }
  if (peer.isSet(value)) {
    const items = new Set();
    value.forEach((item) => items.add(fromPeer(item)));
    return items;
  }
  if (peer.isKeyword(value)) return keyword(value.toString().slice(1));
  if (peer.isSymbol(value)) return new Sym(value.toString());
  if (peer.isUUID(value)) return new Uuid(value.toString());
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  return peer.isTaggedValue(value) ? fromTagged(value.tag, fromPeer(value.rep)) : value;
}

function fromTagged(tag: string, rep: unknown): unknown {
  if (tag === "list") return new List(rep as unknown[]);
  if (tag === "ratio") return new Ratio(...(rep as [bigint, bigint]));
  if (tag === "n") return BigInt(rep as string);
  return tag === "f" ? new BigDecimal(rep as string) : new Tagged(tag, rep);
}

/** Strings that are no integers, which come first as keys of objects, nor names of Object.prototype. */
const text = fc
  .oneof(fc.string(), fc.constantFrom("", "~", "~:a", "^0", "^ ", "`x", "~#set"))
  .filter((each) => !/^\d+$/.test(each) && !(each in Object.prototype));
const key = fc.oneof(keyName, text).filter((each) => !(each in Object.prototype));
const name = fc.constantFrom("a", "ab", "abc", "user/name", "k1", "k2", "k3", "some/other-name");
const leaf = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, Number.NaN, 1 / 0, -1 / 0, 0.5, 1e21, 5e-324),
  fc.integer(),
  fc.maxSafeInteger().map((number) => number || 0),
  text,
  fc.bigInt({ min: -(2n ** 53n) + 1n, max: 2n ** 53n - 1n }),
  fc.oneof(name, keyName).map((each) => new Keyword(each)),
  name.map((each) => new Sym(each)),
  fc.uuid().map((each) => new Uuid(each)),
  fc.date({ min: new Date(0), max: new Date("9999-12-31T00:00:00Z"), noInvalidDate: true }),
  fc.uint8Array({ maxLength: 9 }).map((bytes) => Uint8Array.from(bytes)),
  fc.constantFrom<unknown>(new BigDecimal("1.50"), new Ratio(-22n, 7n), new Tagged("r", "http://x"), new Tagged("X", "abcd")),
);
const keyLeaf = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 12n, Number.NaN),
  fc.integer(),
  text,
  name.map((each) => new Keyword(each)),
  name.map((each) => new Sym(each)),
  fc.uuid().map((each) => new Uuid(each)),
  fc.date({ min: new Date(0), max: new Date("9999-12-31T00:00:00Z"), noInvalidDate: true }),
);

const value: fc.Arbitrary<unknown> = fc.letrec((tie) => {
  const any = tie("any");
  const pairs = (keys: fc.Arbitrary<unknown>): fc.Arbitrary<[unknown, unknown][]> =>
    fc.uniqueArray(fc.tuple(keys, any), { maxLength: 5, comparator: equalValues, selector: ([first]) => first });
  return {
    any: fc.oneof({ maxDepth: 4, depthSize: "small" }, leaf, tie("collection")),
    collection: fc.oneof(
      fc.array(any, { maxLength: 6 }),
      fc.uniqueArray(fc.tuple(fc.oneof(name, key), any), { maxLength: 6, selector: ([first]) => first }).map(objectOf),
      pairs(keyLeaf).map((each) => new Map(each)),
      fc.tuple(fc.array(fc.integer(), { minLength: 1, maxLength: 3 }), any).map(([first, item]) => new Map([[first, item]])),
      fc.array(any, { maxLength: 1 }).map((items) => new Set(items)),
      fc.array(any, { maxLength: 4 }).map((items) => new List(items)),
      fc.tuple(fc.constantFrom("my/tag", "xy", "link-to"), fc.array(any)).map(([tag, content]) => new Tagged(tag, content)),
    ),
  };
}).any;

test.each([
  ["json", transit()],
  ["json-verbose", transit({ verbose: true })],
] as const)(
  "TRANSIT3, TRANSIT7, TRANSIT8, TRANSIT10 and TRANSIT12 ours writes and reads %s as transit-js does",
  (type, { pack, unpack }) => {
    const writer = peer.writer(type);
    const reader = peer.reader(type);
    const alike = (each: unknown): void => {
      const packed = pack(each) as string;
      expect(packed).toBe(writer.write(toPeer(each)));
      expect(equalValues(unpack(packed), each)).toBe(true);
      expect(equalValues(fromPeer(reader.read(packed)), each), packed).toBe(true);
    };
    fc.assert(fc.property(value, alike), { numRuns: 2000 });
  },
);

test("TRANSIT10 codes of thousands of texts are read by both", () => {
  const survives = (ids: number[]): void => {
    const each = ids.map((id) => (id % 3 === 0 ? keyword(`k${id}`) : { [`k${id}`]: id }));
    const packed = transit().pack(each) as string;
    expect(equalValues(fromPeer(peer.reader("json").read(packed)), each)).toBe(true);
    // At the turn transit-js writes a text in full where the JVM writes its code.
    expect(equalValues(transit().unpack(peer.writer("json").write(toPeer(each))), each)).toBe(true);
  };
  fc.assert(fc.property(fc.array(fc.nat(2500), { minLength: 3000, maxLength: 5000 }), survives), { numRuns: 5 });
});
