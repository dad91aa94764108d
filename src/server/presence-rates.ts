/**
 * How often each member of a room may do something. The rates belong to its session: they outlive a member that leaves and joins again.
 *
 * Always: twice what a second allows may come at once; what comes after that is refused, until time has passed.
 * Rules: docs/protocol/presence.md PRESENCE1-PRESENCE9.
 */
import type { Env } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import { type Bucket, createBucket, take } from "../tail/bucket.ts";
import type { PresenceCounters, PresenceLimits } from "./presence-limits.ts";
import type { Session } from "./sessions.ts";

type Rates = Record<"updates" | "events" | "lossy", Bucket>;

/** Throws SyncError `rate-limited`. */
export type TakeRate = (session: Session, what: keyof Rates) => void;

export function createRates(env: Env, limits: PresenceLimits, counters: PresenceCounters): TakeRate {
  const { updatesPerSecond, eventsPerSecond, lossyPerSecond } = limits;
  const bySession = new WeakMap<Session, Rates>();
  return (session, what) => {
    const nowMs = env.monotonicMs();
    let rates = bySession.get(session);
    if (!rates) {
      const bucket = (perSecond: number): Bucket => createBucket({ perSecond, burst: 2 * perSecond }, nowMs);
      rates = { updates: bucket(updatesPerSecond), events: bucket(eventsPerSecond), lossy: bucket(lossyPerSecond) };
      bySession.set(session, rates);
    }
    if (take(rates[what], nowMs)) return;
    counters.rateLimited++;
    throw new SyncError("rate-limited", `Too many ${what} of one member.`);
  };
}
