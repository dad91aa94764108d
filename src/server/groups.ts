/**
 * Consumer groups of a channel: each event is work for one member, until somebody says that it is done.
 *
 * A group is a topic of its own, `jobs/@workers`, as durable as its channel: what is done is written there, by the members, as
 * writes to any topic are. Who works on what is in memory only, so a server that restarts gives out again what is not done.
 * Always: an event is given to one member at a time; it is settled once (done, dead or passed), and never given out after that;
 * what retention took before it was done is told.
 * Rules: docs/protocol/channels.md GROUP1-GROUP16.
 */
import type { ChannelEvents } from "../core/definitions.ts";
import type { Timer } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { ChannelEntry } from "../kind/channel.ts";
import { createGroupAuthority, type GroupEntry, type GroupSnapshot, readGroupOp } from "../kind/group.ts";
import type { Durability } from "../topic/log.ts";
import { ownBudget } from "../wire/packer.ts";
import type { ServerMessage } from "./channel.ts";
import type { ServerCore } from "./core.ts";
import type { Hosted } from "./hosted.ts";
import type { Subscription } from "./subscription.ts";
import type { Topic } from "./topic.ts";

/** An event that was tried as often as it may be. */
export type DeadJob<E extends ChannelEvents> = ServerMessage<E> & {
  readonly topic: string;
  readonly attempts: number;
  /** What the last one who tried said; `timeout`, or `gone` where its line broke. */
  readonly reason: string;
};

export interface GroupOptions<E extends ChannelEvents = ChannelEvents> {
  /** How often an event is given out before it is dead. Default 5. */
  readonly maxAttempts?: number;
  /** How long a member may take, unless it says so itself. Default 30 000. */
  readonly ackMs?: number;
  /** From a failure to the next attempt. Default 1 000; none where the member's line broke. */
  readonly retryMs?: number;
  /** Where a new group begins: with the oldest event kept (default), or the next one. */
  readonly from?: "first" | "latest";
  /** Told once for each event that was given up: publish it elsewhere, or tell somebody. */
  readonly onDead?: (job: DeadJob<E>) => void;
  /** Retention took events before they were done; both 0 where the channel has a new epoch. */
  readonly onGap?: (gap: { readonly topic: string; readonly from: number; readonly to: number }) => void;
}

/** Counters as they stand, since the group was opened. */
export interface GroupStats {
  readonly members: number;
  /** Given out. */
  readonly running: number;
  /** Kept, not given out and not settled. */
  readonly waiting: number;
  readonly done: number;
  readonly failed: number;
  readonly dead: number;
  /** Given out again. */
  readonly redelivered: number;
  /** Taken by retention. */
  readonly lost: number;
}

interface Member {
  readonly subscription: Subscription;
  readonly replica: string;
  concurrency: number;
  ackMs: number;
  readonly jobs: Set<number>;
  leave(): void;
}

/** An event that was given out and is not settled. */
interface Job {
  readonly offset: number;
  /** Who may say that it is done: the replica that had it last. */
  holder: string;
  /** Who works on it. */
  member: Member | undefined;
  /** Until the member has to be done; or until it is given out again. */
  timer: Timer | undefined;
  /** Its member's line broke. */
  isGone: boolean;
}

const maxConcurrency = 256;
const maxAckMs = 3_600_000;
/** Events beyond the oldest that is not settled: further ahead nothing is given out. */
const maxAhead = 10_000;
const one = { maxEntries: 1, maxBytes: 1 };

export const groupTopic = (topic: string, group: string): string => `${topic}/@${group}`;

export interface GroupHost {
  readonly core: ServerCore;
  readonly name: string;
  /** The channel's topic. */
  readonly parent: Topic;
  readonly durability: Durability;
  readonly options: GroupOptions;
  onStats(stats: () => GroupStats): void;
}

