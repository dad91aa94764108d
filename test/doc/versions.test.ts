/** Versions of documents, in virtual time: made, listed, bounded, shown, compared and gone back to. */
import { isSyncError } from "sente-sync";
import type { DocVersion, ServerDocOptions } from "sente-sync/doc/server";
import type { ServerOptions } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, onTestFinished, test } from "vitest";
import { coreOf as clientCoreOf } from "../../src/client/client.ts";
import { coreOf } from "../../src/server/core.ts";
import { pushed, text } from "../server/world.ts";
import { handStorage } from "../support/hand-log.ts";
import { createWorld, type World } from "./world.ts";

type NoteOptions = ServerDocOptions<{ readonly id: string }>;

/** Lets what was asked for happen, and waits for it: disks answer in real turns, clients in virtual time. */
async function during<T>(world: World, work: Promise<T>): Promise<T> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  work.then(over, over);
  for (let i = 0; i < 200 && !isOver; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await world.advance(1);
  }
  if (!isOver) throw new Error("Nothing came of it.");
  return work;
}

const codeOf = (world: World, work: Promise<unknown>): Promise<string> =>
  during(world, work).then(
    () => "done",
    (error: unknown) => (isSyncError(error) ? error.code : String(error)),
  );

/** A world whose server writes to a disk that answers. */
function durable(options: NoteOptions, server: ServerOptions = {}) {
  const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  storage.auto = true;
  const world = createWorld(options, { storage, ...server });
  onTestFinished(() => storage.store());
  return { storage, world };
}

const write = async (world: World, text: string): Promise<void> =>
  during(
    world,
    world.family.transact({ id: "1" }, (note) => {
      const own = note.getText("text");
      own.delete(0, own.length);
      own.insert(0, text);
    }),
  );
const versionsOf = (world: World) => during(world, world.family.versions({ id: "1" }));
const names = (versions: readonly DocVersion[]): string[] => versions.map(({ name, isAutomatic }) => (isAutomatic ? "*" : name));

test("VDOC1, VDOC2 a version that a client makes is in the list of all, and holds what it had edited before", async () => {
  const world = createWorld({ versions: {} });
  const ada = await world.page("ada");
  const bob = await world.page("bob");
  bob.note.versions.keep();
  await world.settle();
  expect(bob.note.versions.get()).toEqual([]);
  ada.type(0, "hello");
  const version = await during(world, ada.note.versions.create("first"));
  expect(version).toMatchObject({ name: "first", by: "ada", isAutomatic: false, atMs: expect.any(Number) });
  ada.type(5, " world");
  const second = await during(world, ada.note.versions.create("second"));
  expect(bob.note.versions.get()).toEqual([version, second]);
  expect((await during(world, bob.note.versions.preview(version.id))).getText("text").toString()).toBe("hello");
  const served = await versionsOf(world);
  expect(await served.list()).toEqual([version, second]);
  expect((await served.preview(second.id)).getText("text").toString()).toBe("hello world");
});

test("VDOC2 a version holds what is stored, and nothing that a disk may still refuse", async () => {
  const { world, storage } = durable({ versions: {} });
  await write(world, "stored");
  const served = await versionsOf(world);
  storage.auto = false;
  const family = await world.family.open({ id: "1" });
  const refused = family.transact((note) => note.getText("text").insert(6, " and more")).stored.catch(() => "refused");
  const making = served.create("now");
  for (let i = 0; i < 20; i++) await world.settle();
  expect(await served.list()).toEqual([]);
  storage.auto = true;
  await storage.store();
  await refused;
  const version = await during(world, making);
  expect((await served.preview(version.id)).getText("text").toString()).toBe("stored");
});

test("VDOC3 what is over the bounds goes: those that were made by themselves first, the oldest first", async () => {
  const world = createWorld({ versions: { maxCount: 3, everyMs: 60_000 } });
  const served = await versionsOf(world);
  const one = await served.create("one");
  await write(world, "edited");
  await world.advance(61_000);
  await served.create("two");
  expect(names(await served.list())).toEqual(["one", "*", "two"]);
  await served.create("three");
  expect(names(await served.list())).toEqual(["one", "two", "three"]);
  await served.create("four");
  expect(names(await served.list())).toEqual(["two", "three", "four"]);
  expect(await codeOf(world, served.preview(one.id))).toBe("not-found");
});

