/**
 * `inbox(client)`: the mail of the client's user, shared by all of that user's tabs and devices.
 *
 * Always: `items` are those that the server keeps, oldest first; what one client marks as read is read for all, and stays so.
 * Rules: docs/protocol/inbox.md INBOX9-INBOX11, INBOX13, INBOX16, RELAY4-RELAY7.
 */
import { topicName } from "../core/definitions.ts";
import type { SyncError } from "../core/errors.ts";
import type { AnyEvents, EventData, EventName, Events, ReplyData } from "../core/events.ts";
import { derived, type Readable, type Unsubscribe } from "../core/store.ts";
import { type ClientAddress, inboxPattern, type StoredMessage } from "../kind/inbox.ts";
import { type Client, coreOf } from "./client.ts";
import type { TopicStatus } from "./held.ts";
import { mailOf } from "./mail.ts";
import type { Receipt } from "./receipt.ts";
import { writesOf } from "./writes.ts";

export type InboxMessage<E extends Events = AnyEvents, Name extends EventName<E> = EventName<E>> = {
  [N in Name]: {
    readonly event: N;
    readonly data: EventData<E, N>;
    /** Who sent it, as the server knows it; null: the server itself. */
    readonly from: ClientAddress | null;
    /** Its place in the inbox, for `markRead`. */
    readonly offset: number;
    /** When the server took it, by its wall clock. */
    readonly atMs: number;
    /** Answers it; absent where nobody waits for that. */
    readonly reply?: (data: ReplyData<E, N>) => Receipt;
  };
}[Name];

export interface ClientInbox<E extends Events = AnyEvents> {
  /** What is kept, the newest last. */
  readonly items: Readable<readonly InboxMessage<E>[]>;
  readonly unread: Readable<number>;
  /** How many were forgotten unread since the last mark. */
  readonly missed: Readable<number>;
  /** All up to that one are read, by default all; nothing where they were. */
  markRead(offset?: number): Receipt | undefined;
  /** Calls `run` once for each message: from the first unread one on, or with `latest` from now on. */
  subscribe(run: (message: InboxMessage<E>) => void, options?: { readonly from?: "unread" | "latest" }): Unsubscribe;
  /** The same for the messages of one event: a handler of what the server sends to a user, or other users do. */
  on<N extends EventName<E>>(
    event: N,
    run: (message: InboxMessage<E, N>) => void,
    options?: { readonly from?: "unread" | "latest" },
  ): Unsubscribe;
  readonly status: Readable<TopicStatus>;
  readonly error: SyncError | undefined;
  /** Stays subscribed without a listener, until called back or closed. */
  keep(): Unsubscribe;
  /** Ends what this handle listens to. Safe twice. */
  close(): void;
  [Symbol.dispose](): void;
}

const none: readonly StoredMessage[] = [];

/** It is subscribed while somebody listens to it. Two handles share the subscription. */
export function inbox<E extends Events = AnyEvents>(client: Client<E>): ClientInbox<E> {
  const core = coreOf(client);
  const mail = mailOf(client);
  const open = new Set<Unsubscribe>();
  const shown = new WeakMap<StoredMessage, InboxMessage<E>>();

  const show = (message: StoredMessage): InboxMessage<E> => {
    const known = shown.get(message);
    if (known) return known;
    const { event, data, from, offset, atMs, request } = message;
    const reply =
      from && request !== undefined
        ? (answer: unknown): Receipt => {
            const theirs = writesOf(core).writer(topicName(inboxPattern, { user: from.user }), "inbox");
            return theirs.write([0, event, answer ?? null, { to: from.replica, reply: request }]);
          }
        : undefined;
    const made = { event, data, from, offset, atMs, ...(reply && { reply }) } as InboxMessage<E>;
    shown.set(message, made);
    return made;
  };

  const until = (...ends: Unsubscribe[]): Unsubscribe => {
    const end = (): void => {
      if (open.delete(end)) for (const each of ends) each();
    };
    open.add(end);
    return end;
  };
  /** The store, which is used while it is listened to. */
  const used = <T>(store: Readable<T>): Readable<T> => {
    const listen = (run: (value: T) => void): Unsubscribe => until(store.listen(run), mail.use());
    return {
      get: store.get,
      listen,
      subscribe(run) {
        run(store.get());
        return listen(run);
      },
    };
  };
  const messages = derived(mail.state, (state) => state?.messages ?? none);

  const handle: ClientInbox<E> = {
    items: used(derived(messages, (all) => all.filter(mail.isShown).map(show))),
    unread: used(
      derived(
        mail.state,
        (state) => state?.messages.filter((each) => each.offset > state.read && mail.isShown(each)).length ?? 0,
      ),
    ),
    missed: used(derived(mail.state, (state) => state?.missed ?? 0)),
    markRead: (offset = Number.POSITIVE_INFINITY) => mail.markRead(offset),
    subscribe: (run, { from = "unread" } = {}) => until(mail.follow((message) => run(show(message)), from)),
    on: (event, run, options) =>
      handle.subscribe((message) => message.event === event && run(message as InboxMessage<E, typeof event>), options),
    status: mail.status,
    get error() {
      return mail.error;
    },
    keep: () => until(mail.use()),
    close() {
      for (const end of [...open]) end();
    },
    [Symbol.dispose]: () => handle.close(),
  };
  return handle;
}
