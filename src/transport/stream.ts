/**
 * A transport over any stream of bytes: a socket, or the two ends of a pipe.
 *
 * Always: a paused transport tells nothing, not even the rest of what was read; whoever receives a close answers it by ending the
 * stream; a peer that does not is given up at the deadline.
 * Rules: docs/protocol/streams.md STREAM1-STREAM10.
 */
import { type Env, realEnv, type Timer } from "../core/env.ts";
import type { SyncError } from "../core/errors.ts";
import { closeFrame, FrameReader, framePieces, type StreamFrame } from "./stream-frame.ts";
import type { Frame, Transport, TransportHandlers } from "./transport.ts";

/** What is read of Node's streams. */
export interface ByteSource {
  on(event: "data", run: (chunk: Uint8Array) => void): unknown;
  on(event: "error", run: (error: Error) => void): unknown;
  on(event: "end" | "close", run: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
  destroy(): unknown;
}

export interface ByteSink {
  readonly writableLength: number;
  readonly writableNeedDrain: boolean;
  on(event: "error", run: (error: Error) => void): unknown;
  on(event: "drain", run: () => void): unknown;
  write(bytes: Uint8Array): unknown;
  cork(): void;
  uncork(): void;
  end(bytes: Uint8Array): unknown;
  destroy(): unknown;
}

export interface ByteStream {
  /** The transport's name. */
  readonly name: string;
  readonly source: ByteSource;
  /** May be the source. */
  readonly sink: ByteSink;
}

export interface StreamOptions {
  /** A larger message closes the connection with 1009. Default 1 MiB for who accepts, 64 MiB for who opens. */
  readonly maxFrameBytes?: number;
  /** How long a closing peer may take before the connection is dropped. Default 2 000. */
  readonly closeTimeoutMs?: number;
  readonly env?: Env;
}

export interface AcceptStreamOptions extends StreamOptions {
  /** How long a peer may take to send its opening. Default: for ever. */
  readonly handshakeTimeoutMs?: number;
}

/** The transport of who says `opening`, an open frame. */
export function openStream(stream: ByteStream, opening: Uint8Array, options: StreamOptions = {}): Transport {
  stream.sink.write(opening);
  return new StreamTransport(stream, new FrameReader(options.maxFrameBytes ?? 1 << 26, false), options);
}

/** Calls `onOpen` once the peer has said its opening. Returns how to drop it. */
export function acceptStream(
  stream: ByteStream,
  onOpen: (transport: Transport, url: string) => void,
  options: AcceptStreamOptions = {},
): () => void {
  const transport = new StreamTransport(stream, new FrameReader(options.maxFrameBytes ?? 1 << 20, true), options);
  transport.awaitOpening(onOpen, options.handshakeTimeoutMs);
  return () => transport.terminate();
}

const highWaterBytes = 65_536;

interface Close {
  readonly code: number;
  readonly reason: string;
}

const gone: Close = { code: 1006, reason: "" };

class StreamTransport implements Transport {
  readonly name: string;
  /** Before the owner sets its own, there is nobody to tell. */
  handlers: TransportHandlers = { onFrame() {}, onClose() {} };
  readonly #source: ByteSource;
  readonly #sink: ByteSink;
  readonly #reader: FrameReader;
  readonly #env: Env;
  readonly #closeTimeoutMs: number;
  #onOpen: ((transport: Transport, url: string) => void) | undefined;
  #state: "open" | "closing" | "over" = "open";
  /** What this side closes with. */
  #said = gone;
  #paused = false;
  #resuming = false;
  #blocked = false;
  /** Of the opening, then of the close. */
  #deadline: Timer | undefined;

