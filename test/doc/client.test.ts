/** Documents on a client: edits at once, offline, taken back, undone, and who shares them. */
import { syncStatus } from "sente-sync/client";
import { doc as clientDoc, ofOneYjs, remote } from "sente-sync/doc";
import { doc as serverDoc } from "sente-sync/doc/server";
import { createRng, simulate } from "sente-sync/testing";
import { expect, test } from "vitest";
import type * as Y from "yjs";
import { Unsent } from "../../src/client/doc/unsent.ts";
import { createWorld, notes } from "./world.ts";
import { contentOf, createDoc, docOf, edit } from "./yjs.ts";

test("DOC17 an edit is shown at once, what one turn wrote is one write, and the receipt says what became of it", async () => {
  const world = createWorld();
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  const receipt = ada.note.transact((note) => {
    note.getText("text").insert(0, "one");
    note.getMap("map").set("a", 1);
  });
  ada.type(3, " two");
  expect([ada.text, receipt.status, ada.note.pending.get()]).toEqual(["one two", "local", 1]);
  await world.settle();
  expect([receipt.status, receipt.offset, receipt.durability, ada.note.pending.get()]).toEqual(["stored", 1, "memory", 0]);
  await receipt.stored;
  expect(bob.text).toBe("one two");
  expect((await world.family.open({ id: "1" })).updates).toHaveLength(1);
});

test("DOC18 what a frame brings is one transaction, whose origin says that it is of others", async () => {
  const world = createWorld();
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  const seen: unknown[] = [];
  bob.note.doc.on("afterTransaction", ({ origin, local }: Y.Transaction) => seen.push([origin, local]));
  bob.offline();
  for (const letter of "abcdef") {
    ada.type(0, letter);
    await world.settle();
  }
  bob.online();
  await world.advance(3000);
  expect(bob.text).toBe("fedcba");
  expect(seen).toEqual([[remote, false]]);
});

test("DOC18 `synced` and `ready` tell when the server's state is here", async () => {
  const world = createWorld();
  await world.family.transact({ id: "1" }, (note) => note.getText("text").insert(0, "there"));
  const note = clientDoc(world.client(), notes({ id: "1" }));
  expect([note.synced.get(), note.status.get()]).toEqual([false, "loading"]);
  const ready = note.ready;
  await world.settle();
  expect([note.synced.get(), note.status.get()]).toEqual([true, "live"]);
  expect((await ready).getText("text").toString()).toBe("there");
});

test("DOC18 a document that a server has rendered is there at once", async () => {
  const world = createWorld();
  await world.family.transact({ id: "1" }, (note) => note.getText("text").insert(0, "rendered"));
  const rendering = world.sync.dehydrate({ user: { id: "ada", name: "" }, topics: ["notes/1"] });
  await world.advance(10);
  const hydrate = await rendering;
  const note = clientDoc(world.client({ hydrate, autoConnect: false }), notes({ id: "1" }));
  expect([note.doc.getText("text").toString(), note.synced.get()]).toEqual(["rendered", true]);
});

test("DOC19 the more writes wait, the longer is gathered: an hour of typing offline is a few hundred writes", async () => {
  const world = createWorld();
  const ada = await world.page("ada");
  ada.offline();
  await world.advance(1000);
  for (let i = 0; i < 3600; i++) {
    ada.type(i, String(i % 10));
    await world.advance(1000);
  }
  const { pending } = syncStatus(ada.client).get();
  expect(pending).toBeLessThan(950);
  ada.online();
  await world.advance(60_000);
  expect(ada.note.receipt.status).toBe("stored");
  const served = await world.family.open({ id: "1" });
  expect(served.read((note) => note.getText("text").length)).toBe(3600);
});

test("DOC19 when as many wait as may, the next answer makes room", async () => {
  const world = createWorld({}, { limits: { messages: { perSecond: 1e6, burst: 1e6 } } });
  const ada = await world.page("ada", { limits: { maxPending: 12 } });
  ada.offline();
  await world.advance(1000);
  for (let i = 0; i < 100; i++) {
    ada.type(i, "x");
    await world.advance(1000);
  }
  expect(syncStatus(ada.client).get().pending).toBeLessThanOrEqual(12);
  ada.online();
  await world.advance(30_000);
  expect([ada.note.receipt.status, syncStatus(ada.client).get().pending, world.errors]).toEqual(["stored", 0, []]);
  expect((await world.family.open({ id: "1" })).read((note) => note.getText("text").length)).toBe(100);
});

