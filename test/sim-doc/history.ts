/**
 * Histories of documents: pages of ours and of other providers edit two of them, a server does too, hostile ones send what they like, and
 * everything breaks: lines, pages, the server, its disk. Updates are joined, and versions made and gone back to, at random moments.
 *
 * Always: the options of a seed are drawn before anything runs; every honest edit leaves a mark that nothing but going back removes.
 * Rules: docs/protocol/doc.md DOC27-DOC29; docs/protocol/yjs-peers.md YPEER18; docs/protocol/doc-versions.md VDOC16.
 */
import { defineDoc, isSyncError } from "sente-sync";
import type { Client } from "sente-sync/client";
import { type ClientDoc, doc as clientDoc } from "sente-sync/doc";
import { type YjsPeers, yjsPeers } from "sente-sync/doc/peers";
import { type DocFamily, doc, type ServerDoc } from "sente-sync/doc/server";
import type { Server } from "sente-sync/server";
import {
  createRng,
  type Rng,
  type SimulatedClient,
  type SimulatedServer,
  type SimulateOptions,
  type VirtualClock,
} from "sente-sync/testing";
import * as Y from "yjs";
import { coreOf } from "../../src/client/client.ts";
import { writesOf } from "../../src/client/writes.ts";
import { readEntry } from "../../src/kind/doc/authority.ts";
import { createDoc, docOf, edit, hasPending } from "../doc/yjs.ts";
import { drawLimits } from "../sim-durable/limits.ts";
import { Notes } from "../sim-durable/notes.ts";
import { shownBy, structureOf } from "./content.ts";
import { drawPeers, type PlannedPeer, SimPeers } from "./peers.ts";
import { drawVersions, VersionBook, type VersionPlan } from "./versions.ts";

export const notesRef = defineDoc("notes/:id");
const ids = ["a", "b"] as const;

interface Edited {
  /** On a page, where it may be replaced. */
  readonly doc?: Y.Doc;
  transact(run: (edited: Y.Doc) => void): { readonly stored: Promise<unknown> };
}

/** What each of them expects of every honest edit. */
export class DocModel {
  readonly notes: Notes = new Notes();
  /** Marks of edits by note: acknowledged, and those that nobody can say of. */
  readonly stored: Map<string, Set<string>> = new Map(ids.map((id) => [id, new Set()]));
  /** Client ids of honest pages, which write none of the letters of forged text. */
  readonly honest: Set<number> = new Set();
  readonly clock: VirtualClock;
  readonly peers: SimPeers;
  readonly versions: VersionBook;
  #count = 0;

  constructor(clock: VirtualClock, planned: readonly PlannedPeer[], plan: VersionPlan) {
    this.clock = clock;
    this.peers = new SimPeers(planned, this);
    this.versions = new VersionBook(this, plan);
  }

  nextMark(): string {
    return `m${++this.#count}`;
  }

  /** An edit with a mark of its own. */
  edit(id: string, note: Edited, rng: Rng): void {
    const mark = this.nextMark();
    const { doc } = note;
    const { stored } = note.transact((edited) => {
      edit(edited, rng);
      edited.getMap("marks").set(mark, true);
    });
    stored.then(
      () => {
        this.notes.stored++;
        this.stored.get(id)?.add(mark);
      },
      (error: unknown) => {
        if (!isSyncError(error)) this.notes.wrong(`an edit ended in ${String(error)}`);
        // It was on its way when its document was replaced by one that begins anew.
        else if (["gap", "session-lost"].includes(error.code) && note.doc !== doc)
          this.notes.reached("an edit of a document that was replaced");
        else if (!refusals.has(error.code)) this.notes.wrong(`an honest edit was refused: ${error.code} ${error.message}`);
        else this.notes.reached(`an edit that ended in ${error.code}`);
      },
    );
  }
}

/** What may become of an honest edit besides being stored. */
const refusals = new Set(["closed", "conflict", "read-only"]);
/** What is told where nobody else is there to be told: of a disk, or of what a page left that is gone. */
const toldCodes = ["read-only", "closed", "session-lost", "gap"];
/** What the server tells of a peer whose bytes it cannot take. */
const unreadable = ["malformed", "too-large", "too-deep", "invalid"];

/** One page in one life. */
export class DocPage {
  readonly notes: ReadonlyMap<string, ClientDoc>;
  readonly isHostile: boolean;
  readonly #client: Client;

