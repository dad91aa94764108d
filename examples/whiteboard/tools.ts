/**
 * What a pointer does with each tool, from its going down to its coming up. Pure: it changes the board through a `Desk`.
 *
 * Always: a drag is one step to undo, whatever it writes on the way; `cancel` leaves the board as it was.
 */
import type { Color, Shape } from "./contract.ts";
import { type Box, boxAround, cornersOf, fitted, moved, type Point, round, rounded, touches, union } from "./geometry.ts";
import type { Scene } from "./scene.ts";
import { isWritten, lineHeight, noteSize, strokeOf, textSize, type Written } from "./shapes.ts";

export const tools = ["select", "hand", "pen", "rectangle", "ellipse", "text", "note"] as const;
export type Tool = (typeof tools)[number];

/** What the tools work on. */
export interface Desk {
  readonly scene: Scene;
  readonly color: Color;
  readonly selected: ReadonlySet<string>;
  /** In units of the plane: so near is on it. */
  readonly near: number;
  newId(): string;
  /** The order of what comes in front of all. */
  front(): string;
  select(ids: Iterable<string>): void;
  /** Shows a shape here that is on nobody's board yet. */
  preview(shape: Shape | undefined): void;
  marquee(box: Box | undefined): void;
  /** Shows a stroke here and to the others while it is drawn; no points: it is not drawn after all. */
  draw(id: string, points: readonly number[]): void;
  add(id: string, shape: Shape): void;
  place(boxes: ReadonlyMap<string, Box>, group: string): void;
  /** Lets the user write into it; it is added with its text. */
  write(id: string, shape: Written): void;
}

/** Keys held meanwhile. */
export interface Held {
  readonly shift: boolean;
}

export interface Gesture {
  move(at: Point, held: Held): void;
  end(): void;
  cancel(): void;
}

const nothing: Gesture = { move() {}, end() {}, cancel() {} };

export function begin(tool: Tool, desk: Desk, at: Point, held: Held): Gesture {
  if (tool === "pen") return drawing(desk, at);
  if (tool === "rectangle" || tool === "ellipse") return spanning(tool, desk, at);
  if (tool === "text" || tool === "note") {
    const shape = writtenShape(tool, desk, at);
    return { ...nothing, end: () => desk.write(desk.newId(), shape) };
  }
  return tool === "select" ? selecting(desk, at, held) : nothing;
}

// #region pen
/** The others see it while it is drawn; it is written once, when it is whole. */
function drawing(desk: Desk, start: Point): Gesture {
  const id = desk.newId();
  const points = [round(start.x), round(start.y)];
  desk.draw(id, points);
  return {
    move(at) {
      const [x, y] = points.slice(-2) as [number, number];
      if (Math.hypot(at.x - x, at.y - y) < desk.near / 4) return;
      points.push(round(at.x), round(at.y));
      desk.draw(id, points);
    },
    end: () => desk.add(id, strokeOf(points, desk.color, desk.front())),
    cancel: () => desk.draw(id, []),
  };
}
// #endregion

function spanning(kind: "rectangle" | "ellipse", desk: Desk, start: Point): Gesture {
  const { color } = desk;
  const order = desk.front();
  let shape: Shape | undefined;
  return {
    move(at, { shift }) {
      const side = Math.max(Math.abs(at.x - start.x), Math.abs(at.y - start.y));
      const corner = { x: start.x + side * Math.sign(at.x - start.x), y: start.y + side * Math.sign(at.y - start.y) };
      shape = { kind, box: rounded(boxAround(start, shift ? corner : at)), color, order };
      desk.preview(shape);
    },
    end() {
      desk.preview(undefined);
      // A click: one of the usual size.
      const made: Shape = shape ?? { kind, box: rounded([start.x - 80, start.y - 60, 160, 120]), color, order };
      const id = desk.newId();
      desk.add(id, made);
      desk.select([id]);
    },
    cancel: () => desk.preview(undefined),
  };
}

export function writtenShape(kind: "text" | "note", desk: Pick<Desk, "color" | "front">, { x, y }: Point): Written {
  const size = kind === "note" ? noteSize : textSize * lineHeight;
  const box: Box = kind === "note" ? [x - size / 2, y - size / 2, size, size] : [x, y - size / 2, 0, size];
  return { kind, box: rounded(box), color: desk.color, order: desk.front(), text: "" };
}

