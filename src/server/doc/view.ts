/**
 * A document as Yjs builds it, for those who have to look into it: hooks, edits of the server, a difference, compaction.
 *
 * Always: it is what was decided; built when it is first asked for, brought forward in one transaction, forgotten when nobody has asked for
 * a while; who edits it without the server's `transact` is told that this is lost.
 * Rules: docs/protocol/doc.md DOC13, DOC14.
 */
import * as Y from "yjs";
import type { Env, Timer } from "../../core/env.ts";
import { SyncError } from "../../core/errors.ts";
import type { DocAuthority } from "../../kind/doc/authority.ts";

/** Kept for so long after it was last asked for. */
const idleMs = 60_000;

/** The origin of what comes from the log. */
const fromLog = "sente-sync/log";

export class DocView {
  readonly #authority: DocAuthority;
  readonly #env: Env;
  readonly #report: (error: unknown) => void;
  #doc: Y.Doc | undefined;
  /** Updates that it has. */
  #count = 0;
  #timer: Timer | undefined;
  #isWriting = false;

  constructor(authority: DocAuthority, env: Env, report: (error: unknown) => void) {
    this.#authority = authority;
    this.#env = env;
    this.#report = report;
  }

  get doc(): Y.Doc {
    const { updates } = this.#authority;
    const doc = (this.#doc ??= this.#create());
    if (this.#count < updates.length) {
      applyAll(doc, updates.slice(this.#count), fromLog);
      this.#count = updates.length;
    }
    if (this.#timer !== undefined) this.#env.clearTimer(this.#timer);
    this.#timer = this.#env.setTimer(() => this.drop(), idleMs);
    // It keeps no process alive.
    (this.#timer as { unref?(): void }).unref?.();
    return doc;
  }

  get isBuilt(): boolean {
    return this.#doc !== undefined;
  }

  /** Runs an edit; the update that it made, or nothing. What throws leaves nothing behind. */
  write(clientId: number, run: (doc: Y.Doc) => void): Uint8Array | undefined {
    const { doc } = this;
    const made: Uint8Array[] = [];
    const take = (update: Uint8Array): void => void made.push(update);
    doc.clientID = clientId;
    doc.on("update", take);
    this.#isWriting = true;
    try {
      doc.transact(() => run(doc), "server");
    } catch (error) {
      // Half of it may be there, and Yjs takes nothing back.
      this.drop();
      throw error;
    } finally {
      this.#isWriting = false;
      doc.off("update", take);
    }
    return made.length > 1 ? Y.mergeUpdates(made) : made[0];
  }

  /** The first `count` updates have become one. */
  compacted(count: number): void {
    if (this.#count >= count) this.#count -= count - 1;
    else this.drop();
  }

  drop(): void {
    if (this.#timer !== undefined) this.#env.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#doc?.destroy();
    this.#doc = undefined;
    this.#count = 0;
  }

  #create(): Y.Doc {
    const doc = new Y.Doc({ guid: "server" });
    doc.on("update", (_update: Uint8Array, origin: unknown) => {
      if (origin === fromLog || this.#isWriting) return;
      this.#report(new SyncError("invalid", "A document was edited outside `transact`: nobody else gets that."));
      this.drop();
    });
    return doc;
  }
}

/** In one transaction: what each of them costs grows with the number of clients that ever wrote. */
export function applyAll(doc: Y.Doc, updates: readonly Uint8Array[], origin?: unknown): void {
  doc.transact((transaction) => {
    for (const update of updates) Y.applyUpdate(doc, update, origin);
    // Behind what is not local Yjs deletes formats that have no effect. That is an edit, and not the server's to make.
    transaction.local = true;
  }, origin);
}

/** One update that adds up to the same, without what was deleted. */
export function joined(updates: readonly Uint8Array[]): Uint8Array {
  const doc = new Y.Doc({ guid: "joined" });
  applyAll(doc, updates);
  const update = Y.encodeStateAsUpdate(doc);
  doc.destroy();
  return update;
}

/** Under what a seed is written: whoever seeds the same makes the same structs, and two seeds are one. */
const seedClientId = 1;

/** The update of a document that begins so. */
export function seedUpdate(fill: (doc: Y.Doc) => void): Uint8Array {
  const doc = new Y.Doc({ guid: "seed" });
  doc.clientID = seedClientId;
  doc.transact(() => fill(doc));
  const update = Y.encodeStateAsUpdate(doc);
  doc.destroy();
  return update;
}
