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
import { errorEvent, event } from "../session/messages/sente.ts";
import { createLanes, type LaneLimits, type Lanes } from "../tail/lanes.ts";
import type { Frame, TransportHandlers } from "../transport/transport.ts";
import { type Barrier, isReached, raiseBarrier } from "./barrier.ts";
import { type ConnectionOptions, ConnectionRecord, pauseReasons } from "./connection-record.ts";
import { nextEntries } from "./cursor.ts";
import { fits } from "./frames.ts";
import { PostReply } from "./post-reply.ts";
import { nextBatch } from "./push-batch.ts";
import { type ServeHost, serveCursors } from "./serve.ts";
import type { Subscription } from "./subscription.ts";

/** What waits in a lane. */
interface Outgoing {
  readonly frame: Frame;
  /** The subscription whose entries may follow once this has left. */
  readonly opens?: readonly Subscription[];
}

/** What a connection needs of its server. */
export interface ConnectionHost extends ServeHost {
  /** Asks for a flush at the end of this turn. */
  flushLater(connection: Connection): void;
  nowMs(): number;
  readonly maxWaiting: number;
  readonly laneLimits: LaneLimits;
  receive(connection: Connection, data: string | Uint8Array): void;
  closed(connection: Connection, code: number, reason: string): void;
}

export class Connection extends ConnectionRecord implements TransportHandlers {
  readonly #host: ConnectionHost;
  #lanes: Lanes<Outgoing> | undefined;
  /** Packed events that wait; neighbours leave as one batch. */
  #pushes: Uint8Array[] | undefined;
  #barrier: Barrier | undefined;

  constructor(host: ConnectionHost, options: ConnectionOptions) {
    super(options);
    this.#host = host;
  }

  /** Who speaks for it now: itself, until its session moves. */
  get current(): Connection {
    return this.movedTo?.current ?? this;
  }

  /** Messages that wait to leave. */
  get waiting(): number {
    return (this.#lanes?.length ?? 0) + (this.#pushes?.length ?? 0);
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
    if (fits(frame, current.maxBytes)) return current.reply(frame);
    current.#host.counters.tooLargeForPeer++;
    const error = new SyncError("too-large", "The reply is larger than this client takes.");
    if (current.session) current.reply(current.framer.message(event(errorEvent, toWireError(error)), callback));
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

  /** Asks for the close, once; it is over when the transport says so. */
  close(code: number, reason: string): void {
    if (this.closed || this.closing) return;
    this.closing = true;
    this.transport.close(code, reason);
  }

  /** This subscription has something to send. */
  wake(subscription: Subscription): void {
    if (subscription.pending || this.closed) return;
    subscription.pending = true;
    this.pending.push(subscription);
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
    if (room) room = serveCursors(this, this.#host);
    if (room) room = this.#flushReplies();
    if (!transport.uncork()) room = false;
    // 0 would say that it is not blocked.
    if (!room) this.blockedSinceMs = Math.max(1, this.#host.nowMs());
    // The budget of this flush is spent, not the socket: the rest follows in the next turn.
    else if (this.pending.length) this.#host.flushLater(this);
    if (this.readingPaused && this.waiting < this.#host.maxWaiting) this.resumeReading(pauseReasons.waiting);
  }

  /**
   * Sends what is new to a cursor at once: the common case of a turn, one topic that grew and a connection with nothing else to say.
   * False: it is not that case.
   */
  deliver(subscription: Subscription): boolean {
    if (this.queued || this.blockedSinceMs || this.pending.length || this.closed) return false;
    const { feed, cursor, state } = subscription;
    if (state !== "live" || cursor + 1 < feed.tail.first || cursor + 1 >= feed.tail.next) return false;
    const next = nextEntries(subscription, this.compact, this.maxBytes);
    if (!next || next.last < feed.tail.next - 1) return false;
    subscription.cursor = next.last;
    if (!this.send(next.frame)) this.blockedSinceMs = Math.max(1, this.#host.nowMs());
    return true;
  }

  /** What may be lost: sent at once, or where the socket is full, not at all. */
  lossy(frame: Frame): void {
    if (this.closed) return;
    if (this.blockedSinceMs || !fits(frame, this.maxBytes)) this.#host.counters.droppedLossy++;
    else if (!this.send(frame)) this.blockedSinceMs = Math.max(1, this.#host.nowMs());
  }

  /** Gives back what only a connection with something to say needs. */
  rest(): void {
    if (this.#lanes?.length === 0) this.#lanes = undefined;
  }

  /** True: nothing is left that was asked for before now. */
  get caughtUp(): boolean {
    return this.pending.length === 0 && !this.reading;
  }

  forget(subscription: Subscription): void {
    if (!subscription.pending) return;
    subscription.pending = false;
    this.pending = this.pending.filter((other) => other !== subscription);
  }

  /** Gives back the pushes that were not sent. */
  release(): Uint8Array[] {
    const unsent = this.#pushes ?? [];
    this.closed = true;
    this.pending = [];
    this.reading = undefined;
    this.#barrier = undefined;
    this.#pushes = undefined;
    this.#lanes?.clear();
    return unsent;
  }

  /** Replies first, then pushes, as Sente's buffering has them. */
  #flushReplies(): boolean {
    let room = true;
    while (room && this.waiting) {
      if (!this.#barrier) {
        if (this.caughtUp)
          return this.#flushLane("normal", Number.POSITIVE_INFINITY) && this.#flushPushes(Number.POSITIVE_INFINITY);
        // Cursors are behind: they hold back what was queued so far until they reach where they should be now.
        const behind = [...this.pending, ...(this.reading ?? [])];
        this.#barrier = raiseBarrier(this.#lanes?.length ?? 0, this.#pushes?.length ?? 0, behind);
      }
      const barrier = this.#barrier;
      if (!isReached(barrier)) break;
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
    const end = Math.min(count, pushes?.length ?? 0);
    while (pushes && room && done < end) {
      const { frame, next } = nextBatch(this.framer, pushes, done, end, this.maxBytes);
      done = next;
      if (frame) room = this.send(frame);
      else this.#host.counters.tooLargeForPeer++;
    }
    if (done === pushes?.length) this.#pushes = undefined;
    else pushes?.splice(0, done);
    return room;
  }

  /** Hands it to the transport. False: the transport is full. */
  send(frame: Frame): boolean {
    this.#host.counters.messagesOut++;
    return this.transport.send(frame);
  }

  /** Sends at most `count` of what waits in that lane. False: the transport is full. */
  #flushLane(lane: "urgent" | "normal", count: number): boolean {
    const lanes = this.#lanes;
    let room = true;
    while (room && count-- > 0) {
      const item = lanes?.shift(lane);
      if (!item) break;
      room = this.send(item.frame);
      for (const subscription of item.opens ?? []) {
        // Another one may have taken its place, or it was given up, before its answer left.
        if (subscription.state !== "held" || !this.holds(subscription)) continue;
        subscription.state = subscription.snapshot ? "snapshot" : "live";
        this.wake(subscription);
      }
    }
    return room;
  }
}
