/**
 * What a kind does for its topics: what it declares, and what it gives for one that is open.
 *
 * Rules: docs/protocol.md TOPIC1-TOPIC7, docs/protocol/storage.md IDLE1-IDLE11.
 */
import type { User } from "../core/register.ts";
import type { WriteContext } from "../kind/kind.ts";
import type { ConsumeRequest } from "../session/messages/channel.ts";
import type { MemberRequest } from "../session/messages/presence.ts";
import type { Connection } from "./connection.ts";
import type { Action, Authorize } from "./grants.ts";
import type { Subscription } from "./subscription.ts";
import type { Topic } from "./topic.ts";

/** What a kind does for one open topic. */
export interface Hosted {
  readonly topic: Topic;
  /** The topic that this user reads instead. */
  viewFor?(user: User): Topic;
  /** Those that are open. */
  views?(): Iterable<Topic>;
  /** What an operation becomes; throws SyncError to reject it. Absent: clients do not write. */
  decide?(op: unknown, context: WriteContext): unknown;
  /** Takes a consumer; absent where nothing is consumed. */
  consume?(subscription: Subscription, request: ConsumeRequest): void;
  /** Answers what else a connection asks that is subscribed to it: a value, or nothing. Throws SyncError to refuse. */
  ask?(connection: Connection, subscription: Subscription, request: MemberRequest): unknown;
  /** Makes an entry that was decided part of the state; absent where there is none. */
  apply?(entry: unknown): void;
  /** Something is under way, or waits for its time, that would end with it. */
  isBusy?(): boolean;
  /**
   * Of a topic in memory: nothing of it is missed when it begins anew, in another epoch. Absent: it is let go only while nothing was
   * ever written to it, and goes on in its epoch.
   */
  isEmpty?(): boolean;
  /** Something waits for its time that `runDue` runs at once. */
  isDue?(): boolean;
  runDue?(): Promise<void>;
  /** What somebody else has made beside it, which ends with it. */
  beside?: Beside;
  close(): void;
}

/** As `Hosted` has them: `isEmpty` is asked instead of the topic's. */
export type Beside = Pick<Required<Hosted>, "isEmpty" | "close">;

/** What the application declared: one topic or a pattern of them. */
export interface Declaration {
  readonly kind: string;
  readonly pattern: string;
  readonly authorize: Authorize | undefined;
  /** The pattern of the topic that it stands beside, and has the params of: what is taken back there is taken back here. */
  readonly companionOf?: string | undefined;
  /** Its topics come and go with their readers, below another topic: they are not counted as new ones. */
  readonly isDerived?: boolean;
  /** Names the action that writing is; a function where that depends on who writes. */
  readonly writeAction: Action | ((user: User, params: { readonly [name: string]: string }) => Action);
  host(name: string, params: { readonly [name: string]: string }): Hosted | Promise<Hosted>;
  /** The topic was let go or deleted, or could not be opened. */
  gone?(name: string): void;
}

export interface Resolved {
  readonly declaration: Declaration;
  readonly params: { readonly [name: string]: string };
}
