/**
 * A transport whose frames are sealed on their way out and opened on their way in: compression, encryption.
 *
 * Always: a transport like any other, whatever time the seal takes; a seal that takes none costs no turn. A frame that
 * cannot be opened ends the connection, and nothing that came after it is told.
 * Rules: docs/protocol/seals.md SEAL1-SEAL10; docs/protocol/transports.md TRANSPORT1-TRANSPORT10.
 */
import { type Env, realEnv, type Timer } from "../core/env.ts";
import { isSyncError, SyncError } from "../core/errors.ts";
import type { Frame, Transport, TransportHandlers } from "../transport/transport.ts";
import { chain, type Packer, type Seal } from "../wire/packer.ts";
import { encodeUtf8 } from "../wire/utf8.ts";
import { InOrder } from "./in-order.ts";

export interface SealOptions {
  readonly env?: Env;
  /** How long a close waits for frames that are still being sealed or opened. Default 2 000. */
  readonly closeTimeoutMs?: number;
  /** What a frame may hold when it is opened. Default: as the seal has it. */
  readonly maxFrameBytes?: number;
  /** A frame could not be opened: why the connection closes. */
  readonly onBroken?: ((error: unknown) => void) | undefined;
}

const highWaterBytes = 65_536;
const malformedCode = 4007;
const tooLargeCode = 1009;

/** `inner`, its frames sealed by `seal` besides what `inner` does with them: a packer of one's own making. */
export function sealed(name: string, inner: Packer, seal: Seal): Packer {
  const both = inner.seal ? around(inner.seal, seal) : seal;
  return {
    ...inner,
    name: `${name}+${inner.name}`,
    seal: both,
    over: (transport, onBroken) => sealTransport(transport, both, { onBroken }),
  };
}

/** `first` done, then `seal`; for near peers what either has for them. */
function around(first: Seal, seal: Seal): Seal {
  const both: Seal = {
    shared: seal.shared && first.shared,
    close: (payload) => chain(first.close(payload), (bytes) => seal.close(bytes)),
    open: (bytes, maxBytes) => chain(seal.open(bytes, maxBytes), (payload) => first.open(payload, maxBytes)),
  };
  const { near = seal.near } = first;
  if (!near) return both;
  return { ...both, near: { belowMs: near.belowMs, seal: around(first.near?.seal ?? first, seal.near?.seal ?? seal) } };
}

/** `transport` with `seal` on all its frames. What arrives is told as bytes, whatever was sent. */
export function sealTransport(transport: Transport, seal: Seal, options: SealOptions = {}): Transport {
  return new SealedTransport(transport, seal, options);
}

/** Sealed frames by seal and frame: one that goes to many is sealed once, and framed for the network once. */
const sharedFrames = new WeakMap<Seal, WeakMap<Frame, Frame | Promise<Frame>>>();

function sealFrame(seal: Seal, frame: Frame): Frame | Promise<Frame> {
  const { data } = frame;
  const close = (): Frame | Promise<Frame> =>
    chain(seal.close(typeof data === "string" ? encodeUtf8(data) : data), (bytes): Frame => ({ data: bytes, text: false }));
  if (!seal.shared) return close();
  let frames = sharedFrames.get(seal);
  if (!frames) sharedFrames.set(seal, (frames = new WeakMap()));
  let sealed = frames.get(frame);
  if (!sealed) frames.set(frame, (sealed = close()));
  return sealed;
}

interface Close {
  readonly code: number;
  readonly reason: string;
}

class SealedTransport implements Transport {
  handlers!: TransportHandlers;
  readonly #inner: Transport;
  readonly #seal: Seal;
  /** The one that closes: of a near peer another. */
  #closing: Seal;
  readonly #env: Env;
  readonly #closeTimeoutMs: number;
  readonly #maxFrameBytes: number | undefined;
  readonly #outgoing: InOrder<Frame>;
  readonly #incoming: InOrder<Uint8Array>;
  #state: "open" | "closing" | "over" = "open";
  /** The close that goes out after what is still being sealed. */
  #pendingClose: Close | undefined;
  /** What `onClose` will say, after what is still being opened. */
  #innerClose: Close | undefined;
  #deadline: Timer | undefined;
  #innerFull = false;
  /** `send` returned false, and `onDrain` is to follow. */
  #blocked = false;
  #paused = false;
  /** Too much waits to be opened. */
  #throttled = false;

