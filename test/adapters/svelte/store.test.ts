/** store, syncStatus and rejectedWrites against a real server. */
import { store as handleOf } from "sente-sync/client";
import { rejectedWrites, store, syncStatus } from "sente-sync/svelte";
import { expect, test } from "vitest";
import { createWorld, todos, until } from "../support.ts";
import Runes from "./runes.svelte";
import Store from "./store.svelte";
import { renderWith } from "./support.ts";

test.each([Runes, Store])("a mutation is on the screen at once, and is there when the server ran it", async (component) => {
  const world = createWorld();
  const [ada, bob] = [world.client(), world.client()];
  const make = () => store(todos, ({ items }) => items.map(({ text }) => text).join(" "));
  const page = renderWith(ada, component, { make });
  const other = renderWith(bob, component, { make: () => store(todos, ({ items }) => items.length) });
  await until(() => expect([page.text, other.text]).toEqual(['""', "0"]));
  const { do: verbs } = store(ada, todos);
  verbs.add("milk");
  await until(() => expect([page.text, other.text]).toEqual(['"milk"', "1"]));
});

test("a call that its definition can undo is undone", async () => {
  const world = createWorld();
  const ada = world.client();
  const texts = renderWith(ada, Runes, { make: () => store(todos, ({ items }) => items.map(({ text }) => text).join(" ")) });
  const can = renderWith(ada, Runes, { make: () => store(todos).canUndo });
  await until(() => expect([texts.text, can.text]).toEqual(['""', "false"]));
  const { do: verbs, handle } = store(ada, todos);
  verbs.add("milk");
  await until(() => expect([texts.text, can.text]).toEqual(['"milk"', "true"]));
  handle.undo();
  await until(() => expect([texts.text, can.text]).toEqual(['""', "false"]));
});

test("what is on its way and what was rejected are live values", async () => {
  const world = createWorld();
  const client = world.client();
  const status = renderWith(client, Runes, { make: () => syncStatus() });
  const rejected = renderWith(client, Runes, { make: () => rejectedWrites(client) });
  expect(status.text).toContain("synchronized");
  const list = handleOf(client, todos);
  list.keep();
  await list.ready;
  list.do.add("odd");
  expect(syncStatus(client).current).toEqual({ status: "synchronizing", pending: 1 });
  await until(() => expect(rejected.text).toContain("invalid"));
  await until(() => expect(status.text).toContain('"synchronized"'));
});
