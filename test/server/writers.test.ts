/** What a topic knows of its writers, where their numbers have gaps. (What it knows through restarts: durable.test.ts.) */
import { expect, test } from "vitest";
import { Writers } from "../../src/server/writers.ts";

const limits = { maxWriters: 10, rememberMs: 1000 };

test("WRITE3 numbers that were passed over are used, and those before them are still known, from a snapshot as well", () => {
  const writers = new Writers(limits);
  for (const seq of [1, 2, 5, 9]) writers.store("a", seq, seq * 10, 0);
  const outcomes = (of: Writers): unknown[] => [2, 3, 4, 5, 6, 9, 10].map((seq) => of.outcome("a", 1, seq));
  const known = [{ offset: 20 }, "used", "used", { offset: 50 }, "used", { offset: 90 }, undefined];
  expect(outcomes(writers)).toEqual(known);
  const loaded = new Writers(limits);
  loaded.load(JSON.parse(JSON.stringify(writers.dump(0))) as ReturnType<Writers["dump"]>);
  // Of the older ones the offsets are forgotten.
  expect(outcomes(loaded)).toEqual([{ offset: 0 }, "used", "used", { offset: 0 }, "used", { offset: 90 }, undefined]);
});

test("WRITE3 of more gaps than are kept the oldest goes, and what is before it counts as passed over", () => {
  const writers = new Writers(limits);
  for (let seq = 1; seq <= 41; seq += 2) writers.store("a", seq, seq, 0);
  expect([1, 7, 8, 9, 10, 41].map((seq) => writers.outcome("a", 1, seq))).toEqual([
    "used",
    "used",
    "used",
    { offset: 9 },
    "used",
    { offset: 41 },
  ]);
});
