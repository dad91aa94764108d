/**
 * Pipes between a process and one that it started: either may be the server.
 *
 *   parent has the server   spawnClient(sync, command, args)     child   createClient("stdio:///chsk", { connector: stdio() })
 *   child has the server    connector: spawnServer(command, args)   child   acceptStdio(sync)
 *
 * Always: a pipe carries one connection, and ends with it; a process that ends, however it does, ends the connection on the other
 * side. A client in a child cannot connect again: `client.on("disconnect", () => client.close())` lets the child end.
 * Rules: docs/protocol/streams.md STREAM1-STREAM10, STDIO1-STDIO5.
 */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { Socket } from "node:net";
import { realEnv } from "../core/env.ts";
import { acceptStream, type ByteStream, openStream, type StreamOptions } from "./stream.ts";
import { openFrame } from "./stream-frame.ts";
import { type Acceptor, openingOf } from "./stream-opening.ts";
import type { Connector } from "./transport.ts";

export interface StdioOptions extends StreamOptions {
  /**
   * Default: a pipe of its own, the child's descriptor 3, so that whatever the child prints does no harm. "stdio": the child's
   * stdin and stdout, which then nobody else may use. The same on both sides.
   */
  readonly fd?: "stdio";
}

export interface SpawnClientOptions extends StdioOptions {
  readonly spawn?: Omit<SpawnOptions, "stdio">;
  /** What becomes of all that the child prints: by default the parent's stdout and stderr have it. "pipe": read it. */
  readonly output?: "inherit" | "pipe" | "ignore";
}

/**
 * Starts a process and accepts its connection. The process is the caller's: when the connection ends it is told, and not killed;
 * listen to its `error`, as with any `spawn`.
 */
export function spawnClient(
  acceptor: Acceptor,
  command: string,
  args: readonly string[] = [],
  options: SpawnClientOptions = {},
): ChildProcess {
  const child = start(command, args, options);
  const pipe = pipeTo(child, options);
  if (pipe) acceptStream(pipe, (transport, url) => void acceptor.accept(transport, url), options);
  return child;
}

/** In a process that `spawnClient` started: opens the connection to the parent, once. */
export function stdio(options: StdioOptions = {}): Connector {
  const env = options.env ?? realEnv;
  return {
    name: "stdio",
    open(url, { onOpen, onFail }) {
      let cancelled = false;
      env.endOfTurn(() => {
        if (cancelled) return;
        try {
          const opening = openFrame(openingOf(new URL(url)));
          onOpen(openStream(pipeToParent(options), opening, options));
        } catch (error) {
          onFail((error as Error).message);
        }
      });
      return {
        cancel() {
          cancelled = true;
        },
      };
    },
  };
}

export interface SpawnServerOptions extends SpawnClientOptions {
  /** Each process that was started, to listen to or to read from. */
  readonly onSpawn?: (child: ChildProcess) => void;
}

/** Each open starts a process that calls `acceptStdio`; it is sent SIGTERM when the connection has ended. */
export function spawnServer(command: string, args: readonly string[] = [], options: SpawnServerOptions = {}): Connector {
  const env = options.env ?? realEnv;
  return {
    name: "stdio",
    open(url, { onOpen, onFail }) {
      let settled = false;
      let child: ChildProcess | undefined;
      const fail = ({ message }: Error): void => {
        if (settled) return;
        settled = true;
        onFail(message);
      };
      try {
        const opening = openFrame(openingOf(new URL(url)));
        const started = start(command, args, options);
        child = started;
        options.onSpawn?.(started);
        started.on("error", fail);
        started.once("spawn", () => {
          const pipe = pipeTo(started, options);
          if (settled || !pipe) return;
          settled = true;
          pipe.source.on("close", () => started.kill());
          onOpen(openStream(pipe, opening, options));
        });
      } catch (error) {
        env.endOfTurn(() => fail(error as Error));
      }
      return {
        cancel() {
          if (settled) return;
          settled = true;
          child?.kill();
        },
      };
    },
  };
}

/** In a process that `spawnServer` started: accepts the parent's connection. Throws where there is no such pipe. */
export function acceptStdio(acceptor: Acceptor, options: StdioOptions = {}): void {
  acceptStream(pipeToParent(options), (transport, url) => void acceptor.accept(transport, url), options);
}

function start(
  command: string,
  args: readonly string[],
  { fd, output = "inherit", spawn: options }: SpawnClientOptions,
): ChildProcess {
  return spawn(command, args, {
    ...options,
    stdio: fd === "stdio" ? ["pipe", "pipe", output] : ["ignore", output, output, "pipe"],
  });
}

/** Nothing where the process could not be started for want of descriptors; its `error` tells. */
function pipeTo({ stdio: pipes }: ChildProcess, { fd }: StdioOptions): ByteStream | undefined {
  const [sink, source] = fd === "stdio" ? [pipes?.[0], pipes?.[1]] : [pipes?.[3], pipes?.[3]];
  return source && sink ? { name: "stdio", source: source as Socket, sink: sink as Socket } : undefined;
}

/** A descriptor may become another file's once it is closed, so each is opened once. */
const taken = new Set<StdioOptions["fd"]>();

function pipeToParent({ fd }: StdioOptions): ByteStream {
  if (taken.has(fd)) throw new Error("The pipe to the parent was used: it carries one connection");
  taken.add(fd);
  const name = "stdio";
  if (fd === "stdio") {
    return { name, source: new Socket({ fd: 0, writable: false }), sink: new Socket({ fd: 1, readable: false }) };
  }
  const pipe = new Socket({ fd: 3 });
  return { name, source: pipe, sink: pipe };
}
