/**
 * One client's writes in one record of a store: what changed in a turn is saved at its end, in one piece.
 *
 * A record has a head, `[scope owner session token since]`, and a row per write, `[topic kind op idempotent session seq]`; one that is part of
 * a batch says which and of how many parts, `[… name size]`.
 * Always: a write that is on the disk without its number is not said to be kept; a record that another one has taken over is
 * not written to again.
 * Rules: docs/protocol/writes.md OUTBOX9-OUTBOX12.
 */
import { isSyncError } from "../core/errors.ts";
import { edn } from "../wire/edn.ts";
import { ownBudget } from "../wire/packer.ts";
import type { ClientCore } from "./client.ts";
import { ReceiptState } from "./receipt.ts";
import type { OutboxRecord, Row, RowChange } from "./storage/store.ts";
import { newWrite, type Write } from "./writes.ts";

/** Whose record it is. */
export interface Head {
  readonly scope: string;
  /** As `ownerOf` says; nothing where no server has said who this is. */
  owner: string | undefined;
  session: string;
  token: string;
  /** When the first of its writes was made, by the wall clock; 0: the record does not say. */
  sinceMs: number;
}

const headKey = "head";
const retryMs = 5000;
const rows = edn();

/** What a record tells; nothing where it is empty or not readable. */
export function readRecord(loaded: readonly Row[]): { head: Head; writes: [key: string, write: Write][] } | undefined {
  const values = new Map(loaded.map(([key, text]) => [key, rows.unpack(text, ownBudget) as unknown[]]));
  const [scope, owner, session, token, since] = values.get(headKey) ?? [];
  values.delete(headKey);
  if (typeof scope !== "string" || !values.size) return undefined;
  const head: Head = {
    scope,
    owner: typeof owner === "string" ? owner : undefined,
    session: String(session),
    token: String(token),
    sinceMs: Number(since ?? 0),
  };
  /** Of batches: their parts have one. */
  const receipts = new Map<string, ReceiptState>();
  const writes = [...values].map(([key, [topic, kind, op, idempotent, numberedBy, seq, batch, size]]): [string, Write] => {
    const name = typeof batch === "string" ? batch : undefined;
    const receipt = (name !== undefined && receipts.get(name)) || new ReceiptState();
    const write = newWrite(String(topic), String(kind), op, idempotent === true, receipt);
    if (name !== undefined) {
      receipts.set(name, receipt);
      write.together = { name, size: Number(size), send: () => false, settle() {} };
    }
    return [key, Object.assign(write, { owner: head.owner, session: String(numberedBy), seq: Number(seq), isSent: seq !== 0 })];
  });
  // Keys are counted up: the order in which they were written.
  writes.sort(([a], [b]) => Number(a) - Number(b));
  return { head, writes };
}

/** As what it is kept. */
const mark = ({ session, seq }: Write): string => (seq ? `${session} ${seq}` : "");

export class RecordKeeper {
  readonly head: Head;
  readonly #core: ClientCore;
  readonly #open: () => Promise<OutboxRecord>;
  #record: OutboxRecord | undefined;
  /** Writes that have no answer yet, by their rows. */
  readonly #keys = new Map<Write, string>();
  /** Those on the disk, and as what. */
  readonly #stored = new Map<Write, string>();
  readonly #dirty = new Set<Write>();
  #deleted: string[] = [];
  #nextKey = 1;
  #storedHead = "";
  #committing: Promise<boolean> | undefined;
  #failed = false;
  /** Given up, or taken over by another. */
  #isLost = false;

  constructor(core: ClientCore, head: Head, open: () => Promise<OutboxRecord>) {
    this.#core = core;
    this.head = head;
    this.#open = open;
  }

  /** Writes that are in the record already. */
  adopt(writes: readonly (readonly [key: string, write: Write])[]): void {
    for (const [key, write] of writes) {
      this.#keys.set(write, key);
      this.#stored.set(write, mark(write));
      this.#nextKey = Math.max(this.#nextKey, Number(key) + 1);
    }
  }

  get writes(): Iterable<Write> {
    return this.#keys.keys();
  }

