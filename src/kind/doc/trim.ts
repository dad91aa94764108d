/**
 * What of a Yjs update lies above a state vector: the structs that a document has are left out, one that it has in part is cut.
 *
 * Always: the rest means the same as the whole, to a document of that vector; deleted ranges stay.
 * Rules: docs/protocol/doc.md DOC7.
 */
import { Cursor, Writer } from "./bytes.ts";
import { contents, passContent, type Spent } from "./content.ts";
import { flags, kinds, noLimits, UpdateReader } from "./update.ts";
import type { StateVector } from "./vector.ts";

/** Of an update that was judged. */
export function trimUpdate(update: Uint8Array, vector: StateVector): Uint8Array {
  const reader = new UpdateReader(update, noLimits);
  const blocks: { readonly client: number; readonly clock: number; count: number; readonly body: Writer }[] = [];
  while (reader.next()) {
    const known = vector.get(reader.client) ?? 0;
    if (reader.clock + reader.length <= known) continue;
    const last = blocks[blocks.length - 1];
    if (last?.client === reader.client) {
      last.count++;
      last.body.copy(update.subarray(reader.start, reader.end));
      continue;
    }
    const body = new Writer();
    const clock = Math.max(known, reader.clock);
    if (clock > reader.clock) cutStruct(body, update, reader, clock - reader.clock);
    else body.copy(update.subarray(reader.start, reader.end));
    blocks.push({ client: reader.client, clock, count: 1, body });
  }
  const writer = new Writer();
  writer.varint(blocks.length);
  for (const { client, clock, count, body } of blocks) {
    writer.varint(count);
    writer.varint(client);
    writer.varint(clock);
    writer.copy(body.take());
  }
  // The reader has passed all structs.
  writer.copy(update.subarray(reader.start));
  return writer.take();
}

/** The struct that was read, without its first `by` clocks. */
function cutStruct(into: Writer, update: Uint8Array, reader: UpdateReader, by: number): void {
  const { info, contentStart, end } = reader;
  const content = info & flags.content;
  if (content === kinds.collected) {
    into.byte(kinds.collected);
    into.varint(reader.length - by);
    return;
  }
  // It begins behind what was cut off.
  into.byte(info | flags.origin);
  into.varint(reader.client);
  into.varint(reader.clock + by - 1);
  if (info & flags.right) {
    into.varint(reader.rightClient);
    into.varint(reader.rightClock);
  }
  if (content === contents.deleted) into.varint(reader.length - by);
  else if (content === contents.string) cutText(into, update.subarray(contentStart, end), by);
  else cutList(into, update.subarray(contentStart, end), content, by);
}

const encoder = new TextEncoder();

function cutText(into: Writer, bytes: Uint8Array, by: number): void {
  let rest = new Cursor(bytes).text().slice(by);
  // Half of a pair stands for nothing; Yjs puts the same in its place.
  const unit = rest.charCodeAt(0);
  if (unit >= 0xdc00 && unit <= 0xdfff) rest = `\ufffd${rest.slice(1)}`;
  const encoded = encoder.encode(rest);
  into.varint(encoded.length);
  into.copy(encoded);
}

/** Of JSON texts or values, those behind the first `by`. */
function cutList(into: Writer, bytes: Uint8Array, content: number, by: number): void {
  const cursor = new Cursor(bytes);
  const count = cursor.varint();
  const first = cursor.at;
  // Passed over as a list of so many, to find where it ends.
  const head = new Writer();
  head.varint(by);
  const part = new Cursor(joined(head.take(), bytes.subarray(first)));
  passContent(part, content, { limits: noLimits, values: 0 } satisfies Spent);
  into.varint(count - by);
  into.copy(part.bytes.subarray(part.at));
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
