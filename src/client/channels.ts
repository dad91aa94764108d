/**
 * `channels(client, pattern, params?)`: all channels of a pattern as one subscription, `room/*` for `room/:id`.
 *
 * Always: events of one channel come in their order; across channels in the order in which the server had them, with offsets and an
 * epoch of the wildcard's own.
 * Rules: docs/protocol/channels.md CHANNEL17-CHANNEL22.
 */
import type { ChannelEvents, Pattern } from "../core/definitions.ts";
import type { SyncError } from "../core/errors.ts";
import type { Readable, Unsubscribe } from "../core/store.ts";
import { paramsOf, wildcardName } from "../core/wildcard.ts";
import { createWildcardReplica, type WildcardMessage } from "../kind/channel.ts";
import type { MessageOf } from "./channel.ts";
import { type History, type HistoryOptions, readHistory } from "./channel-past.ts";
import { createReaders, type SubscribeOptions, type Told } from "./channel-readers.ts";
import { coreOf } from "./client.ts";
import type { TopicStatus } from "./held.ts";

/** `offset` and `position` are the wildcard's. */
export type WildcardMessageOf<E extends ChannelEvents, P> = MessageOf<E> & {
  /** The channel that it was published to, and its offset there. */
  readonly channel: { readonly topic: string; readonly params: P; readonly offset: number };
};

export interface ClientChannels<E extends ChannelEvents, P> {
  readonly topic: string;
  subscribe(run: (message: WildcardMessageOf<E, P>) => void, options?: SubscribeOptions): Unsubscribe;
  /** As far as the server has them: from when somebody began to read the wildcard. */
  history(options?: HistoryOptions): Promise<History<WildcardMessageOf<E, P>>>;
  readonly status: Readable<TopicStatus>;
  readonly error: SyncError | undefined;
  /** Ends what this handle subscribed to. Safe twice. */
  close(): void;
  [Symbol.dispose](): void;
}

/** `params`: the first of the pattern's, or none. The server declares that it has wildcards. */
export function channels<E extends ChannelEvents, P extends { readonly [name: string]: string }>(
  client: object,
  { pattern }: Pattern<"channel", E, P>,
  params: Partial<P> = {},
): ClientChannels<E, P> {
  const core = coreOf(client);
  const topic = wildcardName(pattern, params);
  const readers = createReaders(core, topic, createWildcardReplica);
  const { held } = readers;
  const named = (message: Told<WildcardMessage>): WildcardMessageOf<E, P> => {
    const { channel } = message;
    return { ...message, channel: { ...channel, params: paramsOf(pattern, channel.topic) } } as never;
  };
  return {
    topic,
    subscribe: (run, options) => readers.subscribe((message) => run(named(message)), options),
    async history(options) {
      const past = await readHistory(core, held, createWildcardReplica, options);
      return { ...past, messages: past.messages.map(named) };
    },
    status: held.status,
    get error() {
      return held.error;
    },
    close: readers.close,
    [Symbol.dispose]: readers.close,
  };
}
