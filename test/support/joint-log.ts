/**
 * A strict log that appends to several topics at once, for batches: it answers at once, or when the test says so, and fails when told to.
 * What was stored outlives the server that wrote it.
 */
import { virtualClock } from "sente-sync/testing";
import type { SyncError } from "../../src/core/errors.ts";
import type { AppendPart, AppendResult, Log, OpenLog, Storage } from "../../src/topic/log.ts";
import { createMemoryLog } from "../../src/topic/memory-log.ts";

export interface JointStorage extends Storage {
  /** Appends fail with it. */
  fault: SyncError | undefined;
  /** Appends wait for `release`. */
  hold: boolean;
  release(): void;
  /** How many topics each append was to. */
  readonly appends: readonly number[];
}

/** What is decided is counted here, what is stored is in `inner`. */
class JointTopic {
  readonly durability = "strict";
  readonly inner: OpenLog;
  readonly host: { fault: SyncError | undefined; append(parts: readonly AppendPart[]): Promise<AppendResult> };
  decided: number;

  constructor(inner: OpenLog, host: JointTopic["host"]) {
    this.inner = inner;
    this.host = host;
    this.decided = inner.position.offset;
  }
  get fault(): SyncError | undefined {
    return this.host.fault;
  }
  get position(): OpenLog["position"] {
    return this.inner.position;
  }
  get first(): number {
    return this.inner.first;
  }
  append: OpenLog["append"] = (records, expect) => this.host.append([{ log: this, records, expect }]);
  read: OpenLog["read"] = async (from, limit) => this.inner.read(from, limit);
  onRecords: OpenLog["onRecords"] = (listener) => this.inner.onRecords(listener);
  loadSnapshot: OpenLog["loadSnapshot"] = async () => this.inner.loadSnapshot();
  saveSnapshot: OpenLog["saveSnapshot"] = async (snapshot) => this.inner.saveSnapshot(snapshot);
  trim: OpenLog["trim"] = (before) => this.inner.trim(before);
  close(): void {}
}

export function jointStorage(): JointStorage {
  const memory = createMemoryLog(virtualClock({ seed: 9 }).envFor("disk"));
  const appends: number[] = [];
  let waiting: (() => void)[] = [];

  const answer = (parts: readonly AppendPart[]): AppendResult => {
    const topics = parts.map(({ log }) => log as JointTopic);
    if (storage.fault) {
      for (const topic of topics) topic.decided = topic.position.offset;
      return "read-only";
    }
    const inner = parts.map(({ records }, index) => {
      const { inner: log } = topics[index] as JointTopic;
      return { log, records, expect: log.position };
    });
    return memory.appendAll?.(inner) as AppendResult;
  };
  const append = (parts: readonly AppendPart[]): Promise<AppendResult> => {
    if (storage.fault) return Promise.resolve("read-only");
    appends.push(parts.length);
    for (const { log, records } of parts) (log as JointTopic).decided += records.length;
    return new Promise((resolve) => {
      const settle = (): void => resolve(answer(parts));
      if (storage.hold) waiting.push(settle);
      else queueMicrotask(settle);
    });
  };

  const storage: JointStorage = {
    name: "joint",
    fault: undefined,
    hold: false,
    appends,
    release() {
      const due = waiting;
      waiting = [];
      for (const run of due) run();
    },
    async open() {
      const opened = new Map<string, JointTopic>();
      const host: JointTopic["host"] = {
        append,
        get fault() {
          return storage.fault;
        },
      };
      const log: Log = {
        ...memory,
        features: { atomicTopics: true, durability: "strict" },
        async open(name, options) {
          const topic = opened.get(name) ?? new JointTopic(await memory.open(name, options), host);
          opened.set(name, topic);
          return topic;
        },
        appendAll: append,
        close() {},
      };
      return log;
    },
  };
  return storage;
}
