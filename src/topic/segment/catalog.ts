/**
 * What is in the log and where: topics, snapshots, small values and segments, and how much of each segment is still needed.
 *
 * Always: every change here follows what is synced; a segment's `live` is the weight of what in it is still needed, so that one
 * at 0 can go; a topic that is not open costs a few hundred bytes and no descriptor.
 * Rules: docs/protocol/storage.md SEG5-SEG7.
 */
import { type Block, Blocks, type Place, segmentOf } from "./blocks.ts";
import { segmentName } from "./frame.ts";

export interface Snapshot {
  readonly offset: number;
  /** Tells its pieces from those of another at the same offset. */
  readonly tag: number;
  /** Where its pieces lie, in order. */
  readonly places: Place[];
  readonly sizes: readonly number[];
}

export class Topic {
  readonly id: number;
  /** Undefined while nothing names it: what is copied for a repair that is not done. */
  name: string | undefined;
  /** Without the generation. */
  epoch: string;
  /** Offset of the last record stored. */
  stored = 0;
  /** Offset of the first record not forgotten. */
  floor = 1;
  /** Offset of the newest snapshot ever stored; it may be damaged. */
  saved = 0;
  snapshot: Snapshot | undefined = undefined;
  readonly blocks: Blocks = new Blocks();
  /** Segment with its newest `topic` item; 0: nothing of it is stored. */
  declaredIn = 0;
  isGone = false;

  constructor(id: number, name: string | undefined, epoch: string) {
    this.id = id;
    this.name = name;
    this.epoch = epoch;
  }
}

export interface Segment {
  readonly number: number;
  readonly salt: Uint8Array;
  /** What follows is void. */
  end: number;
  live: number;
  /** Nothing more is written to it. */
  isSealed: boolean;
  /** Cannot be compacted: something in it cannot be read. */
  isStuck: boolean;
  hasIndex: boolean;
}

export const newSegment = (number: number, salt: Uint8Array): Segment => {
  return { number, salt, end: 0, live: 0, isSealed: false, isStuck: false, hasIndex: false };
};

export const nameOf = ({ number, salt }: Segment): string => segmentName(number, salt, "seg");
export const indexNameOf = ({ number, salt }: Segment): string => segmentName(number, salt, "idx");

/** Weights of what has no body. */
const itemWeight = 24;
const weightOf = (topic: Topic): number => itemWeight + (topic.name?.length ?? 0);

export class Catalog {
  readonly byName: Map<string, Topic> = new Map();
  readonly byId: Map<number, Topic> = new Map();
  readonly segments: Map<number, Segment> = new Map();
  /** Deleted ids that an old segment may still speak of. */
  readonly deleted: Map<number, { readonly born: number; readonly at: number }> = new Map();
  readonly values: Map<string, { readonly value: Uint8Array; readonly at: number }> = new Map();
  /** Where segments end, and which segment says so. */
  readonly ends: Map<number, { readonly position: number; readonly at: number }> = new Map();
  /** Sealed, and nothing in it is needed; one may be needed again once a snapshot in it is complete. */
  readonly dead: Set<Segment> = new Set();
  /** Topics that have forgotten more than is stored of it. */
  readonly unsaid: Set<Topic> = new Set();
  nextId = 1;
  live = 0;

  add(topic: Topic): void {
    this.byId.set(topic.id, topic);
    if (topic.name !== undefined) this.byName.set(topic.name, topic);
  }

  /** From now on that name means this topic. */
  rename(topic: Topic, name: string): void {
    topic.name = name;
    this.byName.set(name, topic);
    // What was weighed without it.
    if (topic.declaredIn) this.weigh(topic.declaredIn, name.length);
  }

  weigh(segment: number, weight: number): void {
    this.live += weight;
    const found = this.segments.get(segment);
    if (!found) return;
    found.live += weight;
    if (found.live === 0 && found.isSealed) this.dead.add(found);
  }

  seal(segment: Segment): void {
    segment.isSealed = true;
    if (segment.live === 0) this.dead.add(segment);
  }

  declare(topic: Topic, segment: number): void {
    if (topic.isGone || topic.declaredIn > segment) return;
    if (topic.declaredIn) this.weigh(topic.declaredIn, -weightOf(topic));
    topic.declaredIn = segment;
    this.weigh(segment, weightOf(topic));
  }

