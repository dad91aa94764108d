import fc from "fast-check";
import { expect, test } from "vitest";
import { isSyncError } from "../../src/core/errors.ts";
import { createLanes, defaultLaneLimits, type Lane, type Lanes } from "../../src/tail/index.ts";
import { heapBytesOf } from "./support.ts";

const names = ["urgent", "normal", "bulk", "lossy"] as const;

function drain<T>(lanes: Lanes<T>): T[] {
  const items: T[] = [];
  while (lanes.length > 0) items.push(lanes.shift() as T);
  return items;
}

function fill(lanes: Lanes<string>, lane: Lane, count: number): void {
  for (let i = 0; i < count; i++) lanes.push(lane, `${lane[0]}${i}`, i);
}

test("LANE1 the highest lane goes first, and within a lane the oldest", () => {
  const lanes = createLanes<string>();
  for (const lane of [...names].reverse()) fill(lanes, lane, 2);
  expect(drain(lanes)).toEqual(["u0", "u1", "n0", "n1", "b0", "b1", "l0", "l1"]);
});

test.each(["normal", "bulk", "lossy"] as const)("LANE2 a waiting %s item goes after 16 urgent ones, and not after 15", (lane) => {
  const lanes = createLanes<string>();
  fill(lanes, lane, 2);
  fill(lanes, "urgent", 40);
  const order = drain(lanes).map((item) => item[0]);
  expect(order.join("")).toBe(`${"u".repeat(16)}${lane[0]}${"u".repeat(16)}${lane[0]}${"u".repeat(8)}`);
});

test("LANE2 where several lanes have their turn the higher goes first", () => {
  const lanes = createLanes<string>();
  for (const lane of names) fill(lanes, lane, 40);
  const order = drain(lanes)
    .map((item) => item[0])
    .join("");
  expect(order.slice(0, 38)).toBe(`${"u".repeat(16)}nbl${"u".repeat(16)}nbl`);
});

test("LANE2 the turn of a higher lane comes before that of a lower one, also when nothing is above it", () => {
  const lanes = createLanes<string>();
  fill(lanes, "urgent", 16);
  fill(lanes, "normal", 1);
  fill(lanes, "bulk", 1);
  expect(drain(lanes).slice(-2)).toEqual(["n0", "b0"]);
});

test("LANE3 what passed while a lane was empty does not count", () => {
  const lanes = createLanes<string>();
  fill(lanes, "bulk", 1);
  fill(lanes, "urgent", 20);
  expect(lanes.shift()).toBe("u0");
  while (lanes.snapshot().lanes.bulk.length > 0) lanes.shift();
  for (let i = 0; i < 3; i++) lanes.shift();
  fill(lanes, "bulk", 1);
  fill(lanes, "urgent", 40);
  const order = drain(lanes);
  expect(order.indexOf("b0")).toBe(16);
});

test.each(["urgent", "normal", "bulk"] as const)("LANE4 %s refuses the push beyond its limit and counts it", (lane) => {
  const lanes = createLanes<string>({ urgent: 3, normal: 3, bulk: 3, lossy: 3 });
  expect([1, 2, 3, 4, 5].map((i) => lanes.push(lane, `x${i}`))).toEqual([true, true, true, false, false]);
  expect(lanes.snapshot().lanes[lane]).toEqual({ length: 3, refused: 2, replaced: 0, dropsOldest: 0 });
  lanes.shift();
  expect(lanes.push(lane, "x6")).toBe(true);
  expect(drain(lanes)).toEqual(["x2", "x3", "x6"]);
});

test("LANE4 and LANE6 limits are 1,024 items and 256 keys by default", () => {
  const lanes = createLanes<string>();
  for (const lane of names) fill(lanes, lane, 1025);
  const { urgent, normal, bulk, lossy } = lanes.snapshot().lanes;
  expect([urgent.length, normal.length, bulk.length, lossy.length]).toEqual([1024, 1024, 1024, 256]);
  expect([urgent.refused, normal.refused, bulk.refused, lossy.dropsOldest]).toEqual([1, 1, 1, 1025 - 256]);
});

