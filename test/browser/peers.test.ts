/**
 * The example "A page and a process" in a real browser: what the page shows of itself, of another window and of the child process, which
 * is killed meanwhile. What every peer reports of its reading is beside what the page has read itself.
 */
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { cause, isBack, openWorld, showsWhile, type Window, type World, waited } from "./gallery.ts";

const isMissing = chromiumPath() === undefined;
let world: World;
beforeAll(async () => {
  if (!isMissing) world = await openWorld();
});
afterEach(() => world?.closeWindows());
afterAll(() => world?.close());

const path = "/peers/react";

const card = ({ page }: Window, name: string | RegExp) => page.getByRole("region", { name });
const primesOf = async (window: Window, name: string | RegExp): Promise<number> =>
  Number((await card(window, name).locator(".figure strong").textContent())?.replaceAll(",", ""));
const dataOf = async ({ page }: Window, selector: string): Promise<Record<string, string | undefined>> =>
  page.locator(selector).evaluate((element) => Object.fromEntries(Object.entries((element as HTMLElement).dataset)));
const child = "The child process";
const me = "This window";

/** All who are on the board, by their own report, are as far as this window is. */
const agreed = async (window: Window): Promise<number> => {
  const { last, missing } = await dataOf(window, "#counter");
  const reports = await window.page
    .locator("[data-peer]")
    .evaluateAll((peers) => peers.map((peer) => (peer as HTMLElement).dataset).map(({ last, missing }) => `${last} ${missing}`));
  expect(new Set(reports)).toEqual(new Set([`${last} ${missing}`]));
  expect(missing).toBe("0");
  return Number(last);
};

test.skipIf(isMissing)("two windows and the child process work side by side, and all read every line", async () => {
  const [one, other] = [await world.open(path), await world.open(path)];
  for (const window of [one, other])
    await vi.waitFor(async () => expect(await window.page.locator("[data-peer]").count()).toBe(3), waited);
  await expect.poll(() => card(one, child).textContent(), waited).toContain("stdio");
  await expect.poll(() => card(one, me).textContent(), waited).toContain("websocket");
  await one.page.getByRole("button", { name: "Set everybody to work" }).click();
  for (const each of [one, other]) await vi.waitFor(async () => expect(await agreed(each)).toBe(15), waited);
  await vi.waitFor(async () => {
    const found = await Promise.all([child, me, /^Window /].map((name) => primesOf(one, name)));
    expect(Math.min(...found)).toBeGreaterThan(0);
    const primes = await one.page.locator("#primes").textContent();
    expect(Number(primes?.replaceAll(",", ""))).toBe(found.reduce((sum, each) => sum + each));
    expect(await other.page.locator("#primes").textContent()).toBe(primes);
  }, waited);
  // Each line says what its finder's own copy of the board said.
  const [newest] = await other.page.locator("tr[data-offset='15'] td:last-child").allTextContents();
  expect(Number(newest?.replaceAll(",", ""))).toBeGreaterThan(0);
  expect([...one.faults, ...other.faults]).toEqual([]);
});

test.skipIf(isMissing)("a killed child is shown as away, comes back as another process, and has every line", async () => {
  const window = await world.open(path);
  const what = (): Promise<string | null> => card(window, child).locator(".tags code").last().textContent();
  await card(window, child).getByText("Here").waitFor();
  const before = await what();
  await card(window, child).getByRole("button", { name: "Set to work" }).click();
  await card(window, child).getByText("Working").waitFor();
  const isAway = "[data-peer=child]:has(.group button:first-child:disabled) .badge";
  await showsWhile(window, isAway, "Away", () => card(window, child).getByRole("button", { name: "Kill it" }).click());
  await card(window, me).getByRole("button", { name: "Set to work" }).click();
  await card(window, child).getByText("Here").waitFor();
  expect(await what()).not.toBe(before);
  const { last } = await dataOf(window, "#counter");
  await vi.waitFor(async () => expect(await agreed(window)).toBeGreaterThanOrEqual(Number(last)), waited);
  await card(window, child).getByRole("button", { name: "Set to work" }).click();
  await vi.waitFor(async () => expect(await agreed(window)).toBeGreaterThanOrEqual(Number(last) + 5), waited);
  expect(window.faults).toEqual([]);
});

test.skipIf(isMissing)(
  "a window that was cut reads what it missed, and a server that started anew begins at line one",
  async () => {
    const [window, other] = [await world.open(path), await world.open(path)];
    const { page } = window;
    for (const each of [window, other]) await card(each, child).getByText("Here").waitFor();
    const last = await vi.waitFor(() => agreed(window), waited);
    await cause("Offline for 5 s", window);
    await card(other, child).getByRole("button", { name: "Set to work" }).click();
    const lastOf = async (each: Window): Promise<number> => Number((await dataOf(each, "#counter"))["last"]);
    await vi.waitFor(async () => expect(await lastOf(other)).toBe(last + 5), waited);
    expect(await lastOf(window)).toBe(last);
    world.online();
    await isBack(window);
    await vi.waitFor(async () => expect(await agreed(window)).toBe(last + 5), waited);
    expect(await dataOf(window, "#counter")).toMatchObject({ first: "1", missing: "0" });
    await other.page.close();

    await page.getByRole("button", { name: "Restart the server" }).click();
    await page.getByText("No line yet").waitFor();
    await vi.waitFor(async () => expect(await card(window, child).textContent()).toMatch(/Here.*start 1/), waited);
    await page.getByRole("button", { name: "Set everybody to work" }).click();
    await vi.waitFor(async () => expect(await agreed(window)).toBe(10), waited);
    expect(window.faults).toEqual([]);
  },
);

test.skipIf(isMissing)("keeps still while lines come, and fits 360 pixels", async () => {
  const window = await world.open(path, { viewport: { width: 360, height: 740 }, reducedMotion: "reduce" });
  const { page } = window;
  await card(window, child).getByText("Here").waitFor();
  const shiftsOf = (): Promise<number> => page.evaluate(() => (globalThis as unknown as { shifts: { sum: number } }).shifts.sum);
  const before = await shiftsOf();
  await page.locator("tr[data-offset]").first().waitFor();
  const last = await vi.waitFor(() => agreed(window), waited);
  await card(window, me).getByRole("button", { name: "Set to work" }).click();
  await vi.waitFor(async () => expect(Number((await dataOf(window, "#counter"))["last"])).toBe(last + 5), waited);
  expect((await shiftsOf()) - before).toBeLessThan(0.01);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  expect(window.faults).toEqual([]);
});
