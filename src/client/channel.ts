/**
 * `channel(client, ref)`: events in one order, published, read and worked on.
 *
 * Always: each subscriber gets every event from its starting point on, once and in order, or is told a gap;
 * a publish is acknowledged once the topic's log has it.
 * Rules: docs/protocol/channels.md CHANNEL1-CHANNEL16, GROUP1-GROUP16, docs/protocol/writes.md WRITE1-WRITE7.
 */
import { type ChannelEvents, type RefOrName, topicOf } from "../core/definitions.ts";
import type { SyncError } from "../core/errors.ts";
import type { InputOf, OutputOf } from "../core/schema.ts";
import type { Readable, Unsubscribe } from "../core/store.ts";
import { createChannelReplica } from "../kind/channel.ts";
import { askTopic, type History, type HistoryOptions, readHistory } from "./channel-past.ts";
import { createReaders, type Position, type SubscribeOptions } from "./channel-readers.ts";
import { coreOf } from "./client.ts";
import { type ConsumeOptions, type Consumer, consume, type Job } from "./consume.ts";
import type { TopicStatus } from "./held.ts";
import type { Receipt } from "./receipt.ts";
import { writesOf } from "./writes.ts";

export type MessageOf<E extends ChannelEvents> = {
  [N in Extract<keyof E, string>]: {
    readonly event: N;
    readonly data: OutputOf<E[N]>;
    /** Public id of the publisher's replica; null: the server. */
    readonly from: string | null;
    readonly offset: number;
    /** The offset with its epoch: keep this to go on from, or to ask for what was before. */
    readonly position: Position;
  };
}[Extract<keyof E, string>];

export interface ClientChannel<E extends ChannelEvents> {
  readonly topic: string;
  publish<N extends Extract<keyof E, string>>(event: N, data: InputOf<E[N]>): Receipt;
  subscribe(run: (message: MessageOf<E>) => void, options?: SubscribeOptions): Unsubscribe;
  /** Events that are kept, up to the newest or before one. Rejects with a SyncError. */
  history(options?: HistoryOptions): Promise<History<MessageOf<E>>>;
  /** How many read it now, this client included. Rejects with a SyncError. */
  subscribers(): Promise<{ readonly connections: number; readonly users: number }>;
  /**
   * Works on events as a member of that group: each goes to one member, until its `work` resolves; where it rejects, takes too long
   * or its line breaks, to another. Throws SyncError `conflict` where this client is in that group already.
   */
  consume(group: string, work: (job: Job<E>) => unknown, options?: ConsumeOptions): Consumer;
  readonly status: Readable<TopicStatus>;
  readonly error: SyncError | undefined;
  /** Ends what this handle subscribed to, but no consumer. Safe twice. */
  close(): void;
  [Symbol.dispose](): void;
}

export function channel<E extends ChannelEvents>(client: object, ref: RefOrName<"channel", E>): ClientChannel<E> {
  const core = coreOf(client);
  const topic = topicOf(ref);
  // The events are what the definition says; the server validates them.
  const readers = createReaders(core, topic, createChannelReplica);
  const { held } = readers;

  return {
    topic,
    publish: (event, data) => writesOf(core).writer(topic, "channel", held).write([event, data]),
    subscribe: (run, options) => readers.subscribe(run as never, options),
    history: (options) => readHistory(core, held, createChannelReplica, options) as Promise<History<MessageOf<E>>>,
    subscribers: () => askTopic(core, held, "sync/subscribers", []) as Promise<{ connections: number; users: number }>,
    consume: (group, work, options) => consume(core, topic, group, work as never, options),
    status: held.status,
    get error() {
      return held.error;
    },
    close: readers.close,
    [Symbol.dispose]: readers.close,
  };
}
