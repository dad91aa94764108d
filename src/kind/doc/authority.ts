/**
 * The server's half of `doc`: a Yjs document as the updates that made it, in bytes. It is never built here.
 *
 * A client id belongs to whoever wrote under it first, and nobody else writes under it again. An entry is an update, or where it claims
 * client ids, `[update owner client …]`.
 * Always: what is decided is integrated at once and as a whole by every document that has what came before; what is rejected leaves no
 * trace; the same structs are never logged twice.
 * Rules: docs/protocol/doc.md DOC3-DOC12, DOC64, DOC65.
 */
import { SyncError } from "../../core/errors.ts";
import { type Bucket, createBucket, type Rate, take } from "../../tail/bucket.ts";
import { judgeUpdate } from "./judge.ts";
import { type Placed, Places, saysPlace } from "./places.ts";
import { trimUpdate } from "./trim.ts";
import { advance, type StateVector } from "./vector.ts";

export type DocEntry = Uint8Array | readonly [update: Uint8Array, owner: string, ...clients: number[]];

/** Updates in their order, then `[owner client …]` of each owner. */
export type DocSnapshot = readonly [updates: readonly Uint8Array[], owners: readonly (readonly [string, ...number[]])[]];

export interface DocLimits {
  /** Bytes of all updates. Default 16 MiB. */
  readonly maxBytes: number;
  /** Client ids that one owner claims: each costs every reader of the document for ever. Default 64 at once, one more each 10 minutes. */
  readonly clientIds: Rate;
  /** Those of anonymous Yjs peers, all together. Default 1,000 at once, one more each minute. */
  readonly guestClientIds: Rate;
}

export const docLimits: DocLimits = {
  maxBytes: 16 * 1024 * 1024,
  clientIds: { burst: 64, perSecond: 1 / 600 },
  guestClientIds: { burst: 1000, perSecond: 1 / 60 },
};

/** Owners whose claims are counted; beyond it, those of the one that claimed longest ago begin anew. */
const maxClaiming = 1000;

/** Up to there client ids are the server's: a seed is written under one of them, and no page draws one. */
const maxSeedClient = 255;

/** Whose the server's own client ids are. */
export const serverOwner = "";
/** Whose those of anonymous peers of y-websocket and Hocuspocus are: nothing tells one from another. */
export const guestOwner = "guests";

export class DocAuthority {
  #updates: Uint8Array[] = [];
  #bytes = 0;
  /** What the first `#scanned` updates add up to: of what was loaded it is made when it is first asked for. */
  #vector = new Map<number, number>();
  #places = new Places();
  #scanned = 0;
  /** In the order in which they were claimed. */
  #owners = new Map<number, string>();
  readonly #claims = new Map<string, Bucket>();
  /** The newest entry that was decided, and what it adds: it need not be read again. */
  #ahead: { readonly entry: DocEntry; readonly added: StateVector; readonly placed: Placed | undefined } | undefined;
  readonly #limits: DocLimits;

  constructor(limits: Partial<DocLimits> = {}) {
    this.#limits = { ...docLimits, ...limits };
  }

