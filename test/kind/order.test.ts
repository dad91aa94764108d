/** Keys of an order: between their neighbours, short, and different for everybody. */
import { orderBetween } from "sente-sync";
import { expect, test } from "vitest";
import { createRng } from "../../src/testing/rng.ts";

const seeded = (seed: string): (() => number) => createRng(seed).next;

test("ORDER1 a key is between those around it, wherever it is put, again and again", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seeded(`order ${seed}`);
    const keys: string[] = [];
    for (let step = 0; step < 200; step++) {
      const at = [0, keys.length, Math.floor(random() * (keys.length + 1)), keys.length >> 1][seed % 4] as number;
      const key = orderBetween(keys[at - 1] ?? null, keys[at] ?? null, random);
      if (at > 0) expect(key > (keys[at - 1] as string), `${keys[at - 1]} ${key}`).toBe(true);
      if (at < keys.length) expect(key < (keys[at] as string), `${key} ${keys[at]}`).toBe(true);
      keys.splice(at, 0, key);
    }
    expect([...keys].sort()).toEqual(keys);
  }
});

test("ORDER1 the ends of every length of number follow one another", () => {
  const random = (): number => 0;
  for (const [a, b] of [
    ["az1", "b001"],
    ["Zz1", "a01"],
    ["Yzz1", "Z01"],
    ["bzz1", "c0001"],
  ] as const) {
    const after = orderBetween(a, null, random);
    expect([after > a, after.slice(0, b.length - 1)]).toEqual([true, b.slice(0, -1)]);
    const before = orderBetween(null, b, random);
    expect([before < b, before.slice(0, a.length - 1)]).toEqual([true, a.slice(0, -1)]);
    const between = orderBetween(a, b, random);
    expect(between > a && between < b).toBe(true);
  }
  expect(() => orderBetween(`z${"z".repeat(26)}1`, null)).toThrow(expect.objectContaining({ code: "limit" }));
  expect(() => orderBetween(null, `A${"0".repeat(26)}1`)).toThrow(expect.objectContaining({ code: "limit" }));
});

test("ORDER2 keys stay short: at the ends, and where many are put at the same place", () => {
  const random = seeded("short");
  let last: string | null = null;
  let first: string | null = null;
  for (let at = 0; at < 10_000; at++) {
    last = orderBetween(last, null, random);
    first = orderBetween(null, first, random);
  }
  expect(
    [last?.length, first?.length].every((length) => (length as number) <= 10),
    `${last} ${first}`,
  ).toBe(true);
  let low = orderBetween(null, null, random);
  const high = orderBetween(low, null, random);
  for (let at = 0; at < 200; at++) low = orderBetween(low, high, random);
  expect(low.length).toBeLessThan(52);
});

test("ORDER3 two who put something at the same place get different keys", () => {
  const random = seeded("jitter");
  const keys = new Set(Array.from({ length: 2000 }, () => orderBetween("a01", "a02", random)));
  expect(keys.size).toBe(2000);
  expect(new Set(Array.from({ length: 2000 }, () => orderBetween("a01", null))).size).toBe(2000);
});

test("ORDER4 what is no key, or not in order, is refused as invalid", () => {
  const invalid = expect.objectContaining({ code: "invalid" });
  for (const bad of ["", "a", "a0", "a00", "0", "a-1", "b0", 7 as never]) {
    expect(() => orderBetween(bad, null), String(bad)).toThrow(invalid);
    expect(() => orderBetween(null, bad), String(bad)).toThrow(invalid);
  }
  expect(() => orderBetween("a02", "a01")).toThrow(invalid);
  expect(() => orderBetween("a01", "a01")).toThrow(invalid);
});
