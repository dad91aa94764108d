/**
 * The channels of one sente_lite peer: its subscriptions and publications as ours, our entries as its messages.
 *
 * Our atoms are messages on one channel, the whole value each time: what one flush brings is one message.
 * Always: a message of a channel is translated once, however many peers read it; an atom's value is the one at its offset.
 * Rules: docs/protocol/sente-lite.md LITE9-LITE16.
 */
import { fromWireError, type SyncError } from "../core/errors.ts";
import { createAtomReplica } from "../kind/atom-replica.ts";
import type { ChannelEntry } from "../kind/channel.ts";
import type { Replica } from "../kind/kind.ts";
import type { Steps } from "../kind/patch.ts";
import { atomChannel, lite, liteAtomMessage, liteChannelMessage, liteSubscribed } from "../session/messages/lite.ts";
import { event } from "../session/messages/sente.ts";
import { readSubscribed, sync } from "../session/messages/sync.ts";
import type { Frame } from "../transport/transport.ts";
import { ownBudget } from "../wire/packer.ts";
import type { LiteHost } from "./lite-peer.ts";

/** What leads to the server and to the peer. */
export interface LiteLine {
  out(frame: Frame): void;
  tell(message: unknown): void;
  ask(message: unknown, answered: (value: unknown) => void): void;
  /** Asks; what else the peer says is heard after what the answer gives was done. */
  wait(message: unknown, answered: (value: unknown) => (() => void) | undefined): void;
}

export interface LiteTopics {
  subscribe(channel: string): void;
  unsubscribe(channel: string): void;
  publish(channel: string, data: unknown): void;
  /** Takes a message about a topic, which came in `frame`. */
  receive(id: string, data: unknown, frame: Frame): void;
  /** True: it had been translated before, and needs not be looked at. */
  sendAgain(frame: Frame): boolean;
}

interface Held {
  readonly topic: string;
  readonly channel: string;
  /** False: only to publish. */
  readonly read: boolean;
  /** Of an atom. */
  readonly replica: Replica<unknown, Steps> | undefined;
  chunks: string;
}

/** Codes of ours that sente_lite has its own words for. */
const words = new Map([
  ["not-declared", "channel-not-found"],
  ["limit", "max-subscriptions-per-conn"],
]);

export function createLiteTopics(host: LiteHost, line: LiteLine): LiteTopics {
  const { env, packer } = host;
  /** By the topic's id. */
  const held = new Map<number, Held>();
  /** The ids of the topics that a channel is. */
  const channels = new Map<string, number[]>();
  let lastSeq = 0;

  const frameOf = (message: unknown): Frame => ({ data: packer.pack(message), text: true });
  const isAtoms = (channel: string): boolean => channel === atomChannel && host.atoms.length > 0;

  /** Subscribes for the channel; `answered` gets the first error where nothing could be opened. */
  const open = (channel: string, read: boolean, answered: (error?: SyncError) => (() => void) | undefined): void => {
    const kind = isAtoms(channel) ? "atom" : "channel";
    const topics = isAtoms(channel) ? host.atoms : [channel];
    const items = topics.map((topic) => ({ topic, kind, since: null, read }));
    line.wait(event(sync.subscribe, items), (value) => {
      const opened: { readonly id: number; readonly topic: string }[] = [];
      const errors: unknown[] = [];
      for (const [index, topic] of topics.entries()) {
        const result = readSubscribed((value as unknown[])[index]);
        if ("error" in result) errors.push(result.error);
        else opened.push({ id: result.id, topic });
      }
      if (!opened.length) return answered(fromWireError(errors[0]));
      for (const id of channels.get(channel) ?? []) held.delete(id);
      for (const { id, topic } of opened)
        held.set(id, { topic, channel, read, replica: kind === "atom" ? createAtomReplica() : undefined, chunks: "" });
      channels.set(
        channel,
        opened.map(({ id }) => id),
      );
      return answered();
    });
  };

  const answer = (channel: string, code?: string): void =>
    line.out(frameOf(liteSubscribed(channel, code && (words.get(code) ?? code))));

  const sayValue = ({ topic, replica }: Held, offset: number): void =>
    line.out(frameOf(liteAtomMessage(topic, replica?.value, offset + 1, env.nowMs())));

  const takeEntries = (topicId: number, topic: Held, first: number, entries: readonly unknown[], frame: Frame): void => {
    if (topic.replica) {
      for (const [index, steps] of entries.entries()) topic.replica.apply(steps as Steps, first + index);
      return sayValue(topic, first + entries.length - 1);
    }
    const frames = (entries as readonly ChannelEntry[])
      .filter(([name]) => name === host.event)
      .map(([, data, from]) => frameOf(liteChannelMessage(topic.channel, data, from)));
    host.translated.set(frame, { topicId, frames });
    for (const each of frames) line.out(each);
  };

  const takeSnapshot = (topic: Held, offset: number, part: number, isLast: boolean, chunk: string): void => {
    topic.chunks = part === 0 ? chunk : topic.chunks + chunk;
    if (!isLast) return;
    topic.replica?.restore(packer.unpack(topic.chunks, ownBudget));
    topic.chunks = "";
    sayValue(topic, offset);
  };

  const end = (topicId: number, { channel, read }: Held, code: string): void => {
    held.delete(topicId);
    const left = (channels.get(channel) ?? []).filter((id) => id !== topicId);
    if (left.length) return void channels.set(channel, left);
    channels.delete(channel);
    if (read) answer(channel, code);
  };

  return {
    subscribe(channel) {
      open(channel, true, (error) => {
        answer(channel, error?.code);
        return undefined;
      });
    },
    unsubscribe(channel) {
      const ids = (channels.get(channel) ?? []).filter((id) => held.get(id)?.read);
      for (const id of ids) held.delete(id);
      if (ids.length) channels.delete(channel);
      line.ask(event(sync.unsubscribe, ids), () => answer(channel, ids.length ? undefined : "not-subscribed"));
    },
    publish(channel, data) {
      // An atom is the application's to set: its handler is told (lite.ts).
      if (isAtoms(channel)) return line.tell(event(lite.publish, data));
      const write = (): void => {
        const [id] = channels.get(channel) as number[];
        line.tell(event(sync.write, [id, ++lastSeq, [[host.event, data]]]));
      };
      if (channels.has(channel)) return write();
      open(channel, false, (error) => {
        if (!error) return write;
        host.report(error, channel);
        return undefined;
      });
    },
    receive(id, data, frame) {
      const [topicId, ...rest] = data as [number, ...unknown[]];
      const topic = held.get(topicId);
      // Of one that was left meanwhile. Gaps and acknowledgements have no word there.
      if (!topic) return;
      if (id === sync.entries) takeEntries(topicId, topic, rest[0] as number, rest[1] as unknown[], frame);
      else if (id === sync.snapshot) takeSnapshot(topic, ...(rest as [number, number, boolean, string]));
      else if (id === sync.end) end(topicId, topic, rest[0] as string);
      else if (id === sync.reject) host.report(fromWireError(rest[1]), topic.topic);
    },
    sendAgain(frame) {
      const known = host.translated.get(frame);
      if (!known) return false;
      if (held.has(known.topicId)) for (const each of known.frames) line.out(each);
      return true;
    },
  };
}
