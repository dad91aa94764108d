/**
 * `useInbox`: the mail of the client's user.
 *
 * Always: two components share the subscription; on a server, and in a page that takes its markup over, the inbox is empty.
 * Rules: docs/guides/inbox.md.
 */
import { useMemo, useSyncExternalStore } from "react";
import { type ClientInbox, type InboxMessage, inbox, type Readable } from "sente-sync/client";
import { useClient } from "./provider.ts";

export interface Inbox {
  /** What is kept, the newest last. */
  readonly items: readonly InboxMessage[];
  readonly unread: number;
  /** How many were forgotten unread since the last mark. */
  readonly missed: number;
  /** All up to that one are read, by default all. */
  readonly markRead: ClientInbox["markRead"];
}

const none: readonly InboxMessage[] = [];

function useReadable<T>({ listen, get }: Readable<T>, first: T): T {
  return useSyncExternalStore(listen, get, () => first);
}

export function useInbox(): Inbox {
  const client = useClient();
  const { items, unread, missed, markRead } = useMemo(() => inbox(client), [client]);
  return { items: useReadable(items, none), unread: useReadable(unread, 0), missed: useReadable(missed, 0), markRead };
}
