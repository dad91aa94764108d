/**
 * Our server as a ClojureScript peer meets it, and such peers, all gone when the test ends.
 *
 * A user is who the parameter `uid` says, or the header `x-user`: Sente's posts carry no parameters of the application.
 */
import { createServer, type Server, type ServerOptions } from "sente-sync/server";
import { afterAll, onTestFinished } from "vitest";
import { type Peer, startClient, stopClient, stopIdle } from "./peer.ts";

afterAll(stopIdle);

export interface World {
  readonly sync: Server;
  readonly port: number;
  /** What came to `test/told`. */
  readonly told: unknown[];
  /** A client of which nothing was heard yet; `options` are EDN. */
  open(transport: "ws" | "ajax", options?: string): Peer;
  /** A client that has had its handshake. */
  connect(transport: "ws" | "ajax", options?: string): Promise<Peer>;
}

export async function serve(options: Omit<ServerOptions, "events"> = {}): Promise<World> {
  const sync = createServer({
    authenticate: ({ url, request }) => ({ id: url.searchParams.get("uid") ?? String(request?.headers["x-user"] ?? "nobody") }),
    onError: () => {},
    ...options,
  });
  onTestFinished(() => sync.close());
  const told: unknown[] = [];
  sync.on("test/echo", ({ data }) => data);
  sync.on("test/told", ({ data }) => void told.push(data));
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const open: World["open"] = (transport, clientOptions) => {
    const peer = startClient(transport, port, clientOptions);
    onTestFinished(() => stopClient(peer));
    return peer;
  };
  return {
    sync,
    port,
    told,
    open,
    async connect(transport, clientOptions) {
      const peer = open(transport, clientOptions);
      await peer.until("[:handshake ");
      return peer;
    },
  };
}
