import { expect, test } from "vitest";
import { EventHeap } from "../../src/testing/event-heap.ts";
import { createRng } from "../../src/testing/rng.ts";

test("SIM2 the earliest leaves first, then the lower tie, then the older, however puts and takes mix", () => {
  const rng = createRng(1);
  for (let round = 0; round < 200; round++) {
    const heap = new EventHeap<{ atMs: number; tie: number; order: number }>();
    const held: { atMs: number; tie: number; order: number }[] = [];
    for (let order = 0; order < 60; order++) {
      const event = { atMs: rng.int(8), tie: rng.int(3), order };
      heap.push(event);
      held.push(event);
      if (rng.chance(0.5)) continue;
      held.sort((a, b) => a.atMs - b.atMs || a.tie - b.tie || a.order - b.order);
      expect(heap.peek()).toBe(held[0]);
      expect(heap.pop()).toBe(held.shift());
    }
    held.sort((a, b) => a.atMs - b.atMs || a.tie - b.tie || a.order - b.order);
    for (const event of held) expect(heap.pop()).toBe(event);
    expect([heap.pop(), heap.peek()]).toEqual([undefined, undefined]);
  }
});