test("LANE5 the newest value per key waits, in the place of the older", () => {
  const lanes = createLanes<string>();
  lanes.push("lossy", "a1", "a");
  lanes.push("lossy", "b1", "b");
  lanes.push("lossy", "none1");
  lanes.push("lossy", "a2", "a");
  lanes.push("lossy", "none2");
  lanes.push("lossy", "number", 1);
  lanes.push("lossy", "string", "1");
  expect(lanes.snapshot().lanes.lossy).toEqual({ length: 5, refused: 0, replaced: 2, dropsOldest: 0 });
  expect(drain(lanes)).toEqual(["a2", "b1", "none2", "number", "string"]);
});

test("LANE6 a new key beyond the limit drops the oldest key, and a known key drops none", () => {
  const lanes = createLanes<string>({ ...defaultLaneLimits, lossy: 2 });
  for (const [key, value] of [
    ["a", "a1"],
    ["b", "b1"],
    ["b", "b2"],
    ["c", "c1"],
  ] as const) {
    expect(lanes.push("lossy", value, key)).toBe(true);
  }
  expect(lanes.snapshot().lanes.lossy).toEqual({ length: 2, refused: 0, replaced: 1, dropsOldest: 1 });
  expect([lanes.length, ...drain(lanes)]).toEqual([2, "b2", "c1"]);
});

test("LANE7 length counts all lanes, and nothing comes out of none", () => {
  const lanes = createLanes<string>();
  expect([lanes.length, lanes.shift()]).toEqual([0, undefined]);
  for (const lane of names) fill(lanes, lane, 2);
  expect([lanes.length, lanes.snapshot().length]).toEqual([8, 8]);
  drain(lanes);
  expect([lanes.length, lanes.shift(), lanes.length]).toEqual([0, undefined, 0]);
});

test("LANE8 clear forgets what waits and whose turn it was; counters stay", () => {
  const lanes = createLanes<string>({ ...defaultLaneLimits, urgent: 20, lossy: 1 });
  fill(lanes, "urgent", 21);
  fill(lanes, "bulk", 1);
  fill(lanes, "lossy", 2);
  for (let i = 0; i < 10; i++) lanes.shift();
  lanes.clear();
  expect([lanes.length, lanes.shift()]).toEqual([0, undefined]);
  fill(lanes, "bulk", 1);
  fill(lanes, "urgent", 20);
  expect(drain(lanes).indexOf("b0")).toBe(16);
  expect([lanes.snapshot().lanes.urgent.refused, lanes.snapshot().lanes.lossy.dropsOldest]).toEqual([1, 1]);
});

test("LANE12 shift down to a lane leaves the lower ones alone, and does not count as passing them by", () => {
  const lanes = createLanes<string>();
  fill(lanes, "normal", 1);
  fill(lanes, "urgent", 17);
  for (let i = 0; i < 17; i++) expect(lanes.shift("urgent")).toBe(`u${i}`);
  expect(lanes.shift("urgent")).toBeUndefined();
  expect(lanes.length).toBe(1);
  fill(lanes, "urgent", 1);
  expect([lanes.shift("normal"), lanes.shift("normal")]).toEqual(["u0", "n0"]);
});

test("LANE8 clear of lanes that were never used is harmless", () => {
  const lanes = createLanes<string>();
  lanes.clear();
  expect(lanes.snapshot().length).toBe(0);
});

test.each([0, -1, 1.5, Number.NaN, 2 ** 24 + 1])("LANE9 a limit of %d is refused", (limit) => {
  for (const lane of names) {
    const create = () => createLanes({ ...defaultLaneLimits, [lane]: limit });
    expect(create).toThrow(expect.toSatisfy((error) => isSyncError(error, "invalid")));
  }
});

