/**
 * The dashboard in a real browser, as React and as Svelte: two windows, a line that is cut, refused and slowed, and a server
 * that starts anew. Points are counted by the page and, apart from it, on the wire.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { cause, isBack, isDrawnIn, openWorld, showsWhile, type Window, type World, waited } from "./gallery.ts";

const isMissing = chromiumPath() === undefined;
let world: World;
beforeAll(async () => {
  if (!isMissing) world = await openWorld();
});
afterEach(() => world?.closeWindows());
afterAll(() => world?.close());

const figuresOf = ({ page }: Window): Promise<string[]> => page.locator(".figure strong").allTextContents();

interface Count {
  readonly first: number;
  readonly last: number;
  readonly received: number;
  readonly missing: number;
  readonly doubled: number;
  readonly restarts: number;
}
const countOf = async ({ page }: Window): Promise<Count> => {
  const data = await page.locator("#counter").evaluate((element) => Object.fromEntries(Object.entries(element.dataset)));
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, Number(value)])) as unknown as Count;
};
const press = ({ page }: Window, name: string): Promise<void> => page.getByRole("button", { name }).click();
const from1To = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

describe.each([
  ["React", "/dashboard/react"],
  ["Svelte", "/dashboard/svelte/"],
])("the dashboard in %s", (_framework, path) => {
  test.skipIf(isMissing)("shows the same figures in two windows, and points arrive in both", async () => {
    const windows = [await world.open(path), await world.open(path)] as const;
    await vi.waitFor(async () => {
      const [one, other] = await Promise.all(windows.map(figuresOf));
      expect(one).toEqual(other);
      expect(one?.[3]).toBe("2");
    }, waited);
    for (const each of windows) {
      const before = await countOf(each);
      await vi.waitFor(async () => expect((await countOf(each)).received).toBeGreaterThan(before.received + 2), waited);
      expect(await countOf(each)).toMatchObject({ first: 1, missing: 0, doubled: 0, restarts: 0 });
      expect(each.faults).toEqual([]);
    }
  });

  test.skipIf(isMissing)("loses no point and doubles none when its line is cut, and then refused for a while", async () => {
    const cut = await world.open(path);
    const other = await world.open(path);
    await vi.waitFor(async () => expect((await countOf(cut)).received).toBeGreaterThan(3), waited);
    await vi.waitFor(async () => expect(await other.states()).toContain("connected"), waited);
    await cut.states();

    await press(cut, "Cut the line");
    const states: string[] = [];
    await vi.waitFor(async () => {
      states.push(...(await cut.states()));
      expect(states.filter((state, index) => state !== states[index - 1])).toEqual(["reconnecting", "connected"]);
    }, waited);
    const cutAt = (await countOf(cut)).last;
    await vi.waitFor(async () => expect((await countOf(cut)).last).toBeGreaterThan(cutAt + 1), waited);

    await cause("Offline for 5 s", cut);
    await isDrawnIn(cut);
    const downAt = (await countOf(cut)).last;
    await vi.waitFor(async () => expect((await countOf(other)).last).toBeGreaterThan(downAt + 9), waited);
    expect((await countOf(cut)).last).toBe(downAt);
    world.online();
    await isBack(cut);
    await vi.waitFor(async () => expect((await countOf(cut)).last).toBeGreaterThan(downAt + 12), waited);

    const { last, ...count } = await countOf(cut);
    expect(count).toEqual({ first: 1, received: last, missing: 0, doubled: 0, restarts: 0 });
    // The page counts what it is given; this is what came.
    expect(cut.offsets.slice(0, last)).toEqual(from1To(last));
    expect(await other.states()).toEqual([]);
    expect([...cut.faults, ...other.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("shows a server that started anew as a gap", async () => {
    const window = await world.open(path);
    const { page } = window;
    await vi.waitFor(async () => expect((await countOf(window)).received).toBeGreaterThan(3), waited);
    expect(await page.getByRole("img", { name: /Memory/ }).getAttribute("aria-label")).not.toContain("gap");
    await press(window, "Restart the server");
    await vi.waitFor(async () => expect((await countOf(window)).restarts).toBe(1), waited);
    await vi.waitFor(async () => expect((await countOf(window)).last).toBeGreaterThan(3), waited);
    const after = await countOf(window);
    expect(after).toMatchObject({ first: 1, missing: 0, doubled: 0 });
    expect(await page.locator("#counter").textContent()).toContain("server restarted once");
    expect(await page.getByRole("img", { name: /Memory/ }).getAttribute("aria-label")).toContain("1 gap");
    expect(window.faults).toEqual([]);
  });

  test.skipIf(isMissing)("asks the server, also over a slow line", async () => {
    const window = await world.open(path);
    const { page } = window;
    // How long it was busy is the machine's to say; that it answers is ours.
    const answer = page.getByText(/^Busy for \d+ ms$/);
    await press(window, "Give the server work");
    await answer.waitFor();
    await press(window, "Slow it down");
    await page.getByRole("button", { name: "Slow it down", pressed: true }).waitFor();
    const startMs = performance.now();
    await showsWhile(window, ".ask [role=status]", "Asking…", () => press(window, "Give the server work"));
    await answer.waitFor();
    // 400 ms there, the work, and 400 ms back.
    expect(performance.now() - startMs).toBeGreaterThan(800);
    await press(window, "Slow it down");
    await page.getByRole("button", { name: "Slow it down", pressed: false }).waitFor();
    expect(window.faults).toEqual([]);
  });

  test.skipIf(isMissing)("keeps still while data comes, fits 360 pixels, and is used by keyboard", async () => {
    const window = await world.open(path, { viewport: { width: 360, height: 740 }, reducedMotion: "reduce" });
    const { page } = window;
    await vi.waitFor(async () => expect((await countOf(window)).received).toBeGreaterThan(3), waited);
    expect(await page.evaluate(() => (globalThis as unknown as { shifts: { sum: number } }).shifts.sum)).toBeLessThan(0.01);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);

    for (const landmark of ["banner", "main", "navigation"] as const)
      expect(await page.getByRole(landmark).count()).toBeGreaterThan(0);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the page");
    await page.getByRole("button", { name: "How it works" }).focus();
    await page.keyboard.press("Enter");
    const drawer = page.getByRole("dialog", { name: "How it works" });
    await drawer.waitFor();
    expect(await drawer.textContent()).toContain("history.publish(");
    await page.keyboard.press("Escape");
    await drawer.waitFor({ state: "hidden" });
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain("How it works");
    expect(window.faults).toEqual([]);
  });
});
