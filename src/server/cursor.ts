/**
 * What one cursor sends next, and where it stands then: the parts of a snapshot, or the entries of its topic's tail. What the tail no
 * longer has comes from the log; where that does not have it either, the reader is told that it was overtaken.
 *
 * Always: a cursor stands behind what was handed out last, and never skips an entry without a word; a snapshot counts once its last part
 * is handed out.
 * Rules: docs/protocol.md SUB5-SUB7, DELIVER6; docs/protocol/capabilities.md CAP23.
 */
import type { Frame } from "../transport/transport.ts";
import { fits } from "./frames.ts";
import type { Subscription } from "./subscription.ts";

/** Why it sends nothing now: it has everything or waits, what it wants is in the log, or is larger than its client takes. */
export type Halt = "rests" | "in-log" | "too-large";

/** The next frame, over which the cursor has moved. */
export function advance(subscription: Subscription, compact: boolean, maxBytes: number): Frame | Halt {
  if (subscription.snapshot) return nextPart(subscription, subscription.snapshot, maxBytes);
  const { topic, feed, cursor, state } = subscription;
  if (state === "held" || state === "reading" || cursor >= feed.tail.next - 1) return "rests";
  if (cursor + 1 < feed.tail.first) return topic.keeps(cursor + 1) ? "in-log" : overtaken(subscription);
  const next = nextEntries(subscription, compact, maxBytes);
  if (!next) return "too-large";
  subscription.cursor = next.last;
  return next.frame;
}

/** There is something that it could send at once. */
export function isBehind({ snapshot, state, cursor, feed }: Subscription): boolean {
  return snapshot !== undefined || (state === "live" && cursor < feed.tail.next - 1);
}

/** The frame with its next entries; nothing where its client takes not even one of them. */
export function nextEntries(
  { topic, feed, cursor }: Subscription,
  compact: boolean,
  maxBytes: number,
): { readonly frame: Frame; readonly last: number } | undefined {
  const first = cursor + 1;
  const shared = topic.frame(feed, first, compact);
  if (fits(shared.frame, maxBytes)) return shared;
  let last = feed.tail.rangeEnd(first, maxBytes);
  for (;;) {
    const frame = topic.entries(feed, first, last, compact);
    if (fits(frame, maxBytes)) return { frame, last };
    if (last === first) return undefined;
    last = first + ((last - first) >> 1);
  }
}

function nextPart(
  subscription: Subscription,
  snapshot: NonNullable<Subscription["snapshot"]>,
  maxBytes: number,
): Frame | "too-large" {
  const part = snapshot.parts[snapshot.next] as Frame;
  if (!fits(part, maxBytes)) return "too-large";
  if (++snapshot.next === snapshot.parts.length) {
    subscription.snapshot = undefined;
    subscription.state = "live";
    // Not earlier: replies wait for the cursor, and must not overtake a snapshot that has their effect.
    subscription.cursor = snapshot.offset;
  }
  return part;
}

/** The tail dropped what this reader still wanted: it is told, and given a snapshot or the oldest entries kept. */
function overtaken(subscription: Subscription): Frame {
  const { topic, feed, connection } = subscription;
  const snapshot = topic.catchUp === "snapshot" ? topic.snapshot(feed) : undefined;
  const at = snapshot ? snapshot.offset : Math.min(feed.tail.first, topic.first) - 1;
  if (snapshot) {
    subscription.state = "snapshot";
    subscription.snapshot = { ...snapshot, next: 0 };
  } else {
    subscription.cursor = at;
  }
  return connection.framer.event("sync/gap", [topic.id, topic.id, [feed.epoch, at], "overtaken"]);
}
