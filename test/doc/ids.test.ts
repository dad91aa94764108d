/** Client ids of a document that a device uses again: by one page at a time, and only where nothing is missing. */
import { signOut } from "sente-sync/client";
import { createRng } from "sente-sync/testing";
import { expect, test, vi } from "vitest";
import { DocIds } from "../../src/client/doc/ids.ts";
import { createDeviceWorld, type DevicePage, idsOf } from "./device-world.ts";
import { idHistory } from "./ids-history.ts";

const idOf = ({ note }: DevicePage): number => note.doc.clientID;

test("DOC41 a page takes an id of its device, and two pages never have the same", async () => {
  const world = createDeviceWorld();
  const first = await world.open();
  const fresh = idOf(first);
  // Nobody edited under it: nobody needs it.
  first.kill();
  expect(idsOf(world.disk)).toEqual([]);
  const second = await world.open();
  second.type(0, "one");
  await world.advance(1000);
  const id = idOf(second);
  expect([id === fresh, idsOf(world.disk)]).toEqual([false, [id]]);
  const third = await world.open();
  expect(idOf(third)).not.toBe(id);
  third.type(0, "two");
  await world.advance(1000);
  const other = idOf(third);
  second.kill();
  third.kill();
  const again = [await world.open(), await world.open(), await world.open()];
  for (const [index, page] of again.entries()) page.type(0, String(index));
  await world.advance(1000);
  expect(new Set(again.map(idOf)).size).toBe(3);
  expect(again.map(idOf).filter((each) => each === id || each === other)).toHaveLength(2);
  expect(idsOf(world.disk)).toHaveLength(3);
  expect(world.errors).toEqual([]);
});

test("DOC41 a hundred pages of a device, one after the other, cost the readers one id", async () => {
  const world = createDeviceWorld();
  for (let n = 0; n < 100; n++) {
    const page = await world.open();
    page.type(0, "x");
    await world.advance(1000);
    page.kill();
  }
  const bob = await world.page("bob");
  expect([bob.text.length, bob.note.doc.store.clients.size, world.errors]).toEqual([100, 1, []]);
});

test("DOC41 without a line, an id is taken where copy and unsent writes have all of it", async () => {
  const world = createDeviceWorld();
  const first = await world.open();
  first.type(0, "stored ");
  await world.advance(2000);
  first.offline();
  first.type(0, "unsent ");
  await world.advance(1000);
  const id = idOf(first);
  first.kill();
  const second = await world.open({ offline: true });
  expect([second.text, idOf(second)]).toEqual(["unsent stored ", id]);
  second.type(0, "more ");
  await world.advance(1000);
  second.kill();
  // Without what was not sent, the document has not all of it: who edits, does so under another one.
  const lost = world.disk.copy();
  for (const name of lost.records.keys()) if (!/^(copy|ids)-/.test(name)) lost.records.delete(name);
  const third = await world.open({ disk: lost, offline: true });
  expect([third.text, idOf(third) === id]).toEqual(["stored ", false]);
  third.kill();
  const fourth = await world.open();
  await world.advance(3000);
  expect([fourth.text, idOf(fourth)]).toEqual(["more unsent stored ", id]);
  expect(world.errors).toEqual([]);
});

test("DOC41 an id that lacks something is taken once the server has brought it, before the first edit and not after", async () => {
  const world = createDeviceWorld();
  const first = await world.open();
  first.type(0, "one");
  await world.advance(2000);
  const before = world.disk.copy();
  first.type(0, "two");
  await world.advance(2000);
  const id = idOf(first);
  first.kill();
  // The copy is behind.
  for (const [name, rows] of before.records) if (name.startsWith("copy-")) world.disk.records.set(name, rows);
  const early = await world.open({ offline: true });
  expect([early.text, idOf(early) === id]).toEqual(["one", false]);
  early.type(0, "early");
  const own = idOf(early);
  early.online();
  await world.advance(3000);
  expect(idOf(early)).toBe(own);
  early.kill();
  for (const [name, rows] of before.records) if (name.startsWith("copy-")) world.disk.records.set(name, rows);
  const late = await world.open({ offline: true });
  const renamed: unknown[] = [];
  late.note.awareness.on("change", (changes: unknown) => renamed.push(changes));
  late.note.awareness.setLocalState({ at: 1 });
  expect([id, own]).not.toContain(idOf(late));
  late.online();
  await world.advance(3000);
  expect([id, own]).toContain(idOf(late));
  // Bindings see this page under it.
  const { awareness } = late.note;
  expect([awareness.clientID, [...awareness.getStates()]]).toEqual([idOf(late), [[idOf(late), { at: 1 }]]]);
  expect(renamed.length).toBeGreaterThan(1);
  expect(world.errors).toEqual([]);
});

test("DOC42 nothing leaves a page before its id's record says how far it is", async () => {
  const world = createDeviceWorld();
  const page = await world.open();
  const put = vi.spyOn(world.disk, "put");
  for (const word of ["abc", "de"]) page.type(0, word) ?? (await world.advance(1000));
  const saved = put.mock.calls.map(([id, changes]) => [id.slice(0, 4), changes.find(([key]) => key === "head")?.[1]]);
  const isId = ([id]: unknown[]): boolean => id === "ids-";
  // The record of the id, the outbox, and then the line.
  const first = saved.slice(
    0,
    saved.findIndex((save, index) => index > 0 && isId(save)),
  );
  expect([first.filter(isId).length, isId(first[0] as unknown[])]).toEqual([1, true]);
  expect(saved.filter(isId).map(([, head]) => / (\d+) \d+\]$/.exec(head as string)?.[1])).toEqual(["3", "5"]);
  expect(page.note.receipt.status).toBe("stored");
});

