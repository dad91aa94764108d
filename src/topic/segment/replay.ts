/**
 * What the files say at a start: read from the newest segment to the oldest, so that whatever is not needed any more is known
 * to be so before it is met.
 *
 * Always: of two things said of the same, the newer holds, and of offsets the larger; a topic that nothing newer than a lost
 * batch speaks of may have lost its last records, and is a suspect.
 * Rules: docs/protocol/storage.md SEG6, SEG8, SEG9.
 */
import type { Disk } from "../disk.ts";
import { type Block, placeOf } from "./blocks.ts";
import { type Catalog, nameOf, newSegment, type Segment, Topic } from "./catalog.ts";
import { parseSegmentName } from "./frame.ts";
import { bodiesAt, loadTables, type SegmentTables } from "./index-file.ts";
import { type Item, type PieceItem, readTable } from "./table.ts";

export interface Replayed {
  /** Undefined where none can be read. */
  readonly generation: string | undefined;
  readonly isClean: boolean;
  /** Ends found by scanning, which no segment states. */
  readonly unstated: ReadonlyMap<number, number>;
  readonly suspects: readonly Topic[];
  /** Bytes that cannot be read lie in these. */
  readonly damaged: readonly string[];
  /** Scanned, and whole: to be given an index. */
  readonly scanned: readonly { readonly segment: Segment; readonly tables: SegmentTables["tables"] }[];
}

/** The pieces met of one snapshot. */
interface Pieces {
  readonly item: PieceItem;
  readonly places: number[];
  readonly sizes: number[];
  missing: number;
}

interface Found {
  readonly topic: Topic;
  readonly isSuspect: boolean;
  readonly blocks: Block[];
  readonly pieces: Map<number, Pieces>;
}

/** Fills an empty catalog. */
export async function replay(disk: Disk, catalog: Catalog): Promise<Replayed> {
  const reader = new Replay(catalog);
  for (const segment of await segmentsOf(disk, catalog)) {
    const stated = catalog.ends.get(segment.number)?.position;
    const tables = await loadTables(disk, segment, stated);
    reader.read(segment, tables, stated);
  }
  return reader.finish();
}

/** The newest first. What else lies there is left of removals that were cut short. */
async function segmentsOf(disk: Disk, catalog: Catalog): Promise<Segment[]> {
  const names = new Set(await disk.list());
  const segments: Segment[] = [];
  for (const name of names) {
    const parsed = parseSegmentName(name);
    if (parsed) {
      const segment = newSegment(parsed.number, parsed.salt);
      segment.hasIndex = names.has(name.replace(/seg$/, "idx"));
      segments.push(segment);
    } else if (name.endsWith(".idx") && !names.has(name.replace(/idx$/, "seg"))) await disk.remove(name);
  }
  segments.sort((a, b) => b.number - a.number);
  for (const segment of segments) catalog.segments.set(segment.number, segment);
  return segments;
}

