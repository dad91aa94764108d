/** Documents within documents: added, loaded, edited, refused, replaced and gone. */
import { type ClientDoc, doc as clientDoc } from "sente-sync/doc";
import { type ServerDoc, doc as serverDoc } from "sente-sync/doc/server";
import { createServer } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { coreOf } from "../../src/server/core.ts";
import { handStorage } from "../support/hand-log.ts";
import { createBrowser } from "./browser.ts";
import { createWorld, notes, type Page, type World } from "./world.ts";

/** Adds a document with a text to the one of that page. */
function add({ note }: Page, key: string, guid: string, words = ""): Y.Doc {
  const subdoc = new Y.Doc({ guid });
  if (words) subdoc.getText("text").insert(0, words);
  note.doc.getMap("chapters").set(key, subdoc);
  return subdoc;
}
const chapterOf = ({ note }: Page, key: string): Y.Doc => note.doc.getMap("chapters").get(key) as Y.Doc;
const textOf = (doc: Y.Doc): string => doc.getText("text").toString();

test("DOC51 a document within a document is a topic of its own, which is read once it is asked for", async () => {
  const world = createWorld();
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  const told: string[] = [];
  bob.note.doc.on("subdocs", ({ added, loaded }) => {
    for (const { guid } of added) told.push(`added ${guid}`);
    for (const { guid } of loaded) told.push(`loaded ${guid}`);
  });
  add(ada, "one", "chapter-1", "Once");
  await world.settle();
  expect([told, [...bob.note.doc.getSubdocs()].length]).toEqual([["added chapter-1"], 1]);
  const theirs = chapterOf(bob, "one");
  expect([theirs.shouldLoad, textOf(theirs)]).toEqual([false, ""]);

  theirs.load();
  let isSynced = false;
  void theirs.whenSynced.then(() => (isSynced = true));
  await world.settle();
  expect([textOf(theirs), isSynced, told.at(-1)]).toEqual(["Once", true, "loaded chapter-1"]);
  theirs.getText("text").insert(4, " upon");
  await world.settle();
  expect(textOf(chapterOf(ada, "one"))).toBe("Once upon");

  const handle = bob.note.subdoc("chapter-1");
  expect([handle.doc === theirs, handle.topic, handle.synced.get()]).toEqual([true, "notes/1/@sub/chapter-1", true]);
  expect(() => bob.note.subdoc("nowhere")).toThrow(/No document of the guid/);
  // The outer document has none of its letters.
  const outer = await world.family.open({ id: "1" });
  expect(new TextDecoder().decode(outer.encode())).not.toContain("upon");
  expect((await outer.subdocument("chapter-1")).read(textOf)).toBe("Once upon");
  expect(world.errors).toEqual([]);
});

test("DOC51 one that loads itself does, in every page, and those within are documents of the same kind", async () => {
  const world = createWorld();
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  ada.note.doc.getMap("chapters").set("auto", new Y.Doc({ guid: "auto", autoLoad: true }));
  await world.settle();
  const [mine, theirs] = [chapterOf(ada, "auto"), chapterOf(bob, "auto")];
  mine.getText("text").insert(0, "by itself");
  mine.getMap("notes").set("deep", new Y.Doc({ guid: "deep" }));
  await world.settle();
  expect(textOf(theirs)).toBe("by itself");
  const deep = bob.note.subdoc("auto").subdoc("deep");
  (mine.getMap("notes").get("deep") as Y.Doc).getText("text").insert(0, "deeper");
  await world.settle();
  expect([textOf(deep.doc), deep.topic]).toEqual(["deeper", "notes/1/@sub/deep"]);
  // Two pages write under ids of their own, whatever Yjs gave them.
  expect(new Set([mine.clientID, theirs.clientID, ada.note.doc.clientID, bob.note.doc.clientID]).size).toBe(4);
});

