/**
 * Frames of the whiteboard with 5,000 shapes while many draw: `npm run bench:whiteboard`.
 *
 * One Chromium window with all shapes in view; drawers are real clients in a process of their own, each draws a stroke of a second (told
 * every 50 ms by what may be lost, then written), or drags a shape (written every 60 ms). Rounds with one drawer and with twenty take
 * turns. A frame's time is from one to the next; its work is what the page's scripts do in it.
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { orderBetween } from "../../src/index.ts";
import { type Client, createClient, pointers, presence, shared } from "../../src/client/index.ts";
import { type Color, colors, type Drawing, people, type Shape, whiteboard } from "../../examples/whiteboard/contract.ts";
import { tellInk } from "../../examples/whiteboard/ink.ts";
import { strokeOf } from "../../examples/whiteboard/shapes.ts";
import { buildGallery } from "../../examples/gallery/build.ts";
import { serveFolder } from "../../examples/gallery/static.ts";
import { start } from "../../examples/whiteboard/server.ts";
import { launchChromium } from "../support/chromium.ts";

const shapeCount = 5000;
const [plane, planeHeight] = [6000, 3600];
const boardId = "bench";
const rounds = Number(process.env["ROUNDS"] ?? 3);
const roundMs = Number(process.env["ROUND_MS"] ?? 12_000);
const drawerCount = Number(process.env["DRAWERS"] ?? 20);

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const random = (most: number): number => Math.random() * most;
const anyColor = (): Color => colors[Math.floor(random(colors.length))] as Color;
const connect = (url: string, name: string): Client =>
  createClient(`${url.replace("http", "ws")}/whiteboard/chsk?name=${encodeURIComponent(name)}`);

function squiggle(x: number, y: number, count: number): number[] {
  const [bend, way] = [2 + random(6), random(6)];
  return Array.from({ length: count }, (_, at) => [x + at * 3, y + Math.sin(at / bend + way) * 24].map(Math.round)).flat();
}

function anyShape(order: string): Shape {
  const [x, y] = [Math.round(random(plane)), Math.round(random(planeHeight))];
  const kind = random(1);
  if (kind < 0.6) return strokeOf(squiggle(x, y, 40), anyColor(), order);
  if (kind < 0.9) return { kind: kind < 0.75 ? "rectangle" : "ellipse", box: [x, y, 90, 60], color: anyColor(), order };
  return { kind: "note", box: [x, y, 120, 120], color: anyColor(), order, text: "A note among many" };
}

function drawing(): Drawing {
  let order: string | null = null;
  const shapes: Drawing["shapes"] = {};
  for (let at = 0; at < shapeCount; at++) {
    order = orderBetween(order, null);
    shapes[`shape-${at}`] = anyShape(order);
  }
  return { shapes };
}

/** The gallery's pages, with a board of that many shapes. */
async function serve(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "sente-sync-whiteboard-bench-"));
  const running = start(folder, drawing);
  const server = createServer(serveFolder(await buildGallery()));
  running.sync.attach(server, { path: "/whiteboard/chsk" });
  await new Promise<void>((done) => server.listen(0, done));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    async close() {
      await running.close();
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function drawOn(url: string, name: string): Promise<void> {
  const client = connect(url, name);
  const tree = shared(client, whiteboard({ id: boardId }));
  const dragged = shared(client, whiteboard({ id: boardId }), { coalesceMs: 60 });
  const room = presence(client, people({ id: boardId }), { name, cursor: null, view: null });
  const pointer = pointers(client, people({ id: boardId }));
  tree.keep();
  await tree.ready;
  await sleep(random(1500));
  let last: string | undefined;
  for (let turn = 0; ; turn++) {
    const [x, y] = [random(plane), random(planeHeight)];
    if (turn % 3 === 2) {
      const id = `shape-${Math.floor(random(shapeCount))}`;
      for (let at = 0; at < 30; at++, await sleep(33)) {
        pointer.move(x + at * 4, y);
        dragged.update(({ shapes }) => void (shapes[id] && (shapes[id].box = [x + at * 4, y, shapes[id].box[2], shapes[id].box[3]])));
      }
    } else {
      const id = crypto.randomUUID();
      const points = squiggle(x, y, 90);
      for (let at = 4; at <= points.length; at += 6, await sleep(33)) {
        pointer.move(points[at - 2] as number, points[at - 1] as number);
        room.broadcast("ink", tellInk(id, "red", points.slice(0, at)), { lossy: true });
      }
      tree.update(({ shapes }) => {
        if (last) delete shapes[last];
        shapes[id] = strokeOf(points, anyColor(), orderBetween(null, null));
      });
      last = id;
    }
    await sleep(300);
  }
}

interface Figures {
  readonly frameMs: number;
  readonly workMs: number;
  readonly frames: number;
}

const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((one, other) => one - other)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
const median = (values: readonly number[]): number => percentile(values, 0.5);

async function measure(): Promise<void> {
  const [{ url, close }, browser] = await Promise.all([serve(), launchChromium()]);
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
    // What tsx makes of functions asks for it.
    await page.addInitScript({ content: "globalThis.__name = (made) => made" });
    page.on("pageerror", (error) => console.log(String(error)));
    await page.goto(`${url}/whiteboard/react?name=Watcher&board=${boardId}`);
    await page.waitForFunction((label) => document.querySelector(".stage")?.ariaLabel === label, `Board with ${shapeCount} shapes`);
    await page.evaluate(() => {
      const ask = requestAnimationFrame.bind(globalThis);
      const seen = { gaps: [] as number[], work: [] as number[] };
      Object.assign(globalThis, { seen });
      globalThis.requestAnimationFrame = (run) =>
        ask((now) => {
          const from = performance.now();
          run(now);
          seen.work.push(performance.now() - from);
        });
      let last = performance.now();
      const tick = (now: number): void => {
        seen.gaps.push(now - last);
        last = now;
        ask(tick);
      };
      ask(tick);
    });
    const round = async (count: number): Promise<Figures> => {
      const drawers = fork(new URL(import.meta.url), ["draw", url, String(count)], { execArgv: process.execArgv });
      await page.waitForFunction((wanted) => document.querySelectorAll(".person").length >= wanted, count);
      await sleep(2500);
      await page.evaluate(() => Object.values((globalThis as unknown as { seen: Record<string, number[]> }).seen).forEach((each) => each.splice(0)));
      await sleep(roundMs);
      const seen = await page.evaluate(() => (globalThis as unknown as { seen: { gaps: number[]; work: number[] } }).seen);
      if (process.env["PICTURE"]) await page.screenshot({ path: process.env["PICTURE"] });
      drawers.kill();
      await page.waitForFunction(() => document.querySelectorAll(".person").length === 0);
      const figures = { frameMs: percentile(seen.gaps, 0.95), workMs: percentile(seen.work, 0.95), frames: seen.gaps.length };
      console.log(`${count} drawers: frame p95 ${figures.frameMs.toFixed(1)} ms, work p95 ${figures.workMs.toFixed(1)} ms, ${figures.frames} frames`);
      return figures;
    };
    const one: Figures[] = [];
    const many: Figures[] = [];
    for (let at = 0; at < rounds; at++) {
      one.push(await round(1));
      many.push(await round(drawerCount));
    }
    const ratio = median(many.map(({ frameMs }, at) => frameMs / (one[at] as Figures).frameMs));
    console.log(`${drawerCount} drawers to one, ${shapeCount} shapes: p95 of a frame's time x ${ratio.toFixed(2)} (median of ${rounds} rounds)`);
    process.exitCode = ratio <= 2 ? 0 : 1;
  } finally {
    await browser.close();
    await close();
  }
}

const [role, url = "", count = "0"] = process.argv.slice(2);
if (role === "draw") await Promise.all(Array.from({ length: Number(count) }, (_, at) => drawOn(url, `Drawer ${at + 1}`)));
else await measure();