  /** Everything that has no answer yet is on the disk. */
  get isKeeping(): boolean {
    return !this.#isLost && this.#stored.size === this.#keys.size;
  }

  has(write: Write): boolean {
    // What is not on the disk at all may be sent where the disk fails.
    return this.#stored.get(write) === mark(write) || (this.#failed && !this.#stored.has(write));
  }

  add(write: Write): void {
    if (!this.#keys.size) this.head.sinceMs = Math.floor(this.#core.env.nowMs());
    this.#keys.set(write, String(this.#nextKey++));
    this.#dirty.add(write);
    void this.#commit();
  }

  async save(writes: readonly Write[]): Promise<boolean> {
    for (const write of writes) if (this.#keys.has(write)) this.#dirty.add(write);
    let isOurs = await this.#commit();
    while (isOurs && writes.some((write) => this.#keys.has(write) && !this.has(write))) {
      await new Promise<void>((resolve) => this.#core.env.setTimer(resolve, retryMs));
      isOurs = await this.#commit();
    }
    return isOurs;
  }

  drop(write: Write): void {
    const key = this.#keys.get(write);
    if (key === undefined) return;
    this.#keys.delete(write);
    this.#dirty.delete(write);
    if (this.#stored.delete(write)) this.#deleted.push(key);
    void this.#commit();
  }

  /** What the server said. */
  welcome(owner: string, session: string, token: string): void {
    Object.assign(this.head, { owner, session, token });
    if (this.#keys.size) void this.#commit();
  }

  /** Writes go on without. */
  fail(error: unknown): void {
    if (!this.#failed) this.#core.report(error, "storage");
    this.#failed = true;
  }

  /** Gives the record up, with what is under way to it; or deletes it. */
  async end(isDone: boolean): Promise<void> {
    await this.#committing;
    this.#isLost = true;
    if (isDone || !this.#keys.size) await this.#record?.remove();
    else await this.#record?.release();
  }

  /** Resolves when what is there at the end of the turn is on the disk, or could not be brought there. */
  #commit(): Promise<boolean> {
    this.#committing ??= this.#commitAll().finally(() => {
      this.#committing = undefined;
    });
    return this.#committing;
  }

  async #commitAll(): Promise<boolean> {
    do {
      await new Promise<void>((resolve) => this.#core.env.endOfTurn(resolve));
      if (!this.#isLost) await this.#write();
    } while (!this.#failed && !this.#isLost && (this.#dirty.size || this.#deleted.length));
    return !this.#isLost;
  }

  async #write(): Promise<void> {
    const { scope, owner, session, token, sinceMs } = this.head;
    const head = this.#keys.size ? (rows.pack([scope, owner ?? null, session, token, sinceMs]) as string) : "";
    const saved = [...this.#dirty].map((write) => [write, this.#keys.get(write) as string, mark(write)] as const);
    const deleted = this.#deleted;
    const changes: RowChange[] = [
      ...deleted.map((key) => [key, null] as const),
      ...saved.map(([write, key]) => [key, pack(write)] as const),
    ];
    if (head !== this.#storedHead) changes.push([headKey, head || null]);
    this.#dirty.clear();
    this.#deleted = [];
    if (!changes.length) return;
    try {
      this.#record ??= await this.#open();
      await this.#record.save(changes);
      this.#storedHead = head;
      this.#failed = false;
      for (const [write, key, as] of saved) {
        if (this.#keys.has(write)) this.#stored.set(write, as);
        // Settled while it was on its way.
        else this.#deleted.push(key);
      }
    } catch (error) {
      this.#isLost ||= isSyncError(error, "closed");
      this.fail(error);
      for (const [write] of saved) if (this.#keys.has(write)) this.#dirty.add(write);
      this.#deleted.push(...deleted);
    }
  }
}

/** Nothing for what no packer takes: sending it will say so. */
function pack({ topic, kind, op, idempotent, session, seq, together }: Write): string | null {
  const batch = together ? [together.name, together.size] : [];
  try {
    return rows.pack([topic, kind, op, idempotent, session, seq, ...batch]) as string;
  } catch {
    return null;
  }
}
