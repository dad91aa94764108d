/**
 * One simulated connection: two ends, each a Transport, and a pipe in either direction. Everything that happens
 * to it, connecting and closing included, travels through the pipes, so every order that a real network could
 * show can occur, and no other.
 *
 * Always: an end whose node crashed says nothing; an end told of a cut hears it after what still arrived.
 */
import { receivedData } from "../transport/memory.ts";
import type { Frame, Transport, TransportHandlers } from "../transport/transport.ts";
import type { Faults } from "./faults.ts";
import { Pipe } from "./pipe.ts";
import type { Rng } from "./rng.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** How often each fault really happened. */
export interface FaultCounts {
  connects: number;
  refused: number;
  hung: number;
  cuts: number;
  halfOpens: number;
  /** Ends that a cut or a crash did not tell. */
  untold: number;
  clogs: number;
  slowed: number;
  crashes: number;
  /** Sends that found the buffer full. */
  blocked: number;
  /** Frames lost with the link they were on. */
  lost: number;
  /** Frames given to a half-open link. */
  vanished: number;
  tails: number;
  splits: number;
  /** Frames told after their transport's own close. */
  lateWords: number;
}

/** What the ends need of their network. */
export interface LinkWorld {
  readonly clock: VirtualClock;
  readonly counts: FaultCounts;
  faults(): Faults;
  /** Of a node, as directed faults set it. */
  bytesPerMs(node: string): number;
  frozenUntilMs(node: string): number;
  /** A connect has arrived. */
  onConnect(link: Link): void;
}

type Item =
  | { readonly type: "connect" | "accepted" | "refused" | "reset" }
  | { readonly type: "frame"; readonly frame: Frame }
  | { readonly type: "close" | "closed"; readonly code: number; readonly reason: string };

/** Of a frame's header; so that an empty frame takes time, too. */
const headerBytes = 4;
const closeTimeoutMs = 2000;

export class Link {
  readonly world: LinkWorld;
  readonly rng: Rng;
  readonly url: string;
  readonly client: End;
  readonly server: End;
  bytesPerMs: number = Number.POSITIVE_INFINITY;
  frozenUntilMs = 0;

  constructor(world: LinkWorld, rng: Rng, url: string, nodes: { readonly client: string; readonly server: string }) {
    this.world = world;
    this.rng = rng;
    this.url = url;
    this.client = new End(this, nodes.client);
    this.server = new End(this, nodes.server);
    this.client.peer = this.server;
    this.server.peer = this.client;
    this.client.out = this.createPipe(this.client, this.server, "up");
    this.server.out = this.createPipe(this.server, this.client, "down");
  }

  get ends(): readonly [End, End] {
    return [this.client, this.server];
  }

  /** Nothing can happen on it any more. */
  get isOver(): boolean {
    return this.client.isOver && (this.server.isOver || (this.server.isOpening && this.client.out.isEmpty));
  }

  /** Breaks the link; each end in `told` hears of it, if it is still there. */
  cut(told: readonly End[]): void {
    for (const end of this.ends) this.silence(end.peer, told.includes(end));
    this.world.counts.untold += 2 - told.length;
  }

  /** Kills the pipe out of `from`. */
  silence(from: End, isTold: boolean): void {
    this.world.counts.lost += from.out.kill(isTold ? { type: "reset" } : undefined);
    from.watchDrain();
  }

  /** To be called when rates or freezes have changed. */
  replan(): void {
    for (const end of this.ends) {
      end.out.replan();
      end.watchDrain();
    }
  }

  private createPipe(from: End, to: End, direction: string): Pipe<Item> {
    const { world } = this;
    const rng = this.rng.fork(direction);
    const latencies = rng.fork("latency");
    const splits = rng.fork("split");
    return new Pipe<Item>({
      clock: world.clock,
      rng: rng.fork("loss"),
      to: to.node,
      deliver: (item) => to.receive(item),
      conditions: {
        bytesPerMs: () =>
          to.isPaused
            ? 0
            : Math.min(world.faults().bytesPerMs, this.bytesPerMs, world.bytesPerMs(from.node), world.bytesPerMs(to.node)),
        latencyMs: () => {
          const { latencyMs, tailChance, tailMs } = world.faults();
          const isTail = latencies.chance(tailChance);
          if (isTail) world.counts.tails++;
          return latencies.exponential(latencyMs) + (isTail ? latencies.exponential(tailMs) : 0);
        },
        frozenUntilMs: () =>
          to.isPaused
            ? Number.POSITIVE_INFINITY
            : Math.max(this.frozenUntilMs, world.frozenUntilMs(from.node), world.frozenUntilMs(to.node)),
        isOneRead: () => {
          const isSplit = splits.chance(world.faults().splitChance);
          if (isSplit) world.counts.splits++;
          return !isSplit;
        },
      },
    });
  }
}

/** How a client's end tells that it opened, or did not. */
export interface Opening {
  onOpen(transport: Transport): void;
  onFail(reason: string): void;
}

