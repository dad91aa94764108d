/**
 * What waits to leave on one connection, sorted by urgency: replies and control, then ordinary entries, then bulk, then
 * what may be lost (pointers, typing), of which only the newest per key waits.
 *
 * Always: first in, first out within a lane; a lower lane's turn comes after 16 items of higher lanes; every lane is
 * bounded. Nothing is allocated before the first push: an idle connection pays for this object alone.
 * Rules: docs/protocol/tail.md LANE1-LANE11.
 */
import { checkInteger, maxSlots, Ring } from "./ring.ts";

/** From the most to the least urgent. */
export const laneNames = ["urgent", "normal", "bulk", "lossy"] as const;

export type Lane = (typeof laneNames)[number];

/** Items per lane; of `lossy`: keys. 1 to 2^24. */
export type LaneLimits = Readonly<Record<Lane, number>>;

export const defaultLaneLimits: LaneLimits = { urgent: 1024, normal: 1024, bulk: 1024, lossy: 256 };

/** Higher items that a waiting lane lets pass. */
const patience = 16;

export interface LaneSnapshot {
  readonly length: number;
  /** Pushes that the lane had no room for. */
  readonly refused: number;
  /** Values that a newer one of the same key took the place of. */
  readonly replaced: number;
  /** Keys that had to make room for a new one. */
  readonly dropsOldest: number;
}

export interface LanesSnapshot {
  readonly version: 1;
  readonly length: number;
  readonly lanes: Readonly<Record<Lane, LaneSnapshot>>;
}

export interface Lanes<T> {
  /** Items waiting, in all lanes. */
  readonly length: number;
  /**
   * False: the lane is full and nothing was taken. `lossy` always takes; there `value` replaces what waits under `key`,
   * in its place, and the oldest key makes room for a new one. Other lanes ignore `key`.
   */
  push(lane: Lane, value: T, key?: string | number): boolean;
  /** The item whose turn it is in the lanes down to `last` (default: all); `undefined` when none waits there. */
  shift(last?: Lane): T | undefined;
  /** Forgets what waits and gives the memory back; counters stay. */
  clear(): void;
  snapshot(): LanesSnapshot;
}

export function createLanes<T>(limits: LaneLimits = defaultLaneLimits): Lanes<T> {
  if (limits !== defaultLaneLimits) for (const lane of laneNames) checkInteger(lane, limits[lane], 1, maxSlots);
  return new PriorityLanes(limits);
}

type Key = string | number | undefined;

/** The lossy lane: one value per key, in the order in which the keys came. */
class Newest<T> {
  readonly #values = new Map<Key, T>();

  get length(): number {
    return this.#values.size;
  }

  /** False: replaced what waited under `key`. */
  put(key: Key, value: T): boolean {
    const before = this.#values.size;
    // A key that is there keeps its place: one that changes all the time is not put off all the time.
    this.#values.set(key, value);
    return this.#values.size > before;
  }

  /** Takes the value of the oldest key out; only if there is one. */
  shift(): T {
    const [key, value] = this.#values.entries().next().value as [Key, T];
    this.#values.delete(key);
    return value;
  }

  clear(): void {
    this.#values.clear();
  }
}

const unused = { passed: 0, refused: 0, replaced: 0, dropsOldest: 0 };

interface LaneState<T> {
  readonly items: Ring<T> | Newest<T>;
  /** Higher items that went while this lane waited, since its own last one. */
  passed: number;
  refused: number;
  replaced: number;
  dropsOldest: number;
}

class PriorityLanes<T> implements Lanes<T> {
  length = 0;
  readonly #limits: LaneLimits;
  /** By place in laneNames; a lane that was never used has no state. */
  #states: (LaneState<T> | undefined)[] | undefined;

  constructor(limits: LaneLimits) {
    this.#limits = limits;
  }

  push(lane: Lane, value: T, key?: Key): boolean {
    const state = this.#stateOf(lane);
    const { items } = state;
    if (items instanceof Newest) {
      if (!items.put(key, value)) {
        state.replaced++;
        return true;
      }
      if (items.length > this.#limits.lossy) {
        items.shift();
        state.dropsOldest++;
        return true;
      }
    } else if (items.length >= this.#limits[lane]) {
      state.refused++;
      return false;
    } else {
      items.push(value);
    }
    this.length++;
    return true;
  }

  shift(last: Lane = "lossy"): T | undefined {
    if (this.length === 0) return undefined;
    const states = this.#states as (LaneState<T> | undefined)[];
    const end = laneNames.indexOf(last) + 1;
    let turn = -1;
    for (let place = 0; place < end; place++) {
      const state = states[place];
      if (!state || state.items.length === 0) continue;
      if (turn < 0) turn = place;
      if (state.passed >= patience) {
        turn = place;
        break;
      }
    }
    if (turn < 0) return undefined;
    for (let place = turn + 1; place < end; place++) {
      const state = states[place];
      if (state && state.items.length > 0) state.passed++;
    }
    const state = states[turn] as LaneState<T>;
    state.passed = 0;
    this.length--;
    return state.items.shift();
  }

  clear(): void {
    this.length = 0;
    for (const state of this.#states ?? []) {
      if (!state) continue;
      state.items.clear();
      state.passed = 0;
    }
  }

  snapshot(): LanesSnapshot {
    const lane = (place: number): LaneSnapshot => {
      const state = this.#states?.[place];
      const { refused, replaced, dropsOldest } = state ?? unused;
      return { length: state?.items.length ?? 0, refused, replaced, dropsOldest };
    };
    return { version: 1, length: this.length, lanes: { urgent: lane(0), normal: lane(1), bulk: lane(2), lossy: lane(3) } };
  }

  #stateOf(lane: Lane): LaneState<T> {
    const states = (this.#states ??= [undefined, undefined, undefined, undefined]);
    return (states[laneNames.indexOf(lane)] ??= {
      items: lane === "lossy" ? new Newest<T>() : new Ring<T>(0),
      ...unused,
    });
  }
}
