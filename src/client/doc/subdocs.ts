/**
 * Documents within a document: each is a document of its own, read from its own topic once it is asked for with Yjs' `load()`.
 *
 * Always: they are read while the outer document is, and no longer; what is no guid of ours names no topic; where the outer document is
 * replaced, those that were read go on in the new one.
 * Rules: docs/protocol/doc.md DOC51-DOC54.
 */
import type * as Y from "yjs";
import { SyncError } from "../../core/errors.ts";
import { isGuid, subdocTopic } from "../../kind/doc/subdoc.ts";
import type { KindCore } from "../client.ts";
import type { ClientDoc } from "./doc.ts";
import { type DocTopic, newClientId } from "./topic.ts";

/** Opens the document of that topic, which is that one from now on. */
export type OpenSubdoc = (topic: string, subdoc: Y.Doc) => ClientDoc;

export interface Subdocs {
  /** The handle of the document of that guid, which is loaded. Throws SyncError `invalid` where there is none. */
  open(guid: string): ClientDoc;
}

interface Changed {
  readonly added: ReadonlySet<Y.Doc>;
  readonly loaded: ReadonlySet<Y.Doc>;
  readonly removed: ReadonlySet<Y.Doc>;
}

const followed = new WeakMap<DocTopic, Subdocs>();

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

  /** As Yjs has it tell: `whenSynced` of the document waits for it. */
  const tell = ({ doc, synced }: ClientDoc): void => {
    const isSynced = synced.get();
    if (doc.isSynced !== isSynced) doc.emit("sync", [isSynced, doc]);
  };
  const load = (subdoc: Y.Doc): void => {
    const { guid } = subdoc;
    separate(subdoc);
    if (!isGuid(guid)) {
      const error = new SyncError(
        "invalid",
        "A document within a document is not loaded: its guid is not 1 to 64 letters, digits, - and _.",
      );
      return core.report(error, topic);
    }
    core.attempt(() => {
      const before = handles.get(guid);
      const handle = open(subdocTopic(topic, guid), subdoc);
      if (before) handle.close();
      else {
        handles.set(guid, handle);
        handle.synced.listen(() => tell(handle));
      }
      tell(handle);
    }, topic);
  };
  /** Yjs gives it the outer document's client id, of which it has not what other pages know. */
  const separate = (subdoc: Y.Doc): void => {
    if (subdoc.clientID === outer?.clientID) subdoc.clientID = newClientId(core.env);
  };
  const close = (guid: string): void => {
    handles.get(guid)?.close();
    handles.delete(guid);
  };

  const changed = ({ added, loaded, removed }: Changed): void => {
    for (const subdoc of added) separate(subdoc);
    for (const subdoc of removed) if (handles.get(subdoc.guid)?.doc === subdoc) close(subdoc.guid);
    if (!isRead) return;
    for (const subdoc of loaded) load(subdoc);
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
    else for (const subdoc of outer.getSubdocs()) if (subdoc.shouldLoad && !handles.has(subdoc.guid)) load(subdoc);
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
