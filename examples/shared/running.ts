/** What the examples' servers have in common beside their lessons: how one is handed over, and where it keeps what outlives it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Server } from "sente-sync/server";

export interface Running<Sync = Server> {
  readonly sync: Sync;
  close(): Promise<void>;
}

const folders = new Map<string, string>();

/** That example's folder: it outlives the server, which is started again in it, and goes with the process. */
export function folderOfProcess(example: string): string {
  const known = folders.get(example);
  if (known !== undefined) return known;
  const path = mkdtempSync(join(tmpdir(), `sente-sync-${example}-`));
  process.once("exit", () => rmSync(path, { recursive: true, force: true }));
  folders.set(example, path);
  return path;
}
