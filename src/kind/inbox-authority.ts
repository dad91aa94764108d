/**
 * What an inbox takes: messages of whoever may send them, marks of its user, and what has to be forgotten for it.
 *
 * Always: an operation says nothing of its sender or its time; read messages are forgotten before unread ones; a mark is the user's own.
 * Rules: docs/protocol/inbox.md INBOX3-INBOX9.
 */
import { SyncError } from "../core/errors.ts";
import { isEventName } from "../core/events.ts";
import { maxEventNameBytes } from "./channel.ts";
import { fold } from "./fold.ts";
import {
  emptyInbox,
  evolve,
  type InboxEntry,
  type InboxOp,
  type InboxState,
  isIndex,
  readExtra,
  type StoredMessage,
} from "./inbox.ts";
import type { Authority, WriteContext } from "./kind.ts";

export interface InboxRetention {
  /** Default 1 000. */
  readonly maxEntries: number;
  /** Default 1 MiB. */
  readonly maxBytes: number;
  /** Default 30 days. */
  readonly maxAgeMs: number;
}

/** What the server knows of one inbox. */
export interface InboxRules {
  readonly user: string;
  readonly retention: InboxRetention;
  /** Where only unread messages are left to forget: forgets the oldest, or refuses the new one. */
  readonly overflow: "drop-oldest" | "refuse";
  measure(event: string, data: unknown): number;
  /** A session of the user with that replica is connected. */
  isPresent(replica: string): boolean;
}

const refuse = (message: string): SyncError => new SyncError("invalid", message);

export function createInboxAuthority(rules: InboxRules): Authority<InboxOp, InboxEntry> {
  return fold<InboxState, InboxOp, InboxEntry>({
    initial: emptyInbox,
    evolve,
    decide(state, op, context) {
      if (!Array.isArray(op)) throw refuse("An inbox takes a message or a mark.");
      if (op[0] === 0) return message(state, rules, op, context);
      if (op[0] === 1) return mark(state, rules, op[1], context);
      if (op[0] === 2 && context.replica === null) return forget(state, rules, context.nowMs);
      throw refuse("An inbox takes a message or a mark.");
    },
  }).authority();
}

/** The name, which plain Sente's can be told as well; throws SyncError `invalid`. */
export function checkEventName(name: unknown): string {
  if (typeof name === "string" && name.length <= maxEventNameBytes && isEventName(name)) return name;
  throw refuse("The event of a message is `namespace/name`, in ASCII, of at most 255 bytes, outside chsk and sync.");
}

function message(state: InboxState, rules: InboxRules, op: readonly unknown[], context: WriteContext): InboxEntry {
  const [, name, data] = op;
  const event = checkEventName(name);
  const extra = readExtra(op[3]);
  if (!extra) throw refuse("A message may say :to, :request and :reply, ids of at most 64 letters.");
  // An answer waits for who asked, within what the inbox keeps.
  if (extra.to !== undefined && extra.reply === undefined && !rules.isPresent(extra.to)) {
    throw new SyncError("not-found", "That client is not connected.");
  }
  const bytes = rules.measure(event, data);
  const { maxEntries, maxBytes } = rules.retention;
  if (bytes > maxBytes) throw new SyncError("too-large", `Over the ${maxBytes} bytes of an inbox`);
  let first = firstFresh(state, rules, context.nowMs);
  let left = state.messages.length - first;
  let total = bytes;
  for (let i = first; i < state.messages.length; i++) total += (state.messages[i] as StoredMessage).bytes;
  while (left > 0 && (left + 1 > maxEntries || total > maxBytes)) {
    const oldest = state.messages[first++] as StoredMessage;
    if (oldest.offset > state.read && rules.overflow === "refuse") {
      throw new SyncError("limit", "The inbox is full of unread messages.", { retry: "later" });
    }
    total -= oldest.bytes;
    left--;
  }
  const keep = state.messages[first]?.offset ?? state.last + 1;
  const { user, replica } = context;
  const from = replica === null ? null : ([(user as { readonly id: string }).id, replica] as const);
  const entry = [0, event, data, from, Math.floor(context.nowMs), bytes, keep] as const;
  return Object.keys(extra).length ? [...entry, extra] : entry;
}

function mark(state: InboxState, rules: InboxRules, offset: unknown, { user }: WriteContext): InboxEntry | undefined {
  if ((user as { readonly id?: string } | undefined)?.id !== rules.user) {
    throw new SyncError("forbidden", "Only its user marks an inbox as read.");
  }
  if (!isIndex(offset) || offset > state.last) throw refuse("A mark is the offset of a message that is there.");
  return offset > state.read ? [1, offset] : undefined;
}

function forget(state: InboxState, rules: InboxRules, nowMs: number): InboxEntry | undefined {
  const first = firstFresh(state, rules, nowMs);
  return first ? [2, state.messages[first]?.offset ?? state.last + 1] : undefined;
}

/** Index of the first message that is not too old. */
function firstFresh({ messages }: InboxState, { retention }: InboxRules, nowMs: number): number {
  let first = 0;
  while (first < messages.length && (messages[first] as StoredMessage).atMs <= nowMs - retention.maxAgeMs) first++;
  return first;
}
