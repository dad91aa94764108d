/** What the tests of the SQLite storage share: the drivers of this machine, a database that fails when told to, a world for the contract. */
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type SqliteOptions, sqlite } from "../../../adapters/storage/sqlite.ts";
import { openDatabase, type SqliteDatabase, type SqliteDriver } from "../../../adapters/storage/sqlite-driver.ts";
import { type Env, realEnv } from "../../../src/core/env.ts";
import type { LogWorld } from "../../../src/testing/contracts/log-world.ts";
import {
  type Durability,
  defaultRetention,
  type Log,
  type LogRecord,
  type OpenLog,
  type Retention,
} from "../../../src/topic/log.ts";
import { createVirtualEnv, type VirtualEnv } from "../../support/virtual-env.ts";

const require = createRequire(import.meta.url);
const isHere = (name: SqliteDriver): boolean => {
  try {
    require(name);
    return true;
  } catch {
    return false;
  }
};

/** Those that this machine has; CI has better-sqlite3 at least. */
export const drivers = (["better-sqlite3", "node:sqlite"] as const).filter(isHere);
export const absent = (["better-sqlite3", "node:sqlite"] as const).filter((name) => !drivers.includes(name));

/** A path in a folder that is removed when the test is over. */
export function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "sente-sqlite-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "topics.db");
}

export interface FaultyDatabase extends SqliteDatabase {
  /** Statements executed by themselves, transactions foremost. */
  readonly executed: string[];
  /** Throws this instead of executing that statement, as long as it is set. */
  failing: { readonly sql: string; readonly error: Error } | undefined;
}

export function faultyDatabase(path: string, driver: SqliteDriver): FaultyDatabase {
  const db = openDatabase(path, driver);
  let isOpen = true;
  const faulty: FaultyDatabase = {
    executed: [],
    failing: undefined,
    exec(sql) {
      if (faulty.failing?.sql === sql) throw faulty.failing.error;
      faulty.executed.push(sql);
      return db.exec(sql);
    },
    prepare: (sql) => db.prepare(sql),
    close() {
      if (isOpen) db.close();
      isOpen = false;
    },
  };
  return faulty;
}

export interface Reports {
  readonly errors: unknown[];
}

export async function openLog(
  source: string | SqliteDatabase,
  options: SqliteOptions = {},
  env: Env = realEnv,
  reports: Reports = { errors: [] },
): Promise<Log> {
  return sqlite(source, options).open({ env, report: (error) => void reports.errors.push(error) });
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const record = (text: string, atMs = 0): LogRecord => ({ entry: bytes(text), atMs });
export const words = (records: readonly LogRecord[]): string[] => records.map(({ entry }) => new TextDecoder().decode(entry));
export const everything = { maxEntries: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY };

export const openTopic = async (
  log: Log,
  name = "a",
  durability: Durability = "strict",
  retention: Partial<Retention> = {},
): Promise<OpenLog> => log.open(name, { durability, retention: { ...defaultRetention, ...retention } });

/** Appends behind what was appended so far. */
export const append = (log: OpenLog, ...texts: string[]): ReturnType<OpenLog["append"]> =>
  log.append(
    texts.map((text) => record(text)),
    { epoch: log.position.epoch, offset: log.decided },
  );

/** A log whose process can end, or die, and whose commits can fail; time passes only when it is told to. */
export async function createWorld(path: string, driver: SqliteDriver, env: VirtualEnv = createVirtualEnv()): Promise<LogWorld> {
  const db = faultyDatabase(path, driver);
  const log = await openLog(db, {}, env);
  const close = async (): Promise<void> => {
    await log.close();
    db.close();
  };
  return {
    log,
    nowMs: env.nowMs,
    advance: env.advance,
    async restart() {
      await close();
      return createWorld(path, driver, env);
    },
    async kill() {
      db.close();
      return createWorld(path, driver, env);
    },
    setFailing(isFailing) {
      db.failing = isFailing ? { sql: "COMMIT", error: new Error("The disk fails.") } : undefined;
    },
    dispose: close,
  };
}
