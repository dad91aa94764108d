/**
 * Reading from segment files: few are open at a time, and a file that somebody reads is not removed under them.
 *
 * Always: at most `maxOpen` files are open besides the one that is written; each opened file is closed once.
 * Rules: docs/protocol/storage.md SEG7.
 */
import type { Disk, DiskFile } from "../disk.ts";
import { type Place, placeOf, positionOf, segmentOf } from "./blocks.ts";
import { nameOf, type Segment } from "./catalog.ts";

const maxOpen = 8;
/** What one read fetches at most, unless a single body is larger. */
export const windowBytes: number = 1 << 19;

export class Files {
  readonly #disk: Disk;
  readonly #segments: ReadonlyMap<number, Segment>;
  /** Least recently used first. */
  readonly #open = new Map<number, Promise<DiskFile>>();
  readonly #pins = new Map<number, number>();
  /** The one that is written to. */
  #active: { readonly number: number; readonly file: DiskFile } | undefined;

  constructor(disk: Disk, segments: ReadonlyMap<number, Segment>) {
    this.#disk = disk;
    this.#segments = segments;
  }

  get openFiles(): number {
    return this.#open.size + (this.#active ? 1 : 0);
  }

  /** That one is written to from now on, the one before only read. */
  setActive(active: { readonly number: number; readonly file: DiskFile } | undefined): void {
    if (this.#active) this.#open.set(this.#active.number, Promise.resolve(this.#active.file));
    this.#active = active;
  }

  /** Keeps the segments of these places from being removed until called back. */
  pin(places: readonly Place[]): () => void {
    const numbers = new Set(places.map(segmentOf));
    for (const number of numbers) this.#pins.set(number, (this.#pins.get(number) ?? 0) + 1);
    return () => {
      for (const number of numbers) {
        const left = (this.#pins.get(number) ?? 0) - 1;
        if (left > 0) this.#pins.set(number, left);
        else this.#pins.delete(number);
      }
    };
  }

  isPinned(number: number): boolean {
    return this.#pins.has(number);
  }

  async read(segment: number, position: number, length: number): Promise<Uint8Array> {
    const unpin = this.pin([placeOf(segment, position)]);
    try {
      const file = this.#active?.number === segment ? this.#active.file : await this.#fileOf(segment);
      return await file.read(position, length);
    } finally {
      unpin();
    }
  }

  #fileOf(number: number): Promise<DiskFile> {
    const segment = this.#segments.get(number) as Segment;
    const file = this.#open.get(number) ?? this.#disk.open(nameOf(segment));
    this.#open.delete(number);
    this.#open.set(number, file);
    file.catch(() => this.#open.delete(number));
    for (const other of this.#open.keys()) {
      if (this.#open.size <= maxOpen) break;
      if (!this.#pins.has(other)) void this.close(other);
    }
    return file;
  }

  async close(number: number): Promise<void> {
    const file = this.#open.get(number);
    this.#open.delete(number);
    // What was only read is not harmed by a close that fails.
    await file?.then((opened) => opened.close()).catch(() => {});
  }

  async closeAll(): Promise<void> {
    this.setActive(undefined);
    await Promise.all([...this.#open.keys()].map((number) => this.close(number)));
  }
}

/** Bodies in the order in which they are asked for, read many at a time where they lie close together. */
export class BodyReader {
  readonly #files: Files;
  #segment = 0;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(files: Files) {
    this.#files = files;
  }

  /** `aheadBytes`: how much from there on is wanted in all. */
  async read(place: Place, size: number, aheadBytes: number): Promise<Uint8Array> {
    const [segment, position] = [segmentOf(place), positionOf(place)];
    if (segment !== this.#segment || position < this.#start || position + size > this.#start + this.#bytes.length) {
      this.#bytes = await this.#files.read(segment, position, Math.max(size, Math.min(aheadBytes, windowBytes)));
      this.#segment = segment;
      this.#start = position;
    }
    const at = position - this.#start;
    return this.#bytes.subarray(at, at + size);
  }
}
