/**
 * A topic as an older version left it: its snapshot and its entries are read as that version had them, and then brought to this one.
 *
 * Always: nothing of what is stored is changed; what comes of it is a snapshot of this version.
 * Rules: docs/protocol/versions.md VERSION9-VERSION12.
 */
import type { Snapshot } from "./kind.ts";
import { migrateTree } from "./migrate-tree.ts";
import type { StoreEntry } from "./mutation.ts";
import { applyPatch, type Steps } from "./patch.ts";
import { SharedTree } from "./shared-tree.ts";
import type { Versions } from "./versions.ts";

export interface OlderState {
  /** Undefined: as it is at offset 0. */
  load(snapshot: Snapshot): void;
  replay(entry: unknown): void;
  /** As this version has it; throws what the migration throws. */
  migrated(): Snapshot;
}

/** What a topic had in that version; `initial` is what this version begins with. */
export type CreateOlder = (versions: Versions, version: number, initial: unknown) => OlderState;

/** Of a kind whose entries are patches, or hold them. */
function older(stepsOf: (entry: unknown) => Steps): CreateOlder {
  return (versions, version, initial) => {
    let value: unknown;
    return {
      load(snapshot) {
        value = snapshot === undefined ? versions.initial(initial, version) : snapshot;
      },
      replay(entry) {
        value = applyPatch(value, stepsOf(entry));
      },
      migrated: () => versions.up(value, version),
    };
  };
}

export const olderAtom: CreateOlder = older((entry) => entry as Steps);
export const olderStore: CreateOlder = older((entry) => (entry as StoreEntry)[0] as Steps);

export const olderShared: CreateOlder = (versions, version, initial) => {
  let tree = new SharedTree(undefined);
  return {
    load(snapshot) {
      tree = new SharedTree(snapshot === undefined ? versions.initial(initial, version) : undefined);
      if (snapshot !== undefined) tree.load(snapshot);
    },
    replay: (entry) => void tree.apply(entry),
    migrated: () => migrateTree(tree, (value) => versions.up(value, version)),
  };
};
