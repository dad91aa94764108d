/** The copy of a document on a device: shown before the server speaks, resumed, replaced, taken away. */
import { copyCounts, signOut, syncStatus } from "sente-sync/client";
import { doc as clientDoc } from "sente-sync/doc";
import { expect, test } from "vitest";
import { copiesOf, createDeviceWorld, type DevicePage } from "./device-world.ts";
import { notes } from "./world.ts";

const shown = ({ note, text }: DevicePage) => [text, note.shownFrom.get(), note.synced.get()];

test("DOC34 a page that opens without a line shows what an earlier one read, may edit it, and sends that later", async () => {
  const world = createDeviceWorld();
  const first = await world.open();
  first.type(0, "kept");
  await world.advance(2000);
  expect(shown(first)).toEqual(["kept", "server", true]);
  first.kill();
  const second = await world.open({ offline: true });
  expect(shown(second)).toEqual(["kept", "device", false]);
  second.type(4, " and more");
  await world.advance(1000);
  second.kill();
  const third = await world.open({ offline: true });
  // From the copy, and from the writes that had no answer.
  expect([...shown(third), third.note.pending.get()]).toEqual(["kept and more", "device", false, 1]);
  const told: string[] = [];
  third.note.shownFrom.listen((from) => told.push(from));
  third.online();
  await world.advance(3000);
  expect([...shown(third), told, syncStatus(third.client).get().pending]).toEqual([
    "kept and more",
    "server",
    true,
    ["server"],
    0,
  ]);
  expect((await world.page("bob")).text).toBe("kept and more");
  expect(world.errors).toEqual([]);
});

test("DOC34 a copy is of one server, user and document", async () => {
  const world = createDeviceWorld();
  const first = await world.open();
  first.type(0, "Ada's");
  await world.advance(2000);
  first.kill();
  for (const user of ["bob", "ad", undefined]) {
    const other = await world.open({ user, offline: true });
    expect(shown(other)).toEqual(["", "nothing", false]);
    other.kill();
  }
  const back = await world.open({ offline: true });
  expect(clientDoc(back.client, notes({ id: "2" })).shownFrom.get()).toBe("nothing");
  expect(shown(back)).toEqual(["Ada's", "device", false]);
});

test("DOC34 where the options do not say who this is, the copy is shown once the server has", async () => {
  const world = createDeviceWorld();
  const first = await world.open();
  first.type(0, "one");
  await world.advance(2000);
  first.kill();
  const second = await world.open({ user: undefined, as: "ada" });
  await world.settle();
  expect(shown(second)).toEqual(["one", "server", true]);
  // It went on from the copy: nothing was read again.
  second.kill();
  const bob = await world.page("bob");
  bob.type(3, " two");
  await world.settle();
  const third = await world.open({ user: "ada", as: "bob" });
  await world.advance(3000);
  expect(shown(third)).toEqual(["one two", "server", true]);
  expect(world.errors).toEqual([]);
});

test("DOC34 where the server says that it is somebody else, what was shown of the one before is gone", async () => {
  const world = createDeviceWorld({ authorize: ({ user, action }) => action !== "read" || user.id !== "bob" });
  const first = await world.open();
  first.type(0, "Ada's");
  await world.advance(2000);
  first.kill();
  const bob = await world.open({ offline: true, as: "bob" });
  expect(bob.text).toBe("Ada's");
  bob.online();
  await world.advance(3000);
  expect(shown(bob)).toEqual(["", "nothing", false]);
  bob.kill();
  expect(shown(await world.open({ offline: true }))).toEqual(["Ada's", "device", false]);
});

test("DOC34 what a server has rendered is kept like what it sent", async () => {
  const world = createDeviceWorld();
  await world.family.transact({ id: "1" }, (note) => note.getText("text").insert(0, "rendered"));
  const rendering = world.sync.dehydrate({ user: { id: "ada", name: "" }, topics: ["notes/1"] });
  await world.advance(10);
  const first = await world.open({ client: { hydrate: await rendering } });
  first.type(8, "!");
  await world.advance(3000);
  first.kill();
  expect(shown(await world.open({ offline: true }))).toEqual(["rendered!", "device", false]);
});

test("DOC35 only what is newer than the copy travels, and the copy has it soon", async () => {
  const world = createDeviceWorld();
  const first = await world.open();
  first.type(0, "long ".repeat(1000));
  await world.advance(2000);
  first.kill();
  const bob = await world.page("bob");
  bob.type(0, "short ");
  await world.settle();
  const heard: string[] = [];
  const second = await world.open({
    client: { onError: (error) => void world.errors.push({ error, where: "" }) },
    offline: true,
  });
  second.note.doc.on("update", (update: Uint8Array) => heard.push(String(update.length)));
  second.online();
  await world.advance(3000);
  expect(second.text).toBe(`short ${"long ".repeat(1000)}`);
  expect(heard.map(Number).every((length) => length < 100)).toBe(true);
  second.kill();
  const third = await world.open({ offline: true });
  expect(third.text).toBe(`short ${"long ".repeat(1000)}`);
  expect(world.errors).toEqual([]);
});

