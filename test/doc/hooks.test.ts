/** Hooks of documents at the edges: where they throw, hang, edit, or are due when the server closes. */
import { isSyncError, type SyncError } from "sente-sync";
import { doc as clientDoc } from "sente-sync/doc";
import { yjsPeers } from "sente-sync/doc/peers";
import { doc } from "sente-sync/doc/server";
import { virtualClock } from "sente-sync/testing";
import { memoryPair } from "sente-sync/transports/memory";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { changeHooks } from "../../src/server/doc/hooks.ts";
import { handStorage } from "../support/hand-log.ts";
import { createWorld, type World } from "./world.ts";
import { createDoc, docOf } from "./yjs.ts";

/** Lets time pass, in real turns and in virtual time, until it is over. */
async function during<T>(world: World, work: Promise<T>, atMostMs = 200): Promise<T> {
  let isOver = false;
  const over = (): void => void (isOver = true);
  work.then(over, over);
  for (let ms = 0; ms < atMostMs && !isOver; ms++) {
    await new Promise((resolve) => setImmediate(resolve));
    await world.advance(1);
  }
  if (!isOver) throw new Error("Nothing came of it.");
  return work;
}

const textOf = (doc: Y.Doc): string => doc.getText("text").toString();
const codesOf = (world: World): string[] =>
  world.errors.map(({ error }) => (isSyncError(error) ? error.code : (error as Error).message));
const late = { debounceMs: 60_000, maxDebounceMs: 120_000 };