test("DOC52 it is read while the outer document is; one that is taken out, or destroyed, is read no longer", async () => {
  const world = createWorld();
  const [ada, bob] = [await world.page("ada"), await world.page("bob", { lingerMs: 0 })];
  add(ada, "one", "c1", "one");
  add(ada, "two", "c2", "two");
  await world.settle();
  const [one, two] = [bob.note.subdoc("c1"), bob.note.subdoc("c2")];
  await world.settle();
  expect([one.status.get(), two.status.get()]).toEqual(["live", "live"]);
  ada.note.doc.getMap("chapters").delete("one");
  await world.advance(100);
  expect([one.status.get(), two.status.get()]).toEqual(["idle", "live"]);
  two.doc.destroy();
  await world.advance(100);
  expect(two.status.get()).toBe("idle");
  const again = chapterOf(bob, "two");
  again.load();
  await world.settle();
  expect([textOf(again), bob.note.subdoc("c2").doc === again]).toEqual(["two", true]);
  bob.note.close();
  await world.advance(100);
  expect(bob.note.subdoc).toBeTypeOf("function");
  expect(two.status.get()).toBe("idle");
});

test("DOC52 where the outer document or the one within is replaced, both go on as one", async () => {
  const world = createWorld({
    authorize: ({ action, user, topic }) => action === "read" || user.id === "ada" || topic !== "notes/1",
  });
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  add(ada, "one", "c1", "one");
  await world.settle();
  const handle = bob.note.subdoc("c1");
  await world.settle();
  const before = handle.doc;
  bob.type(0, "refused");
  before.getText("text").insert(3, " refused");
  await world.settle();
  expect([bob.text, textOf(handle.doc), handle.doc === before]).toEqual(["", "one", false]);
  expect(chapterOf(bob, "one")).toBe(handle.doc);
  chapterOf(ada, "one").getText("text").insert(3, "!");
  await world.settle();
  expect([textOf(chapterOf(bob, "one")), chapterOf(bob, "one").isSynced]).toEqual(["one!", true]);
});

test("DOC53 who may read or write the outer document may do so within it, and nobody else", async () => {
  const asked: unknown[] = [];
  const world = createWorld({
    authorize: ({ action, user, topic, params }) => {
      if (action !== "presence") asked.push([topic, params]);
      return user.id === "ada" || (user.id === "bob" && action === "read");
    },
  });
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  add(ada, "one", "c1", "one");
  await world.settle();
  const theirs = bob.note.subdoc("c1");
  await world.settle();
  theirs.doc.getText("text").insert(0, "forged ");
  await world.settle();
  expect([textOf(theirs.doc), textOf(chapterOf(ada, "one"))]).toEqual(["one", "one"]);
  expect(new Set(asked.map((each) => JSON.stringify(each)))).toEqual(new Set(['["notes/1",{"id":"1"}]']));

  const mallory = await world.ours("client-id=m&user=mallory");
  const ask = (topic: string) => mallory.subscribe({ topic, kind: "doc", since: null, read: true });
  expect((await ask("notes/1/@sub/c1"))[0]?.error?.code).toBe("forbidden");
  const peer = await world.ours("client-id=a&user=ada");
  for (const guid of ["..", "a%2Fb", "x".repeat(65), "a%20b", "%C3%A9"]) {
    const [answer] = await peer.subscribe({ topic: `notes/1/@sub/${guid}`, kind: "doc", since: null, read: true });
    expect([guid, answer?.error?.code]).toEqual([guid, "forbidden"]);
  }
});

test("DOC53 what is no guid of ours travels, is told, and is not loaded", async () => {
  const world = createWorld();
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  add(ada, "bad", "../../other", "never");
  await world.settle();
  const theirs = chapterOf(bob, "bad");
  theirs.load();
  await world.settle();
  expect([theirs.guid, textOf(theirs), theirs.isSynced]).toEqual(["../../other", "", false]);
  expect(world.errors.map(({ where }) => where)).toEqual(["notes/1", "notes/1"]);
  const served = await world.family.open({ id: "1" });
  await expect(served.subdocument("../../other")).rejects.toThrow(/guid/);
});

