/**
 * The thinnest way through everything: a value on the server, changed by an event, shown in pages of a real browser: those of
 * examples/quick-start/react.tsx and examples/quick-start/svelte/visitors.svelte.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { cause, openWorld, type World, waited } from "./gallery.ts";

const isMissing = chromiumPath() === undefined;
let world: World;
beforeAll(async () => {
  if (!isMissing) world = await openWorld();
});
afterEach(() => world?.closeWindows());
afterAll(() => world?.close());

test.skipIf(isMissing)("a server's atom is shown live in a React page and in a Svelte page", async () => {
  const react = await world.open("/quick-start/react");
  const svelte = await world.open("/quick-start/svelte/");
  for (const { page } of [react, svelte]) await page.locator("#visitors", { hasText: /^0$/ }).waitFor();
  await react.page.getByRole("button", { name: "Visit the page" }).click();
  for (const { page } of [react, svelte]) await page.locator("#visitors", { hasText: /^1$/ }).waitFor();
  await svelte.page.getByRole("button", { name: "Visit the page" }).click();
  for (const { page } of [react, svelte]) await page.locator("#visitors", { hasText: /^2$/ }).waitFor();
  expect([...react.faults, ...svelte.faults]).toEqual([]);
});

test.skipIf(isMissing)("a page that lost its line shows the last value, and the present one once it is back", async () => {
  const one = await world.open("/quick-start/react");
  const other = await world.open("/quick-start/svelte/");
  const shown = one.page.locator("#visitors");
  await shown.filter({ hasText: /^2$/ }).waitFor();
  await cause("Offline for 5 s", one);
  await other.page.getByRole("button", { name: "Visit the page" }).click();
  await other.page.locator("#visitors", { hasText: /^3$/ }).waitFor();
  expect(await shown.textContent()).toBe("2");
  world.online();
  // By itself, after a while.
  await shown.filter({ hasText: /^3$/ }).waitFor({ timeout: waited.timeout });
  expect([...one.faults, ...other.faults]).toEqual([]);
});
