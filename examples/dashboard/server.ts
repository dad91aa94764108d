/** The dashboard's server: it watches itself and publishes what it sees, twice a second. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { atom, channel, createServer, type Server } from "sente-sync/server";
import type { Running } from "../shared/running.ts";
import { events, type Figures, headline, points } from "./contract.ts";

const everyMs = 500;
/** The resolution of the histogram is in what it measures, and is taken off. */
const resolutionMs = 10;
const keptMinutes = 3;

export function start(): Running<Server<typeof events>> {
  // #region serve
  const sync = createServer({ events });
  const live = atom(sync, headline);
  const history = channel(sync, points, {
    authorize: ({ action }) => action === "read", // only this server publishes
    retention: { maxEntries: (keptMinutes * 60_000) / everyMs },
  });

  const measure = createMeter(() => sync.stats());
  const timer = setInterval(() => {
    const figures = measure();
    live.set(figures); // readers are sent what is different
    history.publish("point", { ...figures, atMs: Date.now() }); // readers are sent every one, in order
  }, everyMs);

  sync.on("dashboard/work", () => work(120)); // what a handler returns is the reply
  // #endregion

  return {
    sync,
    async close() {
      clearInterval(timer);
      await sync.close();
    },
  };
}

/** Figures since the call before. */
function createMeter(stats: () => { connections: number; messagesIn: number; messagesOut: number }): () => Figures {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  let beforeMs = performance.now();
  let before = 0;
  return () => {
    const { connections, messagesIn, messagesOut } = stats();
    const nowMs = performance.now();
    const messages = messagesIn + messagesOut;
    const memory = process.memoryUsage();
    const figures = {
      delayMs: lateness(delay.mean),
      worstDelayMs: lateness(delay.percentile(99)),
      heapMb: rounded(memory.heapUsed / 2 ** 20, 1),
      processMb: rounded(memory.rss / 2 ** 20, 1),
      connections,
      messagesPerSecond: rounded(((messages - before) * 1000) / (nowMs - beforeMs), 1),
    };
    delay.reset();
    [beforeMs, before] = [nowMs, messages];
    return figures;
  };
}

const rounded = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits;
/** From the histogram's nanoseconds; nothing was measured where it has no number. */
const lateness = (delayNs: number): number => rounded(Math.max(0, (delayNs || 0) / 1e6 - resolutionMs), 2);

/** Keeps the event loop busy, so that there is something to see. */
function work(durationMs: number): number {
  const startMs = performance.now();
  while (performance.now() - startMs < durationMs) Math.sqrt(startMs);
  return rounded(performance.now() - startMs, 0);
}
