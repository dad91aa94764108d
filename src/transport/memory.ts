/**
 * Two linked transports in one process: for tests, and for a client and a server that share it.
 *
 * Always: what one end sends in a turn the other gets at its end, in order, never within the call;
 * what waits at a paused end counts against the sender's buffer.
 * Rules: docs/protocol/transports.md TRANSPORT1-TRANSPORT10.
 */
import { type Env, realEnv } from "../core/env.ts";
import type { Connector, Frame, Transport, TransportHandlers } from "./transport.ts";

const highWaterBytes = 65_536;

/** Two ends of one connection. */
export function memoryPair(env: Env = realEnv): [Transport, Transport] {
  const one = new MemoryTransport(env);
  const other = new MemoryTransport(env);
  one.peer = other;
  other.peer = one;
  return [one, other];
}

/** Opens connections to `accept`, which is called with the server's end and the url just before the client's `onOpen`. */
export function memoryConnector(accept: (transport: Transport, url: string) => void, env: Env = realEnv): Connector {
  return {
    name: "memory",
    open(url, { onOpen }) {
      let cancelled = false;
      env.endOfTurn(() => {
        if (cancelled) return;
        const [client, server] = memoryPair(env);
        accept(server, url);
        onOpen(client);
      });
      return {
        cancel() {
          cancelled = true;
        },
      };
    },
  };
}

/** What a receiver is given for a frame: text as a string, bytes as a copy, for they are the receiver's to keep. */
export function receivedData({ data, text }: Frame): string | Uint8Array {
  if (typeof data === "string") return data;
  return text ? new TextDecoder().decode(data) : new Uint8Array(data);
}

interface Close {
  readonly code: number;
  readonly reason: string;
}

class MemoryTransport implements Transport {
  readonly name = "memory";
  handlers!: TransportHandlers;
  peer!: MemoryTransport;
  private readonly env: Env;
  private inbox: (Frame | Close)[] = [];
  private inboxBytes = 0;
  private scheduled = false;
  private paused = false;
  private blocked = false;
  private state: "open" | "closing" | "over" = "open";

  constructor(env: Env) {
    this.env = env;
  }

  get bufferedBytes(): number {
    return this.peer.inboxBytes;
  }

  send(frame: Frame): boolean {
    if (this.state !== "open") return true;
    this.peer.put(frame, frame.data.length);
    this.blocked ||= this.bufferedBytes > highWaterBytes;
    return !this.blocked;
  }

  cork(): void {}

  uncork(): boolean {
    return !this.blocked;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.schedule();
  }

  close(code = 1000, reason = ""): void {
    if (this.state !== "open") return;
    this.state = "closing";
    this.peer.put({ code, reason }, 0);
    this.end({ code, reason });
  }

  terminate(): void {
    if (this.state === "over") return;
    this.state = "closing";
    this.peer.inbox = [];
    this.peer.inboxBytes = 0;
    for (const side of [this, this.peer]) side.end({ code: 1006, reason: "" });
  }

  private put(item: Frame | Close, bytes: number): void {
    this.inbox.push(item);
    this.inboxBytes += bytes;
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.env.endOfTurn(() => {
      this.scheduled = false;
      this.deliver();
    });
  }

  private deliver(): void {
    // What a handler sends back meanwhile waits for the next turn: only what is here now is taken.
    for (let count = this.inbox.length; count > 0 && !this.paused && this.inbox.length > 0; count--) {
      const item = this.inbox.shift() as Frame | Close;
      if ("code" in item) {
        this.finish(item);
      } else {
        this.inboxBytes -= item.data.length;
        if (this.state === "open") this.handlers.onFrame(receivedData(item));
      }
    }
    if (this.inbox.length === 0) this.peer.drained();
    else if (!this.paused) this.schedule();
  }

  private drained(): void {
    if (!this.blocked) return;
    this.blocked = false;
    if (this.state === "open") this.handlers.onDrain?.();
  }

  private end(close: Close): void {
    this.env.endOfTurn(() => this.finish(close));
  }

  private finish({ code, reason }: Close): void {
    if (this.state === "over") return;
    this.state = "over";
    this.handlers.onClose(code, reason);
  }
}
