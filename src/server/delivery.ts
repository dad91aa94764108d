/**
 * The end-of-turn flush: every topic that grew wakes its readers, every connection with something to send writes once.
 *
 * Always: at most one flush per turn; a frame made for one reader serves all that stand at the same place in that flush.
 * Rules: docs/protocol.md DELIVER1-DELIVER6.
 */
import type { Env } from "../core/env.ts";
import type { Connection } from "./connection.ts";
import type { Subscription } from "./subscription.ts";
import type { Topic } from "./topic.ts";

export interface Delivery {
  /** The topic has entries that its readers do not have. */
  topicGrew(topic: Topic): void;
  flushLater(connection: Connection): void;
  /** Runs `task` at the end of this turn, before anything is written. */
  beforeFlush(task: () => void): void;
  /** The topic holds frames that the end of the flush must forget. */
  framesMade(topic: Topic): void;
  /** Flushes now. */
  flush(): void;
}

export function createDelivery(env: Env): Delivery {
  let tasks: (() => void)[] = [];
  let topics: Topic[] = [];
  const framed: Topic[] = [];
  let connections: Connection[] = [];
  let armed = false;

  const arm = (): void => {
    if (armed) return;
    armed = true;
    env.endOfTurn(flush);
  };

  const runTasks = (): void => {
    const due = tasks;
    tasks = [];
    for (const task of due) task();
  };

  const wakeReaders = (): void => {
    const grown = topics;
    topics = [];
    for (const topic of grown) {
      topic.dirty = false;
      // Where more than one grew, a connection gets what is new in all of them with one write.
      if (grown.length === 1) deliver(topic);
      else for (const subscription of topic.subscriptions) wake(subscription);
    }
  };

  const writeReady = (): void => {
    const ready = connections;
    connections = [];
    for (const connection of ready) {
      connection.queued = false;
      connection.flush();
    }
  };

  const flush = (): void => {
    armed = false;
    runTasks();
    wakeReaders();
    writeReady();
    for (const topic of framed) topic.forgetFrames();
    framed.length = 0;
  };

  return {
    topicGrew(topic) {
      if (topic.dirty) return;
      topic.dirty = true;
      topics.push(topic);
      arm();
    },
    flushLater(connection) {
      if (connection.queued) return;
      connection.queued = true;
      connections.push(connection);
      arm();
    },
    beforeFlush(task) {
      tasks.push(task);
      arm();
    },
    framesMade: (topic) => void framed.push(topic),
    flush,
  };
}

/** A function of its own, as small as it can be: where there are many readers it is what the engine compiles. */
function deliver({ subscriptions }: Topic): void {
  for (const subscription of subscriptions) if (!subscription.connection.deliver(subscription)) wake(subscription);
}

function wake(subscription: Subscription): void {
  if (subscription.state !== "held") subscription.connection.wake(subscription);
}