function selecting(desk: Desk, at: Point, held: Held): Gesture {
  const { scene, selected, near } = desk;
  const around = selectionBox(scene, selected);
  const corner = around ? cornersOf(around).findIndex((each) => Math.hypot(each.x - at.x, each.y - at.y) <= near * 1.5) : -1;
  if (around && corner >= 0) return resizing(desk, around, corner);
  const hit = scene.at(at, near);
  if (!hit) return choosing(desk, at, held.shift ? selected : []);
  if (held.shift) {
    const next = new Set(selected);
    if (!next.delete(hit.id)) next.add(hit.id);
    desk.select(next);
  } else if (!selected.has(hit.id)) desk.select([hit.id]);
  return moving(desk, at);
}

export const selectionBox = (scene: Scene, ids: Iterable<string>): Box | undefined => union(boxesOf(scene, ids).values());

export function boxesOf(scene: Scene, ids: Iterable<string>): ReadonlyMap<string, Box> {
  return new Map([...ids].flatMap((id) => (scene.get(id) ? [[id, (scene.get(id) as Shape).box] as const] : [])));
}

// #region move
function moving(desk: Desk, start: Point): Gesture {
  const before = boxesOf(desk.scene, desk.selected);
  const group = `move ${desk.newId()}`; // all that one drag writes is one step to undo
  const moveBy = (dx: number, dy: number): void =>
    desk.place(new Map([...before].map(([id, box]) => [id, rounded(moved(box, dx, dy))])), group);
  let isMoved = false;
  return {
    move(at) {
      isMoved ||= Math.hypot(at.x - start.x, at.y - start.y) > desk.near / 2;
      if (isMoved) moveBy(at.x - start.x, at.y - start.y);
    },
    end() {},
    cancel: () => isMoved && moveBy(0, 0),
  };
}
// #endregion

function resizing(desk: Desk, around: Box, corner: number): Gesture {
  const before = boxesOf(desk.scene, desk.selected);
  const group = `resize ${desk.newId()}`;
  const fixed = cornersOf(around)[(corner + 2) % 4] as Point;
  // Letters are not stretched.
  const keepsRatio = [...before.keys()].some((id) => desk.scene.get(id)?.kind === "text");
  let isMoved = false;
  const become = (to: Box): void =>
    desk.place(new Map([...before].map(([id, box]) => [id, rounded(fitted(box, around, to))])), group);
  return {
    move(at, { shift }) {
      isMoved = true;
      become(resized(around, fixed, at, shift || keepsRatio));
    },
    end() {},
    cancel: () => isMoved && become(around),
  };
}

/** The corner that is opposite to the fixed one goes to that point, as far as something is left. */
function resized(around: Box, fixed: Point, at: Point, keepsRatio: boolean): Box {
  const least = 8;
  const [toRight, toBottom] = [fixed.x === around[0], fixed.y === around[1]];
  let width = Math.max(least, toRight ? at.x - fixed.x : fixed.x - at.x);
  let height = Math.max(least, toBottom ? at.y - fixed.y : fixed.y - at.y);
  if (keepsRatio && around[2] && around[3]) {
    const share = Math.max(width / around[2], height / around[3]);
    [width, height] = [around[2] * share, around[3] * share];
  }
  return [toRight ? fixed.x : fixed.x - width, toBottom ? fixed.y : fixed.y - height, width, height];
}

function choosing(desk: Desk, start: Point, kept: Iterable<string>): Gesture {
  const before = [...kept];
  desk.select(before);
  return {
    move(at) {
      const box = boxAround(start, at);
      desk.marquee(box);
      const found = desk.scene.within(box).filter(({ shape }) => touches(shape.box, box));
      desk.select([...before, ...found.map(({ id }) => id)]);
    },
    end: () => desk.marquee(undefined),
    cancel() {
      desk.marquee(undefined);
      desk.select(before);
    },
  };
}

/** What can be written into, at that point. */
export function writtenAt(scene: Scene, at: Point, near: number): { id: string; shape: Written } | undefined {
  const item = scene.at(at, near);
  return item && isWritten(item.shape) ? { id: item.id, shape: item.shape } : undefined;
}
