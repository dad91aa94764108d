/**
 * One sente_lite peer as the server meets it: a transport that says in our protocol what the peer says in its own, and back.
 *
 * While a channel is being opened for it, the rest of what it says waits.
 * Always: each message of the peer costs it a message to the server; nothing reaches the peer before its handshake.
 * Rules: docs/protocol/sente-lite.md LITE1-LITE16.
 */
import type { Env } from "../core/env.ts";
import { Keyword } from "../core/values.ts";
import { type LiteUp, liteEcho, liteHandshake, readLite } from "../session/messages/lite.ts";
import { event, pingEvent, pongEvent, readErrorReply } from "../session/messages/sente.ts";
import type { Frame, Transport, TransportHandlers } from "../transport/transport.ts";
import type { Packer } from "../wire/packer.ts";
import { ForeignPeer, type Next } from "./foreign-peer.ts";
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

export class LitePeer extends ForeignPeer<string | Uint8Array> implements TransportHandlers {
  readonly #raw: Transport;
  readonly #host: LiteHost;
  readonly #topics: LiteTopics;
  /** The replica id of its session, which stands in `:from`; empty before the handshake. */
  #uid = "";
  /** Made before the handshake could leave. */
  #early: Frame[] = [];

  constructor(raw: Transport, host: LiteHost) {
    super(raw, host);
    this.#raw = raw;
    this.#host = host;
    this.#topics = createLiteTopics(host, {
      out: (frame) => this.#out(frame),
      tell: (message) => this.tell(message),
      ask: (message, answered) => this.ask(message, answered),
      wait: (message, answered) => this.wait(message, answered),
    });
    raw.handlers = this;
  }

  onDrain(): void {
    this.handlers.onDrain?.();
  }

  onClose(code: number, reason: string): void {
    this.ended(code, reason);
  }

  onFrame(data: string | Uint8Array): void {
    this.said(data);
  }

  #read(data: string | Uint8Array): LiteUp {
    try {
      return typeof data === "string" ? readLite(this.#host.packer.unpack(data)) : { type: "malformed" };
    } catch {
      return { type: "malformed" };
    }
  }

  protected hear(data: string | Uint8Array): void {
    const up = this.#read(data);
    switch (up.type) {
      case "malformed":
        return this.malformed();
      case "pong":
        return this.tell(event(pongEvent));
      case "ping":
        return this.ask(event(pingEvent), () => this.#say(event(pongEvent)));
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
    if (!this.#host.echo) return this.tell(message);
    this.ask(message, (value) => {
      if (readErrorReply(value)?.code === code) this.#say(liteEcho(id, data, this.#uid, this.#host.env.nowMs()));
    });
  }

  protected welcomed(welcome: unknown): Next {
    this.#uid = (welcome as { replica: string }).replica;
    this.#say(liteHandshake(this.#uid));
    for (const frame of this.#early) this.#out(frame);
    this.#early = [];
    return undefined;
  }

  protected sendAgain(frame: Frame): boolean {
    return this.#topics.sendAgain(frame);
  }

  ping(): void {
    this.#say(event(pingEvent));
  }

  event(id: string, data: unknown): void {
    if (id.startsWith("sync/")) this.#topics.receive(id, data, this.frame);
    else this.#say(event(id, data));
  }

  // To the peer.

  #say(message: unknown): void {
    this.#out({ data: this.#host.packer.pack(message), text: true });
  }

  #out(frame: Frame): void {
    if (!this.#uid) this.#early.push(frame);
    else this.sent(this.#raw.send(frame));
  }
}
