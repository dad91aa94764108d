/** Undo of calls to stores, and of what several topics were written together. */
import { defineShared, defineStore } from "sente-sync";
import { batch, createUndoHistory, shared, store, undoHistory } from "sente-sync/client";
import { shared as serveShared, store as serveStore } from "sente-sync/server";
import { expect, test } from "vitest";
import { createWorld } from "../server/world.ts";
import { createLies } from "./lying-connector.ts";

interface Todo {
  readonly id: string;
  text: string;
}

const todos = defineStore("todos", {
  initial: { items: [] as Todo[], clicks: 0 },
  mutations: {
    add: (draft, text: string, ctx) => void draft.items.push({ id: ctx.id(), text }),
    insert: (draft, { at, item }: { at: number; item: Todo }) => void draft.items.splice(at, 0, item),
    remove(draft, id: string, ctx) {
      const at = draft.items.findIndex((item) => item.id === id);
      if (at < 0) ctx.reject("app/gone", "Somebody removed it.");
      draft.items.splice(at, 1);
    },
    rename(draft, { id, text }: { id: string; text: string }) {
      const item = draft.items.find((other) => other.id === id);
      if (item) item.text = text;
    },
    click: (draft) => void draft.clicks++,
  },
  undo: {
    add: ({ id }) => ["remove", id],
    remove({ input, before }) {
      const at = before.items.findIndex(({ id }) => id === input);
      const item = before.items[at];
      return item && ["insert", { at, item }];
    },
    rename({ input: { id, text }, before, now }) {
      const [was, is] = [before, now].map(({ items }) => items.find((item) => item.id === id)?.text);
      return was === undefined || is !== text ? undefined : ["rename", { id, text: was }];
    },
  },
});
const plan = defineShared("plan", { initial: { title: "", n: 0 } });

async function two() {
  const world = createWorld();
  const refused = new Set<string>();
  serveStore(world.sync, todos, {
    validate({ mutation }) {
      if (refused.has(mutation)) throw new Error("not here");
    },
  });
  serveShared(world.sync, plan);
  const someone = () => {
    const lies = createLies(world.connector);
    const client = world.client({ connector: lies.connector });
    const [list, tree] = [store(client, todos), shared(client, plan)];
    list.keep();
    tree.keep();
    return { client, lies, list, tree, texts: () => list.get()?.items.map(({ text }) => text) };
  };
  const [ada, bob] = [someone(), someone()];
  await world.advance(100);
  return { world, ada, bob, refused };
}
const done = (...mutations: string[]) => mutations.map((mutation) => ({ topic: "todos", path: [], mutation }));

test("UNDO9 a call is taken back by the call that its definition says, and redone as the same call, with its ids", async () => {
  const { world, ada, bob } = await two();
  ada.list.do.add("one");
  ada.list.do.click();
  const [{ id } = { id: "" }] = ada.list.get()?.items ?? [];
  ada.list.do.rename({ id, text: "two" });
  bob.list.do.add("of bob");
  await world.advance(100);
  expect(ada.list.undo()).toEqual({ changed: done("rename"), skipped: [] });
  expect(ada.texts()).toEqual(["one", "of bob"]);
  expect(ada.list.undo()).toEqual({ changed: done("add"), skipped: [] });
  expect([ada.texts(), ada.list.undo()]).toEqual([["of bob"], undefined]);
  await world.advance(100);
  expect(bob.texts()).toEqual(["of bob"]);
  expect([ada.list.redo(), ada.list.redo(), ada.list.redo()]).toEqual([
    { changed: done("add"), skipped: [] },
    { changed: done("rename"), skipped: [] },
    undefined,
  ]);
  await world.advance(100);
  const all = [
    { id: expect.not.stringMatching(id), text: "of bob" },
    { id, text: "two" },
  ];
  expect([ada.list.get(), bob.list.get(), ada.list.pending]).toEqual([{ items: all, clicks: 1 }, { items: all, clicks: 1 }, 0]);
  // Offline the same, all of it under way at once.
  ada.lies.refuse = true;
  ada.lies.cut();
  ada.list.do.remove(id);
  ada.list.undo();
  ada.list.redo();
  ada.list.undo();
  expect([ada.texts(), ada.list.pending]).toEqual([["of bob", "two"], 4]);
  ada.lies.refuse = false;
  await world.advance(30_000);
  expect([ada.texts(), bob.texts(), ada.list.pending]).toEqual([["of bob", "two"], ["of bob", "two"], 0]);
});

