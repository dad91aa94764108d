/**
 * Shapes: made, touched, and told in words. Pure.
 *
 * A stroke's points are told from its box's corner, so to move it is to write its box; a box of another size stretches them.
 * Always: what is no whole shape (somebody moved what another one deleted) is nobody's shape.
 */
import { type Color, maxNumbers, type Shape } from "./contract.ts";
import { type Box, contains, distanceToLine, grown, type Point, round, rounded } from "./geometry.ts";

export type Kind = Shape["kind"];
export type Stroke = Extract<Shape, { kind: "stroke" }>;
export type Written = Extract<Shape, { text: string }>;

export const strokeSize = 6;
export const noteSize = 168;
export const textSize = 28;
export const lineHeight = 1.3;

export const isWhole = (shape: Partial<Shape> | undefined): shape is Shape =>
  shape?.kind !== undefined && shape.box !== undefined && shape.order !== undefined;
export const isWritten = (shape: Shape | undefined): shape is Written => shape?.kind === "text" || shape?.kind === "note";

/** Of points of the plane, x and y in turn. */
export function strokeOf(points: readonly number[], color: Color, order: string): Stroke {
  let [left, top, right, bottom] = [1 / 0, 1 / 0, -1 / 0, -1 / 0];
  for (let at = 0; at < points.length; at += 2) {
    const [x, y] = [points[at] as number, points[at + 1] as number];
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x);
    bottom = Math.max(bottom, y);
  }
  const own = thinned(points).map((value, at) => round(value - (at % 2 ? top : left)));
  return { kind: "stroke", box: rounded([left, top, right - left, bottom - top]), color, order, points: own };
}

/** Every second point of a stroke that has too many, and again. */
function thinned(points: readonly number[]): readonly number[] {
  if (points.length <= maxNumbers) return points;
  return thinned(points.filter((_, at) => at % 4 < 2));
}

const extents = new WeakMap<readonly number[], readonly [width: number, height: number]>();

/** How wide and high its points are as they were drawn. */
function extentOf(points: readonly number[]): readonly [width: number, height: number] {
  let extent = extents.get(points);
  if (!extent) {
    extent = [0, 1].map((axis) =>
      points.reduce((most, value, at) => (at % 2 === axis ? Math.max(most, value) : most), 0),
    ) as never;
    extents.set(points, extent);
  }
  return extent;
}

/** Its points as they are shown, from its box's corner. */
export function pointsOf({ points, box }: Stroke): readonly number[] {
  const [width, height] = extentOf(points);
  const [sx, sy] = [width ? box[2] / width : 1, height ? box[3] / height : 1];
  return sx === 1 && sy === 1 ? points : points.map((value, at) => value * (at % 2 ? sy : sx));
}

/** What it paints on. Letters are wider on one machine than on another. */
export function boundsOf({ box, kind }: Pick<Shape, "box" | "kind">): Box {
  const [x, y, width, height] = grown(box, kind === "stroke" ? strokeSize : 4);
  return kind === "text" ? [x, y, width * 1.3, height] : [x, y, width, height];
}

/** Whether that point is on it, or so near. */
export function isAt(shape: Shape, at: Point, near: number): boolean {
  if (!contains(grown(shape.box, near + strokeSize / 2), at)) return false;
  if (shape.kind === "ellipse") {
    const [x, y, width, height] = grown(shape.box, near);
    return ((at.x - x) / width - 0.5) ** 2 + ((at.y - y) / height - 0.5) ** 2 <= 0.25;
  }
  if (shape.kind !== "stroke") return true;
  const points = pointsOf(shape);
  const own = { x: at.x - shape.box[0], y: at.y - shape.box[1] };
  for (let from = 0; from < points.length; from += 2) {
    const to = Math.min(from + 2, points.length - 2);
    const [x1, y1, x2, y2] = [points[from], points[from + 1], points[to], points[to + 1]] as [number, number, number, number];
    if (distanceToLine(own, x1, y1, x2, y2) <= near + strokeSize / 2) return true;
  }
  return false;
}

/** A text's letters are as high as its box says. */
export const letterSize = ({ text, box }: Pick<Written, "text" | "box">): number =>
  box[3] / (text.split("\n").length * lineHeight);

/** For who cannot see it. */
export function inWords(shape: Shape): string {
  const words = isWritten(shape) && shape.text ? ` “${shape.text}”` : "";
  return `${shape.kind}${words}, ${shape.color}`;
}
