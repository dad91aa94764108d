/** Batches end to end: shown at once, stored or taken back in all topics, over lines that break and pages that die. */
import { defineChannel, defineShared, defineStore, SyncError, type } from "sente-sync";
import {
  batch,
  type ClientOptions,
  channel,
  createUndoHistory,
  type Receipt,
  rejectedWrites,
  shared,
  store,
  syncStatus,
} from "sente-sync/client";
import { type ServerOptions, channel as serveChannel, shared as serveShared, store as serveStore } from "sente-sync/server";
import { expect, test } from "vitest";
import { createWorld, type World } from "../server/world.ts";
import { jointStorage } from "../support/joint-log.ts";
import { createLies } from "./lying-connector.ts";
import { codeOf, createOutboxWorld, MemoryDisk } from "./outbox-world.ts";

const plan = defineShared("plan", { initial: { title: "", done: 0 } });
const list = defineStore("list", {
  initial: { items: [] as string[] },
  mutations: {
    add: (draft, item: string) => void draft.items.push(item),
    onServer(draft, item: string, ctx) {
      if (draft.items.includes(item)) ctx.reject("app/there", "It is there.");
      draft.items.push(item);
    },
  },
});
const news = defineChannel("news", { events: { said: type<unknown>() } });

function serve(sync: World["sync"]) {
  const tree = serveShared(sync, plan);
  const items = serveStore(sync, list, {
    validate({ input }) {
      if (input === "never") throw new SyncError("app/no");
    },
  });
  serveChannel(sync, news);
  return () => [tree.get(), items.get().items];
}

async function open(options: ServerOptions = {}) {
  const world = createWorld(options);
  return { world, values: serve(world.sync) };
}

async function someone(world: World, options: ClientOptions = {}) {
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector, ...options });
  const [tree, items] = [shared(client, plan), store(client, list)];
  const seen: unknown[] = [];
  const look = (): unknown => [tree.get()?.title, items.get()?.items];
  tree.listen((_, { cause }) => void seen.push(["plan", cause, look()]));
  items.listen((_, { cause }) => void seen.push(["list", cause, look()]));
  await world.advance(100);
  seen.length = 0;
  return { lies, client, tree, items, seen, look };
}

const batchesIn = (said: readonly string[]): string[] => said.filter((frame) => frame.includes(":sync/batch"));

test("BATCH10 and BATCH12 shown at once, told once it is over, one message, one receipt, one entry in each", async () => {
  const { world, values } = await open();
  const ada = await someone(world);
  const bob = await someone(world);
  const inside: unknown[] = [];
  const receipts: Receipt[] = [];
  const receipt = batch(ada.client, () => {
    receipts.push(ada.tree.set(["title"], "a"), ada.items.do.add("one"), ada.items.do.add("two"));
    ada.tree.update((draft) => void draft.done++);
    inside.push(ada.look(), ada.seen.length, ada.items.pending);
  });
  const now = ["a", ["one", "two"]];
  expect([inside, receipts.every((each) => each === receipt), receipt.status]).toEqual([[now, 0, 1], true, "local"]);
  expect(ada.seen).toEqual([
    ["plan", "local", now],
    ["list", "local", now],
  ]);
  await world.advance(100);
  expect([receipt.status, receipt.offset, receipt.durability, batchesIn(ada.lies.said).length]).toEqual([
    "stored",
    undefined,
    "memory",
    1,
  ]);
  expect([values(), bob.look(), ada.look(), ada.items.pending]).toEqual([[{ title: "a", done: 1 }, ["one", "two"]], now, now, 0]);
  expect(bob.seen.map((each) => (each as unknown[]).slice(0, 2))).toEqual([
    ["plan", "entries"],
    ["list", "entries"],
  ]);
  expect(world.errors).toEqual([]);
  // One topic alone: a write like any other.
  const alone = batch(ada.client, () => {
    ada.items.do.add("three");
    ada.items.do.add("four");
  });
  await world.advance(100);
  expect([alone.status, alone.offset, batchesIn(ada.lies.said).length]).toEqual(["stored", 2, 1]);
  expect(bob.look()).toEqual(["a", ["one", "two", "three", "four"]]);
  expect(batch(ada.client, () => {}).status).toBe("stored");
});

