/**
 * What a server counts: the part of `sync.stats()` that only grows.
 *
 * Always: whatever is refused, dropped or closed by a limit is counted here, once.
 * Rules: docs/protocol.md LIMIT1-LIMIT14.
 */

export interface Counters {
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  malformed: number;
  badEvents: number;
  unhandledEvents: number;
  refused: number;
  droppedPushes: number;
  /** Frames that may be lost, for connections that were full. */
  droppedLossy: number;
  /** Replies, pushes and entries that are larger than the client said it takes. */
  tooLargeForPeer: number;
  ratePauses: number;
  /** Sent again, and answered as before. */
  repeatedWrites: number;
  closedStuck: number;
  closedSilent: number;
  closedFlooding: number;
  /** WebSockets, for a message over `maxFrameBytes` as it came or inflated. */
  closedTooLarge: number;
  handlerErrors: number;
  /** How often a topic gave up what its tails held, for `maxTailBytes`. */
  droppedTails: number;
  /** Also those that were loaded again. */
  topicsLoaded: number;
  /** Let go because nobody used them. */
  topicsUnloaded: number;
}

export function createCounters(): Counters {
  return {
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    malformed: 0,
    badEvents: 0,
    unhandledEvents: 0,
    refused: 0,
    droppedPushes: 0,
    droppedLossy: 0,
    tooLargeForPeer: 0,
    ratePauses: 0,
    repeatedWrites: 0,
    closedStuck: 0,
    closedSilent: 0,
    closedFlooding: 0,
    closedTooLarge: 0,
    handlerErrors: 0,
    droppedTails: 0,
    topicsLoaded: 0,
    topicsUnloaded: 0,
  };
}
