/**
 * The clock of a client's shared writes: the server's time, as far as it was told, and stamps that follow one another.
 *
 * The server says its time with every subscription. From then on it goes by whichever of this machine's clocks went further: the
 * wall clock may be set back or stand still, the monotonic one may stop while the machine sleeps.
 * Always: one per client; a stamp is later than all that this clock made or saw, unless that was too far ahead.
 * Rules: docs/protocol/shared.md HLC3, SHARED16-SHARED18, SHARED27.
 */
import type { Env } from "../core/env.ts";
import { compareStamps, createHybridClock, firstStamp, maxAheadMs, type Stamp } from "../core/hlc.ts";
import type { Welcome } from "../session/messages/sync.ts";
import type { KindCore } from "./client.ts";

export interface SharedClock {
  /** The server has said its time. */
  readonly isKnown: boolean;
  /** This client's node, as others see it: the server's word. */
  readonly node: string;
  /** It is, or was, this client's. */
  isOwn(node: string): boolean;
  /** The server's clock says so now. */
  learn(serverMs: number): void;
  see(stamp: Stamp): void;
  /** The server has taken it: so its clock was no more than a minute behind it, whatever it said then or says now. */
  hear(stamp: Stamp): void;
  next(): Stamp;
  /** Nobody takes a stamp over that is later. */
  readonly latestMs: number;
}

const clocks = new WeakMap<KindCore, SharedClock>();

export function clockOf(core: KindCore): SharedClock {
  let clock = clocks.get(core);
  if (!clock) {
    clock = createSharedClock(core.env, () => (core.facts.welcome as Welcome | undefined)?.replica ?? "");
    clocks.set(core, clock);
  }
  return clock;
}

export function createSharedClock(env: Env, nodeNow: () => string): SharedClock {
  let isKnown = false;
  let start = { serverMs: env.nowMs(), wallMs: env.nowMs(), monotonicMs: env.monotonicMs() };
  const nowMs = (): number => start.serverMs + Math.max(0, env.nowMs() - start.wallMs, env.monotonicMs() - start.monotonicMs);
  let hybrid = createHybridClock(nowMs, "");
  let seen = firstStamp;
  let heard = firstStamp;
  let made = firstStamp;
  const own = new Set<string>();
  const node = (): string => {
    const now = nodeNow();
    if (now) own.add(now);
    return now;
  };

  const goOnFrom = (serverMs: number): void => {
    start = { serverMs, wallMs: env.nowMs(), monotonicMs: env.monotonicMs() };
  };
  const see = (stamp: Stamp): void => {
    if (compareStamps(stamp, seen) > 0) seen = stamp;
    hybrid.see(stamp);
  };

  return {
    get isKnown() {
      return isKnown;
    },
    get node() {
      return node();
    },
    isOwn: (other) => other === node() || own.has(other),
    learn(serverMs) {
      isKnown = true;
      goOnFrom(Math.max(serverMs, heard.ms - maxAheadMs));
      // What it made by a clock that was wrong does not bind it.
      hybrid = createHybridClock(nowMs, "");
      hybrid.see(seen);
      hybrid.see(made);
    },
    see,
    hear(stamp) {
      if (compareStamps(stamp, heard) > 0) heard = stamp;
      if (isKnown && heard.ms - maxAheadMs > nowMs()) goOnFrom(heard.ms - maxAheadMs);
      see(stamp);
    },
    next() {
      hybrid.node = node();
      made = hybrid.next();
      return made;
    },
    get latestMs() {
      return nowMs() + maxAheadMs;
    },
  };
}
