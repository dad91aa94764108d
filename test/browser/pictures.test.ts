/**
 * Pictures of every page, light and dark, at 390 and 1280 pixels: `UPDATE_IMAGES=1` writes the gallery's cards and the README's picture to
 * docs/images, where both take theirs from; the others go to a temporary folder. Somebody looks at them.
 *
 * Always: what a picture shows is also read: no control goes without a name, and no text is too pale for its ground.
 */
import { statSync } from "node:fs";
import type { Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { namelessIn, paleIn } from "./access.ts";
import { cardSize, cardStyle, imagePath, isUpdate, openWorld, takePicture, type Window, type World, waited } from "./gallery.ts";

const isMissing = chromiumPath() === undefined;
let world: World;
beforeAll(async () => {
  if (isMissing) return;
  world = await openWorld();
  await beTalking();
  await beDrawing();
  await beWriting();
  if (isUpdate) await beBusy(40_000);
});
afterEach(() => world?.closeWindows());
afterAll(() => world?.close());

/** A curve worth looking at takes a while. */
async function beBusy(durationMs: number): Promise<void> {
  const { page } = await world.open("/dashboard/react");
  for (let sinceMs = 0; sinceMs < durationMs; sinceMs += 500) {
    if (sinceMs % 9000 === 4500) await page.getByRole("button", { name: "Give the server work" }).click();
    if (sinceMs % 12_000 === 6000) await world.open("/dashboard/svelte/");
    await page.waitForTimeout(500);
  }
}

/** Three people in the chat; what they say stays there. */
async function beTalking(): Promise<void> {
  const say: Record<string, (text: string) => Promise<void>> = {};
  for (const name of ["Ada", "Grace", "Hedy"]) {
    const { page } = await world.open(`/chat/react?name=${name}`);
    say[name] = async (text) => {
      await page.getByPlaceholder(/^Message to/).fill(text);
      await page.keyboard.press("Enter");
      await page.locator(".said[data-state=stored]", { hasText: text }).waitFor();
    };
    if (name === "Ada") await page.getByPlaceholder("Message to Kitchen").waitFor();
    if (name !== "Grace") continue;
    await page.locator('[data-place="person/Ada"]').click();
    await say[name]("Have you seen the plans?");
    await page.locator('[data-place="room/Garden"]').click();
    await say[name]("The tomatoes are ripe.");
    await page.locator('[data-place="room/Kitchen"]').click();
  }
  await say["Ada"]?.("Good morning! Who has the kettle on?");
  await say["Grace"]?.("It is on: tea in five minutes.");
  await say["Grace"]?.("And there is bread left.");
  await say["Hedy"]?.(
    "I come as soon as the radio keeps still. It skips a beat every few seconds, and I do not know yet why that is.",
  );
  await say["Ada"]?.("We keep you a cup.");
}

/** Two people point at the board. */
async function beDrawing(): Promise<void> {
  for (const [name, x, y] of [
    ["Grace", 0.57, 0.3],
    ["Hedy", 0.78, 0.4],
  ] as const) {
    const window = await world.open(`/whiteboard/react?name=${name}`, { viewport: { width: 960, height: 1000 } });
    await isReady(window);
    const stage = await window.page.locator(".stage").boundingBox();
    if (stage) await window.page.mouse.move(stage.x + stage.width * x, stage.y + stage.height * y, { steps: 3 });
  }
}

/** One person fills in the form, another one is in the text of the editor. */
async function beWriting(): Promise<void> {
  const form = (await world.open("/form/react?name=Grace")).page;
  await form.getByLabel("Name").fill("Grace Hopper");
  await form.getByLabel("E-mail").fill("grace@example.org");
  await form.getByLabel("Postal code").fill("10115");
  await vi.waitFor(async () => expect(await form.getByLabel("City").inputValue()).toBe("Berlin"), waited);
  await form.getByLabel("Name").focus();
  const editor = await world.open("/editor/react?name=Hedy");
  await isReady(editor);
  await editor.page.getByText("everybody sees where the others are").first().click();
}

const pages: readonly [name: string, path: string][] = [
  ["gallery", "/"],
  ["dashboard-react", "/dashboard/react"],
  ["dashboard-svelte", "/dashboard/svelte/"],
  ["chat-react", "/chat/react?name=Ada"],
  ["chat-svelte", "/chat/svelte/?name=Ada"],
  ["board-react", "/board/react?name=Grace"],
  ["board-svelte", "/board/svelte/?name=Ada"],
  ["whiteboard-react", "/whiteboard/react?name=Grace"],
  ["whiteboard-svelte", "/whiteboard/svelte/?name=Ada"],
  ["editor-react", "/editor/react?name=Grace"],
  ["editor-svelte", "/editor/svelte/?name=Ada"],
  ["form-react", "/form/react?name=Grace"],
  ["form-svelte", "/form/svelte/?name=Ada"],
  ["quick-start-react", "/quick-start/react"],
  ["quick-start-svelte", "/quick-start/svelte/"],
  ["peers", "/peers/react"],
  ["getting-started", "/guides/getting-started"],
  ["transports", "/guides/transports-and-packers"],
  ["mutations", "/guides/mutations"],
  ["clojure", "/guides/clojure"],
];
const schemes = ["light", "dark"] as const;

const isReady = async ({ page }: Window): Promise<void> => {
  await page.waitForFunction(() => !document.querySelector("#line") || document.documentElement.dataset["line"] === "connected");
  if (await page.locator(".chat").count()) await page.locator(".said").last().waitFor();
  if (await page.locator(".stage").count()) await page.locator('.stage:not([aria-label="Board with 0 shapes"])').waitFor();
  if (await page.locator(".editor[data-synced]").count()) await page.locator(".editor[data-synced=true] .preview h1").waitFor();
  if (await page.locator(".board").count()) await page.locator("[data-card]").last().waitFor();
  await page.waitForFunction(
    () =>
      !document.querySelector(".waiting") &&
      ![...document.querySelectorAll(".figure strong")].some((figure) => figure.textContent === "–"),
  );
};

/** Everybody has found something, and is still at it. */
async function atWork({ page }: Window, work: Locator): Promise<void> {
  await page.locator('[data-peer="child"] button:enabled').first().waitFor();
  await work.click();
  await page.waitForFunction(
    () =>
      document.querySelectorAll("[data-peer]").length === 2 &&
      document.querySelectorAll("tr[data-offset]").length > 5 &&
      ![...document.querySelectorAll(".figure strong")].some((figure) => figure.textContent === "0"),
  );
}

test.skipIf(isMissing)("the gallery's cards show their examples", async () => {
  const cards = [
    ["dashboard-card", "/dashboard/react", { width: 1120, height: 700 }],
    ["chat-card", "/chat/react?name=Ada", cardSize],
    ["board-card", "/board/react?name=Ada", cardSize],
    ["whiteboard-card", "/whiteboard/react?name=Ada", { width: 960, height: 600 }],
    ["editor-card", "/editor/react?name=Ada", { width: 960, height: 600 }],
    ["form-card", "/form/react?name=Ada", cardSize],
    ["quick-start-card", "/quick-start/react", { width: 480, height: 300 }],
    ["peers-card", "/peers/react", { width: 960, height: 600 }],
  ] as const;
  for (const colorScheme of schemes) {
    for (const [name, path, viewport] of cards) {
      const window = await world.open(path, { colorScheme, viewport, reducedMotion: "reduce" });
      await isReady(window);
      await window.page.addStyleTag({ content: cardStyle });
      const visit = window.page.getByRole("button", { name: "Visit the page" });
      if (await visit.count()) await visit.click({ clickCount: 7 });
      const work = window.page.getByRole("button", { name: "Set everybody to work" });
      if (await work.count()) await atWork(window, work);
      await window.page.waitForTimeout(300);
      await window.page.screenshot({ path: imagePath(`${name}-${colorScheme}`, true) });
      expect(window.faults).toEqual([]);
      // It would be on the next picture.
      await window.page.close();
    }
  }
});

const twoWindows = (paths: readonly string[]): string => `<!doctype html><style>
  body { margin: 0; display: flex; gap: 28px; justify-content: center; align-items: center; height: 100vh; background: linear-gradient(135deg, #2f55cf, #0c8f80) }
  div { width: 600px; height: 580px; border-radius: 10px; overflow: hidden; background: #e0e4ea; box-shadow: 0 16px 40px rgb(0 0 0 / 35%) }
  i { display: block; height: 28px; background: radial-gradient(circle at 18px 14px, #d04545 5px, transparent 6px), radial-gradient(circle at 36px 14px, #a97c12 5px, transparent 6px), radial-gradient(circle at 54px 14px, #3f9550 5px, transparent 6px) }
  iframe { width: 1100px; height: 1012px; border: 0; transform: scale(0.54546); transform-origin: 0 0 }
</style>${paths.map((path) => `<div><i></i><iframe src="${path}"></iframe></div>`).join("")}`;

test.skipIf(isMissing)("the README shows two windows at once", async () => {
  const paths = ["/dashboard/react", "/dashboard/svelte/"];
  const { page } = await world.open("/", { viewport: { width: 1280, height: 640 } });
  await page.route("**/two-windows", (route) => route.fulfill({ contentType: "text/html", body: twoWindows(paths) }));
  await page.goto(`${world.url}/two-windows`);
  for (const path of paths) {
    const frame = page.frames().find((each) => each.url().endsWith(path));
    expect(frame, path).toBeDefined();
    await frame?.locator("#counter:not([data-received='0'])").waitFor();
  }
  await page.waitForTimeout(isUpdate ? 6000 : 500);
  const image = imagePath("dashboard", true);
  await page.screenshot({ path: image });
  expect(statSync(image).size).toBeGreaterThan(20_000);
});

test.skipIf(isMissing)("every page is drawn and read, fits its window and asks nobody else for anything", async () => {
  for (const [name, path] of pages) {
    const window = await world.open(path, { viewport: { width: 1280, height: 800 }, reducedMotion: "reduce" });
    const { page } = window;
    await isReady(window);
    for (const width of [1280, 390]) {
      for (const colorScheme of schemes) {
        await page.emulateMedia({ colorScheme });
        const image = imagePath(`${name}-${width}-${colorScheme}`, false);
        await takePicture(page, image, width);
        expect(statSync(image).size, image).toBeGreaterThan(5000);
        expect(await page.evaluate(() => document.documentElement.scrollWidth), image).toBeLessThanOrEqual(width);
        if (width === 1280) expect(await paleIn(page), image).toEqual([]);
      }
    }
    expect(await namelessIn(page), name).toEqual([]);
    expect(window.faults, name).toEqual([]);
    await world.closeWindows();
  }
});
