/**
 * Finds dead and stuck connections in one sweep over all: no timer per connection.
 *
 * A connection from which nothing was heard for half of `keepaliveMs` is pinged, and closed when nothing is heard within
 * `pingTimeoutMs` after that. One whose socket has not drained for `stuckMs` is closed, too.
 * Always: a connection that spoke since the last look costs one comparison.
 * Rules: docs/protocol.md PING1-PING7. Source: sente-wire section 9.
 */
import type { Env, Timer } from "../core/env.ts";
import { Keyword } from "../core/values.ts";
import type { Connection } from "./connection.ts";
import type { Counters } from "./counters.ts";
import { closeCodes } from "./limits.ts";
import type { Sessions } from "./sessions.ts";

export interface KeepaliveOptions {
  /** As Sente's `ws-kalive-ms`: half of it idle, and a ping goes out. Default 25 000; 0 turns pings off. */
  readonly keepaliveMs: number;
  /** Anything heard within it will do. Default 10 000. */
  readonly pingTimeoutMs: number;
}

export const defaultKeepalive: KeepaliveOptions = { keepaliveMs: 25_000, pingTimeoutMs: 10_000 };

export interface Sweep {
  /** There is somebody to look after. */
  arm(): void;
  stop(): void;
}

interface SweepHost {
  readonly env: Env;
  readonly connections: ReadonlySet<Connection>;
  readonly sessions: Sessions;
  readonly keepalive: KeepaliveOptions;
  readonly stuckMs: number;
  readonly counters: Counters;
}

type Verdict = "fine" | "ping" | "silent" | "stuck";

const pingEvent = new Keyword("chsk/ws-ping");

/** Says something that any client takes for a sign of life. */
export function ping(connection: Connection): void {
  connection.control(connection.framer.message(pingEvent));
}

export function createSweep({ env, connections, sessions, keepalive, stuckMs, counters }: SweepHost): Sweep {
  let timer: Timer | undefined;
  const arm = (): void => {
    timer ??= env.setTimer(sweep, sweepEveryMs(keepalive));
  };
  const sweep = (): void => {
    timer = undefined;
    const nowMs = env.monotonicMs();
    for (const connection of connections) {
      switch (check(connection, nowMs, keepalive, stuckMs)) {
        case "ping":
          ping(connection);
          break;
        case "silent":
          counters.closedSilent++;
          connection.close(closeCodes.normal, "");
          break;
        case "stuck":
          counters.closedStuck++;
          // Should it read again soon, it learns why; else the transport gives it up.
          connection.close(closeCodes.stuck, "stuck");
          break;
        case "fine":
          connection.rest();
          break;
      }
    }
    sessions.sweep();
    if (connections.size || sessions.size) arm();
  };
  return {
    arm,
    stop() {
      if (timer !== undefined) env.clearTimer(timer);
      timer = undefined;
    },
  };
}

/** What is to be done about the connection now. */
export function check(connection: Connection, nowMs: number, options: KeepaliveOptions, stuckMs: number): Verdict {
  // One that polls is timed by its polls.
  if (connection.closing || connection.polled) return "fine";
  if (connection.blockedSinceMs && nowMs - connection.blockedSinceMs > stuckMs) return "stuck";
  // While it is us who do not read, silence says nothing.
  if (!options.keepaliveMs || nowMs < connection.checkAtMs || connection.readingPaused) return "fine";
  if (connection.heard !== connection.heardAtCheck) {
    connection.heardAtCheck = connection.heard;
    connection.pingedAtMs = 0;
    connection.checkAtMs = nowMs + options.keepaliveMs / 2;
    return "fine";
  }
  // Opened to take over from another, and it does not: nobody counts it.
  if (connection.pingedAtMs || connection.visiting) return "silent";
  connection.pingedAtMs = Math.floor(nowMs) || 1;
  connection.checkAtMs = nowMs + options.pingTimeoutMs;
  return "ping";
}

/** How often to look: often enough to be late by a quarter of the shorter time at most. */
export function sweepEveryMs({ keepaliveMs, pingTimeoutMs }: KeepaliveOptions): number {
  const shortest = Math.min(keepaliveMs ? keepaliveMs / 2 : 10_000, pingTimeoutMs || 10_000);
  return Math.min(2500, Math.max(25, shortest / 4));
}
