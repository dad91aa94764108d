/**
 * One connection over a message port; message-port.ts has its beginning and the form of the messages.
 *
 * Always: the sender's buffer is what the other side has not handed on; what waits at a paused end is bounded.
 * Rules: docs/protocol/streams.md PORT1, PORT3-PORT7.
 */
import { type Env, realEnv } from "../core/env.ts";
import { Ring } from "../tail/ring.ts";
import type { Frame, Transport, TransportHandlers } from "./transport.ts";

type Listen = (event: string, run: (detail: unknown) => void) => unknown;

/** What is used of MessagePort, Worker, `self` of a worker, and Node's `parentPort`. */
export interface PortLike {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  readonly addEventListener?: Listen;
  readonly removeEventListener?: Listen;
  readonly on?: Listen;
  readonly off?: Listen;
  start?(): void;
  close?(): void;
}

export interface PortOptions {
  /** A larger message closes the connection with 1009. Default 1 Mi for who accepts, 64 Mi for who connects. */
  readonly maxFrameBytes?: number;
  /** What may wait at a paused end; beyond it the connection closes with 1008. Default 64 Mi. */
  readonly maxWaitingBytes?: number;
  readonly env?: Env;
}

const highWaterBytes = 65_536;
/** What keeping a message costs beside its size, so that empty ones are bounded, too. */
const itemBytes = 64;

export interface Close {
  readonly code: number;
  readonly reason: string;
}

export const gone: Close = { code: 1006, reason: "" };

export class PortTransport implements Transport {
  readonly name = "message-port";
  /** Before the owner sets its own, there is nobody to tell. */
  handlers: TransportHandlers = { onFrame() {}, onClose() {} };
  readonly #port: PortLike;
  readonly #env: Env;
  readonly #maxFrameBytes: number;
  readonly #maxWaitingBytes: number;
  readonly #onOver: () => void;
  #state: "open" | "closing" | "over" = "open";
  /** Sent, and not yet handed on by the other side. */
  #unacked = 0;
  #blocked = false;
  #inbox = new Ring<string | Uint8Array | Close>(0);
  #inboxBytes = 0;
  #paused = false;
  #resuming = false;
  /** Handed on here, and not yet told the other side. */
  #owed = 0;

  constructor(port: PortLike, options: PortOptions & { readonly maxFrameBytes: number }, onOver: () => void) {
    this.#port = port;
    this.#env = options.env ?? realEnv;
    this.#maxFrameBytes = options.maxFrameBytes;
    this.#maxWaitingBytes = options.maxWaitingBytes ?? 1 << 26;
    this.#onOver = onOver;
  }

  get bufferedBytes(): number {
    return this.#unacked;
  }

  send(frame: Frame): boolean {
    if (this.#state !== "open") return true;
    const message = messageOf(frame);
    this.#unacked += message.length;
    // Our own copy, so that nobody misses what is transferred; a clone would carry all of a larger buffer.
    this.#port.postMessage(message, typeof message === "string" ? [] : [message.buffer]);
    this.#blocked ||= this.#unacked > highWaterBytes;
    return !this.#blocked;
  }

  cork(): void {}

  uncork(): boolean {
    return this.#state !== "open" || !this.#blocked;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.#resuming) return;
    this.#resuming = true;
    this.#env.endOfTurn(() => {
      this.#resuming = false;
      this.#deliver();
    });
  }

  close(code = 1000, reason = ""): void {
    if (this.#state !== "open") return;
    this.#port.postMessage(["close", code, reason], []);
    this.#leave({ code, reason });
  }

  terminate(): void {
    if (this.#state === "over") return;
    if (this.#state === "open") this.#port.postMessage(["drop"], []);
    this.#leave(gone);
  }

  receive(message: unknown): void {
    if (this.#state !== "open") return;
    if (typeof message === "string") return this.#put(message);
    if (ArrayBuffer.isView(message)) return this.#put(new Uint8Array(message.buffer, message.byteOffset, message.byteLength));
    const [kind, first, second] = (Array.isArray(message) ? message : []) as unknown[];
    if (kind === "ack" && isSize(first, this.#unacked)) return this.#acknowledged(first);
    if (kind === "close" && isCode(first) && typeof second === "string") return this.#put({ code: first, reason: second });
    if (kind === "drop") return this.end(gone);
    this.close(1002, "A message of no known kind");
  }

  /** The other side is not there any more; what it had sent still counts. */
  vanish(): void {
    if (this.#state === "open") this.#put(gone);
  }

  end({ code, reason }: Close): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#inbox.clear();
    this.#onOver();
    this.handlers.onClose(code, reason);
  }

  /** This side has said its last word. */
  #leave(close: Close): void {
    this.#state = "closing";
    this.#inbox.clear();
    this.#env.endOfTurn(() => this.end(close));
  }

  #put(item: string | Uint8Array | Close): void {
    const bytes = isClose(item) ? 0 : item.length;
    this.#inbox.push(item);
    this.#inboxBytes += bytes + itemBytes;
    if (bytes > this.#maxFrameBytes) this.close(1009, `Over ${this.#maxFrameBytes} bytes`);
    else if (this.#inboxBytes > this.#maxWaitingBytes) this.close(1008, "Too much waits");
    // What waits for the end of the turn goes first.
    else if (!this.#resuming) this.#deliver();
  }

  #deliver(): void {
    while (!this.#paused && this.#state === "open") {
      if (this.#inbox.length === 0) return;
      const item = this.#inbox.shift();
      if (isClose(item)) return this.end(item);
      this.#inboxBytes -= item.length + itemBytes;
      this.#owe(item.length);
      this.handlers.onFrame(item);
    }
  }

  #owe(bytes: number): void {
    if (this.#owed === 0 && bytes > 0) {
      this.#env.endOfTurn(() => {
        if (this.#state === "open") this.#port.postMessage(["ack", this.#owed], []);
        this.#owed = 0;
      });
    }
    this.#owed += bytes;
  }

  #acknowledged(bytes: number): void {
    this.#unacked -= bytes;
    if (!this.#blocked || this.#unacked > 0) return;
    this.#blocked = false;
    this.handlers.onDrain?.();
  }
}

function messageOf({ data, text }: Frame): string | Uint8Array<ArrayBuffer> {
  if (typeof data === "string") return data;
  return text ? new TextDecoder().decode(data) : new Uint8Array(data);
}

function isClose(item: string | Uint8Array | Close): item is Close {
  return typeof item === "object" && "code" in item;
}

function isSize(value: unknown, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

function isCode(value: unknown): value is number {
  return isSize(value, 4999) && value >= 1000;
}
