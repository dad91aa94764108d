/**
 * Signs that the line deserves a look: the page became visible, came back from the cache, the network returned,
 * or the machine slept. (A line may be dead for minutes before its socket says so.)
 * Rules: docs/protocol.md LINE6.
 */
import { type Env, every } from "../core/env.ts";

const page = globalThis as { document?: Document; addEventListener?: typeof addEventListener };
const beatMs = 5000;

/** Calls `probe` on each sign; returns how to stop. */
export function onWake(env: Env, probe: () => void): () => void {
  const signs = new AbortController();
  const visible = (): void => {
    if (page.document?.visibilityState === "visible") probe();
  };
  page.document?.addEventListener("visibilitychange", visible, signs);
  for (const sign of ["online", "pageshow"]) page.addEventListener?.(sign, probe, signs);
  // Timers stand still while a machine sleeps: a beat that is very late tells.
  let lastMs = env.nowMs();
  const stop = every(env, beatMs, () => {
    const now = env.nowMs();
    if (now - lastMs > 3 * beatMs) probe();
    lastMs = now;
  });
  return () => {
    signs.abort();
    stop();
  };
}