test("VDOC3 versions have so many bytes and are so old at most", async () => {
  const world = createWorld({ versions: { maxBytes: 3000, maxAgeMs: 60_000 } });
  await write(world, "x".repeat(1200));
  const served = await versionsOf(world);
  await served.create("one");
  await served.create("two");
  await served.create("three");
  expect(names(await served.list())).toEqual(["two", "three"]);
  await world.advance(50_000);
  await write(world, "small");
  await served.create("four");
  await world.advance(20_000);
  await served.create("five");
  expect(names(await served.list())).toEqual(["four", "five"]);
  await write(world, "x".repeat(4000));
  expect(await codeOf(world, served.create("six"))).toBe("too-large");
  expect(await codeOf(world, served.create("n".repeat(201)))).toBe("too-large");
  expect(() => createWorld({ versions: { maxCount: 0 } })).toThrow(/maxCount/);
});

test("VDOC4 who may read lists and looks, who may write makes and deletes, and nobody else does", async () => {
  const may: Record<string, readonly string[]> = { ada: ["read", "write", "create"], eve: ["read"], mallory: [] };
  const world = createWorld({ versions: {}, authorize: ({ user, action }) => may[user.id]?.includes(action) ?? false });
  const ada = await world.page("ada");
  ada.type(0, "hello");
  const version = await during(world, ada.note.versions.create("first"));
  const eve = await world.page("eve");
  expect(await during(world, eve.note.versions.ready)).toEqual([version]);
  expect((await during(world, eve.note.versions.preview(version.id))).getText("text").toString()).toBe("hello");
  expect(await codeOf(world, eve.note.versions.create("mine"))).toBe("forbidden");
  expect(await codeOf(world, eve.note.versions.delete(version.id))).toBe("forbidden");
  const mallory = await world.page("mallory");
  expect(await codeOf(world, mallory.note.versions.ready)).toBe("forbidden");
  expect(await codeOf(world, mallory.note.versions.preview(version.id))).toBe("forbidden");
  const ask = { topic: "notes/1", what: "create", name: "mine" };
  expect(await codeOf(world, mallory.client.request("doc/versions", ask))).toBe("forbidden");
  expect(await codeOf(world, ada.client.request("doc/versions", { ...ask, name: 7 }))).toBe("invalid");
  expect(await codeOf(world, ada.client.request("doc/versions", { ...ask, topic: "other/1" }))).toBe("not-declared");
  expect(await codeOf(world, ada.client.request("doc/versions", { ...ask, topic: "notes/2" }))).toBe("loading");
  expect(await codeOf(world, ada.note.versions.delete("nothing"))).toBe("not-found");
  const peer = await world.ours("client-id=ada&user=ada");
  const [reading] = await peer.subscribe({
    topic: `notes/1/@versions/${version.id}`,
    kind: "doc-version",
    since: null,
    read: true,
  });
  const forged = text([reading?.id, 1, [["forged"]]]);
  expect(pushed(await peer.hear(`[[:sync/write ${forged}] nil]`), "sync/reject")).toMatchObject([
    [reading?.id, 1, { code: "unsupported" }],
  ]);
  expect((await during(world, ada.note.versions.preview(version.id))).getText("text").toString()).toBe("hello");
  await during(world, ada.note.versions.delete(version.id));
  await world.settle();
  expect(await during(world, eve.note.versions.ready)).toEqual([]);
});

test("VDOC4 an `authorize` that answers neither yes nor no has said no to versions, too, and is asked as about the document", async () => {
  const asked: unknown[] = [];
  const world = createWorld({
    versions: {},
    // As one that forgot to return something.
    authorize: ({ user, action, topic, params, kind }): boolean => {
      if (action === "read") asked.push([kind, topic, params]);
      if (user.id === "ada") return true;
      return undefined as never;
    },
  });
  const ada = await world.page("ada");
  ada.type(0, "secret");
  const version = await during(world, ada.note.versions.create("first"));
  await during(world, ada.note.versions.preview(version.id));
  const eve = await world.page("eve");
  expect(await codeOf(world, eve.note.versions.ready)).toBe("forbidden");
  expect(await codeOf(world, eve.note.versions.preview(version.id))).toBe("forbidden");
  expect(new Set(asked.map((each) => JSON.stringify(each)))).toEqual(new Set(['["doc","notes/1",{"id":"1"}]']));
});

test("VDOC4 clients make ten at once of one document, and one more each six seconds", async () => {
  const world = createWorld({ versions: {} });
  const ada = await world.page("ada");
  for (let i = 0; i < 10; i++) await during(world, ada.note.versions.create(`${i}`));
  expect(await codeOf(world, ada.note.versions.create("more"))).toBe("rate-limited");
  await world.advance(6000);
  expect(await codeOf(world, ada.note.versions.create("more"))).toBe("done");
});

