/** What an application sees of its writes. Rules: docs/protocol/writes.md OUTBOX5-OUTBOX8. */
import { preventUnload, rejectedWrites, syncStatus } from "sente-sync/client";
import { expect, onTestFinished, test } from "vitest";
import { createOutboxWorld, MemoryDisk } from "./outbox-world.ts";

test("OUTBOX5 syncStatus counts what has no answer yet, over all topics, and is one store per client", async () => {
  const world = createOutboxWorld();
  const tab = world.tab();
  await world.advance(10);
  const status = syncStatus(tab.client);
  expect(syncStatus(tab.client)).toBe(status);
  const told: unknown[] = [];
  const stop = status.subscribe((value) => told.push(value));
  expect(status.get()).toBe(status.get());
  tab.offline();
  tab.room.publish("said", 1);
  tab.room.publish("said", 2);
  tab.lies.refuse = false;
  await world.advance(3000);
  expect(told).toEqual([
    { status: "synchronized", pending: 0 },
    { status: "synchronizing", pending: 1 },
    { status: "synchronizing", pending: 2 },
    { status: "synchronized", pending: 0 },
  ]);
  stop();
  tab.room.publish("said", 3);
  tab.client.close();
  expect([status.get().pending, told.length]).toEqual([0, 4]);
});

/** The page's own events. */
function createPage() {
  const listeners = new Set<(event: { preventDefault(): void }) => void>();
  const globals = globalThis as Record<string, unknown>;
  globals["addEventListener"] = (name: string, run: () => void) => name === "beforeunload" && listeners.add(run);
  globals["removeEventListener"] = (name: string, run: () => void) => name === "beforeunload" && listeners.delete(run);
  onTestFinished(() => {
    delete globals["addEventListener"];
    delete globals["removeEventListener"];
  });
  return {
    listeners,
    /** A person closes it: is it asked? */
    leave(): boolean {
      let asked = false;
      for (const run of listeners) run({ preventDefault: () => void (asked = true) });
      return asked;
    },
  };
}

test("OUTBOX6 preventUnload asks while something is on its way, and listens only then", async () => {
  const page = createPage();
  const world = createOutboxWorld();
  const tab = world.tab();
  await world.advance(10);
  const stop = preventUnload(tab.client);
  expect(page.listeners.size).toBe(0);
  tab.offline();
  tab.room.publish("said", 1);
  expect(page.leave()).toBe(true);
  tab.lies.refuse = false;
  await world.advance(3000);
  expect(page.listeners.size).toBe(0);
  tab.offline();
  tab.room.publish("said", 2);
  expect(page.leave()).toBe(true);
  stop();
  expect(page.listeners.size).toBe(0);
});

test("OUTBOX6 preventUnload asks nothing once a storage has it all; while the disk fails it does", async () => {
  const page = createPage();
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  const tab = world.tab(disk);
  await world.advance(10);
  preventUnload(tab.client);
  tab.offline();
  tab.room.publish("said", 1);
  expect(page.leave()).toBe(true);
  await world.advance(10);
  expect(page.leave()).toBe(false);
  disk.fault = new Error("full");
  tab.room.publish("said", 2);
  await world.advance(10);
  expect(page.leave()).toBe(true);
});

test("OUTBOX7 a rejected write blocks nothing; it can be tried again, changed and given up", async () => {
  let refused = new Set<unknown>(["bad", "worse"]);
  const world = createOutboxWorld({ authorize: () => true });
  const tab = world.tab();
  await world.advance(10);
  const { rejected } = tab;
  expect(rejectedWrites(tab.client)).toBe(rejected);
  const told: number[] = [];
  rejected.listen((all) => told.push(all.length));
  const validating = world.validating(({ data }) => refused.has(data));
  const receipts = ["bad", "good", "worse"].map((text) => validating(tab).publish("said", text));
  await world.advance(10);
  expect(receipts.map(({ status }) => status)).toEqual(["rejected", "stored", "rejected"]);
  const [bad, worse] = rejected.get();
  expect([bad?.code, bad?.topic, bad?.op, worse?.op]).toEqual(["invalid", "checked", ["said", "bad"], ["said", "worse"]]);
  expect(bad?.id).not.toBe(worse?.id);
  const changed = bad?.edit(["said", "better"]);
  worse?.discard();
  worse?.discard();
  await world.advance(10);
  expect([changed?.status, rejected.get(), told]).toEqual(["stored", [], [1, 2, 1, 0]]);
  refused = new Set(["late"]);
  validating(tab).publish("said", "late");
  await world.advance(10);
  refused = new Set();
  // From within the list's own listener, too.
  const again = rejected.get()[0]?.retry();
  await world.advance(10);
  expect([again?.status, rejected.get()]).toEqual(["stored", []]);
});

test("OUTBOX7 what the client's own end takes along, and what was refused at once, is not on the list", async () => {
  const world = createOutboxWorld();
  const tab = world.tab(undefined, "ada", { limits: { maxPending: 1 } });
  await world.advance(10);
  tab.offline();
  tab.room.publish("said", 1);
  expect(tab.room.publish("said", 2).status).toBe("rejected");
  tab.client.close();
  expect(tab.rejected.get()).toEqual([]);
});

test("OUTBOX7 who writes again from within a listener loses nothing", async () => {
  const world = createOutboxWorld();
  const tab = world.tab();
  await world.advance(10);
  tab.deaf();
  for (const text of ["a", "b"]) tab.room.publish("said", text);
  await world.advance(10);
  tab.offline();
  tab.room.publish("said", "c");
  tab.rejected.listen((all) => all[0]?.retry());
  world.replaceServer();
  world.stored.length = 0;
  tab.lies.hear = (text) => text;
  tab.lies.refuse = false;
  await world.advance(5000);
  expect([world.stored, tab.pending, tab.rejected.get(), tab.errors]).toEqual([["c", "a", "b"], 0, [], []]);
});

test("OUTBOX8 the list holds the newest, as many as its limit, and counts what it dropped", async () => {
  const world = createOutboxWorld();
  const tab = world.tab(undefined, "ada", { hydrate: "" });
  await world.advance(10);
  const validating = world.validating(() => true);
  for (let n = 0; n < 103; n++) validating(tab).publish("said", n);
  await world.advance(100);
  expect([tab.rejected.get().length, tab.rejected.dropped]).toEqual([100, 3]);
  expect(tab.rejected.get()[0]?.op).toEqual(["said", 3]);
});
