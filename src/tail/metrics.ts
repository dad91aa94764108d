/**
 * Counters of a queue, and the stream that tells their growth.
 *
 * Always: what a listener was told adds up to the difference of two snapshots; at most one event per listener and
 * turn of the event loop, none for a turn in which nothing changed; without listeners a change costs one comparison.
 * Rules: docs/protocol/tail.md QUEUE23-QUEUE26.
 */
import type { Env } from "../core/env.ts";

export interface QueueCounters {
  /** Values taken in: kept, or handed to a receiver. */
  readonly sendIndex: number;
  /** Values that left: received, dropped as the oldest, or undelivered. */
  readonly recvIndex: number;
  readonly dropsOldest: number;
  readonly dropsNewest: number;
  /** Values taken in and thrown away at close. */
  readonly undelivered: number;
  /** Waiters that left before their turn, by timeout or signal. */
  readonly cancelledWaiters: number;
}

export interface QueueStatus {
  readonly version: 1;
  /** `sendIndex - recvIndex`. */
  readonly length: number;
  readonly state: "open" | "closed";
}

export interface QueueMetrics extends QueueStatus {
  /** What the counters grew by since this listener was last told. */
  readonly delta: QueueCounters;
}

export interface Metrics {
  /** Something that `read` returns may have changed. */
  changed(): void;
  on(listener: (metrics: QueueMetrics) => void): () => void;
}

export function createMetrics(env: Env, read: () => QueueCounters & QueueStatus): Metrics {
  const listeners = new Set<{ tell: (metrics: QueueMetrics) => void; told: QueueCounters & QueueStatus }>();
  let scheduled = false;

  function flush(): void {
    scheduled = false;
    const now = read();
    for (const listener of listeners) {
      const { told } = listener;
      const delta = {
        sendIndex: now.sendIndex - told.sendIndex,
        recvIndex: now.recvIndex - told.recvIndex,
        dropsOldest: now.dropsOldest - told.dropsOldest,
        dropsNewest: now.dropsNewest - told.dropsNewest,
        undelivered: now.undelivered - told.undelivered,
        cancelledWaiters: now.cancelledWaiters - told.cancelledWaiters,
      };
      // One that subscribed after the change has it in the snapshot it started from.
      if (now.state === told.state && Object.values(delta).every((growth) => growth === 0)) continue;
      listener.told = now;
      listener.tell({ version: 1, length: now.length, state: now.state, delta });
    }
  }

  return {
    changed() {
      if (scheduled || listeners.size === 0) return;
      scheduled = true;
      env.endOfTurn(flush);
    },
    on(tell) {
      const listener = { tell, told: read() };
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
