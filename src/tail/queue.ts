/**
 * A queue between senders and a receiver: the send queue of a client, the receive queue of a handler.
 *
 * Always: what is received comes in the order it was taken in, and whoever waits is served in the order they came;
 * senders wait only while it is full, receivers only while it is empty; values held, waiters and slots are bounded.
 * An outcome that a caller should expect is a value, never a rejection. `null` and `undefined` are values like any other.
 * Rules: docs/protocol/tail.md QUEUE1-QUEUE29. Idea: one reservation model for every capacity and overflow policy.
 */
import { type Env, realEnv } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import { createMetrics, type Metrics, type QueueCounters, type QueueMetrics, type QueueStatus } from "./metrics.ts";
import { checkInteger, maxSlots, Ring } from "./ring.ts";
import { firstOf, type Waiters, type WaitOptions, waitIn } from "./waiters.ts";

/** 0: a rendezvous, nothing is kept. `unlimited`: as many as `hardLimit`. `conflated`: only the newest. */
export type Capacity = number | "unlimited" | "conflated";

/** What a send to a full queue does: wait, drop its own value, or drop the oldest value kept. */
export type Overflow = "suspend" | "drop-newest" | "drop-oldest";

export type DropReason = "newest" | "oldest" | "undelivered";

export interface QueueOptions<T> {
  /** Default 64. */
  readonly capacity?: Capacity | undefined;
  /** Default `suspend`; a conflated queue has `drop-oldest` whatever is said. */
  readonly overflow?: Overflow | undefined;
  /** What `unlimited` means, 1 to 2^24. Default 1 000 000. */
  readonly hardLimit?: number | undefined;
  /** Senders, and receivers, that may wait at a time, 0 to 2^24. Default 1 024. */
  readonly maxWaiters?: number | undefined;
  /** Told each value that was dropped, after it was counted and before the call that dropped it returns. */
  readonly onDrop?: ((value: T, why: DropReason) => void) | undefined;
  readonly env?: Env | undefined;
}

export const defaultQueueLimits = { capacity: 64, hardLimit: 1_000_000, maxWaiters: 1024 } as const;

/** `full`: nothing taken. `dropped`: this value was dropped. `closed`: nothing is taken any more. */
export type SendNow = "ok" | "full" | "dropped" | "closed";

/** `full` only where too many wait already; after anything but `ok` the queue does not have the value. */
export type SendResult = SendNow | "timeout" | "cancelled";

export type Received<T, Reason extends string> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: Reason };

export type ReceiveNow<T> = Received<T, "empty" | "closed">;

/** `full`: too many wait already. */
export type ReceiveResult<T> = Received<T, "closed" | "timeout" | "cancelled" | "full">;

export interface QueueSnapshot extends QueueCounters, QueueStatus {
  readonly capacity: Capacity;
  readonly overflow: Overflow;
  readonly waitingSenders: number;
  readonly waitingReceivers: number;
}

export interface Queue<T> {
  /** Values held. */
  readonly length: number;
  trySend(value: T): SendNow;
  tryReceive(): ReceiveNow<T>;
  send(value: T, options?: WaitOptions): Promise<SendResult>;
  receive(options?: WaitOptions): Promise<ReceiveResult<T>>;
  /** Wakes all who wait. What is held can still be received, unless `discard`. Safe twice. */
  close(options?: { readonly discard?: boolean }): void;
  /** Counters as they stand; waits for nothing and changes nothing. */
  snapshot(): QueueSnapshot;
  /** Calls `listener` at the end of each turn in which a counter grew. */
  onMetrics(listener: (metrics: QueueMetrics) => void): () => void;
  /** One line for a log. */
  dump(name?: string): string;
}

export function createQueue<T>(options: QueueOptions<T> = {}): Queue<T> {
  return new RingQueue(options);
}

const policies: readonly Overflow[] = ["suspend", "drop-newest", "drop-oldest"];

function limitOf(capacity: Capacity, hardLimit: number): number {
  if (capacity === "conflated") return 1;
  return capacity === "unlimited" ? hardLimit : checkInteger("capacity", capacity, 0, maxSlots);
}

class RingQueue<T> implements Queue<T> {
  /** `next` is sendIndex, `first` is recvIndex. */
  readonly #ring = new Ring<T>(0);
  readonly #senders: Waiters<T, SendResult> = new Set();
  readonly #receivers: Waiters<undefined, ReceiveResult<T>> = new Set();
  readonly #capacity: Capacity;
  readonly #overflow: Overflow;
  readonly #limit: number;
  readonly #maxWaiters: number;
  readonly #onDrop: QueueOptions<T>["onDrop"];
  readonly #env: Env;
  #metrics: Metrics | undefined;
  #closed = false;
  #dropsOldest = 0;
  #dropsNewest = 0;
  #undelivered = 0;
  #cancelledWaiters = 0;

