/**
 * A hybrid logical clock: stamps that follow the wall clock where it goes forward, and order what happened where it does not.
 *
 * Always: each stamp of one clock is later than all that it made or saw; two clocks with different nodes never make equal
 * stamps; a stamp from too far in the future is never taken over.
 * Rules: docs/protocol/shared.md HLC1-HLC6. Source: Kulkarni, Demirbas et al., "Logical Physical Clocks", 2014.
 */

/** When, how many before it in the same millisecond, and by whom. */
export interface Stamp {
  /** Wall clock of the server, as far as its maker knows it. */
  readonly ms: number;
  readonly count: number;
  /** Named by the server; the same stamp of two nodes is ordered by it. */
  readonly node: string;
}

/** How far a stamp may be ahead of the one who judges it. */
export const maxAheadMs = 60_000;
/** Stamps within one millisecond; the next one is of the millisecond after. */
export const maxCount = 65_536;

/** Before any other. */
export const firstStamp: Stamp = { ms: 0, count: 0, node: "" };

/** Negative: `a` is earlier. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.ms - b.ms || a.count - b.count || (a.node < b.node ? -1 : a.node > b.node ? 1 : 0);
}

export interface HybridClock {
  node: string;
  /** What is added to the wall clock: how far the server's is ahead of it. */
  offsetMs: number;
  next(): Stamp;
  /** Later stamps of this clock are later than that one. False: it is too far ahead, and is not taken over. */
  see(stamp: Stamp): boolean;
}

export function createHybridClock(nowMs: () => number, node: string): HybridClock {
  let ms = 0;
  let count = 0;
  const clock: HybridClock = {
    node,
    offsetMs: 0,
    next() {
      const wallMs = Math.floor(nowMs() + clock.offsetMs);
      if (wallMs > ms) {
        ms = wallMs;
        count = 0;
      } else if (++count === maxCount) {
        ms++;
        count = 0;
      }
      return { ms, count, node: clock.node };
    },
    see(stamp) {
      if (stamp.ms > nowMs() + clock.offsetMs + maxAheadMs) return false;
      if (stamp.ms > ms || (stamp.ms === ms && stamp.count > count)) {
        ms = stamp.ms;
        count = stamp.count;
      }
      return true;
    },
  };
  return clock;
}
