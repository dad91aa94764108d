/** What the dashboard's server and its pages share. */
import { defineAtom, defineChannel, defineEvents, type } from "sente-sync";

/** The server's own figures at one moment. */
export interface Figures {
  /** How late timers ran since the last figures: on average, and the latest of a hundred. */
  readonly delayMs: number;
  readonly worstDelayMs: number;
  readonly heapMb: number;
  readonly processMb: number;
  readonly connections: number;
  readonly messagesPerSecond: number;
}

export interface Point extends Figures {
  /** The server's wall clock. */
  readonly atMs: number;
}

const nothing: Figures = { delayMs: 0, worstDelayMs: 0, heapMb: 0, processMb: 0, connections: 0, messagesPerSecond: 0 };

// #region contract
/** The newest figures: whoever comes gets the present value, and from then on what changes. */
export const headline = defineAtom("dashboard/headline", { initial: nothing });

/** The same over time: whoever comes gets the last minutes, and from then on every point. */
export const points = defineChannel("dashboard/points", { events: { point: type<Point>() } });

/** A request: it keeps the server busy, and is answered with for how many milliseconds. */
export const events = defineEvents({ "dashboard/work": { reply: type<number>() } });
// #endregion
