/** Writing without a line, and a program that ends before it has one. Prints what became of each write. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineChannel, defineStore, type SyncError } from "sente-sync";
import {
  channel as clientChannel,
  store as clientStore,
  createClient,
  preventUnload,
  rejectedWrites,
  signOut,
  syncStatus,
} from "sente-sync/client";
import { folder } from "sente-sync/client/folder";
import { indexedDb } from "sente-sync/client/indexed-db";
import { channel, createServer, store } from "sente-sync/server";
import * as v from "valibot";

const notes = defineChannel("notes", { events: { wrote: v.pipe(v.string(), v.minLength(1)) } });

const list = defineStore("list", {
  initial: [] as string[],
  mutations: { add: (draft, what: string) => void draft.push(what) },
});

const sync = createServer({ authenticate: ({ url }) => ({ id: url.searchParams.get("user") ?? "nobody" }) });
const kept: string[] = [];
channel(sync, notes).subscribe(({ data }) => kept.push(data));
store(sync, list).do.add("bread");
const port = await sync.listen(0);
const url = `ws://localhost:${port}/chsk?user=ada`;
const path = await mkdtemp(join(tmpdir(), "offline-"));

/** What a page does. */
export function page(userId: string) {
  // #region browser
  const client = createClient("/chsk", { storage: indexedDb({ user: userId }) });
  // #endregion
  // #region unload
  preventUnload(client);
  // #endregion
  return client;
}

const first = createClient(url, { storage: folder(path), autoConnect: false });
// #region receipt
const receipt = clientChannel(first, notes).publish("wrote", "on the train");
console.log(receipt.status); // "local": no line yet
receipt.stored.catch((error: SyncError) => console.log(error.code)); // "closed" below: the client ended first
// #endregion
await signOut(first);
const before = kept.length;

// #region node
const client = createClient(url, { storage: folder(path) });
// #endregion

// #region status
const status = syncStatus(client);
status.subscribe(({ status, pending }) => console.log(status, pending));
// #endregion

// #region rejected
const rejected = rejectedWrites(client);
rejected.listen(([write]) => {
  if (write?.code === "invalid") write.edit(["wrote", "no words"]);
});
// #endregion
const here = clientStore(client, list);
await here.ready;
await here.do.add("milk").stored;
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10));
}
await until(() => kept.length > 0);
clientChannel(client, notes).publish("wrote", "");
await until(() => kept.length > 1);

// What was read is on the disk within a second.
await until(async () => {
  const copies = (await readdir(path)).filter((name) => name.startsWith("copy-") && name.endsWith(".rows"));
  return (await Promise.all(copies.map((name) => readFile(join(path, name), "utf8").catch(() => "")))).some((text) =>
    text.includes("milk"),
  );
});
client.close();
const counted = { before, kept: [...kept], pending: status.get().pending, rejected: rejected.get().length };
await sync.close();

async function later() {
  // #region read
  const client = createClient(url, { storage: folder(path, { user: "ada" }) }); // and the server is down
  const shopping = clientStore(client, list);
  console.log(await shopping.ready, shopping.status.get()); // ["bread", "milk"], "stale"
  shopping.do.add("butter"); // shown at once, kept, sent when the server is back
  // #endregion
  return { client, shown: shopping.get() };
}
const { client: next, shown } = await later();
export const seen = { ...counted, shown };
console.log(seen);

// #region sign-out
await signOut(next); // { discard: true } deletes what was not stored
// #endregion
await rm(path, { recursive: true });
