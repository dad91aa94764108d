/**
 * Runs something once a while is quiet, and at the latest so long after it was first asked for.
 *
 * Always: one run at a time; what is asked for during a run is another one.
 * Rules: docs/protocol/doc.md DOC15.
 */
import type { Env, Timer } from "../../core/env.ts";

export interface Debounced {
  /** It is due, later. */
  ask(): void;
  /** At once, if it is due; resolves when nothing is due any more. */
  flush(): Promise<void>;
  /** It is due, or runs. */
  readonly isDue: boolean;
  cancel(): void;
}

export function debounce(env: Env, quietMs: number, latestMs: number, run: () => void | Promise<void>): Debounced {
  let timer: Timer | undefined;
  let firstMs = 0;
  let lastMs = 0;
  let running: Promise<void> | undefined;
  const start = async (): Promise<void> => {
    timer = undefined;
    await running;
    running = Promise.resolve(run()).finally(() => {
      running = undefined;
    });
    await running;
  };
  const wait = (): void => {
    timer = env.setTimer(
      () => {
        // Asked for again meanwhile: it waits on. A timer for each asking would cost more than what is asked for.
        if (dueMs() > env.monotonicMs()) wait();
        else void start();
      },
      Math.max(0, dueMs() - env.monotonicMs()),
    );
  };
  const dueMs = (): number => Math.min(lastMs + quietMs, firstMs + latestMs);
  const stop = (): boolean => {
    const isDue = timer !== undefined;
    if (timer !== undefined) env.clearTimer(timer);
    timer = undefined;
    return isDue;
  };
  return {
    ask() {
      lastMs = env.monotonicMs();
      if (timer !== undefined) return;
      firstMs = lastMs;
      wait();
    },
    async flush() {
      if (stop()) await start();
      else await running;
    },
    get isDue() {
      return timer !== undefined || running !== undefined;
    },
    cancel: () => void stop(),
  };
}
