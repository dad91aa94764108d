/**
 * A disk in memory that loses, tears and refuses: files of pages, names that become durable on their own, and faults by plan.
 * It outlives the processes that use it; each mounts it anew.
 *
 * Always: what `disk.ts` of src/topic says, and no more than that: what was not synced may be there after a power loss or not, in
 * any mixture; a life that ended is answered nothing more; the same plan, generators and calls give the same disk.
 * Rules: docs/protocol/storage.md DISK1-DISK4.
 */
import type { Env } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { Disk, DiskFile } from "../topic/disk.ts";
import type { DiskCall, DiskFault, DiskOperation, DiskPlan } from "./disk-faults.ts";
import { PagedFile, pageBytes } from "./disk-pages.ts";
import type { Rng } from "./rng.ts";

export interface SimulatedDiskOptions {
  /** Draws what faults leave open, and latencies. */
  readonly rng: Rng;
  readonly plan?: DiskPlan | undefined;
  /** Default: without end. */
  readonly capacityBytes?: number | undefined;
  /** Mean of an exponential time that each call takes. Default 0: calls are answered in the order they are made. */
  readonly latencyMs?: number | undefined;
  /** A planned crash has just ended the process: what is to follow is `crash` or `kill`, and another `mount`. */
  onCrash?(): void;
}

export interface SimulatedDisk {
  plan: DiskPlan | undefined;
  capacityBytes: number;
  /** Calls so far. */
  readonly calls: number;
  /** Calls that a planned fault befell, or that found no space. */
  readonly faults: number;
  /** The disk for the next life of a process; the one before is over. */
  mount(env: Env): Disk;
  /** The process ends. What it wrote is as it was, lock and open files are no more. */
  kill(): void;
  /** Power is lost: what was not synced is there, or not, or in part. */
  crash(rng: Rng): void;
  /** What a read would give, names that exist now. */
  contents(): Map<string, Uint8Array>;
  flipBit(file: string, position: number, bit: number): void;
}

/** An empty disk. */
export function simulatedDisk(options: SimulatedDiskOptions): SimulatedDisk {
  return new Machine(options);
}

/** What fails with the platform's code. */
class DiskError extends Error {
  override readonly name = "DiskError";
  readonly code: string;

  constructor(code: string, { operation, file }: { readonly operation: DiskOperation; readonly file: string }) {
    super(`${code}: ${operation}${file && ` ${file}`}`);
    this.code = code;
  }
}

interface Life {
  readonly env: Env;
  isOver: boolean;
}

/** What changed among the names since they were synced. */
interface NameChange {
  readonly removed: string | undefined;
  readonly added: string | undefined;
  readonly file: PagedFile;
}

class Machine implements SimulatedDisk {
  plan: DiskPlan | undefined;
  capacityBytes: number;
  calls = 0;
  faults = 0;
  readonly #rng: Rng;
  readonly #latencyMs: number;
  readonly #onCrash: (() => void) | undefined;
  #life: Life | undefined;
  #isLocked = false;
  #names = new Map<string, PagedFile>();
  #durableNames = new Map<string, PagedFile>();
  #nameChanges: NameChange[] = [];

  constructor({ rng, plan, capacityBytes, latencyMs, onCrash }: SimulatedDiskOptions) {
    this.#rng = rng.fork("disk");
    this.plan = plan;
    this.capacityBytes = capacityBytes ?? Number.POSITIVE_INFINITY;
    this.#latencyMs = latencyMs ?? 0;
    this.#onCrash = onCrash;
  }

