/**
 * The one writer: what is asked for while a sync is under way goes into the next batch, one write and one sync for each. A write or
 * sync that fails ends the segment at the last batch that was synced; another is begun, as soon as the disk can, that says so.
 *
 * Always: writes are stored in the order they were asked for; a write is refused only once it is certain that it will not turn up;
 * one that was answered before (`owed`) is not refused but written again; nothing is read or synced of a file whose sync failed
 * but what was synced before.
 * Rules: docs/protocol/storage.md SEG4, SEG10, SEG11.
 */
import type { Env, Timer } from "../../core/env.ts";
import { SyncError } from "../../core/errors.ts";
import type { Disk, DiskFile } from "../disk.ts";
import { Batch } from "./batch.ts";
import { type Catalog, nameOf, newSegment, type Segment } from "./catalog.ts";
import type { Files } from "./files.ts";
import { saltBytes } from "./frame.ts";
import { type TableAt, writeIndex } from "./index-file.ts";

/** One thing to do; things of the same `order` keep theirs within a batch. */
export interface Part {
  readonly order: number;
  encode(batch: Batch): void;
}

export interface Write {
  readonly parts: readonly Part[];
  /** About how much it adds to a batch. */
  readonly bytes: number;
  /** Its caller was answered already. */
  readonly owed: boolean;
  stored(): void;
  /** `read-only`: it will never turn up. `closed`: whether it will is unknown. */
  refused(error: SyncError): void;
}

export interface WriterOptions {
  readonly segmentBytes: number;
  readonly relaxedWindowMs: number;
  readonly maxPendingBytes: number;
}

export interface WriterHost {
  readonly env: Env;
  readonly disk: Disk;
  readonly catalog: Catalog;
  readonly files: Files;
  readonly generation: string;
  report(error: unknown, where: string): void;
  /** After each batch. */
  onStored(): void;
}

const maxBatchBytes = 1 << 20;
const maxAheadBytes = 1 << 18;
const firstRetryMs = 100;
const maxRetryMs = 5000;

export class Writer {
  fault: SyncError | undefined;
  pendingBytes = 0;
  readonly #host: WriterHost;
  readonly #options: WriterOptions;
  readonly #batch: Batch;
  #queue: Write[] = [];
  #segment: Segment | undefined;
  #file: DiskFile | undefined;
  #tables: TableAt[] = [];
  /** Written ahead, as zeros: to sync what lies within costs half of what it costs to sync a file that grows. */
  readonly #zeros: Uint8Array;
  #allocated = 0;
  /** Ends that no segment states yet. */
  readonly #unstated: Map<number, number>;
  #lastNumber: number;
  #isRunning = false;
  #isClosed = false;
  #windowTimer: Timer | undefined;
  /** Since when something that is owed waits, at the earliest. */
  #owedSinceMs: number | undefined;
  #retry: { readonly timer: Timer; readonly wake: () => void } | undefined;
  #idle: (() => void)[] = [];

  constructor(host: WriterHost, options: WriterOptions, unstated: ReadonlyMap<number, number>) {
    this.#host = host;
    this.#options = options;
    this.#batch = new Batch(host.catalog);
    this.#zeros = new Uint8Array(Math.min(maxAheadBytes, options.segmentBytes >> 3));
    this.#unstated = new Map(unstated);
    this.#lastNumber = Math.max(0, ...host.catalog.segments.keys());
  }

  /** Begins a segment of its own, so that none of an earlier life is ever written to again. */
  start(): Promise<void> {
    return this.#begin();
  }

