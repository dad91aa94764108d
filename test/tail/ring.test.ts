import fc from "fast-check";
import { expect, test } from "vitest";
import { Ring } from "../../src/tail/ring.ts";
import { heapBytesOf } from "./support.ts";

type Op =
  | { name: "push"; times: number }
  | { name: "shift"; times: number }
  | { name: "skip" }
  | { name: "clear" }
  | { name: "reset"; to: number };

const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ name: fc.constant("push" as const), times: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 5, arbitrary: fc.record({ name: fc.constant("shift" as const), times: fc.integer({ min: 1, max: 30 }) }) },
  fc.record({ name: fc.constant("skip" as const) }),
  fc.record({ name: fc.constant("clear" as const) }),
  fc.record({ name: fc.constant("reset" as const), to: fc.nat(1000) }),
);

function runAgainstModel(firstIndex: number, ops: readonly Op[]): void {
  const ring = new Ring<string>(firstIndex);
  let model: { index: number; value: string }[] = [];
  let next = firstIndex;
  for (const step of ops) {
    if (step.name === "push") {
      for (let i = 0; i < step.times; i++) {
        model.push({ index: next, value: `v${next}` });
        expect(ring.push(`v${next}`)).toBe(next++);
      }
    } else if (step.name === "shift") {
      for (let i = 0; i < step.times && model.length > 0; i++) expect(ring.shift()).toBe(model.shift()?.value);
    } else if (step.name === "skip") {
      if (model.length > 0) continue;
      ring.skip();
      next++;
    } else {
      if (step.name === "reset") ring.reset((next = step.to));
      else ring.clear();
      model = [];
    }
    expect([ring.first, ring.next, ring.length]).toEqual([model[0]?.index ?? next, next, model.length]);
    for (const { index, value } of model) expect(ring.get(index)).toBe(value);
    expect([ring.get(ring.first - 1), ring.get(ring.next)]).toEqual([undefined, undefined]);
  }
}

test("RING1 a ring holds exactly what a list would, across growths and wraps", () => {
  fc.assert(fc.property(fc.nat(40), fc.array(op, { maxLength: 40 }), runAgainstModel), { numRuns: 300 });
});

test.each([2 ** 30, 2 ** 31, 2 ** 32, 2 ** 52])("RING2 indices around %i work as small ones do", (around) => {
  fc.assert(fc.property(fc.integer({ min: around - 20, max: around + 20 }), fc.array(op, { maxLength: 20 }), runAgainstModel), {
    numRuns: 50,
  });
});

function filled(length: number): Ring<object> {
  const ring = new Ring<object>(0);
  for (let i = 0; i < length; i++) ring.push(ring);
  return ring;
}

test("RING3 a ring has no slots before the first push, after clear, and after it ran empty", () => {
  const unusedBytes = heapBytesOf(() => new Ring(0));
  const oneBytes = heapBytesOf(() => filled(1));
  const clearedBytes = heapBytesOf(() => {
    const ring = filled(100);
    ring.clear();
    return ring;
  });
  expect(unusedBytes).toBeLessThan(80);
  expect(oneBytes).toBeGreaterThan(unusedBytes + 64);
  expect(clearedBytes).toBeLessThan(unusedBytes + 20);
});

test("RING3 what a burst of more than 1,024 took is given back when the ring runs empty", () => {
  const drained = (length: number) => () => {
    const ring = filled(length);
    while (ring.length > 0) ring.shift();
    return ring;
  };
  expect(heapBytesOf(drained(1025), 500)).toBeLessThan(1000);
  expect(heapBytesOf(drained(1024), 500)).toBeGreaterThan(4000);
});

test("RING4 a value that was shifted out is not held any longer", () => {
  const emptied = heapBytesOf(() => {
    const ring = new Ring<object>(0);
    ring.push(new Array<number>(200).fill(1));
    ring.shift();
    return ring;
  });
  expect(emptied).toBeLessThan(400);
});
