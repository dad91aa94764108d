/**
 * The HTTP side: which upgrades become connections, and what the others are answered.
 *
 * Always: every refused upgrade is answered with a status and a line of text, and counted; nothing of a request is
 * believed before `authenticate` said who it is.
 * Rules: docs/protocol.md DOOR1-DOOR9.
 */
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Env } from "../core/env.ts";
import type { User } from "../core/register.ts";
import type { Transport } from "../transport/transport.ts";
import { createWebSocketAcceptor } from "../transport/websocket-server.ts";
import type { Counters } from "./core.ts";
import type { ServerLimits } from "./limits.ts";

export interface AttachOptions {
  /** Default "/chsk". */
  readonly path?: string;
}

export type Refusal = { readonly status: number; readonly body: string };

/** What the doors need of the server. */
export interface Door {
  readonly env: Env;
  readonly limits: ServerLimits;
  readonly origins: readonly string[] | "all";
  readonly counters: Counters;
  report(error: unknown, where: string): void;
  /** Who it is, or why not. */
  admit(request: IncomingMessage | undefined, url: URL): Promise<{ readonly user: User } | Refusal>;
  /** Why no more fit, if so: on the whole, or of that user. */
  full(user?: User): Refusal | undefined;
  enter(transport: Transport, url: URL, user: User): void;
}

export interface Doors {
  /** Who it is, or why not; never rejects. Whether one more fits is to be asked again, just before it enters. */
  admit(request: IncomingMessage | undefined, url: URL): Promise<{ readonly user: User } | Refusal>;
  listen(port: number, options?: AttachOptions & { readonly host?: string }): Promise<number>;
  attach(server: HttpServer, options?: AttachOptions): () => void;
  close(): Promise<void>;
}

const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** True where a browser may speak for its user: no origin (not a browser), the same one, a listed one, or loopback to loopback. */
export function originAllowed(origin: string | undefined, host: string | undefined, allowed: readonly string[] | "all"): boolean {
  if (origin === undefined || allowed === "all" || allowed.includes(origin)) return true;
  try {
    const from = new URL(origin);
    if (from.host === host) return true;
    return host !== undefined && loopback.test(from.hostname) && loopback.test(new URL(`http://${host}`).hostname);
  } catch {
    return false;
  }
}

export function createDoors(door: Door): Doors {
  const acceptor = createWebSocketAcceptor({ maxFrameBytes: door.limits.maxFrameBytes });
  const detach = new Set<() => void>();
  const owned = new Set<HttpServer>();

  const refuse = (socket: Duplex, { status, body }: Refusal): void => {
    door.counters.refused++;
    const retry = status === 503 ? "retry-after: 5\r\n" : "";
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${retry}content-type: text/plain; charset=utf-8\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  };

  const admit: Doors["admit"] = async (request, url) => {
    const full = door.full();
    if (full) return full;
    try {
      return await door.admit(request, url);
    } catch (error) {
      door.report(error, "authenticate");
      return { status: 500, body: "authenticate failed" };
    }
  };

  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer, url: URL): Promise<void> => {
    // Without a listener, a reset while we wait would end the process.
    const ignore = (): void => {};
    socket.on("error", ignore);
    const refusal = refusalOf(request, url, door.origins);
    if (refusal) return refuse(socket, refusal);
    let late = false;
    const timer = door.env.setTimer(() => {
      late = true;
      refuse(socket, { status: 408, body: "authenticate took too long" });
    }, door.limits.handshakeMs);
    const admitted = await admit(request, url);
    if (late) return;
    door.env.clearTimer(timer);
    if ("status" in admitted) return refuse(socket, admitted);
    const { user } = admitted;
    const full = door.full(user);
    if (full) return refuse(socket, full);
    socket.off("error", ignore);
    acceptor.accept(request, socket, head, (transport) => door.enter(transport, url, user));
  };

  const attach = (server: HttpServer, { path = "/chsk" }: AttachOptions = {}): (() => void) => {
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      const url = urlOf(request);
      // Another path is somebody else's; where nobody else listens it must still be answered.
      if (url?.pathname === path) void upgrade(request, socket, head, url);
      else if (server.listenerCount("upgrade") === 1)
        refuse(socket, { status: url ? 404 : 400, body: url ? "Not found" : "Bad request" });
    };
    server.on("upgrade", onUpgrade);
    const stop = (): void => {
      server.off("upgrade", onUpgrade);
      detach.delete(stop);
    };
    detach.add(stop);
    return stop;
  };

  return {
    admit,
    attach,
    async listen(port, { host, ...options } = {}) {
      const { handshakeMs } = door.limits;
      const timeouts = {
        headersTimeout: handshakeMs,
        requestTimeout: 2 * handshakeMs,
        connectionsCheckingInterval: Math.min(1000, handshakeMs / 2),
      };
      const server = createHttpServer({ maxHeaderSize: 16 * 1024, ...timeouts }, (_request, response) => {
        response.writeHead(426, { "content-type": "text/plain", connection: "close" }).end("This port speaks WebSocket.");
      });
      server.maxHeadersCount = 100;
      attach(server, options);
      owned.add(server);
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => {
          server.off("error", reject);
          resolve();
        });
      });
      return (server.address() as AddressInfo).port;
    },
    async close() {
      for (const stop of [...detach]) stop();
      await Promise.all([...owned].map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
      owned.clear();
    },
  };
}

function urlOf(request: IncomingMessage): URL | undefined {
  try {
    return new URL(request.url ?? "/", "ws://localhost");
  } catch {
    return undefined;
  }
}

/** The refusals that need nobody's word, in Sente's order. */
function refusalOf(request: IncomingMessage, url: URL, origins: readonly string[] | "all"): Refusal | undefined {
  if (!url.searchParams.get("client-id")) return { status: 400, body: "The parameter client-id is missing" };
  if (!originAllowed(request.headers.origin, request.headers.host, origins)) return { status: 403, body: "Unauthorized origin" };
  return undefined;
}
