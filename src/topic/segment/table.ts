/**
 * The table of a batch: what the batch does, item by item, without the bodies.
 *
 * Always: a table read back equals the one written; ids are never used again; what an item says about offsets is true for ever,
 * so that of two that speak of the same thing the larger number holds, whichever is read first.
 * Rules: docs/protocol/storage.md SEG3, SEG5, SEG6.
 */
import { SyncError } from "../../core/errors.ts";
import { ByteReader, type ByteWriter } from "./bytes.ts";

/** The topic with that id has this name and epoch; `stored` records were stored and those before `floor` forgotten. */
export interface TopicItem {
  readonly kind: "topic";
  readonly id: number;
  readonly stored: number;
  readonly floor: number;
  /** Offset of its snapshot; 0: it never had one. */
  readonly saved: number;
  readonly name: string;
  readonly epoch: string;
}

export interface RecordsItem {
  readonly kind: "records";
  readonly id: number;
  readonly first: number;
  readonly count: number;
  readonly floor: number;
  readonly saved: number;
  /** Bytes of the body. */
  readonly size: number;
}

/** One of the pieces of a snapshot; those of one have one tag. */
export interface PieceItem {
  readonly kind: "piece";
  readonly id: number;
  readonly offset: number;
  readonly tag: number;
  readonly index: number;
  readonly pieces: number;
  readonly size: number;
}

/** The topic is gone; segments up to `born` may still speak of it. */
export interface DeleteItem {
  readonly kind: "delete";
  readonly id: number;
  readonly born: number;
}

export interface KeepItem {
  readonly kind: "keep";
  readonly key: string;
  readonly value: Uint8Array;
}

/** What that segment has from byte `position` on is void. */
export interface EndItem {
  readonly kind: "end";
  readonly segment: number;
  readonly position: number;
}

/** The log's generation, first thing in each segment; it changes after each stop that was not clean. */
export interface LifeItem {
  readonly kind: "life";
  readonly generation: string;
}

/** The log was closed; nothing follows. */
export interface CleanItem {
  readonly kind: "clean";
}

export type Item = TopicItem | RecordsItem | PieceItem | DeleteItem | KeepItem | EndItem | LifeItem | CleanItem;

const codes = { topic: 1, records: 2, piece: 3, delete: 4, keep: 5, end: 6, life: 7, clean: 8 } as const;

export function writeItem(writer: ByteWriter, item: Item): void {
  writer.byte(codes[item.kind]);
  switch (item.kind) {
    case "topic":
      numbers(writer, item.id, item.stored, item.floor, item.saved);
      writer.text(item.name);
      return writer.text(item.epoch);
    case "records":
      return numbers(writer, item.id, item.first, item.count, item.floor, item.saved, item.size);
    case "piece":
      return numbers(writer, item.id, item.offset, item.tag, item.index, item.pieces, item.size);
    case "delete":
      return numbers(writer, item.id, item.born);
    case "keep":
      writer.text(item.key);
      return writer.sized(item.value);
    case "end":
      return numbers(writer, item.segment, item.position);
    case "life":
      return writer.text(item.generation);
    case "clean":
      return;
  }
}

function numbers(writer: ByteWriter, ...values: readonly number[]): void {
  for (const value of values) writer.varint(value);
}

/** Calls `each` with the items, and where the body of each begins, the first at `bodies`. Throws SyncError `malformed`. */
export function readTable(table: Uint8Array, bodies: number, each: (item: Item, body: number) => void): void {
  const reader = new ByteReader(table);
  let body = bodies;
  while (!reader.isAtEnd) {
    const item = readItem(reader);
    each(item, body);
    if (item.kind === "records" || item.kind === "piece") body += item.size;
  }
}

function readItem(reader: ByteReader): Item {
  const number = (): number => reader.varint();
  const code = reader.byte();
  switch (code) {
    case codes.topic: {
      const [id, stored, floor, saved] = [number(), number(), number(), number()];
      return { kind: "topic", id, stored, floor, saved, name: reader.text(), epoch: reader.text() };
    }
    case codes.records: {
      const [id, first, count, floor, saved, size] = [number(), number(), number(), number(), number(), number()];
      return { kind: "records", id, first, count, floor, saved, size };
    }
    case codes.piece: {
      const [id, offset, tag, index, pieces, size] = [number(), number(), number(), number(), number(), number()];
      return { kind: "piece", id, offset, tag, index, pieces, size };
    }
    case codes.delete:
      return { kind: "delete", id: number(), born: number() };
    case codes.keep:
      return { kind: "keep", key: reader.text(), value: reader.sized().slice() };
    case codes.end:
      return { kind: "end", segment: number(), position: number() };
    case codes.life:
      return { kind: "life", generation: reader.text() };
    case codes.clean:
      return { kind: "clean" };
    default:
      throw new SyncError("malformed", `No item of a table has the code ${code}.`);
  }
}
