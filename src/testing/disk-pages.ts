/**
 * One simulated file: pages of 4 KiB as the system's cache holds them, and what of them is on the platter.
 *
 * Always: what was written is on the platter only after `sync`; a power loss keeps of each page the platter's content or any one
 * of those written since, of the size likewise, and tears one page at most; nothing else is ever read back.
 * Rules: docs/protocol/storage.md DISK1-DISK4.
 */
import type { Rng } from "./rng.ts";

export const pageBytes = 4096;

/** What one sync has under way: the content at the time it was asked for. */
export interface PendingSync {
  /** Copies it to the platter. */
  land(): void;
  /** Forgets that it was never copied: reads still see it, later syncs pass it over, a power loss drops it. */
  lose(): void;
}

export class PagedFile {
  size = 0;
  #cache = new Map<number, Uint8Array>();
  readonly #platter = new Map<number, Uint8Array>();
  #platterSize = 0;
  /** Contents and sizes since the last sync, oldest first. */
  readonly #unsynced = new Map<number, Uint8Array[]>();
  #unsyncedSizes: { readonly size: number }[] = [];

  get pages(): number {
    return Math.ceil(this.size / pageBytes);
  }

  read(position: number, length: number): Uint8Array<ArrayBuffer> {
    const end = Math.min(position + length, this.size);
    const bytes = new Uint8Array(Math.max(0, end - position));
    this.#eachPage(position, end, (index, from, to, at) => {
      const page = this.#cache.get(index);
      if (page) bytes.set(page.subarray(from, to), at);
    });
    return bytes;
  }

  write(position: number, bytes: Uint8Array): void {
    const end = position + bytes.length;
    this.#eachPage(position, end, (index, from, to, at) => {
      const page = Uint8Array.from(this.#cache.get(index) ?? new Uint8Array(pageBytes));
      page.set(bytes.subarray(at, at + to - from), from);
      this.#put(index, page);
    });
    if (!bytes.length) return;
    this.#resize(Math.max(this.size, end));
    // What is written again behind a size that a sync has lost counts again, as its pages do.
    const known = this.#unsyncedSizes.at(-1)?.size ?? this.#platterSize;
    if (end > known) this.#unsyncedSizes.push({ size: end });
  }

  truncate(size: number): void {
    if (size < this.size) this.write(size, new Uint8Array(this.size - size));
    this.#resize(size);
  }

  startSync(): PendingSync {
    const pages = [...this.#unsynced].map(([index, contents]) => ({ index, newest: contents.at(-1) as Uint8Array }));
    const newestSize = this.#unsyncedSizes.at(-1);
    const end = (landing: boolean): void => {
      for (const { index, newest } of pages) {
        const contents = this.#unsynced.get(index) ?? [];
        // What a later sync has copied already is not copied over.
        if (dropUpTo(contents, newest) && landing) this.#platter.set(index, newest);
        if (!contents.length) this.#unsynced.delete(index);
      }
      if (newestSize && dropUpTo(this.#unsyncedSizes, newestSize) && landing) this.#platterSize = newestSize.size;
    };
    return { land: () => end(true), lose: () => end(false) };
  }

  /** Power loss: all that was not synced is gone, or all is there, or some of it, one page of which may be torn. */
  crash(rng: Rng): void {
    const outcome = rng.pick(["dropped", "kept", "mixed", "torn"]);
    const pick = <T>(old: T, since: readonly T[]): T =>
      outcome === "dropped" ? old : outcome === "kept" ? (since.at(-1) ?? old) : rng.pick([old, ...since]);
    const torn = outcome === "torn" && this.#unsynced.size ? rng.pick([...this.#unsynced.keys()]) : -1;
    for (const [index, contents] of this.#unsynced) {
      const old = this.#platter.get(index) ?? new Uint8Array(pageBytes);
      this.#platter.set(index, index === torn ? tear(rng, old, contents.at(-1) as Uint8Array) : pick(old, contents));
    }
    this.#platterSize = pick({ size: this.#platterSize }, this.#unsyncedSizes).size;
    this.#unsynced.clear();
    this.#unsyncedSizes = [];
    this.size = this.#platterSize;
    // What is behind the end of a file is zeros, should it grow again.
    for (const [index, page] of this.#platter) {
      const used = Math.min(pageBytes, this.size - index * pageBytes);
      if (used <= 0) this.#platter.delete(index);
      else if (used < pageBytes) this.#platter.set(index, Uint8Array.from(page).fill(0, used));
    }
    this.#cache = new Map(this.#platter);
  }

  /** Bit rot: wrong on the platter and in the cache. */
  flipBit(position: number, bit: number): void {
    const index = Math.floor(position / pageBytes);
    for (const pages of [this.#cache, this.#platter]) {
      const page = pages.get(index);
      if (!page) continue;
      const rotten = Uint8Array.from(page);
      rotten[position % pageBytes] = (rotten[position % pageBytes] as number) ^ (1 << bit);
      pages.set(index, rotten);
    }
  }

  #put(index: number, page: Uint8Array): void {
    this.#cache.set(index, page);
    const contents = this.#unsynced.get(index);
    if (contents) contents.push(page);
    else this.#unsynced.set(index, [page]);
  }

  #resize(size: number): void {
    if (size === this.size) return;
    this.size = size;
    this.#unsyncedSizes.push({ size });
  }

  /** `from` and `to` are within the page, `at` is within the range. */
  #eachPage(position: number, end: number, run: (index: number, from: number, to: number, at: number) => void): void {
    for (let at = position; at < end; ) {
      const index = Math.floor(at / pageBytes);
      const next = Math.min(end, (index + 1) * pageBytes);
      run(index, at - index * pageBytes, next - index * pageBytes, at - position);
      at = next;
    }
  }
}

/** Whether `newest` was there: it and what is before it are no more. */
function dropUpTo<T>(list: T[], newest: T): boolean {
  return list.splice(0, list.indexOf(newest) + 1).length > 0;
}

/** The beginning of the one with the end of the other. */
function tear(rng: Rng, old: Uint8Array, page: Uint8Array): Uint8Array {
  const [head, rest] = rng.chance(0.5) ? [old, page] : [page, old];
  const torn = Uint8Array.from(rest);
  torn.set(head.subarray(0, rng.int(pageBytes)));
  return torn;
}