test("VDOC5 one is made by itself a while after the first edit, and none where nothing was edited", async () => {
  const world = createWorld({ versions: { everyMs: 60_000 } });
  const served = await versionsOf(world);
  await world.advance(200_000);
  expect(await served.list()).toEqual([]);
  await write(world, "one");
  await world.advance(40_000);
  await write(world, "two");
  await world.advance(21_000);
  const [first, ...more] = await served.list();
  expect([first?.isAutomatic, first?.by, more]).toEqual([true, null, []]);
  expect((await served.preview(first?.id ?? "")).getText("text").toString()).toBe("two");
  await world.advance(200_000);
  expect(await served.list()).toHaveLength(1);
  await write(world, "three");
  await served.create("by hand");
  await world.advance(100_000);
  expect(names(await served.list())).toEqual(["*", "by hand"]);
});

test("VDOC6, VDOC9 a difference says who wrote what, on the client and on the server", async () => {
  const world = createWorld({ versions: {} });
  const ada = await world.page("ada");
  ada.type(0, "one three");
  const version = await during(world, ada.note.versions.create("first"));
  const bob = await world.page("bob");
  bob.type(4, "two ");
  await world.settle();
  await during(
    world,
    world.family.transact({ id: "1" }, (note) => note.getText("text").insert(13, "!")),
  );
  ada.note.doc.getText("text").delete(0, 4);
  await world.settle();
  const parts = [
    { op: "delete", text: "one" },
    { op: "insert", text: "two", by: "bob" },
    { op: "keep", text: " three" },
    { op: "insert", text: "!", by: null },
  ];
  expect(await during(world, ada.note.versions.diff(version.id))).toEqual([{ path: ["text"], parts }]);
  const served = await versionsOf(world);
  expect(await served.diff(version.id)).toEqual([{ path: ["text"], parts }]);
  const second = await served.create("second");
  await write(world, "something else");
  expect(await served.diff(version.id, second.id)).toEqual([{ path: ["text"], parts }]);
  const eve = await world.page("eve");
  expect(await during(world, eve.note.versions.diff(version.id, second.id))).toEqual([{ path: ["text"], parts }]);
  const [back] = await during(world, eve.note.versions.diff(second.id, version.id));
  expect(back).toMatchObject({
    parts: [{ op: "delete" }, { op: "insert", text: "one", by: "ada" }, { op: "keep" }, { op: "delete", text: "!" }],
  });
});

test("VDOC7 what a version holds is let go of when nobody reads it, and is there when it is asked for", async () => {
  const { world } = durable({ versions: {} });
  await write(world, "hello");
  const served = await versionsOf(world);
  const version = await during(world, served.create("first"));
  const { topics } = coreOf(world.sync);
  const name = `notes/1/@versions/${version.id}`;
  expect(topics.opened(name)).toBeDefined();
  await world.advance(121_000);
  expect(topics.opened(name)).toBeUndefined();
  const ada = await world.page("ada");
  const replica = { value: undefined, apply() {}, restore() {}, clear() {} };
  const held = clientCoreOf(ada.client).hold(name, "doc-version", () => replica);
  const leave = held.use();
  await during(world, new Promise<void>((done) => world.env.setTimer(done, 50)));
  expect(held.status.get()).toBe("live");
  await world.advance(200_000);
  expect(topics.opened(name)).toBeDefined();
  leave();
  await world.advance(200_000);
  expect(topics.opened(name)).toBeUndefined();
  expect((await during(world, served.preview(version.id))).getText("text").toString()).toBe("hello");
});

test("VDOC7 with a document its versions are deleted", async () => {
  const { world } = durable({ versions: {} });
  await write(world, "hello");
  const served = await versionsOf(world);
  await during(world, served.create("first"));
  const { topics } = coreOf(world.sync);
  expect((await topics.stored("notes/1/@versions")).length).toBe(2);
  world.family.delete({ id: "1" });
  await codeOf(world, new Promise((resolve) => world.env.setTimer(() => resolve(undefined), 20)));
  expect(await topics.stored("notes/1")).toEqual([]);
});

