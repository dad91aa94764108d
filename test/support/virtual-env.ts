/** An Env that stands still until told: for parts too small for a whole simulated world. */
import type { Env } from "../../src/core/env.ts";

export interface VirtualEnv extends Env {
  /** Timers set and neither run nor cleared. */
  readonly timers: number;
  /** Runs what falls due, in order of time, then of setting. */
  advance(ms: number): void;
}

/** Ids come from a counter, so that a test can say them: 3 bytes of the first are 000001. */
export function createVirtualEnv(): VirtualEnv {
  let nowMs = 0;
  let drawn = 0;
  const timers = new Set<{ readonly atMs: number; readonly run: () => void }>();
  return {
    get timers() {
      return timers.size;
    },
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    setTimer(run, delayMs) {
      const timer = { atMs: nowMs + delayMs, run };
      timers.add(timer);
      return timer;
    },
    clearTimer: (timer) => void timers.delete(timer as { atMs: number; run: () => void }),
    endOfTurn: (run) => queueMicrotask(run),
    random: () => 0.5,
    randomBytes(length) {
      drawn++;
      return Uint8Array.from({ length }, (_, index) => (drawn / 256 ** (length - 1 - index)) & 255);
    },
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
  };
}