test("DOC35 the subscription does not wait for a store that is slow, and goes on without the copy", async () => {
  const world = createDeviceWorld();
  await world.family.transact({ id: "1" }, (note) => note.getText("text").insert(0, "there"));
  world.disk.opening = new Promise(() => {});
  const page = await world.open();
  await world.advance(900);
  expect(shown(page)).toEqual(["", "nothing", false]);
  await world.advance(200);
  expect(shown(page)).toEqual(["there", "server", true]);
});

test("DOC36 tabs that write one copy at once make one that is whole, and what the server has not stored is not in it", async () => {
  const world = createDeviceWorld();
  const tabs = [await world.open(), await world.open(), await world.open()];
  for (let n = 0; n < 30; n++) {
    (tabs[n % 3] as DevicePage).type(0, `${n} `);
    if (n % 4 === 0) tabs[n % 3 === 0 ? 1 : 0]?.offline();
    await world.advance(170);
    if (n % 4 === 2) for (const tab of tabs) tab.online();
  }
  for (const tab of tabs) tab.online();
  await world.advance(6000);
  const { text } = tabs[0] as DevicePage;
  expect(text.split(" ").length).toBe(31);
  for (const tab of tabs) tab.offline();
  await world.advance(100);
  tabs[0]?.type(0, "never sent ");
  await world.advance(2000);
  expect(copiesOf(world.disk).length).toBeGreaterThan(3);
  const copies = world.disk.copy();
  for (const id of copies.records.keys()) if (!id.startsWith("copy-")) copies.records.delete(id);
  const late = await world.open({ disk: copies, offline: true });
  expect(late.text).toBe(text);
  expect([copyCounts(late.client), world.errors]).toEqual([{ evicted: 0, tooLarge: 0, damaged: 0 }, []]);
});

test("DOC36 many rows are joined to one, which is the same document", async () => {
  const world = createDeviceWorld();
  const page = await world.open();
  for (let n = 0; n < 40; n++) {
    page.note.transact((note) => note.getText("text").insert(0, String(n % 10).repeat(20_000)));
    page.note.transact((note) => note.getText("text").delete(0, 20_000));
    page.type(0, ".");
    await world.advance(1000);
  }
  const before = copiesOf(world.disk).join("").length;
  expect(before).toBeLessThan(600_000);
  page.kill();
  const late = await world.open({ offline: true });
  expect(late.text).toBe(".".repeat(40));
  late.online();
  await world.advance(2000);
  expect([late.note.synced.get(), late.text, world.errors]).toEqual([true, ".".repeat(40), []]);
});

test("DOC37 where the server's document is another one, it takes the copy's place", async () => {
  const world = createDeviceWorld();
  const first = await world.open();
  first.type(0, "before");
  await world.advance(2000);
  first.kill();
  world.family.delete({ id: "1" });
  await world.family.transact({ id: "1" }, (note) => note.getText("text").insert(0, "after"));
  const second = await world.open({ offline: true });
  const old = second.note.doc;
  expect(second.text).toBe("before");
  second.online();
  await world.advance(3000);
  expect([...shown(second), second.note.doc === old]).toEqual(["after", "server", true, false]);
  second.kill();
  expect((await world.open({ offline: true })).text).toBe("after");
});

test("DOC37 what may not be read any more is not shown, and not kept", async () => {
  let may = true;
  const world = createDeviceWorld({ authorize: ({ action }) => action !== "read" || may });
  const first = await world.open();
  first.type(0, "secret");
  await world.advance(2000);
  first.kill();
  may = false;
  const second = await world.open({ offline: true });
  expect(shown(second)).toEqual(["secret", "device", false]);
  second.online();
  await world.advance(3000);
  expect([...shown(second), second.note.status.get(), copiesOf(world.disk)]).toEqual(["", "nothing", false, "refused", []]);
  second.kill();
  expect((await world.open({ offline: true })).text).toBe("");
});

