/** Power is lost while batches are under way: the log has all parts of each, or none, and what is sent again is done once. */
import { defineShared, defineStore } from "sente-sync";
import { batch, createClient, type Receipt, shared, store } from "sente-sync/client";
import { createServer, shared as serveShared, store as serveStore } from "sente-sync/server";
import { createRng, faultyStorage, virtualClock } from "sente-sync/testing";
import { memoryConnector } from "sente-sync/transports/memory";
import { expect, test } from "vitest";

const plan = defineShared("plan", { initial: { count: 0 } });
const list = defineStore("list", {
  initial: { items: [] as number[] },
  mutations: { add: (draft, item: number) => void draft.items.push(item) },
});
const batches = 12;

test("BATCH5 and BATCH7 after a loss of power the log has whole batches, and each is done once in the end", async () => {
  const cut = new Set<number>();
  for (let seed = 1; seed <= 24; seed++) {
    const rng = createRng(seed);
    const clock = virtualClock({ seed });
    const env = clock.envFor("world");
    const errors: unknown[] = [];
    const onError = (error: unknown): void => void errors.push(error);
    const storage = faultyStorage({ rng, latencyMs: 3 }, { segmentBytes: 4096 });
    const serve = () => {
      const sync = createServer({ env, storage, onError });
      return { sync, tree: serveShared(sync, plan), items: serveStore(sync, list) };
    };
    let served = serve();
    const until = async (isDone: () => boolean): Promise<void> => {
      for (let i = 0; i < 500 && !isDone(); i++) {
        await new Promise((resolve) => setImmediate(resolve));
        await clock.advance(20);
      }
    };
    const load = async (): Promise<void> => {
      let isLoaded = false;
      void Promise.all([served.tree.ready, served.items.ready]).then(() => (isLoaded = true));
      await until(() => isLoaded);
    };
    await load();
    const client = createClient("memory://server/chsk", {
      env,
      onError,
      connector: memoryConnector((transport, url) => void served.sync.accept(transport, url), env),
    });
    const [tree, items] = [shared(client, plan), store(client, list)];
    tree.keep();
    items.keep();
    await until(() => items.get() !== undefined && tree.get() !== undefined);

    const receipts: Receipt[] = [];
    for (let i = 1; i <= batches; i++) {
      receipts.push(
        batch(client, () => {
          tree.set(["count"], i);
          items.do.add(i);
        }),
      );
      await clock.advance(rng.int(12));
    }
    storage.disk.crash(rng.fork("power"));
    const acknowledged = receipts.filter(({ status }) => status === "stored").length;
    const before = served.sync;
    served = serve();
    void before.close();
    await load();
    const { count } = served.tree.get();
    expect([seed, served.items.get().items.length]).toEqual([seed, count]);
    expect(count).toBeGreaterThanOrEqual(acknowledged);
    cut.add(count);

    await until(() => receipts.every(({ status }) => status === "stored"));
    const all = Array.from({ length: batches }, (_, index) => index + 1);
    expect([receipts.map(({ status }) => status), served.items.get().items, served.tree.get(), tree.get(), items.get()]).toEqual([
      receipts.map(() => "stored"),
      all,
      { count: batches },
      { count: batches },
      { items: all },
    ]);
    client.close();
    let isClosed = false;
    void served.sync.close().then(() => (isClosed = true));
    await until(() => isClosed);
    expect([isClosed, errors]).toEqual([true, []]);
  }
  // It went off in the middle.
  expect(cut.size).toBeGreaterThan(3);
});
