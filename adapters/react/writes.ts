/**
 * What becomes of writes, as hooks.
 *
 * Always: on a server, and in a page that takes its markup over, everything is synchronized and nothing was rejected.
 * Rules: docs/guides/react.md.
 */
import { useSyncExternalStore } from "react";
import { type RejectedWrite, rejectedWrites, type SyncStatus, syncStatus } from "sente-sync/client";
import { useClient } from "./provider.ts";

const synchronized: SyncStatus = { status: "synchronized", pending: 0 };
const none: readonly RejectedWrite[] = [];

/** Whether everything that was written here is stored there. */
export function useSyncStatus(): SyncStatus {
  const { listen, get } = syncStatus(useClient());
  return useSyncExternalStore(listen, get, () => synchronized);
}

/** What was rejected, to be tried again, changed or given up. */
export function useRejectedWrites(): readonly RejectedWrite[] {
  const { listen, get } = rejectedWrites(useClient());
  return useSyncExternalStore(listen, get, () => none);
}
