/** Writes without an answer, on the screen: of an earlier page, tried again, refused. Rules: docs/protocol/writes.md OUTBOX17-OUTBOX19. */
import { defineShared, defineStore, SyncError } from "sente-sync";
import { type Client, rejectedWrites, shared, store } from "sente-sync/client";
import { shared as serveShared, store as serveStore } from "sente-sync/server";
import { expect, test } from "vitest";
import { codeOf, createOutboxWorld, MemoryDisk } from "./outbox-world.ts";

interface Board {
  title: string;
  cards: { [id: string]: string };
}
const noBoard: Board = { title: "", cards: {} };
const boardRef = defineShared("board", { initial: noBoard });

interface Item {
  readonly id: string;
  readonly text: string;
  readonly by: string;
}
const listRef = defineStore("list", {
  initial: { items: [] as Item[] },
  mutations: {
    add: (draft, text: string, ctx) => void draft.items.push({ id: ctx.id(), text, by: ctx.user?.id ?? "?" }),
    remove(draft, text: string, ctx) {
      const at = draft.items.findIndex((item) => item.text === text);
      if (at < 0) ctx.reject("app/gone", "It is gone.");
      draft.items.splice(at, 1);
    },
  },
});

function createServed() {
  const world = createOutboxWorld();
  /** Titles and texts that the server says no to. */
  const refused = new Set<unknown>();
  const serve = () => ({
    board: serveShared(world.sync, boardRef, {
      validate({ next }) {
        if (refused.has(next.title)) throw new SyncError("app/no", "Not that.");
      },
    }),
    list: serveStore(world.sync, listRef, {
      validate({ input }) {
        if (refused.has(input)) throw new SyncError("app/no", "Not that.");
      },
    }),
  });
  return { world, refused, ...serve(), serve };
}

function handles(client: Client) {
  const [board, list] = [shared(client, boardRef), store(client, listRef)];
  const told: unknown[] = [];
  board.listen((value) => told.push(value?.title));
  list.listen((value) => told.push(texts(value)));
  return { board, list, told };
}
const texts = (value: { readonly items: readonly Item[] } | undefined): string =>
  (value?.items ?? []).map(({ text }) => text).join(" ");

/** A page that wrote offline, and was closed. */
async function left({ world }: ReturnType<typeof createServed>) {
  const disk = new MemoryDisk();
  const first = world.tab(disk);
  const { board, list } = handles(first.client);
  await world.advance(10);
  first.offline();
  board.set(["title"], "left");
  board.set(["cards", "a"], "A");
  list.do.add("one");
  list.do.add("two");
  await world.advance(10);
  first.kill();
  return disk;
}

test("OUTBOX17 what an earlier page wrote is shown with the handle, before there is a line, and stays until it is the server's", async () => {
  const served = createServed();
  const disk = await left(served);
  const { world } = served;
  const early = world.tab(disk, "ada", { autoConnect: false, outbox: { user: "ada" } });
  const before = handles(early.client);
  expect([before.board.get(), before.list.get()]).toEqual([undefined, undefined]);
  await world.advance(10);
  // After it was read; and at once by a handle that is made then.
  const shown = { title: "left", cards: { a: "A" } };
  expect([before.board.get(), texts(before.list.get()), before.list.pending]).toEqual([shown, "one two", 2]);
  expect(before.told).toEqual(["left", "one two"]);
  early.kill();
  await world.advance(10);

  const second = world.tab(disk, "ada", { autoConnect: false, outbox: { user: "ada" } });
  await world.advance(10);
  const { board, list, told } = handles(second.client);
  expect([board.get(), texts(list.get())]).toEqual([shown, "one two"]);
  let isReady = false;
  void board.ready.then(() => (isReady = true));
  await world.advance(10);
  expect(isReady).toBe(false);
  second.client.connect();
  await world.advance(2000);
  expect([isReady, board.get(), texts(list.get()), list.pending, second.pending]).toEqual([true, shown, "one two", 0, 0]);
  expect([served.board.get(), texts(served.list.get())]).toEqual([shown, "one two"]);
  // Never anything else on the way, and nothing twice.
  expect(new Set(told)).toEqual(new Set(["left", "one two"]));
  expect(list.get()?.items.map(({ by }) => by)).toEqual(["ada", "ada"]);
});