  /** Throws SyncError `backpressure` where too much waits already, `closed` where nothing is taken any more. */
  admit(bytes: number): void {
    if (this.#isClosed) throw closed();
    if (this.pendingBytes === 0 || this.pendingBytes + bytes <= this.#options.maxPendingBytes) return;
    throw new SyncError("backpressure", "More waits for the disk than maxPendingBytes allows; append again later.");
  }

  /** What is owed waits for longer than it may: the disk does not keep up. */
  get isLate(): boolean {
    const { env } = this.#host;
    return this.#owedSinceMs !== undefined && env.monotonicMs() - this.#owedSinceMs > this.#options.relaxedWindowMs;
  }

  add(write: Write): void {
    this.#queue.push(write);
    this.pendingBytes += write.bytes;
    if (write.owed) this.#owedSinceMs ??= this.#host.env.monotonicMs();
    if (!write.owed) this.#run();
    else this.#windowTimer ??= this.#host.env.setTimer(() => this.#run(), this.#options.relaxedWindowMs / 2);
  }

  /** Adds one that is not owed; resolves when it is stored, rejects where it is refused. */
  store(bytes: number, ...parts: readonly Part[]): Promise<void> {
    if (this.fault || this.#isClosed) return Promise.reject(this.fault ?? closed());
    return new Promise((stored, refused) => this.add({ parts, bytes, owed: false, stored, refused }));
  }

  /** Resolves when nothing waits. */
  async settled(): Promise<void> {
    if (this.#queue.length && !this.#isRunning) this.#run();
    if (this.#isRunning) await new Promise<void>((wake) => this.#idle.push(wake));
  }

  /** Stores what waits, with `last` behind it, where the disk can; refuses the rest. */
  async close(last: Part): Promise<void> {
    this.#isClosed = true;
    this.#stopRetry();
    await this.settled();
    if (this.fault) return;
    this.add({ parts: [last], bytes: 0, owed: false, stored() {}, refused() {} });
    await this.settled();
  }

  #run(): void {
    this.#clearWindow();
    if (this.#isRunning) return;
    this.#isRunning = true;
    // What the same piece of code still appends goes into the same batch.
    void Promise.resolve().then(async () => {
      while (this.#queue.length) await this.#next();
      this.#isRunning = false;
      for (const wake of this.#idle.splice(0)) wake();
    });
  }

  #clearWindow(): void {
    if (this.#windowTimer !== undefined) this.#host.env.clearTimer(this.#windowTimer);
    this.#windowTimer = undefined;
  }

  async #next(): Promise<void> {
    const takenMs = this.#host.env.monotonicMs();
    const writes = this.#take();
    try {
      if ((this.#segment as Segment).end >= this.#options.segmentBytes) await this.#roll();
      await this.#storeAll(writes);
    } catch (error) {
      await this.#recover(writes, error);
      return;
    }
    this.#owedSinceMs = this.#queue.some(({ owed }) => owed) ? takenMs : undefined;
    for (const write of writes) {
      this.pendingBytes -= write.bytes;
      write.stored();
    }
    this.#host.onStored();
  }

  #take(): Write[] {
    let count = 0;
    for (let bytes = 0; count < this.#queue.length && (count === 0 || bytes < maxBatchBytes); count++) {
      bytes += (this.#queue[count] as Write).bytes;
    }
    return count === this.#queue.length ? this.#queue.splice(0) : this.#queue.splice(0, count);
  }

  async #storeAll(writes: readonly Write[]): Promise<void> {
    const segment = this.#segment as Segment;
    const file = this.#file as DiskFile;
    const parts: Part[] = [];
    let isInOrder = true;
    for (const write of writes) {
      for (const part of write.parts) {
        isInOrder &&= part.order >= (parts.at(-1)?.order ?? 0);
        parts.push(part);
      }
    }
    // Records of one topic come together in a block; between topics of one batch no order can be seen.
    if (!isInOrder) parts.sort((a, b) => a.order - b.order);
    this.#batch.begin(segment);
    for (const part of parts) part.encode(this.#batch);
    await this.#put(segment, file);
  }

  /** Writes and syncs the batch, and makes it true. */
  async #put(segment: Segment, file: DiskFile): Promise<void> {
    const { pieces, table, size } = this.#batch.finish(segment.end);
    const end = segment.end + size;
    if (end > this.#allocated) {
      const ahead = this.#zeros.subarray(0, Math.max(0, this.#options.segmentBytes - end));
      pieces.push(ahead);
      this.#allocated = end + ahead.length;
    }
    await file.write(segment.end, pieces);
    await file.sync();
    this.#tables.push({ position: segment.end, table });
    segment.end = end;
    this.#batch.commit();
  }

  async #roll(): Promise<void> {
    const [segment, tables] = [this.#segment as Segment, this.#tables];
    this.#seal(segment);
    await this.#begin();
    // Without it the next start scans the segment.
    await writeIndex(this.#host.disk, segment, tables).catch(() => {});
  }

  #seal(segment: Segment): void {
    if (segment.isSealed) return;
    this.#unstated.set(segment.number, segment.end);
    this.#host.catalog.seal(segment);
  }

  /** Begins the next segment, which says where those before it end. */
  async #begin(): Promise<void> {
    const { disk, catalog, env, generation, files } = this.#host;
    const segment = newSegment(++this.#lastNumber, env.randomBytes(saltBytes));
    catalog.segments.set(segment.number, segment);
    let file: DiskFile | undefined;
    const before = this.#tables;
    try {
      file = await disk.open(nameOf(segment), true);
      await disk.syncNames();
      this.#batch.begin(segment);
      this.#batch.item({ kind: "life", generation });
      for (const [number, position] of this.#unstated) {
        this.#batch.item({ kind: "end", segment: number, position });
        this.#batch.whenStored(() => catalog.setEnd(number, position, segment.number));
      }
      this.#tables = [];
      this.#allocated = 0;
      await this.#put(segment, file);
    } catch (error) {
      this.#tables = before;
      this.#seal(segment);
      await file?.close().catch(() => {});
      // A full disk must not fill up with beginnings. Should it stay, or come back, it says nothing that is wrong.
      await disk.remove(nameOf(segment)).catch(() => {});
      throw error;
    }
    this.#unstated.clear();
    this.#segment = segment;
    this.#file = file;
    files.setActive({ number: segment.number, file });
  }

  /** No retry in place: what a failed sync left on the disk is unknown, also where the next one succeeds. */
  async #recover(writes: readonly Write[], cause: unknown): Promise<void> {
    const { catalog, files, report } = this.#host;
    const fault = new SyncError("read-only", `The disk does not take what is written: ${messageOf(cause)}`, { cause });
    this.fault = fault;
    report(fault, "write");
    // These were never begun.
    this.#refuse(
      this.#queue.filter((write) => !write.owed),
      fault,
    );
    this.#queue = this.#queue.filter((write) => write.owed);
    files.setActive(undefined);
    catalog.seal(this.#segment as Segment);
    if (!this.#isStated(this.#segment as Segment)) this.#unstated.set(this.#number, (this.#segment as Segment).end);
    if (!(await this.#beganAnew())) {
      this.#refuse([...writes, ...this.#queue.splice(0)], closed());
      return;
    }
    this.fault = undefined;
    this.#queue.unshift(...writes.filter((write) => write.owed));
    this.#refuse(
      writes.filter((write) => !write.owed),
      fault,
    );
  }

  get #number(): number {
    return (this.#segment as Segment).number;
  }

  #isStated({ number }: Segment): boolean {
    return this.#host.catalog.ends.has(number);
  }

  #refuse(writes: readonly Write[], error: SyncError): void {
    for (const write of writes) {
      this.pendingBytes -= write.bytes;
      write.refused(error);
    }
  }

  /** Tries until a new segment is begun; false where the log is closed meanwhile. */
  async #beganAnew(): Promise<boolean> {
    for (let delayMs = firstRetryMs; ; delayMs = Math.min(delayMs * 2, maxRetryMs)) {
      if (this.#isClosed) return false;
      await this.#wait(delayMs);
      if (this.#isClosed) return false;
      try {
        await this.#begin();
        return true;
      } catch {
        // The fault is reported already, and lasts.
      }
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((wake) => {
      this.#retry = { timer: this.#host.env.setTimer(wake, delayMs), wake };
    });
  }

  #stopRetry(): void {
    if (!this.#retry) return;
    this.#host.env.clearTimer(this.#retry.timer);
    this.#retry.wake();
  }
}

const closed = (): SyncError => new SyncError("closed", "The log is closed; whether what was on its way is stored is unknown.");

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
