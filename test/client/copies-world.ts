/** Pages of one device that read a topic of any kind with a value, around one server in virtual time. */
import { defineAtom, defineShared, defineStore, defineTopic, type Ref } from "sente-sync";
import { atom, type ClientOptions, createClient, shared, store, topic, type ValueHandle } from "sente-sync/client";
import { type OutboxOptions, outbox } from "sente-sync/client/outbox";
import { fold } from "sente-sync/kinds";
import {
  type ServerOptions,
  atom as serveAtom,
  topic as serveOwn,
  shared as serveShared,
  store as serveStore,
} from "sente-sync/server";
import { onTestFinished } from "vitest";
import { createWorld, type World } from "../server/world.ts";
import { createLies, type Lies } from "./lying-connector.ts";
import { MemoryDisk } from "./outbox-world.ts";

/** A list that grows, as each kind has it. */
export interface Kept {
  readonly name: string;
  /** Adds a word on the server. */
  serve(world: World, options?: Served): (word: string) => void;
  open(client: object, version?: number): ValueHandle<unknown>;
  /** Default true. */
  readonly hasVersions?: false;
  /** The words. */
  read(handle: ValueHandle<unknown>): readonly string[] | undefined;
  /** Adds a word from here. Undefined: only the server does. */
  add?: (handle: ValueHandle<unknown>, word: string) => void;
}
export interface Served {
  readonly authorize?: (question: { readonly action: string; readonly user: { readonly id: string } }) => boolean;
}

type Words = { readonly [word: string]: true };
const empty: Words = {};
const wordsOf = (value: unknown): string[] | undefined => (value ? Object.keys(value) : undefined);

const atomRef = (version?: number): Ref<"atom", Words> => defineAtom("list", { initial: empty, ...(version && { version }) });
const sharedRef = (version?: number): Ref<"shared", Words> =>
  defineShared("list", { initial: empty, ...(version && { version }) });
const storeRef = (version?: number) =>
  defineStore("list", {
    initial: [] as string[],
    mutations: { add: (draft, word: string) => void draft.push(word) },
    ...(version && { version }),
  });

const ownRef = defineTopic(
  "list",
  fold({
    initial: [] as readonly string[],
    decide: (_, word: string) => word,
    evolve: (list, word: string) => [...list, word],
  }),
);

export const kinds: readonly Kept[] = [
  {
    name: "atom",
    serve(world, options) {
      const list = serveAtom(world.sync, atomRef(), options as never);
      return (word) => list.update((draft) => void ((draft as Record<string, true>)[word] = true));
    },
    open: (client, version) => atom(client, atomRef(version)),
    read: (handle) => wordsOf(handle.get()),
  },
  {
    name: "shared",
    serve(world, options) {
      const list = serveShared(world.sync, sharedRef(), options as never);
      return (word) => void list.set([word], true);
    },
    open: (client, version) => shared(client, sharedRef(version)),
    read: (handle) => wordsOf(handle.get()),
    add: (handle, word) => void (handle as ReturnType<typeof shared<Words>>).set([word], true),
  },
  {
    name: "store",
    serve(world, options) {
      const list = serveStore(world.sync, storeRef(), options as never);
      return (word) => void list.do.add(word);
    },
    open: (client, version) => store(client, storeRef(version)) as ValueHandle<unknown>,
    read: (handle) => handle.get() as string[] | undefined,
    add: (handle, word) => void (handle as unknown as { do: { add(word: string): void } }).do.add(word),
  },
  {
    name: "own",
    serve(world, options) {
      const list = serveOwn(world.sync, ownRef, options as never);
      return (word) => void list.send(word);
    },
    hasVersions: false,
    open: (client) => topic(client, ownRef),
    read: (handle) => handle.get() as string[] | undefined,
    add: (handle, word) => void (handle as ReturnType<typeof topic<readonly string[], string>>).send(word),
  },
];

export interface Opened {
  readonly client: ReturnType<World["client"]>;
  readonly handle: ValueHandle<unknown>;
  readonly words: readonly string[] | undefined;
  readonly status: string;
  readonly causes: string[];
  readonly lies: Lies;
  /** What the server said that has this in it. */
  heard(what: string): readonly string[];
  online(): void;
  /** Ends without a word: what it keeps stays as it is now, and is free. */
  kill(): void;
}

export interface OpenOptions extends Omit<OutboxOptions, "user"> {
  /** What the options say. Default: Ada. */
  readonly user?: string | undefined;
  /** Who the server says that it is. Default: `user`. */
  readonly as?: string;
  readonly offline?: boolean;
  readonly disk?: MemoryDisk;
  /** False: it opens the list later. */
  readonly reads?: boolean;
  readonly version?: number;
  readonly client?: ClientOptions;
}

export interface DeviceWorld extends World {
  readonly disk: MemoryDisk;
  /** A page that reads the list. */
  open(options?: OpenOptions): Promise<Opened>;
}

export function createDevice(kind: Kept, seed = 1): DeviceWorld {
  const authenticate: ServerOptions["authenticate"] = ({ url }) => ({ id: url.searchParams.get("user") ?? "nobody" });
  const world = createWorld({ authenticate }, seed);
  const device = new MemoryDisk();
  return Object.assign(world, {
    disk: device,
    async open(given: OpenOptions = {}): Promise<Opened> {
      const { as, offline = false, disk = device, version, client: more, reads = true, user: _, ...options } = given;
      const user = "user" in given ? given.user : "ada";
      const { store: rows, die } = disk.store();
      const lies = createLies(world.connector);
      lies.refuse = offline;
      const frames: string[] = [];
      lies.hear = (frame) => {
        frames.push(frame);
        return frame;
      };
      const client = createClient(`memory://server/chsk?user=${as ?? user ?? "ada"}`, {
        connector: lies.connector,
        env: world.env,
        onError: (error: unknown, where: string) => void world.errors.push({ error, where }),
        storage: outbox(rows, { ...options, ...(user !== undefined && { user }) }),
        ...more,
      });
      onTestFinished(() => client.close());
      const handle = reads ? kind.open(client, version) : (undefined as never);
      const causes: string[] = [];
      if (reads) handle.listen((_, { cause }) => void causes.push(cause));
      await world.settle();
      return {
        client,
        handle,
        get words() {
          return kind.read(handle);
        },
        get status() {
          return handle.status.get();
        },
        causes,
        lies,
        heard: (what) => frames.filter((frame) => frame.includes(what)),
        online() {
          lies.refuse = false;
          client.reconnect();
        },
        kill() {
          die();
          lies.refuse = true;
          lies.cut();
          client.close();
        },
      };
    },
  });
}