  constructor(inner: Transport, seal: Seal, { env = realEnv, closeTimeoutMs = 2000, maxFrameBytes, onBroken }: SealOptions) {
    this.#inner = inner;
    this.#seal = this.#closing = seal;
    this.#env = env;
    this.#closeTimeoutMs = closeTimeoutMs;
    this.#maxFrameBytes = maxFrameBytes;
    this.#outgoing = new InOrder({
      deliver: (frame) => this.#sendOn(frame),
      // A frame that is missing must not go unnoticed.
      fail: () => this.terminate(),
      moved: () => this.#outgoingMoved(),
    });
    this.#incoming = new InOrder<Uint8Array>({
      deliver: (payload) => this.handlers.onFrame(payload),
      fail: (error) => {
        onBroken?.(error);
        const isTooLarge = isSyncError(error, "too-large");
        this.close(isTooLarge ? tooLargeCode : malformedCode, isTooLarge ? "too large" : "malformed");
      },
      moved: () => this.#incomingMoved(),
    });
    inner.handlers = {
      onFrame: (data) => this.#receive(data),
      onDrain: () => this.#innerDrained(),
      onClose: (code, reason) => this.#innerClosed({ code, reason }),
    };
  }

  get name(): string {
    return this.#inner.name;
  }

  get bufferedBytes(): number {
    return this.#outgoing.waitingBytes + this.#inner.bufferedBytes;
  }

  send(frame: Frame): boolean {
    if (this.#isEnded) return true;
    this.#outgoing.add(() => sealFrame(this.#closing, frame), frame.data.length);
    return this.#hasRoom();
  }

  /** What is being closed already stays as it is, and in its place. */
  measured(roundTripMs: number): void {
    const { near } = this.#seal;
    this.#closing = near && roundTripMs < near.belowMs ? near.seal : this.#seal;
  }

  cork(): void {
    this.#inner.cork();
  }

  uncork(): boolean {
    if (!this.#inner.uncork()) this.#innerFull = true;
    return this.#hasRoom();
  }

  pause(): void {
    this.#paused = true;
    this.#incoming.hold();
    this.#inner.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#throttled) this.#inner.resume();
    this.#env.endOfTurn(() => {
      if (!this.#paused) this.#incoming.release();
    });
  }

  close(code = 1000, reason = ""): void {
    if (this.#state !== "open") return;
    this.#silence();
    if (this.#innerClose) this.#env.endOfTurn(() => this.#finish());
    else if (this.#outgoing.isEmpty) this.#inner.close(code, reason);
    else {
      this.#pendingClose = { code, reason };
      this.#startDeadline(() => this.terminate());
    }
  }

  terminate(): void {
    if (this.#state === "over") return;
    this.#silence();
    this.#outgoing.clear();
    this.#pendingClose = undefined;
    if (this.#innerClose) this.#env.endOfTurn(() => this.#finish());
    else this.#inner.terminate();
  }

  /** True once nothing can be sent any more. */
  get #isEnded(): boolean {
    return this.#state !== "open" || this.#innerClose !== undefined;
  }

  #hasRoom(): boolean {
    if (this.#isEnded) return true;
    // What waits here will move, and then `onDrain` is told; of its own buffer the inner transport says it itself.
    const full = this.#innerFull || (!this.#outgoing.isEmpty && this.bufferedBytes > highWaterBytes);
    this.#blocked ||= full;
    return !this.#blocked;
  }

  #sendOn(frame: Frame): void {
    if (!this.#inner.send(frame)) this.#innerFull = true;
  }

  #outgoingMoved(): void {
    if (!this.#outgoing.isEmpty) return;
    const close = this.#pendingClose;
    if (!close) return this.#drained();
    this.#pendingClose = undefined;
    this.#stopDeadline();
    this.#inner.close(close.code, close.reason);
  }

  #innerDrained(): void {
    this.#innerFull = false;
    this.#drained();
  }

  #drained(): void {
    if (!this.#blocked || this.#innerFull || !this.#outgoing.isEmpty || this.#isEnded) return;
    this.#blocked = false;
    this.handlers.onDrain?.();
  }

  #receive(data: string | Uint8Array): void {
    if (this.#isEnded) return;
    this.#incoming.add(() => {
      if (typeof data === "string") throw new SyncError("malformed", "A text frame, where all are sealed.");
      return this.#seal.open(data, this.#maxFrameBytes);
    }, data.length);
    this.#throttle();
  }

  #incomingMoved(): void {
    this.#throttle();
    if (this.#innerClose && this.#incoming.isEmpty) this.#finish();
  }

  /** Stops the inner transport while too much waits to be opened. */
  #throttle(): void {
    const full = this.#incoming.waitingBytes > highWaterBytes;
    if (full === this.#throttled) return;
    this.#throttled = full;
    if (full) this.#inner.pause();
    else if (!this.#paused) this.#inner.resume();
  }

  /** From now on nothing more is told but the close. */
  #silence(): void {
    this.#state = "closing";
    this.#incoming.clear();
    // A transport that reads nothing would not see the other side's answer to the close.
    this.#throttle();
  }

  #innerClosed(close: Close): void {
    this.#innerClose = close;
    this.#outgoing.clear();
    this.#stopDeadline();
    if (this.#incoming.isEmpty) this.#finish();
    else this.#startDeadline(() => this.#finish());
  }

  #finish(): void {
    if (this.#state === "over" || !this.#innerClose) return;
    this.#state = "over";
    this.#stopDeadline();
    this.#incoming.clear();
    this.handlers.onClose(this.#innerClose.code, this.#innerClose.reason);
  }

  #startDeadline(run: () => void): void {
    this.#deadline = this.#env.setTimer(run, this.#closeTimeoutMs);
  }

  #stopDeadline(): void {
    if (this.#deadline !== undefined) this.#env.clearTimer(this.#deadline);
    this.#deadline = undefined;
  }
}
