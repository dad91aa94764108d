/** Spans of time as a test writes them: milliseconds, or `"250ms"`, `"30s"`, `"10m"`, `"2h"`, `"7d"`. */
import { SyncError } from "../core/errors.ts";

const unitsMs: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

export function durationMs(time: number | string): number {
  if (typeof time === "number") return time;
  const [, count, unit = ""] = /^(\d+(?:\.\d+)?)(\w+)$/.exec(time) ?? [];
  const unitMs = unitsMs.get(unit);
  if (count === undefined || unitMs === undefined) {
    throw new SyncError("invalid", `"${time}" is no span of time: write it as 250ms, 30s, 10m, 2h or 7d.`);
  }
  return Number(count) * unitMs;
}
