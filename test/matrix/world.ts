/**
 * The transports of the matrix: each opens a server and says how a client reaches it. A new transport is one line in `transports`.
 *
 * Always: `cut` is the server's doing, and takes all connections; where there is none, the server dies with its connection.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MessageChannel } from "node:worker_threads";
import type { Server, ServerOptions } from "sente-sync/server";
import { longPoll } from "sente-sync/transports/long-poll";
import { memoryConnector } from "sente-sync/transports/memory";
import { acceptPort, portConnector } from "sente-sync/transports/message-port";
import { spawnServer } from "sente-sync/transports/stdio";
import { type ListenTcpOptions, listenTcp, tcp } from "sente-sync/transports/tcp";
import { websocket } from "sente-sync/transports/websocket";
import type { Connector, Transport } from "../../src/transport/transport.ts";
import { createHouse } from "./house.ts";

export interface World {
  readonly url: string;
  readonly connector: Connector;
  /** What a client's status calls the transport. */
  readonly name: string;
  /** What the server does about a cut: the client is lost and resumes, or the transport repeats what was lost and nobody notices. */
  readonly cut?: "lost" | "repeated";
  /** The server has nobody any more. */
  isEmpty(): boolean;
  close(): Promise<void>;
}

type Open = (options: ServerOptions & { readonly packer: { readonly name: string } }) => Promise<World>;

export const transports: Readonly<Record<string, Open>> = {
  "websocket": overHttp(websocket, "websocket", "lost"),
  "long-poll": overHttp(longPoll, "ajax", "repeated"),
  "tcp": overTcp("tcp", () => ({ port: 0 })),
  "unix socket": overTcp("unix", (directory) => ({ path: join(directory, "socket") })),
  "stdio": overStdio,
  "message port": overPorts,
  "memory": overMemory,
};

/** A house whose transports are at hand to be cut. */
function openHouse(options: ServerOptions): { sync: Server; accept(transport: Transport, url: string): void } {
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

const isEmpty = (sync: Server) => (): boolean => sync.stats().connections === 0;

function overHttp(connect: () => Connector, name: string, cut: "lost" | "repeated"): Open {
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
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    return {
      url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/chsk`,
      connector: connect(),
      name,
      cut,
      isEmpty: isEmpty(sync),
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
      isEmpty: isEmpty(sync),
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
  const child = fileURLToPath(new URL("./fixtures/child.ts", import.meta.url));
  const isRunning = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null;
  return {
    url: "stdio:///chsk",
    connector: spawnServer(process.execPath, ["--import", "tsx", "--conditions=source", child, packer.name], {
      onSpawn: (started) => void children.push(started),
    }),
    name: "stdio",
    isEmpty: () => children.length > 0 && !children.some(isRunning),
    async close() {
      for (const each of children.filter(isRunning)) {
        each.kill("SIGKILL");
        await once(each, "exit");
      }
    },
  };
}

async function overPorts(options: ServerOptions): Promise<World> {
  const { sync, accept } = openHouse(options);
  const connector = portConnector(() => {
    const { port1, port2 } = new MessageChannel();
    acceptPort(port2, { accept });
    return port1;
  });
  return { url: "port:///chsk", connector, name: "message-port", cut: "lost", isEmpty: isEmpty(sync), close: () => sync.close() };
}

async function overMemory(options: ServerOptions): Promise<World> {
  const { sync, accept } = openHouse(options);
  const connector = memoryConnector(accept);
  return { url: "memory:///chsk", connector, name: "memory", cut: "lost", isEmpty: isEmpty(sync), close: () => sync.close() };
}
