/**
 * One document as a client holds it: a `Y.Doc` that is edited here at once, and the updates on their way in both directions.
 *
 * What one turn wrote is one write; the more of them wait, the longer what follows is gathered. What a frame brings is one transaction.
 * Yjs takes nothing back. So where a write is rejected, or the server's document is no longer the one that this one came from, the
 * document is replaced by a new one, made of what the server has; the old one is destroyed.
 * Always: what others wrote comes with the origin `remote`; every other change is sent, in order, and gives a receipt.
 * Rules: docs/protocol/doc.md DOC17-DOC24.
 */
import * as Y from "yjs";
import type { Env, Timer } from "../../core/env.ts";
import { isSyncError, SyncError } from "../../core/errors.ts";
import { createStore, type Readable } from "../../core/store.ts";
import { readEntry, readSnapshot } from "../../kind/doc/authority.ts";
import { readOwners } from "../../kind/doc/version.ts";
import type { Replica } from "../../kind/kind.ts";
import type { KindCore } from "../client.ts";
import type { Held } from "../held.ts";
import type { Receipt } from "../receipt.ts";
import { type Change, tellLocal } from "../value-handle.ts";
import { writesOf } from "../writes.ts";
import { EditReceipt } from "./receipt.ts";
import { Unsent } from "./unsent.ts";

/** The origin of transactions that bring what the server sent. */
export const remote = "sente-sync";

export interface DocTopic {
  readonly held: Held;
  readonly local: Set<(change: Change) => void>;
  readonly doc: Y.Doc;
  /** Of client ids, as far as the server said. */
  readonly owners: ReadonlyMap<number, string>;
  /** All that the server had when it was asked is here. */
  readonly synced: Readable<boolean>;
  /** Writes without an answer, and one more while something is gathered. */
  readonly pending: Readable<number>;
  /** Of the newest edit made here. */
  readonly receipt: Receipt;
}

/** So long is gathered while so many writes wait. */
const gathering: readonly (readonly [waiting: number, ms: number])[] = [
  [200, 5000],
  [32, 500],
];
/** Writes that may always be made, below what a client lets wait. */
const reserve = 8;

/** Before what was refused for now is written again. */
const retryMs = 1000;

interface Again {
  readonly updates: Uint8Array[];
  readonly receipts: EditReceipt[];
  readonly delayMs: number;
  /** What the server had when it refused the first of them for a gap. */
  vector: Uint8Array | undefined;
  timer: Timer | undefined;
}

const topics = new WeakMap<Held, DocTopic>();

/** The one of that name. `given`: edit that one. */
export function docTopic(core: KindCore, topic: string, given?: Y.Doc): DocTopic {
  const replica = new DocReplica();
  const held = core.hold(topic, "doc", () => replica);
  let made = topics.get(held);
  if (!made) {
    made = createDocTopic(core, topic, held, given);
    topics.set(held, made);
  } else if (given && given !== made.doc) {
    throw new SyncError("conflict", `"${topic}" is edited through another Y.Doc already.`);
  }
  return made;
}

/** Gathers what a frame brings; the topic takes it when the frame is over. */
class DocReplica implements Replica<true, unknown> {
  updates: Uint8Array[] = [];
  /** A snapshot came; undefined: none since the last time. */
  snapshot: readonly Uint8Array[] | undefined;
  offset = 0;
  /** Whose the client ids are, as far as entries say. */
  readonly owners = new Map<number, string>();
  cleared: (() => void) | undefined;

  get value(): true | undefined {
    return undefined;
  }
  apply(entry: unknown, offset: number): void {
    this.updates.push(readEntry(entry));
    if (Array.isArray(entry)) this.#own([entry.slice(1)]);
    this.offset = offset;
  }
  restore(snapshot: unknown): void {
    this.snapshot = readSnapshot(snapshot);
    this.updates = [];
    this.owners.clear();
    this.#own((snapshot as readonly unknown[])[1]);
  }
  #own(owners: unknown): void {
    for (const [client, owner] of readOwners([null, owners])) this.owners.set(client, owner);
  }
  clear(): void {
    this.updates = [];
    this.snapshot = undefined;
    this.cleared?.();
  }
}

