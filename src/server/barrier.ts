/**
 * What holds replies and pushes back while cursors of the same connection are behind.
 *
 * Always: it holds what was queued when it was raised, and no more; a cursor that its connection no longer holds is not waited for.
 * Rules: docs/protocol.md REPLY2, REPLY4.
 */
import type { Subscription } from "./subscription.ts";

/** The first `replies` and `pushes` of those that wait leave once those cursors are where they should be. */
export interface Barrier {
  replies: number;
  pushes: number;
  readonly waits: readonly { readonly subscription: Subscription; readonly offset: number }[];
}

/** `behind` is to reach where its topics stand now. */
export function raiseBarrier(replies: number, pushes: number, behind: readonly Subscription[]): Barrier {
  return { replies, pushes, waits: behind.map((subscription) => ({ subscription, offset: subscription.topic.head })) };
}

export function isReached({ waits }: Barrier): boolean {
  return waits.every(({ subscription, offset }) => subscription.cursor >= offset || !subscription.connection.holds(subscription));
}
