/**
 * Messages to the readers of a topic, from when they are stored until they are in the readers' inboxes. Clients only write it.
 *
 *   op     [0 event data]
 *   entry  [0 event data from [user …]]     whom it is for, as the server knew when it was sent; from: [user replica]
 *          [1 offset]                       messages up to there are passed on
 *
 * Always: what waits is in the state until an entry says that it is passed on.
 * Rules: docs/protocol/inbox.md RELAY2, RELAY8.
 */
import { SyncError } from "../core/errors.ts";
import { fold } from "./fold.ts";
import { type ClientAddress, isIndex } from "./inbox.ts";
import { checkEventName } from "./inbox-authority.ts";
import type { Authority } from "./kind.ts";

export interface WaitingMessage {
  readonly offset: number;
  readonly event: string;
  readonly data: unknown;
  readonly from: ClientAddress;
  readonly users: readonly string[];
}

export interface GroupState {
  readonly last: number;
  readonly waiting: readonly WaitingMessage[];
}

export type GroupOp = readonly [kind: 0, event: string, data: unknown] | readonly [kind: 1, offset: number];
export type GroupEntry =
  | readonly [kind: 0, event: string, data: unknown, from: readonly [user: string, replica: string], users: readonly string[]]
  | readonly [kind: 1, offset: number];

export interface GroupRules {
  /** Messages that wait to be passed on. */
  readonly maxWaiting: number;
  /** Of one message. */
  readonly maxReaders: number;
  /** The users who read the topic now. */
  readers(): ReadonlySet<string>;
}

export const emptyGroup: GroupState = { last: 0, waiting: [] };

export function createGroupAuthority(rules: GroupRules): Authority<GroupOp, GroupEntry> {
  return fold<GroupState, GroupOp, GroupEntry>({
    initial: emptyGroup,
    evolve({ last, waiting }, entry) {
      const offset = last + 1;
      if (entry[0] === 1) return { last: offset, waiting: waiting.filter((each) => each.offset > entry[1]) };
      const [, event, data, [user, replica], users] = entry;
      return { last: offset, waiting: [...waiting, { offset, event, data, from: { user, replica }, users }] };
    },
    decide({ waiting }, op, { replica, user }) {
      if (!Array.isArray(op)) throw new SyncError("invalid", "What is sent to a topic's readers is a message.");
      if (op[0] === 1 && replica === null && isIndex(op[1])) return [1, op[1]];
      if (op[0] !== 0 || replica === null) throw new SyncError("invalid", "What is sent to a topic's readers is a message.");
      const event = checkEventName(op[1]);
      if (waiting.length >= rules.maxWaiting) {
        throw new SyncError("limit", `${rules.maxWaiting} messages to these readers wait already.`, { retry: "later" });
      }
      const sender = (user as { readonly id: string }).id;
      const users = [...rules.readers()].filter((reader) => reader !== sender);
      if (!users.length) throw new SyncError("not-found", "Nobody else reads that topic now.");
      if (users.length > rules.maxReaders) throw new SyncError("limit", `Over ${rules.maxReaders} users read that topic.`);
      return [0, event, op[2], [sender, replica], users];
    },
  }).authority();
}
