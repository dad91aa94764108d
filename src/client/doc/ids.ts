/**
 * The client ids of a document that this device has: each page takes one that no other has, so that a device costs readers few of them.
 *
 * An id is a record, in the hands of one page at most, that says how far the id was ever used:
 *
 *   head   [1 scope owner topic clock atMs]
 *
 * Always: the record says so before an edit leaves the page, to the server, to other tabs or to the outbox. So a page that has the record,
 * and whose document has all up to that clock, has all that was ever seen under that id. What left no page was seen by nobody.
 * Rules: docs/protocol/doc.md DOC39-DOC42.
 */
import { isSyncError, SyncError } from "../../core/errors.ts";
import type { KindCore } from "../client.ts";
import { hash, headKey, packRow, type Shelf, shelfPrefix, unpackRow } from "../storage/shelf.ts";
import type { OpenOutboxStore, OutboxRecord } from "../storage/store.ts";

const format = 1;
/** Of one user in one document. */
const maxIds = 64;
/** How long an id waits for a document that has all of it. */
const maxWaitMs = 7 * 24 * 3600_000;
const retryMs = 1000;
/** How often it is tried to say how far an id is, or that it is no more. */
const maxTries = 5;

/** Further than any clock: the record is to go. */
const never = Number.POSITIVE_INFINITY;

/** An id, and how far it is known to be used. */
interface Id {
  readonly client: number;
  record: OutboxRecord | undefined;
  clock: number;
  /** What waits for the record, in order. */
  queue: { readonly clock: number; readonly run: (lost?: SyncError) => void }[];
  isSaving: boolean;
  /** It has no record, and no page will ever take it. */
  isFree: boolean;
  /** Another page has it. */
  lost: SyncError | undefined;
}

const idOf = (client: number): Id => ({
  client,
  record: undefined,
  clock: 0,
  queue: [],
  isSaving: false,
  isFree: false,
  lost: undefined,
});

export class DocIds {
  readonly #core: KindCore;
  readonly #shelf: Shelf;
  readonly #store: OpenOutboxStore;
  readonly #place: readonly string[];
  readonly #prefix: string;
  #id: Id = idOf(0);
  #isTaking = false;
  #isOver = false;

  constructor(core: KindCore, shelf: Shelf, store: OpenOutboxStore, topic: string, owner: string) {
    this.#core = core;
    this.#shelf = shelf;
    this.#store = store;
    this.#place = [shelf.scope, owner, topic];
    this.#prefix = `${shelfPrefix("ids", shelf.scope, owner)}${hash(topic)}-`;
  }

  /** The page's id is one of the device's. */
  get isTaken(): boolean {
    return this.#id.record !== undefined;
  }