test("OUTBOX17 what one user left is not shown to another, nor before it is known who this is", async () => {
  const served = createServed();
  const disk = await left(served);
  const { world } = served;
  const unknown = world.tab(disk, "ada", { autoConnect: false });
  const { board, list } = handles(unknown.client);
  await world.advance(10);
  expect([board.get(), list.get()]).toEqual([undefined, undefined]);
  unknown.client.connect();
  await world.advance(2000);
  expect([board.get()?.title, texts(list.get())]).toEqual(["left", "one two"]);

  const again = await left(served);
  const other = world.tab(again, "bob", { autoConnect: false });
  const seen = handles(other.client);
  other.client.connect();
  await world.advance(2000);
  expect([seen.told.includes("one two one two"), texts(seen.list.get()), other.pending]).toEqual([false, "one two", 0]);
});

test("OUTBOX17 what comes back of a write over the other line first, is shown on until the topic's entry is here", async () => {
  const served = createServed();
  const disk = await left(served);
  const { world } = served;
  const second = world.tab(disk, "ada", { autoConnect: false, outbox: { user: "ada" } });
  const { board, list, told } = handles(second.client);
  await world.advance(10);
  // Entries come late; snapshots do not.
  second.lies.hear = (text) => (text.includes(":sync/entries") ? undefined : text);
  second.client.connect();
  await world.advance(2000);
  expect([board.get()?.title, texts(list.get()), second.pending]).toEqual(["left", "one two", 0]);
  second.lies.hear = (text) => text;
  second.lies.lines[0]?.terminate();
  await world.advance(5000);
  expect([board.get()?.title, texts(list.get()), list.pending]).toEqual(["left", "one two", 0]);
  expect(new Set(told)).toEqual(new Set(["left", "one two"]));
});

test("SHARED25 beneath what this page writes, in the order of their stamps, and no conflict with itself", async () => {
  const served = createServed();
  const { world } = served;
  const disk = await left(served);
  const bob = handles(world.tab(undefined, "bob").client);
  await world.advance(10);
  bob.board.set(["cards", "a"], "of bob, later");
  await world.advance(10);
  const second = world.tab(disk, "ada", { autoConnect: false, outbox: { user: "ada" } });
  const { board } = handles(second.client);
  const conflicts: unknown[] = [];
  board.onConflict((conflict) => conflicts.push(conflict));
  await world.advance(10);
  board.set(["title"], "of this page");
  expect(board.get()).toEqual({ title: "of this page", cards: { a: "A" } });
  second.client.connect();
  await world.advance(2000);
  const end = { title: "of this page", cards: { a: "of bob, later" } };
  expect([board.get(), bob.board.get(), served.board.get(), conflicts]).toEqual([end, end, end, []]);
});

test("SHARED25 and STORE10 what the server rejects of it is taken off the screen, alone, and is on the list", async () => {
  const served = createServed();
  const { world, refused } = served;
  const disk = await left(served);
  refused.add("left").add("one");
  const second = world.tab(disk, "ada", { outbox: { user: "ada" } });
  const { board, list } = handles(second.client);
  await world.advance(2000);
  expect([board.get(), texts(list.get()), list.pending]).toEqual([{ title: "", cards: { a: "A" } }, "two", 0]);
  expect(second.rejected.get().map(({ code }) => code)).toEqual(["app/no", "app/no"]);
});

test("STORE10 calls of an earlier page run beneath this page's; one that was sent is not shown beside its entry", async () => {
  const served = createServed();
  const { world } = served;
  const disk = new MemoryDisk();
  const first = world.tab(disk);
  const { list } = handles(first.client);
  await world.advance(10);
  first.deaf();
  list.do.add("sent");
  await world.advance(10);
  first.offline();
  list.do.add("not sent");
  await world.advance(10);
  first.kill();
  const second = world.tab(disk, "ada", { autoConnect: false, outbox: { user: "ada" } });
  const after = handles(second.client);
  await world.advance(10);
  after.list.do.add("new");
  after.list.do.remove("not sent");
  expect(texts(after.list.get())).toEqual("sent new");
  second.client.connect();
  await world.advance(2000);
  expect([texts(after.list.get()), texts(served.list.get()), after.list.pending]).toEqual(["sent new", "sent new", 0]);
  expect(after.told.filter((value) => /sent.*sent/.test(String(value)) && !String(value).includes("not sent"))).toEqual([]);
});

