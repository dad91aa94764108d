/**
 * The logs of topics that were let go before anything was written to them: nothing is stored that says in which epoch their readers are,
 * and who wrote to one while it was offline is to find it again.
 *
 * Always: of at most so many names, the newest; one of them that is opened again goes on in its epoch.
 * Rules: docs/protocol/storage.md IDLE5.
 */
import type { OpenLog } from "../topic/log.ts";

export interface Resting {
  rest(name: string, log: OpenLog): void;
  /** It was opened again, or deleted. */
  wake(name: string): void;
}

export function createResting(max: number, forget: (name: string) => void, close: (name: string, log: OpenLog) => void): Resting {
  const logs = new Map<string, OpenLog>();
  const wake = (name: string): void => {
    const log = logs.get(name);
    logs.delete(name);
    // Others may have opened it again; a log in memory does not count them.
    if (log && log.durability !== "memory") close(name, log);
  };
  return {
    rest(name, log) {
      logs.set(name, log);
      if (logs.size <= max) return;
      const [oldest, { durability }] = logs.entries().next().value as [string, OpenLog];
      wake(oldest);
      if (durability === "memory") forget(oldest);
    },
    wake,
  };
}
