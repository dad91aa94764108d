/**
 * The tables of the SQLite storage and all that is ever asked of them.
 *
 *     sente_storage    one row: the format, how many stops were not clean, whether the last one was, a number that every repair changes
 *     sente_topics     a topic with something stored: its epoch, offsets of the oldest and newest record, bytes of its entries
 *     sente_records    entry and origin of a record in one row
 *     sente_snapshots  the newest snapshot of a topic
 *     sente_kept       the server's own small values
 *
 * Always: `first` is the oldest record's offset or `last` + 1; nothing is written outside a transaction.
 */
import { SyncError } from "sente-sync";
import { codeOf, type SqliteDatabase } from "./sqlite-driver.ts";

const format = 1;

const tables = `
  CREATE TABLE IF NOT EXISTS sente_storage (
    format INTEGER NOT NULL, stops INTEGER NOT NULL, clean INTEGER NOT NULL, repairs INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS sente_topics (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, epoch TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS sente_records (
    topic INTEGER NOT NULL, "offset" INTEGER NOT NULL, at_ms REAL NOT NULL, entry BLOB NOT NULL, origin BLOB,
    PRIMARY KEY (topic, "offset")) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS sente_snapshots (topic INTEGER PRIMARY KEY, "offset" INTEGER NOT NULL, state BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS sente_kept (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
`;

const statements = {
  insertTopic: "INSERT INTO sente_topics (name, epoch, first, last, bytes) VALUES (?, ?, 1, 0, 0)",
  updateTopic: "UPDATE sente_topics SET first = ?, last = ?, bytes = ? WHERE id = ?",
  topic: `SELECT id, epoch, first, last, bytes, "offset" AS snapshot
    FROM sente_topics LEFT JOIN sente_snapshots ON topic = id WHERE name = ?`,
  names: "SELECT name FROM sente_topics WHERE name >= ? ORDER BY name",
  insertRecord: 'INSERT INTO sente_records (topic, "offset", at_ms, entry, origin) VALUES (?, ?, ?, ?, ?)',
  records: `SELECT "offset", at_ms, entry, origin FROM sente_records WHERE topic = ? AND "offset" BETWEEN ? AND ? ORDER BY "offset"`,
  sizes: `SELECT "offset", at_ms, length(entry) AS bytes FROM sente_records WHERE topic = ? ORDER BY "offset"`,
  deleteRecords: 'DELETE FROM sente_records WHERE topic = ? AND "offset" < ?',
  putSnapshot: 'INSERT OR REPLACE INTO sente_snapshots (topic, "offset", state) VALUES (?, ?, ?)',
  snapshot: 'SELECT "offset", state FROM sente_snapshots WHERE topic = ?',
  deleteAllRecords: "DELETE FROM sente_records WHERE topic = ?",
  deleteSnapshot: "DELETE FROM sente_snapshots WHERE topic = ?",
  deleteTopic: "DELETE FROM sente_topics WHERE id = ?",
  putKept: "INSERT OR REPLACE INTO sente_kept (key, value) VALUES (?, ?)",
  kept: "SELECT value FROM sente_kept WHERE key = ?",
  markClean: "UPDATE sente_storage SET clean = 1",
  markRepair: "UPDATE sente_storage SET repairs = repairs + 1",
};

export type SqliteTables = Readonly<Record<keyof typeof statements, ReturnType<SqliteDatabase["prepare"]>>> & {
  /** How many stops were not clean, the last one included. */
  readonly stops: number;
};

/** Takes the database for this process alone, and makes or finds the tables. Throws SyncError. */
export function openTables(db: SqliteDatabase): SqliteTables {
  return asking(() => {
    // The lock is taken by the first read and held until the connection closes or the process dies.
    db.exec("PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE");
    const { journal_mode: mode } = db.prepare("PRAGMA journal_mode = WAL").get() as { journal_mode: string };
    if (mode !== "wal")
      throw new SyncError("invalid", "The database is not in a file, or its disk cannot keep a write-ahead log.");
    // Each commit is synced; where the system knows two kinds of sync, with the one that reaches the platter.
    db.exec("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON");
    db.exec("BEGIN IMMEDIATE");
    try {
      db.exec(tables);
      const stops = enter(db);
      db.exec("COMMIT");
      const prepared = Object.entries(statements).map(([name, sql]) => [name, db.prepare(sql)]);
      return { ...(Object.fromEntries(prepared) as Omit<SqliteTables, "stops">), stops };
    } catch (error) {
      rollback(db);
      throw error;
    }
  });
}

/** Notes that the storage is in use: unless that is taken back, the stop was not clean. */
function enter(db: SqliteDatabase): number {
  const row = db.prepare("SELECT format, stops, clean FROM sente_storage").get() as
    | { format: number; stops: number; clean: number }
    | undefined;
  if (row && row.format > format) {
    throw new SyncError("unsupported", `The database has format ${row.format}, of a newer version; this one knows ${format}.`);
  }
  if (!row) db.exec(`INSERT INTO sente_storage (format, stops, clean, repairs) VALUES (${format}, 0, 0, 0)`);
  else db.exec("UPDATE sente_storage SET stops = stops + (clean = 0), clean = 0");
  return row ? row.stops + (row.clean ? 0 : 1) : 0;
}

export function rollback(db: SqliteDatabase): void {
  try {
    db.exec("ROLLBACK");
  } catch {
    // What failed has already ended the transaction.
  }
}

/** Runs what asks the database; what it throws becomes a SyncError. */
export function asking<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof SyncError) throw error;
    const code = codeOf(error) ?? "";
    if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
      throw new SyncError("conflict", "Another process or connection has the database open.", { cause: error });
    }
    const message = `The database cannot be used: ${(error as Error).message}`;
    if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) throw new SyncError("damaged", message, { cause: error });
    throw new SyncError(/^SQLITE_(FULL|IOERR|READONLY)/.test(code) ? "read-only" : "internal", message, { cause: error });
  }
}