test("BATCH11 what throws has written nothing; asynchronous, nested, or with another kind it is refused", async () => {
  const { world, values } = await open();
  const { client, tree, items, look, seen, lies } = await someone(world);
  const room = channel(client, news);
  const write = (): void => {
    tree.set(["title"], "a");
    items.do.add("one");
  };
  const codes = [
    () => {
      write();
      throw new SyncError("app/mine");
    },
    () => {
      write();
      room.publish("said", 1);
    },
    () => {
      write();
      batch(client, () => {});
    },
    async () => {
      write();
      throw new Error("later");
    },
  ].map((run) => {
    try {
      return batch(client, run).status;
    } catch (error) {
      return (error as SyncError).code;
    }
  });
  expect(codes).toEqual(["app/mine", "unsupported", "invalid", "invalid"]);
  expect([look(), seen, tree.history.canUndo.get(), items.pending]).toEqual([["", []], [], false, 0]);
  await world.advance(100);
  expect([values(), lies.said.filter((frame) => /:sync\/(batch|write)/.test(frame))]).toEqual([[{ title: "", done: 0 }, []], []]);
  // What is rejected here, and caught, leaves the rest.
  batch(client, () => {
    items.do.add("x");
    expect(() => items.do.onServer("x")).toThrow(expect.objectContaining({ code: "app/there" }));
    tree.set(["title"], "b");
  });
  await world.advance(100);
  expect(values()).toEqual([{ title: "b", done: 0 }, ["x"]]);
  // Nothing but that: nothing is sent.
  batch(client, () => {
    expect(() => items.do.onServer("x")).toThrow();
    tree.set(["title"], "c");
  });
  await world.advance(100);
  expect([values(), batchesIn(lies.said).length]).toEqual([[{ title: "c", done: 0 }, ["x"]], 1]);
});

test("BATCH14 what the server rejects is taken back everywhere before anybody is told, and can be tried again", async () => {
  const { world, values } = await open();
  const ada = await someone(world);
  const bob = await someone(world);
  const rejected = rejectedWrites(ada.client);
  bob.items.do.onServer("x");
  // Bob's is there first.
  const receipt = batch(ada.client, () => {
    ada.tree.set(["title"], "a");
    ada.items.do.onServer("x");
  });
  expect(ada.look()).toEqual(["a", ["x"]]);
  const code = codeOf(receipt);
  await world.advance(100);
  expect([await code, receipt.status, ada.look(), values()]).toEqual([
    "app/there",
    "rejected",
    ["", ["x"]],
    [{ title: "", done: 0 }, ["x"]],
  ]);
  // Nobody saw one of them without the other.
  expect(ada.seen.map((each) => (each as [string, string, [string, string[]]])[2])).not.toContainEqual(["a", []]);
  const [entry, ...others] = rejected.get();
  expect([
    others,
    entry?.topic,
    entry?.kind,
    entry?.code,
    ((entry?.op ?? []) as unknown[][]).map(([topic, kind]) => [topic, kind]),
  ]).toEqual([
    [],
    "list",
    "batch",
    "app/there",
    [
      ["plan", "shared"],
      ["list", "store"],
    ],
  ]);
  expect(entry?.error.data).toEqual({ topic: "list" });
  // It still fails here, and is on the list again.
  expect(entry?.retry().status).toBe("rejected");
  const [plainly] = rejected.get();
  const parts = plainly?.op as [string, string, [string, unknown[][], string]][];
  const [, input, id] = (parts[1] as (typeof parts)[number])[2];
  const other = [["onServer", "y", (input[0] as unknown[])[2]]];
  const again = plainly?.edit([parts[0], ["list", "store", ["sync/all", other, id]]]) as Receipt;
  expect(ada.look()).toEqual(["a", ["x", "y"]]);
  await world.advance(100);
  expect([again.status, rejected.get(), values()]).toEqual(["stored", [], [{ title: "a", done: 0 }, ["x", "y"]]]);
});

