/**
 * Documents within a document: each is a document of its own, read from its own topic once it is asked for with Yjs' `load()`.
 *
 * Always: they are read while the outer document is, and no longer; what is no guid of ours names no topic; where the outer document is
 * replaced, those that were read go on in the new one; what others write has no page read more than `maxByThemselves`, or go in circles.
 * Rules: docs/protocol/doc.md DOC51-DOC54, DOC63.
 */
import type * as Y from "yjs";
import { SyncError } from "../../core/errors.ts";
import { isGuid, rootOf, subdocTopic } from "../../kind/doc/subdoc.ts";
import type { KindCore } from "../client.ts";
import type { ClientDoc } from "./doc.ts";
import { type DocTopic, newClientId } from "./topic.ts";

/** Opens the document of that topic, which is that one from now on. */
export type OpenSubdoc = (topic: string, subdoc: Y.Doc) => ClientDoc;

export interface Subdocs {
  /** The handle of the document of that guid, which is loaded. Throws SyncError `invalid` where there is none. */
  open(guid: string): ClientDoc;
}

/** Of those within one document, however deep, that others have it read: as many as leave room for other topics. */
const maxByThemselves = 64;

interface Changed {
  readonly added: ReadonlySet<Y.Doc>;
  readonly loaded: ReadonlySet<Y.Doc>;
  readonly removed: ReadonlySet<Y.Doc>;
}

const followed = new WeakMap<DocTopic, Subdocs>();
/** By the topic of the outermost document: handles of those that are read by themselves. */
const byThemselves = new WeakMap<KindCore, Map<string, Set<ClientDoc>>>();

function readWithin(core: KindCore, topic: string): Set<ClientDoc> {
  const byRoot = byThemselves.get(core) ?? new Map<string, Set<ClientDoc>>();
  byThemselves.set(core, byRoot);
  const root = rootOf(topic);
  const read = byRoot.get(root) ?? new Set<ClientDoc>();
  byRoot.set(root, read);
  return read;
}

/** Those of the document, which are followed from the first handle on. */
export function subdocsOf(core: KindCore, topic: string, own: DocTopic, open: OpenSubdoc): Subdocs {
  let subdocs = followed.get(own);
  if (!subdocs) {
    subdocs = follow(core, topic, own, open);
    followed.set(own, subdocs);
  }
  return subdocs;
}

function follow(core: KindCore, topic: string, own: DocTopic, open: OpenSubdoc): Subdocs {
  const handles = new Map<string, ClientDoc>();
  let outer: Y.Doc | undefined;
  let isRead = false;
  const automatic = readWithin(core, topic);
  /** Guids of those that are being opened: what that puts into this document again is not opened within it. */
  const opening = new Set<string>();
  let isTold = false;

  /** As Yjs has it tell: `whenSynced` of the document waits for it. */
  const tell = ({ doc, synced }: ClientDoc): void => {
    const isSynced = synced.get();
    if (doc.isSynced !== isSynced) doc.emit("sync", [isSynced, doc]);
  };
  const load = (subdoc: Y.Doc, isAutomatic = false): void => {
    const { guid } = subdoc;
    separate(subdoc);
    if (opening.has(guid)) return;
    if (isAutomatic && !handles.has(guid) && automatic.size >= maxByThemselves) return skip(subdoc);
    if (!isGuid(guid)) {
      const error = new SyncError(
        "invalid",
        "A document within a document is not loaded: its guid is not 1 to 64 letters, digits, - and _.",
      );
      return core.report(error, topic);
    }
    const of = subdocTopic(topic, guid);
    if (of === topic) return core.report(new SyncError("invalid", "A document is not loaded within itself."), topic);
    opening.add(guid);
    core.attempt(() => {
      const before = handles.get(guid);
      const handle = open(of, subdoc);
      if (before) handle.close();
      else {
        handles.set(guid, handle);
        if (isAutomatic) automatic.add(handle);
        handle.synced.listen(() => tell(handle));
      }
      tell(handle);
    }, topic);
    opening.delete(guid);
  };
  /** It waits for `load()`. */
  const skip = (subdoc: Y.Doc): void => {
    subdoc.shouldLoad = false;
    if (isTold) return;
    isTold = true;
    const message = `More than ${maxByThemselves} documents within this one load themselves: the others wait for \`load()\`.`;
    core.report(new SyncError("limit", message), topic);
  };
  /** Yjs gives it the outer document's client id, of which it has not what other pages know. */
  const separate = (subdoc: Y.Doc): void => {
    if (subdoc.clientID === outer?.clientID) subdoc.clientID = newClientId(core.env);
  };
  const close = (guid: string): void => {
    const handle = handles.get(guid);
    if (!handle) return;
    handle.close();
    handles.delete(guid);
    automatic.delete(handle);
  };

  const changed = ({ added, loaded, removed }: Changed, _doc: Y.Doc, { local }: Y.Transaction): void => {
    for (const subdoc of added) separate(subdoc);
    for (const subdoc of removed) if (handles.get(subdoc.guid)?.doc === subdoc) close(subdoc.guid);
    if (!isRead) return;
    for (const subdoc of loaded) load(subdoc, !local);
    for (const subdoc of added) {
      if (loaded.has(subdoc) || !handles.has(subdoc.guid)) continue;
      // Where the one before was replaced, this one is it.
      subdoc.shouldLoad = true;
      load(subdoc);
    }
  };
  const attend = (): void => {
    if (own.doc !== outer) {
      outer?.off("subdocs", changed);
      outer = own.doc;
      outer.on("subdocs", changed);
    }
    isRead = own.held.status.get() !== "idle";
    if (!isRead) for (const guid of [...handles.keys()]) close(guid);
    else
      for (const subdoc of outer.getSubdocs()) if (subdoc.shouldLoad && !handles.has(subdoc.guid)) load(subdoc, subdoc.autoLoad);
  };
  own.held.status.listen(attend);
  own.local.add(attend);
  attend();

  return {
    open(guid) {
      const found = [...own.doc.getSubdocs()].find((subdoc) => subdoc.guid === guid);
      found?.load();
      const handle = handles.get(guid);
      if (!handle) throw new SyncError("invalid", `No document of the guid "${guid}" is read in "${topic}".`);
      return handle;
    },
  };
}
