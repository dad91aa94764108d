/** Limits and timings of a history: each is sometimes the default and sometimes tiny. */
import type { Rng, WorldOptions } from "sente-sync/testing";

export interface Limits extends Required<Pick<WorldOptions<unknown, unknown, unknown>, "server" | "client" | "storage">> {
  /** Topics remember fewer sessions than there are. */
  readonly mayForget: boolean;
}

export function drawLimits(rng: Rng): Limits {
  const maxWriters = rng.chance(0.2) ? rng.pick([1, 3]) : 10_000;
  return {
    mayForget: maxWriters < 10_000,
    server: {
      keepalive: { keepaliveMs: rng.pick([2000, 6000, 25_000]), pingTimeoutMs: rng.pick([500, 3000]) },
      limits: {
        stuckMs: rng.pick([1500, 30_000]),
        sessionGraceMs: rng.pick([1000, 120_000]),
        maxWriters,
        // Drawn apart: the others stay as they were.
        idleTopicMs: rng.fork("idle").pick([20, 200, 1000, 60_000]),
      },
    },
    client: {
      reconnect: {
        keepaliveMs: rng.pick([1000, 4000, 20_000]),
        pingTimeoutMs: rng.pick([500, 5000]),
        connectTimeoutMs: rng.pick([1500, 4000]),
        maxDelayMs: rng.pick([500, 4000]),
      },
      positionMs: rng.pick([700, 3000, 40_000]),
      lingerMs: rng.pick([0, 100, 1000]),
    },
    storage: { latencyMs: rng.pick([0, 1, 20]), segmentBytes: rng.pick([2048, 16_384, 1 << 24]) },
  };
}
