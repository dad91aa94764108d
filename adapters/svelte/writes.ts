/**
 * What becomes of writes, as live values. Rules: docs/guides/svelte.md.
 */
import { type RejectedWrite, rejectedWrites as rejectedOf, type SyncStatus, syncStatus as statusOf } from "sente-sync/client";
import { type AnyClient, getClient } from "./client.ts";
import { createLive, type Live } from "./live.ts";

/** Whether everything that was written here is stored there. */
export function syncStatus(client: AnyClient = getClient()): Live<SyncStatus> {
  return createLive("", () => statusOf(client));
}

/** What was rejected, to be tried again, changed or given up. */
export function rejectedWrites(client: AnyClient = getClient()): Live<readonly RejectedWrite[]> {
  return createLive("", () => rejectedOf(client));
}
