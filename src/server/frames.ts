/**
 * Frames made of pieces that are packed already: entries are copied into a frame, never encoded again.
 *
 *   entries  [[[:sync/entries [id first [entry …]]]] nil]
 *   pushes   [[event …] nil]
 *
 * Rules: docs/protocol.md WRAP2, SUB5.
 */
import { Keyword } from "../core/values.ts";
import { event, wrap } from "../session/messages/sente.ts";
import { sync } from "../session/messages/sync.ts";
import type { Tail } from "../tail/tail.ts";
import type { Frame } from "../transport/transport.ts";
import type { Packer } from "../wire/packer.ts";

export function toBytes(packed: string | Uint8Array): Uint8Array {
  return typeof packed === "string" ? Buffer.from(packed) : packed;
}

export interface Framer {
  readonly packer: Packer;
  /** Any value, wrapped: a reply, a handshake, a ping. */
  message(value: unknown, callback?: unknown): Frame;
  /** One event that we push, wrapped as the batch it must be. */
  event(id: string, data: unknown): Frame;
  /** Packed events, as one batch. */
  batch(events: readonly Uint8Array[]): Frame;
  /** Entries `first` to `last` of a tail that holds them. */
  entries(id: number, tail: Tail, first: number, last: number): Frame;
}

export function createFramer(packer: Packer): Framer {
  const { head, separator, tail: close } = packer.splice;
  const text = !packer.binary;
  const head1 = head(1);
  const head2 = head(2);
  const head3 = head(3);
  const nil = toBytes(packer.pack(null));
  const entriesId = toBytes(packer.pack(new Keyword(sync.entries)));
  const integer = (value: number): Uint8Array => toBytes(packer.pack(value));
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
    packer,
    message: (value, callback) => ({ data: packer.pack(wrap(value, callback)), text }),
    event: (id, data) => ({ data: packer.pack(wrap([event(id, data)])), text }),
    batch(events) {
      const pieces = [head2];
      list(pieces, events);
      pieces.push(separator, nil, close);
      return frame(pieces);
    },
    entries(id, tail, first, last) {
      const items: Uint8Array[] = [];
      for (let offset = first; offset <= last; offset++) items.push(tail.get(offset) as Uint8Array);
      const pieces = [head2, head1, head2, entriesId, separator, head3, integer(id), separator, integer(first), separator];
      list(pieces, items);
      pieces.push(close, close, close, separator, nil, close);
      return frame(pieces);
    },
  };
}
