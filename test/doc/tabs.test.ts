/** Tabs of one browser at one document: who sees what, and what becomes of it where one of them dies, lags or lies. */
import { type OutboxStore, outbox } from "sente-sync/client/outbox";
import { doc as clientDoc, type DocOptions, tab } from "sente-sync/doc";
import { createRng } from "sente-sync/testing";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { MemoryDisk } from "../client/outbox-world.ts";
import { type Browser, createBrowser } from "./browser.ts";
import { idHistory } from "./ids-history.ts";
import { createWorld, notes, type Page, type World } from "./world.ts";
import { contentOf, edit, hasPending } from "./yjs.ts";

type Options = Parameters<typeof createWorld>;

interface TabsWorld {
  readonly world: World;
  readonly browser: Browser;
  /** A tab of the browser, which is online first. */
  tab(user?: string, options?: DocOptions): Promise<Page>;
}

function createTabs(...options: Options): TabsWorld {
  const world = createWorld(...options);
  const browser = createBrowser(world.env);
  return {
    world,
    browser,
    tab: (user = "ada", more = {}) => world.page(user, {}, { tabs: browser.open, ...more }),
  };
}

const served = async ({ family }: World): Promise<string> =>
  (await family.open({ id: "1" })).read((note) => note.getText("text").toString());
const posts = ({ posted }: Browser, type: string): unknown[][] =>
  posted.map(({ message }) => message as unknown[]).filter(([, each]) => each === type);

test("DOC45 tabs of one user see each other's edits at once, offline too; others, and who turned it off, do not", async () => {
  const { world, browser, tab: open } = createTabs();
  const [one, two] = [await open(), await open()];
  const [bob, off] = [await open("bob"), await open("ada", { tabs: false })];
  expect([one, two, bob, off].map(({ note }) => note.tabs.isShared)).toEqual([true, true, true, false]);
  for (const page of [one, two, bob, off]) page.offline();
  await world.settle();
  one.type(0, "one");
  await world.settle();
  two.type(3, " two");
  await world.settle();
  expect([one, two, bob, off].map(({ text }) => text)).toEqual(["one two", "one two", "", ""]);
  expect(new Set(browser.posted.map(({ name }) => name)).size).toBe(2);
  for (const page of [one, two, bob, off]) page.online();
  await world.advance(5000);
  expect([one, two, bob, off].map(({ text }) => text)).toEqual(Array(4).fill("one two"));
});

test("DOC45 nothing is shared before the server said who one is, nor by anonymous users, nor between servers", async () => {
  const {
    world,
    browser,
    tab: open,
  } = createTabs({}, { authenticate: ({ url }) => ({ id: "x", anonymous: url.search.includes("who") }) });
  const early = clientDoc(world.client({ autoConnect: false }), notes({ id: "1" }), { tabs: browser.open });
  early.doc.getText("text").insert(0, "early");
  await world.settle();
  const anonymous = await open("who");
  anonymous.type(0, "anonymous");
  await world.settle();
  expect([early.tabs.isShared, anonymous.note.tabs.isShared, browser.posted]).toEqual([false, false, []]);
  const other = world.client();
  await world.settle();
  const there = clientDoc(other, notes({ id: "1" }), { tabs: browser.open });
  await world.settle();
  expect(there.tabs.isShared).toBe(true);
  expect(browser.posted.map(({ name }) => name)).toEqual([`sente-sync doc ["memory://server/chsk","x","notes/1"]`]);
});

test("DOC46 who comes later asks: one answers, others add what that one lacked, and are silent where nothing is missing", async () => {
  const { world, browser, tab: open } = createTabs();
  const tabs = [await open(), await open(), await open(), await open()];
  for (const page of tabs) page.offline();
  tabs[0]?.type(0, "offline");
  await world.advance(2000);
  browser.posted.length = 0;
  // The document that is closed and opened again is one that comes later.
  const [, , , late] = tabs as [Page, Page, Page, Page];
  late.note.close();
  await world.advance(2000);
  tabs[1]?.type(0, "still ");
  await world.advance(2000);
  expect(late.text).toBe("offline");
  const again = clientDoc(late.client, notes({ id: "1" }), { tabs: browser.open });
  await world.advance(2000);
  expect(again.doc.getText("text").toString()).toBe("still offline");
  expect([posts(browser, "ask").length, posts(browser, "answer").length]).toEqual([1, 1]);
});