test("STORE10 a call whose answer was lost is not shown beside its entry, where a whole state takes the place of the entries", async () => {
  const served = createServed();
  const { world } = served;
  const tab = world.tab(undefined, "ada", { autoConnect: false });
  const { list, told } = handles(tab.client);
  // What the server says of the topic does not arrive, but the call does.
  tab.lies.hear = (text) => (/:sync\/(snapshot|entries|ack)/.test(text) ? undefined : text);
  tab.client.connect();
  list.do.add("once");
  await world.advance(100);
  expect([texts(served.list.get()), texts(list.get()), list.pending]).toEqual(["once", "once", 1]);
  // And over the next line the state does, but no answer.
  tab.lies.hear = (text) => (text.includes(":sync/ack") ? undefined : text);
  for (const line of tab.lies.lines) line.terminate();
  await world.advance(5000);
  expect([texts(list.get()), list.pending]).toEqual(["once", 1]);
  list.do.add("behind");
  expect(texts(list.get())).toBe("once behind");
  tab.lies.hear = (text) => text;
  for (const line of tab.lies.lines) line.terminate();
  await world.advance(5000);
  expect([texts(list.get()), list.pending, texts(served.list.get())]).toEqual(["once behind", 0, "once behind"]);
  expect(told).not.toContain("once once");
});

test("OUTBOX18 retry and edit are shown at once, and stamped anew; what rejects them here puts them back on the list", async () => {
  const served = createServed();
  const { world, refused } = served;
  const tab = world.tab();
  const rejected = rejectedWrites(tab.client);
  const { board, list } = handles(tab.client);
  await world.advance(10);
  refused.add("bad");
  board.set(["title"], "bad");
  list.do.add("bad");
  await world.advance(10);
  expect([board.get()?.title, texts(list.get()), rejected.get().length]).toEqual(["", "", 2]);
  board.set(["title"], "later");
  await world.advance(10);
  refused.clear();
  const receipts = rejected.get().map((write) => write.retry());
  // Written now, so it is the last that counts.
  expect([board.get()?.title, texts(list.get()), list.pending, rejected.get()]).toEqual(["bad", "bad", 1, []]);
  await world.advance(10);
  expect(await Promise.all(receipts.map(codeOf))).toEqual(["stored", "stored"]);
  expect([served.board.get().title, texts(served.list.get()), list.pending]).toEqual(["bad", "bad", 0]);

  refused.add("worse");
  list.do.add("worse");
  await world.advance(10);
  const [worse] = rejected.get();
  const [name, , id] = (worse?.op ?? []) as [string, string, string];
  const gone = worse?.edit(["remove", "nothing like it", id]);
  expect([gone?.status, rejected.get().map(({ code, mutation }) => [code, mutation])]).toEqual([
    "rejected",
    [["app/gone", "remove"]],
  ]);
  const edited = rejected.get()[0]?.edit([name, "better", id]);
  expect(texts(list.get())).toBe("bad better");
  await world.advance(10);
  expect([edited?.status, texts(served.list.get()), rejected.get()]).toEqual(["stored", "bad better", []]);
  expect(rejected.get()).toEqual([]);
});

test("OUTBOX18 what was tried again before there was a handle is shown by the handle", async () => {
  const served = createServed();
  const { world, refused } = served;
  const disk = await left(served);
  refused.add("one").add("left");
  const second = world.tab(disk, "ada", { outbox: { user: "ada" } });
  await world.advance(2000);
  expect(second.rejected.get()).toHaveLength(2);
  refused.clear();
  second.offline();
  for (const write of second.rejected.get()) write.retry();
  const { board, list } = handles(second.client);
  expect([board.get()?.title, texts(list.get())]).toEqual(["left", "one"]);
  second.lies.refuse = false;
  await world.advance(5000);
  expect([board.get()?.title, texts(list.get()), list.pending]).toEqual(["left", "two one", 0]);
});

