/**
 * Ephemeral events and requests: named once, typed on both sides.
 *
 * Always: a name is `namespace/name`, a valid keyword; `chsk` and `sync` are the protocol's own namespaces.
 * Rules: docs/protocol.md EVENT1-EVENT4.
 */
import { SyncError } from "./errors.ts";
import type { InputOf, OutputOf, Schema } from "./schema.ts";

export interface EventShape {
  /** What travels with the event. */
  readonly data?: Schema<never, unknown> | Schema;
  /** What a request for it is answered with. */
  readonly reply?: Schema<never, unknown> | Schema;
  /** Sent to a user by the server it goes into that user's inbox, and is not lost for who is away. */
  readonly inbox?: true;
}

export type Events = { readonly [name: string]: EventShape };

/** Where nothing is declared, every name is allowed and carries anything. */
export type AnyEvents = { readonly [name: string]: { readonly data: Schema<unknown>; readonly reply: Schema<unknown> } };

export type EventName<E extends Events> = Extract<keyof E, string>;
/** Those that are pushed: told to who is there. */
export type PushName<E extends Events> = {
  [N in EventName<E>]: E[N] extends { readonly inbox: true } ? never : N;
}[EventName<E>];
type Part<E, N, P extends "data" | "reply"> = N extends keyof E
  ? E[N] extends { readonly [K in P]: infer S }
    ? S
    : undefined
  : undefined;

/** What a sender gives. */
export type EventInput<E extends Events, N extends EventName<E>> =
  Part<E, N, "data"> extends undefined ? undefined : InputOf<Part<E, N, "data">>;
/** What a receiver gets. */
export type EventData<E extends Events, N extends EventName<E>> =
  Part<E, N, "data"> extends undefined ? undefined : OutputOf<Part<E, N, "data">>;
export type ReplyInput<E extends Events, N extends EventName<E>> =
  Part<E, N, "reply"> extends undefined ? unknown : InputOf<Part<E, N, "reply">>;
export type ReplyData<E extends Events, N extends EventName<E>> =
  Part<E, N, "reply"> extends undefined ? unknown : OutputOf<Part<E, N, "reply">>;

/** The argument list of `send` and `request`: no data argument where the event has none. */
export type DataArgs<E extends Events, N extends EventName<E>> =
  undefined extends EventInput<E, N> ? [data?: EventInput<E, N>] : [data: EventInput<E, N>];

const eventName = /^(?!chsk\/|sync\/)[\w*!?<>=+.&%$-]+\/[\w*!?<>=+.&%$-]+$/;

/** `namespace/name`, outside the protocol's own namespaces. */
export function isEventName(name: string): boolean {
  return eventName.test(name);
}

/** Declares events; throws SyncError `invalid` for a name that is not `namespace/name` or is the protocol's own. */
export function defineEvents<const E extends Events>(events: E): E {
  for (const name of Object.keys(events)) {
    if (!isEventName(name)) throw new SyncError("invalid", `Event "${name}": a name is namespace/name, outside chsk and sync.`);
  }
  return events;
}
