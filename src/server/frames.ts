/**
 * Frames made of pieces that are packed already: entries are copied into a frame, never encoded again.
 *
 *   entries  [[[:sync/entries [id first [entry …]]]] nil]
 *   pushes   [[event …] nil]
 *
 * Rules: docs/protocol.md WRAP2, SUB5.
 */
import { Keyword } from "../core/values.ts";
import { writeEntries } from "../session/messages/entries.ts";
import { event, wrap } from "../session/messages/sente.ts";
import { sync } from "../session/messages/sync.ts";
import type { Tail } from "../tail/tail.ts";
import type { Frame } from "../transport/transport.ts";
import { ownBudget, type Packer, type Splice } from "../wire/packer.ts";

export function toBytes(packed: string | Uint8Array): Uint8Array {
  return typeof packed === "string" ? Buffer.from(packed) : packed;
}

/** True if `frame` has no more than `maxBytes` of UTF-8, of which a character is at most three. */
export function fits({ data }: Frame, maxBytes: number): boolean {
  return data.length * 3 <= maxBytes || Buffer.byteLength(data) <= maxBytes;
}

export interface Framer {
  readonly packer: Packer;
  /** A value as a piece of a later frame. */
  piece(value: unknown): Uint8Array;
  /** Any value, wrapped: a reply, a handshake, a ping. */
  message(value: unknown, callback?: unknown): Frame;
  /** One event that we push, wrapped as the batch it must be. */
  event(id: string, data: unknown): Frame;
  /** Packed events, as one batch. */
  batch(events: readonly Uint8Array[]): Frame;
  /** Entries `first` to `last` of a tail that holds them. */
  entries(id: number, tail: Tail, first: number, last: number): Frame;
  /** The same for who offered the compact form. */
  compactEntries(id: number, tail: Tail, first: number, last: number): Frame;
}

export function createFramer(packer: Packer): Framer {
  const { splice } = packer;
  const text = !packer.binary;
  const whole = (value: unknown): Frame => ({ data: packer.pack(value), text });
  const common = {
    packer,
    message: (value: unknown, callback?: unknown) => whole(wrap(value, callback)),
    event: (id: string, data: unknown) => whole(wrap([event(id, data)])),
    compactEntries: (id: number, tail: Tail, first: number, last: number): Frame => ({
      data: writeEntries(id, first, slice(tail, first, last)),
      text: false,
    }),
  };
  return splice ? { ...common, ...spliced(splice, text) } : { ...common, ...repacked(packer, whole) };
}

type Joins = Pick<Framer, "piece" | "batch" | "entries">;

function spliced(splice: Splice, text: boolean): Joins {
  const { head, separator, tail: close } = splice;
  const piece = (value: unknown): Uint8Array => toBytes(splice.pack(value));
  const head1 = head(1);
  const head2 = head(2);
  const head3 = head(3);
  const nil = piece(null);
  const entriesId = piece(new Keyword(sync.entries));
  const frame = (pieces: Uint8Array[]): Frame => ({ data: Buffer.concat(pieces), text });
  const list = (pieces: Uint8Array[], items: readonly Uint8Array[]): void => {
    pieces.push(head(items.length));
    for (let i = 0; i < items.length; i++) {
      if (i > 0) pieces.push(separator);
      pieces.push(items[i] as Uint8Array);
    }
    pieces.push(close);
  };
  return {
    piece,
    batch(events) {
      const pieces = [head2];
      list(pieces, events);
      pieces.push(separator, nil, close);
      return frame(pieces);
    },
    entries(id, tail, first, last) {
      const pieces = [head2, head1, head2, entriesId, separator, head3, piece(id), separator, piece(first), separator];
      list(pieces, slice(tail, first, last));
      pieces.push(close, close, close, separator, nil, close);
      return frame(pieces);
    },
  };
}

/** For a packer that cannot splice: pieces are read again, and the batch is packed whole. */
function repacked(packer: Packer, whole: (value: unknown) => Frame): Joins {
  const read = (pieces: readonly Uint8Array[]): unknown[] => pieces.map((piece) => packer.unpack(piece, ownBudget));
  return {
    piece: (value) => toBytes(packer.pack(value)),
    batch: (events) => whole(wrap(read(events))),
    entries: (id, tail, first, last) => whole(wrap([event(sync.entries, [id, first, read(slice(tail, first, last))])])),
  };
}

function slice(tail: Tail, first: number, last: number): Uint8Array[] {
  const items: Uint8Array[] = [];
  for (let offset = first; offset <= last; offset++) items.push(tail.get(offset) as Uint8Array);
  return items;
}
