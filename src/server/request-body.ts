/**
 * The body of a request, read as far as it is asked for.
 *
 * Always: beyond what was asked for, no more is read than what came along with it; between two readings the sender waits; all of it comes in
 * its time or not at all.
 * Rules: docs/protocol/ajax.md AJAX16, AJAX18.
 */
import type { IncomingMessage } from "node:http";
import type { Env } from "../core/env.ts";
import type { Refusal } from "./request.ts";

export class RequestBody {
  /** There is no more of it. */
  isWhole = false;
  readonly #request: IncomingMessage;
  readonly #env: Env;
  readonly #untilMs: number;
  readonly #pieces: Buffer[] = [];
  #length = 0;

  constructor(request: IncomingMessage, env: Env, timeoutMs: number) {
    this.#request = request;
    this.#env = env;
    this.#untilMs = env.monotonicMs() + timeoutMs;
  }

  get length(): number {
    return this.#length;
  }

  /** What was read so far. */
  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  /** Reads on until it is whole, or longer than that; or says why that cannot be. */
  read(length: number): Promise<Refusal | undefined> {
    const request = this.#request;
    if (request.readableEnded && !this.isWhole) {
      this.#take(parsedBody((request as { body?: unknown }).body));
      this.isWhole = true;
    }
    if (this.isWhole || this.#length > length) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const onData = (piece: Buffer): void => {
        this.#take(piece);
        if (this.#length > length) end();
      };
      const onEnd = (): void => {
        this.isWhole = true;
        end();
      };
      const onBroken = (): void => end({ status: 400, body: "The body broke off" });
      const late = (): void => end({ status: 408, body: "The body took too long" });
      const timer = this.#env.setTimer(late, Math.max(0, this.#untilMs - this.#env.monotonicMs()));
      const end = (refusal?: Refusal): void => {
        this.#env.clearTimer(timer);
        request.pause().off("data", onData).off("end", onEnd).off("close", onBroken);
        resolve(refusal);
      };
      request.on("data", onData).on("end", onEnd).on("close", onBroken).resume();
    });
  }

  #take(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }
}

/** A body that a framework's middleware has read before us: bytes, text, or the fields of a form. */
function parsedBody(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === "string" ? body : new URLSearchParams(body as Record<string, string>).toString());
}
