/**
 * SQLite as two packages offer it, seen as one: `better-sqlite3` (12, and 13 where Node is new enough) and `node:sqlite`.
 *
 * Always: neither is loaded before a path is to be opened; one that cannot be used is refused by a SyncError that says what to
 * install; an error of either has the code of SQLite's own name.
 */
import { createRequire } from "node:module";
import process from "node:process";
import { SyncError } from "sente-sync";

export type SqliteValue = number | string | Uint8Array | null;

export interface SqliteStatement {
  run(...values: SqliteValue[]): { readonly lastInsertRowid: number | bigint };
  get(...values: SqliteValue[]): unknown;
  iterate(...values: SqliteValue[]): Iterable<unknown>;
}

/** What is used of a `Database` of better-sqlite3 or a `DatabaseSync` of node:sqlite: one of them may be handed over. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): unknown;
}

export type SqliteDriver = "better-sqlite3" | "node:sqlite";

/** Where packages come from; a test has others. */
export interface SqliteModules {
  require(name: string): unknown;
  /** The version of Node-API, as `process.versions.napi`. */
  readonly napi: string | undefined;
}

const platform: SqliteModules = { require: createRequire(import.meta.url), napi: process.versions["napi"] };

type Constructor<Options> = new (path: string, options: Options) => SqliteDatabase;

const open: Record<SqliteDriver, (path: string, modules: SqliteModules) => SqliteDatabase> = {
  "better-sqlite3"(path, { require, napi }) {
    const { version } = require("better-sqlite3/package.json") as { version: string };
    // Loading the newer one with an older Node ends the process.
    if (Number.parseInt(version, 10) >= 13 && Number(napi) < 10) {
      throw new SyncError("unsupported", `better-sqlite3 ${version} needs Node-API 10 (Node 22.14): take better-sqlite3 12.`);
    }
    const Database = require("better-sqlite3") as Constructor<{ timeout: number }>;
    return new Database(path, { timeout: 0 });
  },
  "node:sqlite"(path, { require }) {
    const { DatabaseSync } = require("node:sqlite") as { DatabaseSync: Constructor<object> };
    return new DatabaseSync(path, {});
  },
};

/** Opens the file, created if it is not there, by that driver, or by the first that can be used. */
export function openDatabase(path: string, driver?: SqliteDriver, modules: SqliteModules = platform): SqliteDatabase {
  const refusals: string[] = [];
  for (const name of driver ? [driver] : (Object.keys(open) as SqliteDriver[])) {
    try {
      return open[name](path, modules);
    } catch (error) {
      const { message } = error as Error;
      // The package is there and works, but not with this file.
      if (codeOf(error) !== undefined || error instanceof TypeError) {
        throw new SyncError("invalid", `The database ${path} cannot be opened: ${message}`, { cause: error });
      }
      refusals.push(error instanceof SyncError ? message : `${name}: ${message.split("\n")[0]}`);
    }
  }
  throw new SyncError("unsupported", `No SQLite: install better-sqlite3, or use Node 22.13 or newer. ${refusals.join(" ")}`);
}

const names: Partial<Record<number, string>> = {
  5: "SQLITE_BUSY",
  6: "SQLITE_LOCKED",
  8: "SQLITE_READONLY",
  10: "SQLITE_IOERR",
  11: "SQLITE_CORRUPT",
  13: "SQLITE_FULL",
  14: "SQLITE_CANTOPEN",
  26: "SQLITE_NOTADB",
};

/** `SQLITE_FULL`, `SQLITE_IOERR_FSYNC`, …; undefined for an error that is not SQLite's. */
export function codeOf(error: unknown): string | undefined {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  if (typeof code === "string" && code.startsWith("SQLITE_")) return code;
  return typeof errcode === "number" ? (names[errcode & 255] ?? `SQLITE_${errcode}`) : undefined;
}
