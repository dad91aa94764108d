/**
 * What a start needs to know of a segment, without reading its bodies: from its index file, or else by a scan.
 *
 * Always: an index file is a copy of the segment's tables and never the truth: one that is missing, torn, or of another end than
 * the log says, is passed over. Only the last batch of a segment whose end is not stated can be torn.
 * Rules: docs/protocol/storage.md SEG2, SEG7, SEG8, SEG9.
 */
import type { Disk } from "../disk.ts";
import { isSound } from "./body.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { indexNameOf, nameOf, type Segment } from "./catalog.ts";
import { crc32c } from "./crc.ts";
import { bodiesOf, endOf, type FoundBatch, findBatch, headBytes } from "./frame.ts";
import { readTable } from "./table.ts";

export interface TableAt {
  /** Where its batch begins. */
  readonly position: number;
  readonly table: Uint8Array;
}

export interface SegmentTables {
  readonly tables: readonly TableAt[];
  readonly end: number;
  /** Indexes of tables before which something cannot be read; `tables.length`: at the end. */
  readonly lost: ReadonlySet<number>;
  /** There is something behind the end, and not only what was written ahead. */
  readonly isTorn: boolean;
}

const nothingLost: ReadonlySet<number> = new Set();
const crcBytes = 4;

/** Where the bodies of that batch begin. */
export const bodiesAt = ({ position, table }: TableAt): number => position + headBytes + table.length;

/** `end`: where the log says that the segment ends, if it does; then its index file is as good, where there is one. */
export async function loadTables(disk: Disk, segment: Segment, end: number | undefined): Promise<SegmentTables> {
  const indexed = end !== undefined && segment.hasIndex ? await readIndex(disk, segment, end) : undefined;
  if (indexed) return indexed;
  segment.hasIndex = false;
  return scan(disk, segment, end);
}

export async function writeIndex(disk: Disk, segment: Segment, tables: readonly TableAt[]): Promise<void> {
  const writer = new ByteWriter(1 << 16);
  writer.skip(crcBytes);
  writer.varint(segment.end);
  for (const { position, table } of tables) {
    writer.varint(position);
    writer.sized(table);
  }
  const bytes = writer.taken();
  new DataView(bytes.buffer).setUint32(0, crc32c(bytes, crcBytes), true);
  const file = await disk.open(indexNameOf(segment));
  try {
    if (file.size) await file.truncate(0);
    await file.write(0, [bytes]);
    segment.hasIndex = true;
  } finally {
    await file.close();
  }
}

async function readIndex(disk: Disk, segment: Segment, end: number): Promise<SegmentTables | undefined> {
  const bytes = await readAll(disk, indexNameOf(segment));
  if (bytes.length < crcBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(0, true) !== crc32c(bytes, crcBytes)) return undefined;
  const reader = new ByteReader(bytes, crcBytes);
  if (reader.varint() !== end) return undefined;
  const tables: TableAt[] = [];
  while (!reader.isAtEnd) tables.push({ position: reader.varint(), table: reader.sized() });
  return { tables, end, lost: nothingLost, isTorn: false };
}

async function scan(disk: Disk, segment: Segment, statedEnd: number | undefined): Promise<SegmentTables> {
  const all = await readAll(disk, nameOf(segment));
  const bytes = statedEnd === undefined ? all : all.subarray(0, statedEnd);
  const tables: FoundBatch[] = [];
  const lost = new Set<number>();
  let end = 0;
  for (let found = findBatch(bytes, segment.salt, 0); found; found = findBatch(bytes, segment.salt, end)) {
    if (found.position > end) lost.add(tables.length);
    tables.push(found);
    end = endOf(found);
  }
  if (statedEnd !== undefined) {
    if (end < statedEnd) lost.add(tables.length);
    return { tables, end: statedEnd, lost, isTorn: false };
  }
  const last = tables.at(-1);
  if (last && !isWhole(bytes, last)) {
    tables.pop();
    end = last.position;
  }
  return { tables, end, lost, isTorn: all.subarray(end).some((byte) => byte !== 0) };
}

/** Whether all bodies of the batch are there. */
function isWhole(bytes: Uint8Array, batch: FoundBatch): boolean {
  let isSoundSoFar = true;
  readTable(batch.table, bodiesOf(batch), (item, body) => {
    if (item.kind !== "records" && item.kind !== "piece") return;
    const offset = item.kind === "records" ? item.first : item.tag + item.index;
    isSoundSoFar &&= isSound(bytes.subarray(body, body + item.size), item.id, offset);
  });
  return isSoundSoFar;
}

async function readAll(disk: Disk, name: string): Promise<Uint8Array> {
  const file = await disk.open(name);
  try {
    return await file.read(0, file.size);
  } finally {
    await file.close();
  }
}
