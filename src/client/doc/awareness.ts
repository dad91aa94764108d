/**
 * `doc(client, ref).awareness`: who is at the document, and where, as bindings of editors expect it: the `Awareness` of y-protocols.
 *
 * Its states are the members of a room of the document. What this page says of itself is its member's data; each of the others has a
 * number, made here of the id that the server issued.
 * Always: no client id travels, so none can be forged; who is no member is not shown; no clock but the room's says who is there.
 * Rules: docs/protocol/awareness.md AWARE1-AWARE9.
 */
import { Awareness } from "y-protocols/awareness";
import type { Timer } from "../../core/env.ts";
import { isSame } from "../../kind/same.ts";
import type { KindCore } from "../client.ts";
import { roomOf } from "../room.ts";
import { type DocTopic, remote } from "./topic.ts";

export type AwarenessState = { readonly [key: string]: unknown };

/** Without a touch for so long, this client is away. */
const idleMs = 300_000;
/** Others are shown for so long after this client's line was lost. */
const staleMs = 5000;

const made = new WeakMap<DocTopic, Awareness>();

/** The one of the document as it is now. */
export function awarenessOf(core: KindCore, topic: string, own: DocTopic): Awareness {
  const before = made.get(own);
  if (before?.doc === own.doc) return before;
  const awareness = createAwareness(core, topic, own, before ? before.getLocalState() : {});
  made.set(own, awareness);
  // Where the document is replaced, before the old one is destroyed.
  if (!before) {
    own.local.add(() => void awarenessOf(core, topic, own));
    own.onRenamed.add(() => rename(awarenessOf(core, topic, own)));
  }
  return awareness;
}

function createAwareness(core: KindCore, topic: string, own: DocTopic, local: AwarenessState | null): Awareness {
  const awareness = new Awareness(own.doc);
  // It forgets whoever says nothing for 30 s: here the server knows who is there.
  clearInterval(awareness._checkInterval);
  awareness.setLocalState(local);
  const room = roomOf(core, `${topic}/@awareness`);
  /** The others, by the ids of their members. */
  const shown = new Map<string, { readonly client: number; readonly data: unknown }>();
  let clock = 0;
  /** Ends the looking into the room, while the document is read. */
  let stopLooking: (() => void) | undefined;
  /** Leaves it, while there is something to show. */
  let leave: (() => void) | undefined;
  let staleTimer: Timer | undefined;
  let isStale = false;

  const numberOf = (id: string): number => {
    const { clientID } = own.doc;
    let client = Number.parseInt(id.slice(0, 8), 16) >>> 0;
    while (client === clientID || awareness.states.has(client)) client = (client + 1) >>> 0;
    return client;
  };

  /** Shows who is in the room. */
  const look = (): void => {
    const members = stopLooking && !isStale ? room.state.members : [];
    const changes = { added: [] as number[], updated: [] as number[], removed: [] as number[] };
    const gone = new Map(shown);
    for (const { id, data } of members) {
      if (room.isOwn(id)) continue;
      const before = shown.get(id);
      gone.delete(id);
      if (before?.data === data) continue;
      const client = before?.client ?? numberOf(id);
      shown.set(id, { client, data });
      awareness.states.set(client, data as AwarenessState);
      changes[before ? "updated" : "added"].push(client);
    }
    for (const [id, { client }] of gone) {
      shown.delete(id);
      awareness.states.delete(client);
      changes.removed.push(client);
    }
    const { added, updated, removed } = changes;
    const told = [...added, ...updated, ...removed];
    if (!told.length) return;
    // For those who encode it for others.
    clock++;
    for (const client of told) awareness.meta.set(client, { clock, lastUpdated: core.env.nowMs() });
    for (const event of ["change", "update"]) core.attempt(() => awareness.emit(event, [changes, remote]), topic);
    for (const client of removed) awareness.meta.delete(client);
  };

  /** Says what has changed of this page. */
  const say = (): void => {
    const state = stopLooking ? plain(awareness.getLocalState()) : null;
    if (!state) {
      const left = leave;
      leave = undefined;
      left?.();
    } else if (!leave) leave = room.join(state, idleMs);
    else {
      const before = room.data.get();
      const patch: { [key: string]: unknown } = {};
      for (const key of Object.keys(before)) if (!Object.hasOwn(state, key)) patch[key] = undefined;
      for (const [key, value] of Object.entries(state)) if (!isSame(value, before[key])) patch[key] = value;
      if (Object.keys(patch).length) room.set(patch);
    }
  };
  /** The server made something else of it, or refused it. */
  const adopt = (data: AwarenessState): void => {
    if (leave && !isSame(plain(awareness.getLocalState()), data)) awareness.setLocalState({ ...data });
  };

  const stopTimer = (): void => {
    if (staleTimer !== undefined) core.env.clearTimer(staleTimer);
    staleTimer = undefined;
  };
  const follow = (): void => {
    stopTimer();
    const isLive = room.held.status.get() === "live";
    if (isLive) isStale = false;
    else if (shown.size) {
      staleTimer = core.env.setTimer(() => {
        isStale = true;
        look();
      }, staleMs);
    }
    look();
  };
  /** In the room while the document is read. */
  const attend = (): void => {
    const isRead = own.held.status.get() !== "idle";
    if (isRead === (stopLooking !== undefined)) return;
    stopLooking?.();
    stopLooking = isRead ? room.held.use() : undefined;
    say();
    look();
  };

  const ends = [
    own.held.status.listen(attend),
    room.held.listen(look),
    room.held.status.listen(follow),
    room.id.listen(look),
    room.data.listen(adopt),
    room.refused.listen((error) => leave && error && core.report(error, room.topic)),
  ];
  awareness.on("update", (_changes: unknown, origin: unknown) => {
    if (origin !== remote) say();
  });
  awareness.on("destroy", () => {
    for (const end of ends) end();
    stopTimer();
    stopLooking?.();
    stopLooking = undefined;
    say();
    look();
  });
  attend();
  return awareness;
}

/** As it travels: editors put objects of Yjs into it, which are JSON for others. */
function plain(state: object | null): AwarenessState | null {
  return state && (JSON.parse(JSON.stringify(state)) as AwarenessState);
}

/** Follows the document's client id: bindings take this page for somebody else under another one. */
function rename(awareness: Awareness): void {
  const { clientID: old, states, meta, doc } = awareness;
  if (old === doc.clientID) return;
  const state = awareness.getLocalState();
  states.delete(old);
  meta.delete(old);
  awareness.clientID = doc.clientID;
  awareness.emit("change", [{ added: [], updated: [], removed: [old] }, "local"]);
  awareness.setLocalState(state);
}
