/**
 * What a real Sente peer on the JVM packed as Transit, plain and verbose, read and written by us byte for byte. What each
 * vector stands for it says itself as EDN, which another test reads against values that stand there one by one.
 * Rules: docs/protocol/transit.md TRANSIT1-TRANSIT14.
 */
import { describe, expect, test } from "vitest";
import { Tagged } from "../../src/core/values.ts";
import { edn } from "../../src/wire/edn.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { transit } from "../../src/wire/transit.ts";
import { read } from "../support/sources.ts";

interface Vector {
  readonly description: string;
  readonly value_edn: string;
  readonly text?: string;
  readonly pack_error?: string;
}

/** What EDN has no text for. */
const withoutEdn: Record<string, unknown> = {
  "byte array 0 1 2 255": Uint8Array.of(0, 1, 2, 255),
  "uri": new Tagged("r", "http://example.com/a?b=c"),
  "int array": [1, -2],
  "float array": [1.5, -2],
  "double array": [1.5, -2],
};

/** Where our text is another one, and why. The values are the same. */
const otherTexts: Record<string, string> = {
  "float 1.0": "JavaScript has one kind of number: 1",
  "float array": "the same: -2",
  "double array": "the same: -2",
  "float 1e21": "1e+21 is how JavaScript prints 1.0E21",
  "float min": "5e-324 is the shortest text of 4.9E-324",
  "float max": "1.7976931348623157e+308 is how JavaScript prints it",
};

/** What Transit itself cannot write, by the JVM's default handlers. */
const unwritten = ["java.time.Instant with nanos", "tagged literal", "regex"];

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe.each([
  ["plain", "pack-jvm-transit.json", transit()],
  ["verbose", "pack-jvm-transit-verbose.json", transit({ verbose: true })],
])("%s payloads of a JVM peer", (_, file, { pack, unpack }) => {
  const { vectors } = JSON.parse(read(`test/conformance/vectors/${file}`)) as { vectors: Vector[] };
  const written = vectors.flatMap(({ description, value_edn, text }) =>
    text === undefined
      ? []
      : [{ description, text, value: description in withoutEdn ? [withoutEdn[description], null] : edn().unpack(value_edn) }],
  );
  const names = written.map(({ description }) => description);

  test("TRANSIT1 there are 105 vectors with a text, and each exception names one", () => {
    expect(names).toHaveLength(105);
    expect(vectors.filter((vector) => vector.text === undefined).map((vector) => vector.description)).toEqual(unwritten);
    expect(names).toEqual(expect.arrayContaining([...Object.keys(withoutEdn), ...Object.keys(otherTexts)]));
  });

  test.each(written)("TRANSIT3, TRANSIT7, TRANSIT8 and TRANSIT10 $description is read", ({ text, value }) => {
    const back = unpack(text);
    expect(equalValues(back, value), `${text} is read as ${pack(back)}`).toBe(true);
    expect(unpack(bytesOf(text))).toEqual(back);
  });

  test.each(written.filter(({ description }) => !(description in otherTexts)))(
    "TRANSIT3, TRANSIT7, TRANSIT8 and TRANSIT10 $description is written as the peer writes it",
    ({ description, text, value }) => {
      expect(pack(unpack(text))).toBe(text);
      // The peer's own order of keys is that of its hash table.
      if (!description.startsWith("map with 300")) expect(pack(value)).toBe(text);
    },
  );

  test.each(written.filter(({ description }) => description in otherTexts))(
    "TRANSIT1 $description has another text of the same number",
    ({ text }) => {
      const packed = pack(unpack(text)) as string;
      expect(packed).not.toBe(text);
      expect(JSON.parse(packed)).toEqual(JSON.parse(text));
    },
  );
});
