/**
 * A session that moves to another connection: its cursors, its replies and its pushes go over at one instant.
 *
 * Always: the old connection's last message is `:sync/moved`, behind everything that was to be said on it; nothing is said on the new one
 * before, but its handshake; what comes on the new one is handled after everything that came on the old one. A move that does not
 * come about ends both connections.
 * Rules: docs/protocol/upgrade.md MOVE1-MOVE14.
 */
import type { Env } from "../core/env.ts";
import { movedEvent } from "../session/messages/move.ts";
import type { Connection } from "./connection.ts";
import { pauseReasons } from "./connection-record.ts";
import type { Delivery } from "./delivery.ts";
import type { Feed } from "./feed.ts";
import { closeCodes } from "./limits.ts";
import type { Subscription } from "./subscription.ts";

/** How often to look whether a connection has nothing left to say. */
const lookEveryMs = 5;
/** A move that takes longer is given up: the client connects anew. */
const maxMoveMs = 10_000;

export interface Moves {
  /** Nothing more will come on it. */
  leave(from: Connection): void;
  /** Takes over from the connection of the same session that leaves; `done` is called once it has. */
  arrive(to: Connection, done: () => void): void;
}

interface MovesHost {
  readonly env: Env;
  readonly delivery: Delivery;
  /** Pushes go to the other from now on. */
  tookOver(from: Connection, to: Connection): void;
  report(error: unknown, where: string): void;
}

export function createMoves({ env, delivery, tookOver, report }: MovesHost): Moves {
  const pause = (): Promise<void> => new Promise((resolve) => void env.setTimer(resolve, lookEveryMs));

  /** True once it has taken over; false where that does not come about. */
  const move = async (from: Connection, to: Connection, done: () => void): Promise<boolean> => {
    const untilMs = env.monotonicMs() + maxMoveMs;
    while (!from.closing && !from.closed && !to.closed && env.monotonicMs() < untilMs) {
      const { subscriptions } = from;
      const feeds = await Promise.all(subscriptions.map(async ({ topic, feed }) => topic.feedLike(feed, to.framer)));
      delivery.flush();
      // From here to the end in one go: an entry, a reply that came between would be on the wrong side.
      if (isSilent(from) && from.subscriptions === subscriptions && !to.closed) {
        takeOver(from, to, feeds);
        done();
        return true;
      }
      await pause();
    }
    return false;
  };

  const takeOver = (from: Connection, to: Connection, feeds: readonly Feed[]): void => {
    from.control(from.framer.event(movedEvent, undefined));
    from.flush();
    from.movedTo = to;
    to.granting = from.granting;
    to.answering = from.answering;
    to.ended = from.ended;
    to.subscriptions = from.subscriptions.map((subscription, at): Subscription => {
      const { topic } = subscription;
      const moved: Subscription = { ...subscription, connection: to, feed: feeds[at] as Feed, pending: false };
      topic.subscriptions.delete(subscription);
      topic.subscriptions.add(moved);
      return moved;
    });
    from.subscriptions = [];
    to.visiting = false;
    to.capabilities = from.capabilities;
    tookOver(from, to);
    from.close(closeCodes.normal, "moved");
  };

  return {
    leave(from) {
      from.moving = true;
    },
    arrive(to, done) {
      // The newest: an older one may be one that the client has long given up.
      const from = to.session?.connections.findLast((other) => other !== to && !other.closed && !other.movedTo);
      const fail = (): void => {
        for (const connection of from ? [from, to] : [to]) connection.close(closeCodes.normal, "not moved");
      };
      if (!from) return fail();
      // What was read already waits with it.
      to.awaitsMove = [];
      to.pauseReading(pauseReasons.move);
      const moved = move(from, to, done).catch((error: unknown) => {
        report(error, "move");
        return false;
      });
      void moved.then((hasMoved) => {
        if (!hasMoved) return fail();
        to.resumeReading(pauseReasons.move);
        const early = to.awaitsMove ?? [];
        to.awaitsMove = undefined;
        for (const data of early) to.onFrame(data);
      });
    },
  };
}

/** It has said and heard everything. */
function isSilent(from: Connection): boolean {
  const { closed, closing, moving, subscribing, subscriptions, blockedSinceMs, waiting, caughtUp } = from;
  const isDone = moving && !subscribing && !waiting && caughtUp && !blockedSinceMs;
  return (
    isDone && !closed && !closing && subscriptions.every(({ snapshot, read, state }) => !snapshot && !(read && state === "held"))
  );
}