test("DOC37 what may not be read any more takes the documents within it along", async () => {
  let may = true;
  const world = createDeviceWorld({ authorize: ({ action }) => action !== "read" || may });
  const first = await world.open();
  first.type(0, "secret");
  const within = clientDoc(first.client, "notes/1/@sub/inner");
  within.doc.getText("text").insert(0, "also secret");
  const other = clientDoc(first.client, notes({ id: "10" }));
  other.doc.getText("text").insert(0, "of another");
  await world.advance(3000);
  expect(copiesOf(world.disk).filter((row) => row.includes("notes/1"))).toHaveLength(3);
  first.kill();
  may = false;
  const second = await world.open();
  await world.advance(3000);
  expect(second.note.status.get()).toBe("refused");
  expect(copiesOf(world.disk).filter((row) => /notes\/1[/"]/.test(row))).toEqual([]);
  expect(copiesOf(world.disk).filter((row) => row.includes("notes/10"))).toHaveLength(1);
});

test("DOC37 what is deleted is deleted here, too", async () => {
  const world = createDeviceWorld();
  const page = await world.open();
  page.type(0, "deleted");
  await world.advance(2000);
  expect(copiesOf(world.disk).length).toBeGreaterThan(0);
  world.family.delete({ id: "1" });
  await world.advance(1000);
  expect([...shown(page), page.note.status.get(), copiesOf(world.disk)]).toEqual(["", "nothing", false, "deleted", []]);
});

test("DOC37 who signs out leaves no copy, and no other user's is touched", async () => {
  const world = createDeviceWorld();
  for (const user of ["ada", "bob"]) {
    const page = await world.open({ user });
    page.type(0, user);
    await world.advance(2000);
    if (user === "ada") page.kill();
    else await Promise.all([signOut(page.client), world.advance(100)]);
  }
  const [bob, ada] = [await world.open({ user: "bob", offline: true }), await world.open({ offline: true })];
  expect([bob.text, ada.text]).toEqual(["", "ada"]);
  expect(world.errors).toEqual([]);
});

test("DOC38 a copy that is not what was written is deleted and told, and the document comes from the server", async () => {
  const world = createDeviceWorld();
  const first = await world.open();
  for (const word of ["one ", "two ", "three "]) {
    first.type(0, word);
    await world.advance(2000);
  }
  first.kill();
  const damages: ((rows: Map<string, string>) => void)[] = [
    (rows) => rows.delete("head"),
    (rows) => rows.delete("2"),
    (rows) => rows.set("head", "[1 nonsense"),
    (rows) => rows.set("head", (rows.get("head") as string).replace("notes/1", "notes/2")),
    (rows) => rows.set("2", (rows.get("2") as string).replace(/..$/, "A]")),
    (rows) => rows.set("other", "1"),
  ];
  for (const damage of damages) {
    const disk = world.disk.copy();
    const [, rows] = [...disk.records].find(([id]) => id.startsWith("copy-")) as [string, Map<string, string>];
    damage(rows);
    world.errors.length = 0;
    const page = await world.open({ disk, offline: true });
    expect([page.text, copiesOf(disk), copyCounts(page.client).damaged]).toEqual(["", [], 1]);
    expect(world.errors.map(({ error }) => (error as { code: string }).code)).toEqual(["damaged"]);
    page.online();
    await world.advance(3000);
    expect([page.text, copiesOf(disk).length > 0]).toEqual(["three two one ", true]);
    page.kill();
  }
});

test("DOC38 a storage that fails is told once, and the document goes on without", async () => {
  const world = createDeviceWorld();
  const page = await world.open();
  world.disk.fault = new Error("full");
  page.type(0, "one");
  await world.advance(30_000);
  expect([page.text, page.note.receipt.status]).toEqual(["one", "stored"]);
  expect(world.errors.length).toBeLessThan(5);
  world.disk.fault = undefined;
  await world.advance(10_000);
  page.kill();
  expect((await world.open({ offline: true })).text).toBe("one");
});

test("DOC39 the copy that was used longest ago makes room, and one that is too large is not kept", async () => {
  const world = createDeviceWorld();
  const copies = { maxCopies: 2, maxCopyBytes: 50_000 };
  const page = await world.open({ copies });
  const open = (id: string) => clientDoc(page.client, notes({ id }));
  const write = async (id: string, text: string) => {
    const note = open(id);
    await Promise.all([note.ready, world.advance(100)]);
    note.doc.getText("text").insert(0, text);
    await world.advance(2000);
    note.close();
    await world.advance(2000);
  };
  await write("1", "one");
  await write("2", "two");
  await write("3", "three");
  expect(copyCounts(page.client)).toEqual({ evicted: 1, tooLarge: 0, damaged: 0 });
  await write("3", "x".repeat(60_000));
  expect(copyCounts(page.client).tooLarge).toBeGreaterThan(0);
  page.kill();
  const late = await world.open({ offline: true, copies });
  const texts: string[] = [];
  for (const id of ["1", "2", "3"]) {
    const note = clientDoc(late.client, notes({ id }));
    await world.advance(100);
    texts.push(note.doc.getText("text").toString());
  }
  expect(texts).toEqual(["", "two", ""]);
});

test("DOC40 what an earlier page wrote and the server refuses is not shown any more", async () => {
  let may = true;
  const world = createDeviceWorld({ authorize: ({ action }) => action !== "write" || may });
  const first = await world.open();
  first.type(0, "kept");
  await world.advance(2000);
  first.offline();
  first.type(4, " refused");
  await world.advance(1000);
  first.kill();
  may = false;
  const second = await world.open({ offline: true });
  expect(second.text).toBe("kept refused");
  second.online();
  await world.advance(4000);
  expect([...shown(second), second.note.pending.get()]).toEqual(["kept", "server", true, 0]);
});
