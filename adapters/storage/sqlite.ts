/**
 * `sente-sync/storage/sqlite`: durable topics in an SQLite database, by `better-sqlite3` or `node:sqlite`, whichever is there.
 *
 * Always: one process has the database; what is answered is in a commit that was synced, but for `relaxed` topics, whose epoch
 * has the count of stops that were not clean in it.
 * Rules: docs/protocol/storage.md LOG1-LOG16 and src/testing/contracts/log.ts.
 */

import type { AppendPart, AppendResult, LogOptions, LogRecord, StorageHost } from "sente-sync";
import { type Log, type Storage, SyncError } from "sente-sync";
import { Commits, closed } from "./sqlite-commits.ts";
import { openDatabase, type SqliteDatabase, type SqliteDriver } from "./sqlite-driver.ts";
import { asking, openTables } from "./sqlite-tables.ts";
import { appendStep, plain, SqliteTopic, storing, type TopicHost } from "./sqlite-topic.ts";

export type { SqliteDatabase, SqliteDriver, SqliteStatement, SqliteValue } from "./sqlite-driver.ts";

export interface SqliteOptions {
  /** Default: better-sqlite3 if it is installed, else node:sqlite. */
  readonly driver?: SqliteDriver | undefined;
  /** How much of a relaxed topic a crash may lose, in time. Default 50. */
  readonly relaxedWindowMs?: number | undefined;
  /** How soon a commit is tried again after one that failed. Default 1 000. */
  readonly retryMs?: number | undefined;
}

/** Told and not yet stored: more than this is stored at the end of the turn. */
const maxWaitingBytes = 1024 * 1024;

/** Keeps topics in the database of that path, created if there is none, or in one that is open; that one its owner closes. */
export function sqlite(source: string | SqliteDatabase, options: SqliteOptions = {}): Storage {
  return {
    name: "sqlite",
    async open(host) {
      const db = typeof source === "string" ? openDatabase(source, options.driver) : source;
      try {
        return createLog(db, host, options, typeof source === "string");
      } catch (error) {
        if (typeof source === "string") db.close();
        throw error;
      }
    },
  };
}

function createLog(db: SqliteDatabase, host: StorageHost, options: SqliteOptions, isOurs: boolean): Log {
  const { relaxedWindowMs: windowMs = 50, retryMs = 1000 } = options;
  const { env } = host;
  const tables = openTables(db);
  const commits = new Commits(db, tables, host, { windowMs, retryMs });
  const topics = new Map<string, SqliteTopic>();
  let waitingBytes = 0;

  const append = (parts: readonly AppendPart[]): AppendResult | Promise<AppendResult> => {
    if (commits.isClosed) return Promise.reject(closed());
    const taken = parts.map(({ log, records, expect }) => ({ topic: log as SqliteTopic, records, expect }));
    const agrees = ({ topic, expect }: (typeof taken)[number]): boolean =>
      !topic.isGone && expect.epoch === topic.position.epoch && expect.offset === topic.decided;
    if (!taken.every(agrees)) return "conflict";
    if (commits.fault) return "read-only";
    const filled = taken.filter(({ records }) => records.length);
    if (!filled.length) return "stored";
    const waits = filled.some(({ topic }) => topic.isWaiting);
    const placed = filled.map(({ topic, records }) => ({ topic, records, first: topic.take(records.length) }));
    if (waits) {
      return new Promise((resolve, reject) => commits.add(appendStep(placed, { resolve, reject }), "turn"));
    }
    for (const { topic, first, records } of placed) {
      topic.reach(first, records, false);
      waitingBytes += sizeOf(records);
    }
    const step = appendStep(placed, undefined);
    const stored = (): void => {
      step.stored();
      for (const { records } of placed) waitingBytes -= sizeOf(records);
    };
    commits.add({ ...step, stored }, waitingBytes > maxWaitingBytes ? "turn" : "window");
    for (const { topic } of placed) topic.tell();
    return "stored";
  };

  const shared: TopicHost = {
    tables,
    commits,
    append,
    report: (error, topic) => host.report(error, topic),
    nowMs: () => env.nowMs(),
    forget(topic) {
      topic.isGone = true;
      if (topics.get(topic.name) === topic) topics.delete(topic.name);
    },
  };

  const find = (name: string, options: LogOptions): SqliteTopic => {
    if (commits.isClosed) throw closed();
    if (/\p{Surrogate}/u.test(name)) throw new SyncError("invalid", "A topic's name is no well-formed text.");
    const epoch = Buffer.from(env.randomBytes(6)).toString("hex");
    return topics.get(name) ?? asking(() => new SqliteTopic(name, options, shared, epoch));
  };

  return {
    features: { atomicTopics: true, durability: "strict" },
    open(name, options) {
      if (options.durability === "memory") throw new SyncError("invalid", "What is kept in memory belongs in a memory log.");
      const topic = find(name, options);
      topics.set(name, topic);
      topic.opens++;
      return topic;
    },
    appendAll: append,
    async delete(name) {
      const deleting = find(name, { durability: "strict", retention: unlimited }).delete();
      commits.flush();
      await deleting;
    },
    list(prefix) {
      commits.flush();
      const names: string[] = [];
      asking(() => {
        for (const row of tables.names.iterate(prefix)) {
          const { name } = row as { name: string };
          if (!name.startsWith(prefix)) break;
          names.push(name);
        }
      });
      return names.sort();
    },
    keep: (key, value) => storing(commits, () => void tables.putKept.run(key, value)),
    kept(key) {
      const row = asking(() => tables.kept.get(key)) as { value: Uint8Array } | undefined;
      return row && plain(row.value);
    },
    async close() {
      if (commits.isClosed) return;
      commits.close();
      topics.clear();
      if (isOurs) db.close();
    },
  };
}

const unlimited = {
  maxEntries: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
  maxAgeMs: Number.POSITIVE_INFINITY,
};

const sizeOf = (records: readonly LogRecord[]): number => records.reduce((sum, { entry }) => sum + entry.length, 0);