export class End implements Transport {
  readonly name = "simulated";
  /** Of a server's end: until it is accepted, whoever was to accept it when the link was made. */
  node: string;
  readonly link: Link;
  handlers!: TransportHandlers;
  peer!: End;
  out!: Pipe<Item>;
  opening: Opening | undefined;
  isPaused = false;
  private state: "opening" | "open" | "closing" | "over" = "opening";
  private isBlocked = false;
  private gathered: Frame[] | undefined;
  private stopWatching: (() => void) | undefined;

  constructor(link: Link, node: string) {
    this.link = link;
    this.node = node;
  }

  get isOver(): boolean {
    return this.state === "over";
  }

  get isOpening(): boolean {
    return this.state === "opening";
  }

  get bufferedBytes(): number {
    const gathered = this.gathered ?? [];
    return gathered.reduce((bytes, frame) => bytes + frame.data.length + headerBytes, this.out.bufferedBytes);
  }

  send(frame: Frame): boolean {
    if (this.state !== "open") return true;
    if (this.gathered) this.gathered.push(frame);
    else this.put(frame);
    return this.hasRoom();
  }

  cork(): void {
    this.gathered ??= [];
  }

  uncork(): boolean {
    const frames = this.gathered ?? [];
    this.gathered = undefined;
    if (this.state === "open") for (const frame of frames) this.put(frame);
    return this.hasRoom();
  }

  pause(): void {
    this.isPaused = true;
    this.link.replan();
  }

  resume(): void {
    this.isPaused = false;
    this.link.replan();
  }

  close(code = 1000, reason = ""): void {
    if (this.state !== "open") return;
    this.uncork();
    this.state = "closing";
    this.out.put({ type: "close", code, reason }, headerBytes);
    this.later(closeTimeoutMs, () => this.drop());
  }

  terminate(): void {
    if (this.state === "over") return;
    this.state = "closing";
    this.gathered = undefined;
    const { counts, faults } = this.link.world;
    counts.lost += this.out.kill({ type: "reset" });
    this.later(faults().lateWords ? this.link.rng.exponential(faults().latencyMs) : 0, () => this.finish(1006, ""));
  }

  /** The client begins. */
  connect(opening: Opening): void {
    this.opening = opening;
    this.out.put({ type: "connect" }, headerBytes);
  }

  /** The client gives up an opening. */
  cancel(): void {
    if (this.state !== "opening") return;
    this.state = "over";
    this.out.kill({ type: "reset" });
  }

  /** The server takes what came. */
  accept(): void {
    this.state = "open";
    this.out.put({ type: "accepted" }, headerBytes);
  }

  refuse(): void {
    this.state = "over";
    this.out.put({ type: "refused" }, headerBytes);
  }

  /** The node is gone, and this end with it. */
  crash(): void {
    this.state = "over";
  }

  receive(item: Item): void {
    const { clock, counts, faults, onConnect } = this.link.world;
    clock.trace(this.node, item.type);
    if (this.state === "over") return;
    switch (item.type) {
      case "connect":
        onConnect(this.link);
        break;
      case "accepted":
        this.state = "open";
        this.opening?.onOpen(this);
        break;
      case "refused":
      case "reset":
        this.finish(1006, item.type);
        break;
      case "frame": {
        const data = receivedData(item.frame);
        clock.trace(this.node, typeof data === "string" ? data.slice(0, 256) : `${data.length} bytes`);
        if (this.state === "closing") {
          if (!faults().lateWords) break;
          counts.lateWords++;
        }
        this.handlers.onFrame(data);
        break;
      }
      case "close":
        if (this.state === "open") this.out.put({ type: "closed", code: item.code, reason: item.reason }, headerBytes);
        this.finish(item.code, item.reason);
        break;
      case "closed":
        this.finish(item.code, item.reason);
        break;
    }
  }

  /** Looks again when the buffer will be empty; to be called when that may have changed. */
  watchDrain(): void {
    this.stopWatching?.();
    const inMs = this.out.drainedAtMs - this.link.world.clock.nowMs;
    if (!this.isBlocked || !Number.isFinite(inMs)) return;
    this.stopWatching = this.later(inMs, () => {
      this.isBlocked = false;
      if (this.state === "open") this.handlers.onDrain?.();
    });
  }

  private put(frame: Frame): void {
    if (!this.out.put({ type: "frame", frame }, frame.data.length + headerBytes)) this.link.world.counts.vanished++;
  }

  private hasRoom(): boolean {
    const { counts, faults } = this.link.world;
    if (!this.isBlocked && this.out.bufferedBytes > faults().bufferBytes) {
      this.isBlocked = true;
      counts.blocked++;
    }
    if (this.isBlocked) this.watchDrain();
    return !this.isBlocked;
  }

  private drop(): void {
    if (this.state === "over") return;
    this.link.world.counts.lost += this.out.kill({ type: "reset" });
    this.finish(1006, "");
  }

  private finish(code: number, reason: string): void {
    if (this.state === "over") return;
    const wasOpening = this.state === "opening";
    this.state = "over";
    this.stopWatching?.();
    if (!wasOpening) this.handlers.onClose(code, reason);
    else this.opening?.onFail(reason);
  }

  private later(delayMs: number, run: () => void): () => void {
    return this.link.world.clock.schedule(this.node, delayMs, this.name, run);
  }
}
