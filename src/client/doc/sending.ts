/**
 * What was edited in a document on its way to the server: gathered, written, and where it was refused for now, written again.
 *
 * What one turn edited is one write; the more of them wait, the longer what follows is gathered.
 * Always: in order, and each edit has a receipt that settles once; nothing leaves before `leave` says so; after `drop` nothing is heard of
 * what was written before.
 * Rules: docs/protocol/doc.md DOC17, DOC19-DOC21, DOC26.
 */
import * as Y from "yjs";
import type { Timer } from "../../core/env.ts";
import { isSyncError, SyncError } from "../../core/errors.ts";
import { createStore, type Readable } from "../../core/store.ts";
import type { KindCore } from "../client.ts";
import { MergedReceipt, type Receipt, ReceiptState } from "../receipt.ts";
import { type Write, type Writer, writesOf } from "../writes.ts";
import { EditReceipt } from "./receipt.ts";
import { Unsent } from "./unsent.ts";

export interface Sending {
  /** Writes without an answer, and one more while something is gathered. */
  readonly pending: Readable<number>;
  /** Of the newest edit. */
  readonly receipt: Receipt;
  edited(update: Uint8Array): void;
  /** Writes it now; settles with its answer. */
  write(update: Uint8Array): Promise<void>;
  /** Behind what others wrote, Yjs deletes formats that have no effect. Others get that, but who may not write may do without. */
  tidied(update: Uint8Array): void;
  /** One may write, as far as is known. */
  allow(): void;
  /**
   * Writes of an earlier page, which are sent elsewhere and shown here. What is edited while they have no answer is built upon them: so
   * they are written with it, too, and whoever finishes that needs nothing else.
   */
  adopt(writes: readonly (Write & { readonly op: Uint8Array })[]): void;
  /** What was not written with the document is not written any more. */
  drop(error: SyncError): void;
}

interface SendingOptions {
  readonly core: KindCore;
  readonly topic: string;
  readonly writer: Writer;
  /** Calls `run` once what is in the document may leave this page, with an error where it never may. Undefined: it always may. */
  readonly leave: ((run: (lost?: SyncError) => void) => void) | undefined;
  /** The update, without holes. */
  whole(update: Uint8Array): Uint8Array;
  /** What the document has and that vector has not. */
  missing(vector: Uint8Array): Uint8Array;
  /** Something in the document waits for what others have not sent yet. */
  isIncomplete(): boolean;
  /** Something was refused for good. */
  refused(): void;
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

/** How often what waits for others is written again. */
const maxGaps = 10;

interface Again {
  readonly updates: Uint8Array[];
  readonly receipts: EditReceipt[];
  readonly delayMs: number;
  /** What the server had when it refused the first of them for a gap. */
  vector: Uint8Array | undefined;
  timer: Timer | undefined;
}

export function createSending({ core, topic, writer, leave, whole, missing, isIncomplete, refused }: SendingOptions): Sending {
  const { env, maxPending } = core;
  const writes = writesOf(core);
  const pending = createStore(0);
  let unsent = new Unsent();
  /** Of what is gathered. */
  let open: { readonly receipt: EditReceipt; readonly timer: Timer | undefined } | undefined;
  /** To be written again, in their order, once all that is under way is answered. */
  let again: Again | undefined;
  let waiting = 0;
  let adopted = 0;
  /** Those of them that are in no write of this page. */
  const apart = new Set<Uint8Array>();
  /** What was written again was refused for a gap: the server has lost what this document has. */
  let gaps = 0;
  /** Counts the documents: nothing is heard of what an earlier one wrote. */
  let life = 0;
  let newest = new EditReceipt();
  newest.settle();
  let isOver = false;
  /** One may not write. */
  let isRefused = false;

  const count = (): void => core.attempt(() => pending.set(waiting + adopted + (open ? 1 : 0) + (again ? 1 : 0)), topic);

  /** Hands it to the writer, now or when it may leave. */
  const post = (update: Uint8Array): Receipt => {
    const run = (): Receipt => writer.write(update, { idempotent: true });
    if (!leave) return run();
    const receipt = new MergedReceipt();
    writes.addPending(1);
    leave((lost) => {
      writes.addPending(-1);
      receipt.become(lost ? rejected(lost) : run());
    });
    return receipt;
  };

  const write = (joined: Uint8Array, receipts: readonly EditReceipt[]): void => {
    const update = whole(joined);
    const from = life;
    const written = post(update);
    for (const receipt of receipts) receipt.write = written;
    waiting++;
    const answered = (error?: SyncError): void => {
      waiting--;
      const isSame = from === life && !isOver;
      if (error && isSame && mayPass(error)) addAgain(update, receipts, error);
      else {
        for (const receipt of receipts) receipt.settle(error);
        if (!error) gaps = 0;
        else if (isSame && !isSyncError(error, "closed")) refused();
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
      const delayMs = error.code === "gap" && !isIncomplete() ? 0 : retryMs;
      again = { updates: [], receipts: [], timer: undefined, delayMs, vector: undefined };
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
    if (vector && ++gaps > (isIncomplete() ? maxGaps : 1)) {
      for (const receipt of receipts) receipt.settle(new SyncError("gap", "The server has lost what this was built upon."));
      return refused();
    }
    try {
      write(vector ? missing(vector) : Y.mergeUpdates(updates), receipts);
    } catch (error) {
      core.report(error, topic);
      refused();
    }
    count();
  };
  const endAgain = (): void => {
    if (!again) return;
    if (again.timer !== undefined) env.clearTimer(again.timer);
    again = undefined;
    writes.addPending(-1);
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

  const edited = (update: Uint8Array): void => {
    for (const earlier of apart) unsent.add(earlier);
    apart.clear();
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

  const drop = (error: SyncError): void => {
    life++;
    for (const receipt of again?.receipts ?? []) receipt.settle(error);
    endAgain();
    gaps = 0;
    apart.clear();
    unsent = new Unsent();
    if (open) {
      open.receipt.settle(error);
      if (open.timer !== undefined) env.clearTimer(open.timer);
      open = undefined;
      writes.addPending(-1);
    }
    count();
  };

  core.join({
    receive: () => false,
    lost(isEnd) {
      if (!isEnd) return;
      isOver = true;
      flush();
      drop(new SyncError("closed"));
    },
  });

  return {
    pending,
    get receipt() {
      return newest;
    },
    edited,
    write(update) {
      flush();
      const receipt = new EditReceipt();
      write(update, [receipt]);
      count();
      return receipt.stored;
    },
    tidied(update) {
      flush();
      if (isRefused) return;
      const from = life;
      post(update).stored.catch((error: SyncError) => {
        if (from !== life || isOver) return;
        if (mayPass(error)) edited(update);
        else isRefused = true;
      });
    },
    allow() {
      isRefused = false;
    },
    adopt(earlier) {
      const from = life;
      adopted += earlier.length;
      for (const { op, receipt } of earlier) {
        apart.add(op);
        const answered = (error?: SyncError): void => {
          adopted--;
          apart.delete(op);
          count();
          if (!error || from !== life || isOver) return;
          if (mayPass(error)) edited(op);
          else refused();
        };
        receipt.stored.then(() => answered(), answered);
      }
      count();
    },
    drop,
  };
}

function rejected(error: SyncError): Receipt {
  const receipt = new ReceiptState();
  receipt.settle(undefined, error);
  return receipt;
}

/** It may be stored when it is written again. */
function mayPass(error: SyncError): boolean {
  return error.code === "gap" || error.code === "session-lost" || error.retry === "later";
}
