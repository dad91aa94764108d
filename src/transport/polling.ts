/**
 * What a polling client is whatever its server: a poll that is always under way, posts that carry what is sent, and one end.
 *
 * Always: one poll at a time; posts leave in the order of what was sent; what an exchange that came too late says is not told.
 * Rules: docs/protocol/long-poll.md POLL4-POLL10; docs/protocol/transports.md TRANSPORT1-TRANSPORT10.
 */
import type { Timer } from "../core/env.ts";
import type { Answer, PollHttp } from "./poll-http.ts";
import type { Frame, Transport, TransportHandlers } from "./transport.ts";

const highWaterBytes = 65_536;
const closeTimeoutMs = 2000;
const firstPauseMs = 50;
const longestPauseMs = 1000;

export abstract class Polling implements Transport {
  readonly name = "ajax";
  readonly polled = true;
  handlers!: TransportHandlers;
  protected readonly http: PollHttp;
  #state: "open" | "closing" | "over" = "open";
  /** Sent and not yet posted. */
  #queue: Frame[] = [];
  #queuedBytes = 0;
  /** `send` returned false, and `onDrain` is to follow. */
  #isFull = false;
  #isCorked = false;
  #isPosting = false;
  /** While paused: what waits for `resume`. */
  #resumed: Promise<void> | undefined;
  #resume: (() => void) | undefined;
  #close = { code: 1000, reason: "" };
  #deadline: Timer | undefined;
  /** Pauses under way, and how each ends. */
  readonly #pauses = new Map<Timer, () => void>();

  constructor(http: PollHttp) {
    this.http = http;
  }

  /** One poll; what is to be done with its answer, or nothing where the connection ended meanwhile. */
  protected abstract poll(): Promise<(() => void) | undefined>;
  /** Posts some of what waits; how many that were. */
  protected abstract post(waiting: readonly Frame[]): Promise<number>;
  /** Everything was posted: tells the server of the close. False: it did not hear of it. */
  protected abstract goodbye(code: number, reason: string): Promise<boolean>;

  get bufferedBytes(): number {
    return this.#queuedBytes;
  }

  send(frame: Frame): boolean {
    if (this.#state !== "open") return true;
    this.#queue.push(frame);
    this.#queuedBytes += frame.data.length;
    if (!this.#isCorked) this.#startPosting();
    return this.#hasRoom();
  }

  cork(): void {
    this.#isCorked = true;
  }

  uncork(): boolean {
    this.#isCorked = false;
    if (this.#queue.length) this.#startPosting();
    return this.#hasRoom();
  }

  pause(): void {
    this.#resumed ??= new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  resume(): void {
    this.#resume?.();
    this.#resumed = undefined;
  }

  close(code = 1000, reason = ""): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#isCorked = false;
    this.#close = { code, reason };
    this.#deadline = this.http.env.setTimer(() => this.terminate(), closeTimeoutMs);
    this.#startPosting();
  }

  terminate(): void {
    this.end(1006, "");
  }

  /** Polls from now on. */
  start(): void {
    this.#pollOn().catch((error: unknown) => this.end(1006, `${error}`));
  }

  protected get isOver(): boolean {
    return this.#state === "over";
  }

  protected tell(frame: string | Uint8Array): void {
    if (this.#state === "open") this.handlers.onFrame(frame);
  }

  protected end(code: number, reason: string): void {
    if (this.isOver) return;
    const { env } = this.http;
    this.#state = "over";
    if (this.#deadline !== undefined) env.clearTimer(this.#deadline);
    this.#queue = [];
    this.#queuedBytes = 0;
    this.resume();
    for (const [timer, wake] of this.#pauses) {
      env.clearTimer(timer);
      wake();
    }
    this.http.abort();
    env.endOfTurn(() => this.handlers.onClose(code, reason));
  }

  /** Waits for so long, or until the connection is over. */
  protected pauseFor(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.http.env.setTimer(() => {
        this.#pauses.delete(timer);
        resolve();
      }, delayMs);
      this.#pauses.set(timer, resolve);
    });
  }

  /**
   * Makes an exchange until it has an answer that is one. Nothing: the connection ended, because the server refused it or
   * `retryMs` of failures were enough.
   */
  protected async persist(run: () => Promise<Answer>, isAnswer: (answer: Answer) => boolean): Promise<Answer | undefined> {
    const { env, retryMs, requestTimeoutMs } = this.http;
    let failingSinceMs: number | undefined;
    let pauseMs = firstPauseMs;
    while (!this.isOver) {
      const startMs = env.monotonicMs();
      const answer = await run().catch(() => undefined);
      if (this.isOver) break;
      if (answer && isAnswer(answer)) return answer;
      if (answer && isFinal(answer.status)) {
        this.end(1006, `HTTP ${answer.status}`);
        break;
      }
      const nowMs = env.monotonicMs();
      const wasHeld = nowMs - startMs >= Math.min(retryMs, requestTimeoutMs);
      // Neither that nor to be told to come again later is a sign that the server is gone.
      failingSinceMs = wasHeld || answer?.status === 429 ? undefined : (failingSinceMs ?? startMs);
      if (wasHeld) pauseMs = firstPauseMs;
      if (failingSinceMs !== undefined && nowMs - failingSinceMs > retryMs) this.end(1006, "no answer");
      else await this.pauseFor(pauseMs);
      pauseMs = Math.min(longestPauseMs, pauseMs * 2);
    }
    return undefined;
  }

  async #pollOn(): Promise<void> {
    while (this.#state === "open") {
      const take = await this.poll();
      await this.#resumed;
      if (!this.isOver) take?.();
    }
  }

  #startPosting(): void {
    if (this.#isPosting) return;
    this.#isPosting = true;
    this.http.env.endOfTurn(() => {
      this.#postOn().catch((error: unknown) => this.end(1006, `${error}`));
    });
  }

  async #postOn(): Promise<void> {
    while (this.#queue.length && !this.#isCorked) this.#posted(await this.post(this.#queue));
    this.#isPosting = false;
    if (this.#state !== "closing") return;
    const { code, reason } = this.#close;
    if (await this.goodbye(code, reason)) this.end(code, reason);
    else this.terminate();
  }

  /** So many of what waited are gone. */
  #posted(count: number): void {
    for (const { data } of this.#queue.splice(0, count)) this.#queuedBytes -= data.length;
    if (!this.#isFull || this.#queuedBytes > highWaterBytes) return;
    this.#isFull = false;
    if (this.#state === "open") this.handlers.onDrain?.();
  }

  #hasRoom(): boolean {
    const hasRoom = this.#queuedBytes <= highWaterBytes;
    this.#isFull ||= !hasRoom;
    return hasRoom;
  }
}

/** The request will have no other answer. */
function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}
