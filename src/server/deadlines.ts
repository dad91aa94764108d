/**
 * What may take so long and no longer: what began first is due first, so all of it has one timer.
 *
 * Always: what is over in time is never told late; nothing is told after `close`.
 * Rules: docs/protocol.md HOOK4.
 */
import type { Env, Timer } from "../core/env.ts";

export interface Deadlines<T> {
  /** It begins now. */
  add(item: T): void;
  /** It is over; false: it was late, or is not known. */
  delete(item: T): boolean;
  close(): void;
}

/** `afterMs` may be Infinity: nothing is late. */
export function createDeadlines<T>(env: Env, afterMs: number, onLate: (item: T) => void): Deadlines<T> {
  /** When each is due, the oldest first. */
  const open = new Map<T, number>();
  let timer: Timer | undefined;
  let isClosed = false;

  const sweep = (): void => {
    timer = undefined;
    const now = env.monotonicMs();
    for (const [item, dueMs] of open) {
      if (dueMs > now) break;
      open.delete(item);
      onLate(item);
    }
    arm();
  };
  const arm = (): void => {
    const [next] = open.values();
    if (timer === undefined && next !== undefined) timer = env.setTimer(sweep, Math.max(1, next - env.monotonicMs()));
  };

  return {
    add(item) {
      open.set(item, env.monotonicMs() + afterMs);
      if (!isClosed && afterMs < Number.POSITIVE_INFINITY) arm();
    },
    delete: (item) => open.delete(item),
    close() {
      isClosed = true;
      if (timer !== undefined) env.clearTimer(timer);
    },
  };
}
