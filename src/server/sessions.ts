/**
 * Sessions: what outlives a connection, and with a token the server too. A session is proved by its token, which only the
 * server can make; a client id proves nothing.
 *
 * Always: a session belongs to one user; what is in memory of it is forgotten `sessionGraceMs` after its last connection, or
 * earlier when more than `maxIdleSessions` are idle, the oldest first. Its token holds for longer (tokens.ts).
 * Rules: docs/protocol.md HELLO1-HELLO8.
 */
import { type Env, randomHex } from "../core/env.ts";
import type { User } from "../core/register.ts";
import type { Connection } from "./connection.ts";
import type { SessionFacts, Tokens } from "./tokens.ts";

export interface Session {
  readonly id: string;
  user: User;
  /** Wall clock. */
  readonly createdMs: number;
  /** How others know the writer: stamped on what it publishes. */
  readonly replica: string;
  /** Mostly one: an array costs less than a set. */
  connections: readonly Connection[];
  idleSinceMs: number;
  /** Connections so far. */
  lines: number;
  /** Of those, the newest that has written. */
  writingLine: number;
}

export interface Sessions {
  /** The session that `token` proves, or a new one. */
  attach(connection: Connection, id: string | null, token: string | null): { session: Session; token: string; resumed: boolean };
  detach(connection: Connection): void;
  /** Forgets what is idle for too long; called by the server's sweep. */
  sweep(): void;
  readonly size: number;
}

export function createSessions(
  env: Env,
  limits: { readonly maxIdleSessions: number; readonly sessionGraceMs: number },
  tokens: () => Tokens,
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
      const facts = id === null || token === null ? undefined : tokens().read(id, token);
      const known = facts && sessions.get(facts.id);
      const resumed = facts !== undefined && isOf(facts, connection.user);
      const session: Session = (resumed && known) || {
        id: resumed ? facts.id : randomHex(env, 8),
        user: resumed && isAnonymous(connection.user) ? { ...connection.user, id: facts.userId } : connection.user,
        createdMs: resumed ? facts.createdMs : Math.floor(env.nowMs()),
        replica: resumed ? facts.replica : randomHex(env, 4),
        connections: [],
        idleSinceMs: 0,
        lines: 0,
        writingLine: 0,
      };
      sessions.set(session.id, session);
      // Anonymous users have no name but the one that the token proves; of others the newest word counts.
      if (isAnonymous(session.user)) connection.user = session.user;
      else session.user = connection.user;
      idle.delete(session);
      session.connections = [...session.connections, connection];
      connection.session = session;
      connection.line = ++session.lines;
      const { user } = session;
      return { session, resumed, token: tokens().issue({ ...session, userId: user.id, anonymous: isAnonymous(user) }) };
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

/** The user's own, or an anonymous one's and shown by an anonymous one: the token is all that an anonymous user has. */
function isOf({ userId, anonymous }: SessionFacts, user: User): boolean {
  return anonymous === isAnonymous(user) && (anonymous || userId === user.id);
}

export function isAnonymous(user: User): boolean {
  return (user as { readonly anonymous?: boolean }).anonymous === true;
}
