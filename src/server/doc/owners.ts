/**
 * Whose client ids are, as the log and readers are told: a name for each user of a topic, which does not tell who it is.
 *
 * Always: the same user has the same name in a topic, over every session and after every restart.
 * Rules: docs/protocol/doc.md DOC1, DOC6.
 */
import { createHash } from "node:crypto";
import type { User } from "../../core/register.ts";
import { guestOwner } from "../../kind/doc/authority.ts";
import { isGuest } from "./peers/guests.ts";

const owners = new WeakMap<User, Map<string, string>>();

export function ownerOf(topic: string, user: User): string {
  if (isGuest(user)) return guestOwner;
  let own = owners.get(user);
  if (!own) {
    own = new Map();
    owners.set(user, own);
  }
  let owner = own.get(topic);
  if (owner === undefined) {
    owner = createHash("sha256")
      .update(JSON.stringify([topic, user.id]))
      .digest("hex")
      .slice(0, 24);
    own.set(topic, owner);
  }
  return owner;
}
