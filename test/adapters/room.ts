/** A server with a room, and clients by user, joined in memory, for the tests of the bindings. */
import { defineRoom, type } from "sente-sync";
import { type Client, createClient, type Presence, presence } from "sente-sync/client";
import { createServer, presence as rooms, type Server, type ServerRoom } from "sente-sync/server";
import { memoryConnector } from "sente-sync/transports/memory";
import { onTestFinished } from "vitest";
import { cursors } from "../../examples/guides/presence-contract.ts";

export interface Shown {
  readonly name: string;
  readonly cursor: { readonly x: number; readonly y: number } | null;
  readonly typing?: boolean;
  readonly page?: number;
}

export const talkEvents = { ping: type<number>() };
export const talk = defineRoom("talk/:id", {
  schema: type<Shown>(),
  events: talkEvents,
  stage: type<{ readonly slide: number }>(),
});
export const hall = talk({ id: "hall" });

/** The room of the guides. */
export const guideRoom = cursors({ room: "lobby" });

export interface RoomWorld {
  readonly sync: Server;
  readonly errors: readonly unknown[];
  room(): Promise<ServerRoom<Shown, typeof talkEvents, { readonly slide: number }>>;
  client(user: string): Client;
  /** Somebody who is there without a page. */
  enter(user: string, data?: Partial<Shown>, at?: typeof hall | typeof guideRoom): Presence<Shown, Shown, typeof talkEvents>;
}

export function createRoomWorld(): RoomWorld {
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const sync = createServer({ onError, authenticate: ({ url }) => ({ id: url.searchParams.get("as") ?? "nobody" }) });
  const family = rooms(sync, talk, { limits: { updatesPerSecond: 100 } });
  rooms(sync, cursors);
  const connector = memoryConnector((transport, url) => void sync.accept(transport, url));
  const clients: Client[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.close();
    await sync.close();
  });
  const world: RoomWorld = {
    sync,
    errors,
    room: () => family.open({ id: "hall" }),
    client(user) {
      const client = createClient(`ws://test/chsk?as=${user}`, { connector, lingerMs: 0, onError });
      clients.push(client);
      return client;
    },
    enter: (user, data, at = hall) => presence(world.client(user), at as typeof hall, { name: user, cursor: null, ...data }),
  };
  return world;
}
