/**
 * What the peers of foreign protocols have in common: each is a transport that says in our protocol what its client says in another, and back.
 *
 * It says hello and asks as a client of ours would, so that grants, limits, counters and backpressure are the server's own.
 * Always: what the client says is heard in order, and while an answer of the server is waited for, not at all, nor read; the server is told
 * nothing from within a call of its own; reading goes on only where the server wants it, too.
 * Rules: docs/protocol/sente-lite.md LITE1-LITE16; docs/protocol/yjs-peers.md YPEER3-YPEER10.
 */
import type { Env } from "../core/env.ts";
import { type DownListener, event, readDown, wrap } from "../session/messages/sente.ts";
import { sync, version } from "../session/messages/sync.ts";
import type { Frame, Transport, TransportHandlers } from "../transport/transport.ts";
import { ownBudget, type Packer } from "../wire/packer.ts";

/** The way to the client. */
type Outer = Omit<Transport, "handlers" | "send" | "close"> & { close(code: number, reason: string): void };

/** What an answer gives to do once it was dealt with, in a turn of its own. */
export type Next = (() => void) | undefined;

/** `Said`: what the client says, as it waits to be heard. */
export abstract class ForeignPeer<Said> implements Transport, DownListener {
  handlers!: TransportHandlers;
  readonly #outer: Outer;
  readonly #env: Env;
  readonly #packer: Packer;
  readonly #replies = new Map<string, (value: unknown) => void>();
  #lastCallback = 0;
  /** What the client says waits for an answer of the server. */
  #isWaiting = true;
  #inbox: Said[] = [];
  #isPausedHere = false;
  #isPausedByServer = false;
  #isClosed = false;
  #hasRoom = true;
  #frame: Frame | undefined;

  constructor(outer: Outer, { env, packer }: { readonly env: Env; readonly packer: Packer }) {
    this.#outer = outer;
    this.#env = env;
    this.#packer = packer;
  }

  /** What the client said is to be told to the server. */
  protected abstract hear(said: Said): void;
  /** The answer to hello. */
  protected abstract welcomed(value: unknown): Next;
  abstract ping(): void;
  abstract event(id: string, data: unknown): void;

  protected get isClosed(): boolean {
    return this.#isClosed;
  }

  protected get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** The frame that is being translated. */
  protected get frame(): Frame {
    return this.#frame as Frame;
  }

  get name(): string {
    return this.#outer.name;
  }

  get bufferedBytes(): number {
    return this.#outer.bufferedBytes;
  }

  cork(): void {
    this.#outer.cork();
  }

  uncork(): boolean {
    return this.#outer.uncork();
  }

  pause(): void {
    this.#isPausedByServer = true;
    this.#outer.pause();
  }

  resume(): void {
    this.#isPausedByServer = false;
    if (!this.#isPausedHere) this.#outer.resume();
  }

  close(code = 1000, reason = ""): void {
    this.#outer.close(code, reason);
  }

  terminate(): void {
    this.#outer.terminate();
  }

  /** The client is gone. */
  protected ended(code: number, reason: string): void {
    this.#isClosed = true;
    this.#inbox = [];
    this.handlers.onClose(code, reason);
  }

  // What the client says.

  protected said(said: Said): void {
    if (!this.#isWaiting && !this.#inbox.length) return this.hear(said);
    this.#inbox.push(said);
    if (this.#isPausedHere) return;
    this.#isPausedHere = true;
    this.#outer.pause();
  }

  /** Nothing at all is malformed for the server, too, which counts it and knows when it is too much. */
  malformed(): void {
    this.handlers.onFrame("");
  }

  #goOn(): void {
    while (!this.#isWaiting && this.#inbox.length) this.hear(this.#inbox.shift() as Said);
    if (this.#isWaiting || !this.#isPausedHere) return;
    this.#isPausedHere = false;
    if (!this.#isPausedByServer) this.#outer.resume();
  }

  // To the server.

  protected tell(message: unknown, callback?: string): void {
    this.handlers.onFrame(this.#packer.pack(wrap(message, callback)));
  }

  protected ask(message: unknown, answered: (value: unknown) => void): void {
    const callback = String(++this.#lastCallback);
    this.#replies.set(callback, answered);
    this.tell(message, callback);
  }

  /** Asks; what else the client says is heard after what the answer gives was done. */
  protected wait(message: unknown, answered: (value: unknown) => Next): void {
    this.#isWaiting = true;
    this.ask(message, (value) => {
      const next = answered(value);
      this.#env.endOfTurn(() => {
        if (this.#isClosed) return;
        this.#isWaiting = false;
        next?.();
        this.#goOn();
      });
    });
  }

  // What the server says.

  send(frame: Frame): boolean {
    this.#hasRoom = true;
    this.#frame = frame;
    if (!this.sendAgain(frame)) readDown(this.#packer.unpack(frame.data, ownBudget), this);
    return this.#hasRoom;
  }

  /** Sends what the frame was translated to for another peer; false: it has not been. */
  protected abstract sendAgain(frame: Frame): boolean;

  /** To the client: false says that it is full. */
  protected sent(hasRoom: boolean): void {
    if (!hasRoom) this.#hasRoom = false;
  }

  handshake(): void {
    this.#env.endOfTurn(() => {
      if (this.#isClosed) return;
      this.wait(event(sync.hello, { v: version, session: null, token: null }), (value) => this.welcomed(value));
    });
  }

  reply(callback: string, value: unknown): void {
    const answered = this.#replies.get(callback);
    this.#replies.delete(callback);
    answered?.(value);
  }
}
