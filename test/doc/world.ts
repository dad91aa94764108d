/** Clients and raw peers around one server with documents, in virtual time. */
import { defineDoc } from "sente-sync";
import { type Client, type ClientOptions, createClient } from "sente-sync/client";
import { type ClientDoc, doc as clientDoc, type DocOptions } from "sente-sync/doc";
import { type DocFamily, doc, type ServerDocOptions } from "sente-sync/doc/server";
import type { ServerOptions } from "sente-sync/server";
import { onTestFinished } from "vitest";
import type { Transport } from "../../src/transport/transport.ts";
import { createWorld as createServerWorld, pushed, type RawPeer, type World as ServerWorld, text } from "../server/world.ts";

export const notes = defineDoc("notes/:id");

export interface Page {
  readonly client: Client;
  readonly note: ClientDoc;
  /** The text that it shows. */
  readonly text: string;
  type(at: number, text: string): void;
  /** Its lines are cut, and no new one opens. */
  offline(): void;
  online(): void;
}

export interface World extends ServerWorld {
  readonly family: DocFamily<{ readonly id: string }>;
  /** A client that has opened the note. */
  page(user?: string, options?: ClientOptions, docOptions?: DocOptions): Promise<Page>;
  hostile(user?: string): Promise<Hostile>;
}

type NoteOptions = ServerDocOptions<{ readonly id: string }>;

export function createWorld(options: NoteOptions = {}, server: ServerOptions = {}, seed: number | string = 1): World {
  const authenticate: ServerOptions["authenticate"] = ({ url }) => ({ id: url.searchParams.get("user") ?? "nobody", name: "" });
  const world = createServerWorld({ authenticate, ...server }, seed);
  return Object.assign(world, {
    family: doc(world.sync, notes, options),
    async page(user = "ada", clientOptions: ClientOptions = {}, docOptions: DocOptions = {}) {
      const lines = new Set<Transport>();
      let isOffline = false;
      const { connector } = world;
      const client = createClient(`memory://server/chsk?user=${user}`, {
        connector: {
          name: connector.name,
          open(url, events) {
            const onOpen = (line: Transport): void => {
              lines.add(line);
              events.onOpen(line);
            };
            if (!isOffline) return connector.open(url, { ...events, onOpen });
            const timer = world.env.setTimer(() => events.onFail("offline"), 5);
            return { cancel: () => world.env.clearTimer(timer) };
          },
        },
        env: world.env,
        onError: (error: unknown, where: string) => void world.errors.push({ error, where }),
        ...clientOptions,
      }) as Client;
      onTestFinished(() => client.close());
      const note = clientDoc(client, notes({ id: "1" }), docOptions);
      await world.settle();
      return {
        client,
        note,
        get text() {
          return note.doc.getText("text").toString();
        },
        type: (at: number, typed: string) => note.doc.getText("text").insert(at, typed),
        offline() {
          isOffline = true;
          for (const line of lines) line.terminate();
          lines.clear();
        },
        online() {
          isOffline = false;
          client.connect();
        },
      };
    },
    async hostile(user = "mallory") {
      const peer = await world.ours(`client-id=${user}&user=${user}`);
      const [answer] = await peer.subscribe({ topic: "notes/1", kind: "doc", since: null, read: true });
      return new Hostile(peer, answer?.id ?? 0);
    },
  });
}

/** Somebody who writes bytes by hand. */
export class Hostile {
  readonly peer: RawPeer;
  readonly id: number;
  #seq = 0;

  constructor(peer: RawPeer, id: number) {
    this.peer = peer;
    this.id = id;
  }

  /** What the server makes of it: `stored`, or the code of the rejection. */
  async write(op: unknown): Promise<{ readonly code: string; readonly data?: unknown }> {
    this.peer.take();
    const seq = ++this.#seq;
    const frames = await this.peer.hear(`[[:sync/write ${text([this.id, seq, [op]])}] nil]`);
    const [rejected] = pushed(frames, "sync/reject") as [number, number, { code: string; data?: unknown }][];
    if (rejected) return rejected[2];
    return pushed(frames, "sync/ack").length ? { code: "stored" } : { code: "nothing" };
  }
}
