/**
 * Anonymous peers of a foreign protocol: nothing proves that one who comes back is the same, so in a document they are one owner.
 *
 * Always: a guest is a copy of a user, made for one connection; who connects as one of ours is none.
 * Rules: docs/protocol/yjs-peers.md YPEER10.
 */
import type { User } from "../../../core/register.ts";
import { isAnonymous } from "../../sessions.ts";

const guests = new WeakSet<User>();

/** The user of a peer's connection. */
export function peerUser(user: User): User {
  if (!isAnonymous(user)) return user;
  const guest = { ...user };
  guests.add(guest);
  return guest;
}

export function isGuest(user: User): boolean {
  return guests.has(user);
}
