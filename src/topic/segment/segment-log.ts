/**
 * The durable log: one write-ahead log of segment files for all topics, with an index in memory of where each has its records.
 *
 * Always: what log.ts says; topics that are not open cost a few hundred bytes of memory each, and no file stays open for them.
 * Rules: docs/protocol/storage.md LOG1-LOG16, SEG1-SEG11.
 */
import { type Env, randomHex } from "../../core/env.ts";
import { SyncError } from "../../core/errors.ts";
import type { Disk } from "../disk.ts";
import type { AppendPart, AppendResult, Log, LogOptions } from "../log.ts";
import { Catalog, nameOf, type Segment, Topic } from "./catalog.ts";
import { Compactor, keepValue } from "./compactor.ts";
import { Files } from "./files.ts";
import { writeIndex } from "./index-file.ts";
import { appendAll, OpenTopic, unreadable } from "./open-topic.ts";
import type { LogParts } from "./parts.ts";
import { examine } from "./repair.ts";
import { type Replayed, replay } from "./replay.ts";
import { type Part, Writer } from "./writer.ts";

export interface SegmentOptions {
  /** A segment that is at least so large is followed by another. Default 16 MiB. */
  readonly segmentBytes?: number | undefined;
  /** Within what time `relaxed` appends are synced. Default 50. */
  readonly relaxedWindowMs?: number | undefined;
  /** What one append takes at most. Default 8 MiB. */
  readonly maxAppendBytes?: number | undefined;
  /** What waits for the disk at most; beyond it appends are refused with `backpressure`. Default 64 MiB. */
  readonly maxPendingBytes?: number | undefined;
}

export interface SegmentStats {
  readonly segments: number;
  readonly openFiles: number;
  readonly topics: number;
  readonly openTopics: number;
  /** What is needed of what is stored. */
  readonly liveBytes: number;
  /** What waits for the disk. */
  readonly pendingBytes: number;
}

export interface SegmentLog extends Log {
  stats(): SegmentStats;
}

export interface SegmentHost {
  readonly env: Env;
  readonly disk: Disk;
  report(error: unknown, where: string): void;
}

const epochBytes = 6;
const maxValueBytes = 1 << 16;
const declareBytes = 64;

/** Opens the log in that folder; rejects with SyncError where another process has it, or the disk fails. */
export async function openSegmentLog(host: SegmentHost, options: SegmentOptions = {}): Promise<SegmentLog> {
  const unlock = await host.disk.lock();
  try {
    const catalog = new Catalog();
    const replayed = await replay(host.disk, catalog);
    for (const [number, end] of replayed.unstated) await storeAgain(host.disk, catalog.segments.get(number) as Segment, end);
    const log = new OpenSegmentLog(host, options, catalog, replayed, unlock);
    await log.start(replayed);
    return log;
  } catch (error) {
    await unlock().catch(() => {});
    if (error instanceof SyncError) throw error;
    throw new SyncError("read-only", "The log cannot be opened: its disk fails.", { cause: error });
  }
}

/** What was read may be in the system's cache and nowhere else, also behind a sync that failed; before it counts it is stored. */
async function storeAgain(disk: Disk, segment: Segment, end: number): Promise<void> {
  const file = await disk.open(nameOf(segment));
  try {
    if (end > 0) await file.write(0, [await file.read(0, end)]);
    await file.sync();
  } finally {
    await file.close();
  }
}

interface Opened {
  opens: number;
  readonly ready: Promise<OpenTopic>;
}

class OpenSegmentLog implements SegmentLog {
  readonly features = { atomicTopics: true, durability: "strict" } as const;
  readonly #host: SegmentHost;
  readonly #parts: LogParts;
  readonly #compactor: Compactor;
  readonly #unlock: () => Promise<void>;
  readonly #opened = new Map<string, Opened>();
  readonly #deleting = new Map<string, Promise<void>>();
  #isClosed = false;

  constructor(host: SegmentHost, options: SegmentOptions, catalog: Catalog, replayed: Replayed, unlock: () => Promise<void>) {
    const { env, disk } = host;
    const { segmentBytes = 1 << 24, relaxedWindowMs = 50, maxAppendBytes = 1 << 23, maxPendingBytes = 1 << 26 } = options;
    const report = host.report.bind(host);
    const files = new Files(disk, catalog.segments);
    const generation = (replayed.isClean ? replayed.generation : undefined) ?? randomHex(env, epochBytes);
    const onStored = (): void => this.#compactor.poke();
    const writer = new Writer(
      { env, disk, catalog, files, generation, report, onStored },
      { segmentBytes, relaxedWindowMs, maxPendingBytes },
      replayed.unstated,
    );
    this.#host = host;
    this.#unlock = unlock;
    const newEpoch = (): string => randomHex(env, epochBytes);
    this.#parts = { env, catalog, files, writer, generation, maxAppendBytes, newEpoch, report };
    this.#compactor = new Compactor({ disk, catalog, files, writer, segmentBytes, report });
  }

