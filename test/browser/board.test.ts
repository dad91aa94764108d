/**
 * The to-do board in a real browser, as React (examples/board/react.tsx) and as Svelte (examples/board/svelte/): what two people
 * change in windows of their own while lines are cut and the server is started again, and a call that the server rejects among others.
 * Each test has cards of its own: the board forgets none.
 */
import type { Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { cause, isBack, isSaved, openWorld, type Window, type World, waited } from "./gallery.ts";

const isMissing = chromiumPath() === undefined;
let world: World;
beforeAll(async () => {
  if (!isMissing) world = await openWorld();
});
afterEach(() => world?.closeWindows());
afterAll(() => world?.close());

const column = ({ page }: Window, name: string): Locator => page.getByRole("region", { name, exact: true });
const card = ({ page }: Window, text: string): Locator => page.locator("[data-card]").filter({ hasText: text });
const tool = (window: Window, text: string, name: string): Promise<void> =>
  card(window, text).getByRole("button", { name }).click();
const textsIn = (window: Window, name: string): Promise<string[]> => column(window, name).locator(".text").allTextContents();
const boardOf = async (window: Window): Promise<string[][]> => [
  await textsIn(window, "To do"),
  await textsIn(window, "Doing"),
  await textsIn(window, "Done"),
];
const focusedLabel = ({ page }: Window): Promise<string | null | undefined> =>
  page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
const rejectedIn = ({ page }: Window): Locator => page.locator(".rejected .card");

async function add(window: Window, name: string, text: string): Promise<void> {
  await window.page.getByLabel(`New card in ${name}`).fill(text);
  await window.page.keyboard.press("Enter");
}

async function edit(window: Window, text: string, next: string): Promise<void> {
  // While it is open the card shows its text in the field alone.
  await tool(window, text, "Edit");
  await window.page.getByLabel("Text", { exact: true }).fill(next);
  await window.page.keyboard.press("Enter");
}

/** Everything is stored, and both show the same. */
async function areEqual(one: Window, other: Window): Promise<void> {
  await isSaved(one);
  await isSaved(other);
  await vi.waitFor(async () => expect(await boardOf(one)).toEqual(await boardOf(other)), waited);
}

describe.each([
  ["React", "/board/react"],
  ["Svelte", "/board/svelte/"],
])("the to-do board in %s", (framework, path) => {
  const come = async (name: string): Promise<Window> => {
    const window = await world.open(`${path}?name=${name}`);
    await window.page.waitForFunction(() => document.documentElement.dataset["line"] === "connected");
    await window.page.locator("[data-card]").first().waitFor();
    return window;
  };

  test.skipIf(isMissing)("a rejected call among others is taken back alone, with its reason", async () => {
    const [ada, grace] = [await come(`Ada ${framework}`), await come(`Grace ${framework}`)];
    await add(ada, "To do", `Milk ${framework}`);
    await card(grace, `Milk ${framework}`).waitFor();
    // Without a line, so that all three wait at once.
    await cause("Offline for 5 s", grace);
    await add(grace, "To do", `Bread ${framework}`);
    await tool(grace, `Milk ${framework}`, "Remove");
    await add(grace, "Doing", `Tea ${framework}`);
    await vi.waitFor(async () => expect(await card(grace, `Milk ${framework}`).count()).toBe(0), waited);
    await isSaved(grace, "3 on the way");
    world.online();
    await isBack(grace);

    await rejectedIn(grace).waitFor();
    expect(await rejectedIn(grace).locator("p").textContent()).toBe(
      `“Milk ${framework}” was not removed: Only Ada ${framework} may remove that card.`,
    );
    await areEqual(ada, grace);
    const [toDo = [], doing = []] = await boardOf(grace);
    expect(toDo.slice(-2)).toEqual([`Milk ${framework}`, `Bread ${framework}`]);
    expect(doing.at(-1)).toBe(`Tea ${framework}`);
    expect(await rejectedIn(ada).count()).toBe(0);

    // Rejected again: another line takes the place of this one.
    const first = await rejectedIn(grace).elementHandle();
    await rejectedIn(grace).getByRole("button", { name: "Try again" }).click();
    await first?.waitForElementState("hidden");
    await rejectedIn(grace).waitFor();
    await rejectedIn(grace).getByRole("button", { name: "Discard" }).click();
    await vi.waitFor(async () => expect(await rejectedIn(grace).count()).toBe(0), waited);
    await tool(ada, `Milk ${framework}`, "Remove");
    await vi.waitFor(async () => expect(await card(grace, `Milk ${framework}`).count()).toBe(0), waited);
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("two who go on while a line is down and the server starts again end equal", async () => {
    const [ada, grace] = [await come(`Alan ${framework}`), await come(`Barbara ${framework}`)];
    for (const text of ["One", "Two", "Three"]) await add(ada, "To do", `${text} ${framework}`);
    await areEqual(ada, grace);

    await cause("Offline for 5 s", ada);
    await edit(ada, `One ${framework}`, `Uno ${framework}`);
    await tool(ada, `Two ${framework}`, "Move to Doing");
    await add(ada, "Done", `Offline ${framework}`);
    await vi.waitFor(async () => expect(await textsIn(ada, "Doing")).toContain(`Two ${framework}`), waited);
    await isSaved(ada, "3 on the way");
    await add(grace, "To do", `Meanwhile ${framework}`);
    await tool(grace, `Three ${framework}`, "Move to Doing");
    await isSaved(grace);
    world.online();
    await isBack(ada);
    await areEqual(ada, grace);

    await cause("Restart the server", ada, grace);
    await add(ada, "Done", `In the restart ${framework}`);
    await tool(grace, `Two ${framework}`, "Move to Done");
    for (const each of [ada, grace]) await isBack(each);
    await areEqual(ada, grace);

    const [toDo = [], doing = [], done = []] = await boardOf(grace);
    expect(toDo.filter((text) => text.endsWith(framework)).slice(-2)).toEqual([`Uno ${framework}`, `Meanwhile ${framework}`]);
    expect(doing.at(-1)).toBe(`Three ${framework}`);
    expect(done.slice(-3).sort()).toEqual([`In the restart ${framework}`, `Offline ${framework}`, `Two ${framework}`]);
    const late = await come(`Hedy ${framework}`);
    await areEqual(late, ada);
    expect([...ada.faults, ...grace.faults, ...late.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("cards are dragged, the page is used by name, and fits 360 pixels", async () => {
    const ada = await come(`Edsger ${framework}`);
    for (const text of ["First", "Second"]) await add(ada, "Doing", `${text} ${framework}`);
    await card(ada, `Second ${framework}`).dragTo(card(ada, `First ${framework}`));
    const last = (name: string, ...texts: readonly string[]): Promise<void> =>
      vi.waitFor(async () => expect((await textsIn(ada, name)).slice(-texts.length)).toEqual(texts), waited);
    await last("Doing", `Second ${framework}`, `First ${framework}`);
    await card(ada, `Second ${framework}`).dragTo(column(ada, "Done").getByRole("heading"));
    await last("Done", `Second ${framework}`);
    await isSaved(ada);

    // By keyboard, twice: the focus goes along.
    await add(ada, "To do", `Third ${framework}`);
    await card(ada, `Third ${framework}`).getByRole("button", { name: "Move to Doing" }).focus();
    for (const name of ["Doing", "Done"]) {
      await vi.waitFor(async () => expect(await focusedLabel(ada)).toBe(`Move to ${name}`), waited);
      await ada.page.keyboard.press("Enter");
      await last(name, `Third ${framework}`);
    }

    await ada.page.setViewportSize({ width: 360, height: 740 });
    await add(ada, "To do", "wide".repeat(25));
    expect(await ada.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    for (const landmark of ["banner", "main"] as const) expect(await ada.page.getByRole(landmark).count()).toBe(1);
    await ada.page.getByRole("button", { name: "How it works" }).click();
    expect(await ada.page.getByRole("dialog").textContent()).toContain("defineStore");
    expect(ada.faults).toEqual([]);
  });
});
