/**
 * `channel(client, ref)`: events in one order, published and read.
 *
 * Always: each subscriber gets every event from its starting point on, once and in order, or is told a gap;
 * a publish is acknowledged once the topic's log has it.
 * Rules: docs/protocol/kinds.md CHANNEL1-CHANNEL6, docs/protocol/writes.md WRITE1-WRITE12.
 */
import { type ChannelEvents, type RefOrName, topicOf } from "../core/definitions.ts";
import type { SyncError } from "../core/errors.ts";
import type { InputOf, OutputOf } from "../core/schema.ts";
import { callAll, type Readable, type Unsubscribe } from "../core/store.ts";
import { type ChannelMessage, createChannelReplica } from "../kind/channel.ts";
import { coreOf } from "./client.ts";
import type { Gap, Held, TopicStatus } from "./held.ts";
import { type Receipt, writerOf } from "./writes.ts";

export type MessageOf<E extends ChannelEvents> = {
  [N in Extract<keyof E, string>]: {
    readonly event: N;
    readonly data: OutputOf<E[N]>;
    /** Public id of the publisher's replica; null: the server. */
    readonly from: string | null;
    readonly offset: number;
  };
}[Extract<keyof E, string>];

export interface SubscribeOptions {
  /** `latest` (default): from now on; an offset: from that event on, as far as it is kept. */
  readonly from?: "latest" | number;
  /** Events that are no longer kept were missed. */
  readonly onGap?: (gap: Gap) => void;
}

export interface ClientChannel<E extends ChannelEvents> {
  readonly topic: string;
  publish<N extends Extract<keyof E, string>>(event: N, data: InputOf<E[N]>): Receipt;
  subscribe(run: (message: MessageOf<E>) => void, options?: SubscribeOptions): Unsubscribe;
  readonly status: Readable<TopicStatus>;
  readonly error: SyncError | undefined;
  /** Ends what this handle subscribed to. Safe twice. */
  close(): void;
  [Symbol.dispose](): void;
}

type Run = (message: ChannelMessage) => void;
const readers = new WeakMap<Held, Set<Run>>();

export function channel<E extends ChannelEvents>(client: object, ref: RefOrName<"channel", E>): ClientChannel<E> {
  const core = coreOf(client);
  const topic = topicOf(ref);
  const runs = new Set<Run>();
  const held = core.hold(topic, "channel", () => {
    return createChannelReplica((message) => {
      try {
        callAll(readers.get(held) ?? [], message);
      } catch (error) {
        core.report(error, topic);
      }
    });
  });
  // One replica for all handles of the topic.
  const shared = readers.get(held) ?? runs;
  readers.set(held, shared);
  const open = new Set<Unsubscribe>();

  const handle: ClientChannel<E> = {
    topic,
    publish: (event, data) => writerOf(core, held).write([event, data]),
    subscribe(run, { from = "latest", onGap } = {}) {
      let next = from === "latest" ? held.next : from;
      const reader: Run = (message) => {
        if (message.offset < next) return;
        next = message.offset + 1;
        run(message as MessageOf<E>);
      };
      shared.add(reader);
      const stopGaps = held.onGap(({ from: first, to }) => {
        // What was missed for another reader, this one may have.
        if (first && to < next) return;
        const gap = { from: first && Math.max(first, next), to };
        // A new epoch counts from 1 again.
        next = first && to + 1;
        onGap?.(gap);
      });
      const release = held.use();
      // Others have read on: those who were here skip what they had.
      if (from !== "latest") held.rewind(Math.max(0, from - 1));
      const end = (): void => {
        if (!open.delete(end)) return;
        shared.delete(reader);
        stopGaps();
        release();
      };
      open.add(end);
      return end;
    },
    status: held.status,
    get error() {
      return held.error;
    },
    close() {
      for (const end of [...open]) end();
    },
    [Symbol.dispose]: () => handle.close(),
  };
  return handle;
}
