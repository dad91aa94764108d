/**
 * One sente_lite peer as the server meets it: a transport that says in our protocol what the peer says in its own, and back.
 *
 * It says hello, subscribes and writes for the peer as a client of ours would, so that limits, grants, counters and
 * backpressure are the server's own. What the peer says is handled in order: while a channel is being opened for it, the
 * rest waits, and nothing more is read.
 * Always: each message of the peer costs it a message to the server; nothing reaches the peer before its handshake;
 * the server is told nothing from within a call of its own.
 * Rules: docs/protocol/sente-lite.md LITE1-LITE16.
 */
import type { Env } from "../core/env.ts";
import { Keyword } from "../core/values.ts";
import { type LiteUp, liteEcho, liteHandshake, readLite } from "../session/messages/lite.ts";
import { type DownListener, event, pingEvent, pongEvent, readDown, readErrorReply, wrap } from "../session/messages/sente.ts";
import { sync, version } from "../session/messages/sync.ts";
import type { Frame, Transport, TransportHandlers } from "../transport/transport.ts";
import { ownBudget, type Packer } from "../wire/packer.ts";
import { createLiteTopics, type LiteTopics } from "./lite-topics.ts";

/** What the peers of one bridge share. */
export interface LiteHost {
  readonly env: Env;
  readonly packer: Packer;
  /** Topics of the atoms that travel on `atomChannel`; none: it is a channel like any other. */
  readonly atoms: readonly string[];
  /** The event of our channels that a message on theirs is. */
  readonly event: string;
  /** Answers what nobody handles, as sente_lite's servers do. */
  readonly echo: boolean;
  /** For what the peer cannot be told. */
  report(error: unknown, where: string): void;
  /** A frame of a channel's entries as it was translated for its first reader. */
  readonly translated: WeakMap<Frame, { readonly topicId: number; readonly frames: readonly Frame[] }>;
}

export class LitePeer implements Transport, TransportHandlers, DownListener {
  handlers!: TransportHandlers;
  readonly #raw: Transport;
  readonly #host: LiteHost;
  readonly #topics: LiteTopics;
  /** The replica id of its session, which stands in `:from`; empty before the handshake. */
  #uid = "";
  readonly #replies = new Map<string, (value: unknown) => void>();
  #lastCallback = 0;
  /** What it says waits for an answer of the server. */
  #isWaiting = true;
  #inbox: (string | Uint8Array)[] = [];
  #isPausedHere = false;
  #isPausedByServer = false;
  #isClosed = false;
  /** Made before the handshake could leave. */
  #early: Frame[] = [];
  #hasRoom = true;
  /** The frame that is being translated. */
  #frame: Frame | undefined;