  constructor({ capacity, overflow, hardLimit, maxWaiters, onDrop, env }: QueueOptions<T>) {
    if (overflow !== undefined && !policies.includes(overflow))
      throw new SyncError("invalid", `overflow must be one of ${policies}`);
    this.#capacity = capacity ?? defaultQueueLimits.capacity;
    this.#overflow = capacity === "conflated" ? "drop-oldest" : (overflow ?? "suspend");
    this.#limit = limitOf(this.#capacity, checkInteger("hardLimit", hardLimit ?? defaultQueueLimits.hardLimit, 1, maxSlots));
    this.#maxWaiters = checkInteger("maxWaiters", maxWaiters ?? defaultQueueLimits.maxWaiters, 0, maxSlots);
    this.#onDrop = onDrop;
    this.#env = env ?? realEnv;
  }

  get length(): number {
    return this.#ring.length;
  }

  trySend(value: T): SendNow {
    if (this.#closed) return "closed";
    const ring = this.#ring;
    const receiver = firstOf(this.#receivers);
    if (receiver) {
      ring.skip();
      receiver.settle({ ok: true, value });
    } else if (ring.length < this.#limit) {
      ring.push(value);
    } else if (this.#overflow === "suspend") {
      return "full";
    } else if (this.#overflow === "drop-oldest" && ring.length > 0) {
      const oldest = ring.shift();
      ring.push(value);
      this.#dropsOldest++;
      this.#metrics?.changed();
      this.#onDrop?.(oldest, "oldest");
      return "ok";
    } else {
      // Of a rendezvous too: there is nothing older than the value itself.
      this.#dropsNewest++;
      this.#metrics?.changed();
      this.#onDrop?.(value, "newest");
      return "dropped";
    }
    this.#metrics?.changed();
    return "ok";
  }

  tryReceive(): ReceiveNow<T> {
    const ring = this.#ring;
    const sender = firstOf(this.#senders);
    let value: T;
    if (ring.length > 0) {
      value = ring.shift();
      if (sender) ring.push(sender.value);
    } else if (sender) {
      ring.skip();
      value = sender.value;
    } else {
      return { ok: false, reason: this.#closed ? "closed" : "empty" };
    }
    sender?.settle("ok");
    this.#metrics?.changed();
    return { ok: true, value };
  }

  async send(value: T, options: WaitOptions = {}): Promise<SendResult> {
    if (options.signal?.aborted) return "cancelled";
    const now = this.trySend(value);
    if (now !== "full") return now;
    const refused = this.#mayWait(this.#senders, options);
    return refused ?? waitIn(this.#senders, value, this.#env, options, (why) => this.#left(why));
  }

  async receive(options: WaitOptions = {}): Promise<ReceiveResult<T>> {
    if (options.signal?.aborted) return { ok: false, reason: "cancelled" };
    const now = this.tryReceive();
    if (now.ok || now.reason === "closed") return now as ReceiveResult<T>;
    const reason = this.#mayWait(this.#receivers, options);
    if (reason) return { ok: false, reason };
    return waitIn(this.#receivers, undefined, this.#env, options, (why) => ({ ok: false, reason: this.#left(why) }));
  }

  close({ discard = false }: { readonly discard?: boolean } = {}): void {
    if (!this.#closed) {
      this.#closed = true;
      for (const sender of this.#senders) sender.settle("closed");
      for (const receiver of this.#receivers) receiver.settle({ ok: false, reason: "closed" });
      this.#metrics?.changed();
    }
    while (discard && this.#ring.length > 0) {
      const value = this.#ring.shift();
      this.#undelivered++;
      this.#metrics?.changed();
      this.#onDrop?.(value, "undelivered");
    }
  }

  snapshot(): QueueSnapshot {
    return {
      version: 1,
      capacity: this.#capacity,
      overflow: this.#overflow,
      state: this.#closed ? "closed" : "open",
      length: this.#ring.length,
      sendIndex: this.#ring.next,
      recvIndex: this.#ring.first,
      dropsOldest: this.#dropsOldest,
      dropsNewest: this.#dropsNewest,
      undelivered: this.#undelivered,
      cancelledWaiters: this.#cancelledWaiters,
      waitingSenders: this.#senders.size,
      waitingReceivers: this.#receivers.size,
    };
  }

  onMetrics(listener: (metrics: QueueMetrics) => void): () => void {
    this.#metrics ??= createMetrics(this.#env, () => this.snapshot());
    return this.#metrics.on(listener);
  }

  dump(name = ""): string {
    const now = this.snapshot();
    return (
      `queue=${JSON.stringify(name)} cap=${now.capacity} policy=${now.overflow} occ=${now.length} ` +
      `send=${now.sendIndex} recv=${now.recvIndex} drops_oldest=${now.dropsOldest} drops_newest=${now.dropsNewest} ` +
      `undelivered=${now.undelivered} canc_wait=${now.cancelledWaiters} ` +
      `waiting_send=${now.waitingSenders} waiting_recv=${now.waitingReceivers} state=${now.state}`
    );
  }

  #mayWait(waiters: ReadonlySet<unknown>, { timeoutMs }: WaitOptions): "timeout" | "full" | undefined {
    if (timeoutMs !== undefined && !(timeoutMs > 0)) return "timeout";
    return waiters.size >= this.#maxWaiters ? "full" : undefined;
  }

  #left(why: "timeout" | "cancelled"): "timeout" | "cancelled" {
    this.#cancelledWaiters++;
    this.#metrics?.changed();
    return why;
  }
}