test("LANE10 lanes that were never pushed to cost less than 100 bytes", () => {
  expect(heapBytesOf(() => createLanes())).toBeLessThan(100);
});

interface Push {
  lane: Lane;
  key: number;
}

const push: fc.Arbitrary<Push> = fc.record({ lane: fc.constantFrom(...names), key: fc.nat(8) });
const steps = fc.array(fc.oneof({ weight: 3, arbitrary: push }, { weight: 2, arbitrary: fc.integer({ min: 1, max: 6 }) }), {
  maxLength: 300,
  size: "max",
});

test("LANE11 every push is shifted, waiting, refused, replaced or dropped, and lanes keep their order", () => {
  fc.assert(
    fc.property(steps, (run) => {
      const limits = { urgent: 12, normal: 8, bulk: 6, lossy: 4 };
      const lanes = createLanes<{ lane: Lane; serial: number; key: number }>(limits);
      const model: Record<Lane, { serial: number; key: number }[]> = { urgent: [], normal: [], bulk: [], lossy: [] };
      const counted = { pushed: 0, shifted: 0, refused: 0, replaced: 0, dropped: 0 };
      for (const step of run) {
        if (typeof step === "number") {
          for (let i = 0; i < step; i++) {
            const item = lanes.shift();
            if (!item) break;
            counted.shifted++;
            expect(model[item.lane].shift()).toEqual({ serial: item.serial, key: item.key });
          }
          continue;
        }
        const { lane, key } = step;
        const entry = { serial: counted.pushed++, key };
        const waiting = model[lane];
        const same = lane === "lossy" ? waiting.findIndex((other) => other.key === key) : -1;
        const taken = lane === "lossy" || waiting.length < limits[lane];
        expect(lanes.push(lane, { lane, ...entry }, key)).toBe(taken);
        if (!taken) {
          counted.refused++;
        } else if (same >= 0) {
          waiting[same] = entry;
          counted.replaced++;
        } else {
          waiting.push(entry);
          if (waiting.length > limits[lane]) counted.dropped += waiting.splice(0, 1).length;
        }
      }
      const now = lanes.snapshot();
      for (const lane of names) expect(now.lanes[lane].length).toBe(model[lane].length);
      const sum = (name: "refused" | "replaced" | "dropsOldest"): number =>
        names.reduce((total, lane) => total + now.lanes[lane][name], 0);
      expect([sum("refused"), sum("replaced"), sum("dropsOldest")]).toEqual([counted.refused, counted.replaced, counted.dropped]);
      expect(counted.shifted + lanes.length + counted.refused + counted.replaced + counted.dropped).toBe(counted.pushed);
    }),
    { numRuns: 300 },
  );
});

test("LANE2 no waiting item lets more than 16, 17 or 18 of higher lanes pass, and none goes early", () => {
  fc.assert(
    fc.property(steps, (run) => {
      const lanes = createLanes<Lane>({ urgent: 40, normal: 40, bulk: 40, lossy: 8 });
      const passed = [0, 0, 0, 0];
      const waiting = (): number[] => names.map((lane) => lanes.snapshot().lanes[lane].length);
      const shiftOnce = (): void => {
        const before = waiting();
        const lane = lanes.shift();
        if (lane === undefined) return;
        const place = names.indexOf(lane);
        const higherWait = before.slice(0, place).some((length) => length > 0);
        if (higherWait) expect(passed[place]).toBeGreaterThanOrEqual(16);
        passed[place] = 0;
        for (let lower = place + 1; lower < 4; lower++) {
          if (before[lower] === 0) continue;
          passed[lower] = (passed[lower] ?? 0) + 1;
          expect(passed[lower]).toBeLessThanOrEqual(15 + lower);
        }
      };
      for (const step of run) {
        if (typeof step === "number") for (let i = 0; i < step; i++) shiftOnce();
        else lanes.push(step.lane, step.lane, step.key);
      }
      while (lanes.length > 0) shiftOnce();
    }),
    { numRuns: 300 },
  );
});
