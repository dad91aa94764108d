/**
 * A connection on trial: it counts as open with the server's first message, not when its socket opens, for some networks let a socket
 * open and nothing pass.
 *
 * Always: what came before its owner listens is told then, its end included; who gave it up hears nothing of it.
 * Rules: docs/protocol/long-poll.md FALL1, FALL2.
 */
import type { Env } from "../core/env.ts";
import type { Connector, ConnectorEvents, Format, Frame, Transport, TransportHandlers } from "./transport.ts";

/** A transport that keeps what it hears until `tell`. */
export class Candidate implements Transport {
  handlers!: TransportHandlers;
  /** Called when it is over, or is being closed. */
  onEnd = (): void => {};
  isOver = false;
  readonly #inner: Transport;
  #held: (() => void)[] | undefined = [];

  constructor(inner: Transport, onHeard: () => void) {
    this.#inner = inner;
    const say = (what: () => void): void => {
      if (!this.#held) return what();
      this.#held.push(what);
      onHeard();
    };
    inner.handlers = {
      onFrame: (data) => say(() => this.handlers.onFrame(data)),
      onDrain: () => say(() => this.handlers.onDrain?.()),
      onClose: (code, reason) => {
        this.#end();
        say(() => this.handlers.onClose(code, reason));
      },
    };
  }

  /** Its owner has set its handlers. */
  tell(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const say of held) say();
  }

  get name(): string {
    return this.#inner.name;
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes;
  }

  get polled(): boolean {
    return this.#inner.polled === true;
  }

  get protocol(): string {
    return this.#inner.protocol ?? "";
  }

  send(frame: Frame): boolean {
    return this.#inner.send(frame);
  }

  cork(): void {
    this.#inner.cork();
  }

  uncork(): boolean {
    return this.#inner.uncork();
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  close(code?: number, reason?: string): void {
    this.#end();
    this.#inner.close(code, reason);
  }

  terminate(): void {
    this.#end();
    this.#inner.terminate();
  }

  #end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.onEnd();
  }
}

export interface Trial {
  /** Leaves nothing open; afterwards it does nothing. */
  cancel(): void;
}

/** Opens a connection and waits for its first message. `done` is told once, with the candidate or why there is none. */
export function tryConnector(
  { env, handshakeMs }: { readonly env: Env; readonly handshakeMs: number },
  connector: Connector,
  url: string,
  { protocols = [] }: ConnectorEvents,
  format: Format | undefined,
  done: (found: Candidate | undefined, reason: string) => void,
): Trial {
  let candidate: Candidate | undefined;
  let isSettled = false;
  const settle = (found?: Candidate): boolean => {
    if (isSettled) return false;
    isSettled = true;
    env.clearTimer(timer);
    if (found) return true;
    if (candidate) candidate.terminate();
    else opening.cancel();
    return true;
  };
  const fail = (reason: string): void => {
    if (settle()) done(undefined, `${connector.name}: ${reason}`);
  };
  const timer = env.setTimer(() => fail(`no handshake within ${handshakeMs} ms`), handshakeMs);
  const events: ConnectorEvents = {
    protocols,
    onFail: fail,
    onOpen(transport) {
      const opened = new Candidate(transport, () => {
        if (opened.isOver) fail("closed before the handshake");
        else if (settle(opened)) done(opened, "");
      });
      candidate = opened;
    },
  };
  const opening = connector.open(url, events, format);
  return { cancel: () => void settle() };
}
