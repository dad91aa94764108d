/**
 * State vectors: of each client, how many clocks are there.
 *
 *   vector   varint clients, then varint client and varint clock of each
 *
 * Always: reading throws SyncError `malformed` and nothing else.
 * Rules: docs/protocol/doc.md DOC3.
 */
import { Cursor, malformed, Writer } from "./bytes.ts";
import { noLimits, UpdateReader } from "./update.ts";

export type StateVector = ReadonlyMap<number, number>;

export function readVector(bytes: Uint8Array): Map<number, number> {
  const cursor = new Cursor(bytes);
  const vector = new Map<number, number>();
  const count = cursor.varint();
  if (count * 2 > cursor.left) throw malformed("a state vector that ends too early");
  for (let i = 0; i < count; i++) vector.set(cursor.varint(), cursor.varint());
  if (cursor.left) throw malformed("bytes behind the state vector");
  return vector;
}

export function writeVector(vector: StateVector): Uint8Array {
  const writer = new Writer();
  writer.varint(vector.size);
  for (const [client, clock] of vector) {
    writer.varint(client);
    writer.varint(clock);
  }
  return writer.take();
}

/** Adds what an update of our own has, which begins no higher than the vector is; `each` is called with each struct. */
export function advance(vector: Map<number, number>, update: Uint8Array, each?: (struct: UpdateReader) => void): void {
  const reader = new UpdateReader(update, noLimits);
  while (reader.next()) {
    each?.(reader);
    const end = reader.clock + reader.length;
    if (end > (vector.get(reader.client) ?? 0)) vector.set(reader.client, end);
  }
}
