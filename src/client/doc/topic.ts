/**
 * One document as a client holds it: a `Y.Doc` that is edited here at once, and what brings it what others wrote: the server, this
 * device's copy, other tabs.
 *
 * What a frame brings is one transaction. Yjs takes nothing back. So where a write is rejected, or the server's document is no longer the
 * one that this one came from, the document is replaced by a new one, made of what the server has; the old one is destroyed.
 * Always: what others wrote comes with the origin `remote`, from other tabs with `tab`; every other change is sent, in order, and gives a
 * receipt.
 * Rules: docs/protocol/doc.md DOC17-DOC24.
 */
import * as Y from "yjs";
import type { Env } from "../../core/env.ts";
import { SyncError } from "../../core/errors.ts";
import { createStore, type Readable } from "../../core/store.ts";
import type { KindCore } from "../client.ts";
import type { Held } from "../held.ts";
import type { Receipt } from "../receipt.ts";
import type { Copied } from "../storage/copy.ts";
import { type Change, tellLocal } from "../value-handle.ts";
import { type Write, writesOf } from "../writes.ts";
import { createDevice } from "./device.ts";
import { updatesOf } from "./earlier.ts";
import { leaving } from "./leaving.ts";
import { DocReplica } from "./replica.ts";
import { createSending } from "./sending.ts";
import type { OpenTabLine } from "./tab-line.ts";
import { shareTabs, type TabsState, tab } from "./tabs.ts";
import { wholeOf } from "./whole.ts";

/** The origin of transactions that bring what the server sent, and what this device had of it. */
export const remote = "sente-sync";

/** `device`: as it was when this device last read it, and what it edited since; the server has not spoken yet. */
export type ShownFrom = "nothing" | "device" | "server";

export interface DocTopic {
  readonly held: Held;
  readonly local: Set<(change: Change) => void>;
  readonly doc: Y.Doc;
  /** Called where the document's client id is another one. */
  readonly onRenamed: Set<() => void>;
  /** Of client ids, as far as the server said. */
  readonly owners: ReadonlyMap<number, string>;
  /** All that the server had when it was asked is here. */
  readonly synced: Readable<boolean>;
  readonly shownFrom: Readable<ShownFrom>;
  /** Writes without an answer, and one more while something is gathered. */
  readonly pending: Readable<number>;
  /** Of the newest edit made here. */
  readonly receipt: Receipt;
  readonly tabs: TabsState;
  /** Goes on in that one, which gets what is here. */
  moveTo(next: Y.Doc): void;
}

const topics = new WeakMap<Held, DocTopic>();

/** The one of that name. `given`: edit that one. `openTabs`: where it is new, share it with other tabs. */
export function docTopic(core: KindCore, topic: string, given?: Y.Doc, openTabs?: OpenTabLine): DocTopic {
  const replica = new DocReplica();
  const held = core.hold(topic, "doc", () => replica);
  let made = topics.get(held);
  if (!made) {
    made = createDocTopic(core, topic, held, given, openTabs);
    topics.set(held, made);
  } else if (given?._item && given !== made.doc) {
    // It is within another, which has it anew.
    made.moveTo(given);
  } else if (given && given !== made.doc) {
    throw new SyncError("conflict", `"${topic}" is edited through another Y.Doc already.`);
  }
  return made;
}

