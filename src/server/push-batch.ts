/**
 * Cuts the pushed events that wait for a connection into batches.
 *
 * Always: a batch has at least one event, and no more bytes than its client takes, unless that one event has.
 * Rules: docs/protocol.md WRAP2, DELIVER3; docs/protocol/capabilities.md CAP21.
 */
import type { Frame } from "../transport/transport.ts";
import { maxJoinedBytes } from "./feed.ts";
import { type Framer, fits } from "./frames.ts";

export interface PushBatch {
  /** Nothing where the one event in it is larger than the client takes. */
  readonly frame: Frame | undefined;
  /** The index of the first event that is not in it. */
  readonly next: number;
}

/** The batch of the events from index `start` on, of those before `end`. */
export function nextBatch(
  framer: Framer,
  events: readonly Uint8Array[],
  start: number,
  end: number,
  maxBytes: number,
): PushBatch {
  let next = start;
  let bytes = 0;
  do bytes += (events[next++] as Uint8Array).length;
  while (next < end && bytes + (events[next] as Uint8Array).length <= maxJoinedBytes);
  let frame = framer.batch(events.slice(start, next));
  while (!fits(frame, maxBytes) && next > start + 1) {
    next = start + ((next - start) >> 1);
    frame = framer.batch(events.slice(start, next));
  }
  return { frame: fits(frame, maxBytes) ? frame : undefined, next };
}
