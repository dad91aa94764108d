/**
 * Whether somebody is at the page: it is seen, and was touched not long ago. Where there is no page, always.
 *
 * Always: nothing is listened to while nobody asks; looking costs nothing per movement of a pointer but a look at the clock.
 * Rules: docs/protocol/presence.md PRESENCE25.
 */
import type { Env, Timer } from "../core/env.ts";

const page = globalThis as { document?: Document; addEventListener?: typeof addEventListener };

/** Calls `run` when that changes, from `true` on; returns how to stop. */
export function onActivity(env: Env, idleMs: number, run: (isActive: boolean) => void): () => void {
  const { document } = page;
  if (!document) return () => {};
  const signs = new AbortController();
  const options = { signal: signs.signal, passive: true, capture: true };
  let lastMs = env.monotonicMs();
  let isActive = true;
  let timer: Timer | undefined;
  const look = (): void => {
    if (timer !== undefined) env.clearTimer(timer);
    timer = undefined;
    const leftMs = lastMs + idleMs - env.monotonicMs();
    const now = document.visibilityState !== "hidden" && leftMs > 0;
    if (now) timer = env.setTimer(look, leftMs);
    if (now === isActive) return;
    isActive = now;
    run(now);
  };
  const touched = (): void => {
    lastMs = env.monotonicMs();
    if (!isActive) look();
  };
  document.addEventListener(
    "visibilitychange",
    () => {
      if (document.visibilityState !== "hidden") lastMs = env.monotonicMs();
      look();
    },
    options,
  );
  for (const sign of ["pointermove", "pointerdown", "keydown", "wheel", "focus"]) page.addEventListener?.(sign, touched, options);
  look();
  return () => {
    signs.abort();
    if (timer !== undefined) env.clearTimer(timer);
  };
}
