/**
 * What real Sente peers packed as EDN, read by us. The expected values stand here, one by one; the vectors' own
 * description of a value is EDN and would prove nothing.
 * Rules: docs/protocol/values.md EDN1-EDN14, PACK1, PACK2.
 */
import { describe, expect, test } from "vitest";
import { BigDecimal, Char, keyword, List, Ratio, Sym, Tagged, Uuid } from "../../src/core/values.ts";
import { edn } from "../../src/wire/edn.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { read } from "../support/sources.ts";

interface Vector {
  readonly description: string;
  readonly text: string;
  readonly unpacked_edn?: string;
}

const k = keyword;
const upTo = (length: number): number[] => Array.from({ length }, (_, i) => i);
const sameKeys = (ids: readonly number[]): object => Object.fromEntries(ids.map((id) => [`k${id}`, 1]));

/** The first element of the payload by description: what both peers packed. */
const shared: Record<string, unknown> = {
  nil: null,
  "true": true,
  "false": false,
  "int 0": 0,
  "int 1": 1,
  "int 127": 127,
  "int 255": 255,
  "int 256": 256,
  "int 65536": 65536,
  "int 2^31": 2 ** 31,
  "int 2^32-1": 2 ** 32 - 1,
  "int 2^32": 2 ** 32,
  "int 2^53-1": 2 ** 53 - 1,
  "int 2^53": 2n ** 53n,
  "int -1": -1,
  "int -32": -32,
  "int -128": -128,
  "int -129": -129,
  "int -32769": -32769,
  "int -2^31": -(2 ** 31),
  "int -2^31-1": -(2 ** 31) - 1,
  "-2^53+1": -(2 ** 53) + 1,
  "float 1.0": 1,
  "float 0.5": 0.5,
  "float 1e21": 1e21,
  "float min": 5e-324,
  "float max": Number.MAX_VALUE,
  "float32 1.5": 1.5,
  Inf: 1 / 0,
  "-Inf": -1 / 0,
  "string ascii": "hello",
  "string 31 bytes": "a".repeat(31),
  "string 32 bytes": "a".repeat(32),
  "string 255 bytes": "a".repeat(255),
  "string 256 bytes": "a".repeat(256),
  "string escapes": 'q" b\\ n\n t\t r\r /slash',
  "string control+nul": "a\0b\x01\b\f\x7f\u2028",
  "string leading tilde": "~foo",
  "string leading backtick": "`foo",
  "keyword no-ns": k("foo"),
  "keyword ns": k("foo/bar"),
  "keyword dotted ns": k("a.b.c/d-e?"),
  "keyword punctuation": k("foo*+!-_?<>=&%.bar"),
  "symbol no-ns": new Sym("foo"),
  "symbol /": new Sym("/"),
  "list empty": new List([]),
  "lazy seq": new List([2, 3, 4]),
  "vector empty": [],
  "vector mixed": [1, "two", k("three"), null, true, 4.5],
  "vector 16": upTo(16),
  "nested vectors": [[[[]]]],
  "map kw keys": { a: 1 },
  "map int keys": new Map([[1, k("one")]]),
  "map uniform ns": { "user/name": "a", "user/age": 3 },
  "map composite key": new Map([[{ a: 1 }, 2]]),
  "set empty": new Set(),
  "set one": new Set([1]),
  "set kw": new Set([k("a")]),
  "sorted set 1 2 3": new Set([1, 2, 3]),
  "set of vectors": new Set([[1, 2]]),
  uuid: new Uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
  "inst epoch": new Date(0),
  "inst pre-epoch": new Date(-1),
  "metadata is dropped": [1, 2],
  "repeated keyword keys (key cache)": [
    { id: 1, name: "a" },
    { id: 2, name: "b" },
    { id: 3, name: "c" },
  ],
  "repeated string keys (key cache)": [new Map([["id", 1]]), new Map([["id", 2]])],
  "nested repeated keys": { a: { a: { a: 1 } } },
  "keys inside set elements": [{ k: 1 }, new Set([{ k: 2 }]), { k: 3 }],
  "keyword values are not cached": [k("aaaa"), k("aaaa"), { aaaa: k("aaaa") }],
  "int keys not cached": [new Map([[1, 2]]), new Map([[1, 3]])],
  "event with cb": [k("my/event"), { a: 1 }],
  "event no data with cb": [k("my/event")],
  "buffered push of 2": [
    [k("a/b"), 1],
    [k("a/c"), 2],
  ],
  handshake: [k("chsk/handshake"), ["uid", null, null]],
  "server ping": k("chsk/ws-ping"),
  "client ping": [k("chsk/ws-ping")],
  "ping reply": "pong",
  "client pong": [k("chsk/ws-pong")],
  "ajax dummy reply": k("chsk/dummy-cb-200"),
  "poll timeout": k("chsk/timeout"),
  "ajax cb marker": [k("my/event"), { a: 1 }],
  "ajax bare body": k("chsk/dummy-packer-test"),
};

