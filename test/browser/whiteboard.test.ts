/**
 * The whiteboard in a real browser: three windows, React (examples/whiteboard/react.tsx) and Svelte (examples/whiteboard/svelte/) mixed,
 * through cut lines and a restart of the server. Each test has a board of its own. What is on a board is read from the file that the page
 * saves.
 */
import { readFileSync } from "node:fs";
import type { Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { cause, imagePath, isBack, isSaved, openWorld, takePicture, type Window, type World, waited } from "./gallery.ts";

const isMissing = chromiumPath() === undefined;
let world: World;
beforeAll(async () => {
  if (!isMissing) world = await openWorld();
});
afterEach(() => world?.closeWindows());
afterAll(() => world?.close());

const firstShapes = 12;
const paths = { React: "/whiteboard/react", Svelte: "/whiteboard/svelte/" } as const;

type Way = readonly (readonly [x: number, y: number])[];

const stage = ({ page }: Window): Locator => page.getByRole("application");
const button = ({ page }: Window, name: string): Locator => page.getByRole("button", { name, exact: true });
const has = (window: Window, count: number): Promise<void> =>
  vi.waitFor(async () => expect(await stage(window).getAttribute("aria-label")).toBe(`Board with ${count} shapes`), waited);
const says = ({ page }: Window, words: string | RegExp): Promise<void> =>
  vi.waitFor(async () => expect(await page.locator("#said").textContent()).toMatch(words), waited);

async function come(framework: keyof typeof paths, name: string, board: string): Promise<Window> {
  const window = await world.open(`${paths[framework]}?name=${name}&board=${board}`);
  await window.page.waitForFunction(() => document.documentElement.dataset["line"] === "connected");
  await vi.waitFor(async () => expect(await stage(window).getAttribute("aria-label")).not.toBe("Board with 0 shapes"), waited);
  await stage(window).scrollIntoViewIfNeeded();
  return window;
}

/** The pointer goes that way over the board, and stays down. */
async function press(window: Window, tool: string, way: Way): Promise<void> {
  const box = await stage(window).boundingBox();
  if (!box) throw new Error("No board.");
  if (tool) await window.page.keyboard.press(tool);
  const [[x, y] = [0, 0], ...rest] = way;
  await window.page.mouse.move(box.x + x, box.y + y);
  await window.page.mouse.down();
  for (const [toX, toY] of rest) await window.page.mouse.move(box.x + toX, box.y + toY, { steps: 6 });
}
async function drag(window: Window, tool: string, way: Way): Promise<void> {
  await stage(window).focus();
  await press(window, tool, way);
  await window.page.mouse.up();
}

async function fileOf(window: Window, name: string): Promise<Buffer> {
  const download = window.page.waitForEvent("download");
  await button(window, name).click();
  return readFileSync(await (await download).path());
}
const svgOf = async (window: Window): Promise<string> => String(await fileOf(window, "Save SVG"));

async function areEqual(windows: readonly Window[]): Promise<string> {
  for (const each of windows) await isSaved(each);
  await vi.waitFor(async () => {
    const [first, ...others] = await Promise.all(windows.map(svgOf));
    for (const each of others) expect(each).toBe(first);
  }, waited);
  return svgOf(windows[0] as Window);
}

/** Something is drawn on that canvas, within 12 pixels of there. */
const isDrawn = (window: Window, canvas: 0 | 1, x: number, y: number): Promise<boolean> =>
  stage(window).evaluate(
    (element, { index, at: [left, top] }) => {
      const copy = Object.assign(document.createElement("canvas"), { width: 24, height: 24 });
      const context = copy.getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D;
      context.drawImage(element.querySelectorAll("canvas")[index] as HTMLCanvasElement, 12 - left, 12 - top);
      const { data } = context.getImageData(0, 0, 24, 24);
      return data.some((value) => value > 0);
    },
    { index: canvas, at: [x, y] as const },
  );

const three = (board: string): Promise<[Window, Window, Window]> =>
  Promise.all([come("React", "Ada", board), come("Svelte", "Grace", board), come("React", "Hedy", board)]);

test.skipIf(isMissing)(
  "three draw together: strokes while they are drawn, cursors with names, one board in the end",
  async () => {
    const [ada, grace, hedy] = await three("together");
    await press(ada, "p", [
      [700, 520],
      [760, 560],
      [900, 500],
    ]);
    for (const each of [grace, hedy]) {
      await vi.waitFor(async () => expect(await isDrawn(each, 1, 760, 560)).toBe(true), waited);
      expect(await isDrawn(each, 0, 760, 560)).toBe(false);
      await vi.waitFor(async () => expect(await each.page.locator(".cursor").allTextContents()).toContain("Ada"), waited);
      await has(each, firstShapes); // it is on nobody's board before it is whole
    }
    await takePicture(grace.page, imagePath("whiteboard-live-1280", false), 1280);
    await ada.page.mouse.up();
    for (const each of [ada, grace, hedy]) await has(each, firstShapes + 1);
    await vi.waitFor(async () => expect(await isDrawn(grace, 0, 760, 560)).toBe(true), waited);

    await Promise.all([
      drag(ada, "r", [
        [40, 480],
        [160, 560],
      ]),
      drag(grace, "o", [
        [200, 480],
        [320, 560],
      ]),
      drag(hedy, "p", [
        [360, 500],
        [420, 560],
        [500, 480],
      ]),
    ]);
    await stage(grace).focus();
    await drag(grace, "n", [[1000, 300]]);
    await grace.page.keyboard.type("Tea at four?");
    await grace.page.keyboard.press("Enter");
    const svg = await areEqual([ada, grace, hedy]);
    for (const each of [ada, grace, hedy]) await has(each, firstShapes + 5);
    expect(svg).toContain("four?");
    expect([...ada.faults, ...grace.faults, ...hedy.faults]).toEqual([]);
  },
);

test.skipIf(isMissing)("each undoes alone, and a drag is one step", async () => {
  const [ada, grace] = [await come("Svelte", "Ada", "undo"), await come("React", "Grace", "undo")];
  await drag(ada, "r", [
    [700, 500],
    [800, 580],
  ]);
  await has(grace, firstShapes + 1);
  await drag(grace, "o", [
    [850, 500],
    [950, 580],
  ]);
  await has(ada, firstShapes + 2);
  const before = await areEqual([ada, grace]);
  await drag(ada, "v", [
    [750, 540],
    [600, 560],
    [500, 540],
    [400, 560],
  ]);
  expect(await areEqual([ada, grace])).not.toBe(before);
  await button(ada, "Undo").click();
  expect(await areEqual([ada, grace])).toBe(before);
  await button(ada, "Undo").click();
  await has(grace, firstShapes + 1);
  await vi.waitFor(async () => expect(await button(ada, "Undo").isDisabled()).toBe(true), waited);
  await grace.page.keyboard.press("Control+z");
  await has(ada, firstShapes);
  await grace.page.keyboard.press("Control+Shift+z");
  await button(ada, "Redo").click();
  await has(ada, firstShapes + 2);
  expect(await areEqual([ada, grace])).toBe(before);
  // Selected by the keyboard, coloured, moved, deleted.
  await stage(ada).focus();
  await ada.page.keyboard.press(",");
  await says(ada, /, selected$/);
  await button(ada, "Colour red").click();
  await stage(ada).focus();
  for (let step = 0; step < 3; step++) await ada.page.keyboard.press("Shift+ArrowRight");
  expect(await areEqual([ada, grace])).not.toBe(before);
  await ada.page.keyboard.press("Delete");
  await has(grace, firstShapes + 1);
  for (let step = 0; step < 3; step++) await ada.page.keyboard.press("Control+z");
  expect(await areEqual([ada, grace])).toBe(before);
  expect([...ada.faults, ...grace.faults]).toEqual([]);
});

test.skipIf(isMissing)("who draws without a line, and while the server starts again, loses nothing", async () => {
  const [ada, grace] = [await come("React", "Ada", "line"), await come("Svelte", "Grace", "line")];
  await cause("Offline for 5 s", ada);
  await drag(ada, "r", [
    [700, 500],
    [800, 580],
  ]);
  await has(ada, firstShapes + 1);
  await isSaved(ada, "1 on the way");
  await drag(grace, "o", [
    [850, 500],
    [950, 580],
  ]);
  await has(grace, firstShapes + 1);
  world.online();
  await isBack(ada);
  for (const each of [ada, grace]) await has(each, firstShapes + 2);
  await cause("Restart the server", grace, ada);
  await drag(ada, "p", [
    [100, 500],
    [200, 560],
  ]);
  await drag(grace, "p", [
    [300, 500],
    [400, 560],
  ]);
  for (const each of [ada, grace]) await isBack(each);
  for (const each of [ada, grace]) await has(each, firstShapes + 4);
  const svg = await areEqual([ada, grace]);
  const late = await come("React", "Hedy", "line");
  await has(late, firstShapes + 4);
  expect(await svgOf(late)).toBe(svg);
  expect([...ada.faults, ...grace.faults, ...late.faults]).toEqual([]);
});

test.skipIf(isMissing)("one follows another's view until it moves its own; zoom stays under the pointer", async () => {
  const [ada, grace] = [await come("Svelte", "Ada", "follow"), await come("React", "Grace", "follow")];
  const percent = ({ page }: Window): Promise<string | null> => page.locator(".percent").textContent();
  await button(grace, "Follow Ada").click();
  await grace.page.getByText("You see what Ada sees").waitFor();
  const box = await stage(ada).boundingBox();
  await ada.page.mouse.move((box?.x ?? 0) + 300, (box?.y ?? 0) + 300);
  await ada.page.keyboard.down("Control");
  for (let step = 0; step < 3; step++) await ada.page.mouse.wheel(0, -60);
  await ada.page.keyboard.up("Control");
  await vi.waitFor(async () => expect(Number.parseInt((await percent(ada)) ?? "", 10)).toBeGreaterThan(300), waited);
  await vi.waitFor(async () => expect(await percent(grace)).toBe(await percent(ada)), waited);
  const place = ({ page }: Window) =>
    page.locator(".stage").evaluate((element) => (element as HTMLElement).style.backgroundPosition);
  const near = async () => {
    const [one = [], other = []] = (await Promise.all([place(ada), place(grace)])).map((each) =>
      each.split(" ").map(Number.parseFloat),
    );
    expect(Math.hypot((one[0] ?? 0) - (other[0] ?? 0), (one[1] ?? 0) - (other[1] ?? 0))).toBeLessThan(4);
  };
  await vi.waitFor(near, waited);
  await ada.page.mouse.wheel(150, 90);
  await vi.waitFor(near, waited);
  await takePicture(grace.page, imagePath("whiteboard-follow-1280", false), 1280);
  // By the space bar, her own way again.
  await stage(grace).focus();
  await grace.page.keyboard.down(" ");
  await press(grace, "", [
    [500, 300],
    [600, 380],
  ]);
  await grace.page.mouse.up();
  await grace.page.keyboard.up(" ");
  await grace.page.getByText("You see what Ada sees").waitFor({ state: "detached" });
  await button(grace, "Follow Ada").click();
  await ada.page.close();
  await vi.waitFor(async () => expect(await grace.page.locator(".person").count()).toBe(0), waited);
  await grace.page.getByText("You see what Ada sees").waitFor({ state: "detached" });
  expect([...ada.faults, ...grace.faults]).toEqual([]);
});

test.skipIf(isMissing)("it is used by touch and by name, fits 390 pixels, and saves pictures", async () => {
  const ada = await come("React", "Ada", "small");
  const png = await fileOf(ada, "Save PNG");
  expect(png.subarray(1, 4).toString()).toBe("PNG");
  expect(png.readUInt32BE(16)).toBeGreaterThan(1200);
  expect(await svgOf(ada)).toContain("Draw here, together");

  // One button of the toolbar is reached by Tab, the others by the arrows.
  await button(ada, "Select").focus();
  await ada.page.keyboard.press("ArrowRight");
  await ada.page.keyboard.press("ArrowRight");
  expect(await ada.page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("Pen");
  expect(await ada.page.locator('[role=toolbar] button[tabindex="0"]').count()).toBe(1);
  await ada.page.keyboard.press("r");
  await stage(ada).focus();
  await ada.page.keyboard.press("Enter");
  await says(ada, "rectangle, ink, selected");

  const small = await world.open("/whiteboard/svelte/?name=Grace&board=small", {
    viewport: { width: 390, height: 800 },
    hasTouch: true,
    isMobile: true,
  });
  await has(small, firstShapes + 1);
  expect(await small.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await stage(small).scrollIntoViewIfNeeded();
  const touch = await small.page.context().newCDPSession(small.page);
  const box = await stage(small).boundingBox();
  const at = (...points: Way) => points.map(([x, y], id) => ({ x: (box?.x ?? 0) + x, y: (box?.y ?? 0) + y, id }));
  const send = (type: "touchStart" | "touchMove" | "touchEnd", ...points: Way) =>
    touch.send("Input.dispatchTouchEvent", { type, touchPoints: at(...points) });
  await send("touchStart", [100, 300]);
  for (let step = 1; step < 8; step++) await send("touchMove", [100 + step * 15, 300 + step * 5]);
  await send("touchEnd");
  await has(small, firstShapes + 2);
  const before = await small.page.locator(".percent").textContent();
  await send("touchStart", [150, 300]);
  await send("touchStart", [150, 300], [200, 300]);
  for (let step = 1; step < 8; step++) await send("touchMove", [150 - step * 8, 300], [200 + step * 8, 300]);
  await send("touchEnd");
  await vi.waitFor(async () => expect(await small.page.locator(".percent").textContent()).not.toBe(before), waited);
  await has(small, firstShapes + 2);
  await ada.page.getByRole("button", { name: "How it works" }).click();
  expect(await ada.page.getByRole("dialog").textContent()).toContain("defineShared");
  for (const window of [ada, small]) {
    const width = window === ada ? 1280 : 390;
    for (const colorScheme of ["light", "dark"] as const) {
      await ada.page.keyboard.press("Escape");
      await window.page.emulateMedia({ colorScheme });
      await takePicture(window.page, imagePath(`whiteboard-${width}-${colorScheme}`, false), width);
    }
  }
  expect([...ada.faults, ...small.faults]).toEqual([]);
});
