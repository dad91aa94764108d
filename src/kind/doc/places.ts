/**
 * Where the items of a document stand: within how many types, and whether under a key. Yjs follows both to the end, and has no end of its
 * own: types some thousand deep overflow the stack of who deletes them, and where several stand under one key, of which one is deleted,
 * it throws once their type is. Nobody can take either out of a document again.
 *
 * An item stands where its neighbours do; the first of a type says which type that is. So a place is kept from the clock on where it
 * changes: of plain texts nothing is kept.
 * Always: reading changes nothing; what is not known, as what was collected, is taken to stand at the top.
 * Rules: docs/protocol/doc.md DOC64, DOC65.
 */
import { SyncError } from "../../core/errors.ts";
import { contents } from "./content.ts";
import { flags, kinds, noLimits, UpdateReader } from "./update.ts";

/** Twice the number of types that it stands within, and one more under a key. */
type Place = number;
const unknown: Place = -1;

/** By client: a clock and the place from there on, and so forth. */
export type Placed = ReadonlyMap<number, readonly number[]>;

/** Types that a type may stand within. */
const maxNesting = 256;

interface Struct {
  readonly client: number;
  readonly clock: number;
  readonly length: number;
  /** Ids of what it stands beside, or of the type that it stands in. */
  readonly by: readonly (readonly [client: number, clock: number])[];
  readonly isInType: boolean;
  readonly hasKey: boolean;
  /** Its length is all that is left of it. */
  readonly isDeleted: boolean;
  place: Place;
}

/** The struct that was read says where it stands: in a type, or under a key. */
export function saysPlace({ info, parentClient }: UpdateReader): boolean {
  return parentClient >= 0 || hasKey(info);
}

function hasKey(info: number): boolean {
  return (info & (flags.origin | flags.right | flags.key)) === flags.key;
}

export class Places {
  readonly #runs = new Map<number, number[]>();

  /** All stands at the top. */
  get isFlat(): boolean {
    return this.#runs.size === 0;
  }

  add(placed: Placed): void {
    for (const [client, runs] of placed) {
      const known = this.#runs.get(client) ?? [];
      for (let i = 0; i < runs.length; i += 2) {
        const [clock, place] = [runs[i] as number, runs[i + 1] as Place];
        if ((known.at(-1) ?? 0) !== place) known.push(clock, place);
      }
      if (known.length) this.#runs.set(client, known);
    }
  }

  /** Of an update that was judged, and has nothing that is known. Throws SyncError; `isOwn`: it does not. */
  read(update: Uint8Array, isOwn: boolean): Placed {
    const reader = new UpdateReader(update, noLimits);
    const blocks = new Map<number, Struct[]>();
    while (reader.next()) {
      const block = blocks.get(reader.client);
      if (block) block.push(structOf(reader));
      else blocks.set(reader.client, [structOf(reader)]);
    }
    const several: Struct[] = [];
    const placed = new Map<number, number[]>();
    for (const [client, block] of blocks) {
      const runs: number[] = [];
      for (const struct of block) {
        const place = this.#placeOf(blocks, struct);
        if (place >> 1 > maxNesting && !isOwn) {
          throw new SyncError("too-deep", `Types of a document stand within at most ${maxNesting} others.`);
        }
        if (place & 1 && struct.length > 1 && !struct.isDeleted) several.push(struct);
        if (runs.at(-1) !== place) runs.push(struct.clock, place);
      }
      placed.set(client, runs);
    }
    if (!isOwn && several.length) checkDeleted(several, reader);
    return placed;
  }

  /** Those first that it goes by: none goes by itself. */
  #placeOf(blocks: ReadonlyMap<number, readonly Struct[]>, struct: Struct): Place {
    const todo = [struct];
    for (let next = todo.at(-1); next; next = todo.at(-1)) {
      let place = next.hasKey ? 1 : 0;
      let waitsFor: Struct | undefined;
      for (const [client, clock] of next.place === unknown ? next.by : []) {
        const other = find(blocks.get(client), clock);
        const theirs = other ? other.place : this.#at(client, clock);
        if (theirs === unknown) waitsFor = other;
        // Within a type it is no matter whether that stands under a key.
        else if (next.isInType) place += (theirs >> 1) * 2 + 2;
        else place = Math.max(place >> 1, theirs >> 1) * 2 + ((place | theirs) & 1);
      }
      if (waitsFor) todo.push(waitsFor);
      else {
        if (next.place === unknown) next.place = place;
        todo.pop();
      }
    }
    return struct.place;
  }

  #at(client: number, clock: number): Place {
    const runs = this.#runs.get(client) ?? [];
    const run = lastUpTo(clock, runs.length / 2, (index) => runs[index * 2] as number);
    return run < 0 ? 0 : (runs[run * 2 + 1] as Place);
  }
}

function structOf(reader: UpdateReader): Struct {
  const { client, clock, length, info, originClient, rightClient, parentClient } = reader;
  const content = info & flags.content;
  const by: [number, number][] = [];
  if (content !== kinds.collected) {
    if (originClient >= 0) by.push([originClient, reader.originClock]);
    if (rightClient >= 0) by.push([rightClient, reader.rightClock]);
    if (parentClient >= 0) by.push([parentClient, reader.parentClock]);
  }
  const isDeleted = content === contents.deleted;
  return { client, clock, length, by, isInType: parentClient >= 0, hasKey: hasKey(info), isDeleted, place: unknown };
}

function find(block: readonly Struct[] | undefined, clock: number): Struct | undefined {
  if (!block) return undefined;
  const struct = block[lastUpTo(clock, block.length, (index) => (block[index] as Struct).clock)];
  return struct && clock < struct.clock + struct.length ? struct : undefined;
}

/** The index of the last of so many in order that is not above; -1: all are. */
function lastUpTo(clock: number, count: number, clockAt: (index: number) => number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (clockAt(middle) <= clock) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Several stand under one key only where others have taken their place. */
function checkDeleted(several: readonly Struct[], reader: UpdateReader): void {
  const ranges = new Map<number, (readonly [clock: number, end: number])[]>(several.map(({ client }) => [client, []]));
  while (reader.nextDeleted()) ranges.get(reader.client)?.push([reader.clock, reader.clock + reader.length]);
  for (const own of ranges.values()) own.sort(([one], [other]) => one - other);
  for (const { client, clock, length } of several) {
    const own = ranges.get(client) ?? [];
    const range = own[lastUpTo(clock, own.length, (index) => (own[index] as [number, number])[0])];
    if (!range || range[1] < clock + length) throw new SyncError("invalid", "Under a key of a document stands one value.");
  }
}
