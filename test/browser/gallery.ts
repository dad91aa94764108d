/**
 * The real gallery on a free port, a real Chromium, and what the browser tests look at.
 *
 * Always: an error on a page's console, an uncaught one, or a request to another host is remembered in `faults`.
 */
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { edn } from "sente-sync/packers/edn";
import { type Gallery, serveGallery } from "../../examples/gallery/serve.ts";
import { launchChromium } from "../support/chromium.ts";

export interface World {
  readonly url: string;
  /** Opens a window of its own. */
  open(path: string, options?: BrowserContextOptions): Promise<Window>;
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
  const [gallery, browser]: [Gallery, Browser] = await Promise.all([serveGallery({ port: 0 }), launchChromium()]);
  return {
    url: gallery.url,
    open: (path, options) => openWindow(browser, gallery.url, path, options),
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

/** The whole page as a picture; a page is made as high as it is first, since a tall picture of a small one is patched together. */
export async function takePicture(page: Page, path: string, width: number): Promise<void> {
  await page.setViewportSize({ width, height: 800 });
  await page.setViewportSize({ width, height: await page.evaluate(() => document.documentElement.scrollHeight) });
  // Charts follow the size, and draw, in frames of their own.
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  await page.screenshot({ path });
}
