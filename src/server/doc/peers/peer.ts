/**
 * One document of one foreign peer, as the server meets it: a transport that says in our protocol what the peer says in its own, and back.
 *
 * The peer is answered from stored updates, without those that its state vector has; no document is built.
 * Always: each message of the peer costs it a message to the server; what the server refused is asked for again once, where it may be
 * stored then.
 * Rules: docs/protocol/yjs-peers.md YPEER3-YPEER10, YPEER14.
 */
import { every, type Timer } from "../../../core/env.ts";
import { fromWireError, type SyncError } from "../../../core/errors.ts";
import type { User } from "../../../core/register.ts";
import { readEntry, readSnapshot } from "../../../kind/doc/authority.ts";
import { type PeerMessage, readPeerMessage, say } from "../../../kind/doc/peer-messages.ts";
import { trimUpdate } from "../../../kind/doc/trim.ts";
import { advance, readVector, type StateVector } from "../../../kind/doc/vector.ts";
import { event, pongEvent } from "../../../session/messages/sente.ts";
import { readSubscribed, readWelcome, sync } from "../../../session/messages/sync.ts";
import type { Frame } from "../../../transport/transport.ts";
import { ownBudget } from "../../../wire/packer.ts";
import { ForeignPeer, type Next } from "../../foreign-peer.ts";
import { PeerAwareness } from "./awareness.ts";
import type { Loaded, PeerHost, PeerLink } from "./link.ts";

/** Before what was refused for now is asked for again. */
const retryMs = 1000;
/** RFC 6455's "try again later". */
const tryAgainCode = 1013;
/** Peers forget who is not told of for 30 s, and give up a socket that says nothing for as long. */
const renewMs = 15_000;
const nothing: StateVector = new Map();

export class DocPeer extends ForeignPeer<PeerMessage> {
  readonly topic: string;
  readonly user: User;
  readonly #host: PeerHost;
  readonly #link: PeerLink;
  readonly #awareness: PeerAwareness;
  #stopRenewing: (() => void) | undefined;
  /** The server's for the document; 0: it has not said it yet. */
  #topicId = 0;
  #mayWrite = false;
  #isAllowed = false;
  /** What the next snapshot is told without; undefined: nobody asked for one. */
  #since: StateVector | undefined;
  /** Only what the peer has is wanted. */
  #isAskingBack = false;
  #chunks = "";
  #lastSeq = 0;
  /** Up to here the writes are answered. */
  #answered = 0;
  /** What is missing was asked for; its answer is that write, once it is written. */
  #asked: { seq: number } | undefined;
  #retry: Timer | undefined;
  #wasDenied = false;