test("DOC19 joined as they come, updates add up to the same, in pieces that fit a frame", () => {
  const rng = createRng("unsent");
  const note = createDoc(9);
  const unsent = new Unsent();
  note.on("update", (update: Uint8Array) => unsent.add(update));
  for (let i = 0; i < 300; i++) edit(note, rng);
  note.getText("text").insert(0, "x".repeat(200_000));
  note.getText("text").insert(0, "y".repeat(100_000));
  const pieces = unsent.take();
  expect(pieces.length).toBeLessThan(5);
  expect(contentOf(docOf(pieces))).toEqual(contentOf(note));
  expect([unsent.isEmpty, unsent.take()]).toEqual([true, []]);
});

test("DOC20 what is edited offline by several is merged when they are back, also before the first connection", async () => {
  const world = createWorld();
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  ada.type(0, "start ");
  await world.settle();
  for (const page of [ada, bob]) page.offline();
  const late = world.client({ autoConnect: false });
  const early = clientDoc(late, notes({ id: "1" }));
  early.doc.getMap("map").set("early", true);
  ada.type(6, "ada");
  bob.type(0, "bob ");
  await world.advance(1000);
  for (const page of [ada, bob]) page.online();
  late.connect();
  await world.advance(5000);
  expect([ada.text, bob.text, early.doc.getText("text").toString()]).toEqual(Array(3).fill("bob start ada"));
  expect(ada.note.doc.getMap("map").get("early")).toBe(true);
});

test("DOC20 under another session what had no answer is sent again, once is enough", async () => {
  const world = createWorld({}, { sessionMaxAgeMs: 1 });
  const ada = await world.page("ada");
  ada.type(0, "a");
  ada.offline();
  ada.type(1, "b");
  await world.advance(10_000);
  ada.online();
  await world.advance(5000);
  expect((await world.family.open({ id: "1" })).read((note) => note.getText("text").toString())).toBe("ab");
  expect([ada.text, ada.note.receipt.status]).toEqual(["ab", "stored"]);
});

test("DOC21 where a write is rejected the document is replaced by what the server has, and the old one destroyed", async () => {
  const world = createWorld({ authorize: ({ action, user }) => action === "read" || user.id === "ada" });
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  ada.type(0, "kept");
  await world.settle();
  const old = bob.note.doc;
  let destroyed = 0;
  old.on("destroy", () => destroyed++);
  const told: string[] = [];
  bob.note.listen((note) => told.push(note?.getText("text").toString() ?? ""));
  bob.type(0, "not ");
  expect(bob.text).toBe("not kept");
  await world.settle();
  expect(bob.note.receipt.status).toBe("rejected");
  expect(bob.note.doc).not.toBe(old);
  expect([bob.text, destroyed, bob.note.synced.get()]).toEqual(["kept", 1, true]);
  expect(told.at(-1)).toBe("kept");
  ada.type(4, "!");
  await world.settle();
  expect([bob.text, ada.text]).toEqual(["kept!", "kept!"]);
});

test("DOC22 a document that is deleted, or that one may no longer read, is taken away", async () => {
  const world = createWorld();
  const ada = await world.page("ada");
  ada.type(0, "before");
  await world.settle();
  const old = ada.note.doc;
  world.family.delete({ id: "1" });
  await world.settle();
  expect([ada.note.status.get(), ada.text]).toEqual(["deleted", ""]);
  expect(ada.note.doc).not.toBe(old);
});

test("DOC22 where the server begins anew the document does, too: what the server lost is not shown any longer", async () => {
  const world = simulate({
    seed: 1,
    install: (sync) => serverDoc(sync, notes),
    open: (client) => clientDoc(client, notes({ id: "1" })),
  });
  const [ada, bob] = [world.client(), world.client()];
  await world.settle();
  ada.app.doc.getText("text").insert(0, "lost");
  await world.settle();
  const old = bob.app.doc;
  expect(old.getText("text").toString()).toBe("lost");
  world.server.crash("kill");
  world.server.start();
  await world.settle();
  expect(bob.app.doc).not.toBe(old);
  ada.app.doc.getText("text").insert(0, "new");
  await world.settle();
  expect([ada, bob].map(({ app }) => app.doc.getText("text").toString())).toEqual(["new", "new"]);
});

test("DOC23 many documents share one connection, handles of one share its document", async () => {
  const world = createWorld();
  let accepts = 0;
  const connector = {
    ...world.connector,
    open(...args: Parameters<typeof world.connector.open>) {
      accepts++;
      return world.connector.open(...args);
    },
  };
  const client = world.client({ connector });
  const all = Array.from({ length: 20 }, (_, index) => clientDoc(client, notes({ id: String(index) })));
  expect(clientDoc(client, notes({ id: "3" })).doc).toBe(all[3]?.doc);
  for (const [index, note] of all.entries()) note.doc.getText("text").insert(0, `note ${index}`);
  await world.settle();
  expect(accepts).toBe(1);
  for (const [index] of all.entries()) {
    const served = await world.family.open({ id: String(index) });
    expect(served.read((note) => note.getText("text").toString())).toBe(`note ${index}`);
  }
});

