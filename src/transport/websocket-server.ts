/**
 * The server's WebSocket, on `ws`: `ws` reads and does the control frames, we write the messages to the same socket.
 *
 * Always: a corked connection costs one write however many frames it was given; a frame that goes to many
 * connections is never copied; an idle connection costs one small object and no closure.
 * Ours and `ws`' own frames never mix within a frame, because neither side fragments or compresses.
 * Rules: docs/protocol/transports.md TRANSPORT1-TRANSPORT15.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Frame, Transport, TransportHandlers } from "./transport.ts";
import { frameOf, joinFrames } from "./websocket-frame.ts";

export interface WebSocketAcceptorOptions {
  /** A larger message closes its connection with 1009. Default 1 MiB. */
  readonly maxFrameBytes?: number;
  /** How long a closing peer may take before the connection is dropped. Default 2 000. */
  readonly closeTimeoutMs?: number;
  /** Subprotocols that a client may ask for: the first of its own list that is here is chosen. */
  readonly protocols?: ReadonlySet<string>;
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

/** Turns the HTTP server's `upgrade` events into transports. */
export function createWebSocketAcceptor(options: WebSocketAcceptorOptions = {}): WebSocketAcceptor {
  const serverOptions = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: options.maxFrameBytes ?? 1024 * 1024,
    closeTimeout: options.closeTimeoutMs ?? 2000,
    handleProtocols: (asked: Set<string>) => [...asked].find((protocol) => options.protocols?.has(protocol)) ?? false,
  };
  const upgrader = new WebSocketServer(serverOptions);
  return {
    accept(request, socket, head, onTransport) {
      upgrader.handleUpgrade(request, socket, head, (ws) => onTransport(acceptWebSocket(ws, socket), ws.protocol));
    },
  };
}

/** A transport over `ws`, which was opened by an upgrade of `socket`, without compression. */
export function acceptWebSocket(ws: WebSocket, socket: Duplex): Transport {
  return new AcceptedWebSocket(ws, socket);
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
  private corked = false;
  private gathered: Frame[] | undefined;
  private gatheredBytes = 0;
  private blocked = false;
  /** Closed or dropped by this side: nothing but `onClose` is told any more. */
  private over = false;
  /** Why this side's `ws` gave up; the peer was told by a close code, the owner is told by this. */
  failure = "";

  constructor(ws: WebSocket, socket: Duplex) {
    this.ws = ws;
    this.socket = socket;
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

  send(frame: Frame): boolean {
    if (this.over || this.ws.readyState !== openState) return true;
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

function onError(this: WebSocket, error: Error): void {
  (this as Owned)[owner].failure = error.message;
}

function onClose(this: WebSocket, code: number, reason: Buffer): void {
  const transport = (this as Owned)[owner];
  transport.handlers.onClose(code, reason.toString() || transport.failure);
}
