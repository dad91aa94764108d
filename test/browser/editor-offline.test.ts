/** The editor in a real browser, opened where no line can be: it shows what this device kept, is edited, and tells the others later. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { isBack, isSaved, openWorld, type Window, type World, waited } from "./gallery.ts";

const isMissing = chromiumPath() === undefined;
let world: World;
beforeAll(async () => {
  if (!isMissing) world = await openWorld();
}, 60_000);
afterEach(() => world?.closeWindows());
afterAll(() => world?.close());

const shows = ({ page }: Window, words: string): Promise<void> =>
  vi.waitFor(async () => expect((await page.locator(".cm-line").allTextContents()).join("\n")).toContain(words), waited);

/** One insertion behind the last letter. */
const write = async ({ page }: Window, words: string): Promise<void> => {
  await page.locator(".cm-content").focus();
  await page.keyboard.press("Control+End");
  await page.keyboard.insertText(words);
};

/** What is in the browser's copies of documents, as far as it is text. */
const kept = ({ page }: Window): Promise<string> =>
  page.evaluate(async () => {
    const asked = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(new Error(String(request.error)));
      });
    const db = await asked(indexedDB.open("sente-sync"));
    const rows = db.transaction("rows").objectStore("rows");
    const [keys, values] = [await asked(rows.getAllKeys()), await asked(rows.getAll())];
    db.close();
    return (values as string[])
      .filter((_, at) => String((keys[at] as string[])[0]).startsWith("copy-"))
      .flatMap((row) => [...row.matchAll(/#sync\/bytes "([^"]*)"/g)].map(([, bytes]) => atob(bytes ?? "")))
      .join("\n");
  });

describe.each([
  ["React", "/editor/react"],
  ["Svelte", "/editor/svelte/"],
])("the editor in %s", (framework, path) => {
  test.skipIf(isMissing)(
    "DOC34 a page that is loaded without a line shows the text, takes edits, and sends them later",
    async () => {
      const address = `${path}?name=Ada&note=${framework}-without-a-line`;
      const ada = await world.open(address);
      await shows(ada, "A page for everybody");
      await write(ada, "Kept on this device. ");
      await isSaved(ada);
      await vi.waitFor(async () => expect(await kept(ada)).toContain("Kept on this device. "), waited);

      let isOffline = true;
      await ada.page.routeWebSocket(/./, (line) => {
        if (isOffline) void line.close();
        else line.connectToServer();
      });
      await ada.page.reload();
      await shows(ada, "Kept on this device. ");
      expect(await ada.page.locator(".editor").getAttribute("data-synced")).toBe("false");
      await write(ada, "Written without a line. ");
      await shows(ada, "Kept on this device. Written without a line. ");

      isOffline = false;
      await isBack(ada);
      await ada.page.locator(".editor[data-synced=true]").waitFor();
      await isSaved(ada);
      const grace = await world.open(address.replace("Ada", "Grace"));
      await shows(grace, "Kept on this device. Written without a line. ");
      expect([...ada.faults, ...grace.faults]).toEqual([]);
    },
  );
});
