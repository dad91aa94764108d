/**
 * Which connections a user has, and who counts as connected. Most users have one connection, so most are held without a set of their own.
 *
 * A WebSocket's user counts from the handshake, a polling one's from the first poll. Who goes stays connected for `graceMs`; what is pushed
 * meanwhile waits, and goes to the one that proves to be the same client (MAIL1).
 * Always: the hooks are told once per user, not per connection; what waits is bounded, and dropped when the grace ends.
 * Rules: docs/protocol.md USER1-USER8, MAIL1-MAIL3. Source: sente-wire sections 7 and 8.
 */

import type { Env, Timer } from "../core/env.ts";
import { createStore, type Readable } from "../core/store.ts";
import type { Connection } from "./connection.ts";

/** Ids of users, by how they are connected. */
export interface ConnectedUsers {
  readonly ws: ReadonlySet<string>;
  readonly ajax: ReadonlySet<string>;
  readonly any: ReadonlySet<string>;
}

type Port = "ws" | "ajax";

/** Events for somebody who is away. */
export interface Mail {
  readonly userId: string;
  readonly clientId: string;
  readonly session: string | undefined;
  readonly connection: Connection;
  events: Uint8Array[];
  dueMs: number;
}

export interface Users {
  /** Pushes reach it from now on. */
  add(connection: Connection): void;
  /** Its user counts as connected from now on. */
  connected(connection: Connection): void;
  /** It is gone; what it was given and had not sent waits for its return, unless `isOver`. */
  remove(connection: Connection, unsent: Uint8Array[], isOver?: boolean): void;
  /** Another takes its place. */
  replace(connection: Connection, by: Connection): void;
  /** Its user is another one from now on. */
  rename(connection: Connection, change: () => void): void;
  /** A copy: closing them while going over it is fine. */
  of(userId: string): Connection[];
  /** Users that are away for the moment. */
  away(userId: string): readonly Mail[];
  /** What waited for this connection, which is the same client come back. */
  takeMail(connection: Connection): Mail | undefined;
  count(userId: string): number;
  readonly size: number;
  readonly connectedUsers: Readable<ConnectedUsers>;
  /** From now on nobody is waited for. */
  close(): void;
}

interface UsersHost {
  readonly env: Env;
  readonly graceMs: number;
  readonly maxAway: number;
  readonly onOpen: (userId: string) => void;
  readonly onClose: (userId: string) => void;
}