test("DOC46 who is asked by one that has more asks back", async () => {
  const { world, browser, tab: open } = createTabs();
  const [one, two] = [await open(), await open()];
  for (const page of [one, two]) page.offline();
  two.note.close();
  await world.advance(2000);
  one.type(0, "one ");
  // What is edited while nobody reads it is shared with those who come.
  two.type(0, "two ");
  await world.advance(2000);
  expect([one.text, two.text]).toEqual(["one ", "two "]);
  const again = clientDoc(two.client, notes({ id: "1" }), { tabs: browser.open });
  await world.advance(2000);
  expect(again.doc.getText("text").toString()).toBe(one.text);
  expect(["one two ", "two one "]).toContain(one.text);
});

test("DOC47 what another tab edited is written by that tab alone, and once", async () => {
  const { world, tab: open } = createTabs();
  const [one, two] = [await open(), await open()];
  const before = (await world.family.open({ id: "1" })).updates.length;
  one.type(0, "a");
  await world.advance(60_000);
  expect([two.text, two.note.pending.get()]).toEqual(["a", 0]);
  expect((await world.family.open({ id: "1" })).updates).toHaveLength(before + 1);
});

test("DOC47 where the tab that edited is gone, another writes it, once it is online", async () => {
  const { world, tab: open } = createTabs();
  const [one, two, three] = [await open(), await open(), await open()];
  const bob = await world.page("bob");
  for (const page of [one, two, three]) page.offline();
  one.type(0, "the last words");
  await world.settle();
  one.client.close();
  await world.advance(60_000);
  expect([two.text, three.text, bob.text]).toEqual(["the last words", "the last words", ""]);
  for (const page of [two, three]) page.online();
  await world.advance(60_000);
  expect([bob.text, await served(world)]).toEqual(["the last words", "the last words"]);
  // Said by the one that wrote it: the other does not.
  expect((await world.family.open({ id: "1" })).updates).toHaveLength(1);
});

test("DOC47 what was built upon the edits of a tab that is gone brings them along", async () => {
  const { world, tab: open } = createTabs();
  const [one, two] = [await open(), await open()];
  for (const page of [one, two]) page.offline();
  one.type(0, "one");
  await world.settle();
  one.client.close();
  two.type(3, " two");
  two.online();
  await world.advance(3000);
  expect([await served(world), two.note.receipt.status]).toEqual(["one two", "stored"]);
});

test("DOC48 where an edit is refused, tabs that took it over are replaced, too, also those that came later", async () => {
  const { world, browser, tab: open } = createTabs({ authorize: ({ action }) => action === "read" });
  await world.family.transact({ id: "1" }, (note) => note.getText("text").insert(0, "kept"));
  const [one, two, three] = [await open(), await open(), await open()];
  for (const page of [one, two, three]) page.offline();
  three.note.close();
  await world.advance(2000);
  one.type(0, "refused ");
  await world.settle();
  const late = clientDoc(three.client, notes({ id: "1" }), { tabs: browser.open });
  await world.advance(2000);
  expect([two.text, late.doc.getText("text").toString()]).toEqual(["refused kept", "refused kept"]);
  const [twos, lates] = [two.note.doc, late.doc];
  two.online();
  three.online();
  await world.advance(1000);
  one.online();
  // Sooner than either would write it itself.
  await world.advance(3000);
  for (const note of [one.note, two.note, late]) expect(note.doc.getText("text").toString()).toBe("kept");
  expect([two.note.doc === twos, late.doc === lates]).toEqual([false, false]);
});

