/**
 * What is looked at when a topic is opened: that everything its state is made of is there and is what was written.
 *
 * Always: a topic that opens is whole from its snapshot, or from its first record, up to its position; one that was not goes on in a
 * new epoch, under a new id, with what is whole up to the damage; others are not touched.
 * Rules: docs/protocol/storage.md SEG8.
 */
import { SyncError } from "../../core/errors.ts";
import type { Block } from "./blocks.ts";
import { checkBytes, isSound, measureRecords } from "./body.ts";
import { type Snapshot, Topic } from "./catalog.ts";
import { BodyReader, windowBytes } from "./files.ts";
import { Kept } from "./kept.ts";
import type { LogParts } from "./parts.ts";
import type { Part } from "./writer.ts";

/** A block that was read; `measures` are entry sizes and times, in turns. */
interface Sound {
  readonly block: Block;
  readonly measures: readonly number[];
}

interface Found {
  /** All blocks that are as they were written, in order. */
  readonly sound: readonly Sound[];
  readonly snapshot: Snapshot | undefined;
}

/** What may be kept of the topic: its records from `first` to `last`. */
interface Range {
  readonly first: number;
  readonly last: number;
}

const stepBytes = 1 << 18;

/** The topic, repaired if need be, and what it keeps. Rejects where the disk cannot be read, or the repair not stored. */
export async function examine(log: LogParts, topic: Topic): Promise<{ topic: Topic; kept: Kept }> {
  const found = await look(log, topic);
  const range = wholeRange(topic, found);
  const isWhole = range.last === topic.stored && found.snapshot === topic.snapshot;
  if (!isWhole || range.first > topic.floor) {
    const lost = `of ${topic.floor} to ${topic.stored} there are ${range.first} to ${range.last}`;
    log.report(new SyncError("damaged", `Records or the snapshot cannot be read: ${lost}.`), topic.name ?? "");
  }
  let whole = topic;
  if (range.last !== topic.stored) whole = await quarantine(log, topic, found, range);
  else if (found.snapshot !== topic.snapshot) log.catalog.forgetSnapshot(topic);
  log.catalog.forgetBefore(whole, range.first);
  return { topic: whole, kept: keptOf(found, range) };
}

async function look({ files }: LogParts, topic: Topic): Promise<Found> {
  const bodies = new BodyReader(files);
  const blocks = Array.from({ length: topic.blocks.length }, (_, index) => topic.blocks.at(index));
  const { snapshot } = topic;
  const unpin = files.pin([...blocks.map(({ place }) => place), ...(snapshot?.places ?? [])]);
  try {
    const sound: Sound[] = [];
    for (const block of blocks) {
      const body = await bodies.read(block.place, block.size, windowBytes);
      if (body.length !== block.size || !isSound(body, topic.id, block.first)) continue;
      const measures: number[] = [];
      measureRecords(body, block.count, (entryBytes, atMs) => void measures.push(entryBytes, atMs));
      sound.push({ block, measures });
    }
    let isWhole = true;
    for (const [index, place] of snapshot?.places.entries() ?? []) {
      const size = snapshot?.sizes[index] as number;
      const body = await bodies.read(place, size, windowBytes);
      isWhole &&= body.length === size && isSound(body, topic.id, (snapshot as Snapshot).tag + index);
    }
    return { sound, snapshot: isWhole ? snapshot : undefined };
  } finally {
    unpin();
  }
}

/**
 * From the snapshot on, or where there never was one from the first record kept on, as far as nothing is missing. Where there was a
 * snapshot and is none, the state can only be made from the very first record.
 */
function wholeRange(topic: Topic, { sound, snapshot }: Found): Range {
  const base = snapshot ? Math.max(snapshot.offset + 1, topic.floor) : topic.saved > 0 ? 1 : topic.floor;
  // Runs of blocks without a gap: the one that the base is in, or that ends right before it.
  let run: Range = { first: base, last: base - 1 };
  let current: { first: number; last: number } | undefined;
  for (const { block } of sound) {
    const last = block.first + block.count - 1;
    if (current && current.last + 1 === block.first) current.last = last;
    else current = { first: block.first, last };
    if (current.first <= base && current.last >= base - 1) run = current;
  }
  return { first: Math.max(run.first, topic.floor), last: run.last };
}

function keptOf({ sound }: Found, { first, last }: Range): Kept {
  const kept = new Kept(first);
  for (const { block, measures } of sound) {
    for (let i = 0; i < block.count; i++) {
      const offset = block.first + i;
      if (offset >= first && offset <= last) kept.push(measures[2 * i] as number, measures[2 * i + 1] as number);
    }
  }
  return kept;
}

/** The same name, in a new epoch: its offsets may be used again, so what lies behind the damage must never be taken for its. */
async function quarantine(log: LogParts, topic: Topic, { sound, snapshot }: Found, { first, last }: Range): Promise<Topic> {
  const { catalog, files, writer } = log;
  const anew = new Topic(catalog.nextId++, undefined, log.newEpoch());
  const name = topic.name as string;
  anew.floor = Math.min(first, last + 1);
  anew.stored = last;
  anew.saved = snapshot?.offset ?? 0;
  catalog.add(anew);
  const unpins = [files.pin([...sound.map(({ block }) => block.place), ...(snapshot?.places ?? [])])];
  try {
    const bodies = new BodyReader(files);
    let parts: Part[] = [];
    let bytes = 0;
    const put = async (part: Part, size: number): Promise<void> => {
      parts.push(part);
      bytes += size;
      if (bytes < stepBytes) return;
      const [full, fullBytes] = [parts, bytes];
      [parts, bytes] = [[], 0];
      await writer.store(fullBytes, ...full);
    };
    for (const { block } of sound) {
      if (block.first > last || block.first + block.count <= first) continue;
      const body = (await bodies.read(block.place, block.size, windowBytes)).slice();
      await put(copyTo(anew, block, body), block.size);
    }
    const places: number[] = [];
    const sizes: number[] = [];
    for (const [index, place] of snapshot?.places.entries() ?? []) {
      const { offset, tag, sizes: from } = snapshot as Snapshot;
      const state = (await bodies.read(place, from[index] as number, windowBytes)).slice(checkBytes);
      const piece = { offset, tag, index, pieces: from.length };
      const stored = (at: number, size: number): void => {
        [places[index], sizes[index]] = [at, size];
        unpins.push(files.pin([at]));
      };
      await put({ order: anew.id, encode: (batch) => batch.piece(anew, piece, state, stored) }, state.length);
    }
    // Until this one nothing has a name of what was copied, and a start leaves it out.
    await writer.store(bytes, ...parts, {
      order: anew.id,
      encode(batch) {
        batch.declare(anew, { name });
        batch.item({ kind: "delete", id: topic.id, born: batch.segment });
        batch.whenStored(() => {
          if (snapshot) catalog.setSnapshot(anew, { offset: snapshot.offset, tag: snapshot.tag, places, sizes });
          catalog.remove(topic, { segment: batch.segment, born: batch.segment });
          catalog.rename(anew, name);
        });
      },
    });
    return anew;
  } catch (error) {
    catalog.remove(anew);
    throw error;
  } finally {
    for (const unpin of unpins) unpin();
  }
}

function copyTo(topic: Topic, block: Block, body: Uint8Array): Part {
  return {
    order: topic.id,
    encode: (batch) => batch.copy(topic, block, body, (place) => batch.catalog.addBlock(topic, { ...block, place })),
  };
}
