/**
 * Signs that the line deserves a look: the page became visible, came back from the cache, the network returned,
 * or the machine slept. (A line may be dead for minutes before its socket says so.)
 * Rules: docs/protocol.md LINE6.
 */
import type { Env, Timer } from "../core/env.ts";

const page = globalThis as {
  document?: Document;
  addEventListener?: typeof addEventListener;
  removeEventListener?: typeof removeEventListener;
};
const beatMs = 5000;

/** Calls `probe` on each sign; returns how to stop. */
export function onWake(env: Env, probe: () => void): () => void {
  const visible = (): void => {
    if (page.document?.visibilityState === "visible") probe();
  };
  page.document?.addEventListener("visibilitychange", visible);
  page.addEventListener?.("online", probe);
  page.addEventListener?.("pageshow", probe);
  // Timers stand still while a machine sleeps: a beat that is very late tells.
  let timer: Timer;
  let lastMs = env.nowMs();
  const beat = (): void => {
    const now = env.nowMs();
    if (now - lastMs > 3 * beatMs) probe();
    lastMs = now;
    timer = env.setTimer(beat, beatMs);
  };
  timer = env.setTimer(beat, beatMs);
  return () => {
    page.document?.removeEventListener("visibilitychange", visible);
    page.removeEventListener?.("online", probe);
    page.removeEventListener?.("pageshow", probe);
    env.clearTimer(timer);
  };
}
