/** Tasks that change their shape while people work with them: old and new code at once, what is stored, and what cannot go on. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { defineShared, defineStore } from "sente-sync";
import { shared as clientShared, store as clientStore, createClient, rejectedWrites } from "sente-sync/client";
import { createServer, shared, store } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";

// #region one
interface Task1 {
  name: string;
  done: boolean;
}
const first: Task1 = { name: "", done: false };
const task1 = defineShared("task", { initial: first });
// #endregion

// #region two
interface Task {
  title: string;
  state: "open" | "done";
  labels: string[];
}
const noTask: Task = { title: "", state: "open", labels: [] };
const task = defineShared("task", {
  version: 2,
  initial: noTask,
  migrations: {
    2: {
      up: ({ name, done }: Task1): Task => ({ title: name, state: done ? "done" : "open", labels: [] }),
      down: ({ title, state }: Task): Task1 => ({ name: title, done: state === "done" }),
    },
  },
});
// #endregion

const points1 = defineStore("points", {
  initial: { points: 0 },
  mutations: { add: (draft, points: number) => void (draft.points += points) },
});

// #region store
interface Points {
  points: number;
  by: { [user: string]: number };
}
const noPoints: Points = { points: 0, by: {} };
const points = defineStore("points", {
  version: 2,
  initial: noPoints,
  mutations: {
    score(draft, { points, user }: { points: number; user: string }) {
      draft.points += points;
      draft.by[user] = (draft.by[user] ?? 0) + points;
    },
  },
  migrations: {
    2: {
      up: ({ points }: { points: number }): Points => ({ points, by: {} }),
      down: ({ points }: Points) => ({ points }),
      call: ({ mutation, input }) =>
        mutation === "add" ? { mutation: "score", input: { points: input, user: "?" } } : { mutation, input },
    },
  },
});
// #endregion

// #region stuck
const limits = defineShared("limits", { version: 2, initial: { perDay: 10 } }); // no migrations: there is no way
// #endregion

const path = await mkdtemp(join(tmpdir(), "versions-guide-"));
const before = createServer({ storage: folder(path) });
const oldTask = shared(before, task1);
store(before, points1);
const port = await before.listen(0);
await oldTask.ready;
await oldTask.set(["name"], "Write the guide").stored;

const old = createClient(`ws://localhost:${port}/chsk`, { reconnect: { maxDelayMs: 50 } });
const oldPage = clientShared(old, task1);
oldPage.subscribe(() => {});
await oldPage.ready;
await before.close();
const offline = oldPage.set(["done"], true);

// #region server
const sync = createServer({ storage: folder(path) }); // the folder that version 1 wrote
const live = shared(sync, task);
await live.ready; // rejects with `migration-failed` where `up` throws
// #endregion
store(sync, points);
shared(sync, limits);
const migrated = live.get();
await sync.listen(port);
await offline.stored;

const client = createClient(`ws://localhost:${port}/chsk`);
const page = clientShared(client, task);
page.subscribe(() => {});
await page.ready;
await page.set(["labels"], ["docs"]).stored;
await oldPage.set(["name"], "Write the guides").stored;
const score = clientStore(client, points);
score.subscribe(() => {});
await clientStore(old, points1).do.add(3).stored;
while (page.get()?.title !== "Write the guides" || score.get()?.points !== 3) await sleep(5);

// #region read-only
const rejected = rejectedWrites(old);
const oldLimits = clientShared(old, defineShared("limits", { initial: { perHour: 1 } }));
oldLimits.readOnly.subscribe((reason) => {
  if (reason) console.log(`This page has version ${reason.have}, the server ${reason.need}: reload it.`);
});
const lost = await oldLimits.set(["perHour"], 2).stored.catch((error: { code: string }) => error.code); // "version"
// #endregion

export const seen = {
  migrated,
  both: [page.get(), oldPage.get()],
  score: score.get(),
  lost,
  rejected: rejected.get().map(({ topic, code }) => [topic, code]),
  reason: oldLimits.readOnly.get(),
};
console.log(seen);
for (const each of [old, client]) each.close();
await sync.close();
await rm(path, { recursive: true });