test("DOC54 hooks of their own, deleted with the outer document, and none where they are turned off", async () => {
  const changes: unknown[] = [];
  const world = createWorld({
    seed: (note) => note.getText("text").insert(0, "seed"),
    onChange: ({ topic }) => void changes.push(topic),
    subdocuments: {
      onLoadDocument: ({ guid }) => (guid === "loaded" ? updateOf("from a database") : undefined),
      onChange: ({ guid, params, topic, document, updates }) =>
        void changes.push([guid, params, topic, textOf(document), updates.length]),
    },
    debounceMs: 100,
  });
  const ada = await world.page("ada");
  add(ada, "one", "c1", "one");
  ada.note.doc.getMap("chapters").set("loaded", new Y.Doc({ guid: "loaded" }));
  await world.advance(1000);
  expect(textOf(chapterOf(ada, "loaded"))).toBe("from a database");
  expect(changes).toEqual(expect.arrayContaining(["notes/1", ["c1", { id: "1" }, "notes/1/@sub/c1", "one", 1]]));
  const handle = ada.note.subdoc("c1");
  world.family.delete({ id: "1" });
  await world.settle();
  expect([ada.note.status.get(), handle.status.get()]).toEqual(["deleted", "deleted"]);
  const anew = await world.family.open({ id: "1" });
  expect((await anew.subdocument("c1")).read(textOf)).toBe("");

  const none = createServer({ env: world.env });
  onTestFinished(() => none.close());
  const plain = serverDoc(none, notes, { subdocuments: false });
  await expect((await plain.open({ id: "1" })).subdocument("c1")).rejects.toMatchObject({ code: "unsupported" });
});

test("DOC54 what is stored of those within is deleted with the outer document, open or not", async () => {
  const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  storage.auto = true;
  onTestFinished(() => storage.store());
  const before = createWorld({}, { storage });
  const within = async (world: World): Promise<ServerDoc> => (await world.family.open({ id: "1" })).subdocument("c1");
  await (await within(before)).transact((note) => note.getText("text").insert(0, "stored")).stored;
  await before.sync.close();
  const after = createWorld({}, { storage });
  expect((await within(after)).read(textOf)).toBe("stored");
  await after.sync.close();
  const last = createWorld({}, { storage });
  await last.family.open({ id: "1" });
  last.family.delete({ id: "1" });
  await expect.poll(async () => (await coreOf(last.sync).topics.stored("notes/1")).length).toBe(0);
  expect((await within(last)).read(textOf)).toBe("");
});

test("DOC54 those who are at one are shown there, and tabs share it as any other", async () => {
  const world = createWorld({ onAwarenessUpdate: ({ user, state }) => ({ ...state, name: user.id }) });
  const browser = createBrowser(world.env);
  const [one, two] = [await world.page("ada", {}, { tabs: browser.open }), await world.page("ada", {}, { tabs: browser.open })];
  add(one, "one", "c1", "one");
  await world.settle();
  const handles: ClientDoc[] = [one.note.subdoc("c1"), two.note.subdoc("c1")];
  await world.settle();
  for (const { awareness } of handles) awareness.setLocalState({ name: "forged" });
  await world.advance(1000);
  expect([...(handles[1]?.awareness.getStates().values() ?? [])].map(({ name }) => name as unknown)).toEqual(["ada", "ada"]);
  for (const page of [one, two]) page.offline();
  await world.settle();
  chapterOf(one, "one").getText("text").insert(3, " offline");
  await world.advance(100);
  expect(textOf(chapterOf(two, "one"))).toBe("one offline");
});

