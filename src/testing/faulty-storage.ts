/**
 * A storage that a test can hurt: the segment log on a simulated disk, for `createServer({ storage })`.
 *
 * Always: each server that opens it is another process on the same disk, and ends the one before; what the disk loses in a crash
 * the next one does not find.
 * Rules: docs/protocol/storage.md DISK1-DISK4, SEG1-SEG11.
 */
import type { Storage } from "../topic/log.ts";
import { openSegmentLog, type SegmentOptions } from "../topic/segment/segment-log.ts";
import { type SimulatedDisk, type SimulatedDiskOptions, simulatedDisk } from "./disk.ts";

export interface FaultyStorage extends Storage {
  readonly disk: SimulatedDisk;
}

export function faultyStorage(options: SimulatedDiskOptions, segments: SegmentOptions = {}): FaultyStorage {
  const disk = simulatedDisk(options);
  return {
    name: "faulty",
    disk,
    open: ({ env, report }) => openSegmentLog({ env, disk: disk.mount(env), report }, segments),
  };
}
