/** Compaction in another thread: the same result as here, and nothing lost of what is written meanwhile. */

import type { Worker } from "node:worker_threads";
import { SyncError } from "sente-sync";
import type { ServerDoc } from "sente-sync/doc/server";
import { createServer } from "sente-sync/server";
import { expect, onTestFinished, test, vi } from "vitest";
import { coreOf } from "../../src/server/core.ts";
import { createJoiner, type Joiner, joinerOf } from "../../src/server/doc/joiner.ts";
import { joined } from "../../src/server/doc/view.ts";
import { createWorld } from "./world.ts";
import { contentOf, docOf, randomUpdates } from "./yjs.ts";

/** Updates that are large enough to be joined elsewhere. */
function large(seed: string): Uint8Array[] {
  const updates = [...randomUpdates(seed)];
  const more = docOf(updates);
  more.clientID = 5;
  more.on("update", (update: Uint8Array) => updates.push(update));
  more.getText("text").insert(0, "x".repeat(70_000));
  more.getText("text").delete(10, 30_000);
  return updates;
}

function open(start?: () => Worker): { readonly joiner: Joiner; readonly errors: unknown[] } {
  const errors: unknown[] = [];
  const joiner = createJoiner((error) => errors.push(error), start);
  onTestFinished(() => joiner.close());
  return { joiner, errors };
}

test("VDOC14 what is large is joined in another thread, and is the same as if it were joined here", async () => {
  const { joiner, errors } = open();
  const all = ["one", "two", "three"].map(large);
  const made = await Promise.all(all.map((updates) => joiner.join(updates)));
  expect(joiner.count).toBe(3);
  for (const [index, update] of made.entries()) {
    const updates = all[index] as Uint8Array[];
    expect(contentOf(docOf([update]))).toEqual(contentOf(docOf(updates)));
    expect(update).toEqual(joined(updates));
  }
  expect(errors).toEqual([]);
});

test("VDOC14 what is small is joined here", async () => {
  const { joiner } = open(() => {
    throw new Error("no thread is begun");
  });
  const updates = randomUpdates("small");
  expect(contentOf(docOf([await joiner.join(updates)]))).toEqual(contentOf(docOf(updates)));
  expect(joiner.count).toBe(0);
});

test("VDOC14 where no thread can be begun, or it dies, the work is done here", async () => {
  const updates = large("fallback");
  const none = open(() => {
    throw new Error("no threads here");
  });
  expect(await none.joiner.join(updates)).toEqual(joined(updates));
  const { Worker } = await import("node:worker_threads");
  const dying = open(() => new Worker("throw new Error('dead')", { eval: true }));
  expect(await dying.joiner.join(updates)).toEqual(joined(updates));
  expect(dying.errors).toHaveLength(1);
  expect(dying.joiner.isAway(updates)).toBe(false);
  expect(await dying.joiner.join(updates)).toEqual(joined(updates));
});

test("VDOC14 a server in virtual time joins here, another one in its thread", async () => {
  const updates = large("virtual");
  expect(joinerOf(coreOf(createWorld().sync)).isAway(updates)).toBe(false);
  const sync = createServer();
  expect(joinerOf(coreOf(sync)).isAway(updates)).toBe(true);
  await sync.close();
  expect(joinerOf(coreOf(sync)).isAway(updates)).toBe(false);
});

/** A thread that never answers what is marked so, and else gives back what it was given first. */
const hanging = `
const { parentPort } = require("node:worker_threads");
parentPort.on("message", ([first]) => {
  if (first[0] !== 7) parentPort.postMessage(first);
});`;

test("VDOC19 what takes the thread too long is given up, and done nowhere; those behind it are joined", async () => {
  const { Worker } = await import("node:worker_threads");
  const begun: Worker[] = [];
  const errors: unknown[] = [];
  const start = (): Worker => {
    const worker = new Worker(hanging, { eval: true });
    begun.push(worker);
    return worker;
  };
  const joiner = createJoiner((error) => errors.push(error), start, 4000);
  onTestFinished(() => joiner.close());
  const marked = (mark: number): Uint8Array[] => [new Uint8Array(70_000).fill(mark)];
  const [bad, good, late] = [joiner.join(marked(7)), joiner.join(marked(1)), joiner.join(marked(2))];
  await expect(bad).rejects.toMatchObject({ code: "timeout" });
  expect([(await good)[0], (await late)[0]]).toEqual([1, 2]);
  expect([begun.length, joiner.count, joiner.isAway(marked(1)), errors]).toEqual([2, 2, true, []]);
});

/** A document whose updates are joined as if it were elsewhere; `meanwhile` happens before they are. */
async function compacting(
  meanwhile: (served: ServerDoc) => void,
): Promise<{ readonly served: ServerDoc; readonly count: number }> {
  const world = createWorld();
  const ada = await world.page("ada");
  const served = await world.family.open({ id: "1" });
  const joiner = joinerOf(coreOf(world.sync));
  vi.spyOn(joiner, "isAway").mockReturnValue(true);
  const join = vi.spyOn(joiner, "join").mockImplementation(async (updates) => {
    ada.type(0, "before ");
    await Promise.resolve();
    meanwhile(served);
    return joined(updates);
  });
  for (let i = 0; i < 500; i++) served.transact((note) => note.getText("text").insert(0, `${i} `));
  served.transact((note) => note.getText("text").delete(3, 100));
  await world.advance(2500);
  await world.advance(100);
  expect(join).toHaveBeenCalledTimes(1);
  expect(docOf(served.updates).getText("text").toString()).toBe(ada.text);
  expect(ada.text).toContain("before ");
  expect(contentOf(docOf([served.encode()]))).toEqual(contentOf(ada.note.doc));
  expect(world.errors).toEqual([]);
  return { served, count: served.updates.length };
}

test("VDOC15 what is written while a document is joined elsewhere is behind what was joined", async () => {
  const { served, count } = await compacting((own) => own.transact((note) => note.getText("text").insert(0, "more ")));
  expect(count).toBe(3);
  expect(docOf(served.updates).getText("text").toString()).toContain("more ");
});

test("VDOC19 a document that cannot be joined in time is told of once, and goes on as it is", async () => {
  const world = createWorld();
  const served = await world.family.open({ id: "1" });
  const joiner = joinerOf(coreOf(world.sync));
  vi.spyOn(joiner, "isAway").mockReturnValue(true);
  const join = vi.spyOn(joiner, "join").mockRejectedValue(new SyncError("timeout", "It took too long."));
  for (let round = 1; round < 3; round++) {
    for (let i = 0; i < 500; i++) served.transact((note) => note.getText("text").insert(0, "x"));
    await world.advance(40_000);
  }
  expect([join.mock.calls.length, world.errors.length, served.updates.length]).toEqual([1, 1, 1000]);
  served.transact((note) => note.getText("text").insert(0, "goes on"));
  expect(docOf(served.updates).getText("text").length).toBe(1007);
});

test("VDOC15 what was joined elsewhere is thrown away where the document was joined meanwhile", async () => {
  const { count } = await compacting((own) => {
    own.compact();
    own.transact((note) => note.getText("text").insert(0, "more "));
  });
  expect(count).toBe(3);
});
