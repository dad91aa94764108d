/** A list that is changed by named mutations: at once where they are called, again on the server, and what is refused. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineStore, isSyncError, SyncError } from "sente-sync";
import { store as clientStore, createClient, rejectedWrites } from "sente-sync/client";
import { createServer, store } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import * as v from "valibot";

// #region contract
interface Todo {
  id: string;
  text: string;
  by: string;
  atMs: number;
  done: boolean;
}

const todos = defineStore("todos/:list", {
  initial: { items: [] as Todo[] },
  mutations: {
    add(draft, text: string, ctx) {
      draft.items.push({ id: ctx.id(), text, by: ctx.user?.id ?? "the server", atMs: ctx.now(), done: false });
    },
    check(draft, id: string, ctx) {
      const item = draft.items.find((each) => each.id === id);
      if (!item) return ctx.reject("app/gone", "Somebody removed it.");
      item.done = true;
    },
    clear(draft) {
      draft.items = draft.items.filter(({ done }) => !done);
    },
  },
  inputs: { add: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(80)), check: v.string() },
  schema: v.object({ items: v.pipe(v.array(v.looseObject({ id: v.string() })), v.maxLength(100)) }),
});
// #endregion

const path = await mkdtemp(join(tmpdir(), "mutations-"));

// #region server
const sync = createServer({
  storage: folder(path), // a store is on disk there, unless `durability` says otherwise
  authenticate: ({ url }) => ({ id: url.searchParams.get("user") ?? "guest" }),
});
const lists = store(sync, todos, {
  authorize: ({ action, user }) => action === "read" || user.id !== "guest",
  seed: () => ({ items: [{ id: "first", text: "Look around", by: "the server", atMs: 0, done: false }] }),
  validate({ mutation, state, user }) {
    const own = state.items.filter(({ by }) => by === user?.id);
    if (mutation === "add" && own.length > 3) throw new SyncError("app/too-many", "Three each, please.");
  },
});
// #endregion

const port = await sync.listen(0);
const connect = (user: string) => createClient(`ws://localhost:${port}/chsk?user=${user}`);
const [client, bob] = [connect("ada"), connect("bob")];

// #region rejected-list
const rejected = rejectedWrites(client); // begins with this call: make it where you make the client
// #endregion

// #region client
const list = clientStore(client, todos({ list: "home" }));
list.subscribe((value, change) => console.log(value?.items.length, change?.cause));
await list.ready;

const receipt = list.do.add("Milk"); // on the screen now
console.log(list.pending); // 1: the server has not answered
await receipt.stored; // it has: this client shows what the server made of it
// #endregion
const texts = (value: { readonly items: readonly Todo[] } | undefined) => value?.items.map(({ text }) => text) ?? [];

// #region here
try {
  list.do.check("no such id");
} catch (error) {
  console.log(isSyncError(error) && error.code); // "app/gone": it was not even sent
}
// #endregion

const his = clientStore(bob, todos({ list: "home" }));
his.keep();
await his.ready;

// #region offline
client.disconnect();
const offline = [list.do.add("Bread"), list.do.check("first")]; // shown, and waiting
// #endregion
await his.do.add("Of Bob").stored;
const alone = texts(list.get());
// #region back
client.connect();
await Promise.all(offline.map(({ stored }) => stored)); // done once, on top of what others did meanwhile
// #endregion
const together = texts(list.get());

// #region rejected
const calls = [list.do.add("Third"), list.do.add("One too many"), list.do.check(list.get()?.items[1]?.id ?? "")];
const outcomes = await Promise.allSettled(calls.map(({ stored }) => stored));
const [refused] = rejected.get();
console.log(refused?.code, refused?.error.message, refused?.mutation, refused?.input); // and `retry()`, `edit(op)`, `discard()`
// #endregion

// #region server-calls
const home = await lists.open({ list: "home" });
home.do.clear(); // `ctx.user` is null; what rejects it is thrown here
const offset = await home.do.add("From the server").stored;
// #endregion

export const seen = {
  alone,
  together,
  outcomes: outcomes.map(({ status }) => status),
  rejected: rejected.get().map(({ op, code }) => [...(op as unknown[]).slice(0, 2), code]),
  his: [] as string[],
  offset,
};
refused?.discard();
await his.do.add("The end").stored;
seen.his = texts(his.get());
console.log(seen);
for (const each of [client, bob]) each.close();
await sync.close();
await rm(path, { recursive: true });
