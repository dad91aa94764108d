/**
 * Shapes on a canvas. Paths and lines of text are kept as long as the shape, or a stroke's points, are the same objects.
 */
import type { Color, Shape } from "./contract.ts";
import type { Box } from "./geometry.ts";
import { fontOf, type Lines, linesOf, notePadding, traceStroke } from "./outline.ts";
import { lineHeight, pointsOf, type Stroke, type Written } from "./shapes.ts";

export interface Theme {
  readonly pen: Record<Color, string>;
  readonly note: Record<Color, string>;
  readonly letters: string;
  readonly accent: string;
  readonly ground: string;
}

export const light: Theme = {
  pen: { ink: "#1d232c", red: "#d04545", orange: "#c45c14", green: "#2f8a45", blue: "#2f63d6", violet: "#8455d4" },
  note: { ink: "#fdf0b2", red: "#ffd9d6", orange: "#ffe3b8", green: "#d3f0d4", blue: "#d6e5ff", violet: "#e8dcff" },
  letters: "#1d232c",
  accent: "#2f55cf",
  ground: "#ffffff",
};
export const dark: Theme = {
  pen: { ink: "#e9ecf1", red: "#ff8078", orange: "#f2a35e", green: "#6bcf86", blue: "#86abff", violet: "#bd9dff" },
  note: { ink: "#57501f", red: "#5e3230", orange: "#5a4320", green: "#2a4d33", blue: "#2b4170", violet: "#46356b" },
  letters: "#f0f2f6",
  accent: "#8fa9ff",
  ground: "#161a21",
};

const paths = new WeakMap<readonly number[], { readonly width: number; readonly height: number; readonly path: Path2D }>();

// #region path
/** A stroke that only moved has its points, and so its path, still. */
function pathOf(shape: Stroke): Path2D {
  const [, , width, height] = shape.box;
  const known = paths.get(shape.points);
  if (known?.width === width && known.height === height) return known.path;
  const path = new Path2D();
  traceStroke(pointsOf(shape), path);
  paths.set(shape.points, { width, height, path });
  return path;
}
// #endregion

const texts = new WeakMap<Written, Lines>();

function writtenLines(context: CanvasRenderingContext2D, shape: Written): Lines {
  let lines = texts.get(shape);
  if (!lines) {
    lines = linesOf(shape, (text, font) => {
      context.font = font;
      return context.measureText(text).width;
    });
    texts.set(shape, lines);
  }
  return lines;
}

function write(context: CanvasRenderingContext2D, shape: Written, x: number, y: number): void {
  const { size, lines } = writtenLines(context, shape);
  context.font = fontOf(shape.kind, size);
  context.textBaseline = "middle";
  lines.forEach((line, at) => context.fillText(line, x, y + (at + 0.5) * size * lineHeight));
}

export function drawShape(context: CanvasRenderingContext2D, shape: Shape, theme: Theme): void {
  const [x, y, width, height] = shape.box;
  const pen = theme.pen[shape.color];
  if (shape.kind === "stroke") {
    context.fillStyle = pen;
    context.translate(x, y);
    context.fill(pathOf(shape));
    context.translate(-x, -y);
  } else if (shape.kind === "text") {
    context.fillStyle = pen;
    write(context, shape, x, y);
  } else if (shape.kind === "note") {
    context.fillStyle = theme.note[shape.color];
    context.beginPath();
    context.roundRect(x, y, width, height, 6);
    context.fill();
    context.fillStyle = theme.letters;
    write(context, shape, x + notePadding, y + notePadding);
  } else {
    context.beginPath();
    if (shape.kind === "rectangle") context.roundRect(x, y, width, height, Math.min(8, width / 4, height / 4));
    else context.ellipse(x + width / 2, y + height / 2, width / 2, height / 2, 0, 0, 2 * Math.PI);
    context.fillStyle = pen;
    context.globalAlpha = 0.1;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = pen;
    context.lineWidth = 3;
    context.stroke();
  }
}

const strokes = new WeakMap<readonly number[], Path2D>();

/** A stroke that is being drawn; its points are of the plane. */
export function drawInk(context: CanvasRenderingContext2D, points: readonly number[], color: string): void {
  let path = strokes.get(points);
  if (!path) {
    path = new Path2D();
    traceStroke(points, path, false);
    strokes.set(points, path);
  }
  context.fillStyle = color;
  context.fill(path);
}

/** A frame with four corners to take hold of; `pixel` is one of the screen's in units of the plane. */
export function drawFrame(context: CanvasRenderingContext2D, [x, y, width, height]: Box, theme: Theme, pixel: number): void {
  context.strokeStyle = theme.accent;
  context.lineWidth = 1.5 * pixel;
  context.strokeRect(x, y, width, height);
  context.fillStyle = theme.ground;
  for (const [cx, cy] of [
    [x, y],
    [x + width, y],
    [x + width, y + height],
    [x, y + height],
  ] as const) {
    context.beginPath();
    context.roundRect(cx - 5 * pixel, cy - 5 * pixel, 10 * pixel, 10 * pixel, 3 * pixel);
    context.fill();
    context.stroke();
  }
}