  addBlock(topic: Topic, block: Block): void {
    if (topic.isGone) return;
    const last = block.first + block.count - 1;
    topic.stored = Math.max(topic.stored, last);
    if (last < topic.floor) return;
    topic.blocks.push(block);
    this.weigh(segmentOf(block.place), block.size);
  }

  /** The body that lay at `from` lies at `to` now, if it is still needed. */
  moveBlock(topic: Topic, { first, place: from, size }: Block, to: Place): void {
    if (topic.isGone || !topic.blocks.isAt(first, from)) return;
    topic.blocks.move(first, to);
    this.#moved(from, to, size);
  }

  movePiece(topic: Topic, tag: number, index: number, from: Place, to: Place): void {
    const { snapshot } = topic;
    if (topic.isGone || snapshot?.tag !== tag || snapshot.places[index] !== from) return;
    snapshot.places[index] = to;
    this.#moved(from, to, snapshot.sizes[index] as number);
  }

  #moved(from: Place, to: Place, size: number): void {
    this.weigh(segmentOf(from), -size);
    this.weigh(segmentOf(to), size);
  }

  setSnapshot(topic: Topic, snapshot: Snapshot): void {
    if (topic.isGone || (topic.snapshot && topic.snapshot.offset > snapshot.offset)) return;
    this.forgetSnapshot(topic);
    topic.snapshot = snapshot;
    topic.saved = Math.max(topic.saved, snapshot.offset);
    for (const [index, place] of snapshot.places.entries()) this.weigh(segmentOf(place), snapshot.sizes[index] as number);
  }

  forgetSnapshot(topic: Topic): void {
    for (const [index, place] of topic.snapshot?.places.entries() ?? []) {
      this.weigh(segmentOf(place), -(topic.snapshot?.sizes[index] as number));
    }
    topic.snapshot = undefined;
  }

  forgetBefore(topic: Topic, offset: number): void {
    if (topic.isGone || offset <= topic.floor) return;
    topic.floor = offset;
    this.unsaid.add(topic);
    topic.blocks.dropBefore(offset, ({ place, size }) => this.weigh(segmentOf(place), -size));
  }

  /** It is stored that the topic has forgotten what is before `floor`. */
  saidFloor(topic: Topic, floor: number): void {
    if (floor >= topic.floor) this.unsaid.delete(topic);
  }

  /** Nothing of the topic is needed any more; `at`: the segment that says so, where one has to. */
  remove(topic: Topic, at?: { readonly segment: number; readonly born: number }): void {
    if (topic.isGone) return;
    topic.blocks.dropBefore(Number.POSITIVE_INFINITY, ({ place, size }) => this.weigh(segmentOf(place), -size));
    this.forgetSnapshot(topic);
    if (topic.declaredIn) this.weigh(topic.declaredIn, -weightOf(topic));
    topic.isGone = true;
    this.unsaid.delete(topic);
    this.byId.delete(topic.id);
    if (topic.name !== undefined && this.byName.get(topic.name) === topic) this.byName.delete(topic.name);
    if (at) this.setDeleted(topic.id, at.born, at.segment);
  }

  setDeleted(id: number, born: number, at: number): void {
    this.#replace(this.deleted, id, { born, at }, itemWeight);
  }

  dropDeleted(id: number): void {
    const old = this.deleted.get(id);
    if (old && this.deleted.delete(id)) this.weigh(old.at, -itemWeight);
  }

  setValue(key: string, value: Uint8Array, at: number): void {
    const old = this.values.get(key);
    if (old) this.weigh(old.at, -(itemWeight + old.value.length));
    this.values.set(key, { value, at });
    this.weigh(at, itemWeight + value.length);
  }

  setEnd(segment: number, position: number, at: number): void {
    this.#replace(this.ends, segment, { position, at }, itemWeight);
  }

  #replace<K, V extends { readonly at: number }>(map: Map<K, V>, key: K, value: V, weight: number): void {
    const old = map.get(key);
    if (old) this.weigh(old.at, -weight);
    map.set(key, value);
    this.weigh(value.at, weight);
  }

  /** The segment's file is gone, and what said where it ended has done its work. */
  removeSegment(segment: Segment): void {
    this.segments.delete(segment.number);
    this.dead.delete(segment);
    const end = this.ends.get(segment.number);
    if (end && this.ends.delete(segment.number)) this.weigh(end.at, -itemWeight);
  }
}
