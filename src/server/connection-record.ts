/**
 * What a server keeps of one connection: who it is, what each part of the server remembers of it, and why it is not read.
 *
 * Always: it is one object, because a server keeps twenty thousand; reading goes on only once every reason to pause it was lifted.
 * Rules: docs/protocol.md LIMIT1-LIMIT13; docs/protocol/upgrade.md MOVE1-MOVE14.
 */
import { type ErrorCode, SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import type { Capabilities } from "../session/capabilities.ts";
import type { Bucket } from "../tail/bucket.ts";
import type { Frame, Transport } from "../transport/transport.ts";
import type { Connection } from "./connection.ts";
import type { Credential } from "./credentials.ts";
import type { Framer } from "./frames.ts";
import type { Session } from "./sessions.ts";
import type { Subscription } from "./subscription.ts";

/** Why reading is paused: its rate is over, too much waits to be sent, it moves, the server closes, or finds out who it is. */
export const pauseReasons = { rate: 1, waiting: 2, move: 4, drain: 8, auth: 16 } as const;
export type PauseReason = (typeof pauseReasons)[keyof typeof pauseReasons];

/** Who it is, which stays as it is. */
export interface ConnectionOptions {
  readonly id: string;
  readonly transport: Transport;
  readonly framer: Framer;
  readonly user: User;
  readonly clientId: string;
  readonly polled: boolean;
  readonly offersSync: boolean;
}

/** So many that ended are remembered. */
const maxEnded = 64;

const none: readonly Subscription[] = [];

export class ConnectionRecord {
  readonly id: string;
  readonly transport: Transport;
  readonly framer: Framer;
  /** An anonymous user's is replaced by hello with the one of its session; who says so with hello is nobody before. */
  user: User;
  readonly clientId: string;
  /** By polls, also where what they carry is sealed. */
  readonly polled: boolean;
  /** Offered `sync=1`. */
  readonly offersSync: boolean;
  /** Set by hello. */
  session: Session | undefined;
  /** Which of its session's connections it is, from 1. */
  line = 0;
  /** Mostly one: an array costs less than a map. */
  subscriptions: readonly Subscription[] = none;
  /** Cursors that have something to send. */
  pending: Subscription[] = [];
  /** Those whose next entries are being read from the log. */
  reading: Subscription[] | undefined;
  /** Answers of `authorize` for writing that are waited for, by topic: a renewed subscription waits for the same, so writes keep their order. */
  granting: Map<number, Subscription["grant"]> | undefined;
  /** Requests for subscriptions that were not replied to. */
  subscribing = 0;
  /** Subscriptions that are being made. */
  seeking = 0;
  /** Until they are answered, by topic: the next one of the same topic waits. */
  answering: Map<string, Promise<void>> | undefined;
  /** What ended lately, and why, by topic: who has not heard of it yet is answered so. */
  ended: Map<number, string> | undefined;
  /** Takes what is late of a subscription by itself. */
  takesLate = false;
  /** Its session moves: nothing more will come on it. */
  moving = false;
  /** Who speaks for it since. */
  movedTo: Connection | undefined;
  /** It was opened to take over from another, or is to say who it is, and has not said hello. */
  visiting = false;
  /** Where it has to be shown again, or was said on the line. */
  credential: Credential | undefined;
  /** What it said before it has taken over, or before it is known who it is. */
  awaitsMove: (string | Uint8Array)[] | undefined;
  /** Takes entries in the compact form. */
  compact = false;
  /** What its client said that it can do. */
  capabilities: Capabilities | undefined;
  /** Its user counts as connected by it. */
  holdsUser = false;
  /** Called when it is gone. */
  onceClosed: (() => void) | undefined;
  /** What was said first, for a polling client that asks again. */
  handshake: Frame | undefined;
  /** Waits for the flush. */
  queued = false;
  closed = false;
  /** The server has asked for the close; it is only waited for. */
  closing = false;
  /** When the transport last said that it is full; 0: it is not. */
  blockedSinceMs = 0;
  /** Keepalive: messages heard, and how many at the last look. */
  heard = 0;
  heardAtCheck = 0;
  checkAtMs = 0;
  /** When, in whole ms; 0: no ping is out. */
  pingedAtMs = 0;
  /** Requests whose handlers have not answered. */
  openCallbacks = 0;
  messages: Bucket | undefined;
  bytes: Bucket | undefined;
  newTopics: Bucket | undefined;
  overRateSinceMs = 0;
  malformed = 0;
  malformedSinceMs = 0;
  /** Bits of PauseReason. */
  #pauses = 0;

  constructor({ id, transport, framer, user, clientId, polled, offersSync }: ConnectionOptions) {
    this.id = id;
    this.transport = transport;
    this.framer = framer;
    this.user = user;
    this.clientId = clientId;
    this.polled = polled;
    this.offersSync = offersSync;
  }

  /** The cursor in the topic with that id. */
  subscription(topicId: number): Subscription | undefined {
    return this.subscriptions.find(({ topic }) => topic.id === topicId);
  }

  /** False: another one took its place, or it was given up. */
  holds(subscription: Subscription): boolean {
    return this.subscriptions.includes(subscription);
  }

  /** That subscription is over, for that reason. */
  over(topicId: number, code: string): void {
    this.ended ??= new Map();
    this.ended.delete(topicId);
    this.ended.set(topicId, code);
    if (this.ended.size > maxEnded) this.ended.delete(this.ended.keys().next().value as number);
  }

  /** Why nothing is there under that id; `advice` to who never subscribed. */
  missing(topicId: number, advice: string): SyncError {
    const code = this.ended?.get(topicId);
    return code === undefined
      ? new SyncError("invalid", advice)
      : new SyncError(code as ErrorCode, "The subscription was ended.");
  }

  /** The largest message that its client takes. */
  get maxBytes(): number {
    return this.capabilities?.limits.maxMessageBytes ?? Number.POSITIVE_INFINITY;
  }

  get readingPaused(): boolean {
    return this.#pauses !== 0;
  }

  get ratePaused(): boolean {
    return (this.#pauses & pauseReasons.rate) !== 0;
  }

  /** Stops reading; it goes on once every reason was lifted. */
  pauseReading(reason: PauseReason): void {
    if (this.#pauses === 0) this.transport.pause();
    this.#pauses |= reason;
  }

  resumeReading(reason: PauseReason): void {
    if ((this.#pauses & reason) === 0) return;
    this.#pauses &= ~reason;
    if (this.#pauses === 0 && !this.closed) this.transport.resume();
  }
}
