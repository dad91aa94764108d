/**
 * The points a page has, and the proof that none is missing: offsets of a channel follow one another, so a hole or a
 * double would show. Pure, so that React and Svelte hold it each in their own way.
 */
import type { Point } from "./contract.ts";

/** A point, or where points are missing. */
export type Row = (Point & { readonly gap?: false }) | { readonly atMs: number; readonly gap: true };

export interface History {
  readonly rows: readonly Row[];
  /** Offsets of the first and the newest point since the server started; 0: none yet. */
  readonly first: number;
  readonly last: number;
  readonly received: number;
  readonly missing: number;
  readonly doubled: number;
  /** How often the server came back without its past. */
  readonly restarts: number;
}

const maxRows = 360;

export const noHistory: History = { rows: [], first: 0, last: 0, received: 0, missing: 0, doubled: 0, restarts: 0 };

export function withPoint(history: History, { data, offset }: { readonly data: Point; readonly offset: number }): History {
  const { first, last } = history;
  if (last && offset <= last) return { ...history, doubled: history.doubled + 1 };
  const skipped = last ? offset - last - 1 : 0;
  const before = skipped ? withHole(history.rows) : history.rows;
  return {
    ...history,
    rows: [...before, data].slice(-maxRows),
    first: first || offset,
    last: offset,
    received: history.received + 1,
    missing: history.missing + skipped,
  };
}

/** What is told for a gap: points `from` to `to` are no longer kept, or (0) the server started anew. */
export function withGap(history: History, gap: { readonly from: number; readonly to: number }): History {
  // Who just came misses nothing: the past before the page was opened is not promised.
  if (!history.last) return history;
  const rows = withHole(history.rows);
  if (!gap.to) return { ...history, rows, first: 0, last: 0, restarts: history.restarts + 1 };
  return { ...history, rows, last: gap.to, missing: history.missing + gap.to - gap.from + 1 };
}

function withHole(rows: readonly Row[]): readonly Row[] {
  const newest = rows.at(-1);
  return !newest || newest.gap ? rows : [...rows, { atMs: newest.atMs + 1, gap: true }];
}

/** The same in words. */
export function described({ received, missing, restarts }: History): string {
  if (!received) return "Waiting for the first point";
  const again = restarts ? `, server restarted ${restarts === 1 ? "once" : `${restarts} times`}` : "";
  return `${received.toLocaleString("en")} ${received === 1 ? "point" : "points"}, ${missing.toLocaleString("en")} missing${again}`;
}
