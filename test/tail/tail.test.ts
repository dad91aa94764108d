import fc from "fast-check";
import { expect, test } from "vitest";
import { isSyncError } from "../../src/core/errors.ts";
import { createTail, type Tail, type TailOptions } from "../../src/tail/index.ts";
import { heapBytesOf } from "./support.ts";

const sized = (size: number): Uint8Array => new Uint8Array(size);

function tailOf(sizes: readonly number[], options?: TailOptions): Tail {
  const tail = createTail(options);
  for (const size of sizes) tail.append(sized(size));
  return tail;
}

test("TAIL1 indices count up by one from firstIndex, by default 1", () => {
  const tail = createTail();
  expect([tail.first, tail.next, tail.length]).toEqual([1, 1, 0]);
  expect([tail.append(sized(1)), tail.append(sized(1))]).toEqual([1, 2]);
  expect([tail.first, tail.next, tail.length]).toEqual([1, 3, 2]);
  expect(createTail({ firstIndex: 0 }).append(sized(1))).toBe(0);
  expect(createTail({ firstIndex: 2 ** 52 }).append(sized(1))).toBe(2 ** 52);
});

test.each([1, 2, 7, 8, 9, 1024])("TAIL2 with maxEntries %i the one beyond drops the oldest", (maxEntries) => {
  const tail = tailOf(new Array(maxEntries).fill(1), { maxEntries });
  expect([tail.first, tail.length]).toEqual([1, maxEntries]);
  tail.append(sized(1));
  expect([tail.first, tail.length]).toEqual([2, maxEntries]);
});

test("TAIL2 maxEntries is 1,024 by default", () => {
  expect(tailOf(new Array(1025).fill(0)).length).toBe(1024);
});

test("TAIL3 a sum of exactly maxBytes fits, and one byte more drops the oldest until it does", () => {
  expect(tailOf([4, 3, 3], { maxBytes: 10 }).first).toBe(1);
  expect(tailOf([4, 3, 4], { maxBytes: 10 }).first).toBe(2);
  const tail = tailOf([1, 1, 1, 7, 8], { maxBytes: 10 });
  expect([tail.first, tail.bytes]).toEqual([5, 8]);
});

test("TAIL3 maxBytes is 1 MiB by default", () => {
  expect(tailOf([2 ** 19, 2 ** 19]).length).toBe(2);
  expect(tailOf([2 ** 19, 2 ** 19, 1]).length).toBe(2);
});

test("TAIL4 an entry larger than maxBytes is kept alone, and the next append drops it", () => {
  const tail = tailOf([5, 11], { maxBytes: 10 });
  expect([tail.first, tail.next, tail.bytes, tail.sizeOf(2)]).toEqual([2, 3, 11, 11]);
  tail.append(sized(0));
  expect([tail.first, tail.next, tail.bytes]).toEqual([3, 4, 0]);
});

test("TAIL5 get gives the very bytes that were appended, and nothing outside of first and next", () => {
  const tail = createTail({ maxEntries: 2 });
  const entries = [sized(1), sized(1), sized(1)];
  for (const entry of entries) tail.append(entry);
  expect(tail.get(2)).toBe(entries[1]);
  expect(tail.get(3)).toBe(entries[2]);
  for (const index of [-1, 0, 1, 4, Number.NaN, Number.POSITIVE_INFINITY]) expect(tail.get(index)).toBeUndefined();
});

test("TAIL6 sizes and their sum are those of the entries held", () => {
  const tail = tailOf([3, 0, 5, 7], { maxEntries: 3 });
  expect([0, 1, 2, 3, 4, 5].map((index) => tail.sizeOf(index))).toEqual([0, 0, 0, 5, 7, 0]);
  expect(tail.bytes).toBe(12);
});