/** The update of a document with that text. */
function typed(text: string): Uint8Array {
  const doc = createDoc(5);
  doc.getText("text").insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

test("DOC55 who closes the server waits for hooks that are due, with what was stored last", async () => {
  const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  const told: string[] = [];
  const options = {
    ...late,
    async onStoreDocument({ document, updates }: { readonly document: Y.Doc; readonly updates: readonly Uint8Array[] }) {
      await Promise.resolve();
      told.push(`${textOf(document)} ${updates.length}`);
    },
  };
  const world = createWorld(options, { storage });
  storage.auto = true;
  await during(
    world,
    world.family.transact({ id: "1" }, (doc) => doc.getText("text").insert(0, "one")),
  );
  storage.auto = false;
  const served = await world.family.open({ id: "1" });
  const { stored } = served.transact((doc) => doc.getText("text").insert(3, " two"));
  const closing = world.sync.close();
  await world.settle();
  expect(told).toEqual([]);
  await storage.store();
  await stored;
  await during(world, closing);
  expect(told).toEqual(["one two 2"]);
});

test("DOC55 a hook that throws, and one that hangs, keep no server from closing, and are told of", async () => {
  const told: string[] = [];
  let release = (): void => {};
  const world = createWorld({
    ...late,
    onChange: () => new Promise<void>((resolve) => (release = resolve)),
    onStoreDocument({ document }) {
      told.push(textOf(document));
      throw new Error("full");
    },
  });
  const ada = await world.page("ada");
  ada.type(0, "kept");
  await world.settle();
  let isClosed = false;
  void world.sync.close().then(() => {
    isClosed = true;
  });
  await world.advance(4900);
  expect([told, isClosed]).toEqual([["kept"], false]);
  await world.advance(200);
  expect([isClosed, codesOf(world)]).toEqual([true, ["full", "timeout"]]);
  release();
});

test("DOC56 one hook that hangs keeps the other from nothing; neither runs twice at once", async () => {
  const told: number[] = [];
  let running = 0;
  let release = (): void => {};
  const world = createWorld({
    debounceMs: 100,
    onChange() {
      running++;
      return new Promise<void>((resolve) => (release = resolve));
    },
    onStoreDocument: ({ updates }) => void told.push(updates.length),
  });
  const served = await world.family.open({ id: "1" });
  for (const text of ["a", "b"]) {
    served.transact((doc) => doc.getText("text").insert(0, text));
    served.transact((doc) => doc.getText("text").insert(0, text));
    await world.advance(300);
  }
  expect([told, running]).toEqual([[2, 2], 1]);
  release();
  await world.settle();
  expect(running).toBe(2);
  release();
});

test("DOC56 what onChange edits is in the document that onStoreDocument is given, and both are told of it", async () => {
  const told: [hook: string, text: string, updates: number][] = [];
  const world = createWorld({
    debounceMs: 100,
    onChange({ params, document, updates }) {
      told.push(["change", textOf(document), updates.length]);
      if (textOf(document).endsWith("!")) return;
      return world.family.transact(params, (doc) => doc.getText("text").insert(doc.getText("text").length, "!"));
    },
    onStoreDocument: ({ document, updates }) => void told.push(["store", textOf(document), updates.length]),
  });
  const ada = await world.page("ada");
  ada.type(0, "a");
  await world.advance(1000);
  expect(told).toEqual([
    ["change", "a", 1],
    ["change", "a!", 1],
    ["store", "a!", 2],
  ]);
  expect(ada.text).toBe("a!");
});

test("DOC56 updates that wait for a hook that hangs become one when they are too many", async () => {
  const { clock } = createWorld();
  const told: string[] = [];
  let release = (): void => {};
  const hook = async (updates: readonly Uint8Array[]): Promise<void> => {
    told.push(`${updates.length} of ${updates[0]?.length}`);
    await new Promise<void>((resolve) => (release = resolve));
  };
  const options = { debounceMs: 10, maxDebounceMs: 100, whole: () => new Uint8Array(77), report() {} };
  const { stored, cancel } = changeHooks(clock.envFor("hooks"), [hook], options);
  stored(new Uint8Array(1));
  await clock.advance(20);
  for (let i = 0; i < 10_003; i++) stored(new Uint8Array(1));
  release();
  await clock.advance(200);
  expect(told).toEqual(["1 of 1", "3 of 77"]);
  release();
  cancel();
});

test("DOC57 where onLoadDocument throws, readers are told to try again, and the next one begins anew", async () => {
  let loads = 0;
  const world = createWorld({
    onLoadDocument() {
      if (++loads < 3) throw new Error("down");
      return typed("loaded");
    },
  });
  const opening = Promise.resolve(world.family.open({ id: "1" }));
  await expect(opening).rejects.toMatchObject({ code: "loading", retry: "later" });
  const mallory = await world.ours("client-id=m&user=m");
  const [answer] = await mallory.subscribe({ topic: "notes/1", kind: "doc", since: null, read: true });
  expect(answer).toMatchObject({ error: { code: "loading" } });
  expect(JSON.stringify(answer)).not.toContain("down");
  const ada = await world.page("ada");
  await world.advance(10_000);
  expect([ada.text, loads, codesOf(world)]).toEqual(["loaded", 3, ["down", "down"]]);
});

test("DOC57 what takes too long to load is an error as well; what comes of it afterwards is thrown away", async () => {
  const answers: ((update: Uint8Array) => void)[] = [];
  const world = createWorld({
    loadTimeoutMs: 1000,
    onLoadDocument: () => new Promise((resolve) => answers.push(resolve)),
  });
  const opening = Promise.resolve(world.family.open({ id: "1" }));
  const ended = opening.catch((error: unknown) => error);
  await world.advance(1001);
  expect(await ended).toMatchObject({ code: "loading" });
  const again = world.family.open({ id: "1" });
  await world.settle();
  answers[0]?.(typed("too late"));
  await world.settle();
  answers[1]?.(typed("in time"));
  expect((await again).read(textOf)).toBe("in time");
  expect(codesOf(world)).toEqual(["timeout"]);
});

test("DOC57, YPEER14 pages of other providers are told to come back where a document cannot be loaded now", async () => {
  let isDown = true;
  const world = createWorld({
    onLoadDocument() {
      if (isDown) throw new Error("down");
      return undefined;
    },
  });
  const peers = yjsPeers(world.sync);
  const connect = (url: string): number[] => {
    const [near, far] = memoryPair(world.env);
    const closes: number[] = [];
    near.handlers = { onFrame() {}, onClose: (code) => void closes.push(code) };
    peers.accept(far, url, { id: "yan" });
    near.send({ data: Uint8Array.of(0, 0, 1, 0), text: false });
    return closes;
  };
  const refused = connect("/yjs/notes/1");
  await world.settle();
  expect(refused).toEqual([1013]);
  isDown = false;
  const taken = connect("/yjs/notes/1");
  await world.settle();
  expect(taken).toEqual([]);
});

test("DOC58 what onLoadDocument gives is looked into as a whole before it is taken", async () => {
  const half = createDoc(6);
  const updates: Uint8Array[] = [];
  half.on("update", (update: Uint8Array) => updates.push(update));
  for (const letter of "abc") half.getText("text").insert(0, letter);
  const given: Record<string, Uint8Array> = {
    broken: typed("broken").subarray(0, 12),
    gapped: updates[2] as Uint8Array,
    empty: Y.encodeStateAsUpdate(new Y.Doc()),
    whole: Y.encodeStateAsUpdate(half),
  };
  const world = createWorld({ onLoadDocument: ({ params }) => given[params.id] });
  for (const id of ["broken", "gapped"]) {
    await expect(Promise.resolve(world.family.open({ id }))).rejects.toMatchObject({ code: "loading" });
  }
  expect(codesOf(world)).toEqual(["malformed", "gap"]);
  expect((await world.family.open({ id: "empty" })).updates).toEqual([]);
  expect(textOf(docOf((await world.family.open({ id: "whole" })).updates))).toBe("cba");
});

test("HOOK2 a document of a name whose onLoadDocument throws is opened again by the server, for the handle that is there", async () => {
  const world = createWorld();
  let fails = true;
  const named = doc(world.sync, "minutes", {
    onLoadDocument() {
      if (fails) throw new Error("not now");
      return undefined;
    },
    seed: (empty) => empty.getText("text").insert(0, "begun"),
  });
  const codeOf = (ready: Promise<void>): Promise<string> =>
    ready.then(
      () => "ready",
      ({ code }: SyncError) => code,
    );
  await world.settle();
  expect(await codeOf(named.ready)).toBe("loading");
  expect(() => named.read(() => {})).toThrow(expect.objectContaining({ code: "loading" }));
  fails = false;
  await world.advance(30_000);
  expect(await codeOf(named.ready)).toBe("ready");
  named.transact((note) => note.getText("text").insert(5, " again"));
  const page = clientDoc(world.client(), "minutes");
  await world.advance(200);
  expect(page.doc.getText("text").toString()).toBe("begun again");
});
