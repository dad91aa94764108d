/**
 * `inbox`: the mail of the client's user, as live values. Rules: docs/guides/inbox.md.
 */
import { type Client, type ClientInbox, type InboxMessage, inbox as inboxOf } from "sente-sync/client";
import { type AnyClient, getClient } from "./client.ts";
import { createLive, type Live } from "./live.ts";

export interface LiveInbox {
  /** What is kept, the newest last. */
  readonly items: Live<readonly InboxMessage[]>;
  readonly unread: Live<number>;
  /** How many were forgotten unread since the last mark. */
  readonly missed: Live<number>;
  /** All up to that one are read, by default all. */
  readonly markRead: ClientInbox["markRead"];
}

export function inbox(client: AnyClient = getClient()): LiveInbox {
  const { items, unread, missed, markRead } = inboxOf(client as Client);
  return {
    items: createLive("", () => items),
    unread: createLive("", () => unread),
    missed: createLive("", () => missed),
    markRead,
  };
}
