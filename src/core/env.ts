/**
 * The world outside: clock, timers, end of turn, randomness. Nothing below client/ and server/
 * reads them in any other way, so that a simulation can run a whole system from one seed.
 *
 * Always: `monotonicMs` never goes back; a cleared timer never runs; `endOfTurn` runs after the
 * reads of the present turn of the event loop and before it sleeps.
 * Rules: docs/architecture.md "Deterministic by construction".
 */

export type Timer = object | number;

export interface Env {
  /** Wall clock, ms since 1970; may jump. */
  nowMs(): number;
  /** Never goes back; origin unspecified. */
  monotonicMs(): number;
  setTimer(run: () => void, delayMs: number): Timer;
  clearTimer(timer: Timer): void;
  endOfTurn(run: () => void): void;
  /** Uniform in [0, 1). */
  random(): number;
  /** Unpredictable bytes, for ids and secrets. */
  randomBytes(length: number): Uint8Array;
}

const global = globalThis as { setImmediate?: (run: () => void) => unknown };

/** The platform's own clock, timers and randomness. */
export const realEnv: Env = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (run, delayMs) => setTimeout(run, delayMs) as Timer,
  clearTimer: (timer) => clearTimeout(timer as never),
  // Browsers have no setImmediate; a microtask still gathers what one turn sends.
  endOfTurn: (run) => void (global.setImmediate ?? queueMicrotask)(run),
  random: () => Math.random(),
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

/** Calls `run` each time `delayMs` have passed, until called back. */
export function every(env: Env, delayMs: number, run: () => void): () => void {
  let timer: Timer;
  const wait = (): void => {
    timer = env.setTimer(() => {
      wait();
      run();
    }, delayMs);
  };
  wait();
  return () => env.clearTimer(timer);
}

/** `length` random bytes as lower-case hex. */
export function randomHex(env: Env, length: number): string {
  return String.fromCharCode(...hexUnits(env.randomBytes(length)));
}

/** For one flat string: one that is joined piece by piece costs ten times the memory, and a server keeps some for each connection. */
function hexUnits(bytes: Uint8Array): number[] {
  return [...bytes].flatMap((byte) => [byte >> 4, byte & 15]).map((digit) => digit + (digit < 10 ? 48 : 87));
}

/** A UUIDv7: time-ordered, unique, and nobody's identity (rule ID1). Source: RFC 9562 section 5.7. */
export function uuidV7(env: Env): string {
  const bytes = new Uint8Array(16);
  bytes.set(env.randomBytes(10), 6);
  const nowMs = Math.floor(env.nowMs());
  const view = new DataView(bytes.buffer);
  view.setUint32(0, nowMs / 65_536);
  view.setUint16(4, nowMs % 65_536);
  bytes[6] = ((bytes[6] as number) & 15) | 0x70;
  bytes[8] = ((bytes[8] as number) & 63) | 0x80;
  const units = hexUnits(bytes);
  for (const dashAt of [20, 16, 12, 8]) units.splice(dashAt, 0, 45);
  return String.fromCharCode(...units);
}
