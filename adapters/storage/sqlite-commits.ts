/**
 * Group commit: what one turn asks to be stored is one transaction at its end, synced once. What was answered already (`relaxed`)
 * waits for the next one, at most for its window.
 *
 * Always: a step is done when its commit is synced, and never else; a commit that fails takes back all of its steps but the
 * answered ones, which are stored with the commit that ends the fault. While a fault lasts nothing is begun but that one, tried again
 * and again; and a step whose own COMMIT failed is refused only behind it: it writes over the frames that the failed one may have left
 * in the write-ahead log, so that they cannot turn up after a crash.
 */

import type { StorageHost } from "sente-sync";
import { SyncError } from "sente-sync";
import { codeOf, type SqliteDatabase } from "./sqlite-driver.ts";
import { rollback, type SqliteTables } from "./sqlite-tables.ts";

/** Something to store. */
export interface Step {
  /** It was answered before it was stored: it is kept until it is. */
  readonly isAnswered: boolean;
  /** Says it in SQL, within the transaction. */
  write(): void;
  /** The transaction is stored: what is seen of it from now on. */
  stored(): void;
  /** All steps of the transaction were told that they are stored. */
  answer(): void;
  /** The transaction failed, and this step with it. */
  takeBack(): void;
  /** It is certain that it will never be stored. */
  refuse(fault: SyncError): void;
  /** The storage closed before that was certain. */
  abandon(error: SyncError): void;
}

/** What holds state that a transaction changes: a draft of it becomes the state, or is thrown away. */
export interface Drafted {
  /** Before COMMIT. */
  finish(): void;
  keep(): void;
  drop(): void;
}

export interface CommitOptions {
  /** How long what was answered may wait for its commit. */
  readonly windowMs: number;
  /** How long after a failed commit the next is tried. */
  readonly retryMs: number;
}

export class Commits {
  fault: SyncError | undefined;
  readonly #db: SqliteDatabase;
  readonly #tables: SqliteTables;
  readonly #host: StorageHost;
  readonly #options: CommitOptions;
  #steps: Step[] = [];
  /** Of commits that failed and may have left frames. */
  #doubtful: Step[] = [];
  readonly #drafts = new Set<Drafted>();
  #timer: ReturnType<StorageHost["env"]["setTimer"]> | undefined;
  #isTurnOn = false;
  #isClosed = false;

  constructor(db: SqliteDatabase, tables: SqliteTables, host: StorageHost, options: CommitOptions) {
    this.#db = db;
    this.#tables = tables;
    this.#host = host;
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Stores the step with the commit at the end of this turn, or within the window. */
  add(step: Step, when: "turn" | "window"): void {
    if (this.#isClosed) return step.abandon(closed());
    if (this.fault) return step.refuse(this.fault);
    this.#steps.push(step);
    if (when === "window") {
      this.#timer ??= this.#host.env.setTimer(() => this.flush(), this.#options.windowMs);
    } else if (!this.#isTurnOn) {
      this.#isTurnOn = true;
      this.#host.env.endOfTurn(() => this.flush());
    }
  }

  /** The draft becomes the state with the present transaction. */
  track(draft: Drafted): void {
    this.#drafts.add(draft);
  }

  /** Commits what there is now, unless a fault lasts. */
  flush(): void {
    if (this.fault || this.#isClosed) return;
    this.#clearTimer();
    this.#isTurnOn = false;
    if (this.#steps.length) this.#commit(() => {});
  }

  /** Commits what there is, says that the stop is clean, and answers nothing more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#clearTimer();
    this.#commit(() => {
      this.#tables.markRepair.run();
      this.#tables.markClean.run();
    });
    this.#clearTimer();
    const left = this.#steps.length;
    if (left) {
      const message = `The storage closed on a fault: ${left} relaxed appends are lost.`;
      this.#host.report(new SyncError("closed", message), "sqlite");
    }
    for (const step of this.#doubtful) step.abandon(closed());
  }

  #recover(): void {
    this.#timer = undefined;
    this.#commit(() => void this.#tables.markRepair.run());
    if (!this.fault) return;
    try {
      // Behind a full checkpoint the log is written from its beginning, which takes no more room: the next try may find enough.
      this.#db.exec("PRAGMA wal_checkpoint(PASSIVE)");
    } catch {
      // Nor is there room for that; the fault says so already.
    }
  }

  /** One transaction of all steps. A fault begins, lasts or ends with it. */
  #commit(before: () => void): void {
    const steps = this.#steps;
    this.#steps = [];
    const failure = this.#transact(before, steps);
    if (failure) return this.#failed(steps, failure);
    const doubtful = this.#doubtful;
    const { fault } = this;
    this.#doubtful = [];
    this.fault = undefined;
    for (const step of doubtful) step.refuse(fault as SyncError);
    for (const step of steps) step.stored();
    for (const step of steps) step.answer();
  }

  #transact(before: () => void, steps: readonly Step[]): { readonly error: unknown; readonly isDoubtful: boolean } | undefined {
    let isDoubtful = false;
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      before();
      for (const step of steps) step.write();
      for (const draft of this.#drafts) draft.finish();
      isDoubtful = true;
      this.#db.exec("COMMIT");
      for (const draft of this.#drafts) draft.keep();
      return undefined;
    } catch (error) {
      rollback(this.#db);
      for (const draft of this.#drafts) draft.drop();
      return { error, isDoubtful };
    } finally {
      this.#drafts.clear();
    }
  }

  #failed(steps: readonly Step[], { error, isDoubtful }: { readonly error: unknown; readonly isDoubtful: boolean }): void {
    const isNew = !this.fault;
    this.fault ??= readOnly(error);
    const lost = steps.filter((step) => !step.isAnswered);
    this.#steps = steps.filter((step) => step.isAnswered);
    for (const step of lost) step.takeBack();
    if (isDoubtful) this.#doubtful.push(...lost);
    else for (const step of lost) step.refuse(this.fault);
    if (isNew) this.#host.report(this.fault, "sqlite");
    this.#timer = this.#host.env.setTimer(() => this.#recover(), this.#options.retryMs);
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#host.env.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}

export const closed = (): SyncError => new SyncError("closed", "The storage is closed.");

function readOnly(error: unknown): SyncError {
  const cause = `${codeOf(error) ?? "error"}: ${(error as Error).message}`;
  return new SyncError("read-only", `Nothing can be stored now (${cause}); it is tried again until it can.`, { cause: error });
}
