/**
 * An inbox: the messages for one user, oldest first, and how far that user has read.
 *
 *   op     [0 event data extra]       a message; `extra` may have :to, :request, :reply
 *          [1 offset]                 read up to there; the user's own alone
 *          [2]                        forget what is too old; the server's own alone
 *   entry  [0 event data from at-ms bytes keep extra]    from: nil for the server, else [user replica]
 *          [1 offset]  [2 keep]       keep: the offset from which on messages stay
 *
 * What is forgotten is said in entries, so that every replica keeps the same messages without a clock or limits of its own.
 * Always: `from` and the time are the server's word; `read` never goes back; what was forgotten unread is counted until the next mark.
 * Rules: docs/protocol/inbox.md INBOX3-INBOX9.
 */
import { SyncError } from "../core/errors.ts";
import { fold } from "./fold.ts";
import type { Replica } from "./kind.ts";

/** One client of one user: whom a message is from, and where its answer goes. */
export interface ClientAddress {
  readonly user: string;
  /** Public id of the client's replica; it outlives lines and restarts as the session does. */
  readonly replica: string;
}

/** What a message may say beside its event and data. */
export interface MessageExtra {
  /** For that replica of the user alone. */
  readonly to?: string;
  /** An answer is awaited under that id. */
  readonly request?: string;
  /** It is the answer to that request. */
  readonly reply?: string;
}

export interface StoredMessage extends MessageExtra {
  readonly offset: number;
  readonly event: string;
  readonly data: unknown;
  /** null: the server. */
  readonly from: ClientAddress | null;
  /** Server wall clock. */
  readonly atMs: number;
  /** Of event and data as they are kept: what `maxBytes` counts. */
  readonly bytes: number;
}

export interface InboxState {
  /** Offset of the last entry. */
  readonly last: number;
  /** Messages up to this offset are read. */
  readonly read: number;
  /** Messages forgotten unread since the last mark. */
  readonly missed: number;
  readonly messages: readonly StoredMessage[];
}

export type InboxOp =
  | readonly [kind: 0, event: string, data: unknown, extra?: MessageExtra]
  | readonly [kind: 1, offset: number]
  | readonly [kind: 2];

export type InboxEntry =
  | readonly [
      kind: 0,
      event: string,
      data: unknown,
      from: readonly [user: string, replica: string] | null,
      atMs: number,
      bytes: number,
      keep: number,
      extra?: MessageExtra,
    ]
  | readonly [kind: 1, offset: number]
  | readonly [kind: 2, keep: number];

export const inboxPattern = "inbox/:user";
/** Where messages to the readers of a topic go: inbox-group.ts. */
export const groupPattern = "relay/:topic";

export const emptyInbox: InboxState = { last: 0, read: 0, missed: 0, messages: [] };

const idPattern = /^[\w-]{1,64}$/;
const isId = (value: unknown): value is string => typeof value === "string" && idPattern.test(value);
export const isIndex = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** What a reader has; the authority (inbox-authority.ts) folds by the same `evolve`. */
export function createInboxReplica(): Replica<InboxState, InboxEntry> {
  return fold<InboxState, never, InboxEntry>({ initial: emptyInbox, evolve, decide: () => undefined }).replica();
}

/** The next state; throws SyncError `invalid`. */
export function evolve(state: InboxState, entry: unknown): InboxState {
  const next = Array.isArray(entry) ? step(state, entry) : undefined;
  if (!next) throw new SyncError("invalid", "Not an inbox entry");
  return { ...next, last: state.last + 1 };
}

function step(state: InboxState, entry: readonly unknown[]): InboxState | undefined {
  const [kind, second] = entry;
  if (kind === 1 && entry.length === 2 && isIndex(second)) {
    return { ...state, read: Math.max(state.read, second), missed: 0 };
  }
  if (kind === 2 && entry.length === 2 && isIndex(second)) return keepFrom(state, second);
  const [, event, data, sender, atMs, bytes, keep] = entry;
  const from = readSender(sender);
  const extra = readExtra(entry[7]);
  if (kind !== 0 || entry.length < 7 || entry.length > 8 || typeof event !== "string" || !extra) return undefined;
  if (from === undefined || typeof atMs !== "number" || !isIndex(bytes) || !isIndex(keep)) return undefined;
  const kept = keepFrom(state, keep);
  const added: StoredMessage = { offset: state.last + 1, event, data, from, atMs, bytes, ...extra };
  return { ...kept, messages: [...kept.messages, added] };
}

function keepFrom(state: InboxState, keep: number): InboxState {
  const { messages } = state;
  let first = 0;
  let { missed } = state;
  for (; first < messages.length; first++) {
    const { offset, to } = messages[first] as StoredMessage;
    if (offset >= keep) break;
    if (offset > state.read && to === undefined) missed++;
  }
  return first ? { ...state, missed, messages: messages.slice(first) } : state;
}

/** Nothing: it is no sender. */
function readSender(value: unknown): ClientAddress | null | undefined {
  if (value === null) return null;
  const [user, replica] = Array.isArray(value) && value.length === 2 ? (value as unknown[]) : [];
  return typeof user === "string" && typeof replica === "string" ? { user, replica } : undefined;
}

/** Only what is known of it; nothing: it is none. */
export function readExtra(value: unknown): MessageExtra | undefined {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) return undefined;
  const extra: { to?: string; request?: string; reply?: string } = {};
  for (const name of ["to", "request", "reply"] as const) {
    const id: unknown = Object.hasOwn(value, name) ? (value as MessageExtra)[name] : undefined;
    if (id === undefined) continue;
    if (!isId(id)) return undefined;
    extra[name] = id;
  }
  return extra;
}
