/** A world whose clients are signed in by name, for what users send each other. */
import type { Client, ClientOptions } from "sente-sync/client";
import type { Server, ServerOptions } from "sente-sync/server";
import { memoryConnector } from "sente-sync/transports/memory";
import { createWorld, type World } from "../server/world.ts";
import { createLies, type Lies } from "./lying-connector.ts";

export interface MailWorld extends World {
  /** Lines that open from now on are that server's. */
  goTo(sync: Server): void;
  /** A client of that user, or of whoever it is when a line opens; connected, unless it is told to wait. */
  as(id: string | (() => string), options?: ClientOptions): Promise<{ readonly client: Client; readonly lies: Lies }>;
}

export function mailWorld(options: ServerOptions = {}): MailWorld {
  const world = createWorld({
    authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "nobody" }),
    ...options,
  });
  let { sync } = world;
  return {
    ...world,
    goTo(other) {
      sync = other;
    },
    async as(id, clientOptions = {}) {
      const user = () => ({ id: typeof id === "string" ? id : id() });
      const lies = createLies(memoryConnector((transport, url) => void sync.accept(transport, url, user()), world.env));
      const client = world.client({ connector: lies.connector, ...clientOptions });
      await world.advance(10);
      return { client, lies };
    },
  };
}

/** One client for each, one after the other. */
export async function allAs(world: MailWorld, users: readonly string[]): Promise<Client[]> {
  const clients: Client[] = [];
  for (const id of users) clients.push((await world.as(id)).client);
  return clients;
}

export function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "fine",
    (error: { code?: string }) => error.code,
  );
}
