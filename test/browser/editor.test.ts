/**
 * The editor in a real browser, as React (examples/editor/react.tsx) and as Svelte (examples/editor/svelte/): two people in one document,
 * through a cut line, a restart of the server and a reload.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { imagePath, openWorld, takePicture, type Window, type World } from "./gallery.ts";

const isMissing = chromiumPath() === undefined;
let world: World;
beforeAll(async () => {
  if (!isMissing) world = await openWorld();
}, 60_000);
afterEach(() => world?.closeWindows());
afterAll(() => world?.close());

const waited = { timeout: 20_000, interval: 50 };
const press = ({ page }: Window, name: string): Promise<void> => page.getByRole("button", { name, exact: true }).click();

/** The text as its lines show it; what cursors of others put between is none of it. */
const textOf = ({ page }: Window): Promise<string> =>
  page.evaluate(() => {
    const plain = document.querySelector("textarea");
    if (plain) return plain.value;
    return [...document.querySelectorAll(".cm-line")]
      .map((line) => {
        const copy = line.cloneNode(true) as Element;
        for (const cursor of copy.querySelectorAll(".cm-ySelectionCaret")) cursor.remove();
        return copy.textContent;
      })
      .join("\n");
  });
const shows = (window: Window, words: string): Promise<void> =>
  vi.waitFor(async () => expect(await textOf(window)).toContain(words), waited);
const areEqual = (one: Window, other: Window): Promise<void> =>
  vi.waitFor(async () => expect(await textOf(one)).toBe(await textOf(other)), waited);
const isSaved = ({ page }: Window): Promise<void> =>
  vi.waitFor(async () => expect(await page.locator("#saved").textContent()).toBe("All stored"), waited);
const names = async ({ page }: Window): Promise<string[]> => (await page.locator("#people li").allTextContents()).sort();
const cursors = ({ page }: Window): Promise<string[]> => page.locator(".cm-ySelectionInfo").allTextContents();

/** Without the wait of a person who does not press the button. */
const isBack = ({ page }: Window): Promise<void> =>
  vi.waitFor(
    async () => {
      const again = page.getByRole("button", { name: "Try now" });
      if (await again.isVisible()) await again.click({ timeout: 500 }).catch(() => {});
      expect(await page.locator("#line").getAttribute("data-state")).toBe("connected");
    },
    { timeout: 20_000, interval: 500 },
  );

/** Behind the last letter. */
const write = async ({ page }: Window, words: string, at: "start" | "end" = "end"): Promise<void> => {
  await page.locator(".cm-content").focus();
  await page.keyboard.press(at === "end" ? "Control+End" : "Control+Home");
  await page.keyboard.type(words);
};

