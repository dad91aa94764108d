/**
 * What a connection asks of a channel that it is subscribed to: what was before, who reads it, and work.
 *
 * Always: who asks what was before, or who reads, has a subscription that reads, so `authorize` said yes to that; an answer is of
 * neighbouring entries, the newest ones before the offset asked for, and says what the oldest kept is.
 * Rules: docs/protocol/channels.md CHANNEL10-CHANNEL16, GROUP1-GROUP5.
 */
import { SyncError, toWireError } from "../core/errors.ts";
import { type HistoryRequest, readConsume, readHistory } from "../session/messages/channel.ts";
import { errorEvent, event } from "../session/messages/sente.ts";
import { readIds, sync } from "../session/messages/sync.ts";
import { ownBudget } from "../wire/packer.ts";
import { countReaders } from "./channel-readers.ts";
import type { Connection } from "./connection.ts";
import type { ServerCore } from "./core.ts";
import { isDefect } from "./guard.ts";
import type { Topic } from "./topic.ts";

/** Of one answer, as they are kept; a larger entry comes alone. */
const maxPast = { entries: 256, bytes: 256 * 1024 };

export interface ChannelRequests {
  /** False: it cannot be read, or is no such message. */
  hear(connection: Connection, id: string, data: unknown, callback: unknown): boolean;
}

export function createChannelRequests(core: ServerCore): ChannelRequests {
  const { counters, kept, limits, topics } = core;

  const answer = async (connection: Connection, where: string, callback: unknown, make: () => unknown): Promise<void> => {
    let value: unknown;
    connection.openCallbacks++;
    try {
      if (connection.openCallbacks > limits.maxCallbacks) throw new SyncError("limit", "Too many requests wait for answers.");
      value = await make();
    } catch (error) {
      counters.refused++;
      if (isDefect(error)) core.report(error, where);
      value = event(errorEvent, toWireError(error));
    } finally {
      connection.openCallbacks--;
    }
    if (callback !== null) connection.answer(callback, value);
  };

  /** The channel that this connection reads under that id. */
  const read = (connection: Connection, id: number): Topic => {
    const subscription = connection.subscription(id);
    if (!subscription?.read) throw connection.missing(id, "Subscribe to read it first.");
    if (subscription.topic.catchUp !== "gap") throw new SyncError("unsupported", `"${subscription.name}" has no history.`);
    return subscription.topic;
  };

  const past = async (topic: Topic, { before, limit, epoch }: HistoryRequest): Promise<object> => {
    await topic.expire();
    const found = (from: number, entries: readonly unknown[] = []): object => ({
      at: [topic.epoch, from],
      first: topic.first,
      entries,
    });
    if (epoch !== null && epoch !== topic.epoch) return found(0);
    const end = before === 0 || before > topic.head ? topic.head + 1 : before;
    let from = Math.max(topic.first, end - Math.min(limit, maxPast.entries));
    while (from < end) {
      const records = await topic.log.read(from, { maxEntries: end - from, maxBytes: maxPast.bytes });
      // Some were forgotten meanwhile.
      if (topic.first > from) from = topic.first;
      else if (from + records.length >= end) {
        const entries = records.map(({ entry }) => kept.unpack(entry, ownBudget));
        return found(from, entries);
      }
      // The newest are what is wanted: fewer, until they fit.
      else from += Math.ceil((end - from) / 2);
    }
    return found(end);
  };

  return {
    hear(connection, id, data, callback) {
      switch (id) {
        case sync.history: {
          const request = readHistory(data);
          if (request) void answer(connection, id, callback, () => past(read(connection, request.id), request));
          return request !== undefined;
        }
        case sync.subscribers: {
          const [topic] = readIds(data) ?? [];
          if (topic !== undefined) void answer(connection, id, callback, () => countReaders(read(connection, topic)));
          return topic !== undefined;
        }
        case sync.consume: {
          const request = readConsume(data);
          if (request) {
            void answer(connection, id, callback, () => {
              const subscription = connection.subscription(request.id);
              const hosted = subscription && topics.opened(subscription.name);
              if (!subscription || !connection.session || !hosted?.consume)
                throw connection.missing(request.id, "Say hello and subscribe to a group first.");
              hosted.consume(subscription, request);
              return true;
            });
          }
          return request !== undefined;
        }
        default:
          return false;
      }
    },
  };
}
