/** A server with a room, and clients that are in it, in virtual time. */
import { defineRoom, type } from "sente-sync";
import { type Client, type ClientOptions, type Presence, presence as presenceOn } from "sente-sync/client";
import { presence, type ServerOptions, type ServerRoom, type ServerRoomOptions } from "sente-sync/server";
import { createWorld, type World } from "../server/world.ts";

export interface Shown {
  readonly name?: string;
  readonly cursor?: { readonly x: number; readonly y: number } | null;
  readonly [key: string]: unknown;
}

export const roomRef = defineRoom("room", { schema: type<Shown>() });
export type RoomHandle = Presence<Shown, Shown>;

export interface RoomWorld extends World {
  readonly room: ServerRoom<Shown>;
  /** A client of that user who joined with that name. */
  enter(name: string, data?: Shown, options?: ClientOptions): { readonly client: Client; readonly room: RoomHandle };
}

/** Users are named by `?as=` of the URL. */
export function createRoomWorld(
  options: ServerRoomOptions<Shown> = {},
  server: ServerOptions = {},
  seed: number | string = 1,
): RoomWorld {
  const world = createWorld({ authenticate: ({ url }) => ({ id: url.searchParams.get("as") ?? "nobody" }), ...server }, seed);
  const room = presence(world.sync, roomRef, options);
  return {
    ...world,
    room,
    enter(name, data = { name }, more = {}) {
      const connector = world.connector;
      const client = world.client({
        connector: {
          ...connector,
          name: connector.name,
          open: (url, events, format) => connector.open(`${url}&as=${encodeURIComponent(name)}`, events, format),
        },
        ...more,
      });
      return { client, room: presenceOn(client, roomRef, data) };
    },
  };
}

/** What a handle shows of the others, by name and status. */
export function seen({ others }: Pick<RoomHandle, "others">): string[] {
  return others.get().map(({ data, status }) => `${data.name} ${status}`);
}
