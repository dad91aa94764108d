/**
 * The server's WebSocket, on `ws`: `ws` reads and does the control frames, we write the messages to the same socket.
 *
 * Always: a corked connection costs one write however many frames it was given; a frame that goes to many connections is
 * not copied for each, but for a short one that something else leaves with; an idle connection costs one small object and no
 * closure.
 * Ours and `ws`' own frames never mix within a frame, because we write only whole ones, and all messages.
 * Rules: docs/protocol/transports.md TRANSPORT1-TRANSPORT15, DEFLATE1-DEFLATE5.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Frame, Transport, TransportHandlers } from "./transport.ts";
import { agreement, asksForSmallWindow, createDeflater } from "./websocket-deflate.ts";
import { frameOf, joinFrames } from "./websocket-frame.ts";
import type { DeflateOptions } from "./ws-global.ts";

export interface WebSocketAcceptorOptions {
  /** A larger message closes its connection with 1009. Default 1 MiB. */
  readonly maxFrameBytes?: number;
  /** How long a closing peer may take before the connection is dropped. Default 2 000. */
  readonly closeTimeoutMs?: number;
  /** Subprotocols that a client may ask for: the first of its own list that is here is chosen. */
  readonly protocols?: ReadonlySet<string>;
  /** Agrees to permessage-deflate with clients that offer it. Default false. */
  readonly deflate?: boolean | DeflateOptions;
  /** A message was larger than `maxFrameBytes`, as it came or inflated. */
  readonly onTooLarge?: () => void;
}

export interface WebSocketAcceptor {
  /** Upgrades, or answers why not; `onTransport` is called before this returns. */
  accept(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    onTransport: (transport: Transport, protocol: string) => void,
  ): void;
}

/** What all connections of one acceptor that agreed to the same have in common. */
interface Terms {
  readonly onTooLarge?: (() => void) | undefined;
  /** A frame as it leaves. */
  readonly deflate?: (frame: Frame) => Frame;
}

/** Turns the HTTP server's `upgrade` events into transports. */
export function createWebSocketAcceptor(options: WebSocketAcceptorOptions = {}): WebSocketAcceptor {
  const { deflate, onTooLarge } = options;
  const serverOptions = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: deflate ? agreement : false,
    maxPayload: options.maxFrameBytes ?? 1024 * 1024,
    closeTimeout: options.closeTimeoutMs ?? 2000,
    handleProtocols: (asked: Set<string>) => [...asked].find((protocol) => options.protocols?.has(protocol)) ?? false,
  };
  const upgrader = new WebSocketServer(serverOptions);
  const plain: Terms = { onTooLarge };
  const deflating: Terms = deflate ? { onTooLarge, deflate: createDeflater(deflate) } : plain;
  return {
    accept(request, socket, head, onTransport) {
      upgrader.handleUpgrade(request, socket, head, (ws) => {
        // What is agreed to need not be used: a message may always leave as it is.
        const agreed = ws.extensions !== "" && !asksForSmallWindow(request.headers["sec-websocket-extensions"]);
        onTransport(new AcceptedWebSocket(ws, socket, agreed ? deflating : plain), ws.protocol);
      });
    },
  };
}

const highWaterBytes = 65_536;
const openState = 1;

/** How the shared listeners below find the transport from the `ws` they are called on. */
const owner = Symbol("transport");
type Owned = WebSocket & { [owner]: AcceptedWebSocket };

class AcceptedWebSocket implements Transport {
  handlers!: TransportHandlers;
  private readonly ws: WebSocket;
  private readonly socket: Duplex;
  readonly terms: Terms;
  private corked = false;
  private gathered: Frame[] | undefined;
  private gatheredBytes = 0;
  private blocked = false;
  /** Closed or dropped by this side: nothing but `onClose` is told any more. */
  private over = false;
  /** Why this side's `ws` gave up; the peer was told by a close code, the owner is told by this. */
  failure = "";

  constructor(ws: WebSocket, socket: Duplex, terms: Terms) {
    this.ws = ws;
    this.socket = socket;
    this.terms = terms;
    (ws as Owned)[owner] = this;
    ws.on("message", onMessage);
    ws.on("error", onError);
    ws.on("close", onClose);
  }

  get name(): string {
    return "websocket";
  }

  get bufferedBytes(): number {
    return this.socket.writableLength + this.gatheredBytes;
  }

  send(message: Frame): boolean {
    if (this.over || this.ws.readyState !== openState) return true;
    const { deflate } = this.terms;
    const frame = deflate ? deflate(message) : message;
    if (!this.corked) {
      this.socket.write(frameOf(frame));
      return this.hasRoom();
    }
    if (this.gathered) this.gathered.push(frame);
    else this.gathered = [frame];
    this.gatheredBytes += frame.data.length;
    if (this.gatheredBytes > highWaterBytes) this.flush();
    return !this.blocked;
  }

  cork(): void {
    this.corked = true;
  }

  uncork(): boolean {
    this.corked = false;
    this.flush();
    return !this.blocked;
  }

  pause(): void {
    this.ws.pause();
  }

  resume(): void {
    this.ws.resume();
  }

  close(code = 1000, reason = ""): void {
    if (this.over) return;
    this.flush();
    this.over = true;
    this.ws.close(code, reason);
  }

  terminate(): void {
    this.over = true;
    this.dropGathered();
    this.ws.terminate();
  }

  receive(data: string | Uint8Array): void {
    if (!this.over) this.handlers.onFrame(data);
  }

  private flush(): void {
    const frames = this.gathered;
    if (!frames) return;
    this.dropGathered();
    if (this.ws.readyState !== openState) return;
    const { socket } = this;
    const pieces = joinFrames(frames);
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) socket.write(piece);
    if (pieces.length > 1) socket.uncork();
    this.hasRoom();
  }

  private dropGathered(): void {
    this.gathered = undefined;
    this.gatheredBytes = 0;
  }

  /** False only when a drain is sure to follow: `write` returning false alone does not say so. */
  private hasRoom(): boolean {
    const { socket } = this;
    if (!this.blocked && socket.writableLength > highWaterBytes && socket.writableNeedDrain) {
      this.blocked = true;
      socket.once("drain", () => {
        this.blocked = false;
        if (!this.over) this.handlers.onDrain?.();
      });
    }
    return !this.blocked;
  }
}

function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  (this as Owned)[owner].receive(isBinary ? (data as Buffer) : (data as Buffer).toString());
}

/** `ws`' words for a message over its limit. */
const tooLargeCodes = new Set(["WS_ERR_UNSUPPORTED_MESSAGE_LENGTH", "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH"]);

function onError(this: WebSocket, error: Error & { code?: string }): void {
  const transport = (this as Owned)[owner];
  transport.failure = error.message;
  if (tooLargeCodes.has(error.code ?? "")) transport.terms.onTooLarge?.();
}

function onClose(this: WebSocket, code: number, reason: Buffer): void {
  const transport = (this as Owned)[owner];
  transport.handlers.onClose(code, reason.toString() || transport.failure);
}