  async start({ damaged, suspects, scanned }: Replayed): Promise<void> {
    const { writer } = this.#parts;
    await writer.start();
    for (const name of damaged) this.#host.report(new SyncError("damaged", `Parts of ${name} cannot be read.`), name);
    for (let i = 0; i < suspects.length; i += 1000) await this.#renew(suspects.slice(i, i + 1000));
    for (const { segment, tables } of scanned) await writeIndex(this.#host.disk, segment, tables).catch(() => {});
    this.#compactor.poke();
  }

  /** What was lost may have been the last records of these: whoever saw those must not take later ones for them. */
  async #renew(suspects: readonly Topic[]): Promise<void> {
    const { writer, newEpoch, report } = this.#parts;
    const renew = (topic: Topic): Part => {
      const epoch = newEpoch();
      return {
        order: topic.id,
        encode(batch) {
          batch.declare(topic, { epoch });
          batch.whenStored(() => void (topic.epoch = epoch));
        },
      };
    };
    await writer.store(suspects.length * declareBytes, ...suspects.map(renew));
    const error = new SyncError("damaged", "Its last records may be lost, with a batch that cannot be read.");
    for (const topic of suspects) report(error, topic.name ?? "");
  }

  async open(name: string, options: LogOptions): Promise<OpenTopic> {
    this.#check();
    if (options.durability === "memory") throw new SyncError("invalid", "What is kept in memory belongs in a memory log.");
    await this.#deleting.get(name)?.catch(() => {});
    let opened = this.#opened.get(name);
    if (!opened) {
      opened = { opens: 0, ready: this.#openTopic(name, options) };
      this.#opened.set(name, opened);
    }
    opened.opens++;
    try {
      return await opened.ready;
    } catch (error) {
      if (this.#opened.get(name) === opened) this.#opened.delete(name);
      throw unreadable(error);
    }
  }

  async #openTopic(name: string, options: LogOptions): Promise<OpenTopic> {
    const { catalog, newEpoch } = this.#parts;
    let topic = catalog.byName.get(name);
    if (!topic) {
      topic = new Topic(catalog.nextId++, name, newEpoch());
      catalog.add(topic);
    }
    const found = await examine(this.#parts, topic);
    return new OpenTopic(this.#parts, found.topic, found.kept, options, () => this.#closeTopic(name));
  }

  async #closeTopic(name: string): Promise<void> {
    const opened = this.#opened.get(name);
    if (!opened || opened.opens === 0) return;
    opened.opens--;
    if (opened.opens > 0) return;
    const handle = await opened.ready;
    handle.forgetListeners();
    await this.#parts.writer.settled();
    if (opened.opens > 0 || this.#opened.get(name) !== opened) return;
    this.#opened.delete(name);
    if (handle.topic.declaredIn === 0) this.#parts.catalog.remove(handle.topic);
  }

  appendAll(parts: readonly AppendPart[]): AppendResult | Promise<AppendResult> {
    return appendAll(this.#parts, parts);
  }

  delete(name: string): Promise<void> {
    this.#check();
    const deleting = (this.#deleting.get(name) ?? this.#delete(name)).finally(() => this.#deleting.delete(name));
    this.#deleting.set(name, deleting);
    return deleting;
  }

  async #delete(name: string): Promise<void> {
    const { catalog, writer } = this.#parts;
    const opened = this.#opened.get(name);
    const handle = await opened?.ready;
    const topic = handle?.topic ?? catalog.byName.get(name);
    if (!topic) return;
    if (handle) handle.isGone = true;
    try {
      await writer.store(declareBytes, {
        order: topic.id,
        encode(batch) {
          const segment = batch.segment;
          batch.item({ kind: "delete", id: topic.id, born: segment });
          batch.whenStored(() => catalog.remove(topic, { segment, born: segment }));
        },
      });
    } catch (error) {
      if (handle) handle.isGone = false;
      throw error;
    }
    if (this.#opened.get(name) === opened) this.#opened.delete(name);
  }

  list(prefix: string): string[] {
    const names: string[] = [];
    for (const [name, { declaredIn }] of this.#parts.catalog.byName) {
      if (declaredIn > 0 && name.startsWith(prefix)) names.push(name);
    }
    return names.sort();
  }

  async keep(key: string, value: Uint8Array): Promise<void> {
    this.#check();
    if (value.length > maxValueBytes)
      throw new SyncError("too-large", `A value that is kept has at most ${maxValueBytes} bytes.`);
    const { writer, catalog } = this.#parts;
    await writer.store(value.length + declareBytes, keepValue(key, value.slice(), catalog));
  }

  kept(key: string): Uint8Array | undefined {
    return this.#parts.catalog.values.get(key)?.value;
  }

  stats(): SegmentStats {
    const { catalog, files, writer } = this.#parts;
    return {
      segments: catalog.segments.size,
      openFiles: files.openFiles,
      topics: catalog.byName.size,
      openTopics: this.#opened.size,
      liveBytes: catalog.live,
      pendingBytes: writer.pendingBytes,
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#compactor.stop();
    await this.#parts.writer.close({ order: 0, encode: (batch) => batch.item({ kind: "clean" }) });
    await this.#parts.files.closeAll();
    await this.#unlock();
  }

  #check(): void {
    if (this.#isClosed) throw new SyncError("closed", "The log is closed.");
  }
}
