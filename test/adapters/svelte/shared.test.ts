/** shared against a real server. */
import { shared } from "sente-sync/svelte";
import { expect, test } from "vitest";
import { createWorld, plan, until } from "../support.ts";
import Runes from "./runes.svelte";
import Store from "./store.svelte";
import { renderWith } from "./support.ts";

test.each([Runes, Store])("a write is on the screen at once, everywhere soon, and can be undone", async (component) => {
  const world = createWorld();
  const [ada, bob] = [world.client(), world.client()];
  const title = { make: () => shared(plan, (value) => value.title) };
  const pages = [renderWith(ada, component, title), renderWith(bob, component, title)];
  const can = renderWith(ada, Runes, { make: () => shared(plan).canUndo });
  const texts = (): unknown[] => [...pages, can].map(({ text }) => text);
  await until(() => expect(texts()).toEqual(['""', '""', "false"]));
  const { handle } = shared(ada, plan);
  handle.set(["title"], "Plan");
  await until(() => expect(texts()).toEqual(['"Plan"', '"Plan"', "true"]));
  handle.undo();
  await until(() => expect(texts()).toEqual(['""', '""', "false"]));
});
