/**
 * `near(client, ref)`: those members of a large room that stand in an area, and nobody else.
 *
 * The server tells members in cells; the cells that the area touches are subscribed, each as a topic of its own.
 * Always: a member that goes from one cell to the next is there once, and all the while: its new cell may be told a moment later than the
 * old one. One that is in none of the cells is not there.
 * Rules: docs/protocol/presence.md NEAR1-NEAR6.
 */
import { type RefOrName, type RoomShape, topicOf } from "../core/definitions.ts";
import { SyncError } from "../core/errors.ts";
import type { Readable } from "../core/store.ts";
import type { Member as AnyMember } from "../kind/presence.ts";
import { coreOf } from "./client.ts";
import { keeping, type Member } from "./presence.ts";
import { type ClientRoom, roomOf } from "./room.ts";

export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Nearby<Data = unknown> {
  /** Who stands in the cells that the area touches; this client not included. */
  readonly members: Readable<readonly Member<Data>[]>;
  /** How many are in the room. */
  readonly count: Readable<number>;
  /** Looks there from now on. Throws SyncError `limit` where it touches more than 64 cells. */
  look(area: Area): void;
  /** Looks nowhere. Safe twice. */
  close(): void;
}

const maxCells = 64;
/** How long who goes over to another cell may be told there later. */
const betweenMs = 250;

export function near<D, I>(client: object, ref: RefOrName<"presence", RoomShape<D, I>>): Nearby<D> {
  const core = coreOf(client);
  const room = roomOf(core, topicOf(ref));
  const cells = new Map<string, { readonly cell: ClientRoom; readonly stop: () => void }>();
  /** Who went out of one cell, and is not told in another yet. */
  const between = new Map<string, Member<D>>();
  let area: Area | undefined;
  let size: number | undefined;

  const everybody = keeping((): readonly Member<D>[] => {
    const byId = new Map(between);
    for (const { cell } of cells.values()) {
      for (const member of cell.state.members as readonly Member<D>[]) {
        const other = byId.get(member.id);
        // While it goes over, both may have it.
        if (!room.isOwn(member.id) && (!other || other.lastSeenMs <= member.lastSeenMs)) byId.set(member.id, member);
      }
    }
    return [...byId.values()];
  });
  const members = room.computed(everybody);

  const wentOver = (member: AnyMember): void => {
    between.set(member.id, member as Member<D>);
    core.env.setTimer(() => {
      if (between.get(member.id) === member && between.delete(member.id)) room.changed();
    }, betweenMs);
  };

  const follow = (): void => {
    if (size === undefined || !area) return;
    const names = cellsOf(area, size);
    for (const [name, { stop }] of cells) {
      if (names.has(name)) continue;
      cells.delete(name);
      stop();
    }
    for (const name of names) {
      if (cells.has(name)) continue;
      const cell = roomOf(core, `${room.topic}/@near/${name}`);
      const stop = cell.computed(() => cell.state.version).listen(room.changed);
      cell.state.moved.add(wentOver);
      cells.set(name, {
        cell,
        stop() {
          cell.state.moved.delete(wentOver);
          stop();
        },
      });
    }
    room.changed();
  };

  const stopNamed = room.held.onNamed((answer) => {
    const { cell } = answer as { readonly cell?: unknown };
    if (typeof cell !== "number") return;
    size = cell;
    follow();
  });
  const release = room.held.use();

  return {
    members,
    count: room.computed(() => room.state.count ?? room.state.members.length),
    look(next) {
      if (size !== undefined) cellsOf(next, size);
      area = next;
      follow();
    },
    close() {
      stopNamed();
      release();
      for (const { stop } of cells.values()) stop();
      cells.clear();
      between.clear();
      area = undefined;
    },
  };
}

function cellsOf({ x, y, width, height }: Area, size: number): Set<string> {
  const [left, top] = [Math.floor(x / size), Math.floor(y / size)];
  const [right, bottom] = [Math.floor((x + width) / size), Math.floor((y + height) / size)];
  if (!((right - left + 1) * (bottom - top + 1) <= maxCells)) throw new SyncError("limit", `Over ${maxCells} cells`);
  const names = new Set<string>();
  for (let row = top; row <= bottom; row++) for (let column = left; column <= right; column++) names.add(`${column}_${row}`);
  return names;
}
