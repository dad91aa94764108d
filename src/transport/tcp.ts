/**
 * TCP and Unix sockets: `tcp()` opens `tcp://host:port/chsk` and `unix:///path/to.sock`, `listenTcp` accepts them.
 *
 * Always: nobody else's socket file is taken over while its owner lives; nothing of a peer is handed over before its opening.
 * There is no encryption and no origin check: keep it to this machine, or behind something that has both.
 * Rules: docs/protocol/streams.md STREAM1-STREAM10, TCP1-TCP5.
 */
import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { realEnv } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import { type AcceptStreamOptions, acceptStream, openStream, type StreamOptions } from "./stream.ts";
import { openFrame } from "./stream-frame.ts";
import { type Acceptor, openingOf } from "./stream-opening.ts";
import type { Connector } from "./transport.ts";

/** Opens connections to `tcp:` and `unix:` URLs. */
export function tcp(options: StreamOptions = {}): Connector {
  const env = options.env ?? realEnv;
  return {
    name: "tcp",
    open(url, { onOpen, onFail }) {
      let settled = false;
      let socket: Socket | undefined;
      const fail = (error: unknown): void => {
        if (settled) return;
        settled = true;
        socket?.destroy();
        onFail(reasonOf(error));
      };
      try {
        const { name, path, address } = targetOf(url);
        const opening = openFrame(path);
        const opened = connect({ ...address, noDelay: true });
        socket = opened;
        opened.on("error", fail);
        opened.once("connect", () => {
          if (settled) return;
          settled = true;
          onOpen(openStream({ name, source: opened, sink: opened }, opening, options));
        });
      } catch (error) {
        env.endOfTurn(() => fail(error));
      }
      return {
        cancel() {
          if (settled) return;
          settled = true;
          socket?.destroy();
        },
      };
    },
  };
}

export interface ListenTcpOptions extends AcceptStreamOptions {
  /** 0: any that is free. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** A Unix socket instead of a port. */
  readonly path?: string;
  /** Who may open the Unix socket. Default 0o600: its owner. */
  readonly mode?: number;
}

export interface TcpListener {
  /** Where clients find it. */
  readonly url: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** Stops listening and drops who has not said its opening; connections go on, for they are the acceptor's. Safe twice. */
  close(): void;
}

/**
 * Accepts connections on a port or a Unix socket: `await listenTcp(sync, { port: 8700 })`. Rejects with SyncError `conflict`
 * where somebody listens on the path, `invalid` where it is no socket or there is neither port nor path.
 */
export async function listenTcp(acceptor: Acceptor, options: ListenTcpOptions): Promise<TcpListener> {
  const { path, port, host = "127.0.0.1", mode = 0o600 } = options;
  if ((path === undefined) === (port === undefined)) throw new SyncError("invalid", "Either port or path");
  const name = path === undefined ? "tcp" : "unix";
  const drops = new Set<() => void>();
  const server = createServer({ noDelay: true }, (socket) => {
    const forget = (): void => void drops.delete(drop);
    const drop = acceptStream(
      { name, source: socket, sink: socket },
      (transport, url) => {
        forget();
        acceptor.accept(transport, url);
      },
      { handshakeTimeoutMs: 10_000, ...options },
    );
    drops.add(drop);
    socket.on("close", forget);
  });
  if (path !== undefined) await removeStale(path);
  await new Promise<void>((resolve, reject) => {
    // Also later: a connection that could not be accepted harms no other.
    server.on("error", reject);
    server.listen(path === undefined ? { port, host } : { path, exclusive: true }, resolve);
    // A path is bound by now; for the instant between, the umask decides.
    if (path !== undefined && server.listening) chmodSync(path, mode);
  });
  const address = server.address() as AddressInfo | string;
  return {
    url: typeof address === "string" ? unixUrl(address) : `tcp://${urlHost(address)}:${address.port}/chsk`,
    port: typeof address === "string" ? 0 : address.port,
    close() {
      // It removes the socket file, too.
      server.close();
      for (const drop of drops) drop();
    },
  };
}

function targetOf(url: string): { name: string; path: string; address: { path: string } | { host: string; port: number } } {
  const target = new URL(url);
  if (target.protocol === "unix:") {
    // The whole path is that of the socket: nothing of it is left for the server.
    return { name: "unix", path: `/${target.search}`, address: { path: decodeURIComponent(target.pathname) } };
  }
  if (target.protocol !== "tcp:" || !target.port) throw new Error(`Neither tcp://host:port nor unix:///path: ${url}`);
  const host = target.hostname.replace(/^\[|\]$/g, "");
  return { name: "tcp", path: openingOf(target), address: { host, port: Number(target.port) } };
}

/** A host with several addresses fails with an error that has no message. */
function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message || code || String(error);
}

function urlHost({ address, family }: AddressInfo): string {
  return family === "IPv6" ? `[${address}]` : address;
}

function unixUrl(path: string): string {
  return `unix://${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** Removes the file of a socket that nobody listens on any more. */
async function removeStale(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats) return;
  if (!stats.isSocket()) throw new SyncError("invalid", `${path} is no socket`);
  if (await isAlive(path)) throw new SyncError("conflict", `Somebody listens on ${path}`);
  unlinkSync(path);
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => (error.code === "ECONNREFUSED" ? resolve(false) : reject(error)));
  });
}
