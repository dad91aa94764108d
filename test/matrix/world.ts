/**
 * The transports of the matrix: each opens a server and says how a client reaches it. A new transport is one line in `transports`.
 *
 * Always: `cut` is the server's doing, and takes all connections; where there is none, the server dies with its connection.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MessageChannel } from "node:worker_threads";
import { build } from "esbuild";
import type { Server } from "sente-sync/server";
import { fallback } from "sente-sync/transports/fallback";
import { longPoll } from "sente-sync/transports/long-poll";
import { memoryConnector } from "sente-sync/transports/memory";
import { acceptPort, portConnector } from "sente-sync/transports/message-port";
import { spawnServer } from "sente-sync/transports/stdio";
import { type ListenTcpOptions, listenTcp, tcp } from "sente-sync/transports/tcp";
import { websocket } from "sente-sync/transports/websocket";
import type { Connector, Transport } from "../../src/transport/transport.ts";
import type { Packer } from "../../src/wire/packer.ts";
import { createHouse, type HouseOptions } from "./house.ts";

export interface World {
  readonly url: string;
  readonly connector: Connector;
  /** What a client's status calls the transport. */
  readonly name: string;
  /** After a cut the client resumes, or the transport repeats what was lost and nobody notices. */
  readonly cut?: "lost" | "repeated";
  /** How many the server has. */
  connections(): number;
  close(): Promise<void>;
}

type Open = (options: HouseOptions & { readonly packer: Packer }) => Promise<World>;

export const transports: Readonly<Record<string, Open>> = {
  "websocket": overHttp(websocket, "websocket", "lost"),
  "long-poll": overHttp(longPoll, "ajax", "repeated"),
  "fallback": overHttp(() => fallback([websocket(), longPoll()]), "ajax", "repeated", barWebSockets),
  "tcp": overTcp("tcp", () => ({ port: 0 })),
  "unix socket": overTcp("unix", (directory) => ({ path: join(directory, "socket") })),
  "stdio": overStdio,
  "message port": overPorts,
  "memory": overMemory,
};

/** A house whose transports are at hand to be cut. */
function openHouse(options: HouseOptions): { sync: Server; accept(transport: Transport, url: string): void } {
  const open = new Set<Transport>();
  const sync = createHouse(options, () => {
    for (const transport of open) transport.terminate();
    open.clear();
  });
  return {
    sync,
    accept(transport, url) {
      open.add(transport);
      void sync.accept(transport, url);
    },
  };
}

const connections = (sync: Server) => (): number => sync.stats().connections;

/** As a network does that lets no WebSocket through. */
function barWebSockets(http: HttpServer): void {
  http.removeAllListeners("upgrade");
  http.on("upgrade", (_, socket) => void socket.destroy());
}

function overHttp(connect: () => Connector, name: string, cut: "lost" | "repeated", furnish = (_: HttpServer): void => {}): Open {
  return async (options) => {
    const sockets = new Set<Socket>();
    const sync = createHouse(options, () => {
      for (const socket of sockets) socket.destroy();
    });
    const http = createHttpServer();
    http.on("connection", (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
    sync.attach(http);
    furnish(http);
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    return {
      url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/chsk`,
      connector: connect(),
      name,
      cut,
      connections: connections(sync),
      async close() {
        await sync.close();
        http.close();
        http.closeAllConnections();
      },
    };
  };
}

function overTcp(name: string, place: (directory: string) => ListenTcpOptions): Open {
  return async (options) => {
    const directory = mkdtempSync(join(tmpdir(), "sente-sync-"));
    const { sync, accept } = openHouse(options);
    const door = await listenTcp({ accept }, place(directory));
    return {
      url: door.url,
      connector: tcp(),
      name,
      cut: "lost",
      connections: connections(sync),
      async close() {
        await sync.close();
        door.close();
        rmSync(directory, { recursive: true });
      },
    };
  };
}

async function overStdio({ packer }: Parameters<Open>[0]): Promise<World> {
  const children: ChildProcess[] = [];
  const directory = mkdtempSync(join(tmpdir(), "sente-sync-"));
  const child = join(directory, "child.cjs");
  // Built, because to start one from its sources takes the processor a second.
  await build({
    entryPoints: [fileURLToPath(new URL("./fixtures/child.ts", import.meta.url))],
    outfile: child,
    bundle: true,
    platform: "node",
    conditions: ["source"],
    logLevel: "silent",
  });
  const isRunning = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null;
  return {
    url: "stdio:///chsk",
    connector: spawnServer(process.execPath, [child, packer.name], { onSpawn: (started) => void children.push(started) }),
    name: "stdio",
    connections: () => children.filter(isRunning).length,
    async close() {
      for (const each of children.filter(isRunning)) {
        each.kill("SIGKILL");
        await once(each, "exit");
      }
      rmSync(directory, { recursive: true });
    },
  };
}

async function overPorts(options: HouseOptions): Promise<World> {
  const { sync, accept } = openHouse(options);
  const connector = portConnector(() => {
    const { port1, port2 } = new MessageChannel();
    acceptPort(port2, { accept });
    return port1;
  });
  return {
    url: "port:///chsk",
    connector,
    name: "message-port",
    cut: "lost",
    connections: connections(sync),
    close: () => sync.close(),
  };
}

async function overMemory(options: HouseOptions): Promise<World> {
  const { sync, accept } = openHouse(options);
  const connector = memoryConnector(accept);
  return {
    url: "memory:///chsk",
    connector,
    name: "memory",
    cut: "lost",
    connections: connections(sync),
    close: () => sync.close(),
  };
}
