/**
 * What real Sente peers packed through their gzip wrapper: the body within is what they packed without it.
 * Rules: docs/protocol/seals.md GZIP1-GZIP3.
 */
import { describe, expect, test } from "vitest";
import { gzip } from "../../src/session/gzip.ts";
import { edn } from "../../src/wire/edn.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { codec as nodeCodec } from "../../src/wire/gzip-node.ts";
import { codec as webCodec } from "../../src/wire/gzip-web.ts";
import type { Seal } from "../../src/wire/packer.ts";
import { read } from "../support/sources.ts";

interface Vector {
  readonly description: string;
  readonly hex?: string;
  readonly text?: string;
}

const seals = [nodeCodec, webCodec].map((codec) => gzip(edn(), { codec }).seal as Seal);
const vectorsOf = (file: string): Vector[] =>
  (JSON.parse(read(`test/conformance/vectors/${file}`)) as { vectors: Vector[] }).vectors;
const bytesOf = ({ hex, text }: Vector): Uint8Array | undefined => {
  if (hex !== undefined) return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  return text === undefined ? undefined : new TextEncoder().encode(text);
};

/** By peer and format, with the number of payloads that the peer could pack at all. */
describe.each([
  ["jvm", "edn", 108],
  ["cljs", "edn", 100],
  ["jvm", "msgpack", 103],
  ["cljs", "msgpack", 95],
  ["jvm", "transit", 105],
])("%s, gzip around %s", (peer, format, count) => {
  const plain = new Map(vectorsOf(`pack-${peer}-${format}.json`).map((vector) => [vector.description, vector]));
  const vectors = vectorsOf(`pack-${peer}-gzip-${format}.json`).filter((vector) => vector.hex !== undefined);

  test("GZIP3 all vectors are there", () => {
    expect(vectors).toHaveLength(count);
    expect(vectors.filter(({ description }) => !plain.has(description))).toEqual([]);
  });

  test.each(vectors)("GZIP3 $description is opened as the payload within", async (vector) => {
    const inner = bytesOf(plain.get(vector.description) as Vector) as Uint8Array;
    for (const seal of seals) expect(await seal.open(bytesOf(vector) as Uint8Array)).toEqual(inner);
  });

  test("GZIP1, GZIP2 we raise the flag where the peer does, and leave the rest as it is", async () => {
    for (const vector of vectors) {
      const theirs = bytesOf(vector) as Uint8Array;
      for (const seal of seals) {
        const ours = await seal.close(await seal.open(theirs));
        expect(ours[0], vector.description).toBe(theirs[0]);
        if (ours[0] === 0) expect(ours).toEqual(theirs);
      }
    }
    expect(new Set(vectors.map(({ hex }) => hex?.slice(0, 2)))).toEqual(new Set(["00", "01"]));
  });
});

test("GZIP3 a whole payload is read through the composed packer", async () => {
  const packer = gzip(edn());
  const seal = packer.seal as Seal;
  const vector = vectorsOf("pack-jvm-gzip-edn.json").find(({ description }) => description === "large string 3000 chars");
  const value = packer.unpack(await seal.open(bytesOf(vector as Vector) as Uint8Array));
  expect(equalValues(value, ["abcdefghij".repeat(300), null])).toBe(true);
});
