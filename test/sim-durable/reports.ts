/** What servers and clients may report in a history: that their disk fails, or that they are closing. All else ends it. */
import { isSyncError } from "sente-sync";

export function onError(error: unknown, where: string): void {
  const isExpected = isSyncError(error) ? ["read-only", "closed"].includes(error.code) : where === "compaction";
  if (!isExpected) throw new Error(`${where}: ${String(error)}`, { cause: error });
}
