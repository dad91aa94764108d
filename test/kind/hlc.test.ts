import { expect, test } from "vitest";
import { compareStamps, createHybridClock, maxAheadMs, maxCount, type Stamp } from "../../src/core/hlc.ts";
import { createRng } from "../../src/testing/rng.ts";

test("HLC1 stamps follow the wall clock, and grow where it stands still or goes back", () => {
  let nowMs = 1000;
  const clock = createHybridClock(() => nowMs, "a");
  expect(clock.next()).toEqual({ ms: 1000, count: 0, node: "a" });
  expect(clock.next()).toEqual({ ms: 1000, count: 1, node: "a" });
  nowMs = 10;
  expect(clock.next()).toEqual({ ms: 1000, count: 2, node: "a" });
  nowMs = 2000.7;
  expect(clock.next()).toEqual({ ms: 2000, count: 0, node: "a" });
});

test("HLC2 stamps are ordered by time, count and node", () => {
  const stamps: Stamp[] = [
    { ms: 1, count: 5, node: "z" },
    { ms: 2, count: 0, node: "b" },
    { ms: 2, count: 1, node: "a" },
    { ms: 2, count: 1, node: "b" },
  ];
  expect([...stamps].reverse().sort(compareStamps)).toEqual(stamps);
  expect(compareStamps(stamps[0] as Stamp, { ...(stamps[0] as Stamp) })).toBe(0);
});

test("HLC3 what was seen is earlier than what comes next, also under a clock that is years behind", () => {
  const clock = createHybridClock(() => 1000, "a");
  clock.offsetMs = 315_360_000_000;
  const seen = { ms: 315_360_000_900, count: 7, node: "b" };
  expect(clock.see(seen)).toBe(true);
  expect(compareStamps(seen, clock.next())).toBeLessThan(0);
});

test("HLC4 a stamp further ahead than the bound is not taken over", () => {
  const clock = createHybridClock(() => 1000, "a");
  expect(clock.see({ ms: 1000 + maxAheadMs + 1, count: 0, node: "b" })).toBe(false);
  expect(clock.next().ms).toBe(1000);
  expect(clock.see({ ms: 1000 + maxAheadMs, count: 0, node: "b" })).toBe(true);
  expect(clock.next()).toEqual({ ms: 1000 + maxAheadMs, count: 1, node: "a" });
});

test("HLC5 a full counter goes on in the next millisecond", () => {
  const clock = createHybridClock(() => 5, "a");
  let last = clock.next();
  for (let n = 1; n < maxCount + 2; n++) {
    const next = clock.next();
    expect(compareStamps(last, next)).toBeLessThan(0);
    last = next;
  }
  expect(last).toEqual({ ms: 6, count: 1, node: "a" });
});

test("HLC6 clocks of which each is off and jumps, talking at random: what was seen is before what is said, and no stamp beyond the bound gets in", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const rng = createRng(`hlc ${seed}`);
    const int = (below: number): number => Math.floor(rng.next() * below);
    let trueMs = 1_800_000_000_000;
    const years = 365 * 24 * 3_600_000;
    const offs = [0, int(20 * years) - 10 * years, int(20 * years) - 10 * years];
    const server = createHybridClock(() => trueMs, "s");
    const clients = offs.map((_, index) => {
      const clock = createHybridClock(() => trueMs + (offs[index] as number), `c${index}`);
      clock.offsetMs = -(offs[index] as number);
      return clock;
    });
    for (let step = 0; step < 60; step++) {
      trueMs += int(2000);
      const at = int(3);
      // A clock that jumps after the server's time was learned.
      if (rng.next() < 0.1) offs[at] = int(20 * years) - 10 * years;
      const client = clients[at] as ReturnType<typeof createHybridClock>;
      const stamp = client.next();
      const isTaken = server.see(stamp);
      expect(isTaken, `seed ${seed}`).toBe(stamp.ms <= trueMs + maxAheadMs);
      const said = server.next();
      if (isTaken) expect(compareStamps(stamp, said)).toBeLessThan(0);
      expect(said.ms).toBeLessThanOrEqual(trueMs + maxAheadMs + 1);
    }
  }
});