test("UNDO10 what was changed since, is rejected, changes nothing or never was, is skipped and told", async () => {
  const { world, ada, bob, refused } = await two();
  ada.list.do.add("one");
  await world.advance(100);
  const [{ id } = { id: "" }] = ada.list.get()?.items ?? [];
  ada.list.do.rename({ id, text: "two" });
  await world.advance(100);
  bob.list.do.rename({ id, text: "of bob" });
  await world.advance(100);
  expect(ada.list.undo()).toEqual({ changed: [], skipped: done("rename") });
  bob.list.do.remove(id);
  await world.advance(100);
  expect(ada.list.undo()).toEqual({ changed: [], skipped: done("add") });
  expect([ada.list.history.canUndo.get(), ada.list.history.canRedo.get()]).toEqual([false, false]);

  refused.add("add");
  ada.list.do.add("never");
  await world.advance(100);
  expect([ada.texts(), ada.list.undo()]).toEqual([[], { changed: [], skipped: done("add") }]);
  refused.clear();
  ada.list.do.add("stays");
  await world.advance(100);
  // The server refuses what would take it back: it is there again, and redoing makes no second one.
  refused.add("remove");
  expect(ada.list.undo()?.changed).toEqual(done("add"));
  expect(ada.texts()).toEqual([]);
  await world.advance(100);
  expect(ada.texts()).toEqual(["stays"]);
  expect([ada.list.redo(), ada.texts()]).toEqual([{ changed: [], skipped: done("add") }, ["stays"]]);
});

test("UNDO12 and UNDO11 several topics have one history, whose groups and pauses go through all of them", async () => {
  const { ada } = await two();
  ada.tree.set(["title"], "before");
  const history = undoHistory(ada.client, [plan, todos]);
  expect([undoHistory(ada.client, [plan, todos]) === history, ada.tree.history, ada.list.history]).toEqual([
    true,
    history,
    history,
  ]);
  const apart = createUndoHistory();
  const own = store(ada.client, todos, { history: apart });
  ada.tree.set(["title"], "a");
  ada.list.do.add("one");
  ada.tree.set(["title"], "b");
  own.do.add("apart");
  const typing = (text: string): void =>
    history.group("typing", () => {
      ada.tree.set(["title"], text);
      ada.list.do.add(text);
    });
  typing("c");
  typing("d");
  history.pause();
  ada.tree.set(["n"], 1);
  ada.list.do.add("paused");
  history.resume();
  const seen = (): unknown => [ada.tree.get(), ada.texts()];
  const undone: unknown[] = [];
  while (history.canUndo.get()) {
    history.undo();
    undone.push(seen());
  }
  expect(undone).toEqual([
    [{ title: "d", n: 0 }, ["one", "apart", "c", "d"]],
    [{ title: "b", n: 0 }, ["one", "apart"]],
    [{ title: "a", n: 0 }, ["one", "apart"]],
    [{ title: "a", n: 0 }, ["apart"]],
    [{ title: "before", n: 0 }, ["apart"]],
  ]);
  while (history.canRedo.get()) history.redo();
  expect(seen()).toEqual([{ title: "d", n: 1 }, ["apart", "one", "c", "d", "paused"]]);
  expect([apart.undo(), ada.texts()]).toEqual([{ changed: done("add"), skipped: [] }, ["one", "c", "d", "paused"]]);
});

test("UNDO8 a batch is one step, undone and redone as a batch; one that throws is none", async () => {
  const { world, ada, bob } = await two();
  const history = undoHistory(ada.client, [plan, todos]);
  batch(ada.client, () => {
    ada.tree.set(["title"], "a");
    ada.list.do.add("one");
    ada.list.do.add("two");
    ada.tree.set(["n"], 2);
  });
  expect(() =>
    batch(ada.client, () => {
      ada.list.do.add("none");
      throw new Error("none");
    }),
  ).toThrow("none");
  await world.advance(100);
  bob.tree.set(["title"], "of bob");
  await world.advance(100);
  expect(history.undo()).toEqual({
    changed: [{ topic: "plan", path: ["n"] }, ...done("add", "add")],
    skipped: [{ topic: "plan", path: ["title"] }],
  });
  expect([ada.tree.get(), ada.texts(), history.canUndo.get()]).toEqual([{ title: "of bob", n: 0 }, [], false]);
  history.redo();
  await world.advance(100);
  expect([bob.tree.get(), bob.texts(), ada.list.pending]).toEqual([{ title: "of bob", n: 2 }, ["one", "two"], 0]);
  const batches = ada.lies.said.filter((frame) => frame.includes(":sync/batch"));
  expect(batches).toHaveLength(3);
  // Within another batch it is part of that one.
  batch(ada.client, () => {
    history.undo();
    ada.tree.set(["title"], "mine");
  });
  await world.advance(100);
  expect([bob.tree.get(), bob.texts()]).toEqual([{ title: "mine", n: 0 }, []]);
});
