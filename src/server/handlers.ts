/**
 * Events and requests from clients: one handler per name; what it returns is the reply.
 *
 * Always: a request is answered exactly once, also when nobody handles it or the handler fails or hangs, unless the peer is a
 * plain Sente client, to which errors are not sent; a handler that throws harms nobody else.
 * Rules: docs/protocol.md EVENT1-EVENT7, REPLY1-REPLY4, HOOK4, GRANT13.
 */
import { SyncError, toWireError } from "../core/errors.ts";
import type { EventShape, Events } from "../core/events.ts";
import type { User } from "../core/register.ts";
import { validate } from "../core/schema.ts";
import type { Capabilities } from "../session/capabilities.ts";
import { errorEvent, event, type Up } from "../session/messages/sente.ts";
import type { Connection } from "./connection.ts";
import type { ServerCore } from "./core.ts";
import { createDeadlines } from "./deadlines.ts";
import { type Authorize, ask } from "./grants.ts";
import { isDefect } from "./guard.ts";
import { forbidden, type WayIn } from "./ways-in.ts";

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

/** A returned value is the reply; `undefined` replies nil; a promise may take `limits.handlerMs`. */
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

/** An event on its way through `authorize` and its handler. */
interface Asked {
  readonly connection: Connection;
  readonly id: string;
  /** Null: no answer is awaited. */
  readonly callback: unknown;
  isWaiting: boolean;
  isLate: boolean;
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
  const { counters, limits } = core;

  const reply = (connection: Connection, callback: unknown, value: unknown): void => {
    connection.answer(callback, value === undefined ? null : value);
  };
  const fail = ({ connection, callback }: Asked, error: unknown): void => {
    if (callback === null || !connection.session) return;
    reply(connection, callback, event(errorEvent, toWireError(error)));
  };
  const answer = (asked: Asked, value: unknown): void => {
    const { connection, id, callback } = asked;
    if (callback === null) return;
    try {
      const schema = shapes.get(id)?.reply;
      reply(connection, callback, schema ? validate(schema, value, `Reply to "${id}"`) : value);
    } catch (error) {
      core.report(error, id);
      fail(asked, new SyncError("handler-failed", "The reply could not be sent."));
    }
  };
  const failed = (asked: Asked, error: unknown): void => {
    counters.handlerErrors++;
    core.report(error, asked.id);
    fail(asked, error);
  };

  const late = createDeadlines<Asked>(core.env, limits.handlerMs, (asked) => {
    asked.isLate = true;
    asked.connection.openCallbacks--;
    failed(asked, new SyncError("timeout", `"${asked.id}" was not answered within ${limits.handlerMs} ms.`));
  });
  core.ends.add(late.close);

  /** Who asks waits for an answer: it is one of those of its connection, until it is `over`. */
  const wait = (asked: Asked): void => {
    if (asked.callback === null || asked.isWaiting) return;
    asked.isWaiting = true;
    asked.connection.openCallbacks++;
    late.add(asked);
  };
  const over = (asked: Asked): void => {
    if (late.delete(asked)) asked.connection.openCallbacks--;
  };

  /** A reply does not overtake what its handler wrote: where that is on its way to the disk, it waits for it. */
  const answerBehind = (asked: Asked, value: unknown): void => {
    over(asked);
    // What comes later than it may is told to nobody.
    if (asked.isLate) return;
    const { storing } = core.topics;
    if (!storing || asked.callback === null) return answer(asked, value);
    const now = (): void => answer(asked, value);
    storing.then(now, now);
  };

  const run = (asked: Asked, handler: Handler, data: unknown): void => {
    const { connection, id } = asked;
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
          over(asked);
          return fail(asked, error);
        }
      }
      const context: EventContext = { event: id, data: checked, user: connection.user, peer: options.peerOf(connection) };
      result = (handler as (context: EventContext) => unknown)(context);
    } catch (error) {
      over(asked);
      return failed(asked, error);
    }
    if (!(result instanceof Promise)) return answerBehind(asked, result);
    wait(asked);
    result.then(
      (value) => answerBehind(asked, value),
      (error: unknown) => {
        over(asked);
        if (asked.isLate) core.report(error, id);
        else failed(asked, error);
      },
    );
  };

  const askedBy = (connection: Connection, id: string, callback: unknown): Asked => ({
    connection,
    id,
    callback,
    isWaiting: false,
    isLate: false,
  });

  const route = (asked: Asked, data: unknown): boolean => {
    const handler = handlers.get(asked.id);
    if (!handler) return false;
    run(asked, handler, data);
    return true;
  };

  return {
    on(name, handler) {
      if (handlers.has(name)) throw new SyncError("conflict", `Event "${name}" has a handler already.`);
      handlers.set(name, handler);
      return () => void (handlers.get(name) === handler && handlers.delete(name));
    },
    handle(connection, id, data, callback) {
      const asked = askedBy(connection, id, callback);
      if (!handlers.has(id) || id.startsWith("chsk/")) {
        counters.unhandledEvents++;
        core.report(new SyncError("unhandled-event", `No handler for "${id}".`), id);
        return fail(asked, new SyncError("unhandled-event", `The server has no handler for "${id}".`));
      }
      if (callback !== null && connection.openCallbacks >= limits.maxCallbacks) {
        counters.refused++;
        return fail(asked, new SyncError("limit", `${limits.maxCallbacks} requests wait for replies already.`));
      }
      if (!options.authorize) return void route(asked, data);
      const { user } = connection;
      const request = { user, kind: "event", topic: id, params: {}, action: callback === null ? "event" : "request" } as const;
      const answered = ask([options.authorize], request, (error) => core.report(error, id));
      const decide = (yes: boolean): void => {
        if (asked.isLate) return;
        if (yes) return void route(asked, data);
        counters.refused++;
        over(asked);
        fail(asked, forbidden(id));
      };
      if (!(answered instanceof Promise)) return decide(answered);
      wait(asked);
      const walk = async (way: WayIn): Promise<boolean> => (await answered) && !way.isRevoked;
      void core.ways.walk(user, id, walk).then(decide);
    },
    local: (connection, id) => void route(askedBy(connection, id, null), null),
    bad(connection, { what, callback }) {
      counters.badEvents++;
      if (!route(askedBy(connection, "chsk/bad-event", null), what))
        core.report(new SyncError("invalid", "A client sent something that is not an event."), "chsk/bad-event");
      const asked = askedBy(connection, "chsk/bad-event", callback);
      fail(asked, new SyncError("invalid", "An event is a vector of a namespaced keyword and its data."));
    },
  };
}
