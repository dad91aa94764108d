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
  endOfTurn: (run) => (global.setImmediate ? global.setImmediate(run) : queueMicrotask(run)),
  random: () => Math.random(),
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

/** `length` random bytes as lower-case hex. */
export function randomHex(env: Env, length: number): string {
  let hex = "";
  for (const byte of env.randomBytes(length)) hex += (byte + 256).toString(16).slice(1);
  return hex;
}

/** A UUIDv7: time-ordered, unique, and nobody's identity (rule ID1). Source: RFC 9562 section 5.7. */
export function uuidV7(env: Env): string {
  const time = Math.floor(env.nowMs()).toString(16).padStart(12, "0").slice(-12);
  const random = randomHex(env, 10);
  const variant = "89ab"[Number.parseInt(random[3] as string, 16) & 3];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}
