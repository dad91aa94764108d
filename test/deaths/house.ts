/**
 * The server that is killed: a program of its own, with the segment log in a folder.
 *
 * It prints `opening` before it touches the folder, and `ready <offset>` once it listens: the newest entry that it found.
 * Always: SIGTERM drains it, and it ends by itself, with 0, when nothing is left to do.
 */
import { atom, channel, createServer } from "sente-sync/server";
import { coreOf } from "../../src/server/core.ts";
import { folder } from "../../src/storage/folder.ts";
import { churn, counts, feed, type HouseOptions } from "./contract.ts";

const options = JSON.parse(process.argv[2] as string) as HouseOptions;
const { durability, churnBytes } = options;

console.log("opening");
const sync = createServer({
  storage: folder(options.data, { segmentBytes: options.segmentBytes }),
  authenticate: ({ url }) => ({ id: url.searchParams.get("name") ?? "nobody" }),
});
const room = channel(sync, feed, { durability, retention: { maxEntries: 10_000_000 } });
const small = { durability, mode: "value", retention: { maxEntries: 10 } } as const;
const counted = atom(sync, counts, small);
const churned = atom(sync, churn, small);
await Promise.all([room.ready, counted.ready, churned.ready]);

sync.on("deaths/count", ({ data, user }) => {
  counted.update((draft) => void ((draft.counts as Record<string, number>)[user.id] = data as number));
});

const log = coreOf(sync).topics.opened(feed.topic)?.topic.log;
for (let n = log?.decided ?? 0; n < options.prefill; n++) {
  const { stored } = room.publish("wrote", `house.${n + 1}`);
  if (n % 1000 === 0 || n + 1 === options.prefill) await stored;
}

let n = churned.get().counts.churn ?? 0;
const filler = "x".repeat(churnBytes);
const timer = setInterval(() => churnBytes > 0 && churned.set({ counts: { churn: ++n }, filler }), 10);

process.once("SIGTERM", () => {
  clearInterval(timer);
  // A slow machine is no fault of the server's.
  void sync.close({ drain: true, drainMs: 30_000 });
});
await sync.listen(0, { host: "127.0.0.1", portFile: options.portFile });
console.log(`ready ${log?.position.offset}`);