  /**
   * Looks for an id that no page has. `stateOf`: how far the document is under one. `use` is called with one that may be used, and says
   * whether it is.
   */
  async take(stateOf: (client: number) => number, use: (client: number) => boolean): Promise<void> {
    if (this.#isTaking || this.#isOver || this.isTaken) return;
    this.#isTaking = true;
    try {
      await this.#look(stateOf, use);
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isTaking = false;
    }
  }

  async #look(stateOf: (client: number) => number, use: (client: number) => boolean): Promise<void> {
    for (const name of await this.#store.list(this.#prefix)) {
      const client = Number(name.slice(this.#prefix.length));
      const [row] = await this.#store.read(name, headKey);
      if (!row || this.#read(row[1], stateOf(client)) === "wait") continue;
      const record = await this.#store.claim(name);
      if (!record) continue;
      // Whoever had it may have gone on meanwhile.
      const text = new Map(await record.load()).get(headKey);
      const clock = text === undefined ? "gone" : this.#read(text, stateOf(client));
      if (clock === "gone") await record.remove();
      else if (clock === "wait") await record.release();
      else if (this.#isOver || this.isTaken || !use(client)) return record.release();
      else {
        this.#id = { ...idOf(client), record, clock };
        return;
      }
    }
  }

  /** How far it was used; or that the document is not so far; or that nobody needs it. */
  #read(text: string, state: number): number | "wait" | "gone" {
    const head = unpackRow(text);
    const [is, scope, owner, topic, clock, atMs] = (Array.isArray(head) ? head : []) as unknown[];
    const isOurs = is === format && [scope, owner, topic].every((part, index) => part === this.#place[index]);
    if (!isOurs || typeof clock !== "number" || typeof atMs !== "number") return "gone";
    if (clock <= state) return clock;
    return this.#core.env.nowMs() - atMs > maxWaitMs ? "gone" : "wait";
  }

  /** Calls `run` once it is kept that the id was used up to `clock`; with an error where another page has the id. */
  leave(client: number, clock: number, run: (lost?: SyncError) => void): void {
    if (this.#id.client !== client) this.#id = idOf(client);
    const id = this.#id;
    if (!id.queue.length && (id.isFree || id.lost || clock <= id.clock)) return run(id.lost);
    id.queue.push({ clock, run });
    if (!id.isSaving) void this.#save(id);
  }

  /** The document was replaced: what was edited under the id may be nowhere, so nobody waits for it. */
  drop(): void {
    const id = this.#id;
    this.#id = idOf(0);
    if (!id.record || id.lost) return;
    if (id.isSaving) id.queue.push({ clock: never, run() {} });
    else void this.#remove(id).catch((error: unknown) => this.#failed(error));
  }

  /** The client ends: nothing waits any more, and nothing leaves. */
  end(): void {
    this.#isOver = true;
    const { queue, record } = this.#id;
    for (const { run } of queue.splice(0)) this.#core.attempt(run, "storage");
    record?.release().catch(() => {});
  }

  async #save(id: Id): Promise<void> {
    id.isSaving = true;
    while (id.queue.length) {
      const clock = Math.max(...id.queue.map((waiting) => waiting.clock));
      if (!id.isFree && !id.lost && clock > id.clock) await this.#reach(id, clock);
      const may = id.queue.filter((waiting) => id.lost || id.isFree || waiting.clock <= id.clock);
      id.queue = id.queue.filter((waiting) => !may.includes(waiting));
      for (const { run } of may) this.#core.attempt(() => run(id.lost), "storage");
    }
    id.isSaving = false;
  }

  /** Has the record say so, or has none; or it is lost. */
  async #reach(id: Id, clock: number): Promise<void> {
    for (let tries = 0; tries < maxTries && !this.#isOver; tries++) {
      try {
        if (clock === never) return await this.#remove(id);
        id.record ??= await this.#claim(id.client);
        if (!id.record) break;
        await id.record.save([[headKey, packRow([format, ...this.#place, clock, this.#core.env.nowMs()])]]);
        id.clock = clock;
        return;
      } catch (error) {
        if (this.#isOver) break;
        if (isSyncError(error, "closed")) {
          id.lost = new SyncError("conflict", "Another page has this document's client id now.", { cause: error });
          return;
        }
        if (!tries) this.#failed(error);
        if (!id.record || (await this.#isRemoved(id))) break;
      }
      await new Promise<void>((resolve) => this.#core.env.setTimer(resolve, retryMs));
    }
    id.isFree = true;
  }

  async #claim(client: number): Promise<OutboxRecord | undefined> {
    const { length } = await this.#store.list(this.#prefix);
    return length < maxIds ? this.#store.claim(this.#prefix + client) : undefined;
  }

  async #remove(id: Id): Promise<void> {
    await id.record?.remove();
    id.isFree = true;
  }

  #isRemoved(id: Id): Promise<boolean> {
    return this.#remove(id).then(
      () => true,
      () => false,
    );
  }

  #failed(error: unknown): void {
    if (!this.#isOver && !this.#shelf.isOver) this.#core.report(error, "storage");
  }
}
