/**
 * What became of a client's copies on this device.
 * Rules: docs/protocol/copies.md COPY8.
 */
import { coreOf } from "./client.ts";
import type { CopyCounts } from "./storage/shelf.ts";
import { writesOf } from "./writes.ts";

export type { CopyCounts };

/** Since the client began. All 0 without a storage. */
export function copyCounts(client: object): Readonly<CopyCounts> {
  return { evicted: 0, tooLarge: 0, damaged: 0, ...writesOf(coreOf(client)).keeper?.shelf?.counts };
}
