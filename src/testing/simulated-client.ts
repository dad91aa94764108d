/**
 * A client of a simulated world, in its lives: each is a `createClient` that begins with what the storage of the one before has.
 *
 * Always: a life that ended does nothing more; offline, no connect gets through and no line stays.
 * Rules: docs/protocol/transports.md SIM18.
 */
import { type Client, createClient } from "../client/client.ts";
import type { ClientOptions } from "../client/options.ts";
import { outbox } from "../client/outbox.ts";
import { SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import type { Connector } from "../transport/transport.ts";
import type { Network } from "./memory-network.ts";
import type { SimulatedStore } from "./simulated-store.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface SimulatedClientHost<C> {
  readonly clock: VirtualClock;
  readonly network: Network;
  readonly options: ClientOptions;
  /** Undefined: what it has written and was not answered is gone with the page. */
  readonly store: SimulatedStore | undefined;
  open(client: Client, self: SimulatedClient<C>): C;
  later(delayMs: number, run: () => void): void;
  report(error: unknown, where: string): void;
}

const refusedAfterMs = 5;

export class SimulatedClient<C> {
  readonly name: string;
  readonly user: User;
  readonly store: SimulatedStore | undefined;
  /** Lives so far. */
  lives = 0;
  readonly #host: SimulatedClientHost<C>;
  #life: { readonly client: Client; readonly app: C } | undefined;
  #isOffline = false;

  constructor(name: string, user: User, host: SimulatedClientHost<C>) {
    this.name = name;
    this.user = user;
    this.#host = host;
    this.store = host.store;
    this.start();
  }

  get isUp(): boolean {
    return this.#life !== undefined;
  }

  get isOffline(): boolean {
    return this.#isOffline;
  }

  /** The client as it is now. Throws SyncError `closed` while the page is gone. */
  get client(): Client {
    return this.#now.client;
  }

  /** What `open` returned for it. */
  get app(): C {
    return this.#now.app;
  }

  get #now(): { readonly client: Client; readonly app: C } {
    if (!this.#life) throw new SyncError("closed", `${this.name} is gone.`);
    return this.#life;
  }

  start(): void {
    if (this.#life) return;
    this.lives++;
    const { clock, options, open, report } = this.#host;
    const client = createClient(`ws://server/chsk?as=${encodeURIComponent(this.name)}`, {
      onError: (error, where) => report(error, `${this.name}, ${where}`),
      ...options,
      ...(this.store && { storage: outbox(this.store) }),
      env: clock.envFor(this.name),
      connector: this.#connector(),
    });
    this.#life = { client, app: open(client, this) };
  }

  /** The page vanishes, with all that it has not stored, and is opened again. */
  crash(downMs = 0): void {
    if (!this.#life) return;
    this.#life = undefined;
    this.#host.network.crash(this.name);
    this.store?.crash();
    this.#host.later(downMs, () => this.start());
  }

  /** The page closes its client, and is opened again. */
  close(downMs = 0): void {
    this.#life?.client.close();
    this.crash(downMs);
  }

  offline(): void {
    this.#isOffline = true;
    this.cut();
  }

  online(): void {
    this.#isOffline = false;
    this.#life?.client.connect();
  }

  cut(): void {
    this.#host.network.cut(this.name);
  }

  /** Opened, online, and trying. */
  heal(): void {
    this.start();
    this.online();
  }

  #connector(): Connector {
    const { network, clock } = this.#host;
    const inner = network.connector(this.name);
    return {
      name: inner.name,
      open: (url, events) => {
        if (!this.#isOffline) return inner.open(url, events);
        const cancel = clock.schedule(this.name, refusedAfterMs, "offline", () => events.onFail("offline"));
        return { cancel };
      },
    };
  }
}