  constructor(host: PeerHost, topic: string, user: User, link: PeerLink) {
    super(link, host);
    this.#host = host;
    this.topic = topic;
    this.user = user;
    this.#link = link;
    this.#awareness = new PeerAwareness(host, topic, {
      ask: (message, answered) => this.ask(message, answered),
      say: (message) => this.say(message),
    });
  }

  /** Its client is gone. */
  gone(code: number, reason: string): void {
    if (this.isClosed) return;
    this.#awareness.end();
    this.#stopRenewing?.();
    if (this.#retry !== undefined) this.#host.env.clearTimer(this.#retry);
    // A close without a code is one in order, too.
    this.ended(code === 1005 ? 1000 : code, reason);
  }

  // What the peer says.

  /** Bytes of one message. */
  receive(bytes: Uint8Array): void {
    let message: PeerMessage;
    try {
      message = readPeerMessage(bytes);
    } catch {
      return this.malformed();
    }
    this.said(message);
  }

  /** It gave a sign of life. */
  alive(): void {
    this.tell(event(pongEvent));
  }

  protected hear(message: PeerMessage): void {
    switch (message.type) {
      case "ask":
        return this.#begin(message.vector, false);
      case "update":
        return this.#write(message.update, message.isAnswer);
      case "awareness":
        this.alive();
        return this.#awareness.hear(message.states);
      case "query":
        this.alive();
        return this.#awareness.tellAll();
      case "stateless":
        this.alive();
        return this.#host.onStateless?.(this, message.payload);
      case "token":
      case "close":
        // Who it is was said; the link hears what ends it.
        return this.alive();
    }
  }

  #write(update: Uint8Array, isAnswer: boolean): void {
    const seq = ++this.#lastSeq;
    if (isAnswer && this.#asked) this.#asked.seq = seq;
    this.tell(event(sync.write, [this.#topicId, seq, [update]]));
  }

  // To the server.

  #open(): void {
    this.#subscribe(false, (error) => {
      this.#mayWrite = !error;
      // Who may not write may still read.
      return error && error.code !== "forbidden" ? () => this.#deny(error) : undefined;
    });
  }

  #subscribe(read: boolean, answered: (error: SyncError | undefined) => Next): void {
    this.wait(event(sync.subscribe, [{ topic: this.topic, kind: "doc", since: null, read }]), (value) => {
      const answer = readSubscribed((value as unknown[])[0]);
      if ("error" in answer) return answered(fromWireError(answer.error));
      this.#topicId = answer.id;
      return answered(undefined);
    });
  }

  /** Reads the document from its beginning, and tells what `since` has not. */
  #begin(since: StateVector, isAskingBack: boolean): void {
    this.#since = since;
    this.#isAskingBack = isAskingBack;
    this.#subscribe(true, (error) => {
      if (error) return () => this.#deny(error);
      if (this.#isAllowed) return undefined;
      this.#isAllowed = true;
      if (this.#link.isHocuspocus) this.say(say.allowed(this.#mayWrite));
      return () => {
        this.#awareness.begin();
        this.#stopRenewing = every(this.#host.env, renewMs, () => this.#awareness.tellAll());
      };
    });
  }

  #deny(error: SyncError): void {
    // It may come back for what is only not there now.
    if (error.retry === "later") return this.#link.close(tryAgainCode, error.code);
    this.#link.deny(error.code);
  }

  // What the server says.

  protected sendAgain(frame: Frame): boolean {
    const known = this.#host.entries.get(frame);
    if (known?.topicId === this.#topicId) for (const message of known.messages) this.say(message);
    return known !== undefined;
  }

  protected welcomed(value: unknown): Next {
    this.#awareness.session = readWelcome(value)?.replica;
    return () => this.#open();
  }

  ping(): void {
    this.#link.ping();
  }

  event(id: string, data: unknown): void {
    const [topicId, ...rest] = Array.isArray(data) ? (data as unknown[]) : [];
    if (topicId !== this.#topicId) return this.#awareness.receive(id, topicId, rest);
    switch (id) {
      case sync.entries:
        return this.#entries(rest[1] as readonly unknown[]);
      case sync.snapshot:
        return this.#snapshot(...(rest as [number, number, boolean, string]));
      case sync.ack:
        return this.#settled(rest[0] as number);
      case sync.reject:
        return this.#rejected(rest[0] as number, fromWireError(rest[1]));
      case sync.end:
        return this.#link.deny(rest[0] as string);
    }
  }

  #entries(entries: readonly unknown[]): void {
    const messages = entries.map((entry) => say.update(readEntry(entry)));
    this.#host.entries.set(this.frame, { topicId: this.#topicId, messages });
    for (const message of messages) this.say(message);
  }

  #snapshot(_offset: number, part: number, isLast: boolean, chunk: string): void {
    this.#chunks = part === 0 ? chunk : this.#chunks + chunk;
    if (!isLast) return;
    const { updates, vector } = this.#load(this.frame);
    const since = this.#since ?? nothing;
    this.#since = undefined;
    if (!this.#isAskingBack) {
      for (const update of updates) {
        const rest = since.size ? trimUpdate(update, since) : update;
        if (rest.some((byte) => byte !== 0)) this.say(say.update(rest));
      }
      this.say(say.answered);
    }
    this.#isAskingBack = false;
    this.#askBack(say.ask(vector));
  }

  #load(frame: Frame): Loaded {
    let loaded = this.#host.snapshots.get(frame);
    if (!loaded) {
      const updates = readSnapshot(this.#host.packer.unpack(this.#chunks, ownBudget));
      const vector = new Map<number, number>();
      for (const update of updates) advance(vector, update);
      loaded = { updates, vector };
      this.#host.snapshots.set(frame, loaded);
    }
    this.#chunks = "";
    return loaded;
  }

  /** Asks the peer for what the document lacks. */
  #askBack(message: Uint8Array): void {
    this.#asked = { seq: Number.POSITIVE_INFINITY };
    this.say(message);
  }

  #settled(seq: number): void {
    if (this.#asked && seq >= this.#asked.seq) this.#asked = undefined;
    for (; this.#answered < seq; this.#answered++) if (this.#link.isHocuspocus) this.say(say.stored(true));
  }

  #rejected(seq: number, error: SyncError): void {
    this.#answered = seq;
    if (this.#link.isHocuspocus) this.say(say.stored(false));
    const isAnswer = this.#asked !== undefined && seq >= this.#asked.seq;
    if (isAnswer) this.#asked = undefined;
    const { vector } = (error.data ?? {}) as { readonly vector?: unknown };
    if (error.code === "gap" && vector instanceof Uint8Array && !isAnswer) {
      // One answer brings all that is missing, whatever else was on its way.
      if (!this.#asked) this.#askBack(say.ask(readVector(vector)));
      return;
    }
    if (error.retry === "later") return this.#later();
    if (error.code !== "forbidden") this.#host.report(error, this.topic);
    if (!this.#link.isHocuspocus && !this.#wasDenied) this.say(say.denied(error.message));
    this.#wasDenied = true;
  }

  #later(): void {
    this.#retry ??= this.#host.env.setTimer(() => {
      this.#retry = undefined;
      if (this.#since === undefined && !this.isWaiting) this.#begin(nothing, true);
      else this.#later();
    }, retryMs);
  }

  // To the peer.

  say(message: Uint8Array): void {
    if (!this.isClosed) this.sent(this.#link.say(message));
  }
}
