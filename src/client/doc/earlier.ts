/**
 * Writes that others than the document made: an earlier page, or whoever wrote to the topic before the document was there.
 *
 * Always: what is no update is left to the server, which says so; nothing of it comes into the document.
 * Rules: docs/protocol/doc.md DOC40.
 */
import { noLimits, UpdateReader } from "../../kind/doc/update.ts";
import type { Write } from "../writes.ts";

/** Those that are updates. */
export function updatesOf(writes: readonly Write[]): readonly (Write & { readonly op: Uint8Array })[] {
  return writes.filter((write): write is Write & { readonly op: Uint8Array } => isUpdate(write.op));
}

function isUpdate(op: unknown): boolean {
  if (!(op instanceof Uint8Array)) return false;
  try {
    const reader = new UpdateReader(op, noLimits);
    while (reader.next());
    while (reader.nextDeleted());
    return reader.cursor.left === 0;
  } catch {
    return false;
  }
}
