/**
 * What pointers and keys do to the board.
 *
 * Always: of a gesture at most one is under way; what moved is taken over once in a frame.
 */
import type { Board } from "./board.ts";
import type { Camera } from "./camera.ts";
import type { Company } from "./company.ts";
import { moved, type Point, rounded } from "./geometry.ts";
import { listenToPointers } from "./input.ts";
import { listenToKeys } from "./keys.ts";
import { isWritten } from "./shapes.ts";
import { begin, boxesOf, type Desk, type Gesture, writtenAt, writtenShape } from "./tools.ts";

export interface Hands {
  /** Takes over what moved since. */
  takeMoves(): void;
  close(): void;
}

/** Key after key within that time is one step. */
const nudgeMs = 800;

export function createHands(
  board: Board,
  element: HTMLElement,
  camera: Camera,
  company: Company,
  desk: Desk,
  changed: () => void,
): Hands {
  const { scene, state, writes } = board;
  let gesture: Gesture | undefined;
  let moves: Point[] = [];
  let isShift = false;
  let isHeld = false;
  let nudging = { atMs: 0, group: "" };

  const takeMoves = (): void => {
    // Only a pen has use for where it was on its way.
    const points = state.get().tool === "pen" ? moves : moves.slice(-1);
    moves = [];
    for (const point of points) gesture?.move(camera.at(point), { shift: isShift });
  };
  const end = (how: "end" | "cancel"): boolean => {
    const had = gesture;
    gesture = undefined;
    moves = [];
    had?.[how]();
    changed();
    return had !== undefined;
  };
  const act = (): void => {
    const [id] = board.selected;
    const shape = id === undefined ? undefined : scene.get(id);
    const { tool } = state.get();
    if (id !== undefined && isWritten(shape)) desk.write(id, shape);
    else if (tool === "text" || tool === "note") desk.write(desk.newId(), writtenShape(tool, desk, camera.middle()));
    else if (tool === "rectangle" || tool === "ellipse") begin(tool, desk, camera.middle(), { shift: false }).end();
  };
  const nudge = (dx: number, dy: number): void => {
    const now = performance.now();
    nudging = { atMs: now, group: now - nudging.atMs < nudgeMs ? nudging.group : `nudge ${desk.newId()}` };
    const boxes = [...boxesOf(scene, board.selected)].map(([id, box]) => [id, rounded(moved(box, dx, dy))] as const);
    if (boxes.length) writes.place(new Map(boxes), nudging.group);
  };
  const selectNext = (by: 1 | -1): void => {
    const at = scene.all.findIndex(({ id }) => board.selected.has(id));
    const next = scene.all.at(at < 0 ? Math.min(0, by) : (at + by) % scene.all.length);
    board.choose("select");
    if (next) board.select([next.id]);
  };

  const stopPointers = listenToPointers(element, {
    get isPanning() {
      return isHeld || state.get().tool === "hand";
    },
    down(at, { shiftKey }) {
      gesture = begin(state.get().tool, desk, camera.at(at), { shift: shiftKey });
      changed();
    },
    move(points, { shiftKey }) {
      isShift = shiftKey;
      moves.push(...points);
      changed();
    },
    up() {
      takeMoves();
      end("end");
    },
    cancel: () => void end("cancel"),
    hover(at) {
      const { x, y } = camera.at(at);
      company.pointers.move(Math.round(x), Math.round(y));
    },
    leave: () => company.pointers.leave(),
    pan: camera.pan,
    zoom: camera.zoom,
    open(at) {
      const found = state.get().tool === "select" ? writtenAt(scene, camera.at(at), desk.near) : undefined;
      if (found) desk.write(found.id, found.shape);
    },
  });
  const stopKeys = listenToKeys(element.closest<HTMLElement>(".whiteboard") ?? element, element, {
    choose: board.choose,
    undo: board.undo,
    redo: board.redo,
    remove: board.remove,
    zoomBy: camera.zoomBy,
    showAll: camera.showAll,
    act,
    nudge,
    selectNext,
    raise: (isUp) => writes.raise(board.selected, isUp),
    selectAll() {
      board.choose("select");
      board.select(scene.all.map(({ id }) => id));
    },
    escape: () => end("cancel") || board.select([]),
    hold(isDown) {
      isHeld = isDown;
      element.classList.toggle("panning", isDown);
    },
  });

  return {
    takeMoves,
    close() {
      stopPointers();
      stopKeys();
    },
  };
}
