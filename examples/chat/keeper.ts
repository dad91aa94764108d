/**
 * Keeps the chat's server running: a process of its own, started again at once on the same port and the same folder whenever it
 * dies. What comes to the gallery's door is passed on to it, byte by byte.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { Server as HttpServer, IncomingMessage } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";

const child = fileURLToPath(new URL("child.ts", import.meta.url));
/** How a process is started from TypeScript; what is built needs its file's name alone. */
const execArgv = ["--import", "tsx", "--conditions=source"];
/** Where it cannot even start. */
const startAgainMs = 2000;

export interface Kept {
  readonly sync: { attach(server: HttpServer, options: { path: string }): () => void };
  /** Resolves with the port once it listens. */
  port(): Promise<number>;
  /** No signal handler runs, nothing is flushed. */
  kill(): void;
  close(): Promise<void>;
}

/** Without a folder: in one of its own, which goes when it is closed. */
export function start(given?: string): Kept {
  const folder = given ?? mkdtempSync(join(tmpdir(), "sente-sync-chat-"));
  let server: ChildProcess;
  let port = 0;
  let starts = 0;
  let downSinceMs = 0;
  let isClosing = false;
  let again: ReturnType<typeof setTimeout> | undefined;
  let tell: ((port: number) => void) | undefined;
  let listening: Promise<number>;

  /** Who comes from now on waits for the next one. */
  const isDown = (): void => {
    if (tell) return;
    downSinceMs = Date.now();
    listening = new Promise((resolve) => {
      tell = resolve;
    });
  };
  isDown();

  // #region keep
  const run = (): void => {
    let served = false;
    server = fork(child, [folder, `${port}`, `${++starts}`, `${starts > 1 ? downSinceMs : 0}`], { execArgv });
    server.once("message", (at) => {
      served = true;
      port = at as number;
      tell?.(port);
      tell = undefined;
    });
    server.once("exit", () => {
      if (isClosing) return;
      isDown();
      again = setTimeout(run, served ? 0 : startAgainMs); // on the same port, in the same folder
    });
  };
  const kill = (): void => {
    isDown();
    server.kill("SIGKILL");
  };
  // #endregion
  run();

  const pass = async (request: IncomingMessage, wire: Duplex, head: Buffer): Promise<void> => {
    wire.on("error", () => wire.destroy());
    const at = await listening;
    if (wire.destroyed) return;
    const inner = connect(at, "127.0.0.1");
    inner.on("error", () => inner.destroy());
    inner.on("close", () => wire.destroy());
    wire.on("close", () => inner.destroy());
    inner.write(headOf(request));
    inner.write(head);
    wire.pipe(inner).pipe(wire);
  };

  return {
    sync: {
      attach(door) {
        const upgrade = (request: IncomingMessage, wire: Duplex, head: Buffer): void => void pass(request, wire, head);
        door.on("upgrade", upgrade);
        return () => void door.off("upgrade", upgrade);
      },
    },
    port: () => listening,
    kill,
    async close() {
      isClosing = true;
      clearTimeout(again);
      if (server.exitCode === null && server.signalCode === null) {
        server.kill("SIGTERM");
        await once(server, "exit");
      }
      if (given === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The request as it came. */
function headOf({ method, url, rawHeaders }: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/1.1`];
  for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}
