/**
 * The two canvases of a board: what is on it, which is painted where something changed, and above it what moves.
 *
 * A pan shifts the picture and paints what came into view. While the zoom changes over many shapes the picture is stretched, and
 * painted sharp when it rests.
 * Always: what is on the lower canvas is what the scene has, once `frame` was called and returned false.
 */
import { drawShape, type Theme } from "./draw.ts";
import { type Box, grown, touches } from "./geometry.ts";
import type { Scene } from "./scene.ts";
import { type Size, shownIn, type View } from "./view.ts";

export interface Painter {
  theme: Theme;
  resize(size: Size, ratio: number): void;
  /** Something changed there. */
  mark(boxes: readonly Box[]): void;
  /** All of it has to be painted again. */
  clear(): void;
  /** Paints what is due, and above it what `above` draws. True: something is left to paint. */
  frame(view: View, above: (context: CanvasRenderingContext2D) => void, nowMs: number): boolean;
}

const restMs = 120;
const manyShapes = 1200;
/** From here on one box around them is painted at once. */
const maxBoxes = 48;

export function createPainter(scene: Scene, below: HTMLCanvasElement, aboveIt: HTMLCanvasElement, firstTheme: Theme): Painter {
  const context = below.getContext("2d") as CanvasRenderingContext2D;
  const top = aboveIt.getContext("2d") as CanvasRenderingContext2D;
  let theme = firstTheme;
  let size: Size = { width: 0, height: 0 };
  let ratio = 1;
  /** The view of the picture, in whole pixels of the canvas. */
  let painted: { readonly x: number; readonly y: number; readonly scale: number } | undefined;
  let changed: Box[] = [];
  let zoomedAtMs = 0;
  let lastZoom = 0;

  const inPixels = ({ x, y, zoom }: View) => ({
    x: Math.round(x * zoom * ratio),
    y: Math.round(y * zoom * ratio),
    scale: zoom * ratio,
  });

  /** Paints that part of the canvas, in its pixels. */
  const paint = (left: number, upper: number, width: number, height: number): void => {
    if (!painted) return;
    const { x, y, scale } = painted;
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    context.rect(left, upper, width, height);
    context.clip();
    context.clearRect(left, upper, width, height);
    context.setTransform(scale, 0, 0, scale, -x, -y);
    const box: Box = [(left + x) / scale, (upper + y) / scale, width / scale, height / scale];
    for (const { shape } of scene.within(box)) drawShape(context, shape, theme);
    context.restore();
  };

  // #region shift
  /** The picture goes along; only what came into view is painted. */
  const shift = (to: NonNullable<typeof painted>): void => {
    const [dx, dy] = [(painted?.x ?? 0) - to.x, (painted?.y ?? 0) - to.y];
    const { width, height } = below;
    painted = to;
    if (Math.abs(dx) >= width || Math.abs(dy) >= height) return paint(0, 0, width, height);
    context.globalCompositeOperation = "copy";
    context.drawImage(below, dx, dy);
    context.globalCompositeOperation = "source-over";
    if (dx) paint(dx > 0 ? 0 : width + dx, 0, Math.abs(dx), height);
    if (dy) paint(0, dy > 0 ? 0 : height + dy, width, Math.abs(dy));
  };
  // #endregion

  const paintChanged = (view: View): void => {
    if (!painted || !changed.length) return;
    const { x, y, scale } = painted;
    const shown = shownIn(view, size);
    const seen = changed.filter((box) => touches(box, shown));
    changed = [];
    if (seen.length > maxBoxes) return paint(0, 0, below.width, below.height);
    for (const box of seen) {
      const [left, upper, width, height] = grown(box, 1);
      const [fromX, fromY] = [Math.max(0, Math.floor(left * scale - x)), Math.max(0, Math.floor(upper * scale - y))];
      const toX = Math.min(below.width, Math.ceil((left + width) * scale - x));
      const toY = Math.min(below.height, Math.ceil((upper + height) * scale - y));
      if (toX > fromX && toY > fromY) paint(fromX, fromY, toX - fromX, toY - fromY);
    }
  };

  const paintBelow = (view: View, nowMs: number): boolean => {
    if (view.zoom !== lastZoom) zoomedAtMs = nowMs;
    lastZoom = view.zoom;
    const to = inPixels(view);
    if (painted && painted.scale === to.scale) {
      below.style.transform = "";
      if (painted.x !== to.x || painted.y !== to.y) shift(to);
      paintChanged(view);
      return false;
    }
    if (painted && nowMs - zoomedAtMs < restMs && scene.within(shownIn(view, size)).length > manyShapes) {
      const stretch = to.scale / painted.scale;
      below.style.transform = `translate(${(painted.x * stretch - to.x) / ratio}px, ${(painted.y * stretch - to.y) / ratio}px) scale(${stretch})`;
      return true;
    }
    below.style.transform = "";
    painted = to;
    changed = [];
    paint(0, 0, below.width, below.height);
    return false;
  };

  return {
    get theme() {
      return theme;
    },
    set theme(next) {
      theme = next;
      painted = undefined;
    },
    resize(next, nextRatio) {
      size = next;
      ratio = nextRatio;
      for (const canvas of [below, aboveIt]) {
        canvas.width = Math.round(size.width * ratio);
        canvas.height = Math.round(size.height * ratio);
      }
      painted = undefined;
    },
    mark: (boxes) => void changed.push(...boxes),
    clear() {
      painted = undefined;
    },
    frame(view, above, nowMs) {
      const isLeft = paintBelow(view, nowMs);
      const { x, y, scale } = inPixels(view);
      top.setTransform(1, 0, 0, 1, 0, 0);
      top.clearRect(0, 0, aboveIt.width, aboveIt.height);
      top.setTransform(scale, 0, 0, scale, -x, -y);
      above(top);
      return isLeft;
    },
  };
}
