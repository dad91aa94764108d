/**
 * Seeded randomness that can be split: every concern draws from its own generator, so that one more draw in
 * one place changes nothing anywhere else.
 *
 * Always: the same seed and names give the same numbers, on every platform; a fork depends on the seed and the
 * name, never on what was drawn before.
 * Rules: docs/protocol/transports.md SIM1. Source: Doty-Humphrey's sfc32, seeded by a 32-bit mixer over FNV-1a.
 */

export interface Rng {
  /** Uniform in [0, 1), 32 bits fine. */
  next(): number;
  /** Uniform in 0 … n - 1. */
  int(n: number): number;
  pick<T>(list: readonly T[]): T;
  /** True with probability `p`; draws also where the answer is certain. */
  chance(p: number): boolean;
  /** Exponentially distributed. */
  exponential(mean: number): number;
  bytes(length: number): Uint8Array;
  /** A generator of its own for `name`. */
  fork(name: string): Rng;
}

/** FNV-1a over UTF-16 code units. */
export function hashText(text: string, hash = 0x811c9dc5): number {
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Every bit of the input touches every bit of the result. */
export function mix32(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
  value = Math.imul(value ^ (value >>> 15), 0x735a2d97);
  return (value ^ (value >>> 15)) >>> 0;
}

/** A generator for `seed`. */
export function createRng(seed: number | string): Rng {
  const name = `${seed}`;
  const start = hashText(name);
  let a = mix32(start);
  let b = mix32(a ^ 0x9e3779b9);
  let c = mix32(b ^ hashText(name, start));
  let counter = 1;
  const draw = (): number => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + result;
    return result >>> 0;
  };
  for (let i = 0; i < 12; i++) draw();
  const next = (): number => draw() / 4_294_967_296;
  const int = (n: number): number => Math.floor(next() * n);
  return {
    next,
    int,
    pick: (list) => list[int(list.length)] as (typeof list)[number],
    chance: (p) => next() < p,
    exponential: (mean) => -mean * Math.log(1 - next()),
    bytes: (length) => Uint8Array.from({ length }, () => int(256)),
    fork: (fork) => createRng(`${name}/${fork}`),
  };
}