test("TAIL7 a range ends where size and separator still stay within the budget", () => {
  const tail = tailOf([3, 3, 3]);
  // Each entry costs 4: three bytes and a separator.
  expect([0, 3, 4, 7, 8, 11, 12, 100].map((budget) => tail.rangeEnd(1, budget))).toEqual([1, 1, 1, 1, 2, 2, 3, 3]);
  expect(tail.rangeEnd(3, 100)).toBe(3);
  expect(tail.rangeEnd(2, Number.POSITIVE_INFINITY)).toBe(3);
  expect(tail.rangeEnd(1, Number.NaN)).toBe(1);
});

test("TAIL7 a range from an index that is not held ends before it begins", () => {
  const tail = tailOf([1, 1, 1], { maxEntries: 2 });
  expect([tail.rangeEnd(1, 100), tail.rangeEnd(4, 100), createTail().rangeEnd(1, 100)]).toEqual([0, 3, 0]);
});

test("TAIL8 clear drops all, counts no drop, and indices go on", () => {
  const dropped: number[] = [];
  const tail = tailOf([1, 1, 1], { maxEntries: 2, onDrop: (index) => dropped.push(index) });
  tail.clear();
  expect([tail.first, tail.next, tail.bytes, tail.length, tail.get(3)]).toEqual([4, 4, 0, 0, undefined]);
  expect(tail.append(sized(2))).toBe(4);
  expect([tail.bytes, tail.snapshot().dropsOldest, dropped]).toEqual([2, 1, [1]]);
});

test("TAIL9 reset drops all, and the next append gets the index it was given, lower ones too", () => {
  const tail = tailOf([1, 1, 1]);
  for (const nextIndex of [100, 1, 0]) {
    tail.reset(nextIndex);
    expect([tail.first, tail.next, tail.bytes]).toEqual([nextIndex, nextIndex, 0]);
    expect(tail.append(sized(1))).toBe(nextIndex);
  }
  expect(tail.snapshot().dropsOldest).toBe(0);
});

test("TAIL10 onDrop is told each entry that made room, oldest first, before the new one is in", () => {
  const told: unknown[] = [];
  const tail: Tail = createTail({
    maxBytes: 10,
    onDrop: (index, bytes) => told.push([index, bytes.length, tail.first, tail.next, tail.bytes]),
  });
  for (const size of [3, 4, 10]) tail.append(sized(size));
  expect(told).toEqual([
    [1, 3, 2, 3, 4],
    [2, 4, 3, 3, 0],
  ]);
});

test("TAIL10 an onDrop that throws leaves a tail in order, without the new entry", () => {
  const tail = createTail({
    maxEntries: 1,
    onDrop: () => {
      throw new Error("mine");
    },
  });
  tail.append(sized(3));
  expect(() => tail.append(sized(4))).toThrow("mine");
  expect([tail.first, tail.next, tail.bytes]).toEqual([2, 2, 0]);
  expect(tail.append(sized(5))).toBe(2);
});

test("TAIL10 an onDrop that appends is given the earlier index, and the limits hold", () => {
  const given: number[] = [];
  const tail: Tail = createTail({
    maxEntries: 3,
    onDrop: (index) => {
      if (index === 1) given.push(tail.append(sized(9)));
    },
  });
  for (let i = 0; i < 3; i++) tail.append(sized(1));
  given.push(tail.append(sized(2)));
  expect(given).toEqual([4, 5]);
  expect([tail.length, tail.sizeOf(4), tail.sizeOf(5), tail.bytes]).toEqual([3, 9, 2, 12]);
});

test.each([
  { maxEntries: 0 },
  { maxEntries: 2 ** 24 + 1 },
  { maxEntries: 1.5 },
  { maxEntries: Number.POSITIVE_INFINITY },
  { maxBytes: 0 },
  { maxBytes: Number.NaN },
  { firstIndex: -1 },
  { firstIndex: 2 ** 52 + 1 },
])("TAIL11 the limit %o is refused", (options) => {
  expect(() => createTail(options)).toThrow(expect.toSatisfy((error) => isSyncError(error, "invalid")));
});

