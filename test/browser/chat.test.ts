/**
 * The chat in a real browser, as React and as Svelte: people in windows of their own, one of whom leaves, and a server process that is
 * killed by the page's button. Each test has a room and people of its own, since nothing here is ever forgotten.
 */
import type { Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { cause, isSaved, openWorld, type Window, type World, waited } from "./gallery.ts";

const isMissing = chromiumPath() === undefined;
let world: World;
beforeAll(async () => {
  if (!isMissing) world = await openWorld();
});
afterEach(() => world?.closeWindows());
afterAll(() => world?.close());

const place = ({ page }: Window, key: string): Locator => page.locator(`[data-place="${key}"]`);
const isConnected = ({ page }: Window): Promise<unknown> =>
  page.waitForFunction(() => document.documentElement.dataset["line"] === "connected");
const textsOf = ({ page }: Window): Promise<string[]> => page.locator(".said .text").allTextContents();
const statesOf = ({ page }: Window): Promise<(string | undefined)[]> =>
  page.locator(".said").evaluateAll((lines) => lines.map((line) => (line as HTMLElement).dataset["state"]));
const unreadIn = (window: Window, key: string): Promise<string | null> => place(window, key).getAttribute("data-unread");
const shows = (window: Window, texts: readonly string[]): Promise<void> =>
  vi.waitFor(async () => expect(await textsOf(window)).toEqual(texts), waited);

async function say(window: Window, text: string): Promise<void> {
  await window.page.getByPlaceholder(/^Message to/).fill(text);
  await window.page.keyboard.press("Enter");
}

/** All that the browser's databases have of this page. */
const keptIn = ({ page }: Window): Promise<string> =>
  page.evaluate(async () => {
    const done = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(new Error(String(request.error)));
      });
    const found: unknown[] = [];
    for (const { name = "" } of await indexedDB.databases()) {
      const db = await done(indexedDB.open(name));
      for (const store of db.objectStoreNames) found.push(await done(db.transaction(store).objectStore(store).getAll()));
      db.close();
    }
    return JSON.stringify(found);
  });

async function makeRoom({ page }: Window, name: string): Promise<void> {
  await page.getByPlaceholder("New room").fill(name);
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("heading", { name }).waitFor();
}

