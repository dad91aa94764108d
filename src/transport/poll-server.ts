/**
 * The server's end of a long-polling connection, without the HTTP: polls are held until there is something to say, posts bring
 * what the client says.
 *
 * To a plain Sente client each poll is answered with one message. To one of ours with a body of numbered frames, kept until a later
 * poll says that they arrived; a post that comes twice counts once. So an HTTP exchange that is lost in either direction loses nothing.
 * Always: at most one poll is held; the connection ends `graceMs` after the last poll went without another coming.
 * Rules: docs/protocol/ajax.md AJAX5, AJAX7-AJAX10, AJAX12-AJAX15. Source of the plain half: sente-wire section 6.
 */
import type { Env, Timer } from "../core/env.ts";
import { writePollBody } from "./poll-body.ts";
import type { Frame, Transport, TransportHandlers } from "./transport.ts";

/** Answers one held poll: a message, a body of frames, or nothing: the exchange is broken off. */
export type Poll = (body: Frame | undefined) => void;

export interface PollOptions {
  readonly env: Env;
  /** A poll is held for so long. */
  readonly timeoutMs: number;
  readonly graceMs: number;
  /** What a poll that timed out is answered with; of ours: an empty body. */
  readonly timeout: Frame;
  /** The client is one of ours, and this is the name it calls the connection by. */
  readonly name?: string;
}

const emptyBody: Frame = { data: writePollBody(0, []), text: false };
const highWaterBytes = 65_536;
/** Two clients under one name would else chase each other: each one's poll ends the other's, which comes again at once. */
const supersededMs = 1000;

export class PollTransport implements Transport {
  readonly name = "ajax";
  readonly polled = true;
  handlers!: TransportHandlers;
  readonly #options: PollOptions;
  #poll: Poll | undefined;
  #timer: Timer | undefined;
  #waiting: Frame[] = [];
  #waitingBytes = 0;
  /** Told to a client of ours and not known to have arrived; the first of them has the number `#first`. */
  #told: Frame[] = [];
  #first = 0;
  /** Frames that came by posts. */
  #received = 0;
  #corked = false;
  #paused = false;
  /** Posts that are answered when reading goes on. */
  #posts: (() => void)[] = [];
  #full = false;
  #nameIsTold = false;
  #close: { readonly code: number; readonly reason: string } | undefined;
  #over = false;

  constructor(options: PollOptions) {
    this.#options = options;
  }

  get bufferedBytes(): number {
    return this.#waitingBytes;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Holds a poll, or answers it at once. `arrived`: how many frames a client of ours has. False: that cannot be. */
  hold(poll: Poll, arrived = 0): boolean {
    if (this.#over || arrived < this.#first || arrived > this.#first + this.#told.length) return false;
    const unseen = this.#told.slice(arrived - this.#first);
    this.#told = [];
    this.#first = arrived;
    this.#waiting.unshift(...unseen);
    for (const { data } of unseen) this.#waitingBytes += data.length;
    // A client that polls anew has given up the one before.
    const before = this.#poll;
    this.#poll = poll;
    if (before) this.#options.env.setTimer(() => before(this.#isOurs ? emptyBody : this.#options.timeout), supersededMs);
    this.#arm(() => this.#answer(true), this.#options.timeoutMs);
    if (this.#close || (this.#waiting.length && !this.#corked)) this.#answer(false);
    else if (this.#full && !this.#waiting.length) {
      this.#full = false;
      this.handlers.onDrain?.();
    }
    return true;
  }

  /** The poll's exchange broke off. */
  drop(poll: Poll): void {
    if (this.#poll !== poll) return;
    this.#poll = undefined;
    this.#awaitPoll();
  }

  /** Takes frames of a post, the first with the number `first`; `done` may come later. Else it says why not, and takes none. */
  post(first: number, frames: readonly (string | Uint8Array)[], done: () => void): "taken" | "over" | "gap" | "paused" {
    if (this.#over) return "over";
    if (first > this.#received) return "gap";
    const news = frames.slice(this.#received - first);
    if (this.#paused && news.length) return "paused";
    this.#received += news.length;
    for (const frame of news) if (!this.#over && !this.#close) this.handlers.onFrame(frame);
    if (this.#paused) this.#posts.push(done);
    else done();
    return "taken";
  }

  send(frame: Frame): boolean {
    if (this.#over || this.#close) return true;
    this.#waiting.push(frame);
    this.#waitingBytes += frame.data.length;
    if (!this.#corked) this.#answer(false);
    return this.#hasRoom();
  }

  cork(): void {
    this.#corked = true;
  }

  uncork(): boolean {
    this.#corked = false;
    this.#answer(false);
    return this.#hasRoom();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    for (const done of this.#posts.splice(0)) done();
  }

  close(code = 1000, reason = ""): void {
    if (this.#over || this.#close) return;
    this.#close = { code, reason };
    if (this.#poll) this.#answer(false);
  }

  terminate(): void {
    this.#end(1006, "");
  }

  /** The client closed. */
  closed(code: number, reason: string): void {
    this.#end(code, reason);
  }

  /** While a poll is held; one message is all that a plain client's poll can take. */
  #hasRoom(): boolean {
    const room = this.#poll !== undefined && (this.#isOurs ? this.#waitingBytes <= highWaterBytes : !this.#waiting.length);
    this.#full ||= !room;
    return room;
  }

  get #isOurs(): boolean {
    return this.#options.name !== undefined;
  }

  #answer(isTimeout: boolean): void {
    const poll = this.#poll;
    if (!poll || (!isTimeout && !this.#waiting.length && !this.#close)) return;
    this.#poll = undefined;
    poll(this.#isOurs ? this.#body() : (this.#next() ?? (this.#close ? undefined : this.#options.timeout)));
    if (this.#close && !this.#waiting.length) this.#end(this.#close.code, this.#close.reason);
    else this.#awaitPoll();
  }

  #next(): Frame | undefined {
    const frame = this.#waiting.shift();
    if (frame) this.#waitingBytes -= frame.data.length;
    return frame;
  }

  #body(): Frame {
    const first = this.#first;
    this.#told = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const name = this.#nameIsTold ? undefined : this.#options.name;
    this.#nameIsTold = true;
    const extra = { ...(name !== undefined && { name }), ...(this.#close && { close: this.#close }) };
    return { data: writePollBody(first, this.#told, extra), text: false };
  }

  #awaitPoll(): void {
    this.#arm(() => this.#end(this.#close?.code ?? 1006, this.#close?.reason ?? ""), this.#options.graceMs);
  }

  #arm(run: () => void, delayMs: number): void {
    this.#disarm();
    this.#timer = this.#options.env.setTimer(run, delayMs);
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#options.env.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #end(code: number, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#disarm();
    this.#waiting = [];
    this.#told = [];
    this.#waitingBytes = 0;
    const poll = this.#poll;
    this.#poll = undefined;
    poll?.(undefined);
    this.resume();
    this.#options.env.endOfTurn(() => this.handlers.onClose(code, reason));
  }
}