test("OUTBOX19 a rejected write says where it was and what the server has there, a rejected call what was called", async () => {
  const served = createServed();
  const { world, refused } = served;
  const tab = world.tab();
  const { board, list } = handles(tab.client);
  await world.advance(10);
  refused.add("bad").add("worse");
  board.set(["title"], "good");
  board.set(["title"], "bad");
  board.update((draft) => {
    draft.title = "worse";
    draft.cards["a"] = "A";
  });
  list.do.add("bad");
  await world.advance(10);
  const told = tab.rejected.get().map(({ path, serverValue, mutation, input }) => ({ path, serverValue, mutation, input }));
  const none = { path: undefined, serverValue: undefined, mutation: undefined, input: undefined };
  expect(told).toEqual([
    { ...none, path: ["title"], serverValue: "good" },
    { ...none, path: [], serverValue: { title: "good", cards: {} } },
    { ...none, mutation: "add", input: "bad" },
  ]);
});

test("OUTBOX19 where the write was stale, the value is that of the server's answer", async () => {
  const world = createOutboxWorld();
  const live = serveShared(world.sync, boardRef, { forgetDeletedMs: 1000 });
  const disk = new MemoryDisk();
  const first = world.tab(disk);
  const { board } = handles(first.client);
  await world.advance(10);
  first.offline();
  board.set(["cards", "a"], "old");
  await world.advance(10);
  first.kill();
  await world.advance(60_000);
  for (let n = 0; n < 1000; n++) live.set(["cards", "a"], `new ${n}`);
  await world.advance(10);
  const second = world.tab(disk);
  await world.advance(2000);
  const [stale] = second.rejected.get();
  expect([stale?.code, stale?.path, stale?.serverValue]).toEqual(["stale", ["cards", "a"], "new 999"]);
  // Tried again it is new.
  const after = handles(second.client);
  await world.advance(10);
  stale?.retry();
  expect(after.board.get()?.cards).toEqual({ a: "old" });
  await world.advance(10);
  expect(live.get().cards).toEqual({ a: "old" });
});

test("SHARED26 and STORE11 at most maxPending writes wait; the next is refused with backpressure, and never shown", async () => {
  const served = createServed();
  const { world } = served;
  const disk = await left(served);
  const tab = world.tab(disk, "ada", { autoConnect: false, outbox: { user: "ada" }, limits: { maxPending: 20 } });
  const { board, list, told } = handles(tab.client);
  await world.advance(10);
  // Two of each were left.
  const boards = Array.from({ length: 19 }, (_, n) => board.set(["title"], `t${n}`));
  const calls = Array.from({ length: 19 }, (_, n) => list.do.add(`c${n}`));
  expect(boards.concat(calls).filter(({ status }) => status === "rejected")).toEqual([boards[18], calls[18]]);
  const refusals = [boards[18], calls[18]].flatMap((receipt) => (receipt ? [codeOf(receipt)] : []));
  expect(await Promise.all(refusals)).toEqual(["backpressure", "backpressure"]);
  await world.advance(0);
  expect([board.get()?.title, list.get()?.items.length, list.pending]).toEqual(["t17", 20, 20]);
  expect(told.includes("t18") || told.some((value) => String(value).includes("c18"))).toBe(false);
  expect(tab.rejected.get()).toEqual([]);
  tab.client.connect();
  await world.advance(5000);
  expect([served.board.get().title, served.list.get().items.length, list.pending]).toEqual(["t17", 20, 0]);

  // By default a thousand.
  const plain = handles(world.tab(undefined, "bob", { autoConnect: false }).client).board;
  const many = Array.from({ length: 1001 }, (_, n) => plain.set(["title"], `t${n}`));
  expect([many[999]?.status, many[1000]?.status, plain.get()?.title]).toEqual(["local", "rejected", "t999"]);
});
