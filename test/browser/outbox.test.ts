/** The outbox in a real browser's database: tabs that live, close and crash. Rules: docs/protocol/writes.md KEEP1-KEEP8, OUTBOX10-OUTBOX15. */
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import type { Browser, BrowserContext, Page as Tab } from "playwright-core";
import { channel, createServer } from "sente-sync/server";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { OutboxRecord, Row } from "../../src/client/storage/store.ts";
import { type ErrorCode, SyncError } from "../../src/core/errors.ts";
import { type OutboxClient, outboxContractSuite } from "../../src/testing/contracts/outbox.ts";
import { chromiumPath, launchChromium } from "../support/chromium.ts";
import type { Page } from "./outbox-page.ts";

const isMissing = chromiumPath() === undefined;
let browser: Browser;
let script = "";
let http: HttpServer;
let url = "";

beforeAll(async () => {
  if (isMissing) return;
  browser = await launchChromium();
  const bundle = await build({
    entryPoints: [new URL("./outbox-page.ts", import.meta.url).pathname],
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    conditions: ["source"],
    logLevel: "silent",
  });
  script = bundle.outputFiles[0]?.text ?? "";
  http = createHttpServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(
      isScript ? script : '<!doctype html><title>outbox</title><link rel="icon" href="data:,"><script src="/page.js"></script>',
    );
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  await browser?.close();
  await new Promise((resolve) => (http ? http.close(resolve) : resolve(undefined)));
});

/** Calls a function of the page. */
const call = <R>(tab: Tab, name: keyof Page, ...args: unknown[]): Promise<R> =>
  tab.evaluate(
    ([method, given]) => {
      const { outboxPage } = globalThis as unknown as { outboxPage: Record<string, (...all: unknown[]) => unknown> };
      return outboxPage[method]?.(...given) as never;
    },
    [name, args] as const,
  );

async function openTab(context: BrowserContext): Promise<Tab> {
  const tab = await context.newPage();
  await tab.goto(url);
  return tab;
}

async function openStore(context: BrowserContext, leaseMs: number): Promise<OutboxClient> {
  const tab = await openTab(context);
  await call(tab, "open", leaseMs);
  const remote = (n: number): OutboxRecord => ({
    load: async () => (await call<{ value: Row[] }>(tab, "record", n, "load")).value,
    async save(changes) {
      const { code } = await call<{ code?: string }>(tab, "record", n, "save", changes);
      if (code !== undefined) throw new SyncError(code as ErrorCode, "The tab says so.");
    },
    release: async () => void (await call(tab, "record", n, "release")),
    remove: async () => void (await call(tab, "record", n, "remove")),
  });
  return {
    list: (prefix) => call(tab, "list", prefix),
    async claim(id) {
      const n = await call<number>(tab, "claim", id);
      return n ? remote(n) : undefined;
    },
    read: (...args) => call(tab, "read", ...args),
    swap: (...args) => call(tab, "swap", ...args),
    close: () => call(tab, "close"),
    die: () => tab.close(),
  };
}

describe.skipIf(isMissing)("a real browser", () => {
  describe("IndexedDB with Web Locks: client storage", () => {
    const suite = outboxContractSuite(async () => {
      const context = await browser.newContext();
      return { open: () => openStore(context, 0), deadAfterMs: 1000, dispose: () => context.close() };
    });
    for (const { name, run } of suite) test(name, run);
  });

  describe("IndexedDB with leases: client storage", () => {
    const suite = outboxContractSuite(async () => {
      const context = await browser.newContext();
      await context.addInitScript(() => Object.defineProperty(navigator, "locks", { value: undefined }));
      return { open: () => openStore(context, 3000), deadAfterMs: 3000, dispose: () => context.close() };
    });
    for (const { name, run } of suite) test(name, run);
  });

  async function createWorld() {
    const context = await browser.newContext();
    const sync = createServer({ authenticate: ({ url: { searchParams } }) => ({ id: searchParams.get("user") ?? "" }) });
    const stored: unknown[] = [];
    channel(sync, "room").subscribe(({ data }) => void stored.push(data));
    const detach = sync.attach(http);
    onTestFinished(async () => {
      await context.close();
      detach();
      await sync.close();
    });
    const open = async (user: string, autoConnect = true): Promise<Tab> => {
      const tab = await openTab(context);
      await call(tab, "connect", user, autoConnect);
      return tab;
    };
    const status = (tab: Tab) => call<ReturnType<Page["status"]>>(tab, "status");
    return { context, stored, open, status };
  }

  test("OUTBOX10 what a closed tab had not sent is sent by the next one, also after the browser's page crashed", async () => {
    const { stored, open, status } = await createWorld();
    for (const how of ["closed", "crashed"]) {
      const tab = await open("ada", false);
      for (const n of [1, 2, 3]) await call(tab, "publish", `${how} ${n}`);
      await expect.poll(() => status(tab)).toMatchObject({ pending: how === "closed" ? 3 : 6, isKept: true });
      if (how === "closed") await tab.close();
      else await tab.goto("chrome://crash").catch(() => {});
    }
    expect(stored).toEqual([]);
    const next = await open("ada");
    await expect.poll(() => status(next)).toMatchObject({ pending: 0, line: "connected", rejected: [] });
    await expect.poll(() => stored.length).toBe(6);
    for (const how of ["closed", "crashed"]) {
      expect(stored.filter((text) => String(text).startsWith(how))).toEqual([1, 2, 3].map((n) => `${how} ${n}`));
    }
  });

  test("OUTBOX12 two tabs keep their own; OUTBOX13 another user's are left alone; OUTBOX15 and discarded", async () => {
    const { stored, open, status } = await createWorld();
    const [one, two] = [await open("ada"), await open("ada")];
    await expect.poll(() => status(one)).toMatchObject({ line: "connected" });
    await call(one, "disconnect");
    await call(one, "publish", "of one");
    await call(two, "publish", "of two");
    const three = await open("ada");
    const bob = await open("bob");
    await expect.poll(() => stored).toEqual(["of two"]);
    await expect.poll(() => status(bob)).toMatchObject({ pending: 0, line: "connected" });
    expect([(await status(one)).pending, (await status(three)).pending]).toEqual([1, 0]);
    for (const tab of [two, three, one]) await tab.close();
    const bobs = await open("bob");
    await expect.poll(() => status(bobs)).toMatchObject({ pending: 0, line: "connected" });
    expect(stored).toEqual(["of two"]);
    const back = await open("ada");
    await expect.poll(() => stored).toEqual(["of two", "of one"]);
    await expect.poll(() => status(back)).toMatchObject({ pending: 0 });
    // Not connected, so that it is there to be discarded.
    await call(back, "disconnect");
    await call(back, "publish", "discarded");
    await expect.poll(() => status(back)).toMatchObject({ pending: 1, isKept: true });
    await call(back, "signOut", true);
    const last = await open("ada");
    await expect.poll(() => status(last)).toMatchObject({ pending: 0, line: "connected" });
    expect(stored).toEqual(["of two", "of one"]);
  });
});