test("DOC48 after the server has begun anew nothing of the old document passes to the new one", async () => {
  const { world, browser, tab: open } = createTabs();
  const [one, two] = [await open(), await open()];
  one.type(0, "old");
  await world.settle();
  two.offline();
  two.type(3, " and offline");
  world.family.delete({ id: "1" });
  await world.settle();
  const anew = await open();
  anew.type(0, "new");
  await world.advance(30_000);
  expect([anew.text, one.text]).toEqual(["new", ""]);
  two.online();
  await world.advance(30_000);
  expect([anew.text, two.text, await served(world)]).toEqual(["new", "new", "new"]);
  expect(posts(browser, "edit").length).toBeGreaterThan(1);
});

test("DOC49 what is malformed, of another version or too large is counted and goes nowhere, and nothing ever waits", async () => {
  const { world, browser, tab: open } = createTabs();
  const one = await open();
  const two = await open();
  two.type(0, "there");
  await world.settle();
  const [, , life, epoch] = posts(browser, "edit")[0] as [number, string, string, string];
  const name = String(browser.posted[0]?.name);
  const bad: unknown[] = [
    null,
    "text",
    [2, "edit", "x", epoch, 1, Uint8Array.of(0, 0)],
    [1, "other", "x", epoch],
    [1, "edit", "x", epoch, 1, "no bytes"],
    [1, "edit", "x", epoch, -1, Uint8Array.of(0, 0)],
    [1, "edit", "x", epoch, 1, Uint8Array.of(1, 2, 3)],
    [1, "edit", "x", epoch, 1, new Uint8Array(5 * 1024 * 1024)],
    [1, "edit", 7, epoch, 1, Uint8Array.of(0, 0)],
    [1, "stored", "x", "1"],
    [1, "ask", "x", epoch, Uint8Array.of(9, 9)],
    [1, "answer", "x", epoch, life, Uint8Array.of(0), Uint8Array.of(0, 0), [["x", 1]]],
  ];
  for (const message of bad) browser.say(name, message);
  await world.settle();
  expect([one.note.tabs.ignored, two.note.tabs.ignored]).toEqual([bad.length, bad.length]);

  // Bytes of one's own, changed by chance.
  const rng = createRng("tabs");
  const update = Y.encodeStateAsUpdate(two.note.doc);
  for (let i = 0; i < 300; i++) {
    const bytes = Uint8Array.from(update);
    for (let n = 1 + rng.int(3); n > 0; n--) bytes[rng.int(bytes.length)] = rng.int(256);
    browser.say(name, [1, "edit", `x${i}`, epoch, 1, bytes]);
  }
  // Built upon what nobody has.
  const far = new Y.Doc();
  const parts: Uint8Array[] = [];
  far.on("update", (each: Uint8Array) => parts.push(each));
  for (const letter of "abc") far.getText("text").insert(far.getText("text").length, letter);
  browser.say(name, [1, "edit", "far", epoch, 3, parts[2]]);
  await world.settle();
  expect([hasPending(one.note.doc), hasPending(two.note.doc)]).toEqual([false, false]);
  expect(one.note.doc.getText("text").toString()).not.toContain("c");
});

test("DOC49 what is missing is asked for: a tab that missed messages has them all with the next one", async () => {
  const { world, browser, tab: open } = createTabs();
  const one = await open();
  let isDeaf = false;
  const two = await open("ada", {
    tabs: (name, receive) => browser.open(name, (message) => !isDeaf && receive(message)),
  });
  for (const page of [one, two]) page.offline();
  isDeaf = true;
  one.type(0, "missed");
  await world.advance(1000);
  isDeaf = false;
  expect(two.text).toBe("");
  one.type(6, "!");
  await world.advance(1000);
  expect([two.text, hasPending(two.note.doc)]).toEqual(["missed!", false]);
});

