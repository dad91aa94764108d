/**
 * Events that the application pushes: to a user, to everybody, and to who was away for a moment.
 *
 * Always: an event that cannot be packed throws, whoever is there; one is packed at most once for each format; what waits for a client that is away is bounded, and what is
 * beyond that counted; it goes to the connection that proves to be that client, in that connection's format.
 * Rules: docs/protocol.md MAIL1-MAIL3.
 */
import { event } from "../session/messages/sente.ts";
import { ownBudget } from "../wire/packer.ts";
import type { Connection } from "./connection.ts";
import type { Counters } from "./counters.ts";
import type { Framer } from "./frames.ts";
import type { Users } from "./users.ts";

export interface Pushes {
  /** To the user's connections; `toPlain`: to those of plain Sente peers alone. */
  push(userId: string, name: string, data: unknown, toPlain?: boolean): void;
  /** To all of them that stand for themselves. */
  broadcast(to: Iterable<Connection>, name: string, data: unknown): void;
  /** Pushes what waited for this client while it was away. */
  returned(connection: Connection): void;
}

interface PushesHost {
  /** The server's own format. */
  readonly own: Framer;
  readonly users: Users;
  readonly counters: Counters;
  /** Events that wait for one client. */
  readonly maxWaiting: number;
}

export function createPushes({ own, users, counters, maxWaiting }: PushesHost): Pushes {
  return {
    push(userId, name, data, toPlain = false) {
      const piece = packing(own, name, data);
      const isMeant = ({ offersSync }: Connection): boolean => !toPlain || !offersSync;
      for (const connection of users.of(userId)) if (isMeant(connection)) connection.push(piece(connection.framer));
      for (const mail of users.away(userId)) {
        if (!isMeant(mail.connection)) continue;
        if (mail.events.length < maxWaiting) mail.events.push(piece(mail.connection.framer));
        else counters.droppedPushes++;
      }
    },
    broadcast(to, name, data) {
      const piece = packing(own, name, data);
      for (const connection of to) {
        if (!connection.visiting && !connection.movedTo) connection.push(piece(connection.framer));
      }
    },
    returned(connection) {
      const mail = users.takeMail(connection);
      if (!mail) return;
      const { framer } = connection;
      const from = mail.connection.framer;
      for (const piece of mail.events) {
        connection.push(from === framer ? piece : framer.piece(from.packer.unpack(piece, ownBudget)));
      }
    },
  };
}

/** The event as a piece, packed once for each format that asks; in `own` at once, so that data that no format carries throws. */
function packing(own: Framer, name: string, data: unknown): (framer: Framer) => Uint8Array {
  const value = event(name, data);
  const pieces = new Map<Framer, Uint8Array>([[own, own.piece(value)]]);
  return (framer) => {
    const known = pieces.get(framer);
    if (known) return known;
    const piece = framer.piece(value);
    pieces.set(framer, piece);
    return piece;
  };
}
