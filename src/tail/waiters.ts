/**
 * Callers that wait their turn: first come, first woken, unless they leave by timeout or signal.
 *
 * Always: a waiter is settled exactly once; once settled it has no timer and no listener left.
 * Rules: docs/protocol/tail.md QUEUE12-QUEUE19.
 */
import type { Env } from "../core/env.ts";

export interface WaitOptions {
  /** Longest wait. 0 or less: none. Default, and beyond what a timer can hold (2^31 - 1): for ever. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait when it aborts; one that is aborted already ends the call before anything happens. */
  readonly signal?: AbortSignal | undefined;
}

export interface Waiter<Value, Result> {
  readonly value: Value;
  settle(result: Result): void;
}

/** In the order they came. */
export type Waiters<Value, Result> = Set<Waiter<Value, Result>>;

export function firstOf<Value, Result>(waiters: Waiters<Value, Result>): Waiter<Value, Result> | undefined {
  for (const waiter of waiters) return waiter;
  return undefined;
}

/** Joins the end of the line; `onLeave` says what a waiter that left is settled with. */
export function waitIn<Value, Result>(
  waiters: Waiters<Value, Result>,
  value: Value,
  env: Env,
  { timeoutMs, signal }: WaitOptions,
  onLeave: (why: "timeout" | "cancelled") => Result,
): Promise<Result> {
  return new Promise((resolve) => {
    const onAbort = () => waiter.settle(onLeave("cancelled"));
    const waiter: Waiter<Value, Result> = {
      value,
      settle(result) {
        waiters.delete(waiter);
        if (timer !== undefined) env.clearTimer(timer);
        signal?.removeEventListener("abort", onAbort);
        resolve(result);
      },
    };
    const timer =
      timeoutMs !== undefined && timeoutMs < 2 ** 31
        ? env.setTimer(() => waiter.settle(onLeave("timeout")), timeoutMs)
        : undefined;
    signal?.addEventListener("abort", onAbort);
    waiters.add(waiter);
  });
}
