/**
 * One batch as it is put together: table and bodies, and what becomes true once it is synced.
 *
 * Always: records of one topic that follow one another become one block of at most about 64 KiB; the first time that a segment
 * speaks of a topic, it says its name and epoch too; nothing changes in the catalog before `commit`.
 * Rules: docs/protocol/storage.md SEG3-SEG5.
 */
import type { LogRecord } from "../log.ts";
import { type Block, type Place, placeOf } from "./blocks.ts";
import { checkBytes, seal, writeRecord } from "./body.ts";
import { ByteWriter } from "./bytes.ts";
import type { Catalog, Segment, Topic } from "./catalog.ts";
import { bodiesOf, frameOf } from "./frame.ts";
import { type Item, writeItem } from "./table.ts";

const blockBytes = 1 << 16;

interface Run {
  readonly topic: Topic;
  readonly first: number;
  count: number;
  /** Where its body begins among the bodies. */
  readonly start: number;
}

export class Batch {
  readonly catalog: Catalog;
  readonly #table = new ByteWriter(1 << 16);
  readonly #bodies = new ByteWriter(1 << 20);
  #segment: Segment | undefined;
  #base: Place = 0;
  #run: Run | undefined;
  readonly #declared = new Set<Topic>();
  #after: (() => void)[] = [];

  constructor(catalog: Catalog) {
    this.catalog = catalog;
  }

  /** Number of the segment that it goes to. */
  get segment(): number {
    return (this.#segment as Segment).number;
  }

  begin(segment: Segment): void {
    this.#segment = segment;
    this.#table.clear();
    this.#bodies.clear();
    this.#run = undefined;
    this.#declared.clear();
    this.#after = [];
  }

  /** What to do once the batch is stored. */
  whenStored(run: () => void): void {
    this.#after.push(run);
  }

  item(item: Item): void {
    this.#endRun();
    writeItem(this.#table, item);
  }

  records(topic: Topic, first: number, records: readonly LogRecord[]): void {
    for (const [index, record] of records.entries()) {
      const run = this.#runFor(topic, first + index);
      writeRecord(this.#bodies, record);
      run.count++;
    }
  }

  #runFor(topic: Topic, offset: number): Run {
    const run = this.#run;
    if (run?.topic === topic && run.first + run.count === offset && this.#bodies.length - run.start < blockBytes) return run;
    this.#endRun();
    this.#speakOf(topic);
    this.#run = { topic, first: offset, count: 0, start: this.#bodies.skip(checkBytes) };
    return this.#run;
  }

  #endRun(): void {
    const run = this.#run;
    if (!run) return;
    this.#run = undefined;
    const { topic, first, count, start } = run;
    const size = this.#bodies.length - start;
    seal(this.#bodies.bytes, start, this.#bodies.length, topic.id, first);
    this.#recordsItem(topic, { first, count, size });
    this.whenStored(() => this.catalog.addBlock(topic, { first, count, place: this.#base + start, size }));
  }

  #recordsItem(topic: Topic, { first, count, size }: Omit<Block, "place">): void {
    const { id, saved } = topic;
    const floor = Math.min(topic.floor, first);
    writeItem(this.#table, { kind: "records", id, first, count, floor, saved, size });
    this.whenStored(() => this.catalog.saidFloor(topic, floor));
  }

  /** A block that lies elsewhere, as it is, or sealed for another topic. `stored` is told its new place. */
  copy(topic: Topic, block: Block, body: Uint8Array, stored: (place: Place) => void): void {
    this.#endRun();
    this.#speakOf(topic);
    const start = this.#bodies.length;
    this.#bodies.raw(body);
    seal(this.#bodies.bytes, start, this.#bodies.length, topic.id, block.first);
    this.#recordsItem(topic, block);
    this.whenStored(() => stored(this.#base + start));
  }

  /** One piece of a snapshot, without its checksum. `stored` is told its place and size. */
  piece(
    topic: Topic,
    piece: { readonly offset: number; readonly tag: number; readonly index: number; readonly pieces: number },
    state: Uint8Array,
    stored: (place: Place, size: number) => void,
  ): void {
    this.#endRun();
    this.#speakOf(topic);
    const start = this.#bodies.skip(checkBytes);
    this.#bodies.raw(state);
    seal(this.#bodies.bytes, start, this.#bodies.length, topic.id, piece.tag + piece.index);
    const size = this.#bodies.length - start;
    writeItem(this.#table, { kind: "piece", id: topic.id, ...piece, size });
    this.whenStored(() => stored(this.#base + start, size));
  }

  #speakOf(topic: Topic): void {
    if (topic.name !== undefined && topic.declaredIn !== this.segment) this.declare(topic);
  }

  /** Says name, epoch and floor of the topic, by default those that it has; at most once for each topic, unless they are given. */
  declare(topic: Topic, given?: { readonly epoch?: string; readonly floor?: number; readonly name?: string }): void {
    if (!given && this.#declared.has(topic)) return;
    this.#declared.add(topic);
    const { id, stored, saved } = topic;
    const name = given?.name ?? topic.name;
    if (name === undefined) return;
    // Of relaxed records that are not written yet, the first ones may be forgotten: should they be lost, their offsets come again.
    const floor = given?.floor ?? Math.min(topic.floor, stored + 1);
    const item = { id, stored, saved, name, epoch: given?.epoch ?? topic.epoch, floor };
    this.item({ kind: "topic", ...item });
    this.whenStored(() => {
      this.catalog.declare(topic, this.segment);
      this.catalog.saidFloor(topic, item.floor);
    });
  }

  /** The bytes of the batch at `position` of its segment; they are written before the next `begin`. */
  finish(position: number): { pieces: Uint8Array[]; table: Uint8Array; size: number } {
    this.#endRun();
    const { salt, number } = this.#segment as Segment;
    const table = this.#table.taken();
    const frame = { position, tableBytes: table.length, bodyBytes: this.#bodies.length };
    this.#base = placeOf(number, bodiesOf(frame));
    const { front, back } = frameOf(salt, table, frame);
    const bodies = this.#bodies.bytes.subarray(0, this.#bodies.length);
    return { pieces: [front, bodies, back], table, size: front.length + bodies.length + back.length };
  }

  commit(): void {
    for (const run of this.#after) run();
    this.#after = [];
  }
}
