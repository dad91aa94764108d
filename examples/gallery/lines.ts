/**
 * The wires between browsers and sync servers, so that a page's buttons can cut, slow and refuse them. Each example's
 * server is attached to an HTTP server that listens to nobody; upgrades reach it through here.
 *
 * Always: what is cut is the socket itself, without a close frame; a wire never reorders what it delays.
 */
import { createServer, type Server as HttpServer, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";

export interface Lines {
  /** What `sync.attach` is given for that example. */
  door(example: string): HttpServer;
  /** Takes an upgrade of the gallery's own server to the example that its path names. */
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void;
  cut(clientId: string): void;
  /** Cuts, and lets nothing of that client through for so long. */
  refuse(clientId: string, durationMs: number): void;
  /** Each way, from now on. */
  delay(clientId: string, delayMs: number): void;
}

const maxRemembered = 1000;

export function createLines(): Lines {
  const doors = new Map<string, HttpServer>();
  const wires = new Map<string, Set<Wire>>();
  const refusedUntilMs = new Map<string, number>();
  const delays = new Map<string, number>();
  const remember = (map: Map<string, number>, key: string, value: number): void => {
    map.delete(key);
    map.set(key, value);
    if (map.size > maxRemembered) map.delete(map.keys().next().value as string);
  };
  const cut = (clientId: string): void => {
    for (const wire of wires.get(clientId) ?? []) wire.cut();
  };

  return {
    door(example) {
      const door = doors.get(example) ?? createServer();
      doors.set(example, door);
      return door;
    },
    upgrade(request, socket, head) {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
      const clientId = searchParams.get("client-id") ?? "";
      const door = doors.get(pathname.split("/")[1] ?? "");
      if (!door?.listenerCount("upgrade") || performance.now() < (refusedUntilMs.get(clientId) ?? 0))
        return void socket.destroy();
      const wire = new Wire(socket, delays.get(clientId) ?? 0);
      const mine = wires.get(clientId) ?? new Set();
      wires.set(clientId, mine.add(wire));
      wire.once("close", () => {
        mine.delete(wire);
        if (!mine.size && wires.get(clientId) === mine) wires.delete(clientId);
      });
      door.emit("upgrade", request, wire, head);
    },
    cut,
    refuse(clientId, durationMs) {
      remember(refusedUntilMs, clientId, performance.now() + durationMs);
      cut(clientId);
    },
    delay(clientId, delayMs) {
      remember(delays, clientId, delayMs);
      for (const wire of wires.get(clientId) ?? []) wire.delayMs = delayMs;
    },
  };
}

/** A socket whose chunks take their time. */
class Wire extends Duplex {
  delayMs: number;
  readonly #socket: Socket;
  readonly #dueMs = { in: 0, out: 0 };

  constructor(socket: Socket, delayMs: number) {
    super();
    this.#socket = socket;
    this.delayMs = delayMs;
    socket.on("data", (chunk) => this.#later("in", () => this.push(chunk) || socket.pause()));
    socket.on("end", () => this.#later("in", () => this.push(null)));
    socket.on("error", () => this.destroy());
    socket.on("close", () => this.destroy());
  }

  cut(): void {
    this.#socket.resetAndDestroy();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#later("out", () => this.#socket.write(chunk));
    done();
  }

  override _final(done: () => void): void {
    this.#later("out", () => this.#socket.end());
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #later(direction: "in" | "out", run: () => void): void {
    const nowMs = performance.now();
    const dueMs = Math.max(nowMs + this.delayMs, this.#dueMs[direction]);
    this.#dueMs[direction] = dueMs;
    if (dueMs <= nowMs) return run();
    setTimeout(() => this.destroyed || run(), dueMs - nowMs);
  }
}
