/**
 * A simulated world: a server, its clients, their network, disks and clocks, all from one seed, in one process.
 *
 * Always: nothing happens but while `advance`, `settle` or `until` run; after `heal` no fault happens any more, and whoever was
 * down is up again.
 * Rules: docs/protocol/transports.md SIM1-SIM20.
 */
import type { Client } from "../client/client.ts";
import type { ClientOptions } from "../client/options.ts";
import { syncStatus } from "../client/sync-status.ts";
import { SyncError } from "../core/errors.ts";
import type { AnyEvents } from "../core/events.ts";
import type { User } from "../core/register.ts";
import type { ServerOptions } from "../server/options.ts";
import type { Server } from "../server/server.ts";
import { edn } from "../wire/edn.ts";
import { ownBudget } from "../wire/packer.ts";
import { durationMs } from "./duration.ts";
import { type Faults, swarmFaults } from "./faults.ts";
import { memoryNetwork, type Network } from "./memory-network.ts";
import { SimulatedClient } from "./simulated-client.ts";
import { SimulatedServer } from "./simulated-server.ts";
import { SimulatedStore } from "./simulated-store.ts";
import { type VirtualClock, type VirtualClockOptions, virtualClock } from "./virtual-clock.ts";

export interface WorldOptions<S, C, M> {
  readonly seed: number | string;
  /** What the test knows: expectations, notes, receipts. Made anew for each run. */
  readonly model?: (clock: VirtualClock) => M;
  /** Puts the application on a server, in each of its lives; what it returns is `world.server.app`. */
  readonly install: (sync: Server, model: M) => S;
  /** What the application waits for before it counts as started; where that rejects, the server is started again. */
  readonly ready?: (app: S) => Promise<unknown>;
  /** What a page does with its client, in each of its lives; what it returns is the `app` of `world.client(…)`. */
  readonly open?: (client: Client, context: { readonly model: M; readonly page: SimulatedClient<unknown> }) => C;
  readonly server?: Omit<ServerOptions<AnyEvents>, "env" | "storage" | "onError">;
  readonly client?: Omit<ClientOptions, "env" | "connector" | "storage">;
  /** Clients keep their writes, as with `indexedDb()`: what is not answered when a page vanishes, the next one finishes. */
  readonly outbox?: boolean | { readonly meanSaveMs: number };
  /** The server's storage: a log on a simulated disk. Default: none, all is in memory. */
  readonly storage?: boolean | { readonly latencyMs?: number; readonly segmentBytes?: number };
  /** Of network and disk. Default: none. */
  readonly faults?: "swarm" | { readonly network?: Partial<Faults> | "swarm"; readonly disk?: boolean };
  /** What a server or client reported: an error in a listener or handler, a disk that fails. Default: the run fails. */
  readonly onError?: (error: unknown, where: string) => void;
  readonly onTrace?: VirtualClockOptions["onTrace"];
  /** What of the application is not yet as it should be when all is settled. */
  readonly unsettled?: (world: World<S, C, M>) => string | undefined;
  /** Called between any two steps. */
  readonly always?: (world: World<S, C, M>) => void;
}

/** What of a topic is in the server's log, read back from its disk. */
export interface StoredTopic {
  readonly epoch: string;
  readonly first: number;
  readonly entries: readonly unknown[];
}

export interface World<S, C, M> {
  readonly clock: VirtualClock;
  readonly network: Network;
  readonly server: SimulatedServer<S>;
  readonly clients: readonly SimulatedClient<C>[];
  readonly model: M;
  /** Rare states that were reached, and how often: `reached` counts them. */
  readonly states: Readonly<Record<string, number>>;
  /** Opens a page; `like`: for the user of another one, with a copy of what that has kept. */
  client(options?: { readonly name?: string; readonly user?: User; readonly like?: SimulatedClient<C> }): SimulatedClient<C>;
  /** Lets so much time pass: milliseconds, or as text `"10m"`. */
  advance(time: number | string): Promise<void>;
  /** Lets time pass until all clients that are not offline have been connected, with no write pending, for a second; rejects after `within` (60 s). */
  settle(within?: number | string): Promise<void>;
  /** Lets time pass until the promise is settled. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Ends all faults. */
  heal(): void;
  /** Runs something after so long, unless the world was healed meanwhile. */
  later(delayMs: number, run: () => void): void;
  jumpClock(node: string, byMs: number): void;
  reached(state: string): void;
  /** Kills the server and reads from its disk what a next one would find. */
  stored(topic: string): Promise<StoredTopic>;
}

/** What lasts so long is settled. */
const quietMs = 1000;
const pollMs = 100;