test("DOC42 where the disk takes nothing at all, a page goes on after a while, under an id that no other will take", async () => {
  const world = createDeviceWorld();
  const page = await world.open();
  page.type(0, "one");
  await world.advance(1000);
  world.disk.fault = new Error("full");
  page.type(0, "two");
  await world.advance(10_000);
  expect([page.note.receipt.status, idsOf(world.disk)]).toEqual(["stored", []]);
});

test("DOC42 a page whose id was taken over while it slept sends nothing more under it", async () => {
  const world = createDeviceWorld();
  const page = await world.open();
  page.type(0, "kept ");
  await world.advance(2000);
  const id = idOf(page);
  for (const name of world.disk.holders.keys()) if (name.startsWith("ids-")) world.disk.holders.delete(name);
  const other = await world.open();
  expect(idOf(other)).toBe(id);
  page.type(0, "lost ");
  const { receipt } = page.note;
  other.type(0, "other ");
  await world.advance(4000);
  expect([receipt.status, page.text, other.text, idOf(page) === id]).toEqual(["rejected", "other kept ", "other kept ", false]);
  expect(world.errors).toEqual([]);
});

test("DOC43 an id whose document was replaced is not taken again, nor is one that nobody reaches for a week", async () => {
  let may = true;
  const world = createDeviceWorld({ authorize: ({ action }) => action !== "write" || may });
  const first = await world.open();
  first.type(0, "kept");
  await world.advance(2000);
  const id = idOf(first);
  may = false;
  first.offline();
  first.type(0, "refused");
  first.online();
  await world.advance(3000);
  expect([first.text, idOf(first) === id, idsOf(world.disk)]).toEqual(["kept", false, []]);
  may = true;
  first.offline();
  first.online();
  first.type(0, "again ");
  await world.advance(2000);
  first.kill();
  const [left] = [...world.disk.records].find(([name]) => name.startsWith("ids-")) as [string, unknown];
  const head = world.disk.records.get(left)?.get("head") as string;
  const ahead = head.replace(/ \d+ (\d+)\]$/, " 999 $1]");
  expect(ahead).not.toBe(head);
  world.disk.put(left, [["head", ahead]]);
  const second = await world.open();
  expect(idsOf(world.disk)).toHaveLength(1);
  second.kill();
  await world.advance(8 * 24 * 3600_000);
  const third = await world.open();
  expect(idsOf(world.disk)).toEqual([]);
  third.type(0, "new ");
  await world.advance(2000);
  expect([third.text, world.errors]).toEqual(["new again kept", []]);
});

test("DOC43 ids are a user's: none for anonymous ones, at most 64 in a document, and gone with what is discarded", async () => {
  const world = createDeviceWorld();
  const first = await world.open();
  first.type(0, "a");
  await world.advance(2000);
  const [name, rows] = [...world.disk.records].find(([id]) => id.startsWith("ids-")) as [string, Map<string, string>];
  const others = Array.from({ length: 63 }, (_, n) => name.replace(/\d+$/, String(1000 + n)));
  for (const other of others) world.disk.put(other, [["head", (rows.get("head") as string).replace(/\d+ (\d+)\]$/, "99 $1]")]]);
  const second = await world.open();
  second.type(0, "b");
  const bob = await world.open({ user: "bob" });
  bob.type(0, "c");
  const nobody = await world.open({ user: "", as: "" });
  nobody.type(0, "d");
  await world.advance(3000);
  expect(idsOf(world.disk)).toHaveLength(65);
  expect(idsOf(world.disk)).not.toContain(idOf(second));
  second.kill();
  await Promise.all([signOut(first.client, { discard: true }), world.advance(1000)]);
  expect(idsOf(world.disk)).toEqual([idOf(bob)]);
  expect(bob.text.split("").sort().join("")).toBe("abcd");
});

const seeds = Array.from({ length: 60 }, (_, index) => index);

test("DOC42 whenever pages of a device die, no two edits are under one id and clock: what was acknowledged is there", async () => {
  const total = { lives: 0, taken: 0, takenOffline: 0, clients: 0 };
  for (const seed of seeds) {
    const { problem, ...counts } = await idHistory(createRng(`ids ${seed}`));
    expect([seed, problem]).toEqual([seed, undefined]);
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += counts[key];
  }
  expect(total.takenOffline).toBeGreaterThan(20);
  expect(total.taken).toBeGreaterThan(total.lives / 6);
  expect(total.clients).toBeLessThan(total.lives / 2);
}, 120_000);

test.each([
  [
    "what leaves though the record says so of what left before alone",
    () => {
      const { leave } = DocIds.prototype;
      const told = new WeakSet<DocIds>();
      vi.spyOn(DocIds.prototype, "leave").mockImplementation(function (this: DocIds, client, clock, run) {
        if (told.has(this)) return run();
        told.add(this);
        leave.call(this, client, clock, run);
      });
    },
  ],
  [
    "an id that is taken whatever the document has",
    () => {
      const { take } = DocIds.prototype;
      vi.spyOn(DocIds.prototype, "take").mockImplementation(function (this: DocIds, _, use) {
        return take.call(this, () => Number.MAX_SAFE_INTEGER, use);
      });
    },
  ],
])(
  "DOC42 the histories find %s",
  async (_, plant) => {
    plant();
    try {
      let found: string | undefined;
      for (const seed of seeds) found ??= (await idHistory(createRng(`ids ${seed}`))).problem;
      expect(found).toBeDefined();
    } finally {
      vi.restoreAllMocks();
    }
  },
  120_000,
);