function createDocTopic(
  core: KindCore,
  topic: string,
  held: Held,
  given: Y.Doc | undefined,
  openTabs: OpenTabLine | undefined,
): DocTopic {
  const { env } = core;
  const replica = held.replica as DocReplica;
  const writes = writesOf(core);
  const writer = writes.writer(topic, "doc", held);
  const local = new Set<(change: Change) => void>();
  const onRenamed = new Set<() => void>();
  const synced = createStore(false);
  const shownFrom = createStore<ShownFrom>("nothing");
  /** The server's document is another one since. */
  let isStale = false;
  /** What others wrote is being applied. */
  let isTaking = false;
  /** What the server sent is here up to there. */
  let reached = 0;
  /** The server had so much when it was asked. */
  let target = Number.POSITIVE_INFINITY;

  const become = (from: ShownFrom): void => {
    core.attempt(() => shownFrom.set(from), topic);
    core.attempt(() => synced.set(from === "server"), topic);
  };

  /** Puts it into the document, as what others wrote. */
  const apply = (updates: readonly Uint8Array[], origin: string): void => {
    isTaking = true;
    try {
      doc.transact(() => {
        for (const update of updates) Y.applyUpdate(doc, update, origin);
      }, origin);
    } finally {
      isTaking = false;
    }
  };

  const edited = (update: Uint8Array, origin: unknown): void => {
    if (origin === remote || origin === tab) return;
    if (isTaking && origin === null && update[0] === 0) return sending.tidied(update);
    tabs?.writeBeneath();
    sending.edited(update);
    tabs?.made(update, sending.receipt.stored);
  };

  let doc = given ?? createDoc(env, topic);

  /** What this document has, the server has not: only a new one can be right. */
  const replace = (): void => {
    const old = doc;
    old.off("update", edited);
    sending.drop(new SyncError("conflict", "The document was replaced by the server's."));
    doc = createDoc(env, topic);
    doc.on("update", edited);
    tabs?.replaced();
    device?.replaced();
    reached = 0;
    become("nothing");
    tellLocal(core, topic, local);
    old.destroy();
  };
  const moveTo = (next: Y.Doc): void => {
    const old = doc;
    const more = Y.encodeStateAsUpdate(next, Y.encodeStateVector(old));
    old.off("update", edited);
    next.clientID = old.clientID;
    Y.applyUpdate(next, Y.encodeStateAsUpdate(old), remote);
    doc = next;
    doc.on("update", edited);
    if (more.length > 2) edited(more, next);
    tellLocal(core, topic, local);
  };

  const startOver = (): void => {
    replace();
    held.rewind(0);
  };

  const shelf = writes.keeper?.shelf;
  const device =
    shelf &&
    createDevice(
      {
        core,
        topic,
        held,
        get doc() {
          return doc;
        },
        get isShown() {
          return shownFrom.get() !== "nothing";
        },
        show,
        renamed: () => core.attempt(() => onRenamed.forEach((run) => run()), topic),
        startOver,
      },
      shelf,
    );
  const sending = createSending({
    core,
    topic,
    writer,
    leave: device?.leave,
    whole: (update) => wholeOf(update, doc),
    missing: (vector) => Y.encodeStateAsUpdate(doc, vector),
    isIncomplete: () => doc.store.pendingStructs !== null,
    refused: startOver,
  });
  const tabs =
    openTabs &&
    shareTabs(
      {
        core,
        topic,
        held,
        synced,
        get doc() {
          return doc;
        },
        take: (update) => apply([update], tab),
        write: sending.write,
        startOver,
      },
      device ? leaving(openTabs, shelf, device.leave) : openTabs,
    );

  if (given) {
    const before = Y.encodeStateAsUpdate(given);
    // What it had is written like what follows.
    if (before.length > 2) edited(before, given);
  }
  doc.on("update", edited);

  /** As it was when this device last read it. */
  function show({ epoch, base, entries, from, offset }: Copied): boolean {
    try {
      if (base) replica.restore(base[0]);
      for (const [index, entry] of entries.entries()) replica.apply(entry, from + index + 1);
      apply(replica.take().updates, remote);
    } catch (error) {
      core.report(new SyncError("damaged", "Yjs could not read the copy on this device.", { cause: error }), topic);
      replace();
      return false;
    }
    reached = offset;
    become("device");
    tabs?.shown(epoch);
    tellLocal(core, topic, local);
    return true;
  }
  /** Writes of an earlier page are on their way, and shown meanwhile. */
  const adopt = (writes: readonly Write[]): void => {
    const earlier = updatesOf(writes);
    if (!earlier.length) return;
    const updates = earlier.map(({ op }) => op);
    core.attempt(() => apply(updates, remote), topic);
    if (!synced.get()) become("device");
    sending.adopt(earlier);
    for (const { op, receipt } of earlier) tabs?.made(op, receipt.stored);
    tellLocal(core, topic, local);
    device?.grown();
  };
  writes.unanswered.present(topic, { adopt, again: (op) => writer.write(op, { idempotent: true }) });

  const take = (): void => {
    const { snapshot, entries, offset: last, updates } = replica.take();
    if (snapshot !== undefined && isStale) replace();
    isStale = false;
    try {
      apply(updates, remote);
    } catch (error) {
      core.report(new SyncError("invalid", "Yjs could not read what the server sent.", { cause: error }), topic);
    }
    reached = entries.length ? last : held.next - 1;
    const base = snapshot === undefined ? undefined : ([snapshot] as const);
    device?.took({ from: reached - entries.length, offset: reached, base, entries });
    if (snapshot !== undefined || reached >= target) arrived();
  };
  const arrived = (): void => {
    if (synced.get()) return;
    become("server");
    device?.grown();
  };

  replica.cleared = () => {
    // Taken away: so is what it showed.
    if (shownFrom.get() !== "nothing") replace();
  };
  held.listen((cause) => {
    if (cause !== "cleared" && !replica.isEmpty) take();
  });
  held.onGap(({ to }) => {
    if (to === 0 && shownFrom.get() !== "nothing") isStale = true;
  });
  held.onNamed((answer) => {
    const { at, recovered } = answer as { readonly at: readonly [string, number]; readonly recovered: boolean };
    target = at[1];
    sending.allow();
    if (recovered && reached >= target) arrived();
  });

  // As a server rendered it.
  if (!replica.isEmpty) take();

  return {
    held,
    local,
    onRenamed,
    owners: replica.owners,
    get doc() {
      return doc;
    },
    synced,
    shownFrom,
    pending: sending.pending,
    get receipt() {
      return sending.receipt;
    },
    get tabs() {
      return tabs?.state ?? { isShared: false, taken: 0, ignored: 0 };
    },
    moveTo,
  };
}

function createDoc(env: Env, topic: string): Y.Doc {
  const doc = new Y.Doc({ guid: topic });
  doc.clientID = newClientId(env);
  return doc;
}

/** Small ones are the server's. */
export function newClientId(env: Env): number {
  return Math.max(256, new DataView(env.randomBytes(4).buffer).getUint32(0));
}
