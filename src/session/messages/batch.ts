/**
 * A batch, as it travels: one operation for each of several topics, all of which are done or none.
 *
 *   up    batch   [[[id seq op] …] resent]       for each part ack or reject follows
 *
 * Always: a reader returns `undefined` for data of any other shape and never throws.
 * Rules: docs/protocol/batch.md BATCH1-BATCH16.
 */
import { isIndex } from "./sync.ts";

export interface BatchMessage {
  readonly parts: readonly { readonly id: number; readonly seq: number; readonly op: unknown }[];
  /** It was sent before. */
  readonly resent: boolean;
}

/** Topics of one batch. */
export const maxBatchTopics = 64;

export function readBatch(data: unknown): BatchMessage | undefined {
  if (!Array.isArray(data) || !Array.isArray(data[0]) || !data[0].length) return undefined;
  const parts = (data[0] as unknown[]).flatMap((part) => {
    const [id, seq, op] = Array.isArray(part) && part.length === 3 ? (part as unknown[]) : [];
    return isIndex(id) && isIndex(seq) && seq > 0 ? [{ id, seq, op }] : [];
  });
  return parts.length === data[0].length ? { parts, resent: data[1] === 1 } : undefined;
}
