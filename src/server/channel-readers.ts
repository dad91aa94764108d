/**
 * Who reads a channel: counted by connections and by users, and told when that changes.
 *
 * Always: who only writes or consumes is not counted; what one turn changes is told once, at its end.
 * Rules: docs/protocol/channels.md CHANNEL14-CHANNEL16.
 */
import type { Env } from "../core/env.ts";
import { createStore, type Readable } from "../core/store.ts";
import type { Topic } from "./topic.ts";

export interface Subscribers {
  readonly connections: number;
  readonly users: number;
}

const none: Subscribers = { connections: 0, users: 0 };

export function countReaders(topic: Topic): Subscribers {
  const users = new Set<string>();
  let connections = 0;
  for (const { connection, read } of topic.subscriptions) {
    if (!read) continue;
    connections++;
    users.add(connection.user.id);
  }
  return { connections, users: users.size };
}

/** The readers of a topic, which may be opened later. */
export interface Readers extends Readable<Subscribers> {
  follow(topic: Topic): void;
}

export function createReaders(env: Env): Readers {
  let topic: Topic | undefined;
  let isArmed = false;
  const told = createStore(none);
  const get = (): Subscribers => (topic ? countReaders(topic) : none);
  const changed = (): void => {
    if (isArmed) return;
    isArmed = true;
    env.endOfTurn(() => {
      isArmed = false;
      const before = told.get();
      const now = get();
      if (now.connections !== before.connections || now.users !== before.users) told.set(now);
    });
  };
  return {
    get,
    listen: told.listen,
    subscribe(run) {
      run(get());
      return told.listen(run);
    },
    follow(opened) {
      topic = opened;
      topic.readersChanged = changed;
    },
  };
}
