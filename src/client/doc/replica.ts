/**
 * Gathers what a frame brings of a document; its topic takes it when the frame is over.
 *
 * Always: what is no entry or snapshot is refused before anything is taken of it.
 * Rules: docs/protocol/doc.md DOC1, DOC2, DOC18.
 */
import { readEntry, readSnapshot } from "../../kind/doc/authority.ts";
import { readOwners } from "../../kind/doc/version.ts";
import type { Replica } from "../../kind/kind.ts";

/** What came since the last time. */
export interface Brought {
  /** As the server sent it; undefined: none came. */
  readonly snapshot: unknown;
  /** Behind it, in order. */
  readonly entries: readonly unknown[];
  /** Offset of the last entry. */
  readonly offset: number;
  /** All of it, as Yjs takes it. */
  readonly updates: readonly Uint8Array[];
}

export class DocReplica implements Replica<true, unknown> {
  #snapshot: unknown;
  #entries: unknown[] = [];
  offset = 0;
  /** Whose the client ids are, as far as entries say. */
  readonly owners: Map<number, string> = new Map();
  cleared: (() => void) | undefined;

  get value(): true | undefined {
    return undefined;
  }
  get isEmpty(): boolean {
    return this.#snapshot === undefined && !this.#entries.length;
  }
  apply(entry: unknown, offset: number): void {
    readEntry(entry);
    this.#entries.push(entry);
    if (Array.isArray(entry)) this.#own([entry.slice(1)]);
    this.offset = offset;
  }
  restore(snapshot: unknown): void {
    readSnapshot(snapshot);
    this.#snapshot = snapshot;
    this.#entries = [];
    this.owners.clear();
    this.#own((snapshot as readonly unknown[])[1]);
  }
  take(): Brought {
    const snapshot = this.#snapshot;
    const entries = this.#entries;
    this.#snapshot = undefined;
    this.#entries = [];
    const updates = [...(snapshot === undefined ? [] : readSnapshot(snapshot)), ...entries.map(readEntry)];
    return { snapshot, entries, offset: this.offset, updates };
  }
  clear(): void {
    this.take();
    this.cleared?.();
  }
  #own(owners: unknown): void {
    for (const [client, owner] of readOwners([null, owners])) this.owners.set(client, owner);
  }
}
