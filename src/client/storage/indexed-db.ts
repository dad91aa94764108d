/**
 * `indexedDb()`: a client's outbox in the browser, shared by the tabs of an origin.
 *
 * A record is in the hands of the tab that holds its lock (Web Locks), which the browser gives back when the tab is gone. Where
 * there are none (pages without HTTPS), a lease in the database takes their place: it runs out `leaseMs` after its last renewal.
 * Always: a save is one transaction, and with a lease the same transaction sees that it still holds.
 * Rules: docs/protocol/writes.md KEEP1-KEEP8.
 */
import { type Env, every, randomHex } from "../../core/env.ts";
import { SyncError } from "../../core/errors.ts";
import { type ClientStorage, type OutboxOptions, outbox } from "../outbox.ts";
import type { OpenOutboxStore, OutboxRecord, OutboxStore, Row, RowChange } from "./store.ts";

export interface IndexedDbOptions extends OutboxOptions {
  /** Of the database. Default "sente-sync". */
  readonly name?: string;
  /** Where there are no Web Locks: how long after its last sign of life a tab counts as dead. Default 180 000. */
  readonly leaseMs?: number;
}

interface Lease {
  readonly holder: string;
  readonly untilMs: number;
}

/** Keeps a client's writes in the browser's database. */
export function indexedDb({ name, leaseMs, ...options }: IndexedDbOptions = {}): ClientStorage {
  return outbox(indexedDbStore(name, leaseMs), options);
}

export function indexedDbStore(name = "sente-sync", leaseMs = 180_000): OutboxStore {
  return {
    name: "indexed-db",
    async open(env) {
      const opening = indexedDB.open(name, 1);
      opening.onupgradeneeded = () => {
        opening.result.createObjectStore("rows");
        opening.result.createObjectStore("leases");
      };
      const db = await done(opening);
      // Another tab deletes it, or has a newer version.
      db.onversionchange = () => db.close();
      return createStore(db, navigator.locks ? byLock(name) : byLease(db, env, leaseMs));
    },
  };
}

/** One's hold on a record. */
interface Hold {
  /** In a transaction over `leases`, too: throws SyncError `closed` where it is lost. */
  check(transaction: IDBTransaction): Promise<void>;
  release(): void | Promise<void>;
}

/** Who may have a record: the hold, or nothing where somebody alive has it. */
type Claim = (id: string) => Promise<Hold | undefined>;

function createStore(db: IDBDatabase, claim: Claim): OpenOutboxStore {
  const records = new Set<OutboxRecord>();
  const begin = (mode: IDBTransactionMode): IDBTransaction => db.transaction(["rows", "leases"], mode, { durability: "strict" });
  const rowsOf = (id: string, from = ""): IDBKeyRange => IDBKeyRange.bound([id, from], [id, []]);

  const read = async (id: string, key?: string): Promise<Row[]> => {
    const rows = begin("readonly").objectStore("rows");
    const range = key === undefined ? rowsOf(id) : IDBKeyRange.only([id, key]);
    const [keys, values] = await Promise.all([done(rows.getAllKeys(range)), done(rows.getAll(range))]);
    return keys.map((found, at): Row => [(found as [string, string])[1], values[at] as string]);
  };
  const put = (rows: IDBObjectStore, id: string, changes: readonly RowChange[]): void => {
    for (const [key, value] of changes) {
      if (value === null) rows.delete([id, key]);
      else rows.put(value, [id, key]);
    }
  };

  const createRecord = (id: string, hold: Hold): OutboxRecord => {
    let isReleased = false;
    const change = async (run: (rows: IDBObjectStore) => void): Promise<void> => {
      if (isReleased) throw new SyncError("closed", "This record was given up.");
      const transaction = begin("readwrite");
      const ended = completed(transaction);
      try {
        await hold.check(transaction);
        run(transaction.objectStore("rows"));
        // At once: what a page that goes away did not ask for, browsers drop. They may still drop this.
        transaction.commit();
      } catch (error) {
        ended.catch(() => {});
        transaction.abort();
        throw error;
      }
      await ended;
    };
    const record: OutboxRecord = {
      load: () => read(id),
      save: (changes: readonly RowChange[]) => change((rows) => put(rows, id, changes)),
      async release() {
        if (isReleased) return;
        isReleased = true;
        records.delete(record);
        await hold.release();
      },
      async remove() {
        await change((rows) => rows.delete(rowsOf(id)));
        await record.release();
      },
    };
    records.add(record);
    return record;
  };

  return {
    async list(prefix) {
      const range = IDBKeyRange.bound([prefix], [`${prefix}\uffff`]);
      const keys = (await done(begin("readonly").objectStore("rows").getAllKeys(range))) as [string, string][];
      return [...new Set(keys.map(([id]) => id))];
    },
    async claim(id) {
      const hold = await claim(id);
      return hold && createRecord(id, hold);
    },
    read,
    async swap(id, key, value, changes) {
      const transaction = begin("readwrite");
      const ended = completed(transaction);
      const rows = transaction.objectStore("rows");
      const isSo = ((await done(rows.get([id, key]))) ?? null) === value;
      if (isSo) put(rows, id, changes);
      await ended;
      return isSo;
    },
    async close() {
      for (const record of [...records]) await record.release();
      db.close();
    },
  };
}

function byLock(name: string): Claim {
  return (id) =>
    new Promise((resolve, reject) => {
      const asked = navigator.locks.request(`sente-sync/${name}/${id}`, { ifAvailable: true }, (lock) => {
        if (!lock) return resolve(undefined);
        // The lock is held for as long as this promise is open.
        return new Promise<void>((release) => resolve({ async check() {}, release }));
      });
      asked.catch(reject);
    });
}

function byLease(db: IDBDatabase, env: Env, leaseMs: number): Claim {
  const take = async (id: string, may: (lease: Lease | undefined) => boolean, next: Lease | undefined): Promise<boolean> => {
    const transaction = db.transaction("leases", "readwrite");
    const leases = transaction.objectStore("leases");
    const isFree = may((await done(leases.get(id))) as Lease | undefined);
    if (isFree && next) leases.put(next, id);
    else if (isFree) leases.delete(id);
    await completed(transaction);
    return isFree;
  };
  return async (id) => {
    const holder = randomHex(env, 16);
    const lease = (): Lease => ({ holder, untilMs: env.nowMs() + leaseMs });
    const isOwn = (held: Lease | undefined): boolean => held?.holder === holder;
    if (!(await take(id, (held) => !held || held.untilMs < env.nowMs(), lease()))) return undefined;
    const stop = every(env, leaseMs / 3, () => void take(id, isOwn, lease()).catch(() => {}));
    return {
      async check(transaction) {
        if (isOwn((await done(transaction.objectStore("leases").get(id))) as Lease | undefined)) return;
        throw new SyncError("closed", "Another tab has taken this record over.");
      },
      async release() {
        stop();
        await take(id, isOwn, undefined);
      },
    };
  };
}

function failure(cause: DOMException | null): SyncError {
  return new SyncError("read-only", `The browser's database fails: ${cause?.message}`, { cause });
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(failure(request.error));
  });
}

function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(failure(transaction.error));
  });
}
