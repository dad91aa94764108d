/**
 * Who posts to the server and does not poll: for each a connection that nothing is sent to, so that what a connection may do holds for
 * posts as well. It is forgotten when it has been quiet and nothing of it is remembered against it.
 *
 * Always: at most as many as may connect, of one signed-in user and in all; who is one too many has none.
 * Rules: docs/protocol/ajax.md AJAX17.
 */
import type { Env } from "../core/env.ts";
import type { User } from "../core/register.ts";
import { type Bucket, waitMs } from "../tail/bucket.ts";
import type { Connection } from "./connection.ts";
import type { ServerLimits } from "./limits.ts";
import { isAnonymous } from "./sessions.ts";

/** Longer than anything but the rates looks back. */
const quietMs = 10_000;

interface Visitor {
  readonly connection: Connection;
  readonly user: string | undefined;
  usedMs: number;
}

export interface Visitors {
  /** The one under that key, or a new one that `make` makes; undefined: there are too many, or it was ended. */
  of(key: string, user: User, make: () => Connection): Connection | undefined;
}

export function createVisitors(
  env: Pick<Env, "monotonicMs">,
  limits: Pick<ServerLimits, "maxConnections" | "maxConnectionsPerUser">,
): Visitors {
  /** In the order of their last use. */
  const visitors = new Map<string, Visitor>();
  const perUser = new Map<string, number>();

  const count = (user: string | undefined, by: number): void => {
    if (user === undefined) return;
    const now = (perUser.get(user) ?? 0) + by;
    if (now) perUser.set(user, now);
    else perUser.delete(user);
  };

  const use = (key: string, visitor: Visitor): void => {
    visitor.usedMs = env.monotonicMs();
    visitors.delete(key);
    visitors.set(key, visitor);
  };

  const sweep = (): void => {
    const now = env.monotonicMs();
    const isFull = (bucket: Bucket | undefined): boolean => !bucket || waitMs(bucket, now, bucket.rate.burst) === 0;
    for (const [key, visitor] of visitors) {
      const { connection, user, usedMs } = visitor;
      if (now - usedMs < quietMs) break;
      if (connection.openCallbacks > 0 || !isFull(connection.messages) || !isFull(connection.bytes)) {
        use(key, visitor);
        continue;
      }
      visitors.delete(key);
      count(user, -1);
    }
  };

  return {
    of(key, user, make) {
      sweep();
      const known = visitors.get(key);
      // What would have closed a connection.
      if (known?.connection.closing) return undefined;
      if (known) {
        use(key, known);
        known.connection.user = user;
        return known.connection;
      }
      const name = isAnonymous(user) ? undefined : user.id;
      const ofUser = name === undefined ? 0 : (perUser.get(name) ?? 0);
      if (visitors.size >= limits.maxConnections || ofUser >= limits.maxConnectionsPerUser) return undefined;
      const connection = make();
      visitors.set(key, { connection, user: name, usedMs: env.monotonicMs() });
      count(name, 1);
      return connection;
    },
  };
}