/** As Yjs tells of them, whoever wrote them. */
const autoLoaded = (guid: string): Y.Doc => new Y.Doc({ guid, autoLoad: true });
const messages = (world: World): string[] => [...new Set(world.errors.map(({ error }) => (error as Error).message))];

test("DOC63 of those that load themselves a page reads 64; the others wait for `load()`, and other topics have room", async () => {
  const world = createWorld();
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  const rich = new Y.Doc();
  for (let i = 0; i < 300; i++) rich.getMap("chapters").set(`k${i}`, autoLoaded(`g${i}`));
  const mallory = await world.hostile();
  expect((await mallory.write(Y.encodeStateAsUpdate(rich))).code).toBe("stored");
  await world.settle();
  const synced = (): Y.Doc[] => [...bob.note.doc.getSubdocs()].filter(({ isSynced }) => isSynced);
  expect([bob.note.doc.getSubdocs().size, synced().length]).toEqual([300, 64]);
  expect(messages(world)).toEqual([expect.stringContaining("More than 64 documents")]);
  const other = clientDoc(bob.client, notes({ id: "2" }));
  await world.settle();
  expect(other.synced.get()).toBe(true);

  const waiting = [...bob.note.doc.getSubdocs()].find(({ isSynced }) => !isSynced) as Y.Doc;
  waiting.load();
  chapterOf(ada, "k0").getText("text").insert(0, "read");
  await world.settle();
  expect([waiting.isSynced, textOf(chapterOf(bob, "k0")), synced().length]).toEqual([true, "read", 65]);
  // Those that are no longer there make room.
  ada.note.doc.transact(() => {
    for (let i = 0; i < 64; i++) ada.note.doc.getMap("chapters").delete(`k${i}`);
    ada.note.doc.getMap("chapters").set("late", autoLoaded("late"));
  });
  await world.settle();
  expect(chapterOf(bob, "late").isSynced).toBe(true);
});

test("DOC63 a document within itself, or two within each other, go round in no circle", async () => {
  const world = createWorld();
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  ada.note.doc.getMap("chapters").set("a", autoLoaded("a"));
  await world.settle();
  const within = ada.note.subdoc("a");
  within.doc.getMap("chapters").set("a", autoLoaded("a"));
  within.doc.getMap("chapters").set("b", autoLoaded("b"));
  await world.settle();
  expect(messages(world)).toEqual(["A document is not loaded within itself."]);
  within.subdoc("b").doc.getMap("chapters").set("a", autoLoaded("a"));
  await world.settle();
  const carol = await world.page("carol");
  await world.settle();
  for (const { note } of [ada, bob, carol]) note.subdoc("a").doc.getText("text").insert(0, "x");
  await world.settle();
  for (const { note } of [ada, bob, carol]) expect(textOf(note.subdoc("a").doc)).toBe("xxx");
  expect(messages(world)).toEqual(["A document is not loaded within itself."]);
});

test("DOC66 what the server opened within a document is let go once it was released, or the outer document is", async () => {
  const world = createWorld({}, { limits: { idleTopicMs: 500 } });
  const { topics } = coreOf(world.sync);
  const loaded = (): boolean[] => ["a", "b"].map((guid) => topics.opened(`notes/1/@sub/${guid}`) !== undefined);
  const outer = await world.family.open({ id: "1" });
  const first = await outer.subdocument("a");
  await outer.subdocument("a");
  await outer.subdocument("b");
  outer.releaseSubdocument("a");
  await world.advance(5000);
  expect(loaded()).toEqual([true, true]);
  outer.releaseSubdocument("a");
  // Once too often is no other's.
  outer.releaseSubdocument("a");
  await world.advance(5000);
  expect(loaded()).toEqual([false, true]);
  expect(() => first.read(textOf)).toThrow(/closed|let go/);
  world.family.release({ id: "1" });
  await world.advance(5000);
  expect(loaded()).toEqual([false, false]);
});

function updateOf(words: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, words);
  return Y.encodeStateAsUpdate(doc);
}
