/** Two tabs of one real browser at one document (examples/editor/react.tsx): they see each other's edits while no line is up. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { isBack, openWorld, type World, waited } from "./gallery.ts";

const isMissing = chromiumPath() === undefined;
let world: World;
beforeAll(async () => {
  if (!isMissing) world = await openWorld();
}, 60_000);
afterAll(() => world?.close());

const path = "/editor/react?note=tabs&name=";
const textOf = (page: Page): Promise<string> => page.locator("textarea.words").inputValue();
const shows = (page: Page, words: string): Promise<void> =>
  vi.waitFor(async () => expect(await textOf(page)).toContain(words), waited);
/** Plain text has no cursors of others between the letters. */
const begin = async (page: Page): Promise<Page> => {
  await page.locator(".editor[data-synced=true]").waitFor();
  await page.getByRole("button", { name: "Textarea", exact: true }).click();
  await shows(page, "A page for everybody");
  return page;
};
const write = async (page: Page, words: string): Promise<void> => {
  await page.locator("textarea.words").press("Control+Home");
  await page.locator("textarea.words").pressSequentially(words);
};

test.skipIf(isMissing)("tabs of one browser edit together with no server, and everybody sees it once there is one", async () => {
  const [ada, grace] = [await world.open(`${path}Ada`), await world.open(`${path}Grace`)];
  const one = await begin(ada.page);
  const two = await ada.page.context().newPage();
  await two.goto(`${world.url}${path}Ada`);
  await begin(two);
  const theirs = await begin(grace.page);
  for (const page of [one, two]) {
    await page.getByRole("button", { name: "Offline for 5 s", exact: true }).click();
    await page.getByText("Reconnecting").waitFor();
  }

  await write(one, "From the first tab. ");
  await shows(two, "From the first tab.");
  await write(two, "From the second tab. ");
  await shows(one, "From the second tab. From the first tab.");
  expect(await textOf(one)).toBe(await textOf(two));
  expect(await textOf(theirs)).not.toContain("tab.");

  world.online();
  for (const page of [one, two]) await isBack({ ...ada, page });
  await shows(theirs, "From the second tab. From the first tab.");
  await write(theirs, "From elsewhere. ");
  for (const page of [one, two]) await shows(page, "From elsewhere. From the second tab. From the first tab.");
  await vi.waitFor(async () => expect(new Set(await Promise.all([one, two, theirs].map(textOf))).size).toBe(1), waited);
  expect([...ada.faults, ...grace.faults]).toEqual([]);
});
