/**
 * `relay/<topic>`: what a client sends to the readers of a topic is stored there first, and then passed on to their inboxes.
 *
 * Always: a message is passed on to all of its readers and marked as such in one append, where the log can do that to several
 * topics: so each inbox gets it once, also when the server dies in between. One that an inbox refuses is reported, and the others get it.
 * Rules: docs/protocol/inbox.md RELAY2, RELAY8.
 */

import type { ClientAddress } from "../kind/inbox.ts";
import {
  createGroupAuthority,
  emptyGroup,
  type GroupEntry,
  type GroupOp,
  type GroupState,
  type WaitingMessage,
} from "../kind/inbox-group.ts";
import type { Durability } from "../topic/log.ts";
import type { ServerCore } from "./core.ts";
import type { TopicPart } from "./entries.ts";
import type { Hosted } from "./hosted.ts";
import type { Topic } from "./topic.ts";

export interface OpenInbox {
  readonly topic: Topic;
  /** Makes the message part of the state, and gives what is to be appended for that; throws SyncError where the inbox refuses it. */
  take(event: string, data: unknown, from: ClientAddress): TopicPart;
}

/** What the inboxes do for it. */
export interface GroupHost {
  readonly core: ServerCore;
  readonly durability: Durability;
  open(user: string): Promise<OpenInbox>;
  /** Keeps loaded what is being opened, until called back. */
  keep(user: string): () => void;
  check(event: string, data: unknown): unknown;
}

const maxWaiting = 1000;
const maxReaders = 1000;
/** Where the disk fails, until the next try. */
const retryMs = 1000;

export function hostGroup(
  { core, durability, open, keep, check }: GroupHost,
  name: string,
  target: string,
): Hosted | Promise<Hosted> {
  const { topics, env } = core;
  const authority = createGroupAuthority({
    maxWaiting,
    maxReaders,
    readers() {
      const hosted = topics.opened(target);
      const read = hosted ? [hosted.topic, ...(hosted.views?.() ?? [])] : [];
      const subscriptions = read.flatMap((topic) => [...topic.subscriptions].filter(({ read }) => read));
      return new Set(subscriptions.map(({ connection }) => connection.user.id));
    },
  });
  let passing = false;
  let closed = false;

  /** True: it is passed on, or will never be. */
  const pass = async (topic: Topic, message: WaitingMessage): Promise<boolean> => {
    const opening = message.users.map(open);
    // The first may be idle by the time that the last is open.
    const releases = message.users.map(keep);
    try {
      return await passTo(topic, message, await Promise.allSettled(opening));
    } finally {
      for (const release of releases) release();
    }
  };
  const passTo = async (
    topic: Topic,
    { offset, event, data, from }: WaitingMessage,
    inboxes: readonly PromiseSettledResult<OpenInbox>[],
  ): Promise<boolean> => {
    if (inboxes.some((inbox) => inbox.status === "fulfilled" && inbox.value.topic.fault)) return false;
    // From here to the append nothing may come between: all states change first.
    const done = authority.decide([1, offset], { replica: null, user: undefined, nowMs: env.nowMs() });
    const parts: TopicPart[] = [{ topic, entries: [{ entry: topics.pack(done) }] }];
    for (const inbox of inboxes) {
      try {
        if (inbox.status === "rejected") throw inbox.reason;
        parts.push(inbox.value.take(event, data, from));
      } catch (error) {
        core.report(error, name);
      }
    }
    authority.apply(done as GroupEntry);
    const results = await topics.appendAll(parts);
    return results.every((result) => result === "stored");
  };

  const passAll = async (topic: Topic): Promise<void> => {
    if (passing || closed || core.ended) return;
    passing = true;
    try {
      for (;;) {
        const [next] = (authority.snapshot() as GroupState).waiting;
        // What is not stored may yet be taken back.
        if (!next || next.offset > topic.head) return;
        if (topic.fault || !(await pass(topic, next))) {
          env.setTimer(() => void passAll(topic), retryMs);
          return;
        }
      }
    } catch (error) {
      // The next server goes on with it.
      if (!core.ended) core.report(error, name);
    } finally {
      passing = false;
    }
  };

  const ready = (topic: Topic): Hosted => {
    topic.onRecords(() => void passAll(topic));
    void passAll(topic);
    return {
      topic,
      decide(op, context) {
        const [kind, event, data] = Array.isArray(op) ? (op as unknown[]) : [];
        const checked = kind === 0 && typeof event === "string" ? [0, event, check(event, data)] : op;
        return authority.decide(checked as GroupOp, context);
      },
      apply: (entry) => authority.apply(entry as GroupEntry),
      isBusy: () => passing || (authority.snapshot() as GroupState).waiting.length > 0,
      close() {
        closed = true;
      },
    };
  };
  const created = topics.create({
    name,
    kind: "relay",
    catchUp: "snapshot",
    durability,
    snapshot: authority.snapshot,
    load: (state) => authority.load(state ?? emptyGroup),
    replay: (entry) => authority.apply(entry as GroupEntry),
  });
  return created instanceof Promise ? created.then(ready) : ready(created);
}

/** Goes on with what a server that stopped had not passed on. */
export async function resumeGroups({ topics, report }: ServerCore): Promise<void> {
  try {
    for (const name of await topics.stored("relay/")) await topics.open(name);
  } catch (error) {
    report(error, "relay");
  }
}
