/**
 * Removes segments of which nothing is needed, and empties those of which least is: what is still needed is written again at the
 * end of the log, a little at a time, between other writes.
 *
 * Always: a segment is removed only when all that was needed of it is synced elsewhere and nobody reads it; what says that a topic
 * was deleted stays until no older segment is left that could bring it back.
 * Rules: docs/protocol/storage.md SEG7.
 */
import { SyncError } from "../../core/errors.ts";
import type { Disk } from "../disk.ts";
import { type Block, placeOf } from "./blocks.ts";
import { isSound } from "./body.ts";
import { type Catalog, indexNameOf, nameOf, type Segment, type Topic } from "./catalog.ts";
import { BodyReader, type Files, windowBytes } from "./files.ts";
import { bodiesAt, loadTables } from "./index-file.ts";
import { type Item, readTable } from "./table.ts";
import type { Part, Writer } from "./writer.ts";

/** What one step writes, about. */
const stepBytes = 1 << 18;
/** More deletions than this are not remembered: the oldest segment goes, whatever it holds. */
const maxDeleted = 10_000;
const floorsAtOnce = 1000;
const declareBytes = 64;

export interface CompactorHost {
  readonly disk: Disk;
  readonly catalog: Catalog;
  readonly files: Files;
  readonly writer: Writer;
  readonly segmentBytes: number;
  report(error: unknown, where: string): void;
}

