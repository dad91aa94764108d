/**
 * Who reads one channel on this client: each subscriber from its own starting point, over one subscription.
 *
 * Always: each subscriber gets every event from its starting point on, once and in order, or is told a gap; a position of another
 * epoch is told as the gap 0 to 0 before the first event.
 * Rules: docs/protocol/channels.md CHANNEL6-CHANNEL9, docs/protocol/resume.md RESUME11.
 */
import { SyncError } from "../core/errors.ts";
import { addTo, callAll, type Unsubscribe } from "../core/store.ts";
import type { ChannelMessage } from "../kind/channel.ts";
import type { Replica } from "../kind/kind.ts";
import { readSubscribed } from "../session/messages/sync.ts";
import type { KindCore } from "./client.ts";
import type { Gap, Held } from "./held.ts";

/** An offset and its epoch. Opaque; a string, so that an application keeps it wherever it likes. */
export type Position = `${string}:${number}`;

export interface SubscribeOptions {
  /**
   * `latest` (default): from now on; an offset: from that event on; a message's `position`: after that message, and where its epoch is
   * over, after a gap. As far as they are kept.
   */
  readonly from?: "latest" | number | Position;
  /** Events that are no longer kept were missed. May be called before `subscribe` returns. */
  readonly onGap?: (gap: Gap) => void;
}

/** What is told of each event: `position` says where to go on, also after an epoch. */
export type Told<M extends ChannelMessage> = M & { readonly position: Position };

interface Shared<M extends ChannelMessage> {
  readonly runs: Set<(message: Told<M>) => void>;
  /** As the server said it last. */
  epoch: string;
}

export interface Readers<M extends ChannelMessage> {
  readonly held: Held;
  subscribe(run: (message: Told<M>) => void, options?: SubscribeOptions): Unsubscribe;
  close(): void;
}

const shares = new WeakMap<Held, Shared<never>>();

export const positionOf = (epoch: string, offset: number): Position => `${epoch}:${offset}`;

/** Throws SyncError `invalid`. */
export function readPosition(position: Position): { readonly epoch: string; readonly offset: number } {
  const [, epoch, digits] = /^(.+):(\d+)$/.exec(position) ?? [];
  const offset = Number(digits);
  if (epoch === undefined || !Number.isSafeInteger(offset)) throw new SyncError("invalid", `Not a position: "${position}"`);
  return { epoch, offset };
}

/** `createReplica` makes the one that all readers of the topic share. */
export function createReaders<M extends ChannelMessage>(
  core: KindCore,
  topic: string,
  createReplica: (onEvent: (message: M) => void) => Replica<unknown, never>,
): Readers<M> {
  const held = core.hold(topic, "channel", () =>
    createReplica((message) => {
      const position = positionOf(shared.epoch, message.offset);
      core.attempt(() => callAll(shared.runs, { ...message, position }), topic);
    }),
  );
  const known = shares.get(held) as Shared<M> | undefined;
  const shared: Shared<M> = known ?? { runs: new Set(), epoch: "" };
  if (!known) {
    shares.set(held, shared);
    held.onNamed((answer) => {
      const named = readSubscribed(answer);
      if ("at" in named) shared.epoch = named.at.epoch ?? "";
    });
  }
  const open = new Set<Unsubscribe>();

  return {
    held,
    subscribe(run, { from = "latest", onGap } = {}) {
      const begin = typeof from === "string" && from !== "latest" ? readPosition(from) : undefined;
      /** The epoch that it has to be; undefined: whichever it is, or it is that. */
      let epoch = begin?.epoch;
      let next = begin ? begin.offset + 1 : from === "latest" ? held.next : (from as number);
      const check = (): void => {
        if (epoch === undefined || held.status.get() !== "live") return;
        const isOther = epoch !== shared.epoch;
        epoch = undefined;
        if (!isOther) return;
        next = 0;
        onGap?.({ from: 0, to: 0 });
        held.rewind(0);
      };
      const stops = [
        addTo(shared.runs, (message: Told<M>) => {
          if (message.offset < next) return;
          next = message.offset + 1;
          run(message);
        }),
        held.onGap(({ from: first, to }) => {
          // What was missed for another reader, this one may have.
          if (first && to < next) return;
          const gap = { from: first && Math.max(first, next), to };
          // A new epoch counts from 1 again.
          next = first && to + 1;
          if (!first) epoch = undefined;
          onGap?.(gap);
        }),
        held.onNamed(check),
        held.use(),
      ];
      check();
      // Others have read on: those who were here skip what they had.
      if (from !== "latest") held.rewind(Math.max(0, next - 1));
      const end = (): void => {
        if (open.delete(end)) for (const stop of stops) stop();
      };
      open.add(end);
      return end;
    },
    close() {
      for (const end of open) end();
    },
  };
}
