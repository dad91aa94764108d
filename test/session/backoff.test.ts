import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs } from "../../src/session/backoff.ts";

const almostOne = 1 - 2 ** -32;

test("RECONNECT1 the first try comes within a second, at random", () => {
  expect([backoffMs(1, 0, 30_000), backoffMs(1, 0.5, 30_000), backoffMs(1, almostOne, 30_000)]).toEqual([0, 500, 999]);
});

test("RECONNECT2 try n comes after 2^(n-1) to 2^n seconds", () => {
  for (const n of [2, 3, 4, 5, 10]) {
    expect(backoffMs(n, 0, Number.POSITIVE_INFINITY)).toBe(2 ** (n - 1) * 1000);
    expect(backoffMs(n, almostOne, Number.POSITIVE_INFINITY)).toBe(2 ** n * 1000 - 1);
  }
});

test("RECONNECT2 the exponent stops at 36", () => {
  expect(backoffMs(37, 0, Number.POSITIVE_INFINITY)).toBe(backoffMs(36, 0, Number.POSITIVE_INFINITY));
});

test("RECONNECT3 beyond maxDelayMs the delay is uniform in its upper half", () => {
  expect(backoffMs(5, 0, 30_000)).toBe(16_000);
  expect(backoffMs(6, 0, 30_000)).toBe(15_000);
  expect(backoffMs(6, almostOne, 30_000)).toBe(29_999);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.double({ min: 0, max: almostOne, noNaN: true }), (attempt, random) => {
      const delayMs = backoffMs(attempt, random, 30_000);
      expect(Number.isInteger(delayMs) && delayMs >= 0 && delayMs <= 30_000).toBe(true);
    }),
  );
});
