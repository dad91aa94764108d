/**
 * Any text at all, and texts that are nearly EDN: the reader gives a value or a SyncError, and a value it gave is read again.
 * Rules: docs/protocol/values.md PACK1, PACK2, PACK3.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { SyncError } from "../../src/core/errors.ts";
import { edn } from "../../src/wire/edn.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { cpuMsOf } from "../support/cpu.ts";
import { read } from "../support/sources.ts";
import { value as anyValue } from "../support/values.ts";

const { pack, unpack } = edn();

/** Reads, and if it can be read, writes and reads again; tells which. */
function survives(text: string): boolean {
  let value: unknown;
  try {
    value = unpack(text);
  } catch (error) {
    if (error instanceof SyncError && ["malformed", "too-large", "too-deep"].includes(error.code)) return false;
    throw error;
  }
  const again = pack(value);
  if (!equalValues(unpack(again), value) || pack(unpack(again)) !== again) throw new Error(`${text} is not stable`);
  return true;
}

const pieces = [
  ...Array.from("[]{}()#\"\\;^:/_,@'`~+-.0123456789eENMabn \n\0é😀\ud800"),
  "#{",
  "#_",
  "##",
  "#:a{",
  "#inst ",
  "#uuid ",
  "#sync/bytes ",
  "nil",
  "true",
  ":a ",
  ":a/b ",
  '"x"',
  "\\a",
  "1 ",
  "1.5",
  "42N",
  "1/3",
  "##NaN",
  '"1985-04-12"',
  "{:a 1}",
  "[1]",
  "(x)",
  "#{1}",
  "#x ",
  "^:m ",
  "\\newline ",
  "\\u0041",
  '"\\u0041"',
  ":__proto__ ",
  '"__proto__" ',
  "#object",
  "; c\n",
];
const nearly = fc.array(fc.constantFrom(...pieces), { maxLength: 24 }).map((parts) => parts.join(""));

test("PACK1 20 000 texts are read or refused", () => {
  let readable = 0;
  const count = (text: string): void => {
    if (survives(text)) readable++;
  };
  const cpuMs = cpuMsOf(() => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 40 }), count), { numRuns: 5000 });
    fc.assert(fc.property(nearly, count), { numRuns: 15_000 });
  });
  expect(readable, "enough of them are EDN").toBeGreaterThan(1000);
  expect(cpuMs, "none of them takes long").toBeLessThan(60_000);
  expect(Object.keys(Object.prototype)).toEqual([]);
});

test("PACK1 packed values with one change are read or refused", () => {
  const changed = (value: unknown, [place, piece, length]: [number, string, number]): void => {
    const text = pack(value) as string;
    const at = place % (text.length + 1);
    survives(text.slice(0, at) + piece + text.slice(at + length));
  };
  fc.assert(fc.property(anyValue, fc.tuple(fc.nat(), fc.constantFrom(...pieces), fc.nat(3)), changed), { numRuns: 5000 });
});

test("PACK2 real payloads, each unit taken away or doubled, are read or refused", () => {
  const { vectors } = JSON.parse(read("test/conformance/vectors/pack-jvm-edn.json")) as { vectors: { text: string }[] };
  for (const { text } of vectors) {
    const step = Math.max(1, Math.floor(text.length / 30));
    for (let i = 0; i < text.length; i += step) {
      survives(text.slice(0, i) + text.slice(i + 1));
      survives(text.slice(0, i + 1) + text.slice(i));
    }
  }
});

test("PACK3 reading changes no prototype", () => {
  const before = [Object.prototype, Array.prototype, Map.prototype, Set.prototype].map((prototype) => Reflect.ownKeys(prototype));
  for (const text of [
    "{:__proto__ {:x 1}}",
    '{"__proto__" {:x 1}}',
    '{:a 1 "__proto__ " 2}',
    "#:a{:_/__proto__ []}",
    "{:constructor {:prototype {:x 1}}}",
    "{:__proto__ nil}",
  ])
    survives(text);
  expect(
    [Object.prototype, Array.prototype, Map.prototype, Set.prototype].map((prototype) => Reflect.ownKeys(prototype)),
  ).toEqual(before);
});
