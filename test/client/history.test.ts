/** Undo and redo of what this client changed, alone and over several topics. */
import { defineShared } from "sente-sync";
import { createUndoHistory, shared } from "sente-sync/client";
import { shared as serveShared } from "sente-sync/server";
import { expect, test } from "vitest";
import type { Recorder, UndoTarget } from "../../src/client/history.ts";
import { mergeChanges } from "../../src/kind/changes.ts";
import { type Assignment, nothing, put } from "../../src/kind/registers.ts";
import { createRng } from "../../src/testing/rng.ts";
import { createWorld } from "../server/world.ts";

interface Board {
  title: string;
  shapes: { [id: string]: { x: number } };
}
const initial: Board = { title: "", shapes: {} };
const board = defineShared("board/:id", { initial });

async function two() {
  const world = createWorld();
  serveShared(world.sync, board);
  const [ada, bob] = [world.client(), world.client()].map((client) => shared(client, board({ id: "1" })));
  if (!ada || !bob) throw new Error("nobody");
  for (const b of [ada, bob]) b.keep();
  await world.advance(10);
  return { world, ada, bob };
}
const at = (...path: string[]) => ({ topic: "board/1", path });

test("UNDO1 undo and redo write what stood before and after, this client's own changes alone, and everybody sees it", async () => {
  const { world, ada, bob } = await two();
  expect([ada.undo(), ada.redo(), ada.history.canUndo.get()]).toEqual([undefined, undefined, false]);
  ada.set(["shapes", "a"], { x: 1 });
  ada.update((draft) => {
    draft.title = "Plan";
    draft.shapes["a"] = { x: 2 };
  });
  bob.set(["shapes", "b"], { x: 9 });
  await world.advance(10);
  expect(ada.undo()).toEqual({ changed: expect.arrayContaining([at("title"), at("shapes", "a", "x")]), skipped: [] });
  expect(ada.get()).toEqual({ title: "", shapes: { a: { x: 1 }, b: { x: 9 } } });
  expect(ada.undo()).toEqual({ changed: [at("shapes", "a")], skipped: [] });
  expect([ada.undo(), ada.history.canUndo.get(), ada.history.canRedo.get()]).toEqual([undefined, false, true]);
  await world.advance(10);
  expect(bob.get()).toEqual({ title: "", shapes: { b: { x: 9 } } });
  ada.redo();
  ada.redo();
  await world.advance(10);
  expect(bob.get()).toEqual({ title: "Plan", shapes: { a: { x: 2 }, b: { x: 9 } } });
  expect([ada.redo(), ada.history.canRedo.get()]).toEqual([undefined, false]);
});

test("UNDO2 what somebody else changed since is skipped, and told; the rest of the step is undone, and redone", async () => {
  const { world, ada, bob } = await two();
  ada.update((draft) => {
    draft.title = "Plan";
    draft.shapes["a"] = { x: 1 };
  });
  await world.advance(10);
  bob.set(["shapes", "a", "x"], 5);
  await world.advance(10);
  expect(ada.undo()).toEqual({ changed: [at("title")], skipped: [at("shapes", "a")] });
  expect(ada.get()).toEqual({ title: "", shapes: { a: { x: 5 } } });
  expect(ada.redo()).toEqual({ changed: [at("title")], skipped: [] });
  await world.advance(10);
  bob.set(["title"], "Bob's");
  await world.advance(10);
  expect(ada.undo()).toEqual({ changed: [], skipped: [at("title")] });
  expect([ada.get()?.title, ada.history.canUndo.get(), ada.history.canRedo.get()]).toEqual(["Bob's", false, false]);
});

test("UNDO3 writes of one group, one after the other, are one step; another write between them begins a new one", async () => {
  const { ada } = await two();
  ada.set(["title"], "before");
  for (let x = 0; x < 50; x++) ada.set(["shapes", "a"], { x }, { group: "drag" });
  ada.set(["title"], "between");
  ada.set(["shapes", "a"], { x: 99 }, { group: "drag" });
  ada.undo();
  expect(ada.get()).toEqual({ title: "between", shapes: { a: { x: 49 } } });
  ada.undo();
  ada.undo();
  expect(ada.get()).toEqual({ title: "before", shapes: {} });
  // What follows an undo does not join what is left.
  ada.redo();
  ada.set(["shapes", "a"], { x: 100 }, { group: "drag" });
  ada.undo();
  expect(ada.get()?.shapes).toEqual({ a: { x: 49 } });
});