export class Compactor {
  readonly #host: CompactorHost;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(host: CompactorHost) {
    this.#host = host;
  }

  /** Begins, if there is something to do and it has not begun. */
  poke(): void {
    if (this.#running || this.#isStopped || !this.#isDue()) return;
    this.#running = this.#work()
      .catch((error: unknown) => {
        // A refused write was reported by the writer.
        if (error !== this.#host.writer.fault) this.#host.report(error, "compaction");
      })
      .finally(() => (this.#running = undefined));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  #isDue(): boolean {
    const { dead } = this.#host.catalog;
    return this.#isTooMany() || [...dead].some((segment) => segment.live > 0 || !this.#host.files.isPinned(segment.number));
  }

  #isTooMany(): boolean {
    const { segments, live, deleted } = this.#host.catalog;
    return segments.size > 3 * Math.ceil(live / this.#host.segmentBytes) + 4 || deleted.size > maxDeleted;
  }

  async #work(): Promise<void> {
    while (!this.#isStopped && !this.#host.writer.fault) {
      await this.#removeDead();
      const segment = this.#isTooMany() ? this.#pick() : undefined;
      if (!segment) return;
      await this.#empty(segment);
      if (segment.live > 0) segment.isStuck = true;
    }
  }

  async #removeDead(): Promise<void> {
    const { disk, catalog, files } = this.#host;
    // Those that die meanwhile wait for the next time.
    const dead = [...catalog.dead];
    if (dead.length) await this.#sayFloors();
    const gone: Segment[] = [];
    for (const segment of dead) {
      if (segment.live > 0) catalog.dead.delete(segment);
      if (segment.live > 0 || files.isPinned(segment.number)) continue;
      await files.close(segment.number);
      for (const name of [indexNameOf(segment), nameOf(segment)]) await removeFile(disk, name);
      gone.push(segment);
    }
    if (!gone.length) return;
    await disk.syncNames();
    for (const segment of gone) catalog.removeSegment(segment);
    const oldest = Math.min(...catalog.segments.keys());
    for (const [id, { born }] of catalog.deleted) if (born < oldest) catalog.dropDeleted(id);
  }

  /** That records are forgotten is stored before they are gone: else a start would miss them, and take that for damage. */
  async #sayFloors(): Promise<void> {
    const { catalog, writer } = this.#host;
    const topics = [...catalog.unsaid];
    for (let i = 0; i < topics.length; i += floorsAtOnce) {
      const parts = topics.slice(i, i + floorsAtOnce).map((topic): Part => {
        return { order: topic.id, encode: (batch) => !topic.isGone && batch.declare(topic) };
      });
      await writer.store(parts.length * declareBytes, ...parts);
    }
  }

  /** The one with least to copy; with too many deletions to remember, the oldest. */
  #pick(): Segment | undefined {
    const { segments, deleted } = this.#host.catalog;
    const choice = [...segments.values()].filter(({ isSealed, isStuck, live }) => isSealed && !isStuck && live > 0);
    const isOldestNext = deleted.size > maxDeleted;
    return choice.reduce<Segment | undefined>((best, segment) => {
      if (!best) return segment;
      return (isOldestNext ? segment.number < best.number : segment.live < best.live) ? segment : best;
    }, undefined);
  }

  /** Writes again what is still needed of the segment. */
  async #empty(segment: Segment): Promise<void> {
    const { disk, writer, files } = this.#host;
    const { tables } = await loadTables(disk, segment, segment.end);
    const bodies = new BodyReader(files);
    let parts: Part[] = [];
    let bytes = 0;
    for (const at of tables) {
      const items: { item: Item; body: number }[] = [];
      readTable(at.table, bodiesAt(at), (item, body) => items.push({ item, body }));
      for (const { item, body } of items) {
        if (this.#isStopped) return;
        const part = await this.#partFor(segment, item, body, bodies);
        if (!part) continue;
        parts.push(part);
        bytes += "size" in item ? item.size : 64;
        if (bytes < stepBytes) continue;
        await writer.store(bytes, ...parts);
        [parts, bytes] = [[], 0];
      }
    }
    if (parts.length) await writer.store(bytes, ...parts);
  }

  /** What writes the item again; undefined where it is not needed, or cannot be read. */
  async #partFor(segment: Segment, item: Item, body: number, bodies: BodyReader): Promise<Part | undefined> {
    const { catalog } = this.#host;
    const { number } = segment;
    switch (item.kind) {
      case "topic": {
        const topic = catalog.byId.get(item.id);
        if (topic?.declaredIn !== number) return undefined;
        return { order: topic.id, encode: (batch) => !topic.isGone && batch.declare(topic) };
      }
      case "records": {
        const topic = catalog.byId.get(item.id);
        const block = { first: item.first, count: item.count, place: placeOf(number, body), size: item.size };
        if (!topic?.blocks.isAt(block.first, block.place)) return undefined;
        const bytes = await this.#sound(topic, block, item.first, bodies);
        return bytes && copyBlock(topic, block, bytes);
      }
      case "piece": {
        const topic = catalog.byId.get(item.id);
        const place = placeOf(number, body);
        if (topic?.snapshot?.tag !== item.tag || topic.snapshot.places[item.index] !== place) return undefined;
        const bytes = await this.#sound(topic, { place, size: item.size }, item.tag + item.index, bodies);
        return bytes && copyPiece(topic, item, place, bytes);
      }
      case "delete": {
        if (catalog.deleted.get(item.id)?.at !== number) return undefined;
        return {
          order: item.id,
          encode(batch) {
            batch.item(item);
            batch.whenStored(() => catalog.setDeleted(item.id, item.born, batch.segment));
          },
        };
      }
      case "keep": {
        const kept = catalog.values.get(item.key);
        return kept?.at === number ? keepValue(item.key, kept.value, catalog) : undefined;
      }
      case "end": {
        if (catalog.ends.get(item.segment)?.at !== number) return undefined;
        return {
          order: 0,
          encode(batch) {
            batch.item(item);
            batch.whenStored(
              () => catalog.segments.has(item.segment) && catalog.setEnd(item.segment, item.position, batch.segment),
            );
          },
        };
      }
      case "life":
      case "clean":
        return undefined;
    }
  }

  async #sound(
    topic: Topic,
    { place, size }: Pick<Block, "place" | "size">,
    offset: number,
    bodies: BodyReader,
  ): Promise<Uint8Array | undefined> {
    const body = await bodies.read(place, size, windowBytes);
    if (body.length === size && isSound(body, topic.id, offset)) return body.slice();
    const error = new SyncError("damaged", "What is stored of the topic cannot be read; it is repaired when it is opened next.");
    this.#host.report(error, topic.name ?? "");
    return undefined;
  }
}

/** Writes a small value. */
export function keepValue(key: string, value: Uint8Array, catalog: Catalog): Part {
  return {
    order: 0,
    encode(batch) {
      batch.item({ kind: "keep", key, value });
      batch.whenStored(() => catalog.setValue(key, value, batch.segment));
    },
  };
}

function copyBlock(topic: Topic, block: Block, body: Uint8Array): Part {
  return {
    order: topic.id,
    encode(batch) {
      if (!topic.isGone) batch.copy(topic, block, body, (place) => batch.catalog.moveBlock(topic, block, place));
    },
  };
}

function copyPiece(topic: Topic, item: Item & { kind: "piece" }, from: number, body: Uint8Array): Part {
  const { offset, tag, index, pieces } = item;
  return {
    order: topic.id,
    encode(batch) {
      if (topic.isGone) return;
      batch.piece(topic, { offset, tag, index, pieces }, body.subarray(4), (place) =>
        batch.catalog.movePiece(topic, tag, index, from, place),
      );
    },
  };
}

/** One that is gone already is no error. */
async function removeFile(disk: Disk, name: string): Promise<void> {
  try {
    await disk.remove(name);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ENOENT") throw error;
  }
}
