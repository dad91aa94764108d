/** Documents on a server: what is logged, what is refused, and what readers get. */
import { createRng } from "sente-sync/testing";
import { expect, test, vi } from "vitest";
import * as Y from "yjs";
import { seedUpdate } from "../../src/server/doc/view.ts";
import { pushed } from "../server/world.ts";
import { createWorld, notes } from "./world.ts";
import { contentOf, createDoc, docOf, edit, hasPending, randomUpdates } from "./yjs.ts";

/** The update of a document of that client that says so. */
function typed(clientId: number, text: string): Uint8Array {
  const doc = createDoc(clientId);
  doc.getText("text").insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

const open = (world: ReturnType<typeof createWorld>) => world.family.open({ id: "1" });

test("DOC1 an operation is an update as bytes, and so is its entry; one that claims a client id says whose it is", async () => {
  const world = createWorld();
  const mallory = await world.hostile();
  const doc = createDoc(77);
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => updates.push(update));
  doc.getText("text").insert(0, "ab");
  doc.getText("text").insert(1, "x");
  const entries: unknown[] = [];
  for (const update of updates) {
    expect((await mallory.write(update)).code).toBe("stored");
    entries.push(...pushed(mallory.peer.frames, "sync/entries").slice(entries.length));
  }
  const [first, second] = entries.map((data) => (data as [number, number, unknown[]])[2][0]);
  expect(first).toEqual([updates[0], expect.stringMatching(/^[0-9a-f]{24}$/), 77]);
  expect(second).toEqual(updates[1]);
  expect((await mallory.write("text")).code).toBe("invalid");
});

