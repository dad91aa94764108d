/**
 * Where a reader goes on: behind what it has, where the topic keeps all that follows; else from a state, or behind a gap.
 *
 * Always: who is told `recovered` misses nothing.
 * Rules: docs/protocol.md SUB3, SUB4.
 */
import type { Since } from "../session/messages/sync.ts";
import type { Feed } from "./feed.ts";
import type { Subscription } from "./subscription.ts";
import type { Topic } from "./topic.ts";

export interface Start {
  readonly offset: number;
  readonly recovered: boolean;
  /** On its way to the reader; undefined: it needs none, or there is none. */
  readonly snapshot: Subscription["snapshot"];
}

/** For a reader that has everything up to `since`; `read` false: it only writes. */
export function startingPoint(topic: Topic, feed: Feed, since: Since | null, read: boolean): Start {
  const { head } = topic;
  if (!read) return { offset: head, recovered: true, snapshot: undefined };
  const known = since !== null && (since.epoch === null || since.epoch === feed.epoch) && since.offset <= head;
  if (known && (topic.catchUp === "gap" ? topic.keeps(since.offset + 1) : since.offset + 1 >= feed.tail.first))
    return { offset: since.offset, recovered: true, snapshot: undefined };
  if (topic.catchUp === "snapshot") {
    const { offset, parts } = topic.snapshot(feed);
    return { offset, recovered: false, snapshot: { offset, parts, next: 0 } };
  }
  // A channel has no state to send: a newcomer starts now, one who missed entries gets all that is kept.
  return since === null
    ? { offset: head, recovered: true, snapshot: undefined }
    : { offset: topic.first - 1, recovered: false, snapshot: undefined };
}
