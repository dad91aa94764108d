/**
 * Puts one update in the place of those of a document that are stored, without what was deleted: by itself, once there are many of them.
 *
 * What is large is joined in another thread, while more comes behind it.
 * Always: it adds up to the same, and offsets stay; what came behind stays behind; what was loaded or joined meanwhile is left alone.
 * Rules: docs/protocol/doc.md DOC12; docs/protocol/doc-versions.md VDOC14, VDOC15, VDOC19.
 */
import * as Y from "yjs";
import { isSyncError } from "../../core/errors.ts";
import type { DocAuthority } from "../../kind/doc/authority.ts";
import type { ServerCore } from "../core.ts";
import { debounce } from "./debounce.ts";
import type { Joiner } from "./joiner.ts";
import { type DocView, joined } from "./view.ts";

/** So much of the authority readers are told: what is stored. */
export interface Told {
  updates: number;
  owners: number;
}

export interface Compaction {
  now(): void;
  /** Something was stored. */
  grown(): void;
  /** The document has begun, as one update of so many bytes. */
  begun(bytes: number): void;
  readonly isDue: boolean;
  close(): void;
}

interface Host {
  readonly authority: DocAuthority;
  readonly view: DocView;
  readonly told: Told;
  readonly joiner: Joiner;
  report(error: unknown): void;
}

/** They are joined when there are so many, or so much more of them than what they were joined to. */
const enough = { updates: 500, bytes: 256 * 1024 };
/** Once it is quiet for so long; where it never is, so long after it became due. */
const quietMs = 2000;
const latestMs = 30_000;

export function createCompaction(core: ServerCore, { authority, view, told, joiner, report }: Host): Compaction {
  /** What they were joined to. */
  let bytes = 0;
  /** It took too long: it will the next time. */
  let isGivenUp = false;

  const done = (count: number, update: Uint8Array): void => {
    authority.compact(count, update);
    view.compacted(count);
    told.updates -= count - 1;
    bytes = update.length;
  };
  const now = (): void => {
    const { updates } = told;
    if (updates < 2) return;
    const all = authority.updates;
    const update = view.isBuilt && updates === all.length ? Y.encodeStateAsUpdate(view.doc) : joined(all.slice(0, updates));
    done(updates, update);
  };
  const away = async (): Promise<void> => {
    const updates = authority.updates.slice(0, told.updates);
    if (!joiner.isAway(updates)) return now();
    try {
      const update = await joiner.join(updates);
      // Else they were loaded anew, or joined, meanwhile.
      if (updates.every((each, index) => authority.updates[index] === each)) done(updates.length, update);
    } catch (error) {
      isGivenUp = isSyncError(error, "timeout");
      if (!core.ended) report(error);
    }
  };
  const due = debounce(core.env, quietMs, latestMs, away);
  core.ends.add(due.cancel);

  /** As much again as they were joined to; less where that is more than there is room for. */
  const most = (): number => {
    const { maxBytes } = authority;
    return Math.min(Math.max(bytes, enough.bytes), Math.max((maxBytes - bytes) / 2, maxBytes / 64));
  };

  return {
    now,
    grown() {
      if (core.ended || isGivenUp) return;
      if (told.updates >= enough.updates || authority.bytes - bytes >= most()) due.ask();
    },
    begun(first) {
      bytes = first;
    },
    get isDue() {
      return due.isDue;
    },
    close() {
      due.cancel();
      core.ends.delete(due.cancel);
    },
  };
}
