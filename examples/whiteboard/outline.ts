/**
 * The outline of a pen's stroke, and what is written in a note: what the canvas and the files that are exported have in common. Pure.
 *
 * Always: an outline is made once per stroke: a shape that only moved has the same points, `===`.
 */
import { getStroke } from "perfect-freehand";
import { rounded } from "./geometry.ts";
import { letterSize, lineHeight, strokeSize, textSize, type Written } from "./shapes.ts";

/** A `Path2D` is one. */
export interface Trace {
  moveTo(x: number, y: number): void;
  quadraticCurveTo(cx: number, cy: number, x: number, y: number): void;
  closePath(): void;
}

// #region outline
/** Draws around a stroke: its points, x and y in turn. `isOver`: it is whole. */
export function traceStroke(points: readonly number[], trace: Trace, isOver = true): void {
  const pairs: [number, number][] = [];
  for (let at = 0; at < points.length; at += 2) pairs.push([points[at] as number, points[at + 1] as number]);
  const outline = getStroke(pairs, { size: strokeSize, thinning: 0.55, streamline: 0.4, last: isOver });
  const last = outline.at(-1);
  if (!last) return;
  trace.moveTo(last[0], last[1]);
  outline.forEach(([x, y], at) => {
    const [nextX, nextY] = outline[(at + 1) % outline.length] as [number, number];
    trace.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  });
  trace.closePath();
}
// #endregion

/** The same as an SVG path. */
export function svgOutline(points: readonly number[]): string {
  const made: string[] = [];
  const digits = (...values: number[]): string => values.map((value) => String(Math.round(value * 100) / 100)).join(" ");
  traceStroke(points, {
    moveTo: (x, y) => void made.push(`M${digits(x, y)}`),
    quadraticCurveTo: (cx, cy, x, y) => void made.push(`Q${digits(cx, cy, x, y)}`),
    closePath: () => void made.push("Z"),
  });
  return made.join("");
}

export const fontFamily = '-apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';
export const fontOf = (kind: Written["kind"], size: number): string => `${kind === "text" ? 600 : 500} ${size}px ${fontFamily}`;

/** How wide that text is in that font. */
export type Measure = (text: string, font: string) => number;

export interface Lines {
  readonly size: number;
  readonly lines: readonly string[];
}

export const notePadding = 14;
const noteSizes = [26, 22, 18, 15, 12, 10];

/** A note's letters are as large as fits; a text's are as high as its box. */
export function linesOf(shape: Written, measure: Measure): Lines {
  if (shape.kind === "text") return { size: letterSize(shape), lines: shape.text.split("\n") };
  const [width, height] = [shape.box[2] - 2 * notePadding, shape.box[3] - 2 * notePadding];
  let made: Lines = { size: 10, lines: [] };
  for (const size of noteSizes) {
    const font = fontOf("note", size);
    made = { size, lines: wrap(shape.text, width, (text) => measure(text, font)) };
    const isWide = made.lines.some((line) => measure(line, font) > width);
    if (!isWide && made.lines.length * size * lineHeight <= height) break;
  }
  return { ...made, lines: made.lines.slice(0, Math.max(1, Math.floor(height / (made.size * lineHeight)))) };
}

/** Breaks at spaces; a word that is too long stays whole. */
export function wrap(text: string, width: number, measure: (text: string) => number): string[] {
  return text.split("\n").flatMap((paragraph) => {
    const lines: string[] = [];
    for (const word of paragraph.split(" ")) {
      const last = lines.at(-1);
      if (last !== undefined && measure(`${last} ${word}`) <= width) lines[lines.length - 1] = `${last} ${word}`;
      else lines.push(word);
    }
    return lines;
  });
}

/** The box that a text needs. */
export function fitText(shape: Written, text: string, measure: Measure): Written["box"] {
  const [x, y, width, height] = shape.box;
  if (shape.kind === "note") return [x, y, width, height];
  const size = shape.text ? letterSize(shape) : textSize;
  const lines = text.split("\n");
  const widest = Math.max(...lines.map((line) => measure(line, fontOf("text", size))));
  return rounded([x, y, Math.ceil(widest), lines.length * size * lineHeight]);
}