describe.each([
  ["React", "/chat/react"],
  ["Svelte", "/chat/svelte/"],
])("the chat in %s", (framework, path) => {
  const come = async (name: string): Promise<Window> => {
    const window = await world.open(`${path}?name=${name}`);
    await isConnected(window);
    return window;
  };

  test.skipIf(isMissing)("two people talk in a room, and see what is unread elsewhere", async () => {
    const [ada, grace] = [await come(`Ada ${framework}`), await come(`Grace ${framework}`)];
    const room = `Attic ${framework}`;
    await makeRoom(ada, room);
    await place(grace, `room/${room}`).click();
    await say(ada, "Hello?");
    await shows(grace, ["Hello?"]);
    await say(grace, "Hello!");
    for (const each of [ada, grace]) await shows(each, ["Hello?", "Hello!"]);
    await vi.waitFor(async () => expect(await statesOf(ada)).toEqual(["stored", "stored"]), waited);
    expect(await ada.page.locator(".day").allTextContents()).toEqual(["Today"]);
    await isSaved(ada);

    await place(grace, "room/Kitchen").click();
    await vi.waitFor(async () => expect(await unreadIn(grace, `room/${room}`)).toBe("0"), waited);
    await say(ada, "One");
    await say(ada, "Two");
    await place(grace, `room/${room}`).getByText("2 unread").waitFor();
    expect(await unreadIn(ada, `room/${room}`)).toBe("0");
    await place(grace, `room/${room}`).click();
    await shows(grace, ["Hello?", "Hello!", "One", "Two"]);
    await place(grace, "room/Kitchen").click();
    await vi.waitFor(async () => expect(await unreadIn(grace, `room/${room}`)).toBe("0"), waited);
    // What was read stays read, for all windows of the same person.
    const again = await come(`Grace ${framework}`);
    await place(again, `room/${room}`).waitFor();
    await place(again, `room/${room}`).click();
    await shows(again, ["Hello?", "Hello!", "One", "Two"]);
    expect([...ada.faults, ...grace.faults, ...again.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("a message to somebody who left is there, and counted, when that person is back", async () => {
    const [ada, grace] = [await come(`Alan ${framework}`), await come(`Barbara ${framework}`)];
    const [toAda, toGrace] = [`person/Alan ${framework}`, `person/Barbara ${framework}`];
    await place(ada, toGrace).getByText("here").waitFor();
    await grace.page.close();
    await place(ada, toGrace).getByText("away").waitFor();
    await place(ada, toGrace).click();
    await ada.page.getByText(/What you write waits in/).waitFor();
    await say(ada, "Call me.");
    await say(ada, "It is about the tea.");
    await vi.waitFor(async () => expect(await statesOf(ada)).toEqual(["stored", "stored"]), waited);

    const back = await come(`Barbara ${framework}`);
    await place(back, toAda).getByText("2 unread").waitFor();
    await place(back, toAda).click();
    await shows(back, ["Call me.", "It is about the tea."]);
    await say(back, "On my way.");
    await shows(ada, ["Call me.", "It is about the tea.", "On my way."]);
    await place(back, "room/Kitchen").click();
    await vi.waitFor(async () => expect(await unreadIn(back, toAda)).toBe("0"), waited);
    expect([...ada.faults, ...back.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("the server is killed, and nothing is lost or doubled", async () => {
    const [ada, grace] = [await come(`Edsger ${framework}`), await come(`Margaret ${framework}`)];
    const room = `Cellar ${framework}`;
    await makeRoom(ada, room);
    await place(grace, `room/${room}`).click();
    await say(ada, "Before");
    await shows(grace, ["Before"]);
    const life = (window: Window) => window.page.locator("#life");
    await life(ada)
      .getByText(/^Served by process \d+\.$/)
      .waitFor();
    await cause("Kill the server", ada, grace);
    await say(ada, "While it is dead");
    await shows(ada, ["Before", "While it is dead"]);
    for (const each of [ada, grace]) {
      await life(each)
        .getByText(/^Process \d+ was killed, \d+ took over after [\d,]+\sms: 0 of \d+ messages lost\.$/)
        .waitFor({ timeout: waited.timeout });
    }
    await say(grace, "After");
    for (const each of [ada, grace]) await shows(each, ["Before", "While it is dead", "After"]);
    await vi.waitFor(async () => expect(await statesOf(ada)).toEqual(["stored", "stored", "stored"]), waited);
    const count = /of (\d+) messages/.exec((await life(ada).textContent()) ?? "")?.[1];
    expect(Number(count)).toBeGreaterThan(0);

    // And a window that is opened now has all of it.
    const late = await come(`Tim ${framework}`);
    await place(late, `room/${room}`).click();
    await shows(late, ["Before", "While it is dead", "After"]);
    expect([...ada.faults, ...grace.faults, ...late.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("what is written offline goes out later, also when the page was closed meanwhile", async () => {
    const name = `Hedy ${framework}`;
    const ada = await come(name);
    const room = `Shed ${framework}`;
    await makeRoom(ada, room);
    await say(ada, "Here");
    await vi.waitFor(async () => expect(await statesOf(ada)).toEqual(["stored"]), waited);
    await cause("Offline for 5 s", ada);
    await say(ada, "Written offline");
    await vi.waitFor(async () => expect(await statesOf(ada)).toEqual(["stored", "sending"]), waited);
    await isSaved(ada, "1 on the way");
    await vi.waitFor(async () => expect(await keptIn(ada)).toContain("Written offline"), waited);
    await ada.page.reload();
    await vi.waitFor(async () => expect(await textsOf(ada)).toEqual(["Here", "Written offline"]), waited);
    expect(ada.faults).toEqual([]);
  });

  test.skipIf(isMissing)("earlier messages come by scrolling up, and nothing jumps", async () => {
    const ada = await come(`Donald ${framework}`);
    const room = `Library ${framework}`;
    await makeRoom(ada, room);
    const texts = Array.from({ length: 45 }, (_, index) => `Page ${index + 1}`);
    for (const text of texts) await say(ada, text);
    await isSaved(ada);

    const late = await come(`Ida ${framework}`);
    await place(late, `room/${room}`).click();
    await shows(late, texts.slice(15));
    const log = late.page.getByRole("log");
    const topOf = (text: string): Promise<number> =>
      late.page.getByText(text, { exact: true }).evaluate((element) => element.getBoundingClientRect().top);
    const foot = await log.evaluate((element) => element.getBoundingClientRect().bottom);
    expect(await topOf("Page 45")).toBeLessThan(foot);
    await log.evaluate((element) => element.scrollTo({ top: -element.scrollHeight }));
    await shows(late, texts);
    // The one that was on top is still in view: what came stands above it.
    expect(await topOf("Page 16")).toBeLessThan(foot);
    await late.page.getByRole("button", { name: "Earlier messages" }).waitFor({ state: "detached" });
    expect([...ada.faults, ...late.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("keeps still, fits 360 pixels, and is used by keyboard and by name", async () => {
    const window = await world.open(`${path}?name=Una ${framework}`, {
      viewport: { width: 360, height: 740 },
      reducedMotion: "reduce",
    });
    const { page } = window;
    await isConnected(window);
    await page.getByText(/^Served by process/).waitFor();
    await place(window, "room/Kitchen").focus();
    await page.keyboard.press("Enter");
    await say(window, "A word that is wider than a small window: ".concat("wide".repeat(30)));
    await page
      .getByText(/^A word that is wider/)
      .last()
      .waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    for (const landmark of ["banner", "main", "navigation", "log"] as const)
      expect(await page.getByRole(landmark).count()).toBeGreaterThan(0);

    await page.getByRole("button", { name: "Change" }).click();
    await page.getByLabel("Your name").fill(`Uma ${framework}`);
    await page.keyboard.press("Enter");
    await isConnected(window);
    expect(await page.locator("#me").textContent()).toBe(`Uma ${framework}`);
    await place(window, `person/Una ${framework}`).getByText("away").waitFor();

    await page.getByRole("button", { name: "How it works" }).focus();
    await page.keyboard.press("Enter");
    const drawer = page.getByRole("dialog", { name: "How it works" });
    await drawer.waitFor();
    expect(await drawer.textContent()).toContain("storage: folder(path)");
    await page.keyboard.press("Escape");
    await drawer.waitFor({ state: "hidden" });
    expect(window.faults).toEqual([]);
  });
});