function createDocTopic(core: KindCore, topic: string, held: Held, given: Y.Doc | undefined): DocTopic {
  const { env, maxPending } = core;
  const replica = held.replica as DocReplica;
  const writes = writesOf(core);
  const writer = writes.writer(topic, "doc", held);
  const local = new Set<(change: Change) => void>();
  const synced = createStore(false);
  const pending = createStore(0);
  let unsent = new Unsent();
  /** Of what is gathered. */
  let open: { readonly receipt: EditReceipt; readonly timer: Timer | undefined } | undefined;
  /** To be written again, in their order, once all that is under way is answered. */
  let again: Again | undefined;
  let waiting = 0;
  /** What was written again was refused for a gap: the server has lost what this document has. */
  let gaps = 0;
  let newest = new EditReceipt();
  newest.settle();
  /** The server's document is another one since. */
  let isStale = false;
  let isOver = false;
  /** What the server sent is being applied. */
  let isTaking = false;
  /** One may not write. */
  let isRefused = false;
  /** The server had so much when it was asked. */
  let target = Number.POSITIVE_INFINITY;

  const count = (): void => core.attempt(() => pending.set(waiting + (open ? 1 : 0) + (again ? 1 : 0)), topic);
  const become = (isSynced: boolean): void => core.attempt(() => synced.set(isSynced), topic);

  const write = (update: Uint8Array, receipts: readonly EditReceipt[]): void => {
    const from = doc;
    const written = writer.write(update, { idempotent: true });
    for (const receipt of receipts) receipt.write = written;
    waiting++;
    const answered = (error?: SyncError): void => {
      waiting--;
      const isSame = from === doc && !isOver;
      if (error && isSame && mayPass(error)) addAgain(update, receipts, error);
      else {
        for (const receipt of receipts) receipt.settle(error);
        if (!error) gaps = 0;
        else if (isSame && !isSyncError(error, "closed")) startOver();
      }
      if (again && !waiting) again.timer ??= env.setTimer(writeAgain, again.delayMs);
      if (open && !open.timer) flush();
      count();
    };
    written.stored.then(() => answered(), answered);
  };

  /** Twice is the same as once: so what was refused for now is written again. */
  const addAgain = (update: Uint8Array, receipts: readonly EditReceipt[], error: SyncError): void => {
    if (!again) {
      again = { updates: [], receipts: [], timer: undefined, delayMs: error.code === "gap" ? 0 : retryMs, vector: undefined };
      writes.addPending(1);
    }
    const { vector } = (error.data ?? {}) as { readonly vector?: unknown };
    if (error.code === "gap" && !again.updates.length && vector instanceof Uint8Array) again.vector = vector;
    again.updates.push(update);
    again.receipts.push(...receipts);
  };
  const writeAgain = (): void => {
    if (!again) return;
    const { updates, receipts, vector } = again;
    endAgain();
    if (isOver) return;
    if (vector && ++gaps > 1) {
      for (const receipt of receipts) receipt.settle(new SyncError("gap", "The server has lost what this was built upon."));
      return startOver();
    }
    try {
      write(vector ? Y.encodeStateAsUpdate(doc, vector) : Y.mergeUpdates(updates), receipts);
    } catch (error) {
      core.report(error, topic);
      startOver();
    }
    count();
  };
  const endAgain = (): void => {
    if (!again) return;
    if (again.timer !== undefined) env.clearTimer(again.timer);
    again = undefined;
    writes.addPending(-1);
  };

  /** Behind what others wrote, Yjs deletes formats that have no effect. Others get that, but who may not write may do without. */
  const tidied = (update: Uint8Array): void => {
    flush();
    if (isRefused) return;
    const from = doc;
    writer.write(update, { idempotent: true }).stored.catch((error: SyncError) => {
      if (from !== doc || isOver) return;
      if (mayPass(error)) edited(update, undefined);
      else isRefused = true;
    });
  };

  /** Writes what was gathered. */
  const flush = (): void => {
    if (!open) return;
    if (waiting >= maxPending - reserve && !isOver) {
      // The next answer makes room.
      open = { receipt: open.receipt, timer: undefined };
      return;
    }
    const { receipt, timer } = open;
    open = undefined;
    writes.addPending(-1);
    if (timer !== undefined) env.clearTimer(timer);
    const pieces = unsent.take();
    for (const [index, update] of pieces.entries()) write(update, index === pieces.length - 1 ? [receipt] : []);
    count();
  };

  const edited = (update: Uint8Array, origin: unknown): void => {
    if (origin === remote) return;
    if (isTaking && origin === null && update[0] === 0) return tidied(update);
    unsent.add(update);
    if (open) return;
    const delayMs = gathering.find(([least]) => waiting >= least)?.[1];
    const timer = delayMs === undefined ? undefined : env.setTimer(flush, delayMs);
    newest = new EditReceipt();
    open = { receipt: newest, timer };
    writes.addPending(1);
    count();
    if (timer === undefined) env.endOfTurn(flush);
  };

  let doc = given ?? createDoc(env, topic);
  if (given) {
    const before = Y.encodeStateAsUpdate(given);
    // What it had is written like what follows.
    if (before.length > 2) edited(before, given);
  }
  doc.on("update", edited);

  /** What this document has, the server has not: only a new one can be right. */
  const replace = (): void => {
    const old = doc;
    old.off("update", edited);
    drop(new SyncError("conflict", "The document was replaced by the server's."));
    doc = createDoc(env, topic);
    doc.on("update", edited);
    become(false);
    tellLocal(core, topic, local);
    old.destroy();
  };

  const startOver = (): void => {
    replace();
    held.rewind(0);
  };
  /** What was not written with the document is not written any more. */
  const drop = (error: SyncError): void => {
    for (const receipt of again?.receipts ?? []) receipt.settle(error);
    endAgain();
    gaps = 0;
    unsent = new Unsent();
    if (!open) return;
    open.receipt.settle(error);
    if (open.timer !== undefined) env.clearTimer(open.timer);
    open = undefined;
    writes.addPending(-1);
    count();
  };

  const take = (): void => {
    const { snapshot, updates } = replica;
    replica.snapshot = undefined;
    replica.updates = [];
    if (snapshot && isStale) replace();
    isStale = false;
    const all = snapshot ? [...snapshot, ...updates] : updates;
    isTaking = true;
    try {
      doc.transact(() => {
        for (const update of all) Y.applyUpdate(doc, update, remote);
      }, remote);
    } catch (error) {
      core.report(new SyncError("invalid", "Yjs could not read what the server sent.", { cause: error }), topic);
    } finally {
      isTaking = false;
    }
    if (snapshot || replica.offset >= target) become(true);
  };

  replica.cleared = () => {
    // Taken away: so is what it showed.
    if (synced.get()) replace();
  };
  held.listen((cause) => {
    if (cause !== "cleared") take();
  });
  held.onGap(({ to }) => {
    if (to === 0 && synced.get()) isStale = true;
  });
  held.onNamed((answer) => {
    const { at, recovered } = answer as { readonly at: readonly [string, number]; readonly recovered: boolean };
    target = at[1];
    isRefused = false;
    if (recovered && replica.offset >= target) become(true);
  });
  core.join({
    receive: () => false,
    lost(isEnd) {
      if (!isEnd) return;
      isOver = true;
      flush();
      drop(new SyncError("closed"));
    },
  });

  // As a server rendered it.
  if (replica.snapshot) take();

  return {
    held,
    local,
    owners: replica.owners,
    get doc() {
      return doc;
    },
    synced,
    pending,
    get receipt() {
      return newest;
    },
  };
}

function createDoc(env: Env, topic: string): Y.Doc {
  const doc = new Y.Doc({ guid: topic });
  // Small ones are the server's.
  doc.clientID = Math.max(256, new DataView(env.randomBytes(4).buffer).getUint32(0));
  return doc;
}

/** It may be stored when it is written again. */
function mayPass(error: SyncError): boolean {
  return error.code === "gap" || error.code === "session-lost" || error.retry === "later";
}
