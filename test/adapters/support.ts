/** A real server and its clients in one process, joined in memory, and what the tests of the bindings ask of them. */
import { defineAtom, defineChannel, defineShared, defineStore, type } from "sente-sync";
import { type Client, type ClientOptions, createClient } from "sente-sync/client";
import { atom, channel, createServer, type Server, type ServerAtom, shared, store } from "sente-sync/server";
import { memoryConnector } from "sente-sync/transports/memory";
import { afterEach, vi } from "vitest";

export interface Stats {
  visitors: number;
  last: string;
  tags: string[];
}

export const initial: Stats = { visitors: 1, last: "nobody", tags: [] };
export const stats = defineAtom("stats", { initial });
export const board = defineAtom("board/:id", { initial: { title: "" } });
export const room = defineChannel("room/:id", { events: { said: type<{ text: string }>(), left: type<{ name: string }>() } });

const nothingDone: Record<string, boolean> = {};
export const plan = defineShared("plan", { initial: { title: "", done: nothingDone } });

/** Rejects an odd text on the server only. */
export const todos = defineStore("todos", {
  initial: { items: [] as { id: string; text: string }[], hits: 0 },
  mutations: {
    add(draft, text: string, ctx) {
      draft.items.push({ id: ctx.id(), text });
    },
    hit(draft) {
      draft.hits++;
    },
    remove(draft, id: string) {
      draft.items = draft.items.filter((item) => item.id !== id);
    },
  },
  undo: { add: ({ id }) => ["remove", id] },
});

export interface World {
  readonly sync: Server;
  readonly live: ServerAtom<Stats>;
  /** Connections that the server accepted. */
  readonly accepts: number;
  readonly clients: readonly Client[];
  /** Errors that had no caller. */
  readonly errors: readonly unknown[];
  client(options?: ClientOptions): Client;
  /** Server's messages in a room. */
  say(id: string, text: string): void;
  leave(id: string, name: string): void;
  deleteRoom(id: string): void;
  /** Resolves when all that the server sent before has been heard: the reply comes after it. */
  settle(client: Client): Promise<void>;
}

const worlds: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

/** A server with a value, boards and rooms; `visitors` is what the value starts with. */
export function createWorld({ visitors = initial.visitors } = {}): World {
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const sync = createServer({ onError });
  const live = atom(sync, stats, { initial: { ...initial, visitors } });
  atom(sync, board, { initial: ({ params }) => ({ title: `board ${params.id}` }) });
  const rooms = channel(sync, room);
  shared(sync, plan);
  store(sync, todos, {
    validate({ input }) {
      if (input === "odd") throw new Error("odd");
    },
  });
  sync.on("test/settle", () => true);
  let accepts = 0;
  const connector = memoryConnector((transport, url) => {
    accepts++;
    void sync.accept(transport, url);
  });
  const clients: Client[] = [];
  const world: World = {
    sync,
    live,
    clients,
    errors,
    get accepts() {
      return accepts;
    },
    client(options) {
      const client = createClient("ws://test/chsk", { connector, lingerMs: 0, onError, ...options }) as Client;
      clients.push(client);
      return client;
    },
    say(id, text) {
      void rooms.open({ id }).then((opened) => opened.publish("said", { text }));
    },
    leave(id, name) {
      void rooms.open({ id }).then((opened) => opened.publish("left", { name }));
    },
    deleteRoom: (id) => rooms.delete({ id }),
    async settle(client) {
      await client.request("test/settle", undefined);
    },
  };
  worlds.push({
    async close() {
      for (const client of clients) client.close();
      await sync.close();
    },
  });
  return world;
}

/** Waits until the check holds; quick, for everything is in this process. */
export const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 40_000, interval: 2 });
