/**
 * A network between the nodes of a virtual clock: servers listen, clients connect, and faults happen, either
 * directed by a test or drawn from the seed.
 *
 * Always: a link is FIFO and reliable while it lives; `counts` says how often each fault really happened; after
 * `heal` no fault happens any more, and every link that has lost something is cut and its ends told.
 * Rules: docs/protocol/transports.md SIM7-SIM16.
 */
import type { Env } from "../core/env.ts";
import type { Unsubscribe } from "../core/store.ts";
import type { Connector, Transport } from "../transport/transport.ts";
import { calm, type Faults, swarmFaults } from "./faults.ts";
import { type End, type FaultCounts, Link, type LinkWorld } from "./link.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface NetworkOptions {
  readonly clock: VirtualClock;
  /** `swarm`: rates drawn from the clock's seed. Default: the calm network, with what is given here changed. */
  readonly faults?: Partial<Faults> | "swarm";
}

/** Which ends of a cut link hear of it: that of the named node, the other, both or none. */
export type Told = "both" | "near" | "far" | "none";

export interface Network {
  /** Serves connects to `address`, the host of their url, as the node of `env`, until that crashes. */
  listen(address: string, onConnection: (transport: Transport, url: string) => void, env: Env): Unsubscribe;
  /** Connects as the node, in its present life: after a crash this connector opens nothing more. */
  connector(node: string): Connector;
  /** Breaks the node's links, or all; what is on its way is lost from some point on. */
  cut(node?: string, told?: Told): void;
  /** One way of the node's links goes nowhere from now on; nobody is told. */
  halfOpen(node: string, way: "in" | "out"): void;
  /** Nothing to or from the node moves for a while; then all of it does. */
  clog(node: string, forMs: number): void;
  /** The links that the node has now are frozen for a while; those that it opens meanwhile are not. */
  stall(node: string, forMs: number): void;
  /** What the node sends and receives moves at `bytesPerMs`; 0: not at all, infinite: as before. */
  slow(node: string, bytesPerMs: number): void;
  refuse(address: string, isRefusing: boolean): void;
  /** Connects to `address` never end. */
  hang(address: string, isHanging: boolean): void;
  /** Drops all of the node, timers and links, without a word to it; the other ends hear of it, or not. */
  crash(node: string, told?: "far" | "none"): void;
  heal(): void;
  readonly faults: Faults;
  readonly counts: Readonly<FaultCounts>;
  /** Links on which something can still happen. */
  readonly openLinks: number;
}

interface Listener {
  readonly node: string;
  onConnection(transport: Transport, url: string): void;
}

