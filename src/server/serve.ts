/**
 * Serves the cursors of one connection that have something to send, in turn.
 *
 * Always: one flush gives a connection 64 KiB of entries and snapshot parts, and one frame more; a cursor with more to send than
 * that goes behind the others.
 * Rules: docs/protocol.md DELIVER4, DELIVER5, SUB20; docs/protocol/capabilities.md CAP23.
 */
import type { Connection } from "./connection.ts";
import type { Counters } from "./counters.ts";
import { advance, isBehind } from "./cursor.ts";
import type { Subscription } from "./subscription.ts";

/** Bytes of entries and snapshot parts that one connection is given in one flush. */
const flushBytes = 64 * 1024;

export interface ServeHost {
  readonly counters: Counters;
  endSubscription(subscription: Subscription, code: "too-large" | "read-only"): void;
  report(error: unknown, where: string): void;
}

/** False: the transport is full. */
export function serveCursors(connection: Connection, host: ServeHost): boolean {
  const { pending, compact, maxBytes } = connection;
  let budget = flushBytes;
  let room = true;
  let done = 0;
  for (; done < pending.length && room && budget > 0; done++) {
    const subscription = pending[done] as Subscription;
    subscription.pending = false;
    while (room && budget > 0) {
      const next = advance(subscription, compact, maxBytes);
      if (typeof next === "string") {
        if (next === "in-log") readPast(connection, subscription, host);
        else if (next === "too-large") giveUp(subscription, host);
        break;
      }
      budget -= next.data.length;
      room = connection.send(next);
    }
    if (!isBehind(subscription)) continue;
    // Not finished: it stays, behind the others, so that one large topic does not starve the rest.
    subscription.pending = true;
    pending.push(subscription);
  }
  if (done === pending.length) pending.length = 0;
  else connection.pending = pending.slice(done);
  return room;
}

/** The topic has something that is larger than its client takes. */
function giveUp(subscription: Subscription, host: ServeHost): void {
  host.counters.tooLargeForPeer++;
  subscription.state = "held";
  subscription.snapshot = undefined;
  host.endSubscription(subscription, "too-large");
}

/** What the tail no longer has, the log does: it comes as parts, as a snapshot does, and the cursor follows. */
function readPast(connection: Connection, subscription: Subscription, host: ServeHost): void {
  const { topic, feed, cursor } = subscription;
  connection.reading = [...(connection.reading ?? []), subscription];
  subscription.state = "reading";
  const goOn = (snapshot: Subscription["snapshot"]): void => {
    const rest = connection.reading?.filter((other) => other !== subscription);
    connection.reading = rest?.length ? rest : undefined;
    if (!connection.holds(subscription) || connection.closed) return;
    subscription.snapshot = snapshot;
    subscription.state = snapshot ? "snapshot" : "live";
    connection.wake(subscription);
  };
  topic.past(feed, cursor + 1, connection.compact).then(
    (past) => goOn(past && { ...past, next: 0 }),
    (error: unknown) => {
      host.report(error, topic.name);
      if (connection.holds(subscription)) host.endSubscription(subscription, "read-only");
      goOn(undefined);
    },
  );
}
