/**
 * What one seed means: how a server and its clients are set up, and what is done to them when. A plan is data, drawn
 * before anything runs, so that leaving operations out changes nothing about the others.
 *
 * Always: every draw comes from the seed; each limit is sometimes its default and sometimes tiny.
 */
import { createRng, type Rng } from "sente-sync/testing";
import { opNames, opTable } from "./ops.ts";

export interface PlannedOp {
  readonly atMs: number;
  readonly name: string;
  readonly client: number;
  readonly args: Readonly<Record<string, number | string>>;
}

export interface Plan {
  readonly seed: number | string;
  readonly format: "edn" | "json";
  readonly stateTail: number;
  readonly roomTail: number;
  /** Bytes of a tail; the default is far more than a history has. */
  readonly tailBytes: number;
  readonly mode: "patches" | "value";
  readonly debounceMs: number;
  /** How long `authorize` takes at most; 0: it answers at once. */
  readonly authorizeMs: number;
  readonly server: {
    readonly keepaliveMs: number;
    readonly pingTimeoutMs: number;
    readonly stuckMs: number;
    readonly maxWaiting: number;
    readonly messagesPerSecond: number;
    readonly sessionGraceMs: number;
  };
  readonly clients: readonly ClientPlan[];
  readonly ops: readonly PlannedOp[];
}

export interface ClientPlan {
  readonly user: string;
  readonly keepaliveMs: number;
  readonly pingTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxDelayMs: number;
  readonly stableAfterMs: number;
  readonly maxAttempts: number;
  readonly positionMs: number;
  readonly lingerMs: number;
  readonly clockOffsetMs: number;
  readonly clockRate: number;
}

function drawClient(rng: Rng): ClientPlan {
  return {
    user: rng.pick(["ada", "bob"]),
    keepaliveMs: rng.pick([1000, 4000, 20_000]),
    pingTimeoutMs: rng.pick([500, 5000]),
    connectTimeoutMs: rng.pick([1500, 4000, 20_000]),
    maxDelayMs: rng.pick([500, 4000, 30_000]),
    stableAfterMs: rng.pick([0, 5000]),
    maxAttempts: rng.chance(0.1) ? 3 : Number.POSITIVE_INFINITY,
    positionMs: rng.pick([700, 3000, 40_000]),
    lingerMs: rng.pick([0, 100, 1000]),
    clockOffsetMs: rng.chance(0.3) ? rng.pick([-86_400_000, 3_600_000]) : 0,
    clockRate: rng.chance(0.3) ? rng.pick([0.9, 1.1]) : 1,
  };
}

function drawOps(rng: Rng, clients: number): PlannedOp[] {
  // Swarm: each history does without some of the operations.
  const weights = opNames.map((name) => ({
    name,
    weight: rng.chance(opTable[name]?.always ? 1 : 0.6) ? (opTable[name]?.weight ?? 0) : 0,
  }));
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  const gapMs = rng.pick([30, 80, 180]);
  const ops: PlannedOp[] = [];
  let atMs = 0;
  for (let left = 100 + rng.int(20); left > 0; left--) {
    atMs += rng.exponential(gapMs);
    let at = rng.next() * total;
    const { name } = weights.find(({ weight }) => (at -= weight) < 0) as { name: string };
    ops.push({ atMs: Math.round(atMs * 16) / 16, name, client: rng.int(clients), args: opTable[name]?.draw?.(rng) ?? {} });
  }
  return ops;
}

/** The plan of a seed. */
export function drawPlan(seed: number | string): Plan {
  const rng = createRng(`plan/${seed}`);
  const limits = rng.fork("limits");
  const clients = Array.from({ length: rng.pick([2, 2, 2, 3, 4]) }, (_, index) => drawClient(rng.fork(`client/${index}`)));
  return {
    seed,
    format: limits.chance(0.2) ? "json" : "edn",
    stateTail: limits.pick([2, 5, 1024]),
    roomTail: limits.pick([2, 5, 12, 1024]),
    tailBytes: limits.chance(0.15) ? 200 : 1024 * 1024,
    mode: limits.chance(0.2) ? "value" : "patches",
    debounceMs: limits.chance(0.2) ? 50 : 0,
    authorizeMs: limits.chance(0.3) ? limits.pick([20, 500]) : 0,
    server: {
      keepaliveMs: limits.pick([2000, 6000, 25_000]),
      pingTimeoutMs: limits.pick([500, 3000]),
      stuckMs: limits.pick([1500, 30_000]),
      maxWaiting: limits.pick([4, 1024]),
      messagesPerSecond: limits.chance(0.2) ? 10 : 200,
      sessionGraceMs: limits.pick([1000, 120_000]),
    },
    clients,
    ops: drawOps(rng.fork("ops"), clients.length),
  };
}