  constructor(client: Client, model: DocModel, page: SimulatedClient<unknown>) {
    this.isHostile = page.user.id.startsWith("hostile");
    this.#client = client;
    this.notes = new Map(ids.map((id) => [id, clientDoc(client, notesRef({ id }))]));
    for (const note of this.notes.values()) {
      let shown = note.doc;
      note.listen((now, { cause }) => {
        model.notes.delivered++;
        if (cause === "snapshot") model.notes.reached("a snapshot");
        if (now && now !== shown) model.notes.reached("a document that was replaced");
        shown = note.doc;
      });
    }
    client.on("resume", ({ recovered }) => recovered && model.notes.reached("a session gone on with"));
  }

  note(id: string): ClientDoc {
    return this.notes.get(id) as ClientDoc;
  }

  /** Bytes as they are, past the document. */
  send(id: string, bytes: Uint8Array, model: DocModel): void {
    const writer = writesOf(coreOf(this.#client)).writer(`notes/${id}`, "doc");
    writer.write(bytes, { idempotent: true }).stored.then(
      () => model.notes.reached("hostile bytes that were taken"),
      (error: unknown) => model.notes.reached(`hostile bytes refused: ${isSyncError(error) ? error.code : "?"}`),
    );
  }
}

/** What somebody sends who knows the document and wants it harmed. */
const attacks: readonly ((known: Y.Doc, rng: Rng) => Uint8Array)[] = [
  /** Another's next struct. */
  (known, rng) => {
    const before = Y.encodeStateVector(known);
    const forged = docOf([Y.encodeStateAsUpdate(known)]);
    forged.clientID = rng.pick([...others(known), [5, 0] as const])[0];
    forged.getText("text").insert(0, "EVIL");
    return Y.encodeStateAsUpdate(forged, before);
  },
  /** The same under another's clocks that are there: equal vectors, other text. */
  (known, rng) => {
    const [clientId, clock] = rng.pick([...others(known), [5, 1] as const]);
    const other = createDoc(clientId);
    other.getText("text").insert(0, "x".repeat(Math.min(clock, 500)));
    return Y.encodeStateAsUpdate(other);
  },
  /** What silences another for ever. */
  (known, rng) => {
    const [clientId, clock] = rng.pick([...others(known), [5, 0] as const]);
    return Uint8Array.from([1, 1, ...varint(clientId), ...varint(clock), 0, ...varint(2 ** rng.pick([4, 20, 40])), 0]);
  },
  /** What deletes all that another will ever write. */
  (known, rng) => {
    const [clientId] = rng.pick([...others(known), [5, 0] as const]);
    return Uint8Array.from([0, 1, ...varint(clientId), 1, 0, ...varint(2 ** rng.pick([8, 30, 40]))]);
  },
  /** Half of what it says, or other bytes. */
  (known, rng) => {
    const bytes = Uint8Array.from(Y.encodeStateAsUpdate(known));
    for (let n = 1 + rng.int(3); n > 0; n--) bytes[rng.int(bytes.length)] = rng.int(256);
    return rng.chance(0.3) ? bytes.subarray(0, rng.int(bytes.length)) : bytes;
  },
  /** What builds upon what is not there. */
  (known, rng) => {
    const mine = docOf([Y.encodeStateAsUpdate(known)]);
    mine.clientID = 3_000_000 + rng.int(1000);
    const updates: Uint8Array[] = [];
    mine.on("update", (update: Uint8Array) => updates.push(update));
    for (const letter of "abc") mine.getText("text").insert(mine.getText("text").length, letter);
    return updates[2] as Uint8Array;
  },
];

/** Client ids and clocks of those who are not it: who lies under its own id gets another from Yjs, by chance. */
const others = (known: Y.Doc): [client: number, clock: number][] =>
  [...Y.decodeStateVector(Y.encodeStateVector(known))].filter(([client]) => client !== known.clientID);

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

export interface InstalledDocs {
  readonly family: DocFamily<{ readonly id: string }>;
  readonly notes: Map<string, ServerDoc>;
  readonly peers: YjsPeers;
}

interface DocHistory extends SimulateOptions<InstalledDocs, DocPage, DocModel> {
  model(clock: VirtualClock): DocModel;
}

/** The program's handle of a document, which it does not keep loaded. */
async function load({ use }: InstalledDocs["family"], notes: InstalledDocs["notes"], id: string): Promise<void> {
  await use({ id }, (served) => void notes.set(id, served));
}

/** What `simulate` is to run for that seed. */
export function docHistory(seed: number | string): DocHistory {
  const rng = createRng(`doc/${seed}`);
  const { mayForget: _, ...limits } = drawLimits(rng.fork("limits"));
  const retention = rng.chance(0.4) ? { maxEntries: rng.pick([2, 10, 40]) } : {};
  const hasHostile = rng.chance(0.6);
  const planned = drawPeers(
    rng.fork("peers"),
    ids.map((id) => `notes/${id}`),
  );
  const plan = drawVersions(rng.fork("versions"));
  /** The program keeps the documents loaded; else they are let go while no page has them. */
  const isKept = rng.fork("kept").chance(0.5);
  let current: DocModel | undefined;
  return {
    ...limits,
    seed,
    clients: rng.pick([2, 3, 4]),
    user: (index) => (hasHostile && index === 1 ? { id: `hostile${index}`, name: "" } : { id: `client${index}`, name: "" }),
    ops: 55 + rng.int(60),
    outbox: rng.chance(0.6) && { meanSaveMs: rng.pick([0, 2, 50]) },
    without: ["client-copy"],
    model(clock) {
      current = new DocModel(clock, planned, plan);
      return current;
    },
    install(sync: Server) {
      const notes = new Map<string, ServerDoc>();
      const family = doc(sync, notesRef, {
        retention,
        versions: plan.policy,
        authorize: ({ action, user }) => action !== "write" || !user.id.startsWith("reader"),
        afterUnloadDocument({ params: { id } }) {
          current?.notes.reached("a document that was let go");
          notes.delete(id);
          load(family, notes, id).catch(() => {});
        },
      });
      return { family, notes, peers: yjsPeers(sync) };
    },
    async ready({ family, notes }) {
      for (const id of ids) {
        if (isKept) notes.set(id, await family.open({ id }));
        else await load(family, notes, id);
      }
    },
    open: (client, { model, page }) => new DocPage(client, model, page),
    workload: {
      edit: ({ client, model, rng: draws }) => editPage(client.app, model, draws),
      type: ({ client, model, rng: draws }) => editPage(client.app, model, draws),
      more: ({ client, model, rng: draws }) => editPage(client.app, model, draws),
      serverEdit({ world, model, rng: draws }) {
        if (!world.server.isReady) return;
        const id = draws.pick(ids);
        const served = world.server.app.notes.get(id);
        if (!served || model.versions.isRestoring(served)) return;
        try {
          model.edit(id, served, draws);
        } catch (error) {
          // Its disk fails, or it is closing.
          if (!isSyncError(error) || !["read-only", "closed", "loading", "backpressure"].includes(error.code)) throw error;
        }
      },
      compact({ world, model, rng: draws }) {
        if (!world.server.isReady) return;
        const served = world.server.app.notes.get(draws.pick(ids));
        if (!served) return;
        const before = served.updates.length;
        served.compact();
        if (served.updates.length < before) model.notes.reached("updates that were joined");
      },
      reconnect: ({ client }) => client.client.reconnect(),
      peer: ({ model, rng: draws }) => model.peers.act(draws, attacks),
      version({ client, world, model, rng: draws }) {
        const id = draws.pick(ids);
        const target = versioned(client.app, world.server, id, draws, isKept);
        if (!target) return;
        if (draws.chance(0.5)) model.versions.change(id, target, draws);
        else model.versions.use(id, target, draws);
      },
      attack({ world, model, rng: draws }) {
        const hostile = world.clients.find((each) => each.isUp && each.app.isHostile);
        if (!hostile) return;
        const id = draws.pick(ids);
        const bytes = draws.pick(attacks)(hostile.app.note(id).doc, draws);
        hostile.app.send(id, bytes, model);
      },
    },
    onError(error, where) {
      if ((isSyncError(error) && toldCodes.includes(error.code)) || (error as Error).name === "DiskError") return;
      // What a hostile page left in its storage is told to nobody else.
      if (hasHostile && where.startsWith("client1, notes/")) return;
      // Nor is what a hostile peer was refused, who has no word for it.
      if (planned.some(({ role }) => role === "hostile") && isSyncError(error) && unreadable.includes(error.code)) return;
      if (plan.mayDrop && where === "doc/versions" && isSyncError(error) && error.code === "not-found") return;
      throw new Error(`${where}: ${String(error)}`, { cause: error });
    },
    unsettled({ clients, model }) {
      for (const { app, name } of clients) {
        for (const [id, { status, pending }] of app.notes) {
          if (status.get() !== "live") return `${name} has not subscribed to ${id}`;
          if (pending.get()) return `${name} waits for answers about ${id}`;
        }
      }
      return model.peers.unsettled();
    },
    always(world) {
      world.model.peers.follow(world);
      world.model.notes.judge();
    },
    async after(world) {
      const { model, clients, server } = world;
      await world.advance("6s");
      const served = new Map<string, Y.Doc>();
      for (const id of ids) served.set(id, docOf((await world.until(server.app.family.open({ id }))).updates));
      for (const id of ids) {
        const note = served.get(id) as Y.Doc;
        const expected = structureOf(note);
        if (hasPending(note)) model.notes.wrong(`the server's ${id} waits for something`);
        for (const { app, name } of clients) {
          // Who sends what it does not show harms itself.
          if (app.isHostile) continue;
          const { doc: shown, synced } = app.note(id);
          if (!synced.get()) model.notes.wrong(`${name} is not synced with ${id}`);
          if (hasPending(shown)) model.notes.wrong(`${name} waits for something in ${id}`);
          const structure = structureOf(shown);
          if (structure !== expected) model.notes.wrong(`${name} shows another ${id}: ${structure}\nand not ${expected}`);
        }
        judgePeers(id, note, expected, model);
        for (const mark of model.stored.get(id) ?? [])
          if (!model.versions.hasMark(note, mark)) model.notes.wrong(`${mark} was stored and is not in ${id}`);
        // Who goes back writes again what others wrote.
        for (const clientId of plan.mayRestore ? [] : model.honest) {
          if (wrote(note, clientId, /[EVIL]/)) model.notes.wrong(`forged under ${clientId}`);
        }
      }
      for (const id of ids) {
        const { first, entries } = await world.stored(`notes/${id}`);
        const isWhole = first <= 1 && entries.length > 0;
        if (isWhole) {
          const rebuilt = docOf(entries.map(readEntry));
          model.notes.reached("a document rebuilt from its log");
          if (hasPending(rebuilt)) model.notes.wrong(`the log of ${id} has gaps`);
          if (structureOf(rebuilt) !== structureOf(served.get(id) as Y.Doc)) {
            model.notes.wrong(`the log of ${id} makes another document`);
          }
        }
        server.start();
        await world.advance("6s");
        const again = await world.until(server.app.family.open({ id }));
        await world.until(model.versions.judge(id, again, isWhole ? entries : undefined));
      }
      model.notes.judge();
    },
  };
}

function editPage({ notes, isHostile }: DocPage, model: DocModel, rng: Rng): void {
  const id = rng.pick(ids);
  const own = notes.get(id) as ClientDoc;
  if (isHostile) {
    own.transact((edited) => edit(edited, rng));
    return;
  }
  model.honest.add(own.doc.clientID);
  for (let n = rng.pick([1, 1, 3]); n > 0; n--) model.edit(id, own, rng);
}

/** Pages of other providers show what the server has, and those that may not write have written nothing. */
function judgePeers(id: string, note: Y.Doc, expected: string, model: DocModel): void {
  for (const { name, id: own, note: shown, role } of model.peers.honest()) {
    if (own !== id) continue;
    model.notes.reached(`a peer that ended equal: ${role}`);
    if (hasPending(shown.doc)) model.notes.wrong(`${name} waits for something in ${id}`);
    // What it was refused stays with it.
    const structure = role === "reader" ? undefined : structureOf(shown.doc);
    if (structure !== undefined && structure !== expected) {
      model.notes.wrong(`${name} shows another ${id}: ${structure}\nand not ${expected}`);
    }
    if (role === "reader" && shownBy(shown.doc) !== shownBy(note)) model.notes.wrong(`${name}, a reader, shows another ${id}`);
  }
  if (note.getMap("forbidden").size) model.notes.wrong(`a reader has written to ${id}`);
}

/** Who does something about versions: a page, or the server where it is up. */
function versioned(
  page: DocPage,
  server: SimulatedServer<InstalledDocs>,
  id: string,
  rng: Rng,
  isKept: boolean,
): ClientDoc | ServerDoc | undefined {
  if (rng.chance(0.4)) return server.isReady && isKept ? server.app.notes.get(id) : undefined;
  return page.isHostile ? undefined : page.note(id);
}

/** Whether such text is there under that client id, deleted or not. */
function wrote({ store }: Y.Doc, clientId: number, what: RegExp): boolean {
  const structs = store.clients.get(clientId) ?? [];
  return structs.some(
    (struct) => struct instanceof Y.Item && struct.content instanceof Y.ContentString && what.test(struct.content.str),
  );
}
