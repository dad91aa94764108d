/**
 * The presence example in a real browser, in React, Svelte and plain HTML: three windows, of which one is closed, one crashes and one
 * loses its line.
 */
import type { Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { cardStyle, cause, imagePath, openWorld, takePicture, type Window, type World, waited } from "./gallery.ts";

const isMissing = chromiumPath() === undefined;
let world: World;
beforeAll(async () => {
  if (!isMissing) world = await openWorld();
});
afterEach(() => world?.closeWindows());
afterAll(() => world?.close());

const avatars = ({ page }: Window): Locator => page.locator(".sente-avatar");
const cursor = ({ page }: Window, name: string): Locator => page.locator(".sente-cursor", { hasText: name });
const here = (window: Window): Promise<string[]> =>
  avatars(window).evaluateAll((all) => all.map((each) => (each as HTMLElement).title).sort());
const sees = (window: Window, ...names: readonly string[]): Promise<void> =>
  vi.waitFor(async () => expect(await here(window)).toEqual(names), waited);

/** From now on remembers how many avatars there are, whenever that changes. */
const watch = (window: Window): Promise<void> =>
  avatars(window)
    .first()
    .evaluate((avatar) => {
      const list = avatar.parentElement as HTMLElement;
      const counts = [list.childElementCount];
      Object.assign(globalThis, { counts, firsts: [...list.children] });
      new MutationObserver(() => counts.at(-1) !== list.childElementCount && counts.push(list.childElementCount)).observe(list, {
        childList: true,
      });
    });
const counts = ({ page }: Window): Promise<number[]> =>
  page.evaluate(() => (globalThis as unknown as { counts: number[] }).counts);

/** For the gallery: what the page looks like with others on it. */
async function takeCard({ page }: Window): Promise<void> {
  await page.setViewportSize({ width: 960, height: 600 });
  await page.addStyleTag({ content: cardStyle });
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: imagePath(`presence-card-${colorScheme}`, true) });
  }
}

describe.each([
  ["React", "/presence/react"],
  ["Svelte", "/presence/svelte/"],
  ["plain HTML", "/presence/plain"],
])("the presence example in %s", (framework, path) => {
  const come = async (name: string): Promise<Window> => {
    const window = await world.open(`${path}?name=${name}`, { reducedMotion: "reduce" });
    await window.page.waitForFunction(() => document.documentElement.dataset["line"] === "connected");
    return window;
  };
  const three = async (): Promise<[Window, Window, Window]> => {
    const all: [Window, Window, Window] = [await come("Ada"), await come("Grace"), await come("Hedy")];
    for (const each of all) await sees(each, "Ada", "Grace", "Hedy");
    return all;
  };
  /** Points at a heading; whoever looks sees the tip on it. */
  const point = async (window: Window, name: string, heading: number, others: readonly Window[]): Promise<void> => {
    const place = async ({ page }: Window): Promise<{ x: number; y: number }> => {
      const box = await page.locator("section h3").nth(heading).boundingBox();
      return { x: Math.round((box?.x ?? 0) + 30), y: Math.round((box?.y ?? 0) + 12) };
    };
    const at = await place(window);
    await window.page.mouse.move(at.x - 40, at.y + 60);
    await window.page.mouse.move(at.x, at.y, { steps: 8 });
    for (const each of others) {
      await vi.waitFor(async () => {
        const to = await place(each);
        const tip = await cursor(each, name).boundingBox();
        expect([Math.abs((tip?.x ?? 0) - to.x), Math.abs((tip?.y ?? 0) - to.y)].every((off) => off <= 2)).toBe(true);
      }, waited);
    }
  };

  test.skipIf(isMissing)(
    "everybody is shown where they point; a tab that is closed or crashes takes one avatar with it",
    async () => {
      const [ada, grace, hedy] = await three();
      await point(ada, "Ada", 0, [grace, hedy]);
      await point(grace, "Grace", 1, [ada, hedy]);
      await point(hedy, "Hedy", 2, [ada, grace]);
      const name = `presence-${framework.replace(" ", "-").toLowerCase()}`;
      for (const colorScheme of ["light", "dark"] as const) {
        for (const width of [1280, 390]) {
          await ada.page.emulateMedia({ colorScheme });
          await takePicture(ada.page, imagePath(`${name}-${width}-${colorScheme}`, false), width);
          expect(await ada.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
        }
      }
      if (framework === "React") await takeCard(ada);
      await watch(ada);
      await grace.page.close();
      await sees(ada, "Ada", "Hedy");
      await vi.waitFor(async () => expect(await cursor(ada, "Grace").count()).toBe(0), waited);
      expect(await counts(ada)).toEqual([3, 2]);

      const control = await hedy.page.context().newCDPSession(hedy.page);
      const crashed = hedy.page.waitForEvent("crash");
      // It never answers: there is nobody left to.
      void control.send("Page.crash").catch(() => {});
      await crashed;
      await sees(ada, "Ada");
      await vi.waitFor(async () => expect(await cursor(ada, "Hedy").count()).toBe(0), waited);
      expect(await counts(ada)).toEqual([3, 2, 1]);
      expect([...ada.faults, ...grace.faults]).toEqual([]);
    },
  );

  test.skipIf(isMissing)("a line that is cut and comes back takes nobody away, and doubles nobody", async () => {
    const [ada, grace, hedy] = await three();
    await point(grace, "Grace", 1, [ada, hedy]);
    await watch(ada);
    await cause("Cut the line", grace);
    await grace.page.waitForFunction(() => document.documentElement.dataset["line"] === "connected");
    await vi.waitFor(async () => expect(await ada.page.locator('.sente-avatar[data-status="online"]').count()).toBe(3), waited);
    expect(await counts(ada)).toEqual([3]);
    const isSame = await avatars(ada).evaluateAll((all) =>
      all.every((each, at) => each === (globalThis as unknown as { firsts: Element[] }).firsts[at]),
    );
    expect(isSame).toBe(true);
    for (const each of [grace, hedy]) await sees(each, "Ada", "Grace", "Hedy");
    await point(grace, "Grace", 0, [ada, hedy]);
    expect([...ada.faults, ...grace.faults, ...hedy.faults]).toEqual([]);
  });
});

test.skipIf(isMissing)("elements keep their looks to themselves: the page reaches their parts, and nothing else", async () => {
  const { page, faults } = await world.open("/presence/plain?name=Ada");
  const value = page.locator("sente-value").last();
  await vi.waitFor(async () => expect(await value.getAttribute("state")).toBe("live"), waited);
  expect(await value.locator('[part="value"]').textContent()).toBe("Ada");
  // The page's own rules, for the tags that the elements are made of.
  await page.addStyleTag({ content: "span, li { font-size: 99px !important } sente-value::part(value) { letter-spacing: 3px }" });
  const looks = (of: Locator): Promise<[string, string]> =>
    of.evaluate((element) => [getComputedStyle(element).fontSize, getComputedStyle(element).letterSpacing]);
  expect(await looks(value.locator('[part="value"]'))).toEqual(["16px", "3px"]);
  expect((await looks(page.locator(".sente-avatar").first()))[0]).toBe("12px");
  expect(
    await page
      .locator(".sente-avatar")
      .first()
      .evaluate((element) => getComputedStyle(element).borderTopWidth),
  ).toBe("3px");
  // What stands in a slot is the page's.
  expect(
    await page
      .locator("sente-cursors dd")
      .first()
      .evaluate((element) => getComputedStyle(element).marginLeft),
  ).toBe("0px");
  expect(faults).toEqual([]);
});