test("DOC50 what comes from another tab has an origin of its own, is not undone here, and is not the server's word", async () => {
  const { world, tab: open } = createTabs();
  const [one, two] = [await open(), await open()];
  const origins: unknown[] = [];
  two.note.doc.on("afterTransaction", ({ origin, local }: Y.Transaction) => origins.push([origin, local]));
  two.note.undoManager.stopCapturing();
  for (const page of [one, two]) page.offline();
  await world.advance(10);
  one.type(0, "one");
  await world.settle();
  expect(origins).toEqual([[tab, false]]);
  two.type(3, " two");
  two.note.undoManager.undo();
  two.note.undoManager.undo();
  await world.settle();
  expect([one.text, two.text]).toEqual(["one", "one"]);
  expect([two.note.tabs.taken, two.note.tabs.ignored]).toEqual([1, 0]);
});

test("DOC50 tabs and others that edit at random, on and off line, come and go, and all end equal", async () => {
  for (const seed of ["a", "b", "c", "d"]) {
    const { world, browser, tab: open } = createTabs({}, { limits: { messages: { perSecond: 1e6, burst: 1e6 } } }, seed);
    const rng = createRng(`tabs/${seed}`);
    const pages = [await open(), await open(), await open(), await world.page("bob")];
    for (let step = 0; step < 60; step++) {
      const page = rng.pick(pages);
      for (let n = rng.int(3); n > 0; n--) edit(page.note.doc, rng);
      if (rng.chance(0.2)) page.offline();
      if (rng.chance(0.2)) page.online();
      if (rng.chance(0.04) && pages.length < 7) pages.push(await open());
      if (step === 40) (pages.shift() as Page).client.close();
      await world.advance(rng.pick([0, 1, 30, 400]));
      for (const { note } of pages) expect(hasPending(note.doc)).toBe(false);
    }
    for (const page of pages) page.online();
    await world.advance(120_000);
    const contents = pages.map(({ note }) => contentOf(note.doc));
    for (const content of contents) expect(content).toEqual(contents[0]);
    expect((await world.family.open({ id: "1" })).read(contentOf)).toEqual(contents[0]);
    expect([world.errors, posts(browser, "edit").length > 0]).toEqual([[], true]);
  }
});

test("DOC45 with a storage tabs share from its copy on, with no line at all, and post nothing that is not kept", async () => {
  const { world, browser } = createTabs();
  const disk = new MemoryDisk();
  let saving = Promise.resolve();
  const open = (isOffline: boolean): Promise<Page> => {
    const storage = outbox(
      delayed(disk.store().store, () => saving),
      { user: "ada" },
    );
    return world.page("ada", { storage, autoConnect: !isOffline }, { tabs: browser.open });
  };
  const first = await open(false);
  first.type(0, "read");
  await world.advance(2000);
  first.offline();
  const second = await open(true);
  await world.advance(100);
  expect([second.text, second.note.tabs.isShared, second.note.synced.get()]).toEqual(["read", true, false]);
  first.type(4, " one");
  second.type(0, "two ");
  await world.advance(100);
  expect([first.text, second.text]).toEqual(["two read one", "two read one"]);

  let save = (): void => {};
  saving = new Promise((resolve) => {
    save = resolve;
  });
  first.type(0, "unkept ");
  await world.advance(5000);
  expect(second.text).toBe("two read one");
  save();
  await world.advance(100);
  expect(second.text).toBe("unkept two read one");
});

/** Saves wait for that. */
function delayed(store: OutboxStore, until: () => Promise<void>): OutboxStore {
  return {
    ...store,
    async open(env) {
      const opened = await store.open(env);
      return {
        ...opened,
        async claim(id) {
          const record = await opened.claim(id);
          return record && { ...record, save: (changes) => until().then(() => record.save(changes)) };
        },
      };
    },
  };
}

test("DOC47 pages of a device that open, edit and die at any moment lose nothing that was acknowledged, and write nothing twice", async () => {
  let lives = 0;
  for (let seed = 0; seed < 12; seed++) {
    const { problem, ...counts } = await idHistory(createRng(`tabs/${seed}`), (env) => ({ tabs: createBrowser(env).open }));
    expect([seed, problem]).toEqual([seed, undefined]);
    lives += counts.lives;
  }
  expect(lives).toBeGreaterThan(50);
});