test("UNDO4 between pause and resume everything is one step", async () => {
  const { ada } = await two();
  ada.set(["title"], "before");
  ada.history.pause();
  ada.history.pause();
  ada.set(["title"], "one");
  ada.set(["shapes", "a"], { x: 1 });
  ada.set(["shapes", "a", "x"], 2);
  ada.history.resume();
  ada.set(["title"], "after");
  ada.undo();
  expect(ada.get()).toEqual({ title: "one", shapes: { a: { x: 2 } } });
  expect(ada.undo()).toEqual({ changed: [at("shapes", "a", "x"), at("shapes", "a"), at("title")], skipped: [] });
  expect(ada.get()).toEqual({ title: "before", shapes: {} });
  ada.redo();
  expect(ada.get()).toEqual({ title: "one", shapes: { a: { x: 2 } } });
});

test("UNDO5 several topics with one history are undone in the order in which they were written", async () => {
  const world = createWorld();
  serveShared(world.sync, board);
  const client = world.client();
  const history = createUndoHistory();
  const [one, two] = ["1", "2"].map((id) => shared(client, board({ id }), { history }));
  one?.keep();
  two?.keep();
  await world.advance(10);
  history.pause();
  one?.set(["title"], "one");
  two?.set(["title"], "two");
  history.resume();
  two?.set(["title"], "later");
  expect(one?.history).toBe(history);
  one?.undo();
  expect([one?.get()?.title, two?.get()?.title]).toEqual(["one", "two"]);
  expect(history.undo()?.changed).toEqual([
    { topic: "board/2", path: ["title"] },
    { topic: "board/1", path: ["title"] },
  ]);
  expect([one?.get()?.title, two?.get()?.title]).toEqual(["", ""]);
});

test("UNDO6 at most `limit` steps are kept; a new write ends what could be redone; clear forgets all", () => {
  const { target, history, write } = alone({ limit: 3 });
  for (let at = 0; at < 5; at++) write([{ path: ["n"], value: at }]);
  history.undo();
  expect(history.canRedo.get()).toBe(true);
  write([{ path: ["m"], value: 1 }]);
  expect(history.canRedo.get()).toBe(false);
  while (history.undo());
  expect(target.value()).toEqual({ n: 1 });
  history.clear();
  expect([history.canUndo.get(), history.canRedo.get()]).toEqual([false, false]);
});

test("UNDO7 undoing everything is the beginning, redoing everything is the end, whatever was written in what groups", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const { next: random } = createRng(`undo ${seed}`);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
    const { target, history, write } = alone();
    for (let step = 0; step < 15; step++) {
      const path = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(["a", "b"]));
      const value = pick<unknown>([nothing, step, { a: step }, [step]]);
      if (random() < 0.1) history.pause();
      if (random() < 0.1) history.resume();
      write(mergeChanges([{ path, value }], [{ path: ["c", pick(["a", "b"])], value: step }]), pick([undefined, "g", "h"]));
      if (random() < 0.2) history.undo();
      if (random() < 0.1) history.redo();
    }
    const end = target.value();
    const isAll = (answer: ReturnType<typeof history.undo>): boolean => {
      if (answer) expect(answer.skipped, `seed ${seed}`).toEqual([]);
      return answer !== undefined;
    };
    let undone = 0;
    while (isAll(history.undo())) undone++;
    expect(target.value(), `seed ${seed}`).toEqual({});
    for (; undone; undone--) isAll(history.redo());
    expect(target.value(), `seed ${seed}`).toEqual(end);
  }
});

/** A history of a value that nobody else changes. */
function alone(options = {}) {
  let value: unknown = {};
  const apply = (changes: readonly Assignment[]): void => {
    for (const { path, value: set } of changes) value = put(value, path, set);
  };
  const target: UndoTarget = { topic: "alone", value: () => value, write: apply };
  const history = createUndoHistory(options) as Recorder;
  return {
    target,
    history,
    write(changes: readonly Assignment[], group?: string) {
      history.record(target, value, changes, { group });
      apply(changes);
    },
  };
}
