/**
 * Points and boxes of the board's plane. Pure.
 *
 * Always: a box is `[x, y, width, height]` with neither width nor height below zero.
 */
import type { Box } from "./contract.ts";

export type { Box } from "./contract.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A tenth is finer than what anybody draws, and short to tell. */
export const round = (value: number): number => Math.round(value * 10) / 10;
export const rounded = ([x, y, width, height]: Box): Box => [round(x), round(y), round(width), round(height)];

export const boxAround = (one: Point, other: Point): Box => [
  Math.min(one.x, other.x),
  Math.min(one.y, other.y),
  Math.abs(one.x - other.x),
  Math.abs(one.y - other.y),
];

export const grown = ([x, y, width, height]: Box, by: number): Box => [x - by, y - by, width + 2 * by, height + 2 * by];

export const moved = ([x, y, width, height]: Box, dx: number, dy: number): Box => [x + dx, y + dy, width, height];

export const touches = (one: Box, other: Box): boolean =>
  one[0] <= other[0] + other[2] && other[0] <= one[0] + one[2] && one[1] <= other[1] + other[3] && other[1] <= one[1] + one[3];

export const contains = ([x, y, width, height]: Box, at: Point): boolean =>
  at.x >= x && at.x <= x + width && at.y >= y && at.y <= y + height;

export const centre = ([x, y, width, height]: Box): Point => ({ x: x + width / 2, y: y + height / 2 });

/** The smallest box with all of them in it. */
export function union(boxes: Iterable<Box>): Box | undefined {
  let [left, top, right, bottom] = [1 / 0, 1 / 0, -1 / 0, -1 / 0];
  for (const [x, y, width, height] of boxes) {
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x + width);
    bottom = Math.max(bottom, y + height);
  }
  return left <= right ? [left, top, right - left, bottom - top] : undefined;
}

/** Where a box goes when the one around it becomes another. */
export function fitted([x, y, width, height]: Box, from: Box, to: Box): Box {
  const [sx, sy] = [from[2] ? to[2] / from[2] : 1, from[3] ? to[3] / from[3] : 1];
  return [to[0] + (x - from[0]) * sx, to[1] + (y - from[1]) * sy, width * sx, height * sy];
}

/** From a point to the line between two others. */
export function distanceToLine({ x, y }: Point, x1: number, y1: number, x2: number, y2: number): number {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const length = dx * dx + dy * dy;
  const share = length ? Math.max(0, Math.min(1, ((x - x1) * dx + (y - y1) * dy) / length)) : 0;
  return Math.hypot(x - x1 - share * dx, y - y1 - share * dy);
}

/** The corners of a box, clockwise from the upper left; a corner's opposite is two further. */
export const cornersOf = ([x, y, width, height]: Box): readonly Point[] => [
  { x, y },
  { x: x + width, y },
  { x: x + width, y: y + height },
  { x, y: y + height },
];
