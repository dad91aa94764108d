/**
 * The versions of a document, as a client sees them: a store of what there is, and what one may do with it.
 *
 * The server makes and deletes them. What a version holds is read like a document; to look at one, to compare two and to go back is done
 * here, with that.
 * Always: going back is an edit of this client, and one step of the document's undo manager.
 * Rules: docs/protocol/doc-versions.md VDOC2, VDOC4, VDOC9, VDOC12, VDOC18.
 */
import * as Y from "yjs";
import { SyncError } from "../../core/errors.ts";
import { readSnapshot } from "../../kind/doc/authority.ts";
import {
  type DocVersion,
  readOwners,
  VersionList,
  type VersionsAsk,
  versionKind,
  versionsEvent,
  versionsKind,
  versionsTopic,
  versionTopic,
} from "../../kind/doc/version.ts";
import { authorOf, type DocDiff, diffDocs } from "../../kind/doc/version-diff.ts";
import { restoreDoc } from "../../kind/doc/version-restore.ts";
import type { Replica } from "../../kind/kind.ts";
import type { Client, KindCore } from "../client.ts";
import type { Receipt } from "../receipt.ts";
import { type ValueHandle, valueHandle } from "../value-handle.ts";
import type { ClientDoc } from "./doc.ts";

/** What there is, in the order in which it was made, and what one may do with it. */
export interface ClientVersions extends ValueHandle<readonly DocVersion[]> {
  /** Keeps what the document is once all that was edited here is stored. */
  create(name: string): Promise<DocVersion>;
  /** The document as it was: a copy, which is nobody else's. */
  preview(id: string): Promise<Y.Doc>;
  /** Edits the document back to what it was; what became of that edit. */
  restore(id: string): Promise<Receipt>;
  /** What changed between two of them, or since one of them. */
  diff(from: string, to?: string): Promise<DocDiff>;
  delete(id: string): Promise<void>;
}

class ListReplica implements Replica<readonly DocVersion[], unknown> {
  readonly list = new VersionList();
  isKnown = false;

  get value(): readonly DocVersion[] | undefined {
    return this.isKnown ? this.list.versions : undefined;
  }
  apply(entry: unknown): void {
    this.list.apply(entry);
    this.isKnown = true;
  }
  restore(snapshot: unknown): void {
    this.list.load(snapshot);
    this.isKnown = true;
  }
  clear(): void {
    this.list.load(undefined);
    this.isKnown = false;
  }
}

/** What one version holds. It never changes. */
class VersionReplica implements Replica<readonly Uint8Array[], unknown> {
  value: readonly Uint8Array[] | undefined;
  owners: ReadonlyMap<number, string> = new Map();

  apply(entry: unknown): void {
    this.restore(entry);
  }
  restore(snapshot: unknown): void {
    this.value = readSnapshot(snapshot);
    this.owners = readOwners(snapshot);
  }
  clear(): void {
    this.value = undefined;
  }
}

/** `owners`: of the client ids in the document. */
export function clientVersions(
  client: Client,
  core: KindCore,
  edited: ClientDoc,
  owners: ReadonlyMap<number, string>,
): ClientVersions {
  const { topic } = edited;
  const name = versionsTopic(topic);
  const held = core.hold(name, versionsKind, () => new ListReplica());
  const replica = held.replica as ListReplica;
  const handle = valueHandle<readonly DocVersion[]>(name, held, () => replica.value);

  const read = async (id: string): Promise<VersionReplica> => {
    const one = versionTopic(topic, id);
    const kept = core.hold(one, versionKind, () => new VersionReplica());
    const own = kept.replica as VersionReplica;
    const use = valueHandle(one, kept, () => own.value);
    try {
      await use.ready;
      return own;
    } finally {
      use.close();
    }
  };
  const docOf = ({ value = [] }: VersionReplica): Y.Doc => {
    const doc = new Y.Doc({ guid: topic });
    doc.transact(() => {
      for (const update of value) Y.applyUpdate(doc, update);
    });
    return doc;
  };
  const ask = (data: VersionsAsk): Promise<unknown> => client.request(versionsEvent, data);

  return Object.assign(handle, {
    async create(versionName: string) {
      await edited.ready;
      await edited.receipt.stored;
      return (await ask({ topic, what: "create", name: versionName })) as DocVersion;
    },
    preview: async (id: string) => docOf(await read(id)),
    async restore(id: string) {
      const version = docOf(await read(id));
      await edited.ready;
      const { doc, undoManager } = edited;
      tryToRestore(doc, version);
      undoManager.stopCapturing();
      doc.transact(() => restoreDoc(doc, version));
      undoManager.stopCapturing();
      version.destroy();
      return edited.receipt;
    },
    async diff(from: string, to?: string) {
      const [older, newer] = await Promise.all([read(from), to === undefined ? undefined : read(to), handle.ready]);
      const before = docOf(older);
      const after = newer ? docOf(newer) : edited.doc;
      const whose = newer?.owners ?? owners;
      const found = diffDocs(before, after, (written) => authorOf(whose.get(written), replica.list.authors));
      before.destroy();
      if (newer) after.destroy();
      return found;
    },
    async delete(id: string) {
      await ask({ topic, what: "delete", id });
    },
  });
}

/** Throws where it cannot be done: half of it could not be taken back. */
function tryToRestore(doc: Y.Doc, version: Y.Doc): void {
  const trial = new Y.Doc({ guid: doc.guid });
  try {
    Y.applyUpdate(trial, Y.encodeStateAsUpdate(doc));
    trial.transact(() => restoreDoc(trial, version));
  } catch (error) {
    throw new SyncError("unsupported", "Yjs cannot put what this version holds into a document.", { cause: error });
  } finally {
    trial.destroy();
  }
}
