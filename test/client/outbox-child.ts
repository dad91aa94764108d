/**
 * A command line that publishes numbers until it is killed, its outbox in a folder. It says which are on the disk, and which
 * are stored: one line each.
 */
import { channel, createClient, syncStatus } from "sente-sync/client";
import { folder } from "sente-sync/client/folder";
import { coreOf } from "../../src/client/client.ts";
import { writesOf } from "../../src/client/writes.ts";

const [url = "", path = "", first = "1"] = process.argv.slice(2);
const client = createClient(url, {
  storage: folder(path),
  reconnect: { maxDelayMs: 200 },
  onError: (error) => console.log(`error ${error instanceof Error ? error.message : String(error)}`),
});
const writes = writesOf(coreOf(client));
const room = channel(client, "room");
let made = Number(first);
let kept = made;

setInterval(() => {
  const n = made++;
  room.publish("said", n).stored.then(
    () => console.log(`stored ${n}`),
    (error: { code: string }) => console.log(`rejected ${n} ${error.code}`),
  );
}, 2);
setInterval(() => {
  if (!writes.keeper?.isKeeping) return;
  while (kept < made) console.log(`kept ${kept++}`);
  console.log(`pending ${syncStatus(client).get().pending}`);
}, 1);
