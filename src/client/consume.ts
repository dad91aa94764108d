/**
 * A member of a consumer group: takes events as work, one client's share of it, and says what became of each.
 *
 * A group is a topic, `jobs/@workers`; that an event is done is a write to it, and waits for a line as writes do.
 * Always: at most `concurrency` are worked on here at once, no event twice at once; nothing is said of an event whose work is not over.
 * Rules: docs/protocol/channels.md GROUP1-GROUP16.
 */
import type { ChannelEvents } from "../core/definitions.ts";
import { isSyncError, SyncError } from "../core/errors.ts";
import type { OutputOf } from "../core/schema.ts";
import type { Readable } from "../core/store.ts";
import { createChannelReplica } from "../kind/channel.ts";
import { type JobMessage, readJob } from "../session/messages/channel.ts";
import { readErrorReply } from "../session/messages/sente.ts";
import type { KindCore } from "./client.ts";
import type { Held, TopicStatus } from "./held.ts";
import { writesOf } from "./writes.ts";

export type Job<E extends ChannelEvents> = {
  [N in Extract<keyof E, string>]: {
    readonly event: N;
    readonly data: OutputOf<E[N]>;
    readonly from: string | null;
    readonly offset: number;
    /** 1 for the first. */
    readonly attempt: number;
  };
}[Extract<keyof E, string>];

export interface ConsumeOptions {
  /** Worked on at once. Default 1, at most 256. */
  readonly concurrency?: number;
  /** How long one may take before another member gets it, at most an hour. Default: the group's. */
  readonly ackMs?: number;
}

export interface ConsumerCounters {
  readonly done: number;
  readonly failed: number;
  /** Done, but it was somebody else's by then, or the server did not hear of it: it is done again. */
  readonly late: number;
}

export interface Consumer {
  /** The group's own topic: what `authorize` is asked for. */
  readonly topic: string;
  readonly status: Readable<TopicStatus>;
  readonly error: SyncError | undefined;
  readonly counters: ConsumerCounters;
  /** Takes no more; resolves when what is worked on is over and the server knows. Safe twice. */
  close(): Promise<void>;
}

type Work = (job: Job<ChannelEvents>) => unknown;

/** What hears the server for one group, from the first consumer on. */
interface Member {
  take: ((message: JobMessage) => void) | undefined;
  lost: (() => void) | undefined;
}

const members = new WeakMap<Held, Member>();

function memberOf({ join }: KindCore, held: Held): Member {
  let member = members.get(held);
  if (!member) {
    const added: Member = { take: undefined, lost: undefined };
    let id = 0;
    held.onNamed(() => {
      id = held.id;
    });
    join({
      receive(event, data) {
        const message = event === "sync/job" ? readJob(data) : undefined;
        if (!message || message.id !== id) return false;
        added.take?.(message);
        return true;
      },
      lost: () => added.lost?.(),
    });
    members.set(held, added);
    member = added;
  }
  return member;
}

export function consume(
  core: KindCore,
  channel: string,
  group: string,
  work: Work,
  { concurrency = 1, ackMs = 0 }: ConsumeOptions = {},
): Consumer {
  const topic = `${channel}/@${group}`;
  const held = core.hold(topic, "group");
  const writer = writesOf(core).writer(topic, "group", held);
  const member = memberOf(core, held);
  if (member.take) throw new SyncError("conflict", `This client is a consumer of "${topic}" already.`);
  const counters = { done: 0, failed: 0, late: 0 };
  /** Came, and not begun. */
  let waiting: JobMessage[] = [];
  const working = new Set<number>();
  /** Their work is over, and the server has not answered that yet. */
  const saying = new Set<number>();
  let closing: Promise<void> | undefined;
  let over: (() => void) | undefined;

  const ask = (atOnce: number): void => {
    core.send("sync/consume", [held.id, atOnce, ackMs], (failed, value) => {
      const error = failed ?? readErrorReply(value);
      // A line that broke is another's matter: the next one asks anew.
      if (error && !isSyncError(error, "closed")) core.report(error, topic);
    });
  };

  const say = (...op: readonly ["done", number] | readonly ["failed", number, string]): void => {
    const [what, offset] = op;
    saying.add(offset);
    void writer
      // Done is done, whoever is asked.
      .write(op, { idempotent: what === "done" })
      .stored.then(
        () => void counters[what]++,
        () => void counters.late++,
      )
      .then(() => {
        saying.delete(offset);
        settle();
      });
  };

  const begin = async ({ offset, attempt, entry }: JobMessage): Promise<void> => {
    working.add(offset);
    let failure: string | undefined;
    try {
      let job: Job<ChannelEvents> | undefined;
      createChannelReplica((message) => {
        job = { ...message, attempt };
      }).apply(entry as never, offset);
      await work(job as Job<ChannelEvents>);
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    working.delete(offset);
    if (failure === undefined) say("done", offset);
    else say("failed", offset, failure);
    next();
  };

  const next = (): void => {
    while (working.size < concurrency) {
      const message = waiting.shift();
      if (!message) return;
      void begin(message);
    }
  };

  const settle = (): void => {
    if (closing && !working.size && !saying.size) over?.();
  };

  member.take = (message) => {
    // The server gave it up and gives it back; here it is under way, or over and about to be told.
    if (closing || working.has(message.offset) || saying.has(message.offset)) return;
    waiting.push(message);
    next();
  };
  member.lost = () => {
    // The server gives them to somebody else.
    waiting = [];
  };
  const stopNamed = held.onNamed(() => {
    if (!closing) ask(concurrency);
  });
  const release = held.use(false);

  return {
    topic,
    status: held.status,
    get error() {
      return held.error;
    },
    counters,
    close() {
      closing ??= new Promise<void>((resolve) => {
        over = () => {
          stopNamed();
          release();
          member.take = member.lost = undefined;
          resolve();
        };
        waiting = [];
        if (held.id) ask(0);
      });
      settle();
      return closing;
    },
  };
}
