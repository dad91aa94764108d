/**
 * The shapes of a board, ready to be asked what is where: sorted from back to front, and in squares of the plane.
 *
 * Shapes that did not change are the same objects (`===`), so what changed is found by comparing, and only that is filed anew.
 * Always: `within` and `all` go from back to front; two shapes of one order go by their ids.
 */
import type { Drawing, Shape } from "./contract.ts";
import { type Box, type Point, touches, union } from "./geometry.ts";
import { boundsOf, isAt, isWhole } from "./shapes.ts";

export interface Item {
  readonly id: string;
  readonly shape: Shape;
  readonly bounds: Box;
}

export interface Scene {
  readonly all: readonly Item[];
  get(id: string): Shape | undefined;
  /** Takes over what is there now; where something changed on the plane. */
  update(shapes: Drawing["shapes"]): Box[];
  within(box: Box): readonly Item[];
  /** The foremost shape at that point, or so near. */
  at(point: Point, near: number): Item | undefined;
  bounds(): Box | undefined;
}

const square = 256;
/** What lies on more squares than that is looked at each time instead. */
const maxSquares = 64;
/** From here on it is faster to go through all. */
const maxAsked = 160;

const isBefore = (one: Item, other: Item): boolean =>
  one.shape.order === other.shape.order ? one.id < other.id : one.shape.order < other.shape.order;

function squaresOf([x, y, width, height]: Box): readonly [left: number, top: number, right: number, bottom: number] {
  return [x, y, x + width, y + height].map((value) => Math.floor(value / square)) as never;
}
const countOf = ([left, top, right, bottom]: ReturnType<typeof squaresOf>): number => (right - left + 1) * (bottom - top + 1);

export function createScene(): Scene {
  const byId = new Map<string, Item>();
  const sorted: Item[] = [];
  const squares = new Map<string, Set<Item>>();
  const large = new Set<Item>();

  /** Where it stands among the others, or would. */
  const placeOf = (item: Item): number => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(sorted[middle] as Item, item)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const eachSquare = (bounds: Box, run: (key: string) => void): void => {
    const [left, top, right, bottom] = squaresOf(bounds);
    for (let x = left; x <= right; x++) for (let y = top; y <= bottom; y++) run(`${x} ${y}`);
  };
  const file = (item: Item): void => {
    if (countOf(squaresOf(item.bounds)) > maxSquares) return void large.add(item);
    eachSquare(item.bounds, (key) => {
      const own = squares.get(key);
      if (own) own.add(item);
      else squares.set(key, new Set([item]));
    });
  };
  const unfile = (item: Item): void => {
    if (large.delete(item)) return;
    eachSquare(item.bounds, (key) => {
      const own = squares.get(key);
      own?.delete(item);
      if (!own?.size) squares.delete(key);
    });
  };
  const remove = (item: Item): void => {
    byId.delete(item.id);
    sorted.splice(placeOf(item), 1);
    unfile(item);
  };
  const add = (item: Item): void => {
    byId.set(item.id, item);
    sorted.splice(placeOf(item), 0, item);
    file(item);
  };

  const within = (box: Box): readonly Item[] => {
    if (countOf(squaresOf(box)) > maxAsked) return sorted.filter(({ bounds }) => touches(bounds, box));
    const found = new Set<Item>();
    eachSquare(box, (key) => {
      for (const item of squares.get(key) ?? []) if (touches(item.bounds, box)) found.add(item);
    });
    for (const item of large) if (touches(item.bounds, box)) found.add(item);
    return [...found].sort((one, other) => (isBefore(one, other) ? -1 : 1));
  };

  return {
    all: sorted,
    get: (id) => byId.get(id)?.shape,
    // #region update
    update(shapes) {
      const changed: Box[] = [];
      let count = 0;
      for (const id in shapes) {
        const shape = shapes[id];
        if (!isWhole(shape)) continue;
        count++;
        const before = byId.get(id);
        if (before?.shape === shape) continue; // the same object: nothing of it changed
        const item = { id, shape, bounds: boundsOf(shape) };
        if (before) {
          remove(before);
          changed.push(before.bounds);
        }
        add(item);
        changed.push(item.bounds);
      }
      if (count < byId.size) {
        for (const item of [...byId.values()]) {
          if (isWhole(shapes[item.id])) continue;
          remove(item);
          changed.push(item.bounds);
        }
      }
      return changed;
    },
    // #endregion
    within,
    at(point, near) {
      const found = within([point.x - near, point.y - near, 2 * near, 2 * near]);
      return found.findLast(({ shape }) => isAt(shape, point, near));
    },
    bounds: () => union(sorted.map(({ bounds }) => bounds)),
  };
}
