/**
 * How a server lets go of its connections: it answers what was read, if it is asked to, and says goodbye.
 *
 * Always: draining ends when nothing is on its way any more, or when its time is over; nothing new is read meanwhile.
 * Rules: docs/protocol.md DOOR9, DOOR13.
 */
import type { Env } from "../core/env.ts";
import type { Connection } from "./connection.ts";
import { pauseReasons } from "./connection-record.ts";
import { ping } from "./keepalive.ts";
import { closeCodes } from "./limits.ts";
import type { Topics } from "./topics.ts";

/** How often to look whether all is answered. */
const lookEveryMs = 10;
/** Nobody's ping is answered meanwhile: what is pinged so often does not take the server for dead. */
const pingEveryMs = 2000;

/** Resolves when all that was read is answered, or after `drainMs`. */
export function drained(env: Env, connections: ReadonlySet<Connection>, topics: Topics, drainMs: number): Promise<void> {
  const untilMs = env.monotonicMs() + drainMs;
  let pingMs = env.monotonicMs() + pingEveryMs;
  for (const connection of connections) connection.pauseReading(pauseReasons.drain);
  return new Promise((resolve) => {
    const look = (): void => {
      const busy = topics.storing ?? [...connections].some(isBusy);
      const nowMs = env.monotonicMs();
      if (!busy || nowMs >= untilMs) return resolve();
      if (nowMs >= pingMs) {
        pingMs = nowMs + pingEveryMs;
        for (const connection of connections) if (!connection.polled && !connection.blockedSinceMs) ping(connection);
      }
      env.setTimer(look, lookEveryMs);
    };
    look();
  });
}

/** Also an answer that only the socket still holds would be lost with it. */
function isBusy({ openCallbacks, waiting, transport }: Connection): boolean {
  return openCallbacks + waiting + transport.bufferedBytes > 0;
}

/** Closes them all; what waits for them leaves first. */
export function dismiss(connections: ReadonlySet<Connection>): void {
  for (const connection of [...connections]) {
    connection.flush();
    connection.close(closeCodes.goingAway, "server closing");
    // Only its goodbye is heard of what it still says.
    connection.resumeReading(pauseReasons.drain);
    // Nobody can come for it any more.
    if (connection.polled) connection.transport.terminate();
  }
}
