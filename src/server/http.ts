/**
 * The HTTP side: which upgrades become connections, which requests are polls and posts, and what the others are answered.
 *
 * Always: every refused request is answered with a status and a line of text, and counted; nothing of a request is
 * believed before `authenticate` said who it is.
 * Rules: docs/protocol.md DOOR1-DOOR12; docs/protocol/ajax.md AJAX2; docs/protocol/auth.md AUTH1, AUTH3, AUTH5.
 */
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Env } from "../core/env.ts";
import type { User } from "../core/register.ts";
import { createWebSocketAcceptor, type WebSocketAcceptor } from "../transport/websocket-server.ts";
import type { DeflateOptions } from "../transport/ws-global.ts";
import { type AjaxDoor, createAjax } from "./ajax.ts";
import type { Admission, Bridge } from "./bridge.ts";
import { claim } from "./claims.ts";
import { closeCodeOf, closeText, expired, type Identity, isExpired, isOurs, nobody, refusalOf, saysLater } from "./identity.ts";
import { writePortFile } from "./port-file.ts";
import { checkRequest, type Refusal, type RequestContext, urlOf } from "./request.ts";

export interface AttachOptions {
  /** Default "/chsk". */
  readonly path?: string;
  /** Agrees to permessage-deflate with WebSocket clients that offer it. Default false. */
  readonly deflate?: boolean | DeflateOptions;
}

export interface ListenOptions extends AttachOptions {
  /** Default: every address of the machine. */
  readonly host?: string;
  /** A file that says where the server listens, while it does. */
  readonly portFile?: string;
}

/** The last word on a request: `refusal` is what the checks said, `user` who it is if they passed. What it answers is sent instead. */
export type Reject = (
  context: RequestContext & { readonly refusal?: Refusal; readonly user?: User },
) => Refusal | undefined | Promise<Refusal | undefined>;

/** What the doors need of the server. */
export interface Door extends Omit<AjaxDoor, "admit" | "check"> {
  readonly reject: Reject | undefined;
  /** False: no long polling. */
  readonly polling: boolean;
  /** Paths that speak another protocol. */
  readonly bridges: ReadonlyMap<string, Bridge>;
  /** Subprotocols that clients may ask for. */
  readonly protocols: ReadonlySet<string>;
  /** Who it is, or null. `token`: what it said itself, in its hello or later. */
  authenticate(request: IncomingMessage | undefined, url: URL, token: string | undefined): Promise<Identity | null>;
  /** Who it is may be said with hello: there is somebody to ask. */
  readonly asksLater: boolean;
}

/** For Express and its kin: answers what is the server's, and calls `next` for the rest. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse, next?: () => void) => void;

export interface Doors {
  /** Who it is, or why not; never rejects. Whether one more fits is to be asked again, just before it enters. */
  admit(request: IncomingMessage | undefined, url: URL): Promise<Identity | Refusal>;
  listen(port: number, options?: ListenOptions): Promise<number>;
  attach(server: HttpServer, options?: AttachOptions): () => void;
  readonly handler: RequestHandler;
  close(): Promise<void>;
}

/** Subprotocols are named after the packer that they stand for. */
export const protocolPrefix = "sente-sync.";

/** What is still being answered when the server closes may take so long. */
const closeTimeoutMs = 500;

