/**
 * A socket of HocuspocusProvider: many documents, each a peer of its own that enters once its token came.
 *
 * Always: nothing of a document is answered before its token was; a socket without a document is closed after a while; what is said to a
 * document that is not open is heard by nobody, and charged to one that is.
 * Rules: docs/protocol/yjs-peers.md YPEER1-YPEER4, YPEER14-YPEER17.
 */
import type { Timer } from "../../../core/env.ts";
import type { User } from "../../../core/register.ts";
import {
  addressed,
  addressOf,
  isPong,
  pingMessage,
  readAddressed,
  readPeerMessage,
  say,
} from "../../../kind/doc/peer-messages.ts";
import type { Transport, TransportHandlers } from "../../../transport/transport.ts";
import type { Admission } from "../../bridge.ts";
import { closeCodes } from "../../limits.ts";
import type { PeerHost, PeerLink } from "./link.ts";
import { DocPeer } from "./peer.ts";
import { frameOf, peerCode, peerCodes } from "./y-websocket.ts";

/** Documents of one socket. */
const maxDocuments = 64;
/** Of a message before a token was accepted. */
const maxTokenBytes = 16 * 1024;
/** Tokens that one socket may try in vain. */
const maxRefused = 8;
/** Sockets without a document, of one server. */
const maxWaiting = 1000;

export interface HocuspocusOptions {
  readonly host: PeerHost;
  /** A socket without a document is closed after so long. */
  readonly idleMs: number;
  /** Those that have none. */
  readonly waiting: Set<HocuspocusSocket>;
  /** The topic of a document of that name; nothing: there is none. */
  topicOf(name: string): string | undefined;
  userOf(user: User): User;
}

export class HocuspocusSocket implements TransportHandlers {
  readonly raw: Transport;
  readonly #options: HocuspocusOptions;
  readonly #url: URL;
  readonly #door: Admission;
  /** By address: a name, or a name and a session. */
  readonly #links = new Map<string, HocuspocusLink>();
  #paused = 0;
  #idle: Timer | undefined;
  #refused = 0;
  #isPinged = false;
  #isClosed = false;

  constructor(raw: Transport, url: URL, door: Admission, options: HocuspocusOptions) {
    this.raw = raw;
    this.#url = url;
    this.#door = door;
    this.#options = options;
    raw.handlers = this;
    if (options.waiting.size >= maxWaiting) raw.close(peerCodes.full, "full");
    else this.#waitForOne();
  }

  onFrame(data: string | Uint8Array): void {
    if (typeof data === "string") return this.#unreadable();
    if (isPong(data)) return this.#pong();
    let address: string;
    let message: Uint8Array;
    try {
      [address, message] = readAddressed(data);
    } catch {
      return this.#unreadable();
    }
    const link = this.#links.get(address);
    if (link) return link.hear(message);
    const [other] = this.#links.values();
    if (!other && data.length > maxTokenBytes) return this.raw.close(closeCodes.tooLarge, "too-large");
    other?.peer?.alive();
    this.#open(address, message);
  }

