/**
 * What a connection asks of a room that it reads: to be a member, to change what it shows, to leave, to tell something.
 *
 * Always: nobody is a member whom `authorize` did not allow `presence`, nor without a session and a subscription that reads; what is
 * refused is answered with its reason.
 * Rules: docs/protocol/presence.md PRESENCE1-PRESENCE9.
 */
import { SyncError, toWireError } from "../core/errors.ts";
import { type MemberRequest, readMember } from "../session/messages/presence.ts";
import { errorEvent, event } from "../session/messages/sente.ts";
import { sync } from "../session/messages/sync.ts";
import type { Connection } from "./connection.ts";
import type { ServerCore } from "./core.ts";
import { isDefect } from "./guard.ts";

export interface PresenceRequests {
  /** False: it cannot be read, or is no such message. */
  hear(connection: Connection, id: string, data: unknown, callback: unknown): boolean;
}

export function createPresenceRequests(core: ServerCore): PresenceRequests {
  const { counters, limits, topics } = core;

  const run = (connection: Connection, id: number, request: MemberRequest): unknown => {
    // It may have moved while it was asked about.
    const { current } = connection;
    const subscription = current.subscription(id);
    const hosted = subscription && topics.opened(subscription.name);
    if (!subscription?.read || !current.session || !hosted?.ask)
      throw current.missing(id, "Say hello and subscribe to a room first.");
    if (subscription.grant.write === false) throw new SyncError("forbidden", `Not allowed to be in "${subscription.name}".`);
    return hosted.ask(current, subscription, request);
  };

  const ask = (connection: Connection, id: number, request: MemberRequest): unknown => {
    const subscription = connection.subscription(id);
    const allowed = !subscription?.read || core.mayWrite(connection, subscription);
    if (!(allowed instanceof Promise)) return run(connection, id, request);
    const { grant } = subscription as { readonly grant: { write: unknown } };
    return allowed.then((isAllowed) => {
      if (grant.write === allowed) grant.write = isAllowed;
      return run(connection, id, request);
    });
  };

  const refused = (error: unknown, { current }: Connection, id: number): unknown => {
    counters.refused++;
    if (isDefect(error)) core.report(error, current.subscription(id)?.name ?? sync.member);
    return event(errorEvent, toWireError(error));
  };

  return {
    hear(connection, message, data, callback) {
      if (message !== sync.member) return false;
      const read = readMember(data);
      if (!read) return false;
      const answer = (value: unknown): void => {
        if (callback === null) return;
        const { current } = connection;
        // Ahead of the entry that tells of it: nobody is to see itself among the others.
        if (read.request.op === "join") current.control(current.framer.message(value, callback));
        else connection.answer(callback, value);
      };
      try {
        if (connection.openCallbacks >= limits.maxCallbacks) throw new SyncError("limit", "Too many requests wait for answers.");
        const result = ask(connection, read.id, read.request);
        if (!(result instanceof Promise)) answer(result);
        else {
          connection.openCallbacks++;
          void result
            .catch((error: unknown) => refused(error, connection, read.id))
            .then((value) => {
              connection.openCallbacks--;
              answer(value);
            });
        }
      } catch (error) {
        answer(refused(error, connection, read.id));
      }
      return true;
    },
  };
}
