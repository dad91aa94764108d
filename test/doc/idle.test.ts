/** Documents that nobody uses are let go: their hooks run before, and keep nothing loaded. */
import { SyncError } from "sente-sync";
import { virtualClock } from "sente-sync/testing";
import { expect, onTestFinished, test } from "vitest";
import { coreOf } from "../../src/server/core.ts";
import { handStorage } from "../support/hand-log.ts";
import { createWorld, type World } from "./world.ts";

type Options = NonNullable<Parameters<typeof createWorld>[0]>;

const idleTopicMs = 500;

function open(options: Options) {
  const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  storage.auto = true;
  const world = createWorld(options, { storage, limits: { idleTopicMs } });
  onTestFinished(() => storage.store());
  const { topics } = coreOf(world.sync);
  return { world, isLoaded: () => topics.opened("notes/1") !== undefined };
}

/** The hand log answers in promises: virtual time stands, and they have to be let run. */
async function advance(world: World, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 250) {
    await world.advance(250);
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      await world.settle();
    }
  }
}

async function write(world: World, text: string): Promise<void> {
  let isStored = false;
  void world.family
    .transact({ id: "1" }, (note) => note.getText("text").insert(0, text))
    .then(() => {
      isStored = true;
    });
  while (!isStored) await advance(world, 1);
}

const textOf = async (world: World): Promise<string> => {
  let text = "";
  const asked = world.family.use({ id: "1" }, (note) => {
    text = note.read((read) => read.getText("text").toString());
  });
  await advance(world, 1);
  await asked;
  return text;
};

test("IDLE8 what is due is run before a document is let go, and afterUnloadDocument then", async () => {
  const told: string[] = [];
  const { world, isLoaded } = open({
    debounceMs: 60_000,
    maxDebounceMs: 600_000,
    onChange: ({ updates }) => void told.push(`changed by ${updates.length}`),
    onStoreDocument: ({ document }) => void told.push(`stored ${document.getText("text").toString()}`),
    afterUnloadDocument: ({ topic, params: { id } }) => void told.push(`unloaded ${topic} ${id} ${isLoaded()}`),
  });
  await write(world, "one");
  expect(told).toEqual([]);
  await advance(world, 1500);
  expect(told).toEqual(["changed by 1", "stored one", "unloaded notes/1 1 false"]);
  expect(await textOf(world)).toBe("one");
  await advance(world, 1500);
  expect(told.slice(3)).toEqual(["unloaded notes/1 1 false"]);
  expect(world.errors).toEqual([]);
});

test("IDLE8 a hook that throws keeps nothing loaded, and is reported", async () => {
  const { world, isLoaded } = open({
    debounceMs: 60_000,
    maxDebounceMs: 600_000,
    onStoreDocument() {
      throw new Error("the database is down");
    },
    afterUnloadDocument() {
      throw new Error("this one, too");
    },
  });
  await write(world, "one");
  await advance(world, 1500);
  expect([isLoaded(), world.errors.map(({ error }) => (error as Error).message)]).toEqual([
    false,
    ["the database is down", "this one, too"],
  ]);
  expect(await textOf(world)).toBe("one");
});

test("IDLE8 one that hangs is waited for 5 s; who comes meanwhile has the document at once", async () => {
  let calls = 0;
  let end = (): void => {};
  const { world, isLoaded } = open({
    debounceMs: 60_000,
    maxDebounceMs: 600_000,
    onStoreDocument() {
      calls++;
      return new Promise((resolve) => (end = resolve));
    },
  });
  await write(world, "one");
  await advance(world, 1500);
  expect([calls, isLoaded()]).toEqual([1, true]);
  expect(await textOf(world)).toBe("one");
  await advance(world, 4000);
  expect(isLoaded()).toBe(true);
  // It was asked for: from then on anew.
  await advance(world, 10_000);
  expect([calls, isLoaded(), world.errors]).toEqual([1, false, []]);
  end();
});

test("IDLE8 what is edited while the hooks run is told to them before the document goes", async () => {
  const stored: string[] = [];
  const { world, isLoaded } = open({
    debounceMs: 60_000,
    maxDebounceMs: 600_000,
    async onStoreDocument({ document }) {
      stored.push(document.getText("text").toString());
      if (stored.length === 1) await new Promise((resolve) => world.env.setTimer(() => resolve(undefined), 600));
    },
  });
  await write(world, "one");
  await advance(world, 1000);
  expect(stored).toEqual(["one"]);
  await write(world, "two ");
  await advance(world, 3000);
  expect([stored, isLoaded()]).toEqual([["one", "two one"], false]);
});

test("IDLE8 afterUnloadDocument is called for a document that was deleted, too", async () => {
  const told: string[] = [];
  const { world } = open({ afterUnloadDocument: ({ topic }) => void told.push(topic) });
  await write(world, "one");
  world.family.delete({ id: "1" });
  await advance(world, 1);
  expect(told).toEqual(["notes/1"]);
});

test("IDLE4 a document in memory stays once it has something, also what it began with", async () => {
  const world = createWorld({ seed: (note) => void note.getText("text").insert(0, "seed") }, { limits: { idleTopicMs } });
  await world.family.use({ id: "1" }, () => {});
  await advance(world, 2000);
  expect(world.family.list()).toEqual(["notes/1"]);
});

test("IDLE7 a document that was let go is not edited by its handle", async () => {
  const { world, isLoaded } = open({});
  const opening = world.family.open({ id: "1" });
  await advance(world, 1);
  const handle = await opening;
  world.family.release({ id: "1" });
  await advance(world, 1500);
  expect(isLoaded()).toBe(false);
  expect(() => handle.transact(() => {})).toThrow(SyncError);
});

test("IDLE2 a page that was offline gets what others wrote, and they what it wrote, though the document was let go between", async () => {
  const { world, isLoaded } = open({});
  const ada = await world.page("ada");
  await advance(world, 250);
  ada.type(0, "start ");
  await advance(world, 1000);
  ada.offline();
  ada.type(6, "ada ");
  await advance(world, 3000);
  expect(isLoaded()).toBe(false);
  await write(world, "server ");
  await advance(world, 2000);
  expect(isLoaded()).toBe(false);
  let replaced = 0;
  const before = ada.note.doc;
  ada.note.listen((now) => void (replaced += now === before ? 0 : 1));
  ada.online();
  await advance(world, 5000);
  expect([ada.text, replaced, ada.note.pending.get()]).toEqual(["server start ada ", 0, 0]);
  expect(await textOf(world)).toBe("server start ada ");
});
