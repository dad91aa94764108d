/**
 * What the clients of a simulated world did and what they were told, for a checker to judge afterwards.
 *
 * Always: an operation has one outcome; one that was never answered is `unknown`, which may mean done or not.
 */
import type { VirtualClock } from "./virtual-clock.ts";

export interface Operation<Op = unknown, Result = unknown> {
  /** Who did it: a client, or one life of it. */
  readonly by: string;
  readonly op: Op;
  readonly invokedMs: number;
  outcome: "unknown" | "ok" | "fail";
  settledMs?: number;
  result?: Result;
}

export interface History<Op = unknown, Result = unknown> {
  readonly operations: readonly Operation<Op, Result>[];
  /** Records that it began; the answer, if one comes, goes to `ok` or `fail`. The first one counts. */
  invoke(by: string, op: Op): { ok(result: Result): void; fail(result: Result): void };
}

export function createHistory<Op = unknown, Result = unknown>(clock: VirtualClock): History<Op, Result> {
  const operations: Operation<Op, Result>[] = [];
  return {
    operations,
    invoke(by, op) {
      const operation: Operation<Op, Result> = { by, op, invokedMs: clock.nowMs, outcome: "unknown" };
      operations.push(operation);
      const settle = (outcome: "ok" | "fail") => (result: Result) => {
        if (operation.outcome !== "unknown") return;
        operation.outcome = outcome;
        operation.settledMs = clock.nowMs;
        operation.result = result;
      };
      return { ok: settle("ok"), fail: settle("fail") };
    },
  };
}