/** A network without listeners or links. */
export function memoryNetwork({ clock, faults: wanted = {} }: NetworkOptions): Network {
  const rng = clock.rng.fork("network");
  let faults: Faults = wanted === "swarm" ? swarmFaults(rng.fork("swarm")) : { ...calm, ...wanted };
  const counts = createCounts();
  const listeners = new Map<string, Listener>();
  const links = new Set<Link>();
  const connects = new Map<string, number>();
  const rates = new Map<string, number>();
  const clogs = new Map<string, number>();
  const refusing = new Set<string>();
  const hanging = new Set<string>();
  const crashes = rng.fork("crash");

  const addressOf = (url: string): string => new URL(url).host;
  const linksOf = (node?: string): { link: Link; near: End; far: End }[] => {
    const found = [];
    for (const link of [...links]) {
      if (link.isOver) links.delete(link);
      else if (node === undefined || link.client.node === node) found.push({ link, near: link.client, far: link.server });
      else if (link.server.node === node) found.push({ link, near: link.server, far: link.client });
    }
    return found;
  };
  const replan = (): void => {
    for (const { link } of linksOf()) link.replan();
  };

  const world: LinkWorld = {
    clock,
    counts,
    faults: () => faults,
    bytesPerMs: (node) => rates.get(node) ?? Number.POSITIVE_INFINITY,
    frozenUntilMs: (node) => clogs.get(node) ?? 0,
    onConnect(link) {
      const address = addressOf(link.url);
      const listener = listeners.get(address);
      const draws = link.rng.fork("connect");
      if (hanging.has(address) || draws.chance(faults.hangChance)) {
        counts.hung++;
        link.silence(link.server, false);
      } else if (!listener || refusing.has(address) || draws.chance(faults.refuseChance)) {
        counts.refused++;
        link.server.refuse();
      } else {
        // Another one may listen by now.
        link.server.node = listener.node;
        link.server.accept();
        listener.onConnection(link.server, link.url);
      }
    },
  };

  /** Draws when and how the network will break or freeze a link, and does it if it is still there. */
  const afflict = (link: Link): void => {
    const draws = link.rng.fork("faults");
    const often = (everyMs: () => number, what: string, run: () => void): void => {
      if (everyMs() <= 0) return;
      const strike = (): void => {
        if (link.isOver || everyMs() <= 0) return;
        run();
        often(everyMs, what, run);
      };
      clock.schedule(link.client.node, draws.exponential(everyMs()), what, strike, { background: true });
    };
    often(
      () => faults.cutEveryMs,
      "cut",
      () => {
        if (draws.chance(faults.halfOpenChance)) {
          counts.halfOpens++;
          link.silence(draws.pick(link.ends), false);
        } else {
          counts.cuts++;
          link.cut(draws.chance(faults.untoldChance) ? [draws.pick(link.ends)] : link.ends);
        }
      },
    );
    often(
      () => faults.clogEveryMs,
      "clog",
      () => {
        counts.clogs++;
        link.frozenUntilMs = clock.nowMs + draws.exponential(faults.clogMs);
      },
    );
    if (draws.chance(faults.slowChance)) {
      counts.slowed++;
      link.bytesPerMs = faults.slowBytesPerMs;
    }
  };

  const crash = (node: string, isTold: boolean): void => {
    counts.crashes++;
    for (const [address, listener] of [...listeners]) if (listener.node === node) listeners.delete(address);
    for (const { link, near, far } of linksOf(node)) {
      near.crash();
      link.silence(near, isTold);
      link.silence(far, false);
      if (!isTold) counts.untold++;
    }
  };
  let crashIsTold: boolean | undefined;
  clock.onCrash((node) => crash(node, crashIsTold ?? !crashes.chance(faults.untoldChance)));

  return {
    get faults() {
      return faults;
    },
    counts,
    get openLinks() {
      return linksOf().length;
    },
    listen(address, onConnection, env) {
      const node = clock.nodeOf(env);
      const listener = { node, onConnection };
      if (clock.envFor(node) === env) listeners.set(address, listener);
      return () => {
        if (listeners.get(address) === listener) listeners.delete(address);
      };
    },
    connector(node) {
      const life = clock.envFor(node);
      return {
        name: "simulated",
        open(url, events) {
          if (clock.envFor(node) !== life) return { cancel() {} };
          const address = addressOf(url);
          const count = (connects.get(node) ?? 0) + 1;
          connects.set(node, count);
          counts.connects++;
          const server = listeners.get(address)?.node ?? address;
          const link = new Link(world, rng.fork(`${node}/${count}`), url, { client: node, server });
          links.add(link);
          afflict(link);
          link.client.connect(events);
          return { cancel: () => link.client.cancel() };
        },
      };
    },
    cut(node, told = "both") {
      for (const { link, near, far } of linksOf(node)) {
        counts.cuts++;
        link.cut([...(told === "both" || told === "near" ? [near] : []), ...(told === "both" || told === "far" ? [far] : [])]);
      }
    },
    halfOpen(node, way) {
      for (const { link, near, far } of linksOf(node)) {
        counts.halfOpens++;
        link.silence(way === "out" ? near : far, false);
      }
    },
    stall(node, forMs) {
      for (const { link } of linksOf(node)) {
        counts.clogs++;
        link.frozenUntilMs = Math.max(link.frozenUntilMs, clock.nowMs + forMs);
        link.replan();
      }
    },
    clog(node, forMs) {
      counts.clogs++;
      clogs.set(node, Math.max(clogs.get(node) ?? 0, clock.nowMs + forMs));
    },
    slow(node, bytesPerMs) {
      counts.slowed++;
      rates.set(node, bytesPerMs);
      replan();
    },
    refuse(address, isRefusing) {
      if (isRefusing) refusing.add(address);
      else refusing.delete(address);
    },
    hang(address, isHanging) {
      if (isHanging) hanging.add(address);
      else hanging.delete(address);
    },
    crash(node, told) {
      crashIsTold = told && told === "far";
      clock.crash(node);
      crashIsTold = undefined;
    },
    heal() {
      faults = calm;
      for (const directed of [rates, clogs, refusing, hanging]) directed.clear();
      for (const { link } of linksOf()) {
        link.bytesPerMs = Number.POSITIVE_INFINITY;
        link.frozenUntilMs = 0;
        if (link.ends.some((end) => end.out.hasDied)) for (const end of link.ends) link.silence(end, true);
      }
      replan();
    },
  };
}

function createCounts(): FaultCounts {
  return {
    connects: 0,
    refused: 0,
    hung: 0,
    cuts: 0,
    halfOpens: 0,
    untold: 0,
    clogs: 0,
    slowed: 0,
    crashes: 0,
    blocked: 0,
    lost: 0,
    vanished: 0,
    tails: 0,
    splits: 0,
    lateWords: 0,
  };
}
