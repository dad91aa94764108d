/**
 * Sessions: what outlives a connection. A session is proved by its token, which only the server and that client know;
 * a client id proves nothing.
 *
 * Always: a session belongs to one user; it is forgotten `sessionGraceMs` after its last connection, or earlier
 * when more than `maxIdleSessions` are idle, the oldest first.
 * Rules: docs/protocol.md HELLO1-HELLO7.
 */
import { type Env, randomHex } from "../core/env.ts";
import type { User } from "../core/register.ts";
import type { Connection } from "./connection.ts";

export interface Session {
  readonly id: string;
  readonly token: string;
  user: User;
  /** How others know the writer: stamped on what it publishes. */
  readonly replica: string;
  /** Mostly one: an array costs less than a set. */
  connections: readonly Connection[];
  /** The last sequence number seen, by topic name. */
  seqs: Map<string, number> | undefined;
  idleSinceMs: number;
}

export interface Sessions {
  /** The session that `token` proves, or a new one. */
  attach(connection: Connection, id: string | null, token: string | null): { session: Session; resumed: boolean };
  detach(connection: Connection): void;
  /** Forgets what is idle for too long; called by the server's sweep. */
  sweep(): void;
  readonly size: number;
}

export function createSessions(
  env: Env,
  limits: { readonly maxIdleSessions: number; readonly sessionGraceMs: number },
): Sessions {
  const sessions = new Map<string, Session>();
  /** Idle ones in the order in which they became idle. */
  const idle = new Set<Session>();
  const forget = (session: Session): void => {
    idle.delete(session);
    sessions.delete(session.id);
  };
  return {
    attach(connection, id, token) {
      const known = id === null ? undefined : sessions.get(id);
      const resumed =
        known !== undefined && token !== null && sameText(known.token, token) && sameUser(known.user, connection.user);
      const session: Session = resumed
        ? known
        : {
            id: randomHex(env, 8),
            token: randomHex(env, 16),
            user: connection.user,
            replica: randomHex(env, 4),
            connections: [],
            seqs: undefined,
            idleSinceMs: 0,
          };
      sessions.set(session.id, session);
      // Anonymous users have no name but the one that the token proves; of others the newest word counts.
      if (isAnonymous(session.user)) connection.user = session.user;
      else session.user = connection.user;
      idle.delete(session);
      session.connections = [...session.connections, connection];
      connection.session = session;
      return { session, resumed };
    },
    detach(connection) {
      const { session } = connection;
      if (!session?.connections.includes(connection)) return;
      session.connections = session.connections.filter((other) => other !== connection);
      if (session.connections.length) return;
      session.idleSinceMs = env.monotonicMs();
      idle.add(session);
      if (idle.size > limits.maxIdleSessions) forget(idle.values().next().value as Session);
    },
    sweep() {
      const before = env.monotonicMs() - limits.sessionGraceMs;
      for (const session of idle) {
        if (session.idleSinceMs > before) break;
        forget(session);
      }
    },
    get size() {
      return sessions.size;
    },
  };
}

function sameUser(a: User, b: User): boolean {
  return a.id === b.id || (isAnonymous(a) && isAnonymous(b));
}

export function isAnonymous(user: User): boolean {
  return (user as { readonly anonymous?: boolean }).anonymous === true;
}

/** Compares in a time that depends on the length alone. */
function sameText(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
