/**
 * `folder(path)`: a client's outbox in files, for Node: command lines, services, tests.
 *
 * A record is `<id>.rows`: a line per save, each the JSON of its changes; the later wins. Who has a record says so in
 * `<id>.<n>.lock`: its host, process and life. To take over a dead one's record is to link the file with the next `n`, which
 * only one can; who finds a higher one than its own has lost the record.
 * Always: a save is synced before it resolves; a torn last line never was; a lock is believed for `staleMs` after its last
 * sign of life, and on its own host as long as its process lives.
 * Rules: docs/protocol/writes.md KEEP1-KEEP8.
 */
import { randomUUID } from "node:crypto";
import {
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { type Env, every } from "../../core/env.ts";
import { SyncError } from "../../core/errors.ts";
import { type ClientStorage, type OutboxOptions, outbox } from "../outbox.ts";
import type { OpenOutboxStore, OutboxRecord, OutboxStore, Row, RowChange } from "./store.ts";

/** Until a record is looked at again that another one is changing; at most so often. */
const swapRetryMs = 10;
const maxSwapTries = 500;
const beatMs = 10_000;
const staleMs = 60_000;
/** A file that is longer, and mostly of what is no more, is written anew. */
const compactBytes = 65_536;
/** Tells this process from an earlier one with its number. */
const life = randomUUID();
/** Tokens are in there. */
const mode = 0o600;

/** Keeps a client's writes in `path`, which several processes may share. */
export function folder(path: string, options?: OutboxOptions): ClientStorage {
  return outbox(folderStore(path), options);
}

export function folderStore(path: string): OutboxStore {
  return {
    name: "folder",
    async open(env) {
      await mkdir(path, { recursive: true, mode: 0o700 });
      return new Folder(path, env);
    },
  };
}

class Folder implements OpenOutboxStore {
  readonly #path: string;
  readonly #env: Env;
  readonly #records = new Set<FileRecord>();
  readonly #stopBeating: () => void;

  constructor(path: string, env: Env) {
    this.#path = path;
    this.#env = env;
    this.#stopBeating = every(env, beatMs, () => {
      for (const record of this.#records) void record.beat();
    });
  }

  async list(prefix: string): Promise<string[]> {
    const found: string[] = [];
    for (const name of await readdir(this.#path)) {
      if (!name.startsWith(prefix) || !name.endsWith(".rows")) continue;
      const size = await stat(join(this.#path, name)).then((stats) => stats.size, gone);
      if (size) found.push(name.slice(0, -".rows".length));
    }
    return found.sort();
  }

  async claim(id: string): Promise<OutboxRecord | undefined> {
    const held = await this.#locks(id);
    const newest = held.at(-1) ?? 0;
    if (newest && (await this.#isAlive(id, newest))) return undefined;
    const own = newest + 1;
    const draft = join(this.#path, `${id}.${randomUUID()}.tmp`);
    await writeFile(draft, JSON.stringify([hostname(), process.pid, life]), { mode });
    const isFirst = await link(draft, lockPath(this.#path, id, own)).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === "EEXIST") return false;
        throw error;
      },
    );
    await rm(draft, { force: true });
    if (!isFirst) return undefined;
    // Between the look and the link a whole life may have passed.
    if ((await this.#locks(id)).some((other) => other > own)) {
      await rm(lockPath(this.#path, id, own), { force: true });
      return undefined;
    }
    for (const older of held) await rm(lockPath(this.#path, id, older), { force: true });
    const record = new FileRecord(this.#path, id, own, () => this.#records.delete(record));
    this.#records.add(record);
    return record;
  }

  async read(id: string, key?: string): Promise<Row[]> {
    const { rows } = await readRows(this.#path, id);
    return [...rows].filter(([found]) => key === undefined || found === key);
  }

  async swap(id: string, key: string, value: string | null, changes: readonly RowChange[]): Promise<boolean> {
    for (let tries = 0; tries < maxSwapTries; tries++) {
      const record = await this.claim(id);
      if (record) return swapIn(record, key, value, changes);
      await new Promise<void>((resolve) => this.#env.setTimer(resolve, swapRetryMs));
    }
    throw new SyncError("timeout", `Another client has had "${id}" for too long.`);
  }

  async close(): Promise<void> {
    this.#stopBeating();
    for (const record of [...this.#records]) await record.release();
  }

  async #locks(id: string): Promise<number[]> {
    const names = await readdir(this.#path);
    const numbers = names.flatMap((name) => {
      const [of, n, end] = name.split(".");
      return of === id && end === "lock" ? [Number(n)] : [];
    });
    return numbers.sort((a, b) => a - b);
  }

  async #isAlive(id: string, n: number): Promise<boolean> {
    const path = lockPath(this.#path, id, n);
    const [text, stats] = await Promise.all([readFile(path, "utf8").catch(gone), stat(path).catch(gone)]);
    // It was released while we looked: the next look will find that.
    if (text === undefined || !stats) return true;
    if (this.#env.nowMs() - stats.mtimeMs > staleMs) return false;
    const [host, pid, of] = JSON.parse(text) as [string, number, string];
    if (host !== hostname()) return true;
    return pid === process.pid ? of === life : runs(pid);
  }
}

class FileRecord implements OutboxRecord {
  readonly #folder: string;
  readonly #id: string;
  readonly #n: number;
  readonly #forget: () => void;
  readonly #rows = new Map<string, string>();
  #handle: FileHandle | undefined;
  #bytes = 0;
  #isReleased = false;

  constructor(folderPath: string, id: string, n: number, forget: () => void) {
    this.#folder = folderPath;
    this.#id = id;
    this.#n = n;
    this.#forget = forget;
  }

  get #path(): string {
    return join(this.#folder, `${this.#id}.rows`);
  }

  async load(): Promise<Row[]> {
    const { rows, end, length } = await readRows(this.#folder, this.#id);
    this.#rows.clear();
    for (const [key, value] of rows) this.#rows.set(key, value);
    // What a crash tore off must not become the beginning of the next line.
    if (end < length) await truncate(this.#path, end);
    this.#bytes = end;
    return [...rows];
  }

  async save(changes: readonly RowChange[]): Promise<void> {
    if (!(await this.#isOurs())) throw new SyncError("closed", "Another client has taken this record over.");
    applyTo(this.#rows, changes);
    const line = `${JSON.stringify(changes)}\n`;
    const live = [...this.#rows].reduce((sum, [key, value]) => sum + key.length + value.length, 0);
    if (this.#bytes > compactBytes && this.#bytes > live * 4) return this.#rewrite();
    const isNew = !this.#handle;
    this.#handle ??= await open(this.#path, "a", mode);
    await this.#handle.appendFile(line);
    await this.#handle.datasync();
    if (isNew) await syncFolder(this.#folder);
    this.#bytes += Buffer.byteLength(line);
  }

  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#forget();
    await this.#handle?.close();
    await rm(lockPath(this.#folder, this.#id, this.#n), { force: true });
  }

  async remove(): Promise<void> {
    if (await this.#isOurs()) await rm(this.#path, { force: true });
    await this.release();
  }

  /** A sign of life. */
  async beat(): Promise<void> {
    const now = new Date();
    await utimes(lockPath(this.#folder, this.#id, this.#n), now, now).catch(gone);
  }

  async #isOurs(): Promise<boolean> {
    if (this.#isReleased) return false;
    const [own, next] = await Promise.all([
      stat(lockPath(this.#folder, this.#id, this.#n)).catch(gone),
      stat(lockPath(this.#folder, this.#id, this.#n + 1)).catch(gone),
    ]);
    return own !== undefined && next === undefined;
  }

  /** All that is left, in a file that takes the place of the old one at once. */
  async #rewrite(): Promise<void> {
    const draft = join(this.#folder, `${this.#id}.${randomUUID()}.tmp`);
    const line = `${JSON.stringify([...this.#rows])}\n`;
    const handle = await open(draft, "w", mode);
    await handle.writeFile(line);
    await handle.datasync();
    await handle.close();
    await rename(draft, this.#path);
    await syncFolder(this.#folder);
    await this.#handle?.close();
    this.#handle = undefined;
    this.#bytes = Buffer.byteLength(line);
  }
}

/** Compares, changes, and gives the record up. */
async function swapIn(record: OutboxRecord, key: string, value: string | null, changes: readonly RowChange[]): Promise<boolean> {
  try {
    const rows = new Map(await record.load());
    if ((rows.get(key) ?? null) !== value) return false;
    applyTo(rows, changes);
    await (rows.size ? record.save(changes) : record.remove());
    return true;
  } finally {
    await record.release();
  }
}

/** Whole lines, and where they end. */
async function readRows(path: string, id: string): Promise<{ rows: Map<string, string>; end: number; length: number }> {
  const bytes = (await readFile(join(path, `${id}.rows`)).catch(gone)) ?? Buffer.alloc(0);
  const rows = new Map<string, string>();
  let end = 0;
  for (let next = bytes.indexOf(10); next >= 0; next = bytes.indexOf(10, end)) {
    const changes = readLine(bytes.toString("utf8", end, next));
    if (!changes) break;
    applyTo(rows, changes);
    end = next + 1;
  }
  return { rows, end, length: bytes.length };
}

function applyTo(rows: Map<string, string>, changes: readonly RowChange[]): void {
  for (const [key, value] of changes) {
    if (value === null) rows.delete(key);
    else rows.set(key, value);
  }
}

const lockPath = (path: string, id: string, n: number): string => join(path, `${id}.${n}.lock`);

/** For a file that is not there. */
function gone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
  return undefined;
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function readLine(line: string): RowChange[] | undefined {
  try {
    return JSON.parse(line) as RowChange[];
  } catch {
    return undefined;
  }
}

/** So that a name that is new in it survives a power cut. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  await handle.sync();
  await handle.close();
}