test("TAIL11 the ends of the limits are taken, and a nextIndex outside is refused", () => {
  const tail = createTail({ maxEntries: 2 ** 24, maxBytes: 1, firstIndex: 0 });
  tail.append(sized(1));
  for (const nextIndex of [-1, 0.5, 2 ** 52 + 1]) {
    expect(() => tail.reset(nextIndex)).toThrow(expect.toSatisfy((error) => isSyncError(error, "invalid")));
  }
  expect(tail.length).toBe(1);
  tail.reset(2 ** 52);
  expect(tail.next).toBe(2 ** 52);
});

test("TAIL12 a snapshot holds the counters, and dump tells them in one line", () => {
  const tail = tailOf([1, 2, 3], { maxEntries: 2, maxBytes: 100 });
  const snapshot = tail.snapshot();
  tail.append(sized(4));
  expect(snapshot).toEqual({ version: 1, sendIndex: 4, recvIndex: 2, length: 2, bytes: 5, dropsOldest: 1 });
  expect(tail.dump("a\nroom")).toBe(
    String.raw`tail="a\nroom" cap=2 policy=drop-oldest occ=2 send=5 recv=3 bytes=7 max_bytes=100 drops_oldest=2`,
  );
  expect(createTail().dump()).toContain('tail="" cap=1024');
});

type Op =
  | { name: "append"; size: number }
  | { name: "clear" }
  | { name: "reset"; to: number }
  | { name: "range"; from: number; budget: number };

const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ name: fc.constant("append" as const), size: fc.nat(12) }) },
  { weight: 4, arbitrary: fc.record({ name: fc.constant("range" as const), from: fc.nat(60), budget: fc.nat(60) }) },
  fc.record({ name: fc.constant("clear" as const) }),
  fc.record({ name: fc.constant("reset" as const), to: fc.nat(40) }),
);

test("TAIL13 a tail is what a list trimmed after every append would be", () => {
  const limits = fc.record({
    maxEntries: fc.integer({ min: 1, max: 20 }),
    maxBytes: fc.integer({ min: 1, max: 60 }),
    firstIndex: fc.nat(20),
  });
  const run = (options: { maxEntries: number; maxBytes: number; firstIndex: number }, ops: readonly Op[]): void => {
    const dropped: number[] = [];
    const tail = createTail({ ...options, onDrop: (index) => dropped.push(index) });
    let model: { index: number; bytes: Uint8Array }[] = [];
    let next = options.firstIndex;
    const gone: number[] = [];
    const sum = (): number => model.reduce((total, entry) => total + entry.bytes.length, 0);
    for (const step of ops) {
      if (step.name === "append") {
        const bytes = sized(step.size);
        expect(tail.append(bytes)).toBe(next);
        model.push({ index: next++, bytes });
        while (model.length > options.maxEntries || (model.length > 1 && sum() > options.maxBytes))
          gone.push(model.shift()?.index ?? -1);
      } else if (step.name === "range") {
        const { from, budget } = step;
        const reach = model.filter((entry) => {
          const upTo = model.filter((other) => other.index >= from && other.index <= entry.index);
          const cost = upTo.reduce((total, other) => total + other.bytes.length + 1, 0);
          return entry.index === from || (entry.index > from && cost <= budget);
        });
        const held = model.some((entry) => entry.index === from);
        expect(tail.rangeEnd(from, budget)).toBe(held ? reach.at(-1)?.index : from - 1);
      } else {
        if (step.name === "clear") tail.clear();
        else tail.reset((next = step.to));
        model = [];
      }
      expect(tail.snapshot()).toEqual({
        version: 1,
        sendIndex: next,
        recvIndex: model[0]?.index ?? next,
        length: model.length,
        bytes: sum(),
        dropsOldest: gone.length,
      });
      for (const entry of model) expect(tail.get(entry.index)).toBe(entry.bytes);
      expect([tail.get(tail.first - 1), tail.get(tail.next)]).toEqual([undefined, undefined]);
    }
    expect(dropped).toEqual(gone);
  };
  fc.assert(fc.property(limits, fc.array(op, { maxLength: 60 }), run), { numRuns: 500 });
});

test("TAIL14 a tail that was never appended to costs less than 200 bytes", () => {
  expect(heapBytesOf(() => createTail())).toBeLessThan(200);
});