export function createUsers({ env, graceMs, maxAway, onOpen, onClose }: UsersHost): Users {
  const byId = new Map<string, Connection | Set<Connection>>();
  /** How many connections, present and away, hold each user on each port. */
  const held: Record<Port, Map<string, number>> = { ws: new Map(), ajax: new Map() };
  const known = createStore<number>(0);
  let snapshot: ConnectedUsers | undefined;
  let changes = 0;
  let isArmed = false;
  /** In the order in which they went. */
  const away = new Set<Mail>();
  const awayById = new Map<string, Mail[]>();
  let timer: Timer | undefined;
  let isClosed = false;

  const portOf = (connection: Connection): Port => (connection.polled ? "ajax" : "ws");
  const isHeld = (userId: string): boolean => held.ws.has(userId) || held.ajax.has(userId);

  const changed = (): void => {
    snapshot = undefined;
    changes++;
    if (isArmed) return;
    isArmed = true;
    env.endOfTurn(() => {
      isArmed = false;
      known.set(changes);
    });
  };
  const holdPort = (port: Port, userId: string): void => {
    const wasHeld = isHeld(userId);
    const count = held[port].get(userId) ?? 0;
    held[port].set(userId, count + 1);
    if (!count) changed();
    if (!wasHeld) onOpen(userId);
  };
  const releasePort = (port: Port, userId: string): void => {
    const count = held[port].get(userId) ?? 0;
    if (count > 1) return void held[port].set(userId, count - 1);
    held[port].delete(userId);
    changed();
    if (!isHeld(userId)) onClose(userId);
  };

  const insert = (connection: Connection): void => {
    const { id } = connection.user;
    const present = byId.get(id);
    if (!present) byId.set(id, connection);
    else if (present instanceof Set) present.add(connection);
    else byId.set(id, new Set([present, connection]));
  };
  const take = (connection: Connection): void => {
    const { id } = connection.user;
    const present = byId.get(id);
    if (present === connection) byId.delete(id);
    else if (present instanceof Set && present.delete(connection) && present.size === 0) byId.delete(id);
  };

  const forget = (mail: Mail): void => {
    away.delete(mail);
    const others = (awayById.get(mail.userId) ?? []).filter((other) => other !== mail);
    if (others.length) awayById.set(mail.userId, others);
    else awayById.delete(mail.userId);
    releasePort("ws", mail.userId);
  };
  const sweep = (): void => {
    timer = undefined;
    const now = env.monotonicMs();
    for (const mail of away) {
      if (mail.dueMs > now) break;
      forget(mail);
    }
    arm();
  };
  const arm = (): void => {
    const [next] = away;
    if (next) timer ??= env.setTimer(sweep, Math.max(1, next.dueMs - env.monotonicMs()));
  };

  const get = (): ConnectedUsers => {
    snapshot ??= {
      ws: new Set(held.ws.keys()),
      ajax: new Set(held.ajax.keys()),
      any: new Set([...held.ws.keys(), ...held.ajax.keys()]),
    };
    return snapshot;
  };

  return {
    add: insert,
    connected(connection) {
      if (connection.holdsUser) return;
      connection.holdsUser = true;
      holdPort(portOf(connection), connection.user.id);
    },
    replace(connection, by) {
      take(connection);
      insert(by);
      by.holdsUser = connection.holdsUser;
      connection.holdsUser = false;
      if (!by.holdsUser || portOf(by) === portOf(connection)) return;
      holdPort(portOf(by), by.user.id);
      releasePort(portOf(connection), connection.user.id);
    },
    remove(connection, unsent, isOver = false) {
      take(connection);
      if (!connection.holdsUser) return;
      connection.holdsUser = false;
      const { id } = connection.user;
      // Polls have had their grace when the connection ends.
      if (portOf(connection) === "ajax" || !graceMs || isOver || isClosed) return releasePort(portOf(connection), id);
      const mail: Mail = {
        userId: id,
        clientId: connection.clientId,
        session: connection.session?.id,
        connection,
        events: unsent,
        dueMs: env.monotonicMs() + graceMs,
      };
      away.add(mail);
      awayById.set(id, [...(awayById.get(id) ?? []), mail]);
      const [oldest] = away;
      if (away.size > maxAway && oldest) forget(oldest);
      arm();
    },
    rename(connection, change) {
      const { id } = connection.user;
      take(connection);
      change();
      insert(connection);
      if (!connection.holdsUser || connection.user.id === id) return;
      holdPort(portOf(connection), connection.user.id);
      releasePort(portOf(connection), id);
    },
    of(userId) {
      const present = byId.get(userId);
      return present === undefined ? [] : present instanceof Set ? [...present] : [present];
    },
    away: (userId) => awayById.get(userId) ?? [],
    takeMail(connection) {
      const { user, clientId, session } = connection;
      const mail = awayById
        .get(user.id)
        ?.find((each) => (each.session === undefined ? !session && each.clientId === clientId : each.session === session?.id));
      if (mail) forget(mail);
      return mail;
    },
    count(userId) {
      const present = byId.get(userId);
      return present === undefined ? 0 : present instanceof Set ? present.size : 1;
    },
    get size() {
      return byId.size;
    },
    connectedUsers: {
      get,
      listen: (run) => known.listen(() => run(get())),
      subscribe(run) {
        run(get());
        return known.listen(() => run(get()));
      },
    },
    close() {
      isClosed = true;
      if (timer !== undefined) env.clearTimer(timer);
      timer = undefined;
      for (const mail of away) forget(mail);
    },
  };
}
