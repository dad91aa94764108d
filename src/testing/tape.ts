/**
 * What one history consists of, as plain data: which faults its network and disk have, and what is done to it when. It is drawn
 * from the seed before anything runs, so that leaving a part out changes nothing about the others.
 *
 * Always: the same options and tape give the same history; a tape survives JSON.
 * Rules: docs/protocol/transports.md SIM17-SIM19.
 */

import { type FaultName, faultNames, faultTable } from "./fault-table.ts";
import { calm, type Faults, swarmFaults } from "./faults.ts";
import type { Rng } from "./rng.ts";

/** One thing that happens: an operation of the workload, or a fault. */
export interface TapeEvent {
  readonly atMs: number;
  readonly name: string;
  /** Which client does it, or meets it. */
  readonly client: number;
  /** What its own randomness is drawn by; stays when others are left out. */
  readonly nth: number;
  /** Of faults: how. */
  readonly fault?: Readonly<Record<string, number | string>>;
}

export interface Tape {
  readonly seed: number | string;
  readonly clients: number;
  readonly network: Faults;
  /** Whether calls to the disk fail now and then, as the seed has it. */
  readonly disk: boolean;
  readonly events: readonly TapeEvent[];
}

/** What a history is to meet. What is absent does not happen. */
export interface FaultRates {
  readonly network?: Partial<Faults>;
  readonly disk?: boolean;
  /** Mean time between faults that strike one node. */
  readonly everyMs?: Readonly<Partial<Record<FaultName, number>>>;
}

export interface TapeOptions {
  readonly seed: number | string;
  readonly clients: number;
  readonly ops: number;
  readonly workload: readonly string[];
  readonly faults: "swarm" | FaultRates;
  /** Faults that cannot happen here. */
  readonly without: readonly FaultName[];
}

/** Each fault is there or not, and rare or frequent. */
export function swarmRates(rng: Rng): FaultRates {
  const everyMs: Partial<Record<FaultName, number>> = {};
  for (const name of faultNames) if (rng.chance(0.5)) everyMs[name] = rng.pick([1500, 5000, 20_000]) * faultTable[name].rarity;
  return { network: swarmFaults(rng.fork("network")), disk: rng.chance(0.5), everyMs };
}

export function drawTape({ seed, rng, clients, ops, workload, faults, without }: TapeOptions & { readonly rng: Rng }): Tape {
  const rates = faults === "swarm" ? swarmRates(rng.fork("rates")) : faults;
  const draws = rng.fork("ops");
  const gapMs = draws.pick([20, 60, 200]);
  // Swarm here, too: each history does without some of the operations.
  const used = workload.filter(() => draws.chance(0.8));
  const names = used.length ? used : workload;
  let atMs = 0;
  const events: TapeEvent[] = Array.from({ length: ops }, (_, nth) => {
    atMs += draws.exponential(gapMs);
    return { atMs: rounded(atMs), name: draws.pick(names), client: draws.int(clients), nth };
  });
  for (const name of faultNames) {
    const everyMs = rates.everyMs?.[name];
    if (everyMs === undefined || without.includes(name)) continue;
    const own = rng.fork(`fault/${name}`);
    for (let at = own.exponential(everyMs); at < atMs; at += own.exponential(everyMs)) {
      events.push({ atMs: rounded(at), name, client: own.int(clients), nth: events.length, fault: faultTable[name].draw(own) });
    }
  }
  events.sort((a, b) => a.atMs - b.atMs || a.nth - b.nth);
  return { seed, clients, network: { ...calm, ...rates.network }, disk: rates.disk ?? false, events };
}

/** As text: one line each. */
export function printTape({ seed, clients, network, disk, events }: Tape): string {
  const changed = Object.entries(network).filter(([name, value]) => value !== calm[name as keyof Faults]);
  return [
    `seed ${seed}, ${clients} clients, network ${changed.length ? JSON.stringify(Object.fromEntries(changed)) : "calm"}, ` +
      `disk ${disk ? "faulty" : "sound"}`,
    ...events.map(
      ({ atMs, name, client, fault }) =>
        `  ${atMs.toFixed(2).padStart(10)} ms  client${client}  ${name}${fault ? ` ${JSON.stringify(fault)}` : ""}`,
    ),
  ].join("\n");
}

const rounded = (ms: number): number => Math.round(ms * 16) / 16;
