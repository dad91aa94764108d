/**
 * A deployment over real sockets and a real folder: a server of version 1 gives way to one of version 2, with clients of both, and what
 * was written offline meanwhile.
 * Rules: docs/protocol/versions.md VERSION3, VERSION5, VERSION7, VERSION9, VERSION13.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineAtom, defineShared, defineStore } from "sente-sync";
import { atom as atomOn, type Client, createClient, shared as sharedOn, store as storeOn, syncStatus } from "sente-sync/client";
import { folder as outboxFolder } from "sente-sync/client/folder";
import { atom, createServer, shared, store } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import { expect, onTestFinished, test, vi } from "vitest";

interface Plan1 {
  name: string;
  notes: { [id: string]: string };
}
interface Plan2 {
  title: string;
  notes: { [id: string]: { text: string; color: string } };
}
const noPlan1: Plan1 = { name: "", notes: {} };
const noPlan2: Plan2 = { title: "", notes: {} };
const plan1 = defineShared("plan", { initial: noPlan1 });
const plan2 = defineShared("plan", {
  version: 2,
  initial: noPlan2,
  migrations: {
    2: {
      up: ({ name, notes }: Plan1): Plan2 => ({
        title: name,
        notes: Object.fromEntries(Object.entries(notes).map(([id, text]) => [id, { text, color: "none" }])),
      }),
      down: ({ title, notes }: Plan2): Plan1 => ({
        name: title,
        notes: Object.fromEntries(Object.entries(notes).map(([id, { text }]) => [id, text])),
      }),
    },
  },
});
const count1 = defineStore("count", { initial: { n: 0 }, mutations: { add: (draft, by: number) => void (draft.n += by) } });
const count2 = defineStore("count", {
  version: 2,
  initial: { total: 0, calls: 0 },
  mutations: {
    add(draft, by: number) {
      draft.total += by;
      draft.calls++;
    },
  },
  migrations: {
    2: { up: ({ n }: { n: number }) => ({ total: n, calls: 0 }), down: ({ total }: { total: number }) => ({ n: total }) },
  },
});
const news1 = defineAtom("news", { initial: "old" });
const news2 = defineAtom("news", { version: 2, initial: { text: "new" } });

const soon = (run: () => unknown): Promise<unknown> => vi.waitFor(run, { timeout: 40_000, interval: 5 });

async function newFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "sente-sync-versions-"));
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 20 }));
  return path;
}

async function contentsOf(path: string): Promise<string> {
  const files = (await readdir(path)).map((file) => readFile(join(path, file), "utf8").catch(() => ""));
  return (await Promise.all(files)).join("\n");
}

test("VERSION3, VERSION5, VERSION7, VERSION9 and VERSION13 a server of version 2 takes over: clients of both, offline writes, one folder", async () => {
  const path = await newFolder();
  const outbox = await newFolder();
  let sync: ReturnType<typeof createServer> | undefined;
  let port = 0;
  const start = async (declare: (server: object) => void): Promise<void> => {
    sync = createServer({ storage: folder(path) });
    declare(sync);
    port = await sync.listen(port);
  };
  const clients: Client[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.close();
    await sync?.close();
  });
  const connect = (storage?: string): Client => {
    const client: Client = createClient(`ws://127.0.0.1:${port}/chsk`, {
      reconnect: { maxDelayMs: 50 },
      lingerMs: 50,
      ...(storage && { storage: outboxFolder(storage) }),
    });
    clients.push(client);
    return client;
  };
  await start((server) => {
    shared(server, plan1);
    store(server, count1);
    atom(server, news1);
  });
  const old = connect();
  const oldPlan = sharedOn(old, plan1);
  const oldCount = storeOn(old, count1);
  const oldNews = atomOn(old, news1);
  oldPlan.subscribe(() => {});
  oldCount.subscribe(() => {});
  oldNews.subscribe(() => {});
  await oldPlan.set(["name"], "Move").stored;
  await oldPlan.set(["notes", "a"], "pack").stored;
  await oldCount.do.add(5).stored;
  await oldNews.ready;
  const dying = connect(outbox);
  const dyingPlan = sharedOn(dying, plan1);
  await dyingPlan.ready;

  // One that was deployed too early is told so, and waits.
  const eager = sharedOn(connect(), plan2);
  eager.subscribe(() => {});
  await soon(() => expect(eager.readOnly.get()).toEqual({ code: "version", have: 2, need: 1 }));

  await sync?.close();
  await soon(() => expect(old.status.get().name).toBe("reconnecting"));
  const offline = [oldPlan.set(["notes", "b"], "carry"), oldPlan.set(["name"], "Move out"), oldCount.do.add(2)];
  dyingPlan.set(["notes", "c"], "written before the reload");
  await soon(() => expect(syncStatus(dying).get().pending).toBe(1));
  await soon(async () => expect(await contentsOf(outbox)).toContain("written before the reload"));
  dying.close();

  await start((server) => {
    shared(server, plan2);
    store(server, count2);
    atom(server, news2);
  });
  await Promise.all(offline.map(({ stored }) => stored));
  const now = connect(outbox);
  const plan = sharedOn(now, plan2);
  const count = storeOn(now, count2);
  plan.subscribe(() => {});
  count.subscribe(() => {});
  const notes: Plan2["notes"] = {
    a: { text: "pack", color: "none" },
    b: { text: "carry", color: "none" },
    c: { text: "written before the reload", color: "none" },
  };
  await soon(() => expect(plan.get()).toEqual({ title: "Move out", notes }));
  await soon(() => expect([eager.get(), eager.readOnly.get(), eager.status.get()]).toEqual([plan.get(), undefined, "live"]));
  await soon(() => expect(count.get()).toEqual({ total: 7, calls: 1 }));

  // Both at once: what one of them does not know stays.
  await plan.set(["notes", "a", "color"], "red").stored;
  await oldPlan.set(["notes", "a"], "pack all").stored;
  await oldCount.do.add(1).stored;
  await soon(() => expect(plan.get()?.notes["a"]).toEqual({ text: "pack all", color: "red" }));
  await soon(() => expect(count.get()).toEqual({ total: 8, calls: 2 }));
  await plan.set(["title"], "Moved").stored;
  await soon(() => expect(oldPlan.get()?.name).toBe("Moved"));
  expect(oldPlan.get()?.notes).toEqual({ a: "pack all", b: "carry", c: "written before the reload" });
  expect(oldCount.get()).toEqual({ n: 8 });
  // There is no way down for the news: what was shown stays, and why it is old is told.
  expect([oldNews.get(), oldNews.status.get(), oldNews.error?.code, oldNews.error?.data]).toEqual([
    "old",
    "refused",
    "version",
    { have: 1, need: 2 },
  ]);
  expect(await atomOn(now, news2).ready).toEqual({ text: "new" });
});