  mount(env: Env): Disk {
    this.kill();
    const life: Life = { env, isOver: false };
    this.#life = life;
    const call = <T>(operation: DiskOperation, file: string, run: () => T): Promise<T> =>
      this.#call<T, T>(life, { operation, file }, run);
    return {
      open: (name) =>
        call("open", name, () => {
          const file = this.#names.get(name) ?? new PagedFile();
          if (!this.#names.has(name)) this.#changeNames({ removed: undefined, added: name, file });
          return this.#open(life, name, file);
        }),
      // In no order, as a real disk's.
      list: () => call("list", "", () => shuffled(this.#rng, [...this.#names.keys()])),
      rename: (from, to) =>
        call("rename", from, () =>
          this.#changeNames({ removed: from, added: to, file: this.#find({ operation: "rename", file: from }) }),
        ),
      remove: (name) =>
        call("remove", name, () =>
          this.#changeNames({ removed: name, added: undefined, file: this.#find({ operation: "remove", file: name }) }),
        ),
      syncNames: () =>
        call("syncNames", "", () => {
          this.#durableNames = new Map(this.#names);
          this.#nameChanges = [];
        }),
      lock: () =>
        call("lock", "", () => {
          if (this.#isLocked) throw new SyncError("conflict", "The disk is locked already.");
          this.#isLocked = true;
          return async () => {
            if (!life.isOver) this.#isLocked = false;
          };
        }),
    };
  }

  kill(): void {
    if (this.#life) this.#life.isOver = true;
    this.#life = undefined;
    this.#isLocked = false;
  }

  crash(rng: Rng): void {
    this.kill();
    const files = new Set([...this.#durableNames.values(), ...this.#names.values()]);
    for (const { removed, added, file } of this.#nameChanges) {
      // One change may be kept and the one before it lost.
      if (rng.chance(0.5)) continue;
      if (removed !== undefined) this.#durableNames.delete(removed);
      if (added !== undefined) this.#durableNames.set(added, file);
    }
    this.#names = new Map(this.#durableNames);
    this.#nameChanges = [];
    for (const file of files) file.crash(rng);
  }

  contents(): Map<string, Uint8Array> {
    return new Map([...this.#names].map(([name, file]) => [name, file.read(0, file.size)]));
  }

  flipBit(file: string, position: number, bit: number): void {
    this.#find({ operation: "read", file }).flipBit(position, bit);
  }

  #open(life: Life, name: string, file: PagedFile): DiskFile {
    let isClosed = false;
    const call = <T, R = T>(
      operation: DiskOperation,
      begin: (fault: DiskFault | undefined) => T,
      end?: (begun: T, fault: DiskFault | undefined) => R,
    ): Promise<R> => {
      const checked = (fault: DiskFault | undefined): T => {
        if (isClosed) throw new DiskError("EBADF", { operation, file: name });
        return begin(fault);
      };
      return this.#call(life, { operation, file: name }, checked, end);
    };
    return {
      get size() {
        return file.size;
      },
      read: (position, length) =>
        call("read", (fault) => {
          const span = Math.min(length, file.size - position);
          if (fault === "rot" && span > 0) file.flipBit(position + this.#rng.int(span), this.#rng.int(8));
          return file.read(position, length);
        }),
      write: (position, pieces) => {
        const bytes = joined(pieces);
        return call("write", (fault) => this.#write(name, file, position, bytes, fault));
      },
      sync: () =>
        call(
          "sync",
          () => file.startSync(),
          (pending, fault) => {
            if (fault !== "lie") return pending.land();
            pending.lose();
            throw new DiskError("EIO", { operation: "sync", file: name });
          },
        ),
      truncate: (size) => call("truncate", () => file.truncate(size)),
      close: () => call("close", () => void (isClosed = true)),
    };
  }

  /** Takes effect at once, but is done, and answered, only as late as the disk is slow. */
  #call<T, R>(
    life: Life,
    what: Omit<DiskCall, "index">,
    begin: (fault: DiskFault | undefined) => T,
    end: (begun: T, fault: DiskFault | undefined) => R = (begun) => begun as unknown as R,
  ): Promise<R> {
    const { operation } = what;
    return new Promise((resolve, reject) => {
      if (life.isOver) return;
      const index = ++this.calls;
      const fault = this.plan?.({ index, ...what });
      if (fault !== undefined) this.faults++;
      if (fault === "crash-before") return this.#crashed();
      let done: () => R;
      try {
        if (fault === "EIO" || (fault === "ENOSPC" && operation !== "write")) throw new DiskError(fault, what);
        const begun = begin(fault);
        done = () => end(begun, fault);
      } catch (error) {
        done = () => {
          throw error;
        };
      }
      const finish = (): void => {
        if (life.isOver) return;
        try {
          const answer = done();
          if (fault === "crash-after") this.#crashed();
          else resolve(answer);
        } catch (error) {
          reject(error);
        }
      };
      const latencyMs = this.#latencyMs && this.#rng.exponential(this.#latencyMs);
      const delayMs = latencyMs + (typeof fault === "object" ? fault.slowMs : 0);
      if (fault === "crash-after") finish();
      else if (delayMs > 0) life.env.setTimer(finish, delayMs);
      else void Promise.resolve().then(finish);
    });
  }

  #crashed(): void {
    this.kill();
    this.#onCrash?.();
  }

  #write(name: string, file: PagedFile, position: number, bytes: Uint8Array, fault: DiskFault | undefined): void {
    let at = position;
    if (fault === "misdirect") at = this.#rng.int(file.pages + 1) * pageBytes + (position % pageBytes);
    const space = fault === "ENOSPC" ? this.#rng.int(bytes.length) : this.#spaceFrom(file, at);
    file.write(at, bytes.subarray(0, Math.max(0, space)));
    if (space >= bytes.length) return;
    if (fault === undefined) this.faults++;
    throw new DiskError("ENOSPC", { operation: "write", file: name });
  }

  /** Bytes that may be written to the file at `position`. */
  #spaceFrom(file: PagedFile, position: number): number {
    if (this.capacityBytes === Number.POSITIVE_INFINITY) return this.capacityBytes;
    const others = [...this.#names.values()].filter((other) => other !== file);
    const usedPages = others.reduce((sum, { pages }) => sum + pages, 0);
    const freePages = Math.floor(this.capacityBytes / pageBytes) - usedPages;
    return Math.max(freePages, file.pages) * pageBytes - position;
  }

  #find(what: { readonly operation: DiskOperation; readonly file: string }): PagedFile {
    const file = this.#names.get(what.file);
    if (!file) throw new DiskError("ENOENT", what);
    return file;
  }

  #changeNames(change: NameChange): void {
    if (change.removed !== undefined) this.#names.delete(change.removed);
    if (change.added !== undefined) this.#names.set(change.added, change.file);
    this.#nameChanges.push(change);
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function shuffled<T>(rng: Rng, list: T[]): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const other = rng.int(i + 1);
    [list[i], list[other]] = [list[other] as T, list[i] as T];
  }
  return list;
}