test("VDOC12 a client goes back by one edit of its own, which can be undone, and loses nothing that others write meanwhile", async () => {
  const world = createWorld({ versions: {} });
  const ada = await world.page("ada");
  const bob = await world.page("bob");
  ada.note.transact((note) => {
    note.getText("text").insert(0, "the old text");
    note.getMap("map").set("title", "old");
    note.getArray("list").insert(0, [1, 2]);
  });
  const version = await during(world, ada.note.versions.create("old"));
  ada.note.undoManager.clear();
  ada.note.transact((note) => {
    note.getText("text").delete(4, 4);
    note.getText("text").insert(4, "new ");
    note.getMap("map").set("title", "new");
    note.getArray("list").delete(0, 1);
  });
  await world.settle();
  bob.offline();
  bob.type(12, ", by bob");
  bob.note.doc.getMap("map").set("mine", true);
  const receipt = await during(world, ada.note.versions.restore(version.id));
  ada.type(0, "> ");
  await world.settle();
  expect(receipt.status).toBe("stored");
  expect(ada.text).toBe("> the old text");
  bob.online();
  await world.advance(5000);
  const shown = ["> the old text, by bob", { title: "old", mine: true }, [1, 2]];
  for (const { note } of [ada, bob]) {
    expect([note.doc.getText("text").toString(), note.doc.getMap("map").toJSON(), note.doc.getArray("list").toJSON()]).toEqual(
      shown,
    );
  }
  expect(bob.note.receipt.status).toBe("stored");
  ada.note.undoManager.undo();
  expect(ada.text).toBe("the old text, by bob");
  ada.note.undoManager.undo();
  await world.settle();
  expect(bob.text).toBe("the new text, by bob");
  expect(bob.note.doc.getArray("list").toJSON()).toEqual([2]);
});

test("VDOC13 the server goes back as itself, in one entry", async () => {
  const world = createWorld({ versions: {} });
  const ada = await world.page("ada");
  await write(world, "old");
  const served = await versionsOf(world);
  const { id } = await served.create("old");
  const now = await served.create("the same");
  ada.type(3, " and new");
  await world.settle();
  const before = (await world.family.open({ id: "1" })).updates.length;
  await during(world, served.restore(id));
  await world.settle();
  expect(ada.text).toBe("old");
  expect((await world.family.open({ id: "1" })).updates.length).toBe(before + 1);
  await during(world, served.restore(now.id));
  expect((await world.family.open({ id: "1" })).updates.length).toBe(before + 1);
});

test("VDOC18 nothing that somebody writes keeps anybody from comparing with what was before, and from going back to it", async () => {
  const world = createWorld({ versions: {} });
  const ada = await world.page("ada");
  ada.type(0, "hello");
  ada.note.doc.getMap("map").set("a", { b: 1 });
  ada.note.doc.getArray("list").push([1, 2]);
  const before = await during(world, ada.note.versions.create("before"));
  const mallory = await world.hostile();
  const name = (words: string): number[] => [words.length, ...new TextEncoder().encode(words)];
  const structs = [
    // A format, and nothing, as values; a value under a key of a list; letters and null in a tree.
    [6 | 32, 1, ...name("map"), ...name("a"), ...name("bold"), ...name("true")],
    [8 | 32, 1, ...name("map"), ...name("b"), 1, 127],
    [8 | 32, 1, ...name("list"), ...name("k"), 1, 120],
    [8, 1, ...name("list"), 2, 127, 118, 1, ...name("constructor"), 126],
    [8, 1, ...name("text"), 1, 126],
    [4, 1, ...name("list"), ...name("letters")],
    [7 | 32, 1, ...name("map"), ...name("tree"), 4],
    [8, 0, 77, 13, 2, 126, 122, 0, 0, 0, 0, 0, 0, 0, 1],
  ];
  expect((await mallory.write(Uint8Array.from([1, structs.length, 77, 0, ...structs.flat(), 0]))).code).toBe("stored");
  ada.note.doc.getArray("list");
  const after = await during(world, ada.note.versions.create("after"));
  expect((await during(world, ada.note.versions.diff(before.id))).length).toBeGreaterThan(2);
  expect((await during(world, (await versionsOf(world)).diff(before.id))).length).toBeGreaterThan(2);
  const state = (): unknown => [ada.text, ada.note.doc.getMap("map").toJSON(), ada.note.doc.getArray("list").toJSON()];
  const asItWas = ["hello", { a: { b: 1 } }, [1, 2]];
  await during(world, ada.note.versions.restore(before.id));
  expect(state()).toEqual(asItWas);
  // To what Yjs would not take of anybody one goes as a whole, or not at all.
  await during(world, ada.note.versions.restore(after.id)).catch(() => {});
  await during(world, (await versionsOf(world)).restore(after.id)).catch(() => {});
  await during(world, (await versionsOf(world)).restore(before.id));
  await world.settle();
  expect(state()).toEqual(asItWas);
  expect(world.errors).toEqual([]);
});

test("VDOC1 a document without versions says so", async () => {
  const world = createWorld();
  expect(await codeOf(world, world.family.versions({ id: "1" }))).toBe("unsupported");
  const ada = await world.page("ada");
  expect(await codeOf(world, ada.note.versions.ready)).toBe("not-declared");
  expect(await codeOf(world, ada.note.versions.create("first"))).not.toBe("done");
});
