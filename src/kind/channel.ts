/**
 * Channels: named events in one order, with no state. An entry is `[event, data, from]`.
 *
 * Always: `from` is the server's word, never the publisher's; a late joiner gets the tail, and a gap as a gap.
 * Rules: docs/protocol/channels.md CHANNEL1-CHANNEL6, CHANNEL17-CHANNEL22.
 */
import { isSyncError, SyncError } from "../core/errors.ts";
import type { Authority, Replica } from "./kind.ts";

/** `from`: the publisher's public replica id; null: the server. */
export type ChannelEntry = readonly [event: string, data: unknown, from: string | null];

export interface ChannelOp {
  readonly event: string;
  readonly data: unknown;
}

export interface ChannelMessage extends ChannelOp {
  readonly from: string | null;
  readonly offset: number;
}

export interface ChannelOptions {
  /** The data to log; throws to reject. Not asynchronous. */
  validate?(event: string, data: unknown): unknown;
}

/** In bytes, which are characters here: names are ASCII. */
export const maxEventNameBytes = 255;

// What stays one keyword in EDN: `said`, `page/visit`.
const eventName = /^[\w*!?<>=+.&%$-]+(\/[\w*!?<>=+.&%$-]+)?$/;

export function createChannelAuthority({ validate }: ChannelOptions = {}): Authority<ChannelOp, ChannelEntry> {
  return {
    decide({ event, data }, { replica }) {
      if (typeof event !== "string" || event.length > maxEventNameBytes || !eventName.test(event)) {
        throw new SyncError("invalid", "An event's name is `name` or `namespace/name`, in ASCII, of at most 255 bytes.");
      }
      return [event, validate ? validated(validate, event, data) : data, replica];
    },
    apply() {},
    snapshot: () => undefined,
    load() {},
  };
}

function validated(validate: NonNullable<ChannelOptions["validate"]>, event: string, data: unknown): unknown {
  let result: unknown;
  try {
    result = validate(event, data);
  } catch (cause) {
    throw isSyncError(cause) ? cause : new SyncError("invalid", `The data of ${event} is not valid.`, { cause });
  }
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new SyncError("unsupported", `The validation of ${event} is asynchronous; use a synchronous one.`);
  }
  return result;
}

/** Calls `onEvent` for each entry applied; has no value and takes no snapshot. */
export function createChannelReplica(onEvent: (message: ChannelMessage) => void): Replica<never, ChannelEntry> {
  return replica(3, (entry, offset) => onEvent(readEntry(entry, offset)));
}

/** An event of one of the channels of a wildcard: `offset` is the wildcard's own. */
export interface WildcardMessage extends ChannelMessage {
  /** Which channel's, and its offset there. */
  readonly channel: { readonly topic: string; readonly offset: number };
}

export type WildcardEntry = readonly [...ChannelEntry, topic: string, offset: number];

export function createWildcardReplica(onEvent: (message: WildcardMessage) => void): Replica<never, WildcardEntry> {
  return replica(5, (entry, own) => {
    const [, , , topic, offset] = entry;
    if (typeof topic !== "string" || !Number.isSafeInteger(offset)) throw new SyncError("invalid", "Not a wildcard's entry");
    onEvent({ ...readEntry(entry, own), channel: { topic, offset } });
  });
}

function replica<E extends readonly unknown[]>(parts: number, apply: (entry: E, offset: number) => void): Replica<never, E> {
  return {
    value: undefined,
    apply(entry, offset) {
      if (!Array.isArray(entry) || entry.length !== parts) throw new SyncError("invalid", "Not a channel entry");
      apply(entry, offset);
    },
    restore() {},
    clear() {},
  };
}

function readEntry([event, data, from]: readonly unknown[], offset: number): ChannelMessage {
  if (typeof event !== "string" || event.length > maxEventNameBytes || (from !== null && typeof from !== "string")) {
    throw new SyncError("invalid", "Not a channel entry");
  }
  return { event, data, from, offset };
}