  constructor({ name, source, sink }: ByteStream, reader: FrameReader, options: StreamOptions) {
    this.name = name;
    this.#source = source;
    this.#sink = sink;
    this.#reader = reader;
    this.#env = options.env ?? realEnv;
    this.#closeTimeoutMs = options.closeTimeoutMs ?? 2000;
    const fail = ({ message }: Error): void => this.#end({ code: 1006, reason: message });
    source.on("data", (chunk) => {
      if (this.#state !== "open") return;
      this.#reader.push(chunk);
      this.#deliver();
    });
    // The answer to our close; or the end of a peer that said nothing.
    source.on("end", () => this.#end(this.#said));
    source.on("close", () => this.#end(gone));
    source.on("error", fail);
    sink.on("error", fail);
    sink.on("drain", () => {
      if (!this.#blocked) return;
      this.#blocked = false;
      if (this.#state === "open") this.handlers.onDrain?.();
    });
  }

  awaitOpening(onOpen: (transport: Transport, url: string) => void, timeoutMs: number | undefined): void {
    this.#onOpen = onOpen;
    if (timeoutMs !== undefined) this.#armDeadline(() => this.close(1002, "No opening in time"), timeoutMs);
  }

  get bufferedBytes(): number {
    return this.#sink.writableLength;
  }

  send(frame: Frame): boolean {
    if (this.#state !== "open") return true;
    const pieces = framePieces(frame);
    if (pieces.length > 1) this.#sink.cork();
    for (const piece of pieces) this.#sink.write(piece);
    if (pieces.length > 1) this.#sink.uncork();
    return this.#hasRoom();
  }

  cork(): void {
    if (this.#state === "open") this.#sink.cork();
  }

  uncork(): boolean {
    if (this.#state !== "open") return true;
    this.#sink.uncork();
    return this.#hasRoom();
  }

  pause(): void {
    this.#paused = true;
    if (this.#state === "open") this.#source.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#resuming) return;
    this.#resuming = true;
    this.#env.endOfTurn(() => {
      this.#resuming = false;
      // What had been read goes before what is still to be read.
      this.#deliver();
      if (!this.#paused) this.#source.resume();
    });
  }

  close(code = 1000, reason = ""): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#said = { code, reason };
    this.#sink.end(closeFrame(code, reason));
    // The answer is the end of the stream: what comes before it must be read, and is not told.
    this.#source.resume();
    this.#armDeadline(() => this.#end(gone), this.#closeTimeoutMs);
  }

  terminate(): void {
    if (this.#state === "over") return;
    this.#state = "closing";
    this.#said = gone;
    // Its `close` event ends the rest, in a later turn.
    this.#destroy();
  }

  #deliver(): void {
    while (!this.#paused && this.#state === "open") {
      const frame = this.#next();
      if (!frame) return;
      if (frame.kind === "message") {
        this.handlers.onFrame(frame.data);
      } else if (frame.kind === "close") {
        this.#end(frame);
      } else {
        this.#disarmDeadline();
        this.#onOpen?.(this, frame.url);
        this.#onOpen = undefined;
      }
    }
  }

  /** What breaks the framing closes the connection, for nothing after it can be read. */
  #next(): StreamFrame | undefined {
    try {
      return this.#reader.next();
    } catch (error) {
      const { code, message } = error as SyncError;
      this.close(code === "too-large" ? 1009 : 1002, message);
      return undefined;
    }
  }

  /** False only when a drain is sure to follow. */
  #hasRoom(): boolean {
    this.#blocked ||= this.#sink.writableLength > highWaterBytes && this.#sink.writableNeedDrain;
    return !this.#blocked;
  }

  #armDeadline(run: () => void, delayMs: number): void {
    this.#disarmDeadline();
    this.#deadline = this.#env.setTimer(run, delayMs);
  }

  #disarmDeadline(): void {
    if (this.#deadline !== undefined) this.#env.clearTimer(this.#deadline);
    this.#deadline = undefined;
  }

  #destroy(): void {
    this.#source.destroy();
    this.#sink.destroy();
  }

  #end({ code, reason }: Close): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#disarmDeadline();
    this.#destroy();
    this.handlers.onClose(code, reason);
  }
}
