/**
 * What this device has of one document: a copy that is shown before the server has said anything, and client ids.
 *
 * The subscription waits until the copy is here, while there is a line for at most `waitMs`; then it goes on from the copy's position, or
 * without it.
 * Always: what is shown from here is this user's; where the server says that it may not be read, it is neither shown nor kept any more.
 * Rules: docs/protocol/doc.md DOC34-DOC42.
 */
import * as Y from "yjs";
import type { Timer } from "../../core/env.ts";
import { isSyncError, type SyncError } from "../../core/errors.ts";
import type { KindCore } from "../client.ts";
import type { Held } from "../held.ts";
import type { Shelf } from "../storage/shelf.ts";
import type { OpenOutboxStore } from "../storage/store.ts";
import { type Copied, DocCopy, type Stretch } from "./copy.ts";
import { DocIds } from "./ids.ts";

/** With a line, a subscription waits for the copy for so long. */
const waitMs = 1000;

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
  const { env } = core;
  /** Whose copy and ids these are. */
  let owner: string | undefined;
  let copy: DocCopy | undefined;
  let ids: DocIds | undefined;
  /** Of what is read; unknown until the next subscription where it changed in between. */
  let epoch: string | undefined;

  /** What was there before its epoch was known: rendered by a server. */
  let early: Stretch | undefined;
  let timer: Timer | undefined;

  /** The subscription goes on. */
  const proceed = (): void => {
    if (timer !== undefined) env.clearTimer(timer);
    timer = undefined;
    if (!held.isWaiting) return;
    held.isWaiting = false;
    held.use(false)();
  };
  const proceedSoon = (): void => {
    if (held.isWaiting) timer ??= env.setTimer(proceed, waitMs);
  };

  const open = async (whose: string): Promise<void> => {
    owner = whose;
    if (core.facts.welcome) proceedSoon();
    // Where it fails, its outbox says so.
    const store = await shelf.opening.catch(() => undefined);
    if (owner !== whose) return;
    if (store && !shelf.isOver) await openIn(store, whose);
    proceed();
  };

  const openIn = async (store: OpenOutboxStore, whose: string): Promise<void> => {
    const opened = new DocCopy(core, shelf, store, topic, whose);
    copy = opened;
    // Anonymous users are one to us, and many to the server.
    if (whose) ids = new DocIds(core, shelf, store, topic, whose);
    const copied = held.isWaiting ? await opened.load() : undefined;
    if (copy !== opened) return;
    if (copied && held.isWaiting) {
      if (host.show(copied)) {
        ({ epoch } = copied);
        held.rewind(copied.offset, epoch);
      } else opened.damaged();
    }
    look();
  };

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

  /** Nothing is known of what the server has. */
  held.isWaiting = held.next === 0;
  if (shelf.owner !== undefined) void open(shelf.owner);

  held.onGap(({ to }) => {
    if (to === 0) epoch = undefined;
  });
  held.onNamed((answer) => {
    const { at, recovered } = answer as { readonly at: readonly [string, number]; readonly recovered: boolean };
    [epoch] = at;
    if (early && recovered) copy?.add(epoch, early);
    early = undefined;
  });
  held.status.listen((status) => {
    if (status === "deleted" || (status === "refused" && isSyncError(held.error, "forbidden"))) copy?.forget();
  });
  core.join({
    receive: () => false,
    welcomed() {
      const before = owner;
      const now = shelf.owner;
      if (now === undefined || now === before) return proceedSoon();
      // Somebody else, who is shown nothing of the one before.
      copy?.end();
      ids?.end();
      copy = ids = undefined;
      if (before !== undefined && host.isShown) host.startOver();
      void open(now);
    },
    lost(isEnd) {
      if (!isEnd) return;
      proceed();
      copy?.end();
      ids?.end();
    },
  });

  const device: Device = {
    leave(run) {
      const { clientID, store } = host.doc;
      if (ids) ids.leave(clientID, Y.getState(store, clientID), run);
      else run();
    },
    took(stretch) {
      if (epoch === undefined) early = stretch;
      else copy?.add(epoch, stretch);
    },
    grown: look,
    replaced() {
      ids?.drop();
    },
  };
  return device;
}
