/**
 * One connection: what leaves on it, in which order, and how fast.
 *
 * A flush, at the end of a turn in which something happened, writes under one cork: control messages, then the entries
 * and snapshot parts its cursors have not sent, then replies, then pushes. While the socket is full nothing is queued
 * but small messages: cursors wait where they are.
 *
 * Always: a reply leaves behind the entries that were appended before it (REPLY2); a connection that reads nothing
 * holds at most 64 KiB plus one flush, and `maxWaiting` small messages.
 * Rules: docs/protocol.md REPLY1-REPLY4, DELIVER1-DELIVER6; docs/protocol/capabilities.md CAP21-CAP23.
 */
import { SyncError, toWireError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import type { Capabilities } from "../session/capabilities.ts";
import { errorEvent, event } from "../session/messages/sente.ts";
import type { Bucket } from "../tail/bucket.ts";
import { createLanes, type LaneLimits, type Lanes } from "../tail/lanes.ts";
import type { Frame, Transport, TransportHandlers } from "../transport/transport.ts";
import type { Framer } from "./frames.ts";
import { PostReply } from "./post-reply.ts";
import type { Session } from "./sessions.ts";
import type { Subscription } from "./subscription.ts";
import { maxJoinedBytes } from "./topic.ts";

/** Bytes of entries and snapshot parts that one connection is given in one flush. */
const flushBytes = 64 * 1024;

/** What waits in a lane. */
export interface Outgoing {
  readonly frame: Frame;
  /** The subscription whose entries may follow once this has left. */
  readonly opens?: readonly Subscription[];
}

/** Why reading is paused: its rate is over, too much waits to be sent, it moves, or the server closes. */
export const pauseReasons = { rate: 1, waiting: 2, move: 4, drain: 8 } as const;
export type PauseReason = (typeof pauseReasons)[keyof typeof pauseReasons];

/** What a connection needs of its server. */
export interface ConnectionHost {
  /** Asks for a flush at the end of this turn. */
  flushLater(connection: Connection): void;
  nowMs(): number;
  readonly maxWaiting: number;
  readonly laneLimits: LaneLimits;
  readonly counters: { droppedPushes: number; droppedLossy: number; messagesOut: number; tooLargeForPeer: number };
  receive(connection: Connection, data: string | Uint8Array): void;
  closed(connection: Connection, code: number, reason: string): void;
  endSubscription(subscription: Subscription, code: "too-large" | "read-only"): void;
  report(error: unknown, where: string): void;
}

const none: readonly Subscription[] = [];

/** True if `frame` has no more than `maxBytes` of UTF-8, of which a character is at most three. */
function fits({ data }: Frame, maxBytes: number): boolean {
  return data.length * 3 <= maxBytes || Buffer.byteLength(data) <= maxBytes;
}

export class Connection implements TransportHandlers {
  readonly id: string;
  readonly transport: Transport;
  readonly framer: Framer;
  /** An anonymous user's is replaced by hello with the one of its session. */
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
  /** Answers of `authorize` for writing that are waited for, by topic: a renewed subscription waits for the same, so writes keep their order. */
  granting: Map<number, Subscription["grant"]> | undefined;
  /** Done once what was asked for so far is answered. */
  subscribing: Promise<void> | undefined;
  /** Its session moves: nothing more will come on it. */
  moving = false;
  /** Who speaks for it since. */
  movedTo: Connection | undefined;
  /** It was opened to take over from another, and has not said hello. */
  visiting = false;
  /** What it said before it has taken over. */
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
  readonly #host: ConnectionHost;
  #lanes: Lanes<Outgoing> | undefined;
  /** Packed events that wait; neighbours leave as one batch. */
  #pushes: Uint8Array[] | undefined;
  #pending: Subscription[] = [];
  /** Those whose next entries are being read from the log. */
  #reading: Subscription[] | undefined;
  /** The first `replies` and `pushes` of those that wait leave once those cursors are where they should be. */
  #barrier:
    | {
        replies: number;
        pushes: number;
        readonly waits: readonly { readonly subscription: Subscription; readonly offset: number }[];
      }
    | undefined;
  /** Bits of PauseReason. */
  #pauses = 0;

  constructor(
    host: ConnectionHost,
    options: {
      id: string;
      transport: Transport;
      framer: Framer;
      user: User;
      clientId: string;
      polled: boolean;
      offersSync: boolean;
    },
  ) {
    this.#host = host;
    this.id = options.id;
    this.transport = options.transport;
    this.framer = options.framer;
    this.user = options.user;
    this.clientId = options.clientId;
    this.polled = options.polled;
    this.offersSync = options.offersSync;
  }

  /** Who speaks for it now: itself, until its session moves. */
  get current(): Connection {
    return this.movedTo?.current ?? this;
  }

  /** Messages that wait to leave. */
  get waiting(): number {
    return (this.#lanes?.length ?? 0) + (this.#pushes?.length ?? 0);
  }

  /** The cursor in the topic with that id. */
  subscription(topicId: number): Subscription | undefined {
    return this.subscriptions.find(({ topic }) => topic.id === topicId);
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

  /** Control: leaves before any reply. */
  control(frame: Frame, opens?: readonly Subscription[]): void {
    this.#push("urgent", opens ? { frame, opens } : { frame });
  }

  /** Answers a request: the post that waits for it, or on this connection. */
  answer(callback: unknown, value: unknown): void {
    const { current } = this;
    if (callback instanceof PostReply) return callback.answer(value);
    const frame = current.framer.message(value, callback);
    if (fits(frame, current.#maxBytes)) return current.reply(frame);
    current.#host.counters.tooLargeForPeer++;
    const error = new SyncError("too-large", "The reply is larger than this client takes.");
    if (current.session) current.reply(current.framer.message(event(errorEvent, toWireError(error)), callback));
  }

  /** The largest message that its client takes. */
  get #maxBytes(): number {
    return this.capabilities?.limits.maxMessageBytes ?? Number.POSITIVE_INFINITY;
  }

  /** A reply, an acknowledgement: leaves behind the entries appended before now. */
  reply(frame: Frame): void {
    this.#push("normal", { frame });
  }

  /** A pushed event: joins its neighbours in one batch. False: too many wait, dropped and counted. */
  push(event: Uint8Array): boolean {
    if (this.closed) return true;
    if (this.waiting >= this.#host.maxWaiting) {
      this.#host.counters.droppedPushes++;
      return false;
    }
    this.#pushes ??= [];
    this.#pushes.push(event);
    this.#queued();
    return true;
  }

  #push(lane: "urgent" | "normal", item: Outgoing): void {
    if (this.closed) return;
    this.#lanes ??= createLanes<Outgoing>(this.#host.laneLimits);
    // Reading was paused at maxWaiting long before: only what was under way then can get here.
    if (this.#lanes.push(lane, item)) this.#queued();
    else this.transport.terminate();
  }

  #queued(): void {
    if (this.waiting >= this.#host.maxWaiting) this.pauseReading(pauseReasons.waiting);
    this.#host.flushLater(this);
  }

  /** This subscription has something to send. */
  wake(subscription: Subscription): void {
    if (subscription.pending || this.closed) return;
    subscription.pending = true;
    this.#pending.push(subscription);
    if (!this.blockedSinceMs) this.#host.flushLater(this);
  }

  /** The answer to the ping, if one is out: a transport may go by how far its peer is. */
  ponged(): void {
    if (this.pingedAtMs) this.transport.measured?.(this.#host.nowMs() - this.pingedAtMs);
    this.pingedAtMs = 0;
  }

  onFrame(data: string | Uint8Array): void {
    if (this.awaitsMove) this.awaitsMove.push(data);
    else this.#host.receive(this, data);
  }

  onClose(code: number, reason: string): void {
    this.#host.closed(this, code, reason);
  }

  onDrain(): void {
    if (!this.blockedSinceMs) return;
    this.blockedSinceMs = 0;
    this.#host.flushLater(this);
  }

  /** Writes what may leave now; called by the server at the end of a turn. */
  flush(): void {
    if (this.blockedSinceMs || this.closed) return;
    const { transport } = this;
    transport.cork();
    let room = this.#flushLane("urgent", Number.POSITIVE_INFINITY);
    if (room) room = this.#flushEntries();
    if (room) room = this.#flushReplies();
    if (!transport.uncork()) room = false;
    // 0 would say that it is not blocked.
    if (!room) this.blockedSinceMs = Math.max(1, this.#host.nowMs());
    // The budget of this flush is spent, not the socket: the rest follows in the next turn.
    else if (this.#pending.length) this.#host.flushLater(this);
    if (this.#pauses && this.waiting < this.#host.maxWaiting) this.resumeReading(pauseReasons.waiting);
  }

  /**
   * Sends what is new to a cursor at once: the common case of a turn, one topic that grew and a connection with nothing else to say.
   * False: it is not that case.
   */
  deliver(subscription: Subscription): boolean {
    if (this.queued || this.blockedSinceMs || this.#pending.length || this.closed) return false;
    const { feed, cursor, state } = subscription;
    if (state !== "live" || cursor + 1 < feed.tail.first || cursor + 1 >= feed.tail.next) return false;
    const next = this.#nextEntries(subscription);
    if (!next || next.last < feed.tail.next - 1) return false;
    subscription.cursor = next.last;
    if (!this.#send(next.frame)) this.blockedSinceMs = Math.max(1, this.#host.nowMs());
    return true;
  }

  /** What may be lost: sent at once, or where the socket is full, not at all. */
  lossy(frame: Frame): void {
    if (this.closed) return;
    if (this.blockedSinceMs || !fits(frame, this.#maxBytes)) this.#host.counters.droppedLossy++;
    else if (!this.#send(frame)) this.blockedSinceMs = Math.max(1, this.#host.nowMs());
  }

  /** Gives back what only a connection with something to say needs. */
  rest(): void {
    if (this.#lanes?.length === 0) this.#lanes = undefined;
  }

  /** True: nothing is left that was asked for before now. */
  get caughtUp(): boolean {
    return this.#pending.length === 0 && !this.#reading;
  }

  forget(subscription: Subscription): void {
    if (!subscription.pending) return;
    subscription.pending = false;
    this.#pending = this.#pending.filter((other) => other !== subscription);
  }

  /** Gives back the pushes that were not sent. */
  release(): Uint8Array[] {
    const unsent = this.#pushes ?? [];
    this.closed = true;
    this.#pending = [];
    this.#reading = undefined;
    this.#barrier = undefined;
    this.#pushes = undefined;
    this.#lanes?.clear();
    return unsent;
  }

  /** False: the transport is full. */
  #flushEntries(): boolean {
    let budget = flushBytes;
    let room = true;
    const pending = this.#pending;
    let done = 0;
    for (; done < pending.length && room && budget > 0; done++) {
      const subscription = pending[done] as Subscription;
      const { feed } = subscription;
      subscription.pending = false;
      while (room && budget > 0) {
        if (subscription.snapshot) {
          const { snapshot } = subscription;
          const part = snapshot.parts[snapshot.next++] as Frame;
          if (!fits(part, this.#maxBytes)) {
            this.#giveUp(subscription);
            break;
          }
          budget -= part.data.length;
          room = this.#send(part);
          if (snapshot.next === snapshot.parts.length) {
            subscription.snapshot = undefined;
            subscription.state = "live";
            // Not earlier: replies wait for the cursor, and must not overtake a snapshot that has their effect.
            subscription.cursor = snapshot.offset;
          }
          continue;
        }
        const { state, cursor } = subscription;
        if (state === "held" || state === "reading" || cursor >= feed.tail.next - 1) break;
        if (cursor + 1 < feed.tail.first) {
          if (subscription.topic.keeps(cursor + 1)) {
            this.#read(subscription);
            break;
          }
          room = this.#overtaken(subscription);
          continue;
        }
        const next = this.#nextEntries(subscription);
        if (!next) {
          this.#giveUp(subscription);
          break;
        }
        budget -= next.frame.data.length;
        subscription.cursor = next.last;
        room = this.#send(next.frame);
      }
      if (subscription.snapshot || (subscription.state === "live" && subscription.cursor < feed.tail.next - 1)) {
        // Not finished: it stays, behind the others, so that one large topic does not starve the rest.
        subscription.pending = true;
        pending.push(subscription);
        if (budget <= 0 || !room) {
          done++;
          break;
        }
      }
    }
    if (done === pending.length) pending.length = 0;
    else this.#pending = pending.slice(done);
    return room;
  }

  /** The frame with its next entries; nothing where its client takes not even one of them. */
  #nextEntries({ topic, feed, cursor }: Subscription): { readonly frame: Frame; readonly last: number } | undefined {
    const first = cursor + 1;
    const shared = topic.frame(feed, first, this.compact);
    const maxBytes = this.#maxBytes;
    if (fits(shared.frame, maxBytes)) return shared;
    let last = feed.tail.rangeEnd(first, maxBytes);
    for (;;) {
      const frame = topic.entries(feed, first, last, this.compact);
      if (fits(frame, maxBytes)) return { frame, last };
      if (last === first) return undefined;
      last = first + ((last - first) >> 1);
    }
  }

  /** The topic has something that is larger than its client takes. */
  #giveUp(subscription: Subscription): void {
    this.#host.counters.tooLargeForPeer++;
    subscription.state = "held";
    subscription.snapshot = undefined;
    this.#host.endSubscription(subscription, "too-large");
  }

  /** The tail dropped what this reader still wanted: it is told, and given a snapshot or the oldest entries kept. */
  #overtaken(subscription: Subscription): boolean {
    const { topic, feed } = subscription;
    const snapshot = topic.catchUp === "snapshot" ? topic.snapshot(feed) : undefined;
    const at = snapshot ? snapshot.offset : Math.min(feed.tail.first, topic.first) - 1;
    if (snapshot) {
      subscription.state = "snapshot";
      subscription.snapshot = { ...snapshot, next: 0 };
    } else {
      subscription.cursor = at;
    }
    return this.#send(this.framer.event("sync/gap", [topic.id, topic.id, [feed.epoch, at], "overtaken"]));
  }

  /** What the tail no longer has, the log does: it comes as parts, as a snapshot does, and the cursor follows. */
  #read(subscription: Subscription): void {
    const { topic, feed, cursor } = subscription;
    const reading = [...(this.#reading ?? []), subscription];
    this.#reading = reading;
    subscription.state = "reading";
    const goOn = (snapshot: Subscription["snapshot"]): void => {
      const rest = this.#reading?.filter((other) => other !== subscription);
      this.#reading = rest?.length ? rest : undefined;
      if (!this.#holds(subscription) || this.closed) return;
      subscription.snapshot = snapshot;
      subscription.state = snapshot ? "snapshot" : "live";
      this.wake(subscription);
    };
    topic.past(feed, cursor + 1, this.compact).then(
      (past) => goOn(past && { ...past, next: 0 }),
      (error: unknown) => {
        this.#host.report(error, topic.name);
        if (this.#holds(subscription)) this.#host.endSubscription(subscription, "read-only");
        goOn(undefined);
      },
    );
  }

  /** Replies first, then pushes, as Sente's buffering has them. */
  #flushReplies(): boolean {
    let room = true;
    while (room && this.waiting) {
      if (!this.#barrier) {
        if (this.caughtUp)
          return this.#flushLane("normal", Number.POSITIVE_INFINITY) && this.#flushPushes(Number.POSITIVE_INFINITY);
        // Cursors are behind: they hold back what was queued so far until they reach where they should be now.
        const waits = [...this.#pending, ...(this.#reading ?? [])].map((subscription) => ({
          subscription,
          offset: subscription.topic.head,
        }));
        this.#barrier = { replies: this.#lanes?.length ?? 0, pushes: this.#pushes?.length ?? 0, waits };
      }
      const barrier = this.#barrier;
      if (!barrier.waits.every(({ subscription, offset }) => subscription.cursor >= offset || !this.#holds(subscription))) break;
      let before = this.waiting;
      room = this.#flushLane("normal", barrier.replies);
      barrier.replies -= before - this.waiting;
      if (!room) break;
      before = this.waiting;
      room = this.#flushPushes(barrier.pushes);
      barrier.pushes -= before - this.waiting;
      if (barrier.pushes === 0) this.#barrier = undefined;
    }
    return room;
  }

  /** Sends at most `count` of the pushed events, as batches. False: the transport is full. */
  #flushPushes(count: number): boolean {
    const pushes = this.#pushes;
    let room = true;
    let done = 0;
    while (pushes && room && done < Math.min(count, pushes.length)) {
      let bytes = 0;
      const start = done;
      do bytes += (pushes[done++] as Uint8Array).length;
      while (done < Math.min(count, pushes.length) && bytes + (pushes[done] as Uint8Array).length <= maxJoinedBytes);
      let batch = this.framer.batch(pushes.slice(start, done));
      while (!fits(batch, this.#maxBytes) && done > start + 1) {
        done = start + ((done - start) >> 1);
        batch = this.framer.batch(pushes.slice(start, done));
      }
      if (fits(batch, this.#maxBytes)) room = this.#send(batch);
      else this.#host.counters.tooLargeForPeer++;
    }
    if (done === pushes?.length) this.#pushes = undefined;
    else pushes?.splice(0, done);
    return room;
  }

  #send(frame: Frame): boolean {
    this.#host.counters.messagesOut++;
    return this.transport.send(frame);
  }

  #holds(subscription: Subscription): boolean {
    return this.subscriptions.includes(subscription);
  }

  /** Sends at most `count` of what waits in that lane. False: the transport is full. */
  #flushLane(lane: "urgent" | "normal", count: number): boolean {
    const lanes = this.#lanes;
    let room = true;
    while (room && count-- > 0) {
      const item = lanes?.shift(lane);
      if (!item) break;
      room = this.#send(item.frame);
      for (const subscription of item.opens ?? []) {
        // Another one may have taken its place, or it was given up, before its answer left.
        if (subscription.state !== "held" || !this.#holds(subscription)) continue;
        subscription.state = subscription.snapshot ? "snapshot" : "live";
        this.wake(subscription);
      }
    }
    return room;
  }
}