  onDrain(): void {
    for (const { peer } of this.#links.values()) peer?.handlers.onDrain?.();
  }

  onClose(code: number, reason: string): void {
    this.#isClosed = true;
    this.#stopWaiting();
    for (const link of [...this.#links.values()]) link.gone(code, reason);
  }

  /** Whoever is there answers for it. */
  #unreadable(): void {
    const [link] = this.#links.values();
    if (link?.peer) link.peer.malformed();
    else this.raw.close(peerCodes.malformed, "malformed");
  }

  #open(address: string, bytes: Uint8Array): void {
    let token: string | undefined;
    try {
      const message = readPeerMessage(bytes);
      if (message.type === "token") token = message.token;
    } catch {
      return this.#unreadable();
    }
    // On its way to one that was closed meanwhile.
    if (token === undefined) return;
    const name = address.split("\0", 1)[0] as string;
    const topic = this.#links.size < maxDocuments ? this.#options.topicOf(name) : undefined;
    if (topic === undefined) {
      this.raw.send(frameOf(addressed(addressOf(address), say.refused("not-declared"))));
      return;
    }
    this.#stopWaiting();
    const link = new HocuspocusLink(this, address, topic, this.#options.host);
    this.#links.set(address, link);
    const url = new URL(this.#url);
    if (token) url.searchParams.set("token", token);
    void this.#enter(link, url);
  }

  async #enter(link: HocuspocusLink, url: URL): Promise<void> {
    const admitted = await this.#door.admit(url);
    if (link.isOver) return;
    if ("status" in admitted) {
      link.deny(admitted.body);
      if (++this.#refused >= maxRefused) this.raw.close(peerCodes.unauthorized, "unauthorized");
      return;
    }
    link.enter(this.#door, url, this.#options.userOf(admitted.user));
  }

  /** One ping for all of them. */
  ping(): void {
    if (this.#isPinged) return;
    this.#isPinged = true;
    this.raw.send(frameOf(pingMessage));
  }

  #pong(): void {
    const links = [...this.#links.values()];
    // One that nobody asked for is charged as any other message.
    const heard = this.#isPinged ? links : links.slice(0, 1);
    this.#isPinged = false;
    for (const { peer } of heard) peer?.alive();
  }

  pause(): void {
    if (this.#paused++ === 0) this.raw.pause();
  }

  resume(): void {
    if (--this.#paused === 0) this.raw.resume();
  }

  remove(address: string): void {
    this.#links.delete(address);
    if (!this.#links.size && !this.#isClosed) this.#waitForOne();
  }

  #waitForOne(): void {
    const { host, idleMs, waiting } = this.#options;
    waiting.add(this);
    this.#idle = host.env.setTimer(() => this.raw.close(peerCodes.timeout, "no document"), idleMs);
  }

  #stopWaiting(): void {
    this.#options.waiting.delete(this);
    if (this.#idle !== undefined) this.#options.host.env.clearTimer(this.#idle);
    this.#idle = undefined;
  }
}

/** One document of such a socket. */
class HocuspocusLink implements PeerLink {
  readonly isHocuspocus = true;
  readonly topic: string;
  /** Once it is let in. */
  peer: DocPeer | undefined;
  isOver = false;
  readonly #socket: HocuspocusSocket;
  readonly #host: PeerHost;
  readonly #key: string;
  readonly #address: Uint8Array;
  #isPaused = false;
  /** What came before that. */
  #early: Uint8Array[] = [];

  constructor(socket: HocuspocusSocket, key: string, topic: string, host: PeerHost) {
    this.#socket = socket;
    this.#host = host;
    this.#key = key;
    this.topic = topic;
    this.#address = addressOf(key);
    // Until it is known who it is, nothing more is read.
    this.pause();
  }

  enter(door: Admission, url: URL, user: User): void {
    const peer = new DocPeer(this.#host, this.topic, user, this);
    this.peer = peer;
    door.enter(peer, url, user);
    this.resume();
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.hear(message);
  }

  hear(message: Uint8Array): void {
    if (this.isOver) return;
    if (!this.peer) this.#early.push(message);
    // The document is closed, the socket is not.
    else if (message[0] === 7) this.gone(closeCodes.normal, "");
    else this.peer.receive(message);
  }

  gone(code: number, reason: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#early = [];
    this.resume();
    this.#socket.remove(this.#key);
    this.peer?.gone(code, reason);
  }

  get name(): string {
    return this.#socket.raw.name;
  }

  get bufferedBytes(): number {
    return this.#socket.raw.bufferedBytes;
  }

  say(message: Uint8Array): boolean {
    return this.#socket.raw.send(frameOf(addressed(this.#address, message)));
  }

  ping(): void {
    this.#socket.ping();
  }

  cork(): void {
    this.#socket.raw.cork();
  }

  uncork(): boolean {
    return this.#socket.raw.uncork();
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  deny(reason: string): void {
    this.#end(closeCodes.ended, reason, say.refused(reason));
  }

  close(code: number, reason: string): void {
    const told = peerCode(code);
    // What may be tried again is tried with a new socket.
    if (told < peerCodes.malformed || told > 4499) this.#socket.raw.close(told, reason);
    else this.#end(code, reason, say.closed(reason));
  }

  terminate(): void {
    this.#socket.raw.terminate();
  }

  /** Over in a turn of its own: the server may be what asks for it. */
  #end(code: number, reason: string, message: Uint8Array): void {
    if (this.isOver) return;
    this.say(message);
    this.#host.env.endOfTurn(() => this.gone(code, reason));
  }
}
