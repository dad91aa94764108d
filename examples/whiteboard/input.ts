/**
 * Pointers and the wheel on the board's element. One pointer draws with the tool; two fingers, the middle button, the space bar or the
 * hand tool move the view.
 */
import { boxAround, centre, type Point } from "./geometry.ts";

export interface PointerHands {
  /** The view is moved rather than the board. */
  readonly isPanning: boolean;
  down(at: Point, event: PointerEvent): void;
  /** Where it went, one point after the other. */
  move(points: readonly Point[], event: PointerEvent): void;
  up(): void;
  cancel(): void;
  hover(at: Point): void;
  leave(): void;
  pan(dx: number, dy: number): void;
  zoom(at: Point, factor: number): void;
  open(at: Point): void;
}

export function listenToPointers(stage: HTMLElement, hands: PointerHands): () => void {
  const listening = new AbortController();
  const { signal } = listening;
  /** Those that are down. */
  const pointers = new Map<number, Point>();
  let drawing: number | undefined;

  const at = ({ clientX, clientY }: MouseEvent): Point => {
    const { left, top } = stage.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  };
  const middleOf = (points: readonly Point[]): Point => centre(boxAround(points[0] as Point, points[1] as Point));
  const apart = ([one, other]: readonly Point[]): number => (one && other ? Math.hypot(one.x - other.x, one.y - other.y) : 1);

  const down = (event: PointerEvent): void => {
    if (event.button !== 0 && event.button !== 1) return;
    // The board has the focus from here on, also where that would only have marked some text.
    event.preventDefault();
    stage.focus({ preventScroll: true, focusVisible: false });
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    if (pointers.size > 1) {
      if (drawing !== undefined) hands.cancel();
      drawing = undefined;
    } else if (event.button === 0 && !hands.isPanning) {
      drawing = event.pointerId;
      hands.down(at(event), event);
    }
  };
  const move = (event: PointerEvent): void => {
    hands.hover(at(event));
    const before = pointers.get(event.pointerId);
    if (!before) return;
    if (drawing === event.pointerId) {
      const events = event.getCoalescedEvents?.() ?? [];
      return hands.move((events.length ? events : [event]).map(at), event);
    }
    const own = [...pointers.values()];
    pointers.set(event.pointerId, at(event));
    const next = [...pointers.values()];
    if (next.length === 1) return hands.pan(at(event).x - before.x, at(event).y - before.y);
    // #region pinch
    const [from, to] = [middleOf(own), middleOf(next)];
    hands.pan(to.x - from.x, to.y - from.y);
    hands.zoom(to, apart(next) / Math.max(1, apart(own)));
    // #endregion
  };
  const end = (event: PointerEvent): void => {
    if (!pointers.delete(event.pointerId) || drawing !== event.pointerId) return;
    drawing = undefined;
    if (event.type === "pointerup") hands.up();
    else hands.cancel();
  };
  const wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    // A pinch on a trackpad comes as a wheel with Ctrl.
    if (event.ctrlKey || event.metaKey) hands.zoom(at(event), Math.exp(-Math.max(-60, Math.min(60, dy)) * 0.01));
    else if (event.shiftKey && !dx) hands.pan(-dy, 0);
    else hands.pan(-dx, -dy);
  };

  stage.addEventListener("pointerdown", down, { signal });
  stage.addEventListener("pointermove", move, { signal });
  for (const name of ["pointerup", "pointercancel"] as const) stage.addEventListener(name, end, { signal });
  stage.addEventListener("pointerleave", () => hands.leave(), { signal });
  stage.addEventListener("wheel", wheel, { signal, passive: false });
  stage.addEventListener("dblclick", (event) => hands.open(at(event)), { signal });
  return () => listening.abort();
}
