/**
 * What a client keeps beside its writes, in the same store: copies of topics that it has read, and the client ids of its documents.
 *
 * The record `copies` lists the copies: a row each, `[bytes usedAtMs]`. A copy is a record that all tabs write to, by comparing its row
 * `head`; an id is one that a page has for itself.
 * Always: names tell servers and users apart; what is here of a user who signs out is deleted.
 * Rules: docs/protocol/copies.md COPY1-COPY8, docs/protocol/writes.md OUTBOX15.
 */
import { edn } from "../../wire/edn.ts";
import { ownBudget } from "../../wire/packer.ts";
import type { OpenOutboxStore, RowChange } from "./store.ts";

export interface CopyLimits {
  /** Copies on the device. The one that was used longest ago goes. Default 200. */
  readonly maxCopies: number;
  /** Characters of all copies. The one that was used longest ago goes. Default 64 Mi. */
  readonly maxBytes: number;
  /** Characters of one: what is larger is not kept. Default 16 Mi. */
  readonly maxCopyBytes: number;
}

/** What became of copies, since this client began. */
export interface CopyCounts {
  /** Had to make room for others. */
  evicted: number;
  /** Were larger than a copy may be. */
  tooLarge: number;
  /** Were not what had been written. */
  damaged: number;
}

export interface Shelf {
  readonly opening: Promise<OpenOutboxStore>;
  readonly scope: string;
  /** Who this is: as the server says, before that as the options do; nothing while nobody knows, empty for anonymous users. */
  readonly owner: string | undefined;
  readonly limits: CopyLimits;
  readonly counts: CopyCounts;
  /** It is to be kept. */
  keeps(topic: string, kind: string): boolean;
  /** The client has ended. */
  readonly isOver: boolean;
  /** The user has signed out: nothing more is written. */
  readonly isCleared: boolean;
  /** Waited for before the store is closed. */
  finish(work: Promise<unknown>): void;
}

export const copyLimits: CopyLimits = { maxCopies: 200, maxBytes: 64 * 1024 * 1024, maxCopyBytes: 16 * 1024 * 1024 };

export const headKey = "head";
/** Where a copy's head says of which topic it is. */
const topicAt = 3;
const index = "copies";
const maxTries = 8;
const rows = edn();

export const packRow = (value: unknown): string => rows.pack(value) as string;
export const unpackRow = (text: string): unknown => rows.unpack(text, ownBudget);

/** How the names of what is kept for a user of a server begin. */
export function shelfPrefix(what: "copy" | "ids", scope: string, owner: string): string {
  return `${what}-${hash(scope)}-${hash(owner)}-`;
}

/** Deletes a record that nobody has for himself, whoever writes to it meanwhile. */
export async function wipe(open: OpenOutboxStore, id: string): Promise<void> {
  for (let tries = 0; tries < maxTries; tries++) {
    const found = await open.read(id);
    if (!found.length) return;
    const head = found.find(([key]) => key === headKey)?.[1] ?? null;
    const changes = found.map(([key]): RowChange => [key, null]);
    if (await open.swap(id, headKey, head, changes)) return;
  }
}

/** Sets or deletes a row of the list. */
async function list(open: OpenOutboxStore, id: string, value: string | null): Promise<void> {
  for (let tries = 0; tries < maxTries; tries++) {
    const [row] = await open.read(index, id);
    if (await open.swap(index, id, row?.[1] ?? null, [[id, value]])) return;
  }
}

/** Says that a copy is used, and how large it is; makes room where there are too many. Returns how many had to go. */
export async function listCopy(
  open: OpenOutboxStore,
  id: string,
  bytes: number,
  nowMs: number,
  limits: CopyLimits,
): Promise<number> {
  await list(open, id, packRow([bytes, nowMs]));
  const all = (await open.read(index)).map(([key, text]) => {
    const [size, usedAtMs] = unpackRow(text) as [number, number];
    return { key, size, usedAtMs };
  });
  let sum = all.reduce((total, { size }) => total + size, 0);
  let count = all.length;
  let evicted = 0;
  for (const { key, size } of all.sort((a, b) => a.usedAtMs - b.usedAtMs)) {
    if (sum <= limits.maxBytes && count <= limits.maxCopies) break;
    if (key === id) continue;
    await unlistCopy(open, key);
    await forgetIds(open, `${key.replace("copy-", "ids-")}-`);
    sum -= size;
    count--;
    evicted++;
  }
  return evicted;
}

export async function unlistCopy(open: OpenOutboxStore, id: string): Promise<void> {
  await wipe(open, id);
  await list(open, id, null);
}

/** Deletes the copies whose topics begin so. */
export async function unlistBeneath(open: OpenOutboxStore, scope: string, owner: string, beginning: string): Promise<void> {
  const prefix = shelfPrefix("copy", scope, owner);
  for (const [id] of await open.read(index)) {
    if (!id.startsWith(prefix)) continue;
    const [row] = await open.read(id, headKey);
    const topic = row && (unpackRow(row[1]) as readonly unknown[])[topicAt];
    if (typeof topic === "string" && topic.startsWith(beginning)) await unlistCopy(open, id);
  }
}

/** Those that a page has stay. */
async function forgetIds(open: OpenOutboxStore, prefix: string): Promise<void> {
  for (const id of await open.list(prefix)) await (await open.claim(id))?.remove();
}

/** Deletes what is kept of a user, but for ids, which tell nothing: those only with what was not stored. */
export async function clearShelf(open: OpenOutboxStore, scope: string, owner: string, withIds: boolean): Promise<void> {
  const prefix = shelfPrefix("copy", scope, owner);
  const listed = (await open.read(index)).map(([key]) => key).filter((key) => key.startsWith(prefix));
  for (const id of new Set([...listed, ...(await open.list(prefix))])) await unlistCopy(open, id);
  if (withIds) await forgetIds(open, shelfPrefix("ids", scope, owner));
}

/** 64 bits of FNV-1a: what it is for is verified. */
export function hash(text: string): string {
  let value = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  return value.toString(16).padStart(16, "0");
}
