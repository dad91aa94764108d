/**
 * An application's HTTP server, of which some paths are ours: a request that is ours reaches none of its listeners, whether they were there
 * before us or came later; the rest reaches them as if we were not there.
 *
 * Node gives every listener every request, and the first to answer wins. So the choice is made before any of them: in `emit`. Of upgrades
 * each listener takes its own and leaves the others alone, as is the custom, and we do as well.
 * Always: what nobody else listens for is answered; once the last of ours has let go, the server is as it was.
 * Rules: docs/protocol.md DOOR1.
 */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

export interface Claim {
  /** True: it is ours, and taken care of. */
  request(request: IncomingMessage, response: ServerResponse): boolean;
  /** Likewise, of an upgrade. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Answers an upgrade that is nobody's. */
  refuse(request: IncomingMessage, socket: Duplex): void;
}

interface Claimed {
  readonly claims: Set<Claim>;
  /** The last of ours has let go. */
  end(): void;
}

type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

const claimed = new WeakMap<HttpServer, Claimed>();

/** Gives what lets go. */
export function claim(server: HttpServer, one: Claim): () => void {
  const { claims, end } = claimed.get(server) ?? watch(server);
  claims.add(one);
  return () => {
    if (claims.delete(one) && !claims.size) end();
  };
}

function watch(server: HttpServer): Claimed {
  const claims = new Set<Claim>();
  const before = server.emit as Emit;
  const emit: Emit = (event, ...args) => {
    if (event !== "request") return before.call(server, event, ...args);
    const [request, response] = args as [IncomingMessage, ServerResponse];
    for (const one of claims) if (one.request(request, response)) return true;
    if (before.call(server, event, ...args)) return true;
    if (!claims.size) return false;
    response.writeHead(404, { "content-type": "text/plain" }).end("Not found");
    return true;
  };
  const listen = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    for (const one of claims) if (one.upgrade(request, socket, head)) return;
    const [first] = claims;
    if (server.listenerCount("upgrade") === 1) first?.refuse(request, socket);
  };
  server.on("upgrade", listen);
  server.emit = emit as HttpServer["emit"];
  const made: Claimed = {
    claims,
    end() {
      claimed.delete(server);
      server.off("upgrade", listen);
      // Where somebody has wrapped it since, it stays, and claims nothing.
      if (server.emit === emit) server.emit = before as HttpServer["emit"];
    },
  };
  claimed.set(server, made);
  return made;
}
