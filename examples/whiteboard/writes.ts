/**
 * What this window changes on the shared tree. Each is one write, on the screen at once, and a step of this person's own to undo.
 *
 * Always: what somebody else deleted meanwhile stays deleted.
 */
import { orderBetween } from "sente-sync";
import { type Client, type ClientShared, shared } from "sente-sync/client";
import { type Drawing, type Shape, whiteboard } from "./contract.ts";
import type { Box } from "./geometry.ts";
import type { Scene } from "./scene.ts";

/** What is dragged is written that often. */
const dragEveryMs = 60;

export interface Writes {
  readonly tree: ClientShared<Drawing>;
  /** The order of what comes in front of all. */
  front(): string;
  add(id: string, shape: Shape): void;
  change(ids: Iterable<string>, how: (shape: Shape) => void): void;
  place(boxes: ReadonlyMap<string, Box>, group: string): void;
  remove(ids: Iterable<string>): void;
  /** In front of all others, or behind them. */
  raise(ids: ReadonlySet<string>, isUp: boolean): void;
}

export function createWrites(client: Client, boardId: string, scene: Scene): Writes {
  // #region tree
  const tree = shared(client, whiteboard({ id: boardId }));
  const dragged = shared(client, whiteboard({ id: boardId }), { coalesceMs: dragEveryMs });
  // #endregion
  const front = (): string => orderBetween(scene.all.at(-1)?.shape.order ?? null, null);

  // #region change
  const change: Writes["change"] = (ids, how) => {
    tree.update(({ shapes }) => {
      for (const id of ids) if (shapes[id]) how(shapes[id]);
    });
  };
  // #endregion

  return {
    tree,
    front,
    // #region add
    add: (id, shape) => void tree.set(["shapes", id], shape),
    // #endregion
    change,
    // #region place
    place(boxes, group) {
      dragged.update(
        ({ shapes }) => {
          for (const [id, box] of boxes) if (shapes[id]) shapes[id].box = box;
        },
        { group }, // all writes of one drag are one step to undo
      );
    },
    // #endregion
    remove(ids) {
      tree.update(({ shapes }) => {
        for (const id of ids) delete shapes[id];
      });
    },
    raise(ids, isUp) {
      const chosen = scene.all.filter(({ id }) => ids.has(id));
      const orders = new Map<string, string>();
      let end = scene.all.at(isUp ? -1 : 0)?.shape.order ?? null;
      for (const { id } of isUp ? chosen : chosen.toReversed()) {
        end = isUp ? orderBetween(end, null) : orderBetween(null, end);
        orders.set(id, end);
      }
      tree.update(({ shapes }) => {
        for (const [id, order] of orders) if (shapes[id]) shapes[id].order = order;
      });
    },
  };
}
