/**
 * The sign-up form in a real browser, as React (examples/form/react.tsx) and as Svelte (examples/form/svelte/): two people in one form,
 * through a cut line, a restart of the server and a reload.
 */
import type { Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { cause, imagePath, isBack, isSaved, openWorld, takePicture, type Window, type World, waited } from "./gallery.ts";

const isMissing = chromiumPath() === undefined;
let world: World;
beforeAll(async () => {
  if (!isMissing) world = await openWorld();
});
afterEach(() => world?.closeWindows());
afterAll(() => world?.close());

const row = ({ page }: Window, name: string): Locator => page.locator(`[data-field="${name}"]`);
const input = (window: Window, name: string): Locator => row(window, name).locator("input, select, textarea");
const button = ({ page }: Window, name: string): Locator => page.getByRole("button", { name, exact: true });

const shows = (window: Window, name: string, value: string): Promise<void> =>
  vi.waitFor(async () => expect(await input(window, name).inputValue()).toBe(value), waited);
const says = (window: Window, name: string, words: string): Promise<void> =>
  vi.waitFor(async () => expect(await row(window, name).locator(".said").textContent()).toContain(words), waited);

describe.each([
  ["React", "/form/react"],
  ["Svelte", "/form/svelte/"],
])("the sign-up form in %s", (framework, path) => {
  const come = async (name: string): Promise<Window> => {
    const window = await world.open(`${path}?name=${name}`);
    await window.page.waitForFunction(() => document.documentElement.dataset["line"] === "connected");
    // Only the server's values say which country.
    await vi.waitFor(async () => expect(await input(window, "address.country").inputValue()).not.toBe(""), waited);
    return window;
  };
  /** Each test begins with an empty form. */
  const two = async (): Promise<[Window, Window]> => {
    const pair: [Window, Window] = [await come(`Ada ${framework}`), await come(`Grace ${framework}`)];
    await button(pair[0], "Empty the form").click();
    for (const each of pair) await shows(each, "address.country", "DE");
    for (const each of pair) await shows(each, "name", "");
    return pair;
  };

  test.skipIf(isMissing)("who is where is shown, the server checks, counts and fills in, and nobody's caret moves", async () => {
    const [ada, grace] = await two();
    await input(ada, "email").fill("ada@example.org");
    await row(grace, "email").locator(".editor").waitFor();
    expect(await row(grace, "email").locator(".editor").textContent()).toContain(`Ada ${framework}`);
    await shows(grace, "email", "ada@example.org");
    await input(ada, "name").focus();
    await says(ada, "email", "Somebody has signed up");
    await vi.waitFor(async () => expect(await row(grace, "email").locator(".editor").count()).toBe(0), waited);

    // Typed in the middle, while the other one writes elsewhere.
    await input(ada, "name").fill("Ada Lovelace");
    await ada.page.keyboard.press("Home");
    for (const key of ["D", "r", ". "]) {
      await ada.page.keyboard.type(key);
      await input(grace, "bio").pressSequentially("ab");
    }
    await shows(grace, "name", "Dr. Ada Lovelace");
    expect(await input(ada, "name").evaluate((element: HTMLInputElement) => element.selectionStart)).toBe(4);
    await says(ada, "bio", "154 characters left");
    await says(grace, "bio", "154 characters left");
    // A lock is a wish.
    await row(ada, "bio").locator(".editor", { hasText: "asks for a moment" }).waitFor();

    await input(grace, "address.code").fill("10115");
    await shows(ada, "address.city", "Berlin");
    await input(ada, "address.country").selectOption("NL");
    await vi.waitFor(async () => expect(await input(grace, "address.region").textContent()).toContain("Utrecht"), waited);
    await input(grace, "address.city").focus();
    await says(grace, "address.code", "Netherlands has other postal codes");
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("two who write one field while a line is down are both shown, and one decides", async () => {
    const [ada, grace] = await two();
    await cause("Offline for 5 s", ada);
    await input(grace, "name").fill("Grace Hopper");
    // What is left is written.
    await input(grace, "name").blur();
    await isSaved(grace);
    await input(grace, "name").focus();
    // Later than what Grace wrote, which Ada does not see.
    await input(ada, "name").fill("Ada");
    await input(ada, "address.city").fill("London");
    world.online();
    await isBack(ada);
    await row(grace, "name").locator(".conflict").waitFor();
    // It has the focus: what is typed there stays.
    await shows(grace, "name", "Grace Hopper");
    expect(await row(grace, "name").locator(".conflict").textContent()).toContain("“Ada”");
    await shows(grace, "address.city", "London");
    if (framework === "React") await takePicture(grace.page, imagePath("form-conflict-1280", false), 1280);
    await row(grace, "name").getByRole("button", { name: "Take theirs" }).click();
    for (const each of [ada, grace]) await shows(each, "name", "Ada");
    await row(grace, "name").locator(".conflict").waitFor({ state: "detached" });
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("two write one text at once: letters merge, through a cut line and a reload", async () => {
    const [ada, grace] = await two();
    for (const each of [ada, grace])
      await vi.waitFor(async () => expect(await input(each, "notes").isEditable()).toBe(true), waited);
    await input(ada, "notes").pressSequentially("Ada brings tea");
    await shows(grace, "notes", "Ada brings tea");
    await input(grace, "notes").press("Home");
    await Promise.all([ada.page.keyboard.type(" and cups."), grace.page.keyboard.type("Grace brings cake. ")]);
    for (const each of [ada, grace]) await shows(each, "notes", "Grace brings cake. Ada brings tea and cups.");
    expect(await input(grace, "notes").evaluate((element: HTMLTextAreaElement) => element.selectionStart)).toBe(19);
    // Only one's own is taken back: all of it, or what a slow machine counts as its end.
    await grace.page.keyboard.press("Control+z");
    await vi.waitFor(async () => expect((await input(ada, "notes").inputValue()).length).toBeLessThan(43), waited);
    expect(await input(ada, "notes").inputValue()).toContain("Ada brings tea and cups.");
    await grace.page.keyboard.press("Control+Shift+z");
    await shows(ada, "notes", "Grace brings cake. Ada brings tea and cups.");

    await cause("Offline for 5 s", ada);
    await input(ada, "notes").press("End");
    await ada.page.keyboard.type(" And milk.");
    await grace.page.keyboard.type("Much of it. ");
    await shows(grace, "notes", "Grace brings cake. Much of it. Ada brings tea and cups.");
    world.online();
    const both = "Grace brings cake. Much of it. Ada brings tea and cups. And milk.";
    for (const each of [ada, grace]) await shows(each, "notes", both);
    await isSaved(ada);
    await ada.page.reload();
    await shows(ada, "notes", both);
    await input(ada, "notes").press("Home");
    await ada.page.keyboard.type("So: ");
    await shows(grace, "notes", `So: ${both}`);
    for (const each of [ada, grace]) expect(await each.page.locator(".conflict").count()).toBe(0);
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("filled in through a restart and a reload, it is taken once", async () => {
    const [ada, grace] = await two();
    await input(ada, "name").fill(`Ada ${framework}`);
    await cause("Restart the server", ada, grace);
    await input(ada, "email").fill(`${framework}@example.org`);
    await input(grace, "address.region").selectOption("Berlin");
    for (const each of [ada, grace]) await isBack(each);
    await shows(grace, "email", `${framework}@example.org`);
    await shows(ada, "address.region", "Berlin");
    await input(grace, "address.code").fill("10115");
    await shows(ada, "address.city", "Berlin");
    await input(grace, "arrives").fill("2027-06-02");
    await input(grace, "leaves").fill("2027-06-01");
    await button(grace, "Sign up").click();
    await says(grace, "leaves", "before the arrival");
    await says(grace, "password", "At least 8 characters");
    expect(await grace.page.locator("#outcome").textContent()).toBe("");
    await input(grace, "leaves").fill("2027-06-05");
    await shows(ada, "leaves", "2027-06-05");
    await isSaved(grace);

    await grace.page.reload();
    await shows(grace, "leaves", "2027-06-05");
    await input(grace, "password").fill("correct horse");
    await isBack(grace);
    await button(grace, "Sign up").click();
    for (const { page } of [ada, grace]) await page.locator("#outcome", { hasText: /^You are number \d+\.$/ }).waitFor();
    expect(await ada.page.locator("#outcome").textContent()).toBe(await grace.page.locator("#outcome").textContent());
    await shows(ada, "password", "");
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("a composition stays whole whatever arrives, and the page fits 360 pixels", async () => {
    const [ada, grace] = await two();
    await input(ada, "name").focus();
    const keyboard = await ada.page.context().newCDPSession(ada.page);
    await keyboard.send("Input.imeSetComposition", { text: "に", selectionStart: 1, selectionEnd: 1 });
    await input(grace, "email").fill("grace@example.org");
    await input(grace, "name").fill("Grace");
    await shows(ada, "email", "grace@example.org");
    await row(ada, "name").locator(".conflict").waitFor();
    await keyboard.send("Input.imeSetComposition", { text: "にほ", selectionStart: 2, selectionEnd: 2 });
    await keyboard.send("Input.insertText", { text: "日本" });
    expect(await input(ada, "name").inputValue()).toBe("日本");
    await row(ada, "name").getByRole("button", { name: "Keep mine" }).click();
    await input(grace, "bio").focus();
    for (const each of [ada, grace]) await shows(each, "name", "日本");

    await ada.page.setViewportSize({ width: 360, height: 740 });
    expect(await ada.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    for (const landmark of ["banner", "main"] as const) expect(await ada.page.getByRole(landmark).count()).toBe(1);
    await button(ada, "How it works").click();
    expect(await ada.page.getByRole("dialog").textContent()).toContain("defineForm");
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  });
});
