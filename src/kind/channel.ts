/**
 * Channels: named events in one order, with no state. An entry is `[event, data, from]`.
 *
 * Always: `from` is the server's word, never the publisher's; a late joiner gets the tail, and a gap as a gap.
 * Rules: docs/protocol/kinds.md CHANNEL1-CHANNEL6.
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
  return {
    value: undefined,
    apply(entry, offset) {
      const [event, data, from] = Array.isArray(entry) && entry.length === 3 ? entry : [];
      if (typeof event !== "string" || event.length > maxEventNameBytes || (from !== null && typeof from !== "string")) {
        throw new SyncError("invalid", "Not a channel entry");
      }
      onEvent({ event, data, from, offset });
    },
    restore() {},
    clear() {},
  };
}
