/**
 * Asks `authorize` anew about all that a connection reads and writes, because its user is not quite the same any more.
 *
 * Always: what may be read no longer ends with `forbidden`; what may be written is asked again with the next write; where another part than
 * before may be read, or something is under way, it has to subscribe anew.
 * Rules: docs/protocol/auth.md AUTH11.
 */
import type { User } from "../core/register.ts";
import type { Connection } from "./connection.ts";
import type { Grant } from "./grants.ts";
import type { Resolved } from "./hosted.ts";
import type { Subscription } from "./subscription.ts";
import type { Topics } from "./topics.ts";

interface ReaskHost {
  readonly topics: Topics;
  grant(user: User, resolved: Resolved, name: string, read: boolean): Grant | Promise<Grant>;
  end(subscription: Subscription, code: string): void;
}

/** Resolves false where it has to subscribe anew. */
export type Reask = (connection: Connection) => Promise<boolean>;

export function createReask({ topics, grant, end }: ReaskHost): Reask {
  const ask = async (user: User, { name, read }: Subscription): Promise<Grant> => {
    const resolved = topics.resolve(name);
    return resolved ? grant(user, resolved, name, read) : false;
  };
  /** It reads what that user reads. */
  const isShown = async (user: User, { name, read, topic }: Subscription): Promise<boolean> => {
    const { viewFor } = await topics.open(name);
    return !read || !viewFor || viewFor(user) === topic;
  };

  return async (connection) => {
    const { user, subscriptions } = connection;
    if (connection.seeking || connection.granting?.size) return false;
    const asked = subscriptions.map(async (subscription) => {
      const allowed = await ask(user, subscription);
      return { subscription, allowed, isSame: !allowed || (await isShown(user, subscription)) };
    });
    const answers = await Promise.all(asked);
    if (connection.movedTo || connection.seeking) return false;
    let isSame = true;
    for (const { subscription, allowed, isSame: isShownSame } of answers) {
      if (!connection.holds(subscription)) continue;
      if (!allowed) end(subscription, "forbidden");
      else if (!isShownSame || JSON.stringify(allowed) !== JSON.stringify(subscription.allowed)) isSame = false;
      else subscription.grant.write = subscription.read ? undefined : allowed;
    }
    return isSame;
  };
}
