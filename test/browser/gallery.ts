/**
 * The real gallery on a free port, a real Chromium, and what the browser tests look at.
 *
 * Always: an error on a page's console, an uncaught one, or a request to another host is remembered in `faults`; who is offline stays so
 * until the test says otherwise, however long that machine takes for what happens meanwhile.
 */
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { edn } from "sente-sync/packers/edn";
import { expect, vi } from "vitest";
import { createLines } from "../../examples/gallery/lines.ts";
import { type Gallery, serveGallery } from "../../examples/gallery/serve.ts";
import { launchChromium } from "../support/chromium.ts";

export interface World {
  readonly url: string;
  /** Opens a window of its own. */
  open(path: string, options?: BrowserContextOptions): Promise<Window>;
  /** Ends what the button "Offline for 5 s" began. */
  online(): void;
  closeWindows(): Promise<void>;
  close(): Promise<void>;
}

export interface Window {
  readonly page: Page;
  readonly faults: string[];
  /** Offsets of the entries that came over the wire, in order, over all connections. */
  readonly offsets: number[];
  /** The states that the line went through since the last look. */
  states(): Promise<string[]>;
}

/** Chromium says so whenever a handshake is refused, and a page cannot keep it from that. */
const refusedHandshake = /^WebSocket connection to '[^']*' failed/;

export async function openWorld(): Promise<World> {
  const lines = createLines();
  const offline = new Set<string>();
  const refuse = (clientId: string): void => {
    offline.add(clientId);
    lines.refuse(clientId, Number.POSITIVE_INFINITY);
  };
  const serving = serveGallery({ port: 0, lines: { ...lines, refuse } });
  const [gallery, browser]: [Gallery, Browser] = await Promise.all([serving, launchChromium()]);
  return {
    url: gallery.url,
    open: (path, options) => openWindow(browser, gallery.url, path, options),
    online() {
      for (const clientId of offline) lines.refuse(clientId, 0);
      offline.clear();
    },
    async closeWindows() {
      await Promise.all(browser.contexts().map((context) => context.close()));
    },
    async close() {
      await browser.close();
      await gallery.close();
    },
  };
}

async function openWindow(browser: Browser, url: string, path: string, options?: BrowserContextOptions): Promise<Window> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 1000 }, ...options });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const faults: string[] = [];
  const offsets: number[] = [];
  page.on("console", (message) => {
    const isFault = message.type() === "error" || message.type() === "warning";
    if (isFault && !refusedHandshake.test(message.text())) faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    const target = request.url();
    if (!target.startsWith(url) && !target.startsWith("data:")) faults.push(`asked ${target}`);
  });
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => offsets.push(...channelOffsets(payload)));
  });
  await page.addInitScript(() => {
    const states: (string | undefined)[] = [];
    const shifts = { sum: 0 };
    Object.assign(globalThis, { states, shifts });
    new MutationObserver(() => states.push(document.documentElement.dataset["line"])).observe(document, {
      subtree: true,
      attributeFilter: ["data-line"],
    });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) shifts.sum += (entry as unknown as { value: number }).value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(url + path);
  return {
    page,
    faults,
    offsets,
    states: () => page.evaluate(() => (globalThis as unknown as { states: string[] }).states.splice(0)),
  };
}

/** For how long a condition is waited for: a machine that is busy takes long for little. */
export const waited = { timeout: 40_000, interval: 50 };

/** Presses that button in the first window, and waits until the line of each went down for it, if only for a moment. */
export async function cause(trouble: string, ...windows: [Window, ...Window[]]): Promise<void> {
  for (const each of windows) await each.states();
  await windows[0].page.getByRole("button", { name: trouble, exact: true }).click();
  for (const each of windows) await vi.waitFor(async () => expect(await each.states()).toContain("reconnecting"), waited);
}

/** Does that, and waits until the page has shown those words there, if only for a moment. */
export async function showsWhile({ page }: Window, selector: string, words: string, act: () => Promise<unknown>): Promise<void> {
  const shown = page.evaluate(
    ([selector, words, withinMs]) =>
      new Promise<void>((resolve, reject) => {
        const look = (): void => {
          if (![...document.querySelectorAll(selector)].some(({ textContent }) => textContent?.includes(words))) return;
          observer.disconnect();
          resolve();
        };
        const observer = new MutationObserver(look);
        observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
        look();
        setTimeout(() => reject(new Error(`${selector} never said "${words}".`)), withinMs);
      }),
    [selector, words, waited.timeout] as const,
  );
  await Promise.all([shown, act()]);
}

/** What the page was told by then is on it. */
export const isDrawnIn = ({ page }: Pick<Window, "page">): Promise<unknown> =>
  page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));

/** The line is up, without the wait of a person who does not press the button. */
export async function isBack({ page }: Window): Promise<void> {
  const again = page.getByRole("button", { name: "Try now" });
  await vi.waitFor(
    async () => {
      if (await again.isVisible()) await again.click({ timeout: 500 }).catch(() => {});
      expect(await page.locator("#line").getAttribute("data-state")).toBe("connected");
    },
    { ...waited, interval: 500 },
  );
}

/** What the page says of what it has written. */
export const isSaved = ({ page }: Window, words = "All stored"): Promise<void> =>
  vi.waitFor(async () => expect(await page.locator("#saved").textContent()).toBe(words), waited);

const packer = edn();

/** From `[[:sync/entries [id first [entry …]]] …]`: an atom's entries are patches, a channel's begin with an event's name. */
function channelOffsets(payload: string | Buffer): number[] {
  const [events] = packer.unpack(String(payload)) as [unknown];
  if (!Array.isArray(events)) return [];
  return events.flatMap((event: unknown) => {
    const [name, data] = Array.isArray(event) ? (event as unknown[]) : [];
    if (String(name) !== ":sync/entries") return [];
    const [, first, entries] = data as [number, number, unknown[][]];
    return entries.flatMap((entry, index) => (entry[0] === "point" ? [first + index] : []));
  });
}

export const isUpdate = process.env["UPDATE_IMAGES"] === "1";
const scratch = `${tmpdir()}/sente-sync-pictures`;
mkdirSync(scratch, { recursive: true });

/** Where a picture goes: with UPDATE_IMAGES=1, one that is kept to docs/images; otherwise where nobody has to see it. */
export function imagePath(name: string, isKept: boolean): string {
  return isUpdate && isKept ? new URL(`../../docs/images/${name}.png`, import.meta.url).pathname : `${scratch}/${name}.png`;
}

/** A card's picture is shown at about half its size. */
export const cardSize = { width: 760, height: 475 };
/** It shows the example without what all pages have. */
export const cardStyle = ".bar, .intro { display: none !important } body { padding-top: 16px }";

/** The whole page as a picture; a page is made as high as it is first, since a tall picture of a small one is patched together. */
export async function takePicture(page: Page, path: string, width: number): Promise<void> {
  await page.setViewportSize({ width, height: 800 });
  await page.setViewportSize({ width, height: await page.evaluate(() => document.documentElement.scrollHeight) });
  // Charts follow the size, and draw, in frames of their own.
  await isDrawnIn({ page });
  await page.screenshot({ path });
}
