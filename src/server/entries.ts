/**
 * How entries get into the logs of topics, one topic's or several topics' at once.
 *
 * Always: what is appended is part of the state already; where it cannot be stored the state goes back to what is, and the answer says so.
 * Rules: docs/protocol/storage.md LOG2, LOG9, LOG13.
 */
import type { Env } from "../core/env.ts";
import type { AppendResult, Log, LogRecord } from "../topic/log.ts";
import type { Packer } from "../wire/packer.ts";
import { toBytes } from "./frames.ts";
import type { Topic } from "./topic.ts";
import type { Origin } from "./writers.ts";

/** A packed entry on its way to a log. */
export interface NewEntry {
  readonly entry: Uint8Array;
  /** What was packed, where nobody changes it before the append returns: for readers in another format it is not unpacked again. */
  readonly value?: unknown;
  /** Whose write it is; absent: the server's own. */
  readonly origin?: Origin | undefined;
}

/** One topic's entries of an append to several. */
export interface TopicPart {
  readonly topic: Topic;
  readonly entries: readonly NewEntry[];
}

export interface Entries {
  /** An entry as it is kept. Throws SyncError `invalid` for what the wire cannot carry. */
  pack(entry: unknown): Uint8Array;
  /**
   * Appends packed entries, which are part of the state already; readers get them at the end of the turn in which they are stored.
   * Where they cannot be stored the state goes back to what is, and the answer says so. Throws SyncError `closed` for a topic that was let go.
   */
  append(topic: Topic, entries: readonly NewEntry[]): AppendResult | Promise<AppendResult>;
  /** The same to several topics: all or nothing where their log can do that, else each by itself; the answers in the order of the parts. */
  appendAll(parts: readonly TopicPart[]): Promise<readonly AppendResult[]>;
  /** They have one log, and that appends to several topics at once. */
  isJoint(topics: readonly Topic[]): boolean;
  /** The newest append, of any topic, while it is on its way to the disk; those before it are there with it. */
  readonly storing: Promise<unknown> | undefined;
}

export interface EntriesHost {
  readonly env: Env;
  /** Of topics that are not durable. */
  readonly memory: Log;
  /** Where durable topics live; absent: nowhere. */
  storage(): Log | Promise<Log> | undefined;
  /** The packer that log records are kept in. */
  readonly kept: Packer;
  report(error: unknown, where: string): void;
}

export function createEntries({ env, memory, storage, kept, report }: EntriesHost): Entries {
  let storing: Promise<unknown> | undefined;

  const recordsOf = ({ log, version }: Topic, entries: readonly NewEntry[]): LogRecord[] => {
    const atMs = env.nowMs();
    // The first of all says which version it is of; later on, snapshots do.
    let mark = version > 1 && log.decided === 0 ? version : undefined;
    return entries.map(({ entry, origin }) => {
      const said = mark && origin ? [...origin, mark] : (origin ?? mark);
      mark = undefined;
      return said ? { entry, atMs, origin: toBytes(kept.pack(said)) } : { entry, atMs };
    });
  };

  const track = (result: AppendResult | Promise<AppendResult>): AppendResult | Promise<AppendResult> => {
    if (!(result instanceof Promise)) return result;
    const over = (): void => {
      if (storing === done) storing = undefined;
    };
    const done: Promise<unknown> = result.then(over, over);
    storing = done;
    return result;
  };

  /** The storage, where it is open and appends to several topics at once. */
  const atomicStorage = (): Log | undefined => {
    const log = storage();
    return log && !(log instanceof Promise) && log.features.atomicTopics ? log : undefined;
  };

  return {
    pack: (entry) => toBytes(kept.pack(entry)),
    append(topic, entries) {
      topic.checkOpen();
      topic.expect(entries);
      return track(topic.append(recordsOf(topic, entries), (error) => report(error, topic.name)));
    },
    async appendAll(parts) {
      for (const { topic } of parts) topic.checkOpen();
      const made = parts.map(({ topic, entries }) => ({ topic, records: recordsOf(topic, entries) }));
      const joint = made.filter(({ topic }) => topic.log.durability !== "memory");
      // At once: what the entries did to the states is there already, and nothing may come between.
      let appending: AppendResult | Promise<AppendResult> | undefined;
      let thrown: { readonly error: unknown } | undefined;
      try {
        appending = atomicStorage()?.appendAll?.(
          joint.map(({ topic, records }) => {
            return { log: topic.log, records, expect: { epoch: topic.epoch, offset: topic.log.decided } };
          }),
        );
      } catch (error) {
        thrown = { error };
      }
      return Promise.all(
        made.map(({ topic, records }) => {
          const told = (error: unknown): void => report(error, topic.name);
          const isJoint = topic.log.durability !== "memory";
          if (isJoint && thrown) return topic.refused(thrown.error);
          const joined = isJoint ? appending : undefined;
          return Promise.resolve(track(joined ? topic.follow(records, joined, told) : topic.append(records, told)));
        }),
      );
    },
    isJoint(all) {
      const inMemory = all.filter(({ log }) => log.durability === "memory").length;
      if (inMemory) return inMemory === all.length && memory.features.atomicTopics;
      return atomicStorage() !== undefined;
    },
    get storing() {
      return storing;
    },
  };
}
