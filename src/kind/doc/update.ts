/**
 * Reads a Yjs update, version 1, one struct after the other.
 *
 *   update   varint clients, then per client: varint structs, varint client, varint clock of the first, structs; then deleted
 *   struct   a byte: the content in its five low bits, 128: has an origin, 64: has a right origin, 32: has a key in its parent
 *     0 gap that was collected    varint length
 *     10 hole                     varint length: structs that this update does not have
 *     1 to 9 item                 origin id, right origin id; where it has neither: varint 1 and the root's name as text, or
 *                                 varint 0 and the parent's id, then with 32 the key as text; then the content (content.ts)
 *   id       varint client, varint clock
 *   deleted  varint clients, then per client: varint client, varint ranges, then varint clock and varint length of each
 *
 * A struct has as many clocks as its content is long, and the next one of its client begins behind it.
 * Always: a reader throws SyncError `malformed`, `too-deep`, `too-large` or `invalid`, and nothing else; what it was given is not changed.
 * Rules: docs/protocol/doc.md DOC3, DOC4.
 */
import { Cursor, malformed } from "./bytes.ts";
import { passContent, passKey, type Spent, spend, type UpdateLimits, updateLimits } from "./content.ts";

export const kinds = { collected: 0, hole: 10 } as const;
export const flags = { origin: 128, right: 64, key: 32, content: 31 } as const;

/** What is our own was judged when it came. */
export const noLimits: UpdateLimits = {
  maxDepth: 1000,
  maxValues: Number.POSITIVE_INFINITY,
  maxKeyBytes: Number.POSITIVE_INFINITY,
};

/** The fields are of the struct, or the deleted range, that was read last. A client of -1: it has no such id. */
export class UpdateReader {
  readonly cursor: Cursor;
  /** Where the struct begins; once all are read, where what is deleted begins. */
  start = 0;
  contentStart = 0;
  info = 0;
  client = 0;
  clock = 0;
  length = 0;
  originClient = -1;
  originClock = 0;
  rightClient = -1;
  rightClock = 0;
  parentClient = -1;
  parentClock = 0;
  readonly #spent: Spent;
  readonly #clients = new Set<number>();
  #blocks: number;
  #structs = 0;
  #nextClock = 0;
  #ranges = 0;
  /** Clients whose deleted ranges are still to be read; -1: structs are being read. */
  #deleted = -1;

  constructor(bytes: Uint8Array, limits: UpdateLimits = updateLimits) {
    this.cursor = new Cursor(bytes);
    this.#spent = { limits, values: 0 };
    this.#blocks = this.cursor.varint();
  }

  get end(): number {
    return this.cursor.at;
  }

  /** Reads the next struct; false: there is none, and `nextDeleted` follows. */
  next(): boolean {
    const { cursor } = this;
    if (this.#structs === 0) {
      if (this.#blocks === 0) {
        this.start = cursor.at;
        this.#deleted = cursor.varint();
        return false;
      }
      this.#blocks--;
      this.#structs = cursor.varint();
      this.client = cursor.varint();
      this.#nextClock = cursor.varint();
      if (this.#structs === 0) throw malformed("a client without structs");
      if (this.#clients.has(this.client)) throw malformed("a client twice");
      this.#clients.add(this.client);
    }
    this.#structs--;
    spend(this.#spent);
    this.start = cursor.at;
    this.clock = this.#nextClock;
    this.info = cursor.byte();
    this.originClient = -1;
    this.rightClient = -1;
    this.parentClient = -1;
    const content = this.info & flags.content;
    if (content === kinds.collected || content === kinds.hole) this.length = cursor.varint();
    else this.length = this.#item(content);
    if (this.length === 0) throw malformed("a struct of length 0");
    this.#nextClock += this.length;
    if (this.#nextClock > Number.MAX_SAFE_INTEGER) throw malformed("a clock over 2^53");
    return true;
  }

  /** Reads the next deleted range; false: the update is over. */
  nextDeleted(): boolean {
    const { cursor } = this;
    while (this.#ranges === 0) {
      if (this.#deleted === 0) {
        if (cursor.left) throw malformed("bytes behind its end");
        return false;
      }
      this.#deleted--;
      this.client = cursor.varint();
      this.#ranges = cursor.varint();
    }
    this.#ranges--;
    spend(this.#spent);
    this.clock = cursor.varint();
    this.length = cursor.varint();
    if (this.length === 0) throw malformed("a range of length 0");
    if (this.clock + this.length > Number.MAX_SAFE_INTEGER) throw malformed("a clock over 2^53");
    return true;
  }

  #item(content: number): number {
    const { cursor, info } = this;
    if (info & flags.origin) {
      this.originClient = cursor.varint();
      this.originClock = cursor.varint();
    }
    if (info & flags.right) {
      this.rightClient = cursor.varint();
      this.rightClock = cursor.varint();
    }
    if (!(info & (flags.origin | flags.right))) {
      if (cursor.varint() === 1) passKey(cursor, this.#spent);
      else {
        this.parentClient = cursor.varint();
        this.parentClock = cursor.varint();
      }
      if (info & flags.key) passKey(cursor, this.#spent);
    }
    this.contentStart = cursor.at;
    return passContent(cursor, content, this.#spent);
  }
}