const large: Record<string, unknown> = {
  "transit cache candidates": [
    ...[1, 2, 3].map(() => k("long-keyword")),
    "long string",
    "long string",
    new Map([["map key long", 1]]),
    new Map([["map key long", 2]]),
  ],
  "large string 3000 chars": "abcdefghij".repeat(300),
  "large vector of maps": upTo(100).map((id) => ({ id, name: `name${id}`, tags: [k("x"), k("y")] })),
  "map with 300 distinct keyword keys then repeat": [sameKeys(upTo(300)), sameKeys(upTo(300))],
  "gzip threshold: 1023-byte edn": "a".repeat(1021),
  "gzip threshold: 1024-byte edn": "a".repeat(1022),
};

/** The second element, where it is not nil: a callback's name. */
const callbacks: Record<string, unknown> = {
  "event with cb": "a1b2c3",
  "event no data with cb": "a1b2c3",
  "client ping": "abc123",
  "ping reply": "abc123",
  "ajax cb marker": k("ajax"),
};

const jvm: Record<string, unknown> = {
  ...shared,
  ...large,
  "long max": 2n ** 63n - 1n,
  "long min": -(2n ** 63n),
  "bigint small 42N": 42n,
  "bigint 2^63": 2n ** 63n,
  "bigint 10^30": 10n ** 30n,
  "bigdec 1.5M": new BigDecimal("1.5"),
  "bigdec 1E+20M": new BigDecimal("1E+20"),
  "ratio 1/3": new Ratio(1n, 3n),
  "ratio -22/7": new Ratio(-22n, 7n),
  "float -0.0": -0,
  "char a": new Char("a"),
  "char snowman": new Char("☃"),
  "tagged literal": new Tagged("my/tag", [1, 2]),
  "map uniform ns, packed on a thread where *print-namespace-maps* is true (e.g. a REPL or clojure.main thread)": {
    "user/name": "a",
    "user/age": 3,
  },
};

/** ClojureScript has doubles and strings for what the JVM has types of its own for; integers past 2^53 are bigints here. */
const cljs: Record<string, unknown> = {
  ...shared,
  ...large,
  "long max": 9223372036854776000n,
  "long min": -9223372036854776000n,
  "bigint small 42N": 42,
  "bigint 2^63": 9223372036854776000n,
  "bigint 10^30": 1e30,
  "bigdec 1.5M": 1.5,
  "bigdec 1E+20M": 100000000000000000000n,
  "ratio 1/3": 1 / 3,
  "ratio -22/7": -22 / 7,
  "float -0.0": 0,
  "char a": "a",
  "char snowman": "☃",
};

/** What Sente's own reader refuses too, tags aside. */
const unreadable = [
  "java.time.Instant with nanos",
  "byte array 0 1 2 255",
  "uri",
  "regex",
  "int array",
  "float array",
  "double array",
];

const { pack, unpack } = edn();

describe.each([
  ["a JVM peer", "pack-jvm-edn.json", jvm, unreadable],
  ["a ClojureScript peer", "pack-cljs-edn.json", cljs, []],
])("payloads of %s", (_, file, expected, refused) => {
  const { vectors } = JSON.parse(read(`test/conformance/vectors/${file}`)) as { vectors: Vector[] };

  test("EDN1 every vector has an expected value, and every expected value a vector", () => {
    expect(vectors.map((vector) => vector.description).sort()).toEqual([...Object.keys(expected), ...refused].sort());
  });

  test.each(vectors.filter((vector) => !refused.includes(vector.description)))(
    "PACK1 $description is read",
    ({ description, text }) => {
      const value = [expected[description], callbacks[description]];
      const read = unpack(text);
      expect(equalValues(read, value), `${text} is read as ${pack(read)}`).toBe(true);
      expect(unpack(new TextEncoder().encode(text))).toEqual(read);
    },
  );

  test.each(vectors.filter((vector) => !refused.includes(vector.description)))(
    "PACK2 $description is packed to what is read the same",
    ({ text }) => {
      const once = pack(unpack(text));
      expect(equalValues(unpack(once), unpack(text))).toBe(true);
      expect(pack(unpack(once))).toBe(once);
    },
  );

  test("EDN12 what we pack differs from the peer's text in commas, forms of numbers and escapes only", () => {
    const plain = (text: string): string =>
      text.replace(/,/g, "").replace(/#:user\{:name "a" :age 3\}/, '{:user/name "a" :user/age 3}');
    const differing = vectors.filter(
      ({ description, text }) => !refused.includes(description) && pack(unpack(text)) !== plain(text),
    );
    const allowed = /^(int 2\^53|long|bigint|bigdec 1E|float|string control|repeated string|transit cache)/;
    expect(differing.map((vector) => vector.description).filter((name) => !allowed.test(name))).toEqual([]);
  });
});

test.each(unreadable)("EDN14 %s is refused as Sente refuses it", (description) => {
  const { vectors } = JSON.parse(read("test/conformance/vectors/pack-jvm-edn.json")) as { vectors: Vector[] };
  const vector = vectors.find((candidate) => candidate.description === description);
  expect(vector?.unpacked_edn).toBe(undefined);
  expect(() => unpack(vector?.text ?? "")).toThrow(expect.objectContaining({ code: "malformed" }));
});