  constructor(raw: Transport, host: LiteHost) {
    this.#raw = raw;
    this.#host = host;
    this.#topics = createLiteTopics(host, {
      out: (frame) => this.#out(frame),
      tell: (message) => this.#tell(message),
      ask: (message, answered) => this.#ask(message, answered),
      wait: (message, answered) => this.#wait(message, answered),
    });
    raw.handlers = this;
  }

  get name(): string {
    return this.#raw.name;
  }

  get bufferedBytes(): number {
    return this.#raw.bufferedBytes;
  }

  cork(): void {
    this.#raw.cork();
  }

  uncork(): boolean {
    return this.#raw.uncork();
  }

  pause(): void {
    this.#isPausedByServer = true;
    this.#raw.pause();
  }

  resume(): void {
    this.#isPausedByServer = false;
    if (!this.#isPausedHere) this.#raw.resume();
  }

  close(code?: number, reason?: string): void {
    this.#raw.close(code, reason);
  }

  terminate(): void {
    this.#raw.terminate();
  }

  onDrain(): void {
    this.handlers.onDrain?.();
  }

  onClose(code: number, reason: string): void {
    this.#isClosed = true;
    this.#inbox = [];
    this.handlers.onClose(code, reason);
  }

  // What the peer says.

  onFrame(data: string | Uint8Array): void {
    if (!this.#isWaiting && !this.#inbox.length) return this.#hear(data);
    this.#inbox.push(data);
    if (this.#isPausedHere) return;
    this.#isPausedHere = true;
    this.#raw.pause();
  }

  #read(data: string | Uint8Array): LiteUp {
    try {
      return typeof data === "string" ? readLite(this.#host.packer.unpack(data)) : { type: "malformed" };
    } catch {
      return { type: "malformed" };
    }
  }

  #hear(data: string | Uint8Array): void {
    const up = this.#read(data);
    switch (up.type) {
      case "malformed":
        // Nothing at all is malformed for the server, too, which counts it and knows when it is too much.
        return this.handlers.onFrame("");
      case "pong":
        return this.#tell(event(pongEvent));
      case "ping":
        return this.#ask(event(pingEvent), () => this.#say(event(pongEvent)));
      case "subscribe":
        return this.#topics.subscribe(up.channel);
      case "unsubscribe":
        return this.#topics.unsubscribe(up.channel);
      case "publish":
        return this.#topics.publish(up.channel, up.data);
      case "event":
        return this.#event(event(up.id, up.data), new Keyword(up.id), up.data, "unhandled-event");
      case "bad-event":
        return this.#event(up.what, up.id, up.data, "invalid");
    }
  }

  /** `code`: with which the server refuses what is to be echoed. */
  #event(message: unknown, id: unknown, data: unknown, code: string): void {
    if (!this.#host.echo) return this.#tell(message);
    this.#ask(message, (value) => {
      if (readErrorReply(value)?.code === code) this.#say(liteEcho(id, data, this.#uid, this.#host.env.nowMs()));
    });
  }

  // To the server.

  #tell(message: unknown, callback?: string): void {
    this.handlers.onFrame(this.#host.packer.pack(wrap(message, callback)));
  }

  #ask(message: unknown, answered: (value: unknown) => void): void {
    const callback = String(++this.#lastCallback);
    this.#replies.set(callback, answered);
    this.#tell(message, callback);
  }

  /** Asks, and holds what else the peer says until that is answered and `next`, which the answer gives, was done. */
  #wait(message: unknown, answered: (value: unknown) => (() => void) | undefined): void {
    this.#isWaiting = true;
    this.#ask(message, (value) => {
      const next = answered(value);
      this.#host.env.endOfTurn(() => {
        if (this.#isClosed) return;
        next?.();
        this.#goOn();
      });
    });
  }

  #goOn(): void {
    this.#isWaiting = false;
    const waiting = this.#inbox;
    this.#inbox = [];
    for (const [index, data] of waiting.entries()) {
      this.#hear(data);
      if (!this.#isWaiting) continue;
      this.#inbox = waiting.slice(index + 1);
      break;
    }
    if (this.#inbox.length || !this.#isPausedHere) return;
    this.#isPausedHere = false;
    if (!this.#isPausedByServer) this.#raw.resume();
  }

  // What the server says.

  send(frame: Frame): boolean {
    this.#hasRoom = true;
    this.#frame = frame;
    if (!this.#topics.sendAgain(frame)) readDown(this.#host.packer.unpack(frame.data, ownBudget), this);
    return this.#hasRoom;
  }

  handshake(): void {
    this.#host.env.endOfTurn(() => {
      if (this.#isClosed) return;
      this.#wait(event(sync.hello, { v: version, session: null, token: null }), (welcome) => {
        this.#uid = (welcome as { replica: string }).replica;
        this.#say(liteHandshake(this.#uid));
        for (const frame of this.#early) this.#out(frame);
        this.#early = [];
        return undefined;
      });
    });
  }

  ping(): void {
    this.#say(event(pingEvent));
  }

  reply(callback: string, value: unknown): void {
    const answered = this.#replies.get(callback);
    this.#replies.delete(callback);
    answered?.(value);
  }

  event(id: string, data: unknown): void {
    if (id.startsWith("sync/")) this.#topics.receive(id, data, this.#frame as Frame);
    else this.#say(event(id, data));
  }

  // To the peer.

  #say(message: unknown): void {
    this.#out({ data: this.#host.packer.pack(message), text: true });
  }

  #out(frame: Frame): void {
    if (!this.#uid) this.#early.push(frame);
    else if (!this.#raw.send(frame)) this.#hasRoom = false;
  }
}