export function createDoors(door: Door): Doors {
  const detach = new Set<() => void>();
  const owned = new Set<HttpServer>();
  const portFiles = new Set<() => void>();

  const refuse = (socket: Duplex, { status, body, headers }: Refusal): void => {
    door.counters.refused++;
    const lines = Object.entries({ ...(status === 503 && { "retry-after": "5" }), ...headers });
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}` +
        `content-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  };

  const authenticate = async (request: IncomingMessage | undefined, url: URL, token?: string): Promise<Identity | Refusal> => {
    try {
      const identity = await door.authenticate(request, url, token);
      if (!identity) return { status: 401, body: "Unauthorized request", reason: "unauthorized" };
      return isExpired(identity, door.env) ? expired : identity;
    } catch (error) {
      const refusal = refusalOf(error);
      if (!refusal) door.report(error, "authenticate");
      return refusal ?? { status: 500, body: "authenticate failed", reason: "failed" };
    }
  };

  const identify: Doors["admit"] = async (request, url) => {
    if (!door.asksLater || !saysLater(url)) return authenticate(request, url);
    const prove = (token: string | undefined): Promise<Identity | Refusal> =>
      judge(request && { request, url }, () => authenticate(request, url, token));
    return { user: nobody, isAwaited: true, prove };
  };

  const admit: Doors["admit"] = async (request, url) => door.full() ?? identify(request, url);

  const check = (context: RequestContext): Refusal | undefined => {
    try {
      return checkRequest(context, door.checks);
    } catch (error) {
      door.report(error, "csrfToken");
      return { status: 500, body: "csrfToken failed", reason: "failed" };
    }
  };

  /** Who it is, in time, and with the application's last word; that of who says later who it is, then. */
  const judge = async (
    context: RequestContext | undefined,
    who: () => Refusal | Promise<Identity | Refusal>,
  ): Promise<Identity | Refusal> => {
    let timer: ReturnType<Env["setTimer"]> | undefined;
    const tooLate = new Promise<Refusal>((resolve) => {
      timer = door.env.setTimer(
        () => resolve({ status: 408, body: "authenticate took too long", reason: "timeout" }),
        door.limits.handshakeMs,
      );
    });
    const decide = async (): Promise<Identity | Refusal> => {
      const result = await who();
      if (!door.reject || !context || ("user" in result && result.isAwaited)) return result;
      const known = "status" in result ? { refusal: result } : { user: result.user };
      try {
        return (await door.reject({ ...context, ...known })) ?? result;
      } catch (error) {
        door.report(error, "reject");
        return { status: 500, body: "reject failed", reason: "failed" };
      }
    };
    const decided = await Promise.race([decide(), tooLate]);
    if (timer !== undefined) door.env.clearTimer(timer);
    return decided;
  };

  /** The whole of what a request must pass; `who` is `identify` where it may be of somebody who is in, and needs no room. */
  const admitRequest = (context: RequestContext, who = admit): Promise<Identity | Refusal> =>
    judge(context, () => check(context) ?? who(context.request, context.url));

  const ajax = createAjax({ ...door, check, admit: (context) => admitRequest(context, identify) });

  /** What a peer passes that says on the line who it is. */
  const lineDoor = (request: IncomingMessage, bridge: Bridge): Admission => ({
    async admit(url) {
      const admitted = await admitRequest({ request, url });
      return "status" in admitted ? admitted : (door.full(admitted.user) ?? admitted);
    },
    enter: (inner, url, user) => door.enter(inner, url, { user }, bridge.framer),
  });

  /** A path that ends with a slash stands for all that begin so. */
  const bridgeAt = (pathname: string): Bridge | undefined =>
    door.bridges.get(pathname) ?? [...door.bridges].find(([path]) => path.endsWith("/") && pathname.startsWith(path))?.[1];

  const upgrade = async (
    acceptor: WebSocketAcceptor,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    url: URL,
    bridge?: Bridge,
  ): Promise<void> => {
    bridge?.adapt(url);
    // Without a listener, a reset while we wait would end the process.
    const ignore = (): void => {};
    socket.on("error", ignore);
    if (bridge?.receive) {
      const refusal = door.full() ?? check({ request, url });
      if (refusal) return refuse(socket, refusal);
      socket.off("error", ignore);
      return acceptor.accept(request, socket, head, (transport) => bridge.receive(transport, url, lineDoor(request, bridge)));
    }
    const admitted = await admitRequest({ request, url });
    if ("status" in admitted) {
      const code = bridge || !isOurs(url) ? undefined : closeCodeOf(admitted);
      if (code === undefined) return refuse(socket, admitted);
      // A browser tells nobody the status of an upgrade, but how a connection was closed.
      door.counters.refused++;
      socket.off("error", ignore);
      return acceptor.accept(request, socket, head, (transport) => {
        transport.handlers = { onFrame() {}, onClose() {} };
        transport.close(code, closeText(admitted));
      });
    }
    const user = bridge?.userOf?.(admitted.user) ?? admitted.user;
    const full = door.full(user);
    if (full) return refuse(socket, full);
    socket.off("error", ignore);
    const identity = { ...admitted, user };
    acceptor.accept(request, socket, head, (transport, protocol) => {
      if (bridge) return door.enter(bridge.translate(transport, url, user), url, identity, bridge.framer);
      const asked = protocol ? [protocol.slice(protocolPrefix.length)] : (url.searchParams.get("packers")?.split(",") ?? []);
      door.enter(transport, url, identity, door.framerFor(asked));
    });
  };

  const handle = (request: IncomingMessage, response: ServerResponse, url: URL): void => {
    if (door.polling) return ajax.handle(request, response, url);
    response.writeHead(426, { "content-type": "text/plain", "connection": "close" }).end("This server speaks WebSocket.");
  };

  const attach = (server: HttpServer, { path = "/chsk", deflate = false }: AttachOptions = {}): (() => void) => {
    const acceptor = createWebSocketAcceptor({
      maxFrameBytes: door.limits.maxFrameBytes,
      protocols: door.protocols,
      deflate,
      onTooLarge: () => void door.counters.closedTooLarge++,
    });
    const letGo = claim(server, {
      request(request, response) {
        const url = urlOf(request);
        if (url?.pathname !== path) return false;
        handle(request, response, url);
        return true;
      },
      upgrade(request, socket, head) {
        const url = urlOf(request);
        const bridge = url && bridgeAt(url.pathname);
        if (!url || !(bridge || url.pathname === path)) return false;
        void upgrade(acceptor, request, socket, head, url, bridge);
        return true;
      },
      refuse(request, socket) {
        const isUrl = urlOf(request) !== undefined;
        refuse(socket, { status: isUrl ? 404 : 400, body: isUrl ? "Not found" : "Bad request" });
      },
    });
    const stop = (): void => {
      letGo();
      detach.delete(stop);
    };
    detach.add(stop);
    return stop;
  };

  return {
    admit,
    attach,
    handler(request, response, next) {
      // What Express mounts at a path has that path cut off, and keeps it here.
      const original = (request as { originalUrl?: string }).originalUrl;
      const url = urlOf(original === undefined ? request : ({ url: original } as IncomingMessage));
      if (url && (request.method !== "GET" || url.searchParams.has("client-id") || url.searchParams.has("conn")))
        handle(request, response, url);
      else if (next) next();
      else response.writeHead(404).end();
    },
    async listen(port, { host, portFile, ...options } = {}) {
      const { handshakeMs } = door.limits;
      const timeouts = {
        headersTimeout: handshakeMs,
        requestTimeout: 2 * handshakeMs,
        connectionsCheckingInterval: Math.min(1000, handshakeMs / 2),
      };
      const server = createHttpServer({ maxHeaderSize: 16 * 1024, ...timeouts }, (_request, response) => {
        response.writeHead(404, { "content-type": "text/plain" }).end("Not found");
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
      const { port: actual } = server.address() as AddressInfo;
      if (portFile !== undefined) {
        const address = { port: actual, path: options.path ?? "/chsk", ...(host !== undefined && { host }) };
        portFiles.add(writePortFile(portFile, address));
      }
      return actual;
    },
    async close() {
      for (const remove of portFiles) remove();
      portFiles.clear();
      for (const stop of [...detach]) stop();
      ajax.close();
      await Promise.all(
        [...owned].map(
          (server) =>
            new Promise<void>((resolve) => {
              // A connection on which nothing was ever asked is neither idle nor ever done.
              const timer = door.env.setTimer(() => server.closeAllConnections(), closeTimeoutMs);
              server.close(() => {
                door.env.clearTimer(timer);
                resolve();
              });
              server.closeIdleConnections();
            }),
        ),
      );
      owned.clear();
    },
  };
}
