/**
 * Examples in a real browser, loaded where no line can be: they show what this device had read, take edits, and tell the others later.
 * The editor has its own (editor-offline.test.ts).
 */
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { isBack, isSaved, openWorld, type Window, type World, waited } from "./gallery.ts";

const isMissing = chromiumPath() === undefined;
let world: World;
beforeAll(async () => {
  if (!isMissing) world = await openWorld();
}, 60_000);
afterEach(() => world?.closeWindows());
afterAll(() => world?.close());

/** Copies that the browser has of topics in which these words are. */
const copiesWith = ({ page }: Window, words: string): Promise<number> =>
  page.evaluate(async (wanted) => {
    const asked = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(new Error(String(request.error)));
      });
    const db = await asked(indexedDB.open("sente-sync"));
    const rows = db.transaction("rows").objectStore("rows");
    const [keys, values] = [await asked(rows.getAllKeys()), await asked(rows.getAll())];
    db.close();
    const isCopy = (at: number): boolean => String((keys[at] as string[])[0]).startsWith("copy-");
    return (values as string[]).filter((row, at) => isCopy(at) && row.includes(wanted)).length;
  }, words);

/** From here on no line opens, until it is called back. */
async function withoutLine({ page }: Window): Promise<() => void> {
  let isOffline = true;
  await page.routeWebSocket(/./, (line) => {
    if (isOffline) void line.close();
    else line.connectToServer();
  });
  return () => {
    isOffline = false;
  };
}

test.skipIf(isMissing).each([
  ["React", "/board/react"],
  ["Svelte", "/board/svelte/"],
])("COPY1 the to-do board in %s, loaded without a line, shows its cards and takes another", async (framework, path) => {
  const ada = await world.open(`${path}?name=Ada+${framework}`);
  const add = async (text: string): Promise<void> => {
    await ada.page.getByLabel("New card in To do").fill(text);
    await ada.page.keyboard.press("Enter");
  };
  const has = ({ page }: Window, text: string): Promise<void> => page.locator("[data-card]").filter({ hasText: text }).waitFor();
  await ada.page.locator("[data-card]").first().waitFor();
  await add(`Kept ${framework}`);
  await isSaved(ada);
  await vi.waitFor(async () => expect(await copiesWith(ada, `Kept ${framework}`)).toBe(1), waited);

  const connect = await withoutLine(ada);
  await ada.page.reload();
  await has(ada, `Kept ${framework}`);
  await add(`Offline ${framework}`);
  await has(ada, `Offline ${framework}`);
  expect(await ada.page.evaluate(() => document.documentElement.dataset["line"])).not.toBe("connected");
  connect();
  await isBack(ada);
  await isSaved(ada);
  const grace = await world.open(`${path}?name=Grace+${framework}`);
  await has(grace, `Offline ${framework}`);
  expect([...ada.faults, ...grace.faults]).toEqual([]);
});

test.skipIf(isMissing)("COPY1 the form, loaded without a line, shows what everybody had filled in", async () => {
  const ada = await world.open("/form/react?name=Ada");
  const city = ada.page.getByLabel("City", { exact: true });
  await city.fill("Vienna");
  await isSaved(ada);
  await vi.waitFor(async () => expect(await copiesWith(ada, "Vienna")).toBeGreaterThan(0), waited);
  await withoutLine(ada);
  await ada.page.reload();
  await vi.waitFor(async () => expect(await city.inputValue()).toBe("Vienna"), waited);
  expect(ada.faults).toEqual([]);
});
