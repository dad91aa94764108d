/**
 * A room in cells: a member is told in the cell that it stands in, to those who look there, and nowhere else. Each cell that somebody
 * reads is a topic of its own, `cursors/main/@near/3_-4`.
 *
 * Always: a member is in one cell at most, or in none where it has no position; a cell without readers is forgotten.
 * Rules: docs/protocol/presence.md NEAR1-NEAR6.
 */
import type { Timer } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { ServerCore } from "./core.ts";
import type { Hosted } from "./hosted.ts";
import { Outlet } from "./presence-outlet.ts";
import { memberOf, type Seat } from "./presence-seat.ts";

export interface NearOptions<Data> {
  /** Width and height of a cell, in the units of positions. */
  readonly cell: number;
  /** Where a member stands; nothing: nowhere, and nobody is told of it. */
  position(data: Data): { readonly x: number; readonly y: number } | null | undefined;
}

export interface Cells {
  /** The seat's data may have changed. */
  place(seat: Seat): void;
  leave(seat: Seat): void;
  /** Where what concerns the seat is told; undefined: nobody looks there. */
  outletOf(seat: Seat): Outlet | undefined;
  /** Opens a cell for its first reader. Throws SyncError `not-declared` for what names no cell. */
  open(cell: string, topic: string): Hosted;
  /** Somebody looks at one of them, or did a moment ago. */
  readonly isRead: boolean;
  close(): void;
}

const cellName = /^-?\d{1,9}_-?\d{1,9}$/;
/** A cell that nobody reads any more stays so long. */
const lingerMs = 1000;

export function createCells(core: ServerCore, room: string, { cell: size, position }: NearOptions<never>): Cells {
  if (!(size > 0)) throw new SyncError("invalid", "A cell has a size above 0.");
  const seats = new Map<string, Set<Seat>>();
  const outlets = new Map<string, Outlet>();
  const timers = new Map<string, Timer>();

  /** One that cannot be told is nowhere: everybody else stays where he is. */
  const positionOf = ({ data }: Seat): ReturnType<typeof position> => {
    try {
      return position(data as never);
    } catch (error) {
      core.report(error, room);
      return undefined;
    }
  };

  const cellOf = (seat: Seat): string | undefined => {
    const at = positionOf(seat);
    if (!at || !Number.isFinite(at.x) || !Number.isFinite(at.y)) return undefined;
    const cell = `${Math.floor(at.x / size)}_${Math.floor(at.y / size)}`;
    return cellName.test(cell) ? cell : undefined;
  };

  const leave = (seat: Seat): void => {
    const { cell } = seat;
    seat.cell = undefined;
    if (cell === undefined) return;
    const there = seats.get(cell);
    there?.delete(seat);
    if (!there?.size) seats.delete(cell);
  };

  const watch = (cell: string, topic: string, outlet: Outlet): void => {
    const look = (): void => {
      timers.delete(cell);
      if (outlet.topic.subscriptions.size || core.ended) return;
      core.topics.delete(topic, "deleted");
    };
    outlet.topic.readersChanged = () => {
      if (outlet.topic.subscriptions.size || timers.has(cell) || core.ended) return;
      timers.set(cell, core.env.setTimer(look, lingerMs));
    };
    // Should who opened it be gone before it is a reader.
    timers.set(cell, core.env.setTimer(look, lingerMs));
  };

  return {
    place(seat) {
      const cell = cellOf(seat);
      if (cell === seat.cell) return;
      if (seat.cell !== undefined) outlets.get(seat.cell)?.show(seat.id, undefined, true);
      leave(seat);
      seat.cell = cell;
      if (cell === undefined) return;
      const there = seats.get(cell) ?? new Set();
      seats.set(cell, there.add(seat));
    },
    leave,
    outletOf: ({ cell }) => (cell === undefined ? undefined : outlets.get(cell)),
    open(cell, topic) {
      if (!cellName.test(cell)) throw new SyncError("not-declared", `"${cell}" is no cell.`);
      const outlet = new Outlet(core, topic, () => ({ cell: size }));
      const there = [...(seats.get(cell) ?? [])].map(memberOf);
      outlet.state.restore([
        there.map((each) => [each.id, each.user, each.data, each.status, each.lastSeenMs]),
        [],
        [null, null],
        null,
      ]);
      outlets.set(cell, outlet);
      watch(cell, topic, outlet);
      return {
        topic: outlet.topic,
        close() {
          outlet.close();
          outlets.delete(cell);
          const timer = timers.get(cell);
          if (timer !== undefined) core.env.clearTimer(timer);
          timers.delete(cell);
        },
      };
    },
    get isRead() {
      return outlets.size > 0;
    },
    close() {
      for (const timer of timers.values()) core.env.clearTimer(timer);
      timers.clear();
      for (const outlet of outlets.values()) outlet.close();
    },
  };
}
