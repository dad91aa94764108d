import fc from "fast-check";
import { expect, test } from "vitest";
import { isSyncError } from "../../src/core/errors.ts";
import { createBucket, take, waitMs } from "../../src/tail/index.ts";

const rate = { perSecond: 10, burst: 5 };

test("BUCKET1 a new bucket grants its burst at once, and no more", () => {
  const bucket = createBucket(rate, 1000);
  expect([1, 2, 3, 4, 5, 6].map(() => take(bucket, 1000))).toEqual([true, true, true, true, true, false]);
  expect(take(createBucket(rate, 0), 0, 5)).toBe(true);
  expect(take(createBucket(rate, 0), 0, 5.001)).toBe(false);
});

test("BUCKET2 tokens come back continuously, and never above the burst", () => {
  const bucket = createBucket(rate, 0);
  take(bucket, 0, 5);
  expect([take(bucket, 99), take(bucket, 100), take(bucket, 150), take(bucket, 200)]).toEqual([false, true, false, true]);
  expect(take(bucket, 1e9, 5)).toBe(true);
  expect(take(bucket, 1e9, 0.001)).toBe(false);
});

test("BUCKET3 a take that is not granted takes nothing, and one for nothing is granted", () => {
  const bucket = createBucket(rate, 0);
  take(bucket, 0, 2);
  expect(take(bucket, 0, 4)).toBe(false);
  expect(take(bucket, 0, 3)).toBe(true);
  expect(take(bucket, 0, 0)).toBe(true);
});

const rates = fc.record({
  perSecond: fc.double({ min: 0.01, max: 1e7, noNaN: true }),
  burst: fc.double({ min: 0.5, max: 1e7, noNaN: true }),
});

test("BUCKET4 over any time what was granted is at most burst plus rate times time", () => {
  const steps = fc.array(
    fc.record({ sleepMs: fc.double({ min: 0, max: 2000, noNaN: true }), share: fc.double({ min: 0, max: 1.2, noNaN: true }) }),
  );
  fc.assert(
    fc.property(rates, fc.double({ min: 0, max: 1e10, noNaN: true }), steps, ({ perSecond, burst }, startMs, sleeps) => {
      const bucket = createBucket({ perSecond, burst }, startMs);
      let nowMs = startMs;
      const granted = [{ atMs: startMs, amount: 0 }];
      for (const { sleepMs, share } of sleeps) {
        nowMs += sleepMs;
        const amount = share * burst;
        if (take(bucket, nowMs, amount)) granted.push({ atMs: nowMs, amount });
      }
      for (let from = 0; from < granted.length; from++) {
        const window = granted.slice(from);
        const seconds = ((window.at(-1)?.atMs ?? 0) - (window[0]?.atMs ?? 0)) / 1000;
        const bound = burst + perSecond * seconds;
        expect(window.reduce((total, { amount }) => total + amount, 0)).toBeLessThanOrEqual(bound * (1 + 1e-9));
      }
    }),
  );
});

test("BUCKET5 after waitMs the take is granted, and it is 0 exactly when it would be granted now", () => {
  const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });
  fc.assert(
    fc.property(rates, fc.double({ min: 0, max: 1e9, noNaN: true }), shares, ({ perSecond, burst }, startMs, amounts) => {
      const bucket = createBucket({ perSecond, burst }, startMs);
      let nowMs = startMs;
      for (const share of amounts) {
        const amount = share * burst;
        const wait = waitMs(bucket, nowMs, amount);
        expect(take({ ...bucket }, nowMs, amount)).toBe(wait === 0);
        nowMs += wait;
        expect(take(bucket, nowMs, amount)).toBe(true);
      }
    }),
  );
});

test("BUCKET5 waitMs is what the missing tokens take, and one more for rounding", () => {
  const bucket = createBucket(rate, 0);
  take(bucket, 0, 5);
  expect([waitMs(bucket, 0), waitMs(bucket, 50), waitMs(bucket, 100), waitMs(bucket, 0, 5)]).toEqual([101, 51, 0, 401]);
});

test.each([5.001, -1, Number.NaN, Number.POSITIVE_INFINITY])("BUCKET6 an amount of %d is never granted", (amount) => {
  const bucket = createBucket(rate, 0);
  expect([take(bucket, 0, amount), waitMs(bucket, 0, amount)]).toEqual([false, Number.POSITIVE_INFINITY]);
  expect([take(bucket, 0, 5), take(bucket, 0, 1)]).toEqual([true, false]);
});

test("BUCKET7 a time that goes back neither gives nor takes", () => {
  const bucket = createBucket(rate, 1000);
  take(bucket, 1000, 4);
  expect([take(bucket, 0), take(bucket, 0)]).toEqual([true, false]);
  expect([take(bucket, 1099), take(bucket, 1100)]).toEqual([false, true]);
});

test.each([0, -1, Number.NaN])("BUCKET8 a rate or burst of %d is refused", (wrong) => {
  for (const bad of [
    { ...rate, perSecond: wrong },
    { ...rate, burst: wrong },
  ]) {
    expect(() => createBucket(bad, 0)).toThrow(expect.toSatisfy((error) => isSyncError(error, "invalid")));
  }
});

test("BUCKET8 Infinity is no limit of that sort", () => {
  const endless = createBucket({ perSecond: 1, burst: Number.POSITIVE_INFINITY }, 0);
  expect([take(endless, 0, 1e300), take(endless, 0, 1e300), waitMs(endless, 0, 1e300)]).toEqual([true, true, 0]);
  const fast = createBucket({ perSecond: Number.POSITIVE_INFINITY, burst: 2 }, 0);
  expect([take(fast, 0, 2), take(fast, 0, 2), waitMs(fast, 0), take(fast, 1, 2)]).toEqual([true, false, 1, true]);
});