test("DOC2 the updates of the snapshot and of the entries behind it, in order, are the document", async () => {
  const world = createWorld();
  const ada = await world.page("ada");
  ada.type(0, "hello");
  await world.settle();
  const mallory = await world.hostile();
  const [[, , , , chunk]] = pushed(mallory.peer.frames, "sync/snapshot") as [[number, number, number, boolean, string]];
  expect(chunk).toMatch(/^\[\[#sync\/bytes/);
  const bob = await world.page("bob");
  ada.type(5, " world");
  bob.type(0, "> ");
  await world.settle();
  expect([ada.text, bob.text]).toEqual(["> hello world", "> hello world"]);
  expect(contentOf(docOf((await open(world)).updates))).toEqual(contentOf(ada.note.doc));
});

test("DOC6 nobody writes under a client id that another has written under, neither now nor later", async () => {
  const world = createWorld();
  const ada = await world.page("ada");
  ada.type(0, "mine");
  await world.settle();
  const { clientID } = ada.note.doc;
  const mallory = await world.hostile();
  const forged = docOf([(await open(world)).encode()]);
  forged.clientID = clientID;
  forged.getText("text").insert(4, "EVIL!");
  const before = (await open(world)).vector;
  expect((await mallory.write(Y.encodeStateAsUpdate(forged, before))).code).toBe("forbidden");
  // 16 bytes that would make all that she writes later look known.
  const silencing = Uint8Array.from([1, 1, ...varint(clientID), 4, 0, ...varint(2 ** 20), 0]);
  expect((await mallory.write(silencing)).code).toBe("forbidden");
  expect((await mallory.write(Uint8Array.from([0, 1, ...varint(clientID), 1, 0, ...varint(2 ** 40)]))).code).toBe("gap");
  ada.type(4, "!");
  await world.settle();
  expect(ada.note.receipt.status).toBe("stored");
  expect(ada.text).toBe("mine!");
});

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

test("DOC6 a user writes under the same client id over another session", async () => {
  const world = createWorld();
  const one = await world.hostile("ada");
  expect((await one.write(typed(77, "a"))).code).toBe("stored");
  const more = createDoc(77);
  Y.applyUpdate(more, typed(77, "a"));
  more.getText("text").insert(1, "b");
  const other = await world.hostile("ada");
  expect((await other.write(Y.encodeStateAsUpdate(more))).code).toBe("stored");
  const stranger = await world.hostile("bob");
  more.getText("text").insert(2, "c");
  expect((await stranger.write(Y.encodeStateAsUpdate(more))).code).toBe("forbidden");
});

test("DOC6 ids that came with what a document began with are whose who writes under them first, but for the server's own", async () => {
  const world = createWorld({ onLoadDocument: () => Y.mergeUpdates([typed(77_000, "page"), typed(1, "seed")]) });
  const more = (clientId: number, text: string): Uint8Array => {
    const doc = createDoc(2);
    Y.applyUpdate(doc, typed(clientId, clientId === 1 ? "seed" : "page"));
    doc.clientID = clientId;
    doc.getText("text").insert(0, text);
    return Y.encodeStateAsUpdate(doc);
  };
  // A page that was open while its documents moved here.
  expect((await (await world.hostile("ada")).write(more(77_000, "still here "))).code).toBe("stored");
  const bob = await world.hostile("bob");
  expect((await bob.write(more(77_000, "somebody else "))).code).toBe("forbidden");
  expect((await bob.write(more(1, "not the server "))).code).toBe("forbidden");
});

test("DOC5 what builds upon what is not there is refused with the vector to send from, and not kept", async () => {
  const world = createWorld();
  const mallory = await world.hostile();
  const doc = createDoc(77);
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => updates.push(update));
  for (const letter of "abc") doc.getText("text").insert(doc.getText("text").length, letter);
  const [first, , third] = updates as [Uint8Array, Uint8Array, Uint8Array];
  expect((await mallory.write(first)).code).toBe("stored");
  const { code, data } = await mallory.write(third);
  expect(code).toBe("gap");
  const { vector } = data as { vector: Uint8Array };
  expect((await mallory.write(Y.encodeStateAsUpdate(doc, vector))).code).toBe("stored");
  expect((await open(world)).read((note) => note.getText("text").toString())).toBe("abc");
});

test("DOC7 what is known is acknowledged and not logged again, of the rest only what is new", async () => {
  const world = createWorld();
  const mallory = await world.hostile();
  const doc = createDoc(77);
  doc.getText("text").insert(0, "hello");
  expect((await mallory.write(Y.encodeStateAsUpdate(doc))).code).toBe("stored");
  expect((await mallory.write(Y.encodeStateAsUpdate(doc))).code).toBe("stored");
  doc.getText("text").insert(5, " you");
  expect((await mallory.write(Y.encodeStateAsUpdate(doc))).code).toBe("stored");
  const { updates } = await open(world);
  expect(updates).toHaveLength(2);
  expect(Y.decodeUpdate(updates[1] as Uint8Array).structs.map(({ id: { clock }, length }) => [clock, length])).toEqual([[5, 4]]);
});

test("DOC8 one user claims at most 64 client ids in a document at once, and one more each 10 minutes", async () => {
  const world = createWorld({}, { limits: { messages: { perSecond: 1e6, burst: 1e6 } } });
  const mallory = await world.hostile();
  for (let i = 0; i < 64; i++) expect((await mallory.write(typed(300 + i, "a"))).code).toBe("stored");
  expect((await mallory.write(typed(500, "a"))).code).toBe("limit");
  const more = docOf([typed(300, "a")]);
  more.clientID = 300;
  more.getText("text").insert(1, "b");
  expect((await mallory.write(Y.encodeStateAsUpdate(more))).code).toBe("stored");
  const bob = await world.hostile("bob");
  expect((await bob.write(typed(501, "b"))).code).toBe("stored");
  await world.advance(600_000);
  const back = await world.hostile();
  expect((await back.write(typed(502, "a"))).code).toBe("stored");
  expect((await back.write(typed(503, "a"))).code).toBe("limit");
});

test("DOC9 a document has at most so many bytes", async () => {
  const world = createWorld({ limits: { maxBytes: 1000 } });
  const mallory = await world.hostile();
  expect((await mallory.write(typed(77, "x".repeat(900)))).code).toBe("stored");
  expect((await mallory.write(typed(78, "x".repeat(100)))).code).toBe("too-large");
  expect((await mallory.write(typed(78, "x"))).code).toBe("stored");
});

test("DOC10 a new reader is answered from stored bytes, and no document is built to forward what others write", async () => {
  const created = vi.spyOn(Y.Doc.prototype, "get");
  const world = createWorld();
  const mallory = await world.hostile();
  const update = typed(77, "as it came");
  created.mockClear();
  expect((await mallory.write(update)).code).toBe("stored");
  const reader = await world.hostile("bob");
  const base64 = Buffer.from(update).toString("base64");
  expect(reader.peer.frames.some((frame) => frame.includes(base64))).toBe(true);
  expect(created).not.toHaveBeenCalled();
  created.mockRestore();
});

test("DOC11 who may read and not write is refused update by update, and gets what others write", async () => {
  const world = createWorld({ authorize: ({ action, user }) => action === "read" || user.id === "ada" });
  const ada = await world.page("ada");
  const mallory = await world.hostile();
  expect((await mallory.write(typed(77, "no"))).code).toBe("forbidden");
  // What a client says that has nothing new is an update, too.
  expect((await mallory.write(Uint8Array.from([0, 0]))).code).toBe("forbidden");
  const bob = await world.page("bob");
  ada.type(0, "yes");
  await world.settle();
  expect([ada.text, bob.text]).toEqual(["yes", "yes"]);
});

test("DOC12 joined updates are the same document, to who has some of them as well", async () => {
  const world = createWorld();
  const ada = await world.page("ada");
  const rng = createRng("compact");
  for (let i = 0; i < 40; i++) edit(ada.note.doc, rng);
  await world.settle();
  const bob = await world.page("bob");
  const served = await open(world);
  const before = contentOf(docOf(served.updates));
  served.compact();
  expect(served.updates).toHaveLength(1);
  expect(contentOf(docOf(served.updates))).toEqual(before);
  for (let i = 0; i < 10; i++) edit(bob.note.doc, rng);
  await world.settle();
  const carol = await world.page("carol");
  for (const page of [ada, bob, carol]) expect(contentOf(page.note.doc)).toEqual(contentOf(docOf(served.updates)));
});

test("DOC12 after 500 updates they are joined by themselves, off the path of the last", async () => {
  const world = createWorld();
  const served = await open(world);
  for (let i = 0; i < 500; i++) served.transact((note) => note.getText("text").insert(0, "x"));
  expect(served.updates).toHaveLength(500);
  await world.advance(3000);
  expect(served.updates).toHaveLength(1);
  expect(served.read((note) => note.getText("text").length)).toBe(500);
});

test("DOC12 a document that is nearly full is joined before there is no room for more", async () => {
  const world = createWorld({ limits: { maxBytes: 1024 * 1024 } });
  const served = await open(world);
  const write = (bytes: number, kept = bytes): void => {
    served.transact((note) => note.getText("text").insert(0, "x".repeat(bytes)));
    if (kept < bytes) served.transact((note) => note.getText("text").delete(0, bytes - kept));
  };
  write(600_000);
  // Twenty times 100 kB, of which little stays.
  for (let i = 0; i < 20; i++) {
    write(100_000, 10);
    await world.advance(40_000);
  }
  expect(served.read((note) => note.getText("text").length)).toBe(600_200);
  expect(() => write(500_000)).toThrow(/at most/);
});

test("DOC13 the server edits in one entry, always under one client id of its own", async () => {
  const world = createWorld();
  const ada = await world.page("ada");
  await world.family.transact({ id: "1" }, (note) => {
    note.getText("text").insert(0, "server");
    note.getMap("map").set("by", "server");
  });
  await world.family.transact({ id: "1" }, (note) => note.getText("text").insert(0, "the "));
  await world.settle();
  expect(ada.text).toBe("the server");
  expect(ada.note.doc.getMap("map").toJSON()).toEqual({ by: "server" });
  const served = await open(world);
  expect(served.updates).toHaveLength(2);
  expect(Y.decodeStateVector(served.vector).size).toBe(1);
  const mallory = await world.hostile();
  const forged = docOf(served.updates);
  [forged.clientID] = Y.decodeStateVector(served.vector).keys() as unknown as [number];
  forged.getText("text").insert(0, "not ");
  expect((await mallory.write(Y.encodeStateAsUpdate(forged))).code).toBe("forbidden");
});

test("DOC13 an edit of the server that throws leaves nothing, here or elsewhere", async () => {
  const world = createWorld();
  const ada = await world.page("ada");
  const served = await open(world);
  served.transact((note) => note.getText("text").insert(0, "kept"));
  const edited = (): unknown =>
    served.transact((note) => {
      note.getText("text").insert(0, "lost");
      throw new Error("no");
    });
  expect(edited).toThrow("no");
  served.transact((note) => note.getText("text").insert(4, "!"));
  await world.settle();
  expect([ada.text, served.read((note) => note.getText("text").toString())]).toEqual(["kept!", "kept!"]);
});

test("DOC13 an edit of the server that is over a limit leaves nothing, here or elsewhere", async () => {
  const world = createWorld({ limits: { maxBytes: 1000 } });
  const ada = await world.page("ada");
  const served = await open(world);
  served.transact((note) => note.getText("text").insert(0, "kept"));
  expect(() => served.transact((note) => note.getText("text").insert(0, "x".repeat(2000)))).toThrow(/at most 1000 bytes/);
  expect(served.read((note) => note.getText("text").toString())).toBe("kept");
  served.transact((note) => note.getText("text").insert(4, "!"));
  await world.settle();
  expect(ada.text).toBe("kept!");
});

test("DOC14 what is edited outside `transact` is told as a fault and goes no further", async () => {
  const world = createWorld();
  const served = await open(world);
  served.transact((note) => note.getText("text").insert(0, "kept"));
  served.read((note) => note.getText("text").insert(0, "lost"));
  expect(world.errors.map(({ error }) => (error as Error).message)).toEqual([expect.stringContaining("outside `transact`")]);
  expect(served.read((note) => note.getText("text").toString())).toBe("kept");
});

test("DOC15 hooks are told what was stored, once it is quiet, at the latest after so long; one that throws harms nobody", async () => {
  const told: [string, number, string][] = [];
  const world = createWorld({
    debounceMs: 1000,
    maxDebounceMs: 2500,
    onChange({ params, updates, document }) {
      told.push([params.id, updates.length, document.getText("text").toString()]);
    },
    onStoreDocument() {
      throw new Error("full");
    },
  });
  const ada = await world.page("ada");
  for (const letter of "abcd") {
    ada.type(ada.text.length, letter);
    await world.advance(700);
  }
  expect(told).toEqual([["1", 4, "abcd"]]);
  expect(world.errors.map(({ error }) => String(error))).toEqual(["Error: full"]);
  ada.type(4, "e");
  await world.settle();
  await (await open(world)).flush();
  expect(told[1]).toEqual(["1", 1, "abcde"]);
});

test("DOC16 a document begins with what `onLoadDocument` gives, once, and that is not written over", async () => {
  let loads = 0;
  const world = createWorld({
    async onLoadDocument({ params }) {
      loads++;
      return typed(5, `note ${params.id}`);
    },
  });
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  expect([ada?.text, bob?.text, loads]).toEqual(["note 1", "note 1", 1]);
  const mallory = await world.hostile();
  const forged = docOf([typed(5, "note 1")]);
  forged.clientID = 5;
  forged.getText("text").insert(0, "x");
  expect((await mallory.write(Y.encodeStateAsUpdate(forged))).code).toBe("forbidden");
});

test("DOC16 two seeds of the same are one", async () => {
  const fill = (note: Y.Doc): void => {
    note.getText("text").insert(0, "template");
    note.getMap("map").set("kind", "note");
  };
  const world = createWorld({ seed: fill });
  const ada = await world.page("ada");
  expect(ada.text).toBe("template");
  Y.applyUpdate(ada.note.doc, seedUpdate(fill));
  await world.settle();
  expect([ada.text, (await open(world)).updates.length]).toEqual(["template", 1]);
});

test("DOC4 hostile bytes change nothing and harm nobody", async () => {
  const world = createWorld({}, { limits: { messages: { perSecond: 1e6, burst: 1e6 } } });
  const ada = await world.page("ada");
  const rng = createRng("hostile bytes");
  const mallory = await world.hostile();
  const log = randomUpdates("hostile");
  for (let i = 0; i < 300; i++) {
    const bytes = Uint8Array.from(rng.pick(log));
    bytes[rng.int(bytes.length)] = rng.int(256);
    await mallory.write(bytes);
    if (i % 30 === 0) ada.type(0, "a");
  }
  await world.settle();
  const served = await open(world);
  const document = docOf(served.updates);
  expect(hasPending(document)).toBe(false);
  expect(contentOf(ada.note.doc)).toEqual(contentOf(document));
  expect(world.errors).toEqual([]);
  expect(ada.note.receipt.status).toBe("stored");
});

test("DOC10 somebody's state vector is answered with what is missing", async () => {
  const world = createWorld();
  const served = await open(world);
  served.transact((note) => note.getText("text").insert(0, "one"));
  const half = docOf(served.updates);
  served.transact((note) => note.getText("text").insert(3, " two"));
  const diff = served.encode(Y.encodeStateVector(half));
  expect(diff.length).toBeLessThan(served.encode().length);
  Y.applyUpdate(half, diff);
  expect(half.getText("text").toString()).toBe("one two");
  expect(notes({ id: "1" }).topic).toBe(served.topic);
});
