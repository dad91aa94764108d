import { expect, test } from "vitest";
import { pooledRandom } from "../../src/server/random-pool.ts";

test("the pool hands out every byte it draws once, draws by the page, and large ones by themselves", () => {
  const drawn: number[] = [];
  let next = 0;
  const random = pooledRandom((length) => {
    drawn.push(length);
    return Uint8Array.from({ length }, () => next++ % 251);
  });
  const taken = [random(8), random(4084), random(4), random(1), random(5000)];
  expect(drawn).toEqual([4096, 4096, 5000]);
  expect(taken.map(({ length }) => length)).toEqual([8, 4084, 4, 1, 5000]);
  expect([...(taken[0] as Uint8Array), ...(taken[1] as Uint8Array), ...(taken[2] as Uint8Array)]).toEqual(
    Array.from({ length: 4096 }, (_, index) => index % 251),
  );
  expect((taken[3] as Uint8Array)[0]).toBe(4096 % 251);
});
