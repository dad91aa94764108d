/**
 * The `:sync/*` messages of channels, beside subscribing and writing. `id` is the server's for a topic that the connection is
 * subscribed to.
 *
 *   up    history      [id before limit epoch]      reply {:at [epoch first] :first n :entries [entry …]}
 *         subscribers  [id]                         reply {:connections n :users n}
 *         consume      [id concurrency ack-ms]      reply true; concurrency 0: no more
 *   down  job          [id offset attempt entry]
 *
 * `before` 0 is the head, `epoch` nil "whichever it is", `ack-ms` 0 the group's own.
 * Always: a reader returns `undefined` for data of any other shape and never throws.
 * Rules: docs/protocol/channels.md CHANNEL10-CHANNEL16, GROUP1-GROUP5.
 */
import { isIndex, readSince, type Since } from "./sync.ts";

export interface HistoryRequest {
  readonly id: number;
  readonly before: number;
  readonly limit: number;
  readonly epoch: string | null;
}

export function readHistory(data: unknown): HistoryRequest | undefined {
  if (!Array.isArray(data)) return undefined;
  const [id, before, limit, epoch = null] = data as unknown[];
  if (!isIndex(id) || !isIndex(before) || !isIndex(limit) || !(epoch === null || typeof epoch === "string")) return undefined;
  return { id, before, limit, epoch };
}

/** Entries from offset `at.offset` on; `first` is the oldest that is kept. */
export interface Past {
  readonly at: Since;
  readonly first: number;
  readonly entries: readonly unknown[];
}

export function readPast(value: unknown): Past | undefined {
  const { at, first, entries } = (value ?? {}) as { readonly [key: string]: unknown };
  const since = readSince(at);
  return since && isIndex(first) && Array.isArray(entries) ? { at: since, first, entries } : undefined;
}

export interface ConsumeRequest {
  readonly id: number;
  readonly concurrency: number;
  readonly ackMs: number;
}

export function readConsume(data: unknown): ConsumeRequest | undefined {
  if (!Array.isArray(data)) return undefined;
  const [id, concurrency, ackMs = 0] = data as unknown[];
  return isIndex(id) && isIndex(concurrency) && isIndex(ackMs) ? { id, concurrency, ackMs } : undefined;
}

/** An event that this client is to work on. */
export interface JobMessage {
  readonly id: number;
  readonly offset: number;
  readonly attempt: number;
  readonly entry: unknown;
}

export function readJob(data: unknown): JobMessage | undefined {
  if (!Array.isArray(data)) return undefined;
  const [id, offset, attempt, entry] = data as unknown[];
  return isIndex(id) && isIndex(offset) && isIndex(attempt) ? { id, offset, attempt, entry } : undefined;
}
