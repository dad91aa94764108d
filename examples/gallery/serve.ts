/** The gallery: one HTTP server, the built pages, a sync server per example, and buttons that make trouble. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { buildGallery } from "./build.ts";
import { createLines, type Lines } from "./lines.ts";
import { type Example, examples, type Running } from "./pages.ts";
import { serveFolder } from "./static.ts";

export interface Gallery {
  readonly url: string;
  close(): Promise<void>;
}

export interface GalleryOptions {
  /** 0: any that is free. */
  readonly port: number;
  /** Where that port is taken, so many after it are tried. Default 0. */
  readonly moreTries?: number;
  /** Default: this machine alone. */
  readonly host?: string;
  /** The wires that its buttons make trouble on. Default: those of lines.ts. */
  readonly lines?: Lines;
}

const offlineMs = 5000;
const slowMs = 400;
const restartMs = 800;
const maxBodyBytes = 1024;

export async function serveGallery(options: GalleryOptions): Promise<Gallery> {
  const { port, moreTries = 0, host = "localhost", lines = createLines() } = options;
  const serveFile = serveFolder(await buildGallery());
  const running = new Map<string, Running>();
  const restarts = new Set<Promise<void>>();

  const start = (example: Example): void => {
    const started = example.start();
    started.sync.attach(lines.door(example.name), { path: `/${example.name}/chsk` });
    running.set(example.name, started);
  };
  const restart = async (example: Example): Promise<void> => {
    const old = running.get(example.name);
    // One restart at a time; whoever asks meanwhile gets the one under way.
    if (!running.delete(example.name)) return;
    await old?.close();
    await new Promise((done) => setTimeout(done, restartMs));
    start(example);
  };

  const troubles: Record<string, (clientId: string, example: Example) => void> = {
    cut: (clientId) => lines.cut(clientId),
    offline: (clientId) => lines.refuse(clientId, offlineMs),
    slow: (clientId) => lines.delay(clientId, slowMs),
    fast: (clientId) => lines.delay(clientId, 0),
    kill: (_clientId, { name }) => running.get(name)?.kill?.(),
    restart(_clientId, example) {
      const done = restart(example).finally(() => restarts.delete(done));
      restarts.add(done);
    },
  };
  const cause = async (request: IncomingMessage, response: ServerResponse, name: string): Promise<void> => {
    const answer = (status: number, text = ""): void =>
      void response.writeHead(status, { "content-type": "text/plain" }).end(text);
    const trouble = Object.hasOwn(troubles, name) ? troubles[name] : undefined;
    // Other sites' pages cannot send this type without asking first, and nobody answers them.
    if (request.method !== "POST" || request.headers["content-type"] !== "application/json") return answer(400, "Post JSON.");
    const { clientId, page } = (await readJson(request)) as { clientId?: unknown; page?: unknown };
    const example = examples.find((each) => typeof page === "string" && page.startsWith(`/${each.name}/`));
    if (!trouble || !example || typeof clientId !== "string") return answer(400, "Unknown trouble, page or client.");
    trouble(clientId, example);
    answer(204);
  };

  const server = createServer((request, response) => {
    const [, name] = /^\/trouble\/(\w+)$/.exec(request.url ?? "") ?? [];
    if (name === undefined) return serveFile(request, response);
    cause(request, response, name).catch(() => response.writeHead(400).end());
  });
  server.on("upgrade", (request, socket, head) => lines.upgrade(request, socket as Socket, head));
  const openPort = await listen(server, port, host, moreTries);
  for (const example of examples) start(example);

  return {
    url: `http://${host}:${openPort}`,
    async close() {
      await Promise.all(restarts);
      await Promise.all([...running.values()].map((each) => each.close()));
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > maxBodyBytes) throw new Error("The body is too long.");
  }
  return JSON.parse(text);
}

function listen(server: import("node:http").Server, port: number, host: string, moreTries: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const attempt = (at: number): void => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        if (error.code === "EADDRINUSE" && at < port + moreTries) attempt(at + 1);
        else reject(error);
      });
      server.listen(at, host, () => {
        server.removeAllListeners("error");
        resolve((server.address() as AddressInfo).port);
      });
    };
    attempt(port);
  });
}
