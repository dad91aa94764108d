/**
 * Serves a folder of built files, read once at the start, and the pictures of docs/images.
 *
 * Always: only what is in the two folders is served, whatever a path says.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname } from "node:path";
import { guides } from "./guides.ts";
import { pathOf } from "./pages.ts";

const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
};
/** Nothing comes from elsewhere: the gallery works offline. */
const policy = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'";

const imageFolder = new URL("../../docs/images/", import.meta.url);

interface File {
  readonly bytes: Buffer;
  readonly headers: Record<string, string>;
}

export function serveFolder(folder: string): (request: IncomingMessage, response: ServerResponse) => void {
  const files = new Map<string, File>();
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const type = types[extname(path)];
    if (!type) continue;
    const isPage = path.endsWith(".html");
    const caching = isPage ? "no-cache" : "public, max-age=31536000, immutable";
    const headers = { "content-type": type, "cache-control": caching, ...(isPage ? { "content-security-policy": policy } : {}) };
    files.set(isPage ? pathOf(path) : `/${path}`, { bytes: readFileSync(`${folder}/${path}`), headers });
  }
  const alias = (to: string, from: string): void => void files.set(to, files.get(from) as File);
  alias("/", "/gallery/");
  for (const { name } of guides) alias(`/guides/${name}`, `/gallery/${name}`);

  return (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const file = files.get(pathname) ?? files.get(`${pathname}/`) ?? image(pathname);
    if (request.method !== "GET" && request.method !== "HEAD") return void response.writeHead(405, { allow: "GET, HEAD" }).end();
    if (!file)
      return void response.writeHead(404, { "content-type": "text/plain" }).end("No such page; see / for those there are.\n");
    response
      .writeHead(200, { ...file.headers, "content-length": file.bytes.length })
      .end(request.method === "GET" ? file.bytes : undefined);
  };
}

/** Read anew each time: the tests take pictures while the gallery is open. */
function image(pathname: string): File | undefined {
  const [, name] = /^\/images\/([\w-]+\.png)$/.exec(pathname) ?? [];
  if (name === undefined || !existsSync(new URL(name, imageFolder))) return undefined;
  return {
    bytes: readFileSync(new URL(name, imageFolder)),
    headers: { "content-type": "image/png", "cache-control": "no-cache" },
  };
}
