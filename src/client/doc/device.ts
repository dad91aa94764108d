/**
 * What this device has of one document: a copy that is shown before the server has said anything, and client ids.
 *
 * Always: as storage/keeping.ts says; an id is another's or this page's, never both.
 * Rules: docs/protocol/doc.md DOC34-DOC42.
 */
import * as Y from "yjs";
import type { SyncError } from "../../core/errors.ts";
import { readEntry, readSnapshot } from "../../kind/doc/authority.ts";
import { readOwners } from "../../kind/doc/version.ts";
import type { KindCore } from "../client.ts";
import type { Held } from "../held.ts";
import type { Copied, Stretch } from "../storage/copy.ts";
import { createKeeping } from "../storage/keeping.ts";
import type { Shelf } from "../storage/shelf.ts";
import { DocIds } from "./ids.ts";

/** The document, as its device sees it. */
export interface DeviceHost {
  readonly core: KindCore;
  readonly topic: string;
  readonly held: Held;
  readonly doc: Y.Doc;
  /** Something is in it of the server, or of this device. */
  readonly isShown: boolean;
  /** Puts the copy into the document; false: it cannot be read. */
  show(copied: Copied): boolean;
  /** The document's client id is another one now. */
  renamed(): void;
  /** Replaces the document by what the server has. */
  startOver(): void;
}

export interface Device {
  /** Calls `run` once all that is in the document may leave this page; with an error where it never may. */
  leave(run: (lost?: SyncError) => void): void;
  /** The server sent that. */
  took(stretch: Stretch): void;
  /** More of it is here. */
  grown(): void;
  /** The document is another one now. */
  replaced(): void;
}

export function createDevice(host: DeviceHost, shelf: Shelf): Device {
  const { core, topic, held } = host;
  let ids: DocIds | undefined;

  const look = (): void => {
    const { doc } = host;
    const stateOf = (client: number): number => Y.getState(doc.store, client);
    // It was edited before the store was open.
    if (stateOf(doc.clientID)) return device.leave(() => {});
    void ids?.take(stateOf, (client) => {
      if (host.doc !== doc || stateOf(doc.clientID)) return false;
      doc.clientID = client;
      host.renamed();
      return true;
    });
  };

  const keeping = createKeeping({
    core,
    shelf,
    held,
    format: { topic, kind: "doc", version: 1, lengthOf: (entry) => readEntry(entry).length, join },
    get isShown() {
      return host.isShown;
    },
    show: host.show,
    startOver: host.startOver,
    opened(store, owner) {
      // Anonymous users are one to us, and many to the server.
      if (owner) ids = new DocIds(core, shelf, store, topic, owner);
    },
    loaded: look,
    ended() {
      ids?.end();
      ids = undefined;
    },
  });

  const device: Device = {
    leave(run) {
      const { clientID, store } = host.doc;
      if (ids) ids.leave(clientID, Y.getState(store, clientID), run);
      else run();
    },
    took: keeping.took,
    grown: look,
    replaced() {
      ids?.drop();
    },
  };
  return device;
}

/** Without what was deleted. */
function join({ base, entries }: Copied): unknown {
  const doc = new Y.Doc();
  const owners = new Map(base ? readOwners(base[0]) : []);
  doc.transact(() => {
    for (const update of base ? readSnapshot(base[0]) : []) Y.applyUpdate(doc, update);
    for (const entry of entries) {
      Y.applyUpdate(doc, readEntry(entry));
      if (Array.isArray(entry)) for (const [client, owner] of readOwners([null, [entry.slice(1)]])) owners.set(client, owner);
    }
  });
  const byOwner = new Map<string, (string | number)[]>();
  for (const [client, owner] of owners) byOwner.set(owner, [...(byOwner.get(owner) ?? [owner]), client]);
  const update = Y.encodeStateAsUpdate(doc);
  doc.destroy();
  return [[update], [...byOwner.values()]];
}