export async function hostGroup({ core, name, parent, durability, options, onStats }: GroupHost): Promise<Hosted> {
  const { env, topics, kept } = core;
  const { maxAttempts = 5, ackMs: ownAckMs = 30_000, retryMs = 1000, from = "first", onDead, onGap } = options;
  const state = createGroupAuthority({ maxAttempts });
  /** The one that was given something longest ago first. */
  const members = new Set<Member>();
  const jobs = new Map<number, Job>();
  /** Offsets to give out again. */
  let again: number[] = [];
  /** The next that was never given out. */
  let next = 1;
  let giving = false;
  let closed = false;
  const counts = { done: 0, failed: 0, dead: 0, redelivered: 0, lost: 0 };

  const group = await topics.create({
    name,
    kind: "group",
    catchUp: "snapshot",
    durability,
    snapshot: state.snapshot,
    load: (snapshot) => state.load((snapshot ?? undefined) as GroupSnapshot | undefined),
    replay: (entry) => state.apply(entry as GroupEntry),
    // What was said of them is not kept.
    recovered() {
      for (const job of jobs.values()) if (!job.member && job.timer === undefined) later(job, retryMs);
    },
  });

  const call = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      core.report(error, name);
    }
  };

  /** Writes what the server itself decided. */
  const write = async (entry: GroupEntry): Promise<void> => {
    if (closed) return;
    state.apply(entry);
    try {
      await topics.append(group, [{ entry: topics.pack(entry) }]);
    } catch (error) {
      core.report(error, name);
    }
  };

  const free = (job: Job): void => {
    if (job.timer !== undefined) env.clearTimer(job.timer);
    job.timer = undefined;
    job.member?.jobs.delete(job.offset);
    job.member = undefined;
  };

  const later = (job: Job, delayMs: number | undefined): void => {
    free(job);
    const retry = (): void => {
      job.timer = undefined;
      again.push(job.offset);
      void give();
    };
    // Behind the answer to who said that it failed.
    if (delayMs !== undefined) job.timer = env.setTimer(retry, delayMs);
    else retry();
  };

  /** It was not done; whether it is tried again, or dead, is for the state to say. */
  const fail = (job: Job, reason: "timeout" | "gone"): void => {
    free(job);
    job.isGone = reason === "gone";
    void write(state.decide(["failed", job.offset, reason]));
  };

  const take = (): number | undefined => {
    for (let offset = again.shift(); offset !== undefined; offset = again.shift()) {
      if (!state.isSettled(offset) && !jobs.get(offset)?.member) return offset;
    }
    while (next <= parent.head && next <= state.base + maxAhead) {
      const offset = next++;
      if (!state.isSettled(offset)) return offset;
    }
    return undefined;
  };

  const isFree = (member: Member): boolean => member.jobs.size < member.concurrency;

  const send = (member: Member, offset: number, record: Uint8Array): void => {
    const known = jobs.get(offset);
    const job: Job = known ?? { offset, holder: "", member: undefined, timer: undefined, isGone: false };
    if (known) counts.redelivered++;
    jobs.set(offset, job);
    job.holder = member.replica;
    job.member = member;
    job.isGone = false;
    job.timer = env.setTimer(() => fail(job, "timeout"), member.ackMs);
    member.jobs.add(offset);
    members.delete(member);
    members.add(member);
    const { current } = member.subscription.connection;
    const entry = kept.unpack(record, ownBudget);
    current.reply(current.framer.event("sync/job", [group.id, offset, state.attempts(offset) + 1, entry]));
  };

  /** Gives out what there is to those who have room. */
  const give = async (): Promise<void> => {
    if (giving || closed) return;
    giving = true;
    try {
      while ([...members].some(isFree)) {
        const offset = take();
        if (offset === undefined) break;
        const reading = parent.log.read(offset, one);
        const [record] = reading instanceof Promise ? await reading : reading;
        if (closed) break;
        if (!record || parent.log.first > offset) {
          await pass(parent.log.first - 1);
          continue;
        }
        if (state.isSettled(offset)) continue;
        const able = [...members].filter(isFree);
        const last = jobs.get(offset)?.holder;
        // Another one than the last, if there is one.
        const member = able.find(({ replica }) => replica !== last) ?? able[0];
        if (member) send(member, offset, record.entry);
        else again.unshift(offset);
      }
    } catch (error) {
      core.report(error, name);
    } finally {
      giving = false;
    }
  };

  /** Retention took them. */
  const pass = async (to: number): Promise<void> => {
    if (to <= state.base) return;
    const gap = { topic: parent.name, from: state.base + 1, to };
    counts.lost += state.open(to);
    next = Math.max(next, to + 1);
    await write(["passed", to]);
    call(() => onGap?.(gap));
  };

  const bury = async (offset: number, attempts: number, reason: string): Promise<void> => {
    if (!onDead) return;
    const [record] = await parent.log.read(offset, one);
    if (!record || parent.log.first > offset) return;
    const [event, data, by] = kept.unpack(record.entry, ownBudget) as ChannelEntry;
    call(() => onDead({ topic: parent.name, event, data, from: by, offset, attempts, reason }));
  };

  const settled = (entry: GroupEntry): void => {
    if (entry[0] === "begin") return;
    if (entry[0] === "passed") {
      for (const job of jobs.values()) if (job.offset <= entry[1]) drop(job);
      return;
    }
    const [what, offset] = entry;
    const job = jobs.get(offset);
    counts[what]++;
    if (what === "failed") {
      if (job) later(job, job.isGone ? undefined : retryMs);
      return;
    }
    if (job) drop(job);
    if (what === "dead") bury(offset, entry[2], entry[3]).catch((error: unknown) => core.report(error, name));
  };
  const drop = (job: Job): void => {
    free(job);
    jobs.delete(job.offset);
  };

  const leave = (member: Member): void => {
    members.delete(member);
    for (const offset of [...member.jobs]) {
      const job = jobs.get(offset) as Job;
      // A server that ends gives them out again in its next life; that is nobody's failure.
      if (core.ended) free(job);
      else fail(job, "gone");
    }
  };

  if (state.epoch !== parent.epoch) {
    const isNew = state.epoch === "";
    await write(["begin", parent.epoch, isNew && from === "latest" ? parent.head : parent.log.first - 1]);
    if (!isNew) call(() => onGap?.({ topic: parent.name, from: 0, to: 0 }));
  }
  next = state.base + 1;
  const stopOwn = group.onRecords((_first, records) => {
    for (const { entry } of records) settled(kept.unpack(entry, ownBudget) as GroupEntry);
    void give();
  });
  const stopParent = parent.onRecords(() => void give());

  onStats(() => {
    const running = [...members].reduce((sum, member) => sum + member.jobs.size, 0);
    return { ...counts, members: members.size, running, waiting: state.open(parent.head) - running };
  });

  return {
    topic: group,
    viewFor() {
      throw new SyncError("unsupported", "A group is consumed, not read.");
    },
    consume(subscription, { concurrency, ackMs }) {
      const replica = subscription.connection.session?.replica ?? "";
      const member = (subscription.consumer as Member | undefined) ?? {
        subscription,
        replica,
        concurrency: 0,
        ackMs: 0,
        jobs: new Set(),
        leave: () => leave(member),
      };
      subscription.consumer = member;
      members.add(member);
      member.concurrency = Math.min(concurrency, maxConcurrency);
      member.ackMs = ackMs ? Math.min(ackMs, maxAckMs) : ownAckMs;
      void give();
    },
    decide(op, { replica }) {
      const read = readGroupOp(op);
      const job = jobs.get(read[1]);
      // Who was given it last, and nobody else: when it took too long, it may still be done until another one has it.
      if (job?.holder !== replica || (read[0] === "failed" && !job.member)) {
        throw new SyncError("conflict", `Event ${read[1]} is not this consumer's, or no longer.`);
      }
      return state.decide(read);
    },
    apply(entry) {
      state.apply(entry as GroupEntry);
      const job = jobs.get((entry as GroupEntry)[1] as number);
      if (job) free(job);
    },
    // Who had an event last may still say that it is done.
    isBusy: () => giving || jobs.size > 0,
    close() {
      closed = true;
      stopOwn();
      stopParent();
      again = [];
      for (const job of jobs.values()) free(job);
    },
  };
}
