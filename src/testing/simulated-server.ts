/**
 * The server of a simulated world, in its lives: each is a `createServer` with the application installed, on the disk that the one
 * before has left.
 *
 * Always: a life that ended does nothing more; a server that cannot open its storage is started again, as a supervisor would.
 * Rules: docs/protocol/transports.md SIM18, SIM20.
 */
import { SyncError } from "../core/errors.ts";
import type { AnyEvents } from "../core/events.ts";
import type { User } from "../core/register.ts";
import type { ServerOptions } from "../server/options.ts";
import { createServer, type Server } from "../server/server.ts";
import type { Transport } from "../transport/transport.ts";
import type { SimulatedDisk } from "./disk.ts";
import { type DiskPlan, swarmDisk } from "./disk-faults.ts";
import { type FaultyStorage, faultyStorage } from "./faulty-storage.ts";
import type { Network } from "./memory-network.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface SimulatedServerHost<S> {
  readonly clock: VirtualClock;
  readonly network: Network;
  readonly options: ServerOptions<AnyEvents>;
  /** Undefined: the server keeps everything in memory. */
  readonly disk: { readonly isFaulty: boolean; readonly latencyMs: number; readonly segmentBytes: number } | undefined;
  install(sync: Server): S;
  /** Rejects where the application cannot start. */
  ready(app: S): Promise<unknown>;
  userOf(url: URL): User | undefined;
  /** Runs unless the world was healed meanwhile. */
  later(delayMs: number, run: () => void): void;
  report(error: unknown, where: string): void;
  reached(state: string): void;
}

const supervisorMs = 500;
/** A polite stop gets so long. */
const stopMs = 1000;

export class SimulatedServer<S> {
  readonly storage: FaultyStorage | undefined;
  /** Lives so far. */
  lives = 0;
  /** Wall clock, ahead of the world's. */
  readonly #host: SimulatedServerHost<S>;
  #life: { readonly sync: Server; readonly app: S; isReady: boolean } | undefined;
  readonly #plan: DiskPlan | undefined;
  #failingSyncs = 0;

  constructor(host: SimulatedServerHost<S>) {
    this.#host = host;
    const { disk, clock } = host;
    if (!disk) return;
    const rng = clock.rng.fork("disk");
    this.#plan = disk.isFaulty ? swarmDisk(rng.fork("plan")) : undefined;
    this.storage = faultyStorage(
      { rng, latencyMs: disk.latencyMs, onCrash: () => this.crash("power", supervisorMs), plan: this.#plan },
      { segmentBytes: disk.segmentBytes },
    );
  }

  get isUp(): boolean {
    return this.#life !== undefined;
  }

  /** Up, and what its `ready` waits for is there. */
  get isReady(): boolean {
    return this.#life?.isReady === true;
  }

  /** The server as it is now. Throws SyncError `closed` while it is down. */
  get sync(): Server {
    return this.#now.sync;
  }

  /** What `install` returned for it. */
  get app(): S {
    return this.#now.app;
  }

  get #now(): { readonly sync: Server; readonly app: S } {
    if (!this.#life) throw new SyncError("closed", "The server is down.");
    return this.#life;
  }

  start(): void {
    if (this.#life) return;
    const { clock, network, options, install, ready, userOf } = this.#host;
    const life = ++this.lives;
    const env = clock.envFor("server");
    const sync: Server = createServer<AnyEvents>({
      ...options,
      env,
      ...(this.storage && { storage: this.storage }),
      onError: (error, where) => {
        if (life !== this.lives) return;
        if (where === "storage") this.#failed(life);
        else if (this.#life) this.#host.report(error, where);
      },
    });
    const own = { sync, app: install(sync), isReady: false };
    this.#life = own;
    ready(own.app).then(
      () => void (own.isReady = true),
      () => this.#failed(life),
    );
    network.listen("server", (transport: Transport, url) => void sync.accept(transport, url, userOf(new URL(url))), env);
  }

  /** `kill`: the process ends. `power`: and what its disk had not synced is lost, or torn. Without `downMs` it stays down. */
  crash(how: "kill" | "power", downMs?: number): void {
    if (!this.#life) return;
    this.#end(how);
    if (downMs !== undefined) this.#host.later(downMs, () => this.start());
  }

  /** Asks it to close, and waits for that a while. */
  stop(downMs?: number): void {
    const { sync } = this.#life ?? {};
    if (!sync) return;
    const life = this.lives;
    let isOver = false;
    const end = (): void => {
      if (isOver || life !== this.lives) return;
      isOver = true;
      this.crash("kill", downMs);
    };
    sync.close().then(end, end);
    this.#host.later(stopMs, end);
  }

  /** Nothing more fits on the disk. */
  fillDisk(): void {
    if (this.storage) this.storage.disk.capacityBytes = 0;
  }

  freeDisk(): void {
    if (this.storage) this.storage.disk.capacityBytes = Number.POSITIVE_INFINITY;
  }

  /** The next syncs fail, and what they should have written is lost. */
  failSyncs(times: number): void {
    if (!this.storage) return;
    this.#failingSyncs = times;
    this.storage.disk.plan = (call) => {
      if (call.operation !== "sync" || this.#failingSyncs === 0) return this.#plan?.(call);
      this.#failingSyncs--;
      return "lie";
    };
  }

  /** No fault any more; one that is down is started. */
  heal(): void {
    if (this.storage) this.storage.disk.plan = undefined;
    this.freeDisk();
    this.start();
  }

  #end(how: "kill" | "power"): void {
    this.#life = undefined;
    const { clock, network } = this.#host;
    network.crash("server");
    const { disk } = this.storage ?? {};
    if (how === "kill") return disk?.kill();
    const before = sizeOf(disk);
    disk?.crash(clock.rng.fork(`power/${this.lives}`));
    if (sizeOf(disk) !== before) this.#host.reached("a loss of power lost what was not synced");
  }

  #failed(life: number): void {
    if (life !== this.lives || !this.#life) return;
    this.#end("kill");
    const { clock } = this.#host;
    clock.schedule("world", supervisorMs, "supervisor", () => this.start());
  }
}

/** Of all files, that is of what a crash left of them. */
function sizeOf(disk: SimulatedDisk | undefined): number {
  let size = 0;
  for (const bytes of disk?.contents().values() ?? []) size += bytes.length;
  return size;
}