describe.each([
  ["React", "/editor/react"],
  ["Svelte", "/editor/svelte/"],
])("the editor in %s", (framework, path) => {
  const come = async (name: string, note: string): Promise<Window> => {
    const window = await world.open(`${path}?name=${name}&note=${framework}-${note}`);
    await window.page.locator(".editor[data-synced=true] .cm-content").waitFor();
    await shows(window, "A page for everybody");
    return window;
  };

  test.skipIf(isMissing)("each sees what the other writes and where, and undo takes back one's own alone", async () => {
    const [ada, grace] = [await come("Ada", "cursors"), await come("Grace", "cursors")];
    for (const each of [ada, grace])
      await vi.waitFor(async () => expect((await names(each)).map((name) => name.slice(1, 4))).toEqual(["Ada", "Gra"]), waited);
    await write(ada, "Ada was here. ");
    await write(grace, "Grace too. ", "start");
    for (const each of [ada, grace]) for (const words of ["Ada was here.", "Grace too."]) await shows(each, words);
    await vi.waitFor(async () => expect([await cursors(ada), await cursors(grace)]).toEqual([["Grace"], ["Ada"]]), waited);
    if (framework === "React") await takePicture(ada.page, imagePath("editor-two-1280", false), 1280);

    await ada.page.locator(".cm-content").focus();
    await ada.page.keyboard.press("Control+z");
    await vi.waitFor(async () => expect(await textOf(grace)).not.toContain("Ada was here."), waited);
    await shows(ada, "Grace too.");
    await press(ada, "Redo");
    await shows(grace, "Ada was here.");
    await areEqual(ada, grace);

    // What somebody writes is text, whatever it looks like.
    await write(grace, "\n\n<img src=x onerror=alert(1)> [x](javascript:alert(1)) **bold**");
    await ada.page.locator(".preview strong", { hasText: "bold" }).waitFor();
    expect(await ada.page.locator(".preview :is(img, a, script)").count()).toBe(0);
    expect(await ada.page.locator(".preview").textContent()).toContain("<img src=x onerror=alert(1)>");

    await grace.page.close();
    await vi.waitFor(
      async () => expect([await names(ada), await cursors(ada)]).toEqual([[expect.stringContaining("Ada")], []]),
      waited,
    );
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("what both write while a line is down, and the server is started anew, comes together", async () => {
    const [ada, grace] = [await come("Ada", "cut"), await come("Grace", "cut")];
    await press(ada, "Offline for 5 s");
    await ada.page.getByText("Reconnecting").waitFor();
    await write(ada, "Written offline. ");
    await write(grace, "Written meanwhile. ");
    await isSaved(grace);
    expect(await ada.page.locator("#saved").textContent()).toContain("on the way");
    await isBack(ada);
    for (const each of [ada, grace]) for (const words of ["Written offline.", "Written meanwhile."]) await shows(each, words);

    await press(grace, "Restart the server");
    await ada.page.getByText("Reconnecting").waitFor();
    await write(ada, "During the restart. ");
    await write(grace, "Both of us. ", "start");
    for (const each of [ada, grace]) await isBack(each);
    for (const each of [ada, grace]) for (const words of ["During the restart.", "Both of us."]) await shows(each, words);
    for (const each of [ada, grace]) await isSaved(each);
    await areEqual(ada, grace);
    await vi.waitFor(async () => expect([await cursors(ada), await cursors(grace)]).toEqual([["Grace"], ["Ada"]]), waited);

    const before = await textOf(ada);
    await grace.page.reload();
    await shows(grace, "During the restart.");
    expect(await textOf(grace)).toBe(before);
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("a version is kept, looked at by all, and gone back to, which can be undone", async () => {
    const [ada, grace] = [await come("Ada", "versions"), await come("Grace", "versions")];
    await write(ada, "First thought. ");
    await ada.page.getByLabel("Name of a version").fill("Draft");
    await press(ada, "Keep it as it is now");
    const [listed] = [ada, grace].map(({ page }) => page.locator(".versions li", { hasText: "Draft" }));
    await listed?.waitFor();
    await write(grace, "Second thought. ");
    await shows(ada, "Second thought.");
    await press(grace, "Look at it");
    const preview = grace.page.locator(".preview");
    await vi.waitFor(async () => expect(await preview.textContent()).toMatch(/First thought\.\s*$/), waited);
    if (framework === "React") await takePicture(grace.page, imagePath("editor-versions-1280", false), 1280);
    await press(grace, "Go back to it");
    await vi.waitFor(async () => expect(await textOf(ada)).not.toContain("Second thought."), waited);
    await shows(ada, "First thought.");
    await press(grace, "Undo");
    for (const each of [ada, grace]) await shows(each, "Second thought.");
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("a textarea edits the same text, and the page fits 360 pixels", async () => {
    const [ada, grace] = [await come("Ada", "plain"), await come("Grace", "plain")];
    await press(ada, "Textarea");
    const field = ada.page.locator("textarea.words");
    await field.press("Control+Home");
    await field.pressSequentially("From a textarea. ");
    await write(grace, "From the editor. ", "start");
    for (const each of [ada, grace]) for (const words of ["From a textarea.", "From the editor."]) await shows(each, words);
    await areEqual(ada, grace);
    // The caret is where it was: behind one's own words.
    expect(await field.evaluate((element: HTMLTextAreaElement) => element.value.slice(0, element.selectionStart))).toMatch(
      /textarea\. $/,
    );
    await press(ada, "Undo");
    await vi.waitFor(async () => expect(await textOf(grace)).not.toContain("From a textarea."), waited);
    await shows(ada, "From the editor.");

    await ada.page.setViewportSize({ width: 360, height: 740 });
    expect(await ada.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    for (const landmark of ["banner", "main"] as const) expect(await ada.page.getByRole(landmark).count()).toBe(1);
    await press(ada, "How it works");
    expect(await ada.page.getByRole("dialog").textContent()).toContain("defineDoc");
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  });
});
