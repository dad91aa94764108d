/**
 * The disk as a log needs it: one folder of files, written at positions and synced by hand. The real one is folder-disk.ts;
 * the simulation has one that loses, tears and refuses.
 *
 * Always: what was written is durable only after `sync`, a new, renamed or removed name only after `syncNames`;
 * a failed `sync` says nothing about what of it is stored. Errors carry the platform's `code` (`ENOSPC`, `EIO`, ...).
 * Rules: docs/protocol/storage.md DISK1-DISK4.
 */

export interface DiskFile {
  /** As far as was written. */
  readonly size: number;
  /** What is there, up to `length` bytes. */
  read(position: number, length: number): Promise<Uint8Array>;
  /** All pieces, one behind the other, from `position` on. */
  write(position: number, pieces: readonly Uint8Array[]): Promise<void>;
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  /** Opens the file, created empty if there is none. `isSynced`: each write will be synced at once; so a disk may do both in one. */
  open(name: string, isSynced?: boolean): Promise<DiskFile>;
  list(): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
  syncNames(): Promise<void>;
  /** Keeps other processes out until called back; throws SyncError `conflict` where one is in. */
  lock(): Promise<() => Promise<void>>;
}
