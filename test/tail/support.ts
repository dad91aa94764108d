/** What the tests of tails and queues share: a clock that stands still until told, and a scale. */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Env } from "../../src/core/env.ts";

export interface VirtualEnv extends Env {
  /** Timers set and neither run nor cleared. */
  readonly timers: number;
  /** Callbacks that wait for the end of the turn. */
  readonly scheduled: number;
  /** Runs what falls due, in order of time, then of setting. */
  advance(ms: number): void;
  endTurn(): void;
}

export function createVirtualEnv(): VirtualEnv {
  let nowMs = 0;
  const timers = new Set<{ atMs: number; run: () => void }>();
  let turn: (() => void)[] = [];
  const unused = (): never => {
    throw new Error("not in these tests");
  };
  return {
    get timers() {
      return timers.size;
    },
    get scheduled() {
      return turn.length;
    },
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    setTimer(run, delayMs) {
      const timer = { atMs: nowMs + delayMs, run };
      timers.add(timer);
      return timer;
    },
    clearTimer: (timer) => void timers.delete(timer as { atMs: number; run: () => void }),
    endOfTurn: (run) => void turn.push(run),
    random: unused,
    randomBytes: unused,
    advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const due = [...timers].filter((timer) => timer.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
        if (!due) break;
        timers.delete(due);
        nowMs = due.atMs;
        due.run();
      }
      nowMs = untilMs;
    },
    endTurn() {
      const runs = turn;
      turn = [];
      for (const run of runs) run();
    },
  };
}

/** Lets every promise that is settled tell its followers. */
export function microtasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Heap bytes of one of what `create` makes, the array slot that holds it included. */
export function heapBytesOf(create: () => unknown, count = 50_000): number {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const kept = new Array<unknown>(count).fill(undefined);
  for (let i = 0; i < 100; i++) create();
  gc();
  const before = getHeapStatistics().used_heap_size;
  for (let i = 0; i < count; i++) kept[i] = create();
  gc();
  return (getHeapStatistics().used_heap_size - before) / kept.length + 8;
}
