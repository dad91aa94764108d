/**
 * How long a client waits before it tries again.
 *
 * Always: the first try comes within a second, at random, so that a restart is not met by everybody at once;
 * later ones are Sente's, uniform in [2^(n-1), 2^n) seconds, up to `maxDelayMs`.
 * Rules: docs/protocol.md RECONNECT1-RECONNECT5. Source: sente-wire section 10, the first try and the bound excepted.
 */

/** `attempt` counts from 1; `random` is in [0, 1). */
export function backoffMs(attempt: number, random: number, maxDelayMs: number): number {
  if (attempt <= 1) return Math.floor(random * 1000);
  const base = 2 ** Math.min(attempt, 36);
  const delayMs = Math.floor((base + random * base) * 500);
  // Beyond the bound the jitter stays: between half of it and the whole.
  return delayMs <= maxDelayMs ? delayMs : Math.floor(maxDelayMs * (0.5 + random / 2));
}
