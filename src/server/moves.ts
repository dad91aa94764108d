/**
 * A session that moves to another connection: its cursors, its replies and its pushes go over at one instant.
 *
 * Always: the old connection's last message is `:sync/moved`, behind everything that was to be said on it; nothing is said on the new one
 * before, but its handshake; what comes on the new one is handled after everything that came on the old one.
 * Rules: docs/protocol/upgrade.md MOVE1-MOVE9.
 */
import type { Env } from "../core/env.ts";
import { movedEvent } from "../session/messages/move.ts";
import { event } from "../session/messages/sente.ts";
import { type Connection, pauseReasons } from "./connection.ts";
import type { Delivery } from "./delivery.ts";
import type { Subscription } from "./subscription.ts";
import type { Feed } from "./topic.ts";

/** How often to look whether a connection has nothing left to say. */
const lookEveryMs = 5;
/** A move that takes longer is given up: the client connects anew. */
const maxMoveMs = 10_000;

export interface Moves {
  /** Nothing more will come on it. */
  leave(from: Connection): void;
  /** Takes over from the connection of the same session that leaves; `done` is told whether there was one. */
  arrive(to: Connection, done: (moved: boolean) => void): void;
}

export function createMoves(env: Env, delivery: Delivery, tookOver: (from: Connection, to: Connection) => void): Moves {
  const pause = (): Promise<void> => new Promise((resolve) => void env.setTimer(resolve, lookEveryMs));

  /** The feeds of its cursors in another format, once it has nothing left to say; nothing where that does not come about. */
  const settle = async (from: Connection, to: Connection): Promise<readonly Feed[] | undefined> => {
    const untilMs = env.monotonicMs() + maxMoveMs;
    while (!from.closed && !to.closed && env.monotonicMs() < untilMs) {
      await from.subscribing;
      const { subscriptions } = from;
      const feeds = await Promise.all(subscriptions.map(({ topic }) => topic.feed(to.framer)));
      delivery.flush();
      const isStill = from.moving && !from.subscribing && from.subscriptions === subscriptions && !from.blockedSinceMs;
      if (isStill && !from.waiting && from.caughtUp && subscriptions.every(({ snapshot }) => !snapshot)) return feeds;
      await pause();
    }
    return undefined;
  };

  const takeOver = (from: Connection, to: Connection, feeds: readonly Feed[]): void => {
    from.push(from.framer.piece(event(movedEvent)));
    from.movedTo = to;
    to.granting = from.granting;
    to.subscriptions = from.subscriptions.map((subscription, at): Subscription => {
      const { topic } = subscription;
      const moved: Subscription = { ...subscription, connection: to, feed: feeds[at] as Feed, pending: false };
      topic.subscriptions.delete(subscription);
      topic.subscriptions.add(moved);
      from.forget(subscription);
      return moved;
    });
    from.subscriptions = [];
    tookOver(from, to);
  };

  return {
    leave(from) {
      from.moving = true;
    },
    arrive(to, done) {
      const from = to.session?.connections.find((other) => other !== to && !other.closed && !other.movedTo);
      if (!from) return done(false);
      // What was read already waits with it.
      to.awaitsMove = [];
      to.pauseReading(pauseReasons.move);
      void settle(from, to).then((feeds) => {
        if (to.closed) return;
        if (feeds) takeOver(from, to, feeds);
        done(feeds !== undefined);
        to.resumeReading(pauseReasons.move);
        const early = to.awaitsMove ?? [];
        to.awaitsMove = undefined;
        for (const data of early) to.onFrame(data);
      });
    },
  };
}
