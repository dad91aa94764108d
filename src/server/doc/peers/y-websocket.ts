/**
 * A peer of y-websocket: one socket, one document, whose name is the rest of the path.
 *
 * Always: it is told that it is denied before it is closed, with a code after which it does not come back.
 * Rules: docs/protocol/yjs-peers.md YPEER1-YPEER4, YPEER14, YPEER16.
 */
import type { User } from "../../../core/register.ts";
import { say } from "../../../kind/doc/peer-messages.ts";
import type { Frame, Transport, TransportHandlers } from "../../../transport/transport.ts";
import { closeCodes } from "../../limits.ts";
import type { PeerHost, PeerLink } from "./link.ts";
import { DocPeer } from "./peer.ts";

/** Those from 4400 to 4499 tell y-websocket that coming back changes nothing. */
export const peerCodes = { full: 1013, malformed: 4400, unauthorized: 4401, forbidden: 4403, timeout: 4408 } as const;

const final = new Map<number, number>([
  [closeCodes.malformed, peerCodes.malformed],
  [closeCodes.ended, peerCodes.forbidden],
]);

/** The code that a peer understands. */
export function peerCode(code: number): number {
  return final.get(code) ?? code;
}

export class YWebSocketLink implements PeerLink, TransportHandlers {
  readonly isHocuspocus = false;
  readonly peer: DocPeer;
  readonly #raw: Transport;

  constructor(raw: Transport, host: PeerHost, topic: string, user: User) {
    this.#raw = raw;
    this.peer = new DocPeer(host, topic, user, this);
    raw.handlers = this;
  }

  get name(): string {
    return this.#raw.name;
  }

  get bufferedBytes(): number {
    return this.#raw.bufferedBytes;
  }

  onFrame(data: string | Uint8Array): void {
    if (typeof data === "string") this.peer.malformed();
    else this.peer.receive(data);
  }

  onDrain(): void {
    this.peer.handlers.onDrain?.();
  }

  onClose(code: number, reason: string): void {
    this.peer.gone(code, reason);
  }

  say(message: Uint8Array): boolean {
    return this.#raw.send(frameOf(message));
  }

  /** It answers with its awareness. */
  ping(): void {
    this.#raw.send(frameOf(say.query));
  }

  cork(): void {
    this.#raw.cork();
  }

  uncork(): boolean {
    return this.#raw.uncork();
  }

  pause(): void {
    this.#raw.pause();
  }

  resume(): void {
    this.#raw.resume();
  }

  deny(code: string): void {
    this.peer.say(say.denied(code));
    this.#raw.close(peerCodes.forbidden, code);
  }

  close(code: number, reason: string): void {
    this.#raw.close(peerCode(code), reason);
  }

  terminate(): void {
    this.#raw.terminate();
  }
}

export function frameOf(message: Uint8Array): Frame {
  return { data: message, text: false };
}
