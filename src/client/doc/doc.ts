/**
 * `doc(client, ref)`: a Yjs document that everyone edits, here at once and everywhere soon.
 *
 * Always: it is read until the handle is closed; handles of one topic share its document.
 * Rules: docs/protocol/doc.md DOC17-DOC24.
 */
import type { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import { type RefOrName, toRef } from "../../core/definitions.ts";
import type { Readable } from "../../core/store.ts";
import { type Client, coreOf } from "../client.ts";
import type { Receipt } from "../receipt.ts";
import { type ValueHandle, valueHandle } from "../value-handle.ts";
import { awarenessOf } from "./awareness.ts";
import { ofOneYjs } from "./one-yjs.ts";
import { subdocsOf } from "./subdocs.ts";
import { type OpenTabLine, platformTabs } from "./tab-line.ts";
import type { TabsState } from "./tabs.ts";
import { Typed } from "./textarea.ts";
import { docTopic, type ShownFrom } from "./topic.ts";
import { type ClientVersions, clientVersions } from "./versions.ts";

export interface DocOptions {
  /** Edits that one, a subdocument for one, instead of a new one. */
  readonly doc?: Y.Doc;
  /** False: it is read while somebody listens or called `keep`, as other handles are. Default true: until it is closed. */
  readonly keep?: boolean;
  /**
   * Shares it with other tabs of this browser where the same user has it open: true, and false not, or the line to post to. The first
   * handle of a document decides. Default: true in a page, false in Node.
   */
  readonly tabs?: boolean | OpenTabLine;
}

/** A document, and how it is doing. `ready` resolves once the server's state is in it; `listen` also tells when it was replaced. */
export interface ClientDoc extends ValueHandle<Y.Doc> {
  /** The document now: where the server rejected something of it, or has begun anew, another one than before, which was destroyed. */
  readonly doc: Y.Doc;
  /** All that the server had when it was last asked is in the document. */
  readonly synced: Readable<boolean>;
  /**
   * Where what it shows comes from: `device` while that is what this device kept, and the server has not been heard; `server` as `synced`.
   */
  readonly shownFrom: Readable<ShownFrom>;
  /**
   * Who is at the document, and where: for bindings of editors. Who reads it, this client is seen from then on, while the document is
   * read. Of the document now: another one where that was replaced.
   */
  readonly awareness: Awareness;
  /** Undoes what was edited here, whatever the type. */
  readonly undoManager: Y.UndoManager;
  /** Writes that the server has not answered. */
  readonly pending: Readable<number>;
  /** Edits in one transaction; what became of it, and of all that was edited before. */
  transact(run: (doc: Y.Doc) => void): Receipt;
  /** Of the newest edit made here, through whatever it was made. */
  readonly receipt: Receipt;
  /** What was kept of it, where the server keeps versions. */
  readonly versions: ClientVersions;
  /** How it is shared with other tabs, now. */
  readonly tabs: TabsState;
  /**
   * The document of that guid within this one, which is loaded: the same as its `load()`, with a handle. It is read while this one is.
   * Throws SyncError `invalid` where there is none.
   */
  subdoc(guid: string): ClientDoc;
}

const managers = new WeakMap<Y.Doc, Y.UndoManager>();

export function doc(client: object, ref: RefOrName<"doc", unknown>, options: DocOptions = {}): ClientDoc {
  const core = coreOf(client);
  const { topic } = toRef<"doc", unknown>("doc", ref);
  const { doc: given, tabs = true } = options;
  const openTabs = tabs === true ? platformTabs() : tabs || undefined;
  const own = docTopic(core, topic, given && ofOneYjs(given), openTabs);
  const handle = valueHandle<Y.Doc>(
    topic,
    own.held,
    () => own.doc,
    own.local,
    () => own.synced.get(),
  );
  const subdocs = subdocsOf(core, topic, own, (of, subdoc) => doc(client, of, { doc: subdoc, tabs }));
  if (options.keep ?? true) handle.keep();
  let versions: ClientVersions | undefined;
  const { close } = handle;
  const made = Object.defineProperties(handle, {
    doc: { get: () => own.doc, enumerable: true },
    awareness: { get: () => awarenessOf(core, topic, own) },
    synced: { value: own.synced },
    shownFrom: { value: own.shownFrom },
    pending: { value: own.pending },
    receipt: { get: () => own.receipt },
    tabs: { get: () => own.tabs },
    subdoc: { value: subdocs.open },
    undoManager: {
      get() {
        let manager = managers.get(own.doc);
        if (!manager) {
          manager = new Y.UndoManager(own.doc, { trackedOrigins: new Set<unknown>([null, Typed]) });
          managers.set(own.doc, manager);
        }
        return manager;
      },
    },
    transact: {
      value(run: (edited: Y.Doc) => void): Receipt {
        own.doc.transact(() => run(own.doc));
        return own.receipt;
      },
    },
    versions: { get: () => (versions ??= clientVersions(client as Client, core, made, own.owners)) },
    close: {
      value() {
        versions?.close();
        close();
      },
    },
  }) as ClientDoc;
  return made;
}
