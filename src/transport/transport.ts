/**
 * One established, message-oriented, duplex connection: what a session has 0..n of.
 *
 * Always: frames arrive whole and in order while the connection lives; `onClose` is called exactly once,
 * last, whoever closed; nothing is called back before the call that causes it returned.
 * Rules: docs/protocol/transports.md TRANSPORT1-TRANSPORT15 and src/testing/contracts/transport.ts.
 */

/** One message on its way out. One Frame may go to many transports, so its content must not change. */
export interface Frame {
  readonly data: string | Uint8Array;
  /** True: a text frame, also when `data` holds UTF-8 bytes. */
  readonly text: boolean;
  /** Cached WebSocket framing of `data`, kept here by the first WebSocket transport that sends it. */
  framed?: Uint8Array;
}

export interface TransportHandlers {
  /** Text frames arrive as strings, binary ones as bytes that are the receiver's to keep. */
  onFrame(data: string | Uint8Array): void;
  /** The buffer that made `send` return false has drained. */
  onDrain?(): void;
  /** 1006 where the other side said nothing. */
  onClose(code: number, reason: string): void;
}

export interface Transport {
  readonly name: string;
  /** Bytes taken by `send` and not yet given to the network. */
  readonly bufferedBytes: number;
  /** True: the peer fetches what is sent, and its fetching is its sign of life. */
  readonly polled?: boolean;
  /** The subprotocol that the server chose. */
  readonly protocol?: string;
  /** Set once, by the owner, in the turn the transport was handed over. */
  handlers: TransportHandlers;
  /** False: taken, but the buffer is now full, and `onDrain` follows. After close: true, and dropped. */
  send(frame: Frame): boolean;
  /** Told how long a ping and its answer took, by an owner who measured it; there where something goes by it. */
  measured?(roundTripMs: number): void;
  /** Between the two, small frames are gathered and leave in one write. */
  cork(): void;
  uncork(): boolean;
  /** Stops and restarts what comes in. */
  pause(): void;
  resume(): void;
  /** Closes in order, after what was sent. Safe twice. */
  close(code?: number, reason?: string): void;
  /** Drops the connection at once, and what was not yet sent with it. */
  terminate(): void;
}

/** What values look like on the wire, for a connection that must look into them: a packer has these. */
export interface Format {
  readonly binary: boolean;
  pack(value: unknown): string | Uint8Array<ArrayBuffer>;
  unpack(packed: string | Uint8Array): unknown;
  /** What becomes of a whole frame after `pack` and before `unpack`. */
  readonly seal?: {
    close(payload: Uint8Array): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
    open(sealed: Uint8Array): Uint8Array | Promise<Uint8Array>;
  };
}

export interface ConnectorEvents {
  onOpen(transport: Transport): void;
  onFail(reason: string): void;
  /** Subprotocols to ask for, where the transport has such. */
  readonly protocols?: readonly string[];
  /** A better way is open beside the one in use; `tell` gives its first message, once its handlers are set. Offered again later if not taken. */
  onBetter?(transport: Transport, tell: () => void): void;
}

/** How a client opens a connection; settles in `onOpen` or `onFail`, never both, never synchronously. */
export interface Connector {
  readonly name: string;
  open(url: string, events: ConnectorEvents, format?: Format): { cancel(): void };
}
