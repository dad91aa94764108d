/**
 * `pointers(client, ref)`: everybody's pointer in a room. While one moves it is told by what may be lost; where it rests, by the member's
 * own data, so that who comes later sees it as well.
 *
 * Always: a position that is lost costs smoothness and nothing else: at rest all see the same.
 * Rules: docs/protocol/presence.md POINTER1-POINTER4.
 */
import { type ChannelEvents, type RefOrName, type RoomShape, topicOf } from "../core/definitions.ts";
import type { Timer } from "../core/env.ts";
import { addTo, callAll, type Unsubscribe } from "../core/store.ts";
import { coreOf } from "./client.ts";
import type { Member } from "./presence.ts";
import { roomOf } from "./room.ts";

export interface PointerOptions {
  /** Of the member's data: `{ x, y }` or null. Default `cursor`. */
  readonly key?: string;
  /** Between two positions that are sent. Default 50. */
  readonly everyMs?: number;
  /** Without a movement for so long it rests, and its position becomes the member's data. Default 200. */
  readonly restMs?: number;
}

export interface Pointer<Data = unknown> {
  readonly member: Member<Data>;
  readonly x: number;
  readonly y: number;
}

export interface Pointers<Data = unknown> {
  /** This client's pointer is there now. */
  move(x: number, y: number): void;
  /** It is nowhere. */
  leave(): void;
  /** The others' as they are shown at this moment, on their way from the position before to the newest. */
  get(): readonly Pointer<Data>[];
  /** Some are on their way: what `get` gives changes with time. */
  readonly isMoving: boolean;
  /** Calls `run` when one of them has somewhere to go, has come or gone, or its member changed. */
  listen(run: () => void): Unsubscribe;
}

interface Way {
  readonly fromX: number;
  readonly fromY: number;
  readonly toX: number;
  readonly toY: number;
  readonly sinceMs: number;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function pointOf(value: unknown): Point | undefined {
  const { x, y } = (value ?? {}) as Partial<Point>;
  return Number.isFinite(x) && Number.isFinite(y) ? (value as Point) : undefined;
}

export function pointers<D, I, E extends ChannelEvents>(
  client: object,
  ref: RefOrName<"presence", RoomShape<D, I, E>>,
  { key = "cursor", everyMs = 50, restMs = 200 }: PointerOptions = {},
): Pointers<D> {
  const core = coreOf(client);
  const { env } = core;
  const room = roomOf(core, topicOf(ref));
  const event = `@pointer/${key}`;
  const ways = new Map<string, Way>();
  /** Members as they were last, and with them where they rested: what was told since is newer. */
  const rested = new Map<string, { readonly data: unknown }>();
  const listeners = new Set<() => void>();
  /** Where this client's pointer is, and whether the others know. */
  let own: Point | undefined;
  let isTold = true;
  let nextMs = 0;
  let isSending = false;
  let resting: Timer | undefined;
  let stop: Unsubscribe | undefined;

  const shareAt = ({ sinceMs }: Way): number => Math.min(1, (env.monotonicMs() - sinceMs) / everyMs);
  const at = (way: Way): Point => {
    const share = shareAt(way);
    return { x: way.fromX + (way.toX - way.fromX) * share, y: way.fromY + (way.toY - way.fromY) * share };
  };
  const go = (id: string, to: Point | undefined): void => {
    if (!to) return void ways.delete(id);
    const before = ways.get(id);
    const from = before ? at(before) : to;
    ways.set(id, { fromX: from.x, fromY: from.y, toX: to.x, toY: to.y, sinceMs: env.monotonicMs() });
  };

  const restOf = ({ data }: { readonly data: unknown }): unknown => (data as { readonly [name: string]: unknown })[key] ?? null;

  /** Takes over what rests elsewhere than before. */
  const look = (): boolean => {
    let isChanged = false;
    const { byId } = room.state;
    for (const id of rested.keys()) {
      if (byId.has(id)) continue;
      rested.delete(id);
      ways.delete(id);
      isChanged = true;
    }
    for (const [id, member] of byId) {
      const before = rested.get(id);
      if (room.isOwn(id) || before === member) continue;
      const value = restOf(member);
      rested.set(id, member);
      if (!before || restOf(before) !== value) go(id, pointOf(value));
      // Its name or status may be another.
      else if (!ways.has(id)) continue;
      isChanged = true;
    }
    return isChanged;
  };
  const tell = (): void => core.attempt(() => callAll(listeners), room.topic);

  const begin = (): void => {
    look();
    const ends = [
      room.computed(() => room.state.version).listen(() => look() && tell()),
      room.onTold(({ event: name, data, from }) => {
        if (name !== event || from === null || room.isOwn(from) || !room.state.byId.has(from)) return;
        const [x, y] = data as number[];
        go(from, pointOf({ x, y }));
        tell();
      }),
    ];
    stop = () => {
      for (const end of ends) end();
    };
  };

  const send = (): void => {
    isSending = false;
    if (isTold || !own) return;
    isTold = true;
    nextMs = env.monotonicMs() + everyMs;
    room.tell(event, [own.x, own.y], true);
  };
  const rest = (): void => {
    resting = undefined;
    room.set({ [key]: own ?? null });
  };

  return {
    move(x, y) {
      own = { x, y };
      isTold = false;
      if (!isSending) env.setTimer(send, Math.max(0, nextMs - env.monotonicMs()));
      isSending = true;
      if (resting !== undefined) env.clearTimer(resting);
      resting = env.setTimer(rest, restMs);
    },
    leave() {
      own = undefined;
      if (resting !== undefined) env.clearTimer(resting);
      rest();
    },
    get() {
      if (!stop) look();
      return [...ways].flatMap(([id, way]) => {
        const member = room.state.byId.get(id) as Member<D> | undefined;
        return member ? [{ member, ...at(way) }] : [];
      });
    },
    get isMoving() {
      return [...ways.values()].some((way) => shareAt(way) < 1);
    },
    listen(run) {
      const remove = addTo(listeners, run);
      if (!stop) begin();
      return () => {
        remove();
        if (listeners.size) return;
        stop?.();
        stop = undefined;
      };
    },
  };
}
