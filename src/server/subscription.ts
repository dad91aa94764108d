/**
 * One connection's cursor in one topic: all that a reader costs.
 *
 * Always: `cursor` is the offset of the last entry handed to the transport, or of the snapshot being sent.
 * Rules: docs/protocol.md SUB1-SUB20.
 */
import type { Frame } from "../transport/transport.ts";
import type { Connection } from "./connection.ts";
import type { Feed } from "./feed.ts";
import type { Grant } from "./grants.ts";
import type { Topic } from "./topic.ts";

/** `over`: for good, its reader was sent away. `goodbye`: its reader closed the line. `lost`: it may well be back. */
export type Leaving = "over" | "goodbye" | "lost";

export interface Subscription {
  readonly connection: Connection;
  readonly topic: Topic;
  readonly feed: Feed;
  /** The declared topic that was asked for; `topic` is another one where there is a view. */
  readonly name: string;
  cursor: number;
  /** False: only writes. */
  readonly read: boolean;
  /** What it may read; of one that only writes, what it may write. */
  readonly allowed: Grant;
  /** `held` until its reply has left; `reading` from the log what the tail no longer has; `snapshot` while `parts` are on their way. */
  state: "held" | "live" | "reading" | "snapshot";
  snapshot: { readonly offset: number; readonly parts: readonly Frame[]; next: number } | undefined;
  /** In its connection's list of cursors to serve. */
  pending: boolean;
  /** The answer of `authorize` for writing, once asked. */
  readonly grant: {
    write: Grant | Promise<Grant> | undefined;
    /** It may write, but not what nobody wrote to yet: once somebody has, it is asked for no more. */
    mayNotCreate?: boolean;
  };
  /** What it consumes, or who it is here: it ends with the subscription. */
  consumer?: { leave(how: Leaving): void } | undefined;
}
