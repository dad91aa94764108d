/**
 * A server in virtual time, raw peers that speak EDN to it by hand, and clients of ours: what most of these tests run in.
 *
 * Always: one node, one clock; nothing happens between two `advance`s, so a test reads what was said at leisure.
 */

import { defineChannel, type } from "sente-sync";
import { type Client, type ClientOptions, createClient } from "sente-sync/client";
import { edn } from "sente-sync/packers/edn";
import { createServer, type Server, type ServerOptions } from "sente-sync/server";
import { type VirtualClock, virtualClock } from "sente-sync/testing";
import { memoryConnector, memoryPair } from "sente-sync/transports/memory";
import { onTestFinished } from "vitest";
import type { Env } from "../../src/core/env.ts";
import type { Connector, Transport } from "../../src/transport/transport.ts";

export interface World {
  readonly clock: VirtualClock;
  readonly env: Env;
  readonly sync: Server;
  /** What the server and the clients had nobody to tell. */
  readonly errors: { readonly error: unknown; readonly where: string }[];
  readonly connector: Connector;
  /** A peer that is written by hand: plain Sente. */
  peer(query?: string): Promise<RawPeer>;
  /** One that offers `sync=1` and has said hello. */
  ours(query?: string, hello?: { readonly session: unknown; readonly token: unknown }): Promise<RawPeer>;
  client(options?: ClientOptions): Client;
  advance(ms: number): Promise<void>;
  /** All that can happen without time passing. */
  settle(): Promise<void>;
}

/** The channel `room`, whose event `said` carries anything. */
export const roomRef = defineChannel("room", { events: { said: type<unknown>() } });

const packer = edn();

export function text(value: unknown): string {
  return packer.pack(value) as string;
}

export function createWorld(options: ServerOptions = {}, seed: number | string = 1): World {
  const clock = virtualClock({ seed });
  const env = clock.envFor("world");
  const errors: World["errors"] = [];
  const onError = (error: unknown, where: string): void => void errors.push({ error, where });
  const sync = createServer({ env, onError, ...options }) as Server;
  const connector = memoryConnector((transport, url) => void sync.accept(transport, url), env);
  const advance = async (ms: number): Promise<void> => void (await clock.advance(ms));
  const clients: Client[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.close();
    await sync.close();
  });
  const world: World = {
    clock,
    env,
    sync,
    errors,
    connector,
    async peer(query = "client-id=raw") {
      const [near, far] = memoryPair(env);
      const peer = new RawPeer(near, world);
      await sync.accept(far, `/chsk?${query}`);
      await advance(0);
      return peer;
    },
    async ours(query = "client-id=raw", hello = { session: null, token: null }) {
      const peer = await world.peer(`${query}&sync=1`);
      peer.take();
      peer.welcome = (await peer.ask("[:sync/hello", `${text({ v: 1, ...hello })}]`)) as Welcome;
      return peer;
    },
    client(clientOptions = {}) {
      const client = createClient("memory://server/chsk", { connector, env, onError, ...clientOptions });
      clients.push(client);
      return client;
    },
    advance,
    settle: () => advance(0),
  };
  return world;
}

export interface Welcome {
  readonly session: string;
  readonly token: string;
  readonly replica: string;
  readonly resumed: boolean;
  readonly boot: string;
  readonly limits: Record<string, number>;
  readonly user: { readonly id: string };
}

/** The client's end of a connection, by hand. */
export class RawPeer {
  readonly transport: Transport;
  /** All frames, as they came. */
  readonly frames: string[] = [];
  readonly closes: { readonly code: number; readonly reason: string }[] = [];
  welcome: Welcome | undefined;
  private readonly world: Pick<World, "settle">;
  private taken = 0;
  private nextCallback = 1;

  constructor(transport: Transport, world: Pick<World, "settle">) {
    this.transport = transport;
    this.world = world;
    transport.handlers = {
      onFrame: (data) => void this.frames.push(data as string),
      onClose: (code, reason) => void this.closes.push({ code, reason }),
    };
  }

  /** Sends text as it is, and lets it have its effect. */
  async say(...texts: string[]): Promise<void> {
    for (const data of texts) this.transport.send({ data, text: true });
    await this.world.settle();
  }

  /** Frames that came since the last call. */
  take(): string[] {
    const taken = this.frames.slice(this.taken);
    this.taken = this.frames.length;
    return taken;
  }

  /** Says and takes. */
  async hear(...texts: string[]): Promise<string[]> {
    await this.say(...texts);
    return this.take();
  }

  /** Sends the event with a callback id; gives the value of the reply, which stays among the frames. */
  async ask(...event: string[]): Promise<unknown> {
    const callback = `cb${this.nextCallback++}`;
    await this.say(`[${event.join(" ")} "${callback}"]`);
    return this.reply(callback);
  }

  reply(callback: string): unknown {
    const messages = this.frames.map((frame) => packer.unpack(frame) as [unknown, unknown]);
    return messages.find(([, id]) => id === callback)?.[0];
  }

  /** Subscribes; the answers, one by one. */
  async subscribe(...items: unknown[]): Promise<Answer[]> {
    return (await this.ask(`[:sync/subscribe ${text(items)}]`)) as Answer[];
  }
}

export interface Answer {
  readonly id: number;
  readonly at: readonly [epoch: string, offset: number];
  readonly recovered: boolean;
  readonly durability: string;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Pushed events named `id` among frames, as the data that they carry. */
export function pushed(frames: readonly string[], id: string): unknown[] {
  return frames.flatMap((frame) => {
    const [events] = packer.unpack(frame) as [unknown];
    if (!Array.isArray(events)) return [];
    return events.flatMap((event: unknown) => (Array.isArray(event) && String(event[0]) === `:${id}` ? [event[1]] : []));
  });
}
