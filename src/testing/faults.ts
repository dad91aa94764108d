/**
 * What a simulated network does to its links, as rates; and the drawing of such rates from a seed, so that
 * over many seeds every mix of faults occurs ("swarm").
 *
 * Always: the calm network loses nothing and still takes time.
 */
import type { Rng } from "./rng.ts";

export interface Faults {
  /** Mean of an exponential latency, one way. */
  readonly latencyMs: number;
  /** How often a frame takes `tailMs` (a mean, too) longer. */
  readonly tailChance: number;
  readonly tailMs: number;
  /** What a link carries. */
  readonly bytesPerMs: number;
  /** Bytes that `send` takes before it returns false. */
  readonly bufferBytes: number;
  /** How often frames that arrived together are told in steps of their own. */
  readonly splitChance: number;
  /** Mean life of a link before the network breaks it; 0: never. */
  readonly cutEveryMs: number;
  /** How often a broken link is half-open: one way goes nowhere, and nobody is told. */
  readonly halfOpenChance: number;
  /** How often one end is not told of a cut. */
  readonly untoldChance: number;
  /** Mean time between freezes of a link, and their mean length; 0: never. */
  readonly clogEveryMs: number;
  readonly clogMs: number;
  /** How often a new link carries only `slowBytesPerMs`. */
  readonly slowChance: number;
  readonly slowBytesPerMs: number;
  readonly refuseChance: number;
  /** How often a connect never ends. */
  readonly hangChance: number;
  /** A transport that its owner closed or dropped still tells what was on its way, until `onClose`. */
  readonly lateWords: boolean;
}

export const calm: Faults = {
  latencyMs: 1,
  tailChance: 0,
  tailMs: 0,
  bytesPerMs: 1_000_000,
  bufferBytes: 65_536,
  splitChance: 0,
  cutEveryMs: 0,
  halfOpenChance: 0,
  untoldChance: 0,
  clogEveryMs: 0,
  clogMs: 0,
  slowChance: 0,
  slowBytesPerMs: 0,
  refuseChance: 0,
  hangChance: 0,
  lateWords: false,
};

/** Rates for one seed: each fault is there or not, and mild or harsh. */
export function swarmFaults(rng: Rng): Faults {
  const maybe = (values: readonly number[]): number => (rng.chance(0.5) ? rng.pick(values) : 0);
  return {
    latencyMs: rng.pick([0.1, 1, 10, 80]),
    tailChance: maybe([0.01, 0.1]),
    tailMs: rng.pick([100, 1000]),
    bytesPerMs: rng.pick([1_000_000, 100]),
    bufferBytes: rng.pick([65_536, 4096, 200]),
    splitChance: maybe([0.1, 0.5, 1]),
    cutEveryMs: maybe([500, 3000, 20_000]),
    halfOpenChance: maybe([0.1, 0.5]),
    untoldChance: maybe([0.1, 0.5]),
    clogEveryMs: maybe([1000, 10_000]),
    clogMs: rng.pick([50, 1000, 10_000]),
    slowChance: maybe([0.1, 0.5]),
    slowBytesPerMs: rng.pick([0, 0.5, 5]),
    refuseChance: maybe([0.1, 0.5]),
    hangChance: maybe([0.05, 0.2]),
    lateWords: rng.chance(0.5),
  };
}