test("BATCH13 it waits behind what was written before in each topic, and what is written later waits behind it", async () => {
  const { world, values } = await open();
  const { client, tree, items, lies } = await someone(world);
  tree.set(["title"], "first");
  const receipt = batch(client, () => {
    tree.set(["title"], "batch");
    items.do.add("batch");
  });
  tree.set(["done"], 1);
  items.do.add("last");
  await world.advance(100);
  expect([receipt.status, values()]).toEqual(["stored", [{ title: "batch", done: 1 }, ["batch", "last"]]]);
  const order = lies.said.flatMap((frame) => /:sync\/(batch|write)/.exec(frame)?.[1] ?? []);
  expect(order).toEqual(["write", "batch", "write", "write"]);
});

test("BATCH13 and BATCH7 over lines that break it is done once: before it was heard, and after, with its answer lost", async () => {
  for (const isHeard of [false, true]) {
    const { world, values } = await open();
    const { client, tree, items, lies } = await someone(world);
    lies.hear = (text) => (/:sync\/(ack|reject)/.test(text) ? undefined : text);
    if (!isHeard) lies.cut();
    items.do.add("before");
    const receipt = batch(client, () => {
      items.do.add("one");
      tree.update((draft) => void draft.done++);
    });
    const after = items.do.add("after");
    if (isHeard) await world.advance(100);
    expect(receipt.status).toBe(isHeard ? "sent" : "local");
    lies.hear = (text) => text;
    lies.cut();
    await world.advance(20_000);
    expect([receipt.status, after.status, values()]).toEqual([
      "stored",
      "stored",
      [{ title: "", done: 1 }, ["before", "one", "after"]],
    ]);
    expect([batchesIn(lies.said).length, items.pending, syncStatus(client).get().pending]).toEqual([isHeard ? 2 : 1, 0, 0]);
  }
});

test("BATCH13 under a new session only what is idempotent in all its parts is sent again", async () => {
  const other = defineShared("other", { initial: { n: 0 } });
  const world = createOutboxWorld();
  const start = () => {
    serveShared(world.sync, other);
    return serve(world.sync);
  };
  start();
  const tab = world.tab();
  await world.advance(100);
  const [tree, items, second] = [shared(tab.client, plan), store(tab.client, list), shared(tab.client, other)];
  for (const handle of [tree, items, second]) handle.keep();
  await world.advance(100);
  tab.deaf();
  const mixed = batch(tab.client, () => {
    tree.set(["title"], "a");
    items.do.add("one");
  });
  const trees = batch(tab.client, () => {
    tree.set(["done"], 5);
    second.set(["n"], 5);
  });
  await world.advance(100);
  const code = codeOf(mixed);
  tab.lies.hear = (text) => text;
  world.replaceServer();
  const values = start();
  await world.advance(20_000);
  expect([await code, trees.status, values(), tab.pending]).toEqual(["session-lost", "stored", [{ title: "", done: 5 }, []], 0]);
  expect(tab.rejected.get().map(({ kind }) => kind)).toEqual(["batch"]);
});

test("BATCH14 and BATCH9 a server that does not say that it takes batches is sent none", async () => {
  const { world, values } = await open();
  const { client, tree, items, lies } = await someone(world);
  lies.hear = (text) => text.replace(" :batch", "");
  lies.cut();
  await world.advance(5000);
  const receipt = batch(client, () => {
    tree.set(["title"], "a");
    items.do.add("one");
  });
  const later = items.do.add("two");
  const code = codeOf(receipt);
  await world.advance(100);
  expect([await code, later.status, batchesIn(lies.said)]).toEqual(["unsupported", "stored", []]);
  expect([values(), tree.get()?.title]).toEqual([[{ title: "", done: 0 }, ["two"]], ""]);
});