export function createWorld<S, C, M>(options: WorldOptions<S, C, M>): World<S, C, M> {
  const { seed, install, open, storage = false, faults = {}, onTrace, always } = options;
  const rates = faults === "swarm" ? ({ network: "swarm", disk: true } as const) : faults;
  const failed = (error: unknown): void => void clock.schedule("world", 0, "reported", () => thrown(error));
  const clock = virtualClock({ seed, ...(onTrace && { onTrace }), ...(always && { betweenSteps: () => always(world) }) });
  const network = memoryNetwork({
    clock,
    faults: rates.network === "swarm" ? swarmFaults(clock.rng.fork("swarm")) : (rates.network ?? {}),
  });
  const model = options.model?.(clock) as M;
  const clients: SimulatedClient<C>[] = [];
  const offsets = new Map<string, number>();
  const states: Record<string, number> = {};
  let heals = 0;

  const report = (error: unknown, where: string): void => {
    clock.trace("world", `reported at ${where}: ${String(error)}`);
    try {
      if (!options.onError) throw new SyncError("invalid", `Reported at ${where}: ${String(error)}`, { cause: error });
      options.onError(error, where);
    } catch (unexpected) {
      // Whoever reported it might swallow what is thrown here.
      failed(unexpected);
    }
  };
  const later = (delayMs: number, run: () => void): void => {
    const before = heals;
    clock.schedule("world", delayMs, "later", () => {
      if (heals === before) run();
    });
  };
  const server = new SimulatedServer<S>({
    clock,
    network,
    options: options.server ?? {},
    disk: storage
      ? { isFaulty: rates.disk ?? false, latencyMs: 0, segmentBytes: 1 << 24, ...(storage === true ? {} : storage) }
      : undefined,
    install: (sync) => install(sync, model),
    ready: async (app) => options.ready?.(app),
    reached: (state) => world.reached(state),
    userOf: (url) => clients.find(({ name }) => name === url.searchParams.get("as"))?.user,
    later,
    report,
  });

  /** What is not as it should be when all is quiet. */
  const unsettled = (): string | undefined => {
    if (!server.isReady) return server.isUp ? "the server is starting" : "the server is down";
    for (const each of clients) {
      if (each.isOffline) continue;
      if (!each.isUp) return `${each.name} is gone`;
      const { name, reason } = each.client.status.get();
      if (name !== "connected") return `${each.name} is ${name}${reason === undefined ? "" : ` (${reason})`}`;
      const { pending } = syncStatus(each.client).get();
      if (pending) return `${each.name} waits for the answers to ${pending} writes`;
    }
    return options.unsettled?.(world);
  };

  const world: World<S, C, M> = {
    clock,
    network,
    server,
    clients,
    model,
    states,
    client({ name = `client${clients.length}`, like, user = like?.user ?? { id: name } } = {}) {
      const { outbox } = options;
      const meanSaveMs = typeof outbox === "object" ? outbox.meanSaveMs : 1;
      const client = new SimulatedClient<C>(name, user, {
        store: like?.store?.copy() ?? (outbox ? new SimulatedStore(clock.rng.fork(`store/${name}`), meanSaveMs) : undefined),
        clock,
        network,
        options: options.client ?? {},
        open: (opened, page) => open?.(opened, { model, page }) as C,
        later,
        report,
      });
      clients.push(client);
      return client;
    },
    async advance(time) {
      await clock.advance(durationMs(time));
    },
    async settle(within = 60_000) {
      const endMs = clock.nowMs + durationMs(within);
      let sinceMs = clock.nowMs;
      for (let why = unsettled(); why !== undefined || clock.nowMs - sinceMs < quietMs; why = unsettled()) {
        if (clock.nowMs >= endMs) throw new SyncError("timeout", `Not settled: ${why ?? "not for a second"}.`);
        await clock.advance(pollMs);
        if (why !== undefined) sinceMs = clock.nowMs;
      }
    },
    async until(promise) {
      let isOver = false;
      const over = (): void => void (isOver = true);
      promise.then(over, over);
      while (!isOver) await clock.advance(1);
      return promise;
    },
    heal() {
      heals++;
      network.heal();
      server.heal();
      for (const client of clients) client.heal();
    },
    later,
    jumpClock(node, byMs) {
      const offsetMs = (offsets.get(node) ?? 0) + byMs;
      offsets.set(node, offsetMs);
      clock.setClock(node, { offsetMs });
    },
    reached: (state) => void (states[state] = (states[state] ?? 0) + 1),
    async stored(topic) {
      const { storage: own } = server;
      if (!own) throw new SyncError("unsupported", "This world has no storage.");
      server.crash("kill");
      const read = async (): Promise<StoredTopic> => {
        const log = await own.open({ env: clock.envFor("reader"), report });
        const opened = await log.open(topic, { retention: everything, durability: "strict" });
        const { position, first } = opened;
        const entries: unknown[] = [];
        while (first + entries.length <= position.offset) {
          const records = await opened.read(first + entries.length, everything);
          if (!records.length) throw new SyncError("damaged", `"${topic}" has not all the records that it says.`);
          for (const { entry } of records) entries.push(kept.unpack(entry, ownBudget));
        }
        await log.close();
        return { epoch: position.epoch, first, entries };
      };
      return world.until(read());
    },
  };
  server.start();
  return world;
}

const kept = edn();
const everything = {
  maxEntries: Number.MAX_SAFE_INTEGER,
  maxBytes: Number.POSITIVE_INFINITY,
  maxAgeMs: Number.POSITIVE_INFINITY,
};

function thrown(error: unknown): never {
  throw error;
}
