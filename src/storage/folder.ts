/**
 * Durable topics in a folder: `createServer({ storage: folder("data") })`.
 *
 * Always: one process at a time has the folder; nothing else is needed, no native code and no other package.
 * Rules: docs/protocol/storage.md LOG1-LOG16, SEG1-SEG11, DISK1-DISK6.
 */
import { folderDisk } from "../topic/folder-disk.ts";
import type { Storage } from "../topic/log.ts";
import { openSegmentLog, type SegmentOptions } from "../topic/segment/segment-log.ts";

export type FolderOptions = SegmentOptions;

/** A segment log in the folder `path`, which is made if there is none. */
export function folder(path: string, options: FolderOptions = {}): Storage {
  return {
    name: "folder",
    open: async (host) =>
      openSegmentLog({ env: host.env, disk: await folderDisk(path), report: host.report.bind(host) }, options),
  };
}
