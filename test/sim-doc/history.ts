/**
 * Histories of documents: pages edit two of them, a server does too, hostile peers send what they like, and everything breaks: lines,
 * pages, the server, its disk. Updates are joined at random moments.
 *
 * Always: the options of a seed are drawn before anything runs; every honest edit leaves a mark that nothing removes.
 * Rules: docs/protocol/doc.md DOC27-DOC29.
 */
import { defineDoc, isSyncError } from "sente-sync";
import type { Client } from "sente-sync/client";
import { type ClientDoc, doc as clientDoc } from "sente-sync/doc";
import { type DocFamily, doc, type ServerDoc } from "sente-sync/doc/server";
import type { Server } from "sente-sync/server";
import { createRng, type Rng, type SimulatedClient, type SimulateOptions, type VirtualClock } from "sente-sync/testing";
import * as Y from "yjs";
import { coreOf } from "../../src/client/client.ts";
import { writesOf } from "../../src/client/writes.ts";
import { readEntry } from "../../src/kind/doc/authority.ts";
import { contentOf, createDoc, docOf, edit, hasPending } from "../doc/yjs.ts";
import { drawLimits } from "../sim-durable/limits.ts";
import { Notes } from "../sim-durable/notes.ts";

export const notesRef = defineDoc("notes/:id");
const ids = ["a", "b"] as const;

/** What each of them expects of every honest edit. */
export class DocModel {
  readonly notes: Notes = new Notes();
  /** Marks of edits by note: acknowledged, and those that nobody can say of. */
  readonly stored: Map<string, Set<string>> = new Map(ids.map((id) => [id, new Set()]));
  /** Client ids of honest pages, which write none of the letters of forged text. */
  readonly honest: Set<number> = new Set();
  readonly clock: VirtualClock;
  #count = 0;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  /** An edit with a mark of its own. */
  edit(id: string, note: { transact(run: (edited: Y.Doc) => void): { readonly stored: Promise<unknown> } }, rng: Rng): void {
    const mark = `m${++this.#count}`;
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
}

/** What `simulate` is to run for that seed. */
export function docHistory(seed: number | string): SimulateOptions<InstalledDocs, DocPage, DocModel> {
  const rng = createRng(`doc/${seed}`);
  const { mayForget: _, ...limits } = drawLimits(rng.fork("limits"));
  const retention = rng.chance(0.4) ? { maxEntries: rng.pick([2, 10, 40]) } : {};
  const hasHostile = rng.chance(0.6);
  return {
    ...limits,
    seed,
    clients: rng.pick([2, 3, 4]),
    user: (index) => (hasHostile && index === 1 ? { id: `hostile${index}`, name: "" } : { id: `client${index}`, name: "" }),
    ops: 50 + rng.int(60),
    outbox: rng.chance(0.6) && { meanSaveMs: rng.pick([0, 2, 50]) },
    without: ["client-copy"],
    model: (clock) => new DocModel(clock),
    install: (sync: Server) => ({ family: doc(sync, notesRef, { retention }), notes: new Map() }),
    async ready({ family, notes }) {
      for (const id of ids) notes.set(id, await family.open({ id }));
    },
    open: (client, { model, page }) => new DocPage(client, model, page),
    workload: {
      edit: ({ client, model, rng: draws }) => editPage(client.app, model, draws),
      type: ({ client, model, rng: draws }) => editPage(client.app, model, draws),
      more: ({ client, model, rng: draws }) => editPage(client.app, model, draws),
      serverEdit({ world, model, rng: draws }) {
        if (!world.server.isReady) return;
        const id = draws.pick(ids);
        try {
          model.edit(id, world.server.app.notes.get(id) as ServerDoc, draws);
        } catch (error) {
          // Its disk fails, or it is closing.
          if (!isSyncError(error) || !["read-only", "closed", "loading", "backpressure"].includes(error.code)) throw error;
        }
      },
      compact({ world, model, rng: draws }) {
        if (!world.server.isReady) return;
        const served = world.server.app.notes.get(draws.pick(ids)) as ServerDoc;
        const before = served.updates.length;
        served.compact();
        if (served.updates.length < before) model.notes.reached("updates that were joined");
      },
      reconnect: ({ client }) => client.client.reconnect(),
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
      throw new Error(`${where}: ${String(error)}`, { cause: error });
    },
    unsettled({ clients }) {
      for (const { app, name } of clients) {
        for (const [id, { status, pending }] of app.notes) {
          if (status.get() !== "live") return `${name} has not subscribed to ${id}`;
          if (pending.get()) return `${name} waits for answers about ${id}`;
        }
      }
      return undefined;
    },
    always: ({ model }) => model.notes.judge(),
    async after(world) {
      const { model, clients, server } = world;
      await world.advance("6s");
      const served = new Map(ids.map((id) => [id, docOf((server.app.notes.get(id) as ServerDoc).updates)] as const));
      for (const id of ids) {
        const note = served.get(id) as Y.Doc;
        const expected = text(note);
        if (hasPending(note)) model.notes.wrong(`the server's ${id} waits for something`);
        for (const { app, name } of clients) {
          // Who sends what it does not show harms itself.
          if (app.isHostile) continue;
          const { doc: shown, synced } = app.note(id);
          if (!synced.get()) model.notes.wrong(`${name} is not synced with ${id}`);
          if (hasPending(shown)) model.notes.wrong(`${name} waits for something in ${id}`);
          if (text(shown) !== expected) model.notes.wrong(`${name} shows another ${id}: ${text(shown)}\nand not ${expected}`);
        }
        const marks = note.getMap("marks");
        for (const mark of model.stored.get(id) ?? [])
          if (!marks.has(mark)) model.notes.wrong(`${mark} was stored and is not in ${id}`);
        for (const clientId of model.honest) if (wrote(note, clientId, /[EVIL]/)) model.notes.wrong(`forged under ${clientId}`);
      }
      for (const id of ids) {
        const { first, entries } = await world.stored(`notes/${id}`);
        if (first > 1 || !entries.length) continue;
        const rebuilt = docOf(entries.map(readEntry));
        model.notes.reached("a document rebuilt from its log");
        if (hasPending(rebuilt)) model.notes.wrong(`the log of ${id} has gaps`);
        if (text(rebuilt) !== text(served.get(id) as Y.Doc)) model.notes.wrong(`the log of ${id} makes another document`);
        server.start();
        await world.advance("6s");
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

/** What one of them reads, and the structs that it is made of. */
const text = (note: Y.Doc): string =>
  JSON.stringify([contentOf(note), Object.keys(note.getMap("marks").toJSON()).sort()], (_key, value: unknown) =>
    // The order of keys is nobody's.
    value && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );

/** Whether such text is there under that client id, deleted or not. */
function wrote({ store }: Y.Doc, clientId: number, what: RegExp): boolean {
  const structs = store.clients.get(clientId) ?? [];
  return structs.some(
    (struct) => struct instanceof Y.Item && struct.content instanceof Y.ContentString && what.test(struct.content.str),
  );
}
