/**
 * Events and requests from clients: one handler per name; what it returns is the reply.
 *
 * Always: a request is answered exactly once, also when nobody handles it or the handler fails, unless the peer is a
 * plain Sente client, to which errors are not sent; a handler that throws harms nobody else.
 * Rules: docs/protocol.md EVENT1-EVENT7, REPLY1-REPLY4.
 */
import { SyncError, toWireError } from "../core/errors.ts";
import type { EventShape, Events } from "../core/events.ts";
import type { User } from "../core/register.ts";
import { validate } from "../core/schema.ts";
import type { Capabilities } from "../session/capabilities.ts";
import { errorEvent, event, type Up } from "../session/messages/sente.ts";
import type { Connection } from "./connection.ts";
import type { ServerCore } from "./core.ts";
import { type Authorize, ask } from "./grants.ts";
import { isDefect } from "./guard.ts";

/** The connection that an event came from. */
export interface Peer {
  readonly id: string;
  readonly clientId: string;
  readonly user: User;
  /** Pushes an event to this connection alone. */
  send(event: string, data?: unknown): void;
  /** What its client said that it can do; a plain Sente client's where it said nothing. */
  readonly capabilities: Capabilities;
  supports(feature: string): boolean;
  close(): void;
}

export interface EventContext<Data = unknown> {
  readonly event: string;
  readonly data: Data;
  readonly user: User;
  readonly peer: Peer;
}

/** A returned value is the reply; `undefined` replies nil; a promise that never settles never replies. */
export type Handler = (context: EventContext<never>) => unknown;

/** Names that the server itself raises events under. */
export const localEvents = ["chsk/bad-event", "chsk/ws-ping", "chsk/ws-pong"] as const;

export interface Handlers {
  /** Throws SyncError `conflict` where the name has a handler. */
  on(name: string, handler: Handler): () => void;
  /** Routes an event; replies when `callback` asks for it. */
  handle(connection: Connection, id: string, data: unknown, callback: unknown): void;
  /** Raises one of the server's own events, if anybody listens. */
  local(connection: Connection, id: (typeof localEvents)[number]): void;
  /** Routes something that is not an event. */
  bad(connection: Connection, up: Up & { type: "bad-event" }): void;
}

export function createHandlers(
  core: ServerCore,
  options: {
    readonly events: Events;
    readonly authorize: Authorize | undefined;
    readonly peerOf: (connection: Connection) => Peer;
  },
): Handlers {
  const handlers = new Map<string, Handler>();
  const shapes = new Map<string, EventShape>(Object.entries(options.events));
  const { counters } = core;

  const reply = (connection: Connection, callback: unknown, value: unknown): void => {
    connection.answer(callback, value === undefined ? null : value);
  };
  const fail = (connection: Connection, callback: unknown, error: unknown): void => {
    if (callback === null || !connection.session) return;
    reply(connection, callback, event(errorEvent, toWireError(error)));
  };
  const answer = (connection: Connection, id: string, callback: unknown, value: unknown): void => {
    if (callback === null) return;
    try {
      const schema = shapes.get(id)?.reply;
      reply(connection, callback, schema ? validate(schema, value, `Reply to "${id}"`) : value);
    } catch (error) {
      core.report(error, id);
      fail(connection, callback, new SyncError("handler-failed", "The reply could not be sent."));
    }
  };
  const failed = (connection: Connection, id: string, callback: unknown, error: unknown): void => {
    counters.handlerErrors++;
    core.report(error, id);
    fail(connection, callback, error);
  };

  /** A reply does not overtake what its handler wrote: where that is on its way to the disk, it waits for it. */
  const answerBehind = (connection: Connection, id: string, callback: unknown, value: unknown): void => {
    const { storing } = core.topics;
    if (!storing || callback === null) return answer(connection, id, callback, value);
    const now = (): void => answer(connection, id, callback, value);
    storing.then(now, now);
  };

  const run = (connection: Connection, handler: Handler, id: string, data: unknown, callback: unknown): void => {
    if (callback !== null && connection.openCallbacks >= core.limits.maxCallbacks) {
      counters.refused++;
      return fail(connection, callback, new SyncError("limit", `${core.limits.maxCallbacks} requests wait for replies already.`));
    }
    let result: unknown;
    try {
      const schema = shapes.get(id)?.data;
      let checked = data;
      if (schema) {
        try {
          checked = validate(schema, data, `Event "${id}"`);
        } catch (error) {
          counters.refused++;
          if (isDefect(error)) core.report(error, id);
          return fail(connection, callback, error);
        }
      }
      const context: EventContext = { event: id, data: checked, user: connection.user, peer: options.peerOf(connection) };
      result = (handler as (context: EventContext) => unknown)(context);
    } catch (error) {
      return failed(connection, id, callback, error);
    }
    if (!(result instanceof Promise)) return answerBehind(connection, id, callback, result);
    if (callback !== null) connection.openCallbacks++;
    const settle = (done: () => void): void => {
      if (callback !== null) connection.openCallbacks--;
      done();
    };
    result.then(
      (value) => settle(() => answerBehind(connection, id, callback, value)),
      (error: unknown) => settle(() => failed(connection, id, callback, error)),
    );
  };

  const route = (connection: Connection, id: string, data: unknown, callback: unknown): boolean => {
    const handler = handlers.get(id);
    if (!handler) return false;
    run(connection, handler, id, data, callback);
    return true;
  };

  return {
    on(name, handler) {
      if (handlers.has(name)) throw new SyncError("conflict", `Event "${name}" has a handler already.`);
      handlers.set(name, handler);
      return () => void (handlers.get(name) === handler && handlers.delete(name));
    },
    handle(connection, id, data, callback) {
      if (!handlers.has(id) || id.startsWith("chsk/")) {
        counters.unhandledEvents++;
        core.report(new SyncError("unhandled-event", `No handler for "${id}".`), id);
        return fail(connection, callback, new SyncError("unhandled-event", `The server has no handler for "${id}".`));
      }
      if (!options.authorize) return void route(connection, id, data, callback);
      const request = { user: connection.user, kind: "event", topic: id, params: {} };
      const answered = ask([options.authorize], { ...request, action: callback === null ? "event" : "request" }, (error) =>
        core.report(error, id),
      );
      const decide = (yes: boolean): void => {
        if (yes) return void route(connection, id, data, callback);
        counters.refused++;
        fail(connection, callback, new SyncError("forbidden", `Not allowed: "${id}".`));
      };
      if (answered instanceof Promise) void answered.then(decide);
      else decide(answered);
    },
    local: (connection, id) => void route(connection, id, null, null),
    bad(connection, { what, callback }) {
      counters.badEvents++;
      if (!route(connection, "chsk/bad-event", what, null))
        core.report(new SyncError("invalid", "A client sent something that is not an event."), "chsk/bad-event");
      fail(connection, callback, new SyncError("invalid", "An event is a vector of a namespaced keyword and its data."));
    },
  };
}
