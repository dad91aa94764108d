/**
 * Updates that were joined, and what is between them: where that is on the server already nobody may know it here, and Yjs would leave a hole.
 *
 * Always: what is given back has no hole, and all that the update has.
 * Rules: docs/protocol/doc.md DOC47.
 */
import * as Y from "yjs";
import { flags, kinds, noLimits, UpdateReader } from "../../kind/doc/update.ts";
import { readVector, writeVector } from "../../kind/doc/vector.ts";

/** The update, or where it has a hole, the same with what is between, as the document has it. */
export function wholeOf(update: Uint8Array, doc: Y.Doc): Uint8Array {
  if (!hasHole(update)) return update;
  const vector = readVector(Y.encodeStateVector(doc));
  for (const [client, clock] of Y.parseUpdateMeta(update).from) vector.set(client, clock);
  return Y.encodeStateAsUpdate(doc, writeVector(vector));
}

function hasHole(update: Uint8Array): boolean {
  try {
    const reader = new UpdateReader(update, noLimits);
    while (reader.next()) if ((reader.info & flags.content) === kinds.hole) return true;
  } catch {
    // The server says what is wrong with it.
  }
  return false;
}
