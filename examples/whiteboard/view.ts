/**
 * What of the plane a window shows: the point in its upper left corner, and how many pixels a unit has. Pure.
 *
 * Always: the zoom is between `minZoom` and `maxZoom`.
 */
import { type Box, centre, type Point } from "./geometry.ts";

export interface View {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export const minZoom = 0.1;
export const maxZoom = 8;
const inRange = (zoom: number): number => Math.min(maxZoom, Math.max(minZoom, zoom));

export const toPlane = ({ x, y, zoom }: View, at: Point): Point => ({ x: at.x / zoom + x, y: at.y / zoom + y });
export const toWindow = ({ x, y, zoom }: View, at: Point): Point => ({ x: (at.x - x) * zoom, y: (at.y - y) * zoom });

export const panned = ({ x, y, zoom }: View, dx: number, dy: number): View => ({ x: x - dx / zoom, y: y - dy / zoom, zoom });

// #region zoom
/** What is under that point of the window stays under it. */
export function zoomed(view: View, at: Point, factor: number): View {
  const zoom = inRange(view.zoom * factor);
  const { x, y } = toPlane(view, at);
  return { x: x - at.x / zoom, y: y - at.y / zoom, zoom };
}
// #endregion

export const shownIn = ({ x, y, zoom }: View, { width, height }: Size): Box => [x, y, width / zoom, height / zoom];

/** All of the box, in the middle, with so many pixels around it. */
export function showing(box: Box, { width, height }: Size, margin = 0, most = maxZoom): View {
  const zoom = inRange(Math.min(most, (width - 2 * margin) / Math.max(1, box[2]), (height - 2 * margin) / Math.max(1, box[3])));
  const { x, y } = centre(box);
  return { x: x - width / zoom / 2, y: y - height / zoom / 2, zoom };
}

/** A step of the way; `to` itself once it is near. */
export function towards(from: View, to: View, share: number): View {
  const isNear = Math.abs(to.zoom / from.zoom - 1) < 0.002 && Math.hypot(to.x - from.x, to.y - from.y) * to.zoom < 0.5;
  if (isNear) return to;
  const mix = (one: number, other: number): number => one + (other - one) * share;
  return { x: mix(from.x, to.x), y: mix(from.y, to.y), zoom: mix(from.zoom, to.zoom) };
}
