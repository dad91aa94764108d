/** What the dashboard draws: one entry per card. */
import type { Curve } from "../shared/chart.ts";
import type { Figures } from "./contract.ts";

export interface Card {
  readonly title: string;
  readonly unit: string;
  /** The headline figure, in words short enough for a card. */
  readonly now: (figures: Figures) => string;
  readonly note: (figures: Figures) => string;
  readonly curves: readonly Curve<Figures>[];
  /** The scale reaches at least so far, so that a calm server looks calm. */
  readonly leastTop: number;
}

const short = (value: number): string => value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });

export const cards: readonly Card[] = [
  {
    title: "Event-loop delay",
    unit: "ms",
    now: ({ delayMs }) => short(delayMs),
    note: ({ worstDelayMs }) => `worst ${short(worstDelayMs)} ms`,
    curves: [
      { label: "worst", color: "--tone-3", value: ({ worstDelayMs }) => worstDelayMs },
      { label: "average", color: "--tone-1", value: ({ delayMs }) => delayMs, filled: true },
    ],
    leastTop: 5,
  },
  {
    title: "Messages",
    unit: "per second",
    now: ({ messagesPerSecond }) => short(messagesPerSecond),
    note: () => "in and out, all windows",
    curves: [{ label: "messages", color: "--tone-2", value: ({ messagesPerSecond }) => messagesPerSecond, filled: true }],
    leastTop: 10,
  },
  {
    title: "Memory",
    unit: "MB",
    now: ({ heapMb }) => short(heapMb),
    note: ({ processMb }) => `process ${short(processMb)} MB`,
    curves: [
      { label: "process", color: "--tone-10", value: ({ processMb }) => processMb },
      { label: "heap", color: "--tone-4", value: ({ heapMb }) => heapMb, filled: true },
    ],
    leastTop: 50,
  },
  {
    title: "Connections",
    unit: "open",
    now: ({ connections }) => short(connections),
    note: () => "one for each window",
    curves: [{ label: "connections", color: "--tone-5", value: ({ connections }) => connections, filled: true, stepped: true }],
    leastTop: 4,
  },
];
