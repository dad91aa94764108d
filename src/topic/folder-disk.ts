/**
 * A folder of the file system as a log's disk.
 *
 * Always: a name that is given stays inside the folder; a file is closed only when no call to it is under way, so that no call ever
 * meets another file; the lock is of a process that lives, or it is nobody's.
 * Rules: docs/protocol/storage.md DISK1-DISK6.
 */
import fs from "node:fs";
import { link, mkdir, open, readdir, readFile, rename, unlink, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { SyncError } from "../core/errors.ts";
import type { Disk, DiskFile } from "./disk.ts";

const lockName = "lock";
/** Folders that this process has: its own process id in a lock file says nothing about itself. */
const held = new Set<string>();

/** Makes the folder if there is none. */
export async function folderDisk(folder: string): Promise<Disk> {
  const root = path.resolve(folder);
  await mkdir(root, { recursive: true });
  const inside = (name: string): string => {
    if (!/^[\w-][\w.-]*$/.test(name)) throw new SyncError("invalid", `Not a name of a file: ${name}`);
    return path.join(root, name);
  };
  return {
    open: async (name, isSynced) => new FolderFile(inside(name), isSynced && process.platform === "linux").opened(),
    list: async () => (await readdir(root)).filter((name) => !name.startsWith(lockName)),
    rename: async (from, to) => rename(inside(from), inside(to)),
    remove: async (name) => unlink(inside(name)),
    async syncNames() {
      const handle = await open(root, "r");
      try {
        // Where folders cannot be synced, names are as durable as the platform makes them.
        await handle.sync().catch((error: unknown) => {
          if (process.platform !== "win32") throw error;
        });
      } finally {
        await handle.close();
      }
    },
    lock: () => lockFolder(root),
  };
}

/** Plain callbacks: a promise of our own costs half of what a FileHandle's does. */
class FolderFile implements DiskFile {
  size = 0;
  readonly #path: string;
  /** Each write is on the disk when it is answered: one call to the system for each instead of two. Elsewhere the flag says less. */
  readonly #isSynced: boolean;
  #fd = -1;
  #isClosed = false;
  #calls = 0;
  #onQuiet: (() => void) | undefined;

  constructor(filePath: string, isSynced = false) {
    this.#path = filePath;
    this.#isSynced = isSynced;
  }

  async opened(): Promise<this> {
    const { O_RDWR, O_CREAT, O_DSYNC } = fs.constants;
    const flags = O_RDWR | O_CREAT | (this.#isSynced ? O_DSYNC : 0);
    this.#fd = await this.#call<number>((done) => fs.open(this.#path, flags, 0o600, done));
    this.size = (await this.#call<fs.Stats>((done) => fs.fstat(this.#fd, done))).size;
    return this;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - position)));
    let at = 0;
    while (at < bytes.length) {
      const start = at;
      const count = await this.#call<number>((done) =>
        fs.read(this.#fd, bytes, start, bytes.length - start, position + start, done),
      );
      if (count === 0) break;
      at += count;
    }
    return bytes.subarray(0, at);
  }

  async write(position: number, pieces: readonly Uint8Array[]): Promise<void> {
    let rest = pieces.filter((piece) => piece.length);
    let at = position;
    while (rest.length) {
      const left = rest;
      const start = at;
      const count = await this.#call<number>((done) => fs.writev(this.#fd, left, start, done));
      at += count;
      rest = behind(left, count);
    }
    this.size = Math.max(this.size, at);
  }

  sync(): Promise<void> {
    if (this.#isSynced) return Promise.resolve();
    return this.#call<void>((done) => fs.fdatasync(this.#fd, done));
  }

  async truncate(size: number): Promise<void> {
    await this.#call<void>((done) => fs.ftruncate(this.#fd, size, done));
    this.size = size;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#calls > 0) await new Promise<void>((resolve) => (this.#onQuiet = resolve));
    await new Promise<void>((resolve, reject) => fs.close(this.#fd, (error) => (error ? reject(error) : resolve())));
  }

  #call<T>(run: (done: (error: NodeJS.ErrnoException | null, value?: T) => void) => void): Promise<T> {
    if (this.#isClosed) return Promise.reject(new SyncError("closed", "The file is closed."));
    this.#calls++;
    return new Promise<T>((resolve, reject) => {
      run((error, value) => {
        this.#calls--;
        if (this.#calls === 0) this.#onQuiet?.();
        if (error) reject(error);
        else resolve(value as T);
      });
    });
  }
}

/** What is left of the pieces once the first `count` bytes are written. */
function behind(pieces: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  const left: Uint8Array[] = [];
  for (const piece of pieces) {
    if (skip < piece.length) left.push(piece.subarray(skip));
    skip = Math.max(0, skip - piece.length);
  }
  return left;
}

async function lockFolder(root: string): Promise<() => Promise<void>> {
  const file = path.join(root, lockName);
  if (held.has(root)) throw locked(process.pid);
  held.add(root);
  try {
    await takeLock(file);
  } catch (error) {
    held.delete(root);
    throw error;
  }
  return async () => {
    if (held.delete(root)) await unlink(file);
  };
}

async function takeLock(file: string): Promise<void> {
  const mine = `${file}-${process.pid}`;
  await writeFile(mine, `${process.pid} ${await startOf(process.pid)}`);
  try {
    // Another process may take it, or give it up, between two looks.
    for (let tries = 0; tries < 10; tries++) {
      // A link appears with all that is written in it, or not at all.
      if (await succeeds(link(mine, file), "EEXIST")) return;
      const theirs = await readFile(file, "utf8").catch(() => undefined);
      if (theirs === undefined) continue;
      const [pid = "", start = ""] = theirs.split(" ");
      if (await isAlive(Number(pid), start)) throw locked(pid);
      await putAside(file, theirs);
    }
    throw locked("?");
  } finally {
    await unlink(mine);
  }
}

/** Of two that find the same lock stale, one puts it aside; the other may have moved the lock of the first, and gives it back. */
async function putAside(file: string, stale: string): Promise<void> {
  const aside = `${file}-stale-${process.pid}`;
  if (!(await succeeds(rename(file, aside), "ENOENT"))) return;
  if ((await readFile(aside, "utf8")) !== stale) await succeeds(link(aside, file), "EEXIST");
  await unlink(aside);
}

/** False where it failed for that reason. */
async function succeeds(call: Promise<void>, unless: string): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === unless) return false;
    throw error;
  }
}

async function isAlive(pid: number, start: string): Promise<boolean> {
  // This process has none of its own there, or it would have known: the one that wrote it is gone, and its number is ours now.
  if (!(pid > 0) || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return (await startOf(pid)) === start;
}

/** When the process began, where the platform says it: a number may be given to another process later. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The name of the program comes second, in brackets, and may contain anything.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

const locked = (pid: number | string): SyncError =>
  new SyncError("conflict", `Another process (${pid}) has this folder; one log at a time can be open in it.`);
