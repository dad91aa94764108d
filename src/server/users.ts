/**
 * Which connections a user has. Most have one, so most are held without a set of their own.
 * Rules: docs/protocol.md USER1-USER4.
 */
import type { Connection } from "./connection.ts";

export interface Users {
  add(connection: Connection): void;
  remove(connection: Connection): void;
  /** A copy: closing them while going over it is fine. */
  of(userId: string): Connection[];
  count(userId: string): number;
  readonly size: number;
}

export function createUsers(): Users {
  const byId = new Map<string, Connection | Set<Connection>>();
  return {
    add(connection) {
      const { id } = connection.user;
      const known = byId.get(id);
      if (!known) byId.set(id, connection);
      else if (known instanceof Set) known.add(connection);
      else byId.set(id, new Set([known, connection]));
    },
    remove(connection) {
      const { id } = connection.user;
      const known = byId.get(id);
      if (known === connection) byId.delete(id);
      else if (known instanceof Set && known.delete(connection) && known.size === 0) byId.delete(id);
    },
    of(userId) {
      const known = byId.get(userId);
      return known === undefined ? [] : known instanceof Set ? [...known] : [known];
    },
    count(userId) {
      const known = byId.get(userId);
      return known === undefined ? 0 : known instanceof Set ? known.size : 1;
    },
    get size() {
      return byId.size;
    },
  };
}
