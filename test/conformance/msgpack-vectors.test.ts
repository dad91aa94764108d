/**
 * What real Sente peers packed as MessagePack: read by us as the same values, and packed by us to the same bytes.
 *
 * The expected value is what the JVM peer itself read, told in EDN; where that is no EDN, or ClojureScript has no such
 * value, it stands here.
 * Rules: docs/protocol/msgpack.md MSGPACK1-MSGPACK9.
 */
import { describe, expect, test } from "vitest";
import { List } from "../../src/core/values.ts";
import { edn } from "../../src/wire/edn.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { msgpack } from "../../src/wire/msgpack.ts";
import { read } from "../support/sources.ts";

interface Vector {
  readonly description: string;
  readonly hex?: string;
  readonly unpacked_edn?: string;
}

const { pack, unpack } = msgpack();
const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const toHex = (packed: string | Uint8Array): string => Buffer.from(packed as Uint8Array).toString("hex");
const vectorsOf = (file: string): Vector[] =>
  (JSON.parse(read(`test/conformance/vectors/${file}`)) as { vectors: Vector[] }).vectors;

const jvm = vectorsOf("pack-jvm-msgpack.json");
const cljs = vectorsOf("pack-cljs-msgpack.json");

/** What the JVM has no EDN for. */
const jvmValues: Record<string, unknown> = {
  "inst epoch": new Date(0),
  "inst pre-epoch": new Date(-1),
  "java.time.Instant with nanos": new Date(1123),
  "byte array 0 1 2 255": Uint8Array.of(0, 1, 2, 255),
  "int array": [1, -2],
  "float array": [1.5, -2],
  "double array": [1.5, -2],
};

/** ClojureScript has numbers and strings where the JVM has types of its own. */
const cljsValues: Record<string, unknown> = {
  "bigint 10^30": 1e30,
  "ratio 1/3": 1 / 3,
  "ratio -22/7": -22 / 7,
  "float -0.0": 0,
  "char a": "a",
  "char snowman": "☃",
};

function expectedOf({ description }: Vector, own: Record<string, unknown>): unknown {
  if (Object.hasOwn(own, description)) return [own[description], null];
  if (Object.hasOwn(jvmValues, description)) return [jvmValues[description], null];
  const text = jvm.find((vector) => vector.description === description)?.unpacked_edn;
  return edn().unpack(text ?? "");
}

/** Why bytes of ours differ from those of the JVM for the value that it wrote. */
const differing: Record<string, string> = {
  "float 1.0": "JavaScript has one number 1, written as an integer, as ClojureScript does",
  "float 0.5": "exact in 32 bits, as ClojureScript has it",
  "vector mixed": "4.5 is exact in 32 bits",
  "bigdec 1.5M": "came as a double: 1.5 is exact in 32 bits",
  Inf: "exact in 32 bits",
  "-Inf": "exact in 32 bits",
  "java.time.Instant with nanos": "a Date has milliseconds",
  "int array": "read as a vector",
  "float array": "read as a vector",
  "double array": "read as a vector",
};

describe.each([
  ["a JVM peer", jvm, {}, differing, ["bigint 2^63", "bigint 10^30", "uri", "tagged literal", "regex"]],
  ["a ClojureScript peer", cljs, cljsValues, {}, ["int 2^53", "long max", "long min", "bigint 2^63", "bigdec 1E+20M"]],
] as const)("payloads of %s", (_, vectors, own, exceptions, failed) => {
  const packed = vectors.flatMap((vector) => (vector.hex === undefined ? [] : [{ ...vector, hex: vector.hex }]));

  test("MSGPACK1 every vector is tested that the peer could pack", () => {
    expect(vectors.filter((vector) => vector.hex === undefined).map((vector) => vector.description)).toEqual(failed);
    expect(packed.length).toBeGreaterThan(80);
  });

  test.each(packed)("MSGPACK1 $description is read", (vector) => {
    const value = expectedOf(vector, own);
    const read = unpack(fromHex(vector.hex));
    expect(equalValues(read, value), `${vector.hex} is read as ${edn().pack(read)}`).toBe(true);
  });

  test.each(packed)("MSGPACK9 $description is read with zeros after it", ({ hex }) => {
    expect(unpack(fromHex(hex + "00".repeat(1024)))).toEqual(unpack(fromHex(hex)));
  });

  test.each(packed)("MSGPACK1 $description is packed to the same bytes", (vector) => {
    const differs = Object.hasOwn(exceptions, vector.description);
    const ours = toHex(pack(unpack(fromHex(vector.hex))));
    if (differs) expect(ours).not.toBe(vector.hex);
    else expect(ours).toBe(vector.hex);
    expect(equalValues(unpack(fromHex(ours)), unpack(fromHex(vector.hex)))).toBe(true);
  });
});

test("MSGPACK7 of many equal keys, those past the 256th are written in full like the peers' own", () => {
  const description = "map with 300 distinct keyword keys then repeat";
  for (const vectors of [jvm, cljs]) {
    const hex = vectors.find((vector) => vector.description === description)?.hex ?? "";
    expect(hex.match(/d408/g)).toHaveLength(256);
    expect(toHex(pack(unpack(fromHex(hex))))).toBe(hex);
  }
});

test.each([
  ["list empty", []],
  ["lazy seq", [2, 3, 4]],
])("MSGPACK5 a List is packed as the peers packed %s", (description, items) => {
  for (const vectors of [jvm, cljs]) {
    const hex = vectors.find((vector) => vector.description === description)?.hex;
    expect(toHex(pack([new List(items), null]))).toBe(hex);
  }
});
