/**
 * A strict log that stores when the test says so: `store()` is the disk's answer, `fail()` its refusal. What was stored outlives
 * the server that wrote it.
 */
import type { Env } from "../../src/core/env.ts";
import { SyncError } from "../../src/core/errors.ts";
import type { AppendResult, Log, LogOptions, LogRecord, OpenLog, Position, Storage } from "../../src/topic/log.ts";
import { createMemoryLog } from "../../src/topic/memory-log.ts";

interface Waiting {
  readonly log: HandTopic;
  readonly records: readonly LogRecord[];
  settle(result: AppendResult): void;
}

interface Host {
  readonly waiting: Waiting[];
  fault: SyncError | undefined;
  auto: boolean;
  unreadable: number;
}

export interface HandStorage extends Storage {
  /** Stores what waits, or the first so many appends. */
  store(count?: number): Promise<void>;
  /** Refuses what waits, all or behind the first so many appends; nothing can be appended until `heal`. */
  fail(behind?: number): Promise<void>;
  heal(): void;
  /** So often nothing can be read. */
  unreadable: number;
  readonly waiting: number;
  /** Stores at once from now on. */
  auto: boolean;
}

class HandTopic implements OpenLog {
  readonly durability = "strict";
  readonly inner: OpenLog;
  readonly host: Host;
  decided: number;

  constructor(inner: OpenLog, host: Host) {
    this.inner = inner;
    this.host = host;
    this.decided = inner.position.offset;
  }
  get position(): Position {
    return this.inner.position;
  }
  get first(): number {
    return this.inner.first;
  }
  get fault(): SyncError | undefined {
    return this.host.fault;
  }
  append(records: readonly LogRecord[], expect: Position): Promise<AppendResult> {
    if (expect.offset !== this.decided || expect.epoch !== this.position.epoch) return Promise.resolve("conflict");
    if (this.host.fault) return Promise.resolve("read-only");
    this.decided += records.length;
    const stored = new Promise<AppendResult>((settle) => this.host.waiting.push({ log: this, records, settle }));
    if (this.host.auto) queueMicrotask(() => storeNext(this.host));
    return stored;
  }
  read: OpenLog["read"] = async (from, limit) => this.inner.read(from, limit);
  onRecords: OpenLog["onRecords"] = (listener) => this.inner.onRecords(listener);
  loadSnapshot: OpenLog["loadSnapshot"] = async () => {
    if (this.host.unreadable-- > 0) throw new SyncError("read-only", "The disk does not give what is stored.");
    return this.inner.loadSnapshot();
  };
  saveSnapshot: OpenLog["saveSnapshot"] = async (snapshot) => this.inner.saveSnapshot(snapshot);
  trim: OpenLog["trim"] = (before) => this.inner.trim(before);
  close(): void {}
}

function storeNext(host: { waiting: Waiting[] }): void {
  const next = host.waiting.shift();
  if (!next) return;
  void next.log.inner.append(next.records, next.log.inner.position);
  next.settle("stored");
}

export function handStorage(env: Env): HandStorage {
  const memory = createMemoryLog(env);
  let host: Host = { waiting: [], fault: undefined, auto: false, unreadable: 0 };
  let opened = new Map<string, HandTopic>();
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    name: "hand",
    get waiting() {
      return host.waiting.length;
    },
    get auto() {
      return host.auto;
    },
    set auto(auto) {
      host.auto = auto;
    },
    get unreadable() {
      return host.unreadable;
    },
    set unreadable(unreadable) {
      host.unreadable = unreadable;
    },
    async open() {
      // A new life: what waited is gone.
      host = { waiting: [], fault: undefined, auto: host.auto, unreadable: 0 };
      opened = new Map();
      const log: Log = {
        ...memory,
        features: { atomicTopics: false, durability: "strict" },
        async open(topic: string, options: LogOptions) {
          const known = opened.get(topic) ?? new HandTopic(await memory.open(topic, options), host);
          opened.set(topic, known);
          return known;
        },
        delete(topic) {
          opened.delete(topic);
          return memory.delete(topic);
        },
        close() {},
      };
      return log;
    },
    async store(count = host.waiting.length) {
      for (let i = 0; i < count; i++) storeNext(host);
      await turn();
    },
    async fail(behind = 0) {
      host.fault = new SyncError("read-only", "The disk is full.");
      for (const { log, records, settle } of host.waiting.splice(behind).reverse()) {
        log.decided -= records.length;
        settle("read-only");
      }
      await turn();
    },
    heal() {
      host.fault = undefined;
    },
  };
}
