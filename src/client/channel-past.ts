/**
 * Questions about a channel that have one answer: what was before, and who reads it.
 *
 * Always: asked on a live subscription, which is taken for so long where there is none, so what may be read may be asked; what is no
 * longer kept is told as a gap.
 * Rules: docs/protocol/channels.md CHANNEL10-CHANNEL16.
 */
import { SyncError } from "../core/errors.ts";
import type { ChannelMessage } from "../kind/channel.ts";
import type { Replica } from "../kind/kind.ts";
import { readPast } from "../session/messages/channel.ts";
import { readErrorReply } from "../session/messages/sente.ts";
import { isIndex, type SyncEvent } from "../session/messages/sync.ts";
import { type Position, positionOf, readPosition, type Told } from "./channel-readers.ts";
import type { KindCore } from "./client.ts";
import type { Gap, Held } from "./held.ts";

export interface HistoryOptions {
  /** An offset, or a message's `position`: events before that one. Default: up to the newest. */
  readonly before?: number | Position;
  /** Default 50. The server gives at most 256 events and 256 KiB. */
  readonly limit?: number;
  /** Default 20 000. */
  readonly timeoutMs?: number;
}

export interface History<M> {
  /** The oldest first. */
  readonly messages: readonly M[];
  /** Older ones are kept: ask for those before the first. */
  readonly more: boolean;
  /** Of what was asked for, this is no longer kept; both 0: `before` was of another epoch. */
  readonly gap: Gap | undefined;
}

/** Sends `[id …]` once the topic is live; rejects with a SyncError. */
export function askTopic(
  { env, send }: KindCore,
  held: Held,
  event: SyncEvent,
  question: readonly unknown[],
  timeoutMs = 20_000,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let isAsked = false;
    const finish = (error: SyncError | undefined, value?: unknown): void => {
      for (const stop of stops.splice(0)) stop();
      if (error) reject(error);
      else resolve(value);
    };
    const look = (): void => {
      const status = held.status.get();
      if (status === "refused" || status === "deleted") return finish(held.error);
      if (isAsked || status !== "live" || !held.id) return;
      isAsked = true;
      send(event, [held.id, ...question], (failed, value) => finish(failed ?? readErrorReply(value), value));
    };
    const timer = env.setTimer(() => finish(new SyncError("timeout")), timeoutMs);
    const stops = [() => env.clearTimer(timer), held.use(), held.status.listen(look), held.onNamed(look)];
    look();
  });
}

export async function readHistory<M extends ChannelMessage>(
  core: KindCore,
  held: Held,
  createReplica: (onEvent: (message: M) => void) => Replica<unknown, never>,
  { before, limit = 50, timeoutMs }: HistoryOptions = {},
): Promise<History<Told<M>>> {
  const { epoch, offset } = typeof before === "string" ? readPosition(before) : { epoch: null, offset: before ?? 0 };
  if (!isIndex(offset) || !isIndex(limit)) throw new SyncError("invalid", "`before` and `limit` are integers, 0 or more.");
  const answer = await askTopic(core, held, "sync/history", [offset, limit, epoch], timeoutMs);
  const past = readPast(answer);
  if (!past) throw new SyncError("malformed", "Not a history.");
  const { at, first, entries } = past;
  if (epoch !== null && at.epoch !== epoch) return { messages: [], more: false, gap: { from: 0, to: 0 } };
  const messages: Told<M>[] = [];
  const replica = createReplica((message) => messages.push({ ...message, position: positionOf(at.epoch ?? "", message.offset) }));
  for (const [index, entry] of entries.entries()) replica.apply(entry as never, at.offset + index);
  const end = at.offset + entries.length;
  const gap = { from: Math.max(1, end - limit), to: Math.min(first, end) - 1 };
  return { messages, more: at.offset > first, gap: gap.from <= gap.to ? gap : undefined };
}
