/** Writing without a line, and a program that ends before it has one. Prints what became of each write. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineChannel, type SyncError } from "sente-sync";
import { channel as clientChannel, createClient, preventUnload, rejectedWrites, signOut, syncStatus } from "sente-sync/client";
import { folder } from "sente-sync/client/folder";
import { indexedDb } from "sente-sync/client/indexed-db";
import { channel, createServer } from "sente-sync/server";
import * as v from "valibot";

const notes = defineChannel("notes", { events: { wrote: v.pipe(v.string(), v.minLength(1)) } });

const sync = createServer({ authenticate: ({ url }) => ({ id: url.searchParams.get("user") ?? "nobody" }) });
const kept: string[] = [];
channel(sync, notes).subscribe(({ data }) => kept.push(data));
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
const through = (count: number): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (kept.length >= count) resolve();
      else setTimeout(look, 10);
    };
    look();
  });
await through(1);
clientChannel(client, notes).publish("wrote", "");
await through(2);

export const seen = { before, kept: [...kept], pending: status.get().pending, rejected: rejected.get().length };
console.log(seen);

// #region sign-out
await signOut(client); // { discard: true } deletes what was not stored
// #endregion
await sync.close();
await rm(path, { recursive: true });