test("DOC23 a document that is closed is read no longer, and edited again when it is opened again", async () => {
  const world = createWorld();
  const [ada, bob] = [await world.page("ada"), await world.page("bob", { lingerMs: 0 })];
  bob.note.close();
  await world.advance(100);
  ada.type(0, "unread");
  await world.settle();
  expect([bob.text, bob.note.status.get()]).toEqual(["", "idle"]);
  const again = clientDoc(bob.client, notes({ id: "1" }));
  await world.settle();
  expect(again.doc.getText("text").toString()).toBe("unread");
});

test("DOC23 a document that is there already is edited as it is, with what it has", async () => {
  const world = createWorld();
  const own = createDoc(4000);
  own.getText("text").insert(0, "draft");
  const note = clientDoc(world.client(), notes({ id: "7" }), { doc: own });
  await world.settle();
  expect(note.doc).toBe(own);
  expect((await world.family.open({ id: "7" })).read((served) => served.getText("text").toString())).toBe("draft");
});

test("DOC24 a document of another copy of Yjs is refused with what to do about it", () => {
  const world = createWorld();
  const foreign = Object.assign(Object.create({ constructor: class Doc {} }) as Y.Doc, { clientID: 1 });
  expect(() => clientDoc(world.client(), notes({ id: "1" }), { doc: foreign })).toThrow(/another copy of Yjs/);
  expect(() => ofOneYjs(foreign)).toThrow(/dedupe/);
});

test("DOC25 undo takes back what was edited here, and nothing of others", async () => {
  const world = createWorld();
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  ada.note.undoManager.stopCapturing();
  ada.type(0, "ada ");
  await world.settle();
  bob.type(4, "bob");
  await world.settle();
  ada.note.undoManager.undo();
  await world.settle();
  expect([ada.text, bob.text]).toEqual(["bob", "bob"]);
  ada.note.undoManager.redo();
  await world.settle();
  expect([ada.text, bob.text]).toEqual(["ada bob", "ada bob"]);
  expect(ada.note.undoManager).toBe(ada.note.undoManager);
});

test("DOC26 formats without effect are tidied up behind others, and who may not write keeps the document", async () => {
  const world = createWorld({ authorize: ({ action, user }) => action === "read" || user.id !== "bob" });
  const [ada, bob, carol] = [await world.page("ada"), await world.page("bob"), await world.page("carol")];
  const own = bob.note.doc;
  ada.note.transact((note) => note.getText("text").insert(0, "hello"));
  await world.settle();
  for (let i = 0; i < 4; i++) {
    for (const page of [ada, carol]) {
      page.offline();
      page.note.transact((note) => note.getText("text").format(0, 4, { em: i % 2 ? null : true }));
    }
    await world.advance(500);
    for (const page of [ada, carol]) page.online();
    await world.advance(5000);
  }
  expect(bob.note.doc).toBe(own);
  const deltas = [ada, bob, carol].map(({ note }) => note.doc.getText("text").toDelta() as unknown);
  expect(deltas[1]).toEqual(deltas[0]);
  expect(deltas[2]).toEqual(deltas[0]);
  const deletesAlone = (await world.family.open({ id: "1" })).updates.filter((update) => update[0] === 0);
  expect(deletesAlone.length).toBeGreaterThan(0);
});

test("DOC21 what is refused for now is written again, in its order, and its receipts are kept waiting", async () => {
  const world = simulate({
    seed: 3,
    storage: true,
    install: (sync) => serverDoc(sync, notes),
    open: (client) => clientDoc(client, notes({ id: "1" })),
    onError: () => {},
  });
  const ada = world.client();
  await world.settle();
  ada.app.doc.getText("text").insert(0, "a");
  await world.settle();
  world.server.failSyncs(3);
  const own = ada.app.doc;
  own.getText("text").insert(1, "b");
  const { receipt } = ada.app;
  await world.advance(2);
  own.getText("text").insert(2, "c");
  await world.advance(400);
  expect(world.server.sync.stats().refused).toBeGreaterThan(0);
  expect([receipt.status, ada.app.receipt.status]).toEqual(["sent", "sent"]);
  await world.settle();
  await receipt.stored;
  expect([ada.app.doc === own, ada.app.receipt.status, ada.app.doc.getText("text").toString()]).toEqual([true, "stored", "abc"]);
});
