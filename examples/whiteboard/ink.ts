/**
 * Strokes that are being drawn, as they are told: each message has the end of the stroke, and says where in it that end begins. So a
 * message that was lost costs nothing, as long as one of the next few arrives. Pure.
 *
 * Always: a stroke is here until the shape of its id is, its drawer is gone, or nothing was heard of it for `forgetMs`; at most `maxInks`.
 */
import { type Color, type Ink, maxNumbers } from "./contract.ts";

/** Numbers that are told again: 48 points, about half a second of drawing. */
const tailLength = 96;
const forgetMs = 8000;
const maxInks = 200;

export interface LiveInk {
  readonly id: string;
  /** Id of the member that draws it. */
  readonly by: string;
  readonly color: Color;
  readonly points: readonly number[];
  readonly atMs: number;
}

// #region tail
/** What is told of a stroke now. */
export function tellInk(id: string, color: Color, points: readonly number[]): Ink {
  const from = Math.max(0, points.length - tailLength);
  return { id, color, from, points: points.slice(from) };
}

/** What is known of it after that: what came before, and the end that was told. */
export function heardInk(before: readonly number[], { from, points }: Ink): readonly number[] {
  return [...before.slice(0, from), ...points].slice(0, maxNumbers);
}
// #endregion

export interface Inks {
  readonly all: readonly LiveInk[];
  heard(by: string, ink: Ink, nowMs: number): void;
  /** Keeps those that are wanted; whether one was not. */
  keep(isWanted: (ink: LiveInk) => boolean, nowMs: number): boolean;
}

export function createInks(): Inks {
  const byId = new Map<string, LiveInk>();
  return {
    get all() {
      return [...byId.values()];
    },
    heard(by, ink, nowMs) {
      const before = byId.get(ink.id);
      if (before && before.by !== by) return;
      if (!ink.points.length) return void byId.delete(ink.id);
      if (!before && byId.size >= maxInks) return;
      byId.set(ink.id, { id: ink.id, by, color: ink.color, points: heardInk(before?.points ?? [], ink), atMs: nowMs });
    },
    keep(isWanted, nowMs) {
      const before = byId.size;
      for (const ink of byId.values()) if (nowMs - ink.atMs > forgetMs || !isWanted(ink)) byId.delete(ink.id);
      return byId.size < before;
    },
  };
}
