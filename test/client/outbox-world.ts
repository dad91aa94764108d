/**
 * Tabs that share a store, and a server that may be another one: in virtual time.
 *
 * Always: a tab that dies leaves its record as it was at that moment, and the record is free at once.
 */
import { defineChannel, type } from "sente-sync";
import { type Client, type ClientOptions, channel, createClient, rejectedWrites, syncStatus } from "sente-sync/client";
import {
  type OpenOutboxStore,
  type OutboxOptions,
  type OutboxRecord,
  type OutboxStore,
  outbox,
  type RowChange,
} from "sente-sync/client/outbox";
import { createServer, type Server, type ServerOptions, channel as serveChannel } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { memoryConnector } from "sente-sync/transports/memory";
import { onTestFinished } from "vitest";
import type { Env } from "../../src/core/env.ts";
import { SyncError } from "../../src/core/errors.ts";
import type { Schema } from "../../src/core/schema.ts";
import { createLies } from "./lying-connector.ts";

export const roomRef = defineChannel("room", { events: { said: type<unknown>() } });

/** Records and who holds them. */
export class MemoryDisk {
  readonly records = new Map<string, Map<string, string>>();
  readonly holders = new Map<string, object>();
  /** Saves fail with it. */
  fault: Error | undefined;
  /** Opening waits for it. */
  opening: Promise<void> = Promise.resolve();
  /** Reading a record whoever has it waits for it. */
  reading: Promise<void> = Promise.resolve();
  saves = 0;

  /** The same rows, held by nobody. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk();
    for (const [id, rows] of this.records) copy.records.set(id, new Map(rows));
    return copy;
  }

  /** All rows as text. */
  get text(): string {
    return [...this.records.values()].flatMap((rows) => [...rows.values()]).join("\n");
  }

  put(id: string, changes: readonly RowChange[]): void {
    const next = new Map(this.records.get(id));
    for (const [key, value] of changes) value === null ? next.delete(key) : next.set(key, value);
    if (next.size) this.records.set(id, next);
    else this.records.delete(id);
  }

  store(): { readonly store: OutboxStore; readonly die: () => void } {
    const own = new Set<object>();
    let isDead = false;
    const record = (id: string, holder: object): OutboxRecord => {
      const isOurs = (): boolean => !isDead && this.holders.get(id) === holder;
      const rows = (): Map<string, string> => this.records.get(id) ?? new Map<string, string>();
      return {
        load: async () => [...rows()],
        save: async (changes) => {
          if (!isOurs()) throw new SyncError("closed");
          if (this.fault) throw this.fault;
          this.saves++;
          this.put(id, changes);
        },
        release: async () => {
          if (isOurs()) this.holders.delete(id);
        },
        remove: async () => {
          if (!isOurs()) return;
          this.records.delete(id);
          this.holders.delete(id);
        },
      };
    };
    const opened: OpenOutboxStore = {
      list: async (prefix) => [...this.records].filter(([id, rows]) => id.startsWith(prefix) && rows.size).map(([id]) => id),
      claim: async (id) => {
        if (isDead || this.holders.has(id)) return undefined;
        const holder = {};
        this.holders.set(id, holder);
        own.add(holder);
        return record(id, holder);
      },
      read: async (id, key) => {
        await this.reading;
        return [...(this.records.get(id) ?? [])].filter(([found]) => key === undefined || found === key);
      },
      swap: async (id, key, value, changes) => {
        if (isDead) throw new SyncError("closed");
        if (this.fault) throw this.fault;
        const rows = this.records.get(id) ?? new Map<string, string>();
        if ((rows.get(key) ?? null) !== value) return false;
        this.put(id, changes);
        return true;
      },
      close: async () => {},
    };
    return {
      store: { name: "memory", open: () => this.opening.then(() => opened) },
      die: () => {
        isDead = true;
        for (const [id, holder] of this.holders) if (own.has(holder)) this.holders.delete(id);
      },
    };
  }
}

export function createOutboxWorld(options: ServerOptions = {}) {
  const clock = virtualClock({ seed: 1 });
  const env = clock.envFor("world");
  let sync: Server;
  const stored: unknown[] = [];
  const start = (): void => {
    sync = createServer({
      env,
      authenticate: ({ url }) => {
        const id = url.searchParams.get("user");
        return id ? { id } : { id: "", anonymous: true as const };
      },
      ...options,
    }) as Server;
    serveChannel(sync, roomRef).subscribe(({ data }) => void stored.push(data));
  };
  start();
  /** Refuses what it says so of. */
  const validating = (refuses: (message: { readonly data: unknown }) => boolean) => {
    const said: Schema = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (data) => (refuses({ data }) ? { issues: [{ message: "no" }] } : { value: data }),
      },
    };
    const ref = defineChannel("checked", { events: { said } });
    serveChannel(sync, ref);
    return (tab: { readonly client: Client }) => channel(tab.client, ref);
  };
  const advance = async (ms: number): Promise<void> => void (await clock.advance(ms));
  const ends: (() => unknown)[] = [];
  onTestFinished(async () => {
    for (const end of ends) end();
    await advance(0);
    await sync.close();
  });
  return {
    env,
    clock,
    advance,
    validating,
    stored,
    get sync() {
      return sync;
    },
    /** Another one takes its place: nothing of what was is known to it. */
    replaceServer(): void {
      void sync.close();
      start();
    },
    tab(disk?: MemoryDisk, user = "ada", more: Partial<ClientOptions> & { readonly outbox?: OutboxOptions } = {}) {
      return openTab({ env, disk, user, more, accept: (...args) => sync.accept(...args), ends });
    },
  };
}

function openTab({
  env,
  disk,
  user,
  more: { outbox: outboxOptions, ...more },
  accept,
  ends,
}: {
  env: Env;
  disk: MemoryDisk | undefined;
  user: string;
  more: Partial<ClientOptions> & { readonly outbox?: OutboxOptions };
  accept: Server["accept"];
  ends: (() => unknown)[];
}) {
  const opened = disk?.store();
  let name = user;
  const lies = createLies(memoryConnector((transport, url) => void accept(transport, url, name ? { id: name } : undefined), env));
  const errors: string[] = [];
  const client = createClient(`memory://server/chsk?user=${user}`, {
    env,
    connector: lies.connector,
    onError: (error, where) => errors.push(`${where}: ${error instanceof Error ? error.message : String(error)}`),
    ...(opened && { storage: outbox(opened.store, outboxOptions) }),
    ...more,
  });
  const tab = {
    client,
    lies,
    errors,
    room: channel(client, roomRef),
    rejected: rejectedWrites(client),
    get pending() {
      return syncStatus(client).get().pending;
    },
    /** No line, and none to come. */
    offline(): void {
      lies.refuse = true;
      for (const line of lies.lines) line.terminate();
    },
    /** Its acknowledgements get lost. */
    deaf(): void {
      lies.hear = (text) => (text.includes(":sync/ack") || text.includes(":sync/reject") ? undefined : text);
    },
    /** Another user's from the next line on. */
    rename(next: string): void {
      name = next;
    },
    kill(): void {
      opened?.die();
      tab.offline();
      lies.hang = true;
      client.close();
    },
  };
  ends.push(() => client.close());
  return tab;
}

export const codeOf = (receipt: { readonly stored: Promise<void> }): Promise<string> =>
  receipt.stored.then(
    () => "stored",
    (error: { code: string }) => error.code,
  );