test("BATCH16 where one of its topics has no room, or there are too many, nothing is written; a closed client writes nothing", async () => {
  const { world } = await open();
  const { client, tree, items, lies, look } = await someone(world, { limits: { maxPending: 2 } });
  lies.cut();
  items.do.add("1");
  items.do.add("2");
  const run = (): Receipt =>
    batch(client, () => {
      tree.set(["title"], "a");
      items.do.add("3");
    });
  const receipt = run();
  expect([receipt.status, await codeOf(receipt), look()]).toEqual(["rejected", "backpressure", ["", ["1", "2"]]]);
  const many = defineShared("many/:n", { initial: { n: 0 } });
  const all = Array.from({ length: 65 }, (_, n) => shared(client, many({ n: `${n}` })));
  const tooMany = batch(client, () => {
    for (const each of all) each.set(["n"], 1);
  });
  expect([await codeOf(tooMany), all[0]?.get()]).toEqual(["limit", undefined]);
  client.close();
  expect(await codeOf(run())).toBe("closed");
});

test("BATCH8 a log that fails: the batch is rejected, and is nowhere", async () => {
  const storage = jointStorage();
  const world = createWorld({ storage });
  serve(world.sync);
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      await world.advance(10);
    }
  };
  const client = world.client();
  const [tree, items] = [shared(client, plan), store(client, list)];
  tree.keep();
  items.keep();
  await turns();
  const run = (): Receipt =>
    batch(client, () => {
      tree.set(["title"], "a");
      items.do.add("one");
    });
  storage.hold = true;
  const receipt = run();
  const code = codeOf(receipt);
  await turns();
  storage.fault = new SyncError("read-only", "Full.");
  storage.release();
  await turns();
  expect([await code, tree.get()?.title, items.get()?.items]).toEqual(["read-only", "", []]);
  storage.fault = undefined;
  storage.hold = false;
  const again = run();
  await turns();
  expect([again.status, again.durability, tree.get()?.title, items.get()?.items]).toEqual(["stored", "strict", "a", ["one"]]);
});

test("BATCH15 it outlives its page as one: not sent, sent and heard, sent and lost, or only half kept", async () => {
  for (const fate of ["unsent", "heard", "numbered", "half"] as const) {
    const world = createOutboxWorld();
    const values = serve(world.sync);
    const disk = new MemoryDisk();
    const tab = world.tab(disk);
    const [tree, items] = [shared(tab.client, plan), store(tab.client, list)];
    tree.keep();
    items.keep();
    await world.advance(100);
    if (fate === "unsent" || fate === "half") tab.offline();
    if (fate === "heard") tab.deaf();
    if (fate === "numbered") {
      // It is kept with its numbers, and never sent.
      const line = tab.lies.lines.at(-1);
      tab.lies.hear = () => undefined;
      if (line) line.send = () => true;
    }
    const before = disk.saves;
    batch(tab.client, () => {
      tree.update((draft) => void draft.done++);
      items.do.add("one");
    });
    await world.advance(100);
    // With its numbers, where it has them.
    expect(disk.saves - before).toBe(1);
    tab.kill();
    await world.advance(100);
    if (fate === "half") {
      for (const rows of disk.records.values()) {
        const [key] = [...rows].find(([, text]) => text.includes('"store"')) ?? [""];
        rows.delete(key);
      }
    }
    const next = world.tab(disk);
    await world.advance(30_000);
    const isDone = fate !== "half";
    expect([fate, values(), next.pending, disk.text]).toEqual([
      fate,
      [{ title: "", done: isDone ? 1 : 0 }, isDone ? ["one"] : []],
      0,
      "",
    ]);
    expect(next.rejected.get().map(({ kind, code }) => [kind, code])).toEqual(isDone ? [] : [["batch", "invalid"]]);
    expect(next.errors).toEqual([]);
  }
});

test("UNDO8 what a batch wrote is one step of the histories of its topics", async () => {
  const { world } = await open();
  const client = world.client();
  const history = createUndoHistory();
  const other = defineShared("other", { initial: { n: 0 } });
  serveShared(world.sync, other);
  const [tree, second] = [shared(client, plan, { history }), shared(client, other, { history })];
  tree.keep();
  second.keep();
  await world.advance(100);
  batch(client, () => {
    tree.set(["title"], "a");
    second.set(["n"], 1);
    tree.set(["title"], "b");
  });
  expect(history.undo()?.changed).toHaveLength(2);
  expect([tree.get()?.title, second.get()?.n, history.canUndo.get()]).toEqual(["", 0, false]);
});
