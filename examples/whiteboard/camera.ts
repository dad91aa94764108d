/**
 * What this window sees of the board: by hand, or what the person sees whom it follows. The others are told.
 *
 * Always: who moves the view by hand follows nobody any more.
 */
import type { Board } from "./board.ts";
import type { Company } from "./company.ts";
import type { Point } from "./geometry.ts";
import { panned, type Size, showing, shownIn, toPlane, towards, type View, zoomed } from "./view.ts";

export interface Camera {
  readonly view: View;
  readonly size: Size;
  resize(size: Size): void;
  /** Where on the plane that point of the window is. */
  at(point: Point): Point;
  middle(): Point;
  pan(dx: number, dy: number): void;
  zoom(at: Point, factor: number): void;
  zoomBy(factor: number): void;
  showAll(): void;
  /** A step towards what the person whom this window follows sees. True: there is some way to go. */
  followOn(): boolean;
}

/** Between the dots behind the board. */
const dotsApart = 24;

export function createCamera({ scene, state }: Board, element: HTMLElement, company: Company, changed: () => void): Camera {
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)");
  let view: View = { x: 0, y: 0, zoom: 1 };
  let size: Size = { width: 1, height: 1 };
  let isSized = false;

  const show = (next: View): void => {
    if (next === view) return;
    view = next;
    const apart = dotsApart * view.zoom * (view.zoom < 0.5 ? 4 : 1);
    element.style.backgroundSize = `${apart}px ${apart}px`;
    element.style.backgroundPosition = `${-view.x * view.zoom}px ${-view.y * view.zoom}px`;
    state.set({ zoom: Math.round(view.zoom * 100) });
    changed();
  };
  const go = (next: View): void => {
    state.set({ following: undefined });
    show(next);
  };
  const half = (): Point => ({ x: size.width / 2, y: size.height / 2 });

  return {
    get view() {
      return view;
    },
    get size() {
      return size;
    },
    resize(next) {
      // What is in the middle stays there.
      const [dx, dy] = isSized ? [(next.width - size.width) / 2, (next.height - size.height) / 2] : [0, 0];
      isSized = true;
      size = next;
      show(panned(view, dx, dy));
    },
    at: (point) => toPlane(view, point),
    middle: () => toPlane(view, half()),
    pan: (dx, dy) => go(panned(view, dx, dy)),
    zoom: (at, factor) => go(zoomed(view, at, factor)),
    zoomBy: (factor) => go(zoomed(view, half(), factor)),
    showAll() {
      const bounds = scene.bounds();
      go(bounds ? showing(bounds, size, 48, 1) : { x: 0, y: 0, zoom: 1 });
    },
    // #region follow
    followOn() {
      const { following } = state.get();
      if (following !== undefined && !company.isHere(following)) state.set({ following: undefined });
      const followed = following === undefined ? undefined : company.viewOf(following);
      // Who follows is where the one before is: so nobody chases anybody in a ring.
      company.tellView(followed ?? shownIn(view, size));
      if (!followed) return false;
      const to = showing(followed, size);
      const next = isCalm.matches ? to : towards(view, to, 0.2);
      show(next);
      return next !== to;
    },
    // #endregion
  };
}