class Replay {
  readonly #catalog: Catalog;
  readonly #found = new Map<number, Found>();
  readonly #unstated = new Map<number, number>();
  readonly #damaged: string[] = [];
  readonly #scanned: { segment: Segment; tables: SegmentTables["tables"] }[] = [];
  #generation: string | undefined;
  #isClean: boolean | undefined;
  #hasLost = false;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  read(segment: Segment, { tables, end, lost, isTorn }: SegmentTables, stated: number | undefined): void {
    segment.end = end;
    segment.isSealed = true;
    if (stated === undefined) this.#unstated.set(segment.number, end);
    if (lost.size) this.#damaged.push(nameOf(segment));
    else if (!segment.hasIndex) this.#scanned.push({ segment, tables });
    if (isTorn) this.#isClean ??= false;
    for (let index = tables.length; index >= 0; index--) {
      const at = tables[index];
      if (at) this.#readBatch(segment, at);
      if (lost.has(index)) this.#hasLost = true;
    }
  }

  #readBatch(segment: Segment, at: SegmentTables["tables"][number]): void {
    const items: { item: Item; body: number }[] = [];
    readTable(at.table, bodiesAt(at), (item, body) => items.push({ item, body }));
    this.#isClean ??= items.at(-1)?.item.kind === "clean";
    for (let i = items.length - 1; i >= 0; i--) {
      const { item, body } = items[i] as (typeof items)[number];
      this.#readItem(segment.number, item, body);
    }
  }

  #readItem(segment: number, item: Item, body: number): void {
    const catalog = this.#catalog;
    switch (item.kind) {
      case "topic":
        return this.#speaksOf(item.id, (found) => readTopic(found.topic, item, segment));
      case "records":
        return this.#speaksOf(item.id, ({ topic, blocks }) => {
          const { first, count, size } = item;
          raise(topic, { stored: first + count - 1, floor: item.floor, saved: item.saved });
          if (first + count > topic.floor) blocks.push({ first, count, place: placeOf(segment, body), size });
        });
      case "piece":
        return this.#speaksOf(item.id, (found) => readPiece(found, item, placeOf(segment, body)));
      case "delete":
        catalog.nextId = Math.max(catalog.nextId, item.id + 1);
        if (!catalog.deleted.has(item.id)) catalog.setDeleted(item.id, item.born, segment);
        return;
      case "keep":
        if (!catalog.values.has(item.key)) catalog.setValue(item.key, item.value, segment);
        return;
      case "end":
        if (catalog.segments.has(item.segment) && !catalog.ends.has(item.segment)) {
          catalog.setEnd(item.segment, item.position, segment);
        }
        return;
      case "life":
        this.#generation ??= item.generation;
        return;
      case "clean":
        return;
    }
  }

  #speaksOf(id: number, then: (found: Found) => void): void {
    if (this.#catalog.deleted.has(id)) return;
    let found = this.#found.get(id);
    if (!found) {
      found = { topic: new Topic(id, undefined, ""), isSuspect: this.#hasLost, blocks: [], pieces: new Map() };
      this.#found.set(id, found);
    }
    then(found);
  }

  finish(): Replayed {
    const catalog = this.#catalog;
    const suspects: Topic[] = [];
    for (const [id, found] of this.#found) {
      catalog.nextId = Math.max(catalog.nextId, id + 1);
      const { topic } = found;
      // Copied for a repair that was cut short; or what named it is lost, with the batch it was in.
      if (topic.name === undefined || catalog.byName.has(topic.name)) continue;
      settle(catalog, found);
      if (found.isSuspect) suspects.push(topic);
    }
    // An id that only a lost batch spoke of must not be used again.
    if (this.#hasLost) catalog.nextId += 1 << 20;
    for (const segment of catalog.segments.values()) if (segment.live === 0) catalog.dead.add(segment);
    return {
      generation: this.#generation,
      isClean: this.#isClean === true,
      unstated: this.#unstated,
      suspects,
      damaged: this.#damaged,
      scanned: this.#scanned,
    };
  }
}

function raise(topic: Topic, said: { readonly stored: number; readonly floor: number; readonly saved: number }): void {
  topic.stored = Math.max(topic.stored, said.stored);
  topic.floor = Math.max(topic.floor, said.floor);
  topic.saved = Math.max(topic.saved, said.saved);
}

function readTopic(topic: Topic, item: Item & { kind: "topic" }, segment: number): void {
  raise(topic, item);
  if (topic.name !== undefined) return;
  topic.name = item.name;
  topic.epoch = item.epoch;
  topic.declaredIn = segment;
}

function readPiece({ topic, pieces }: Found, item: PieceItem, place: number): void {
  let all = pieces.get(item.tag);
  if (!all) {
    all = { item, places: [], sizes: [], missing: item.pieces };
    pieces.set(item.tag, all);
  }
  if (all.places[item.index] !== undefined) return;
  all.places[item.index] = place;
  all.sizes[item.index] = item.size;
  all.missing--;
  if (all.missing === 0) topic.saved = Math.max(topic.saved, item.offset);
}

/** Puts the topic into the catalog, with what of it is needed. */
function settle(catalog: Catalog, { topic, blocks, pieces }: Found): void {
  const { declaredIn } = topic;
  topic.declaredIn = 0;
  topic.floor = Math.min(topic.floor, topic.stored + 1);
  catalog.add(topic);
  catalog.declare(topic, declaredIn);
  // Newest first: where one offset lies twice, the copy was met before the original.
  const byFirst = new Map<number, Block>();
  for (const block of blocks) if (!byFirst.has(block.first)) byFirst.set(block.first, block);
  const inOrder = [...byFirst.values()].reverse();
  if (inOrder.some(({ first }, i) => i > 0 && first < (inOrder[i - 1] as Block).first)) inOrder.sort((a, b) => a.first - b.first);
  for (const block of inOrder) catalog.addBlock(topic, block);
  let best: Pieces | undefined;
  for (const one of pieces.values()) if (one.missing === 0 && (!best || one.item.offset > best.item.offset)) best = one;
  if (best) {
    const { places, sizes } = best;
    catalog.setSnapshot(topic, { offset: best.item.offset, tag: best.item.tag, places, sizes });
  }
}
