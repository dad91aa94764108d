import { expect, test } from "vitest";
import { createRng } from "../../src/testing/rng.ts";

const draw = (rng: { next(): number }, count: number): number[] => Array.from({ length: count }, rng.next);

test("SIM1 equal seeds give equal numbers, others do not, a number and its text are one seed", () => {
  expect(draw(createRng(7), 5)).toEqual(draw(createRng("7"), 5));
  const firsts = new Set(Array.from({ length: 1000 }, (_, seed) => createRng(seed).next()));
  expect(firsts.size).toBe(1000);
});

test("SIM1 a fork depends on the seed and its name, not on what was drawn", () => {
  const fresh = createRng(1);
  const used = createRng(1);
  draw(used, 100);
  expect(draw(used.fork("a").fork("b"), 3)).toEqual(draw(fresh.fork("a").fork("b"), 3));
  expect(draw(fresh.fork("a"), 3)).not.toEqual(draw(fresh.fork("b"), 3));
  expect(draw(fresh.fork("a"), 3)).not.toEqual(draw(createRng(2).fork("a"), 3));
});

test("SIM1 the numbers are these, on every platform and version", () => {
  const rng = createRng("pinned");
  expect([rng.int(1_000_000), rng.int(1_000_000), rng.fork("x").int(1_000_000)]).toMatchInlineSnapshot(`
    [
      249866,
      702596,
      835257,
    ]
  `);
});

test("SIM1 draws are spread as they should be", () => {
  const rng = createRng(3);
  const tens = new Array<number>(10).fill(0);
  let hits = 0;
  let sum = 0;
  for (let i = 0; i < 10_000; i++) {
    const ten = rng.int(10);
    tens[ten] = (tens[ten] as number) + 1;
    if (rng.chance(0.25)) hits++;
    sum += rng.exponential(5);
  }
  expect(Math.min(...tens)).toBeGreaterThan(850);
  expect(Math.max(...tens)).toBeLessThan(1150);
  expect(hits).toBeGreaterThan(2300);
  expect(hits).toBeLessThan(2700);
  expect(sum / 10_000).toBeGreaterThan(4.7);
  expect(sum / 10_000).toBeLessThan(5.3);
  expect(new Set(rng.bytes(5000)).size).toBe(256);
  expect(rng.pick(["only"])).toBe("only");
});