  get vector(): StateVector {
    while (this.#scanned < this.#updates.length) this.#scan(this.#updates[this.#scanned++] as Uint8Array);
    return this.#vector;
  }

  #scan(update: Uint8Array): void {
    let isPlaced = !this.#places.isFlat;
    advance(this.#vector, update, (struct) => {
      isPlaced ||= saysPlace(struct);
    });
    if (isPlaced) this.#places.add(this.#places.read(update, true));
  }

  get updates(): readonly Uint8Array[] {
    return this.#updates;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get maxBytes(): number {
    return this.#limits.maxBytes;
  }

  get owners(): ReadonlyMap<number, string> {
    return this.#owners;
  }

  /** The entry that an update of that owner becomes; nothing: all of it is known. Throws SyncError. */
  decide(op: unknown, owner: string, nowMs: number): DocEntry | undefined {
    if (!(op instanceof Uint8Array)) throw new SyncError("invalid", "A document takes Yjs updates, as bytes.");
    const { vector } = this;
    const { added, isPartlyKnown, isPlaced, deletes } = judgeUpdate(op, vector);
    if (!added.size && !deletes) return undefined;
    const claimed: number[] = [];
    for (const client of added.keys()) {
      const holder = this.#owners.get(client);
      // What came with the beginning is of pages that may still be there.
      if (holder === undefined && (!vector.has(client) || client > maxSeedClient)) claimed.push(client);
      else if ((holder ?? serverOwner) !== owner) {
        throw new SyncError("forbidden", `Client id ${client} is another's: write under one of your own.`);
      }
    }
    const update = isPartlyKnown ? trimUpdate(op, vector) : op;
    if (this.#bytes + update.length > this.#limits.maxBytes) {
      throw new SyncError("too-large", `A document has at most ${this.#limits.maxBytes} bytes.`);
    }
    const placed = isPlaced || !this.#places.isFlat ? this.#places.read(update, false) : undefined;
    if (claimed.length && owner !== serverOwner) this.#claim(owner, claimed.length, nowMs);
    const entry: DocEntry = claimed.length ? [update, owner, ...claimed] : update;
    this.#ahead = { entry, added, placed };
    return entry;
  }

  #claim(owner: string, count: number, nowMs: number): void {
    const { clientIds, guestClientIds } = this.#limits;
    const claims = this.#claims.get(owner) ?? createBucket(owner === guestOwner ? guestClientIds : clientIds, nowMs);
    this.#claims.delete(owner);
    this.#claims.set(owner, claims);
    if (this.#claims.size > maxClaiming) this.#claims.delete(this.#claims.keys().next().value as string);
    if (take(claims, nowMs, count)) return;
    throw new SyncError("limit", "Too many client ids of one user in a document: write under one of those.");
  }

  apply(entry: DocEntry): void {
    const update = updateOf(entry);
    const ahead = this.#ahead;
    if (ahead?.entry === entry && this.#scanned === this.#updates.length) {
      for (const [client, clock] of ahead.added) this.#vector.set(client, clock);
      if (ahead.placed) this.#places.add(ahead.placed);
      this.#scanned++;
    }
    this.#ahead = undefined;
    this.#updates.push(update);
    this.#bytes += update.length;
    if (entry instanceof Uint8Array) return;
    const [, owner, ...clients] = entry;
    for (const client of clients) this.#owners.set(client, owner);
  }

  snapshot(updates: number = this.#updates.length, owners: number = this.#owners.size): DocSnapshot {
    const byOwner = new Map<string, [string, ...number[]]>();
    let left = owners;
    for (const [client, owner] of this.#owners) {
      if (left-- === 0) break;
      const own = byOwner.get(owner);
      if (own) own.push(client);
      else byOwner.set(owner, [owner, client]);
    }
    return [this.#updates.slice(0, updates), [...byOwner.values()]];
  }

  load(snapshot: DocSnapshot | undefined): void {
    const [updates, owners] = snapshot ?? [[], []];
    this.#ahead = undefined;
    this.#updates = [...updates];
    this.#bytes = updates.reduce((sum, { length }) => sum + length, 0);
    this.#vector = new Map();
    this.#places = new Places();
    this.#scanned = 0;
    this.#owners = new Map();
    for (const [owner, ...clients] of owners) for (const client of clients) this.#owners.set(client, owner);
  }

  /** Puts one update in the place of the first `count`, which add up to the same. */
  compact(count: number, update: Uint8Array): void {
    const { vector } = this;
    this.#updates.splice(0, count, update);
    this.#bytes = this.#updates.reduce((sum, { length }) => sum + length, 0);
    this.#vector = vector as Map<number, number>;
    // What is gone stands nowhere.
    this.#scanned = this.#places.isFlat ? this.#updates.length : 0;
    this.#places = new Places();
  }
}

function updateOf(entry: DocEntry): Uint8Array {
  return entry instanceof Uint8Array ? entry : entry[0];
}

/** Throws SyncError `invalid` for what is no entry. */
export function readEntry(entry: unknown): Uint8Array {
  const update: unknown = Array.isArray(entry) ? entry[0] : entry;
  if (!(update instanceof Uint8Array)) throw new SyncError("invalid", "Not an entry of a document.");
  return update;
}

/** Throws SyncError `invalid` for what is no snapshot. */
export function readSnapshot(snapshot: unknown): readonly Uint8Array[] {
  const updates: unknown = Array.isArray(snapshot) ? snapshot[0] : undefined;
  if (!Array.isArray(updates) || !updates.every((update) => update instanceof Uint8Array)) {
    throw new SyncError("invalid", "Not a snapshot of a document.");
  }
  return updates;
}
