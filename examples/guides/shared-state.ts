/** A board that two people edit at once: paths, recipes, offline work, undo, order, and rules that the server holds to. */
import { defineShared, orderBetween, SyncError } from "sente-sync";
import { shared as clientShared, createClient } from "sente-sync/client";
import { createServer, shared } from "sente-sync/server";

// #region contract
interface Board {
  title: string;
  cards: { [id: string]: { text: string; order: string; done?: boolean } };
}

const noBoard: Board = { title: "", cards: {} };
const board = defineShared("org/:org/board/:id", { initial: noBoard });
// #endregion

const log: string[] = [];

// #region server
const sync = createServer();
const boards = shared(sync, board, {
  seed: ({ params }) => ({ title: `Board ${params.id}`, cards: {} }),
  validate({ next }) {
    if (next.title.length > 80) throw new SyncError("app/too-long", "A title has at most 80 letters.");
  },
  onChange: ({ topic, changes, from }) => log.push(`${from ? "somebody" : "the server"} changed ${changes.length} of ${topic}`),
});
// #endregion

const port = await sync.listen(0);
const connect = () => createClient(`ws://localhost:${port}/chsk`);

const ada = connect();
// #region client
const plan = clientShared(ada, board({ org: "acme", id: "7" }));
plan.subscribe((value, change) => console.log(value?.title, change?.cause));

plan.set(["title"], "Plan"); // paths are typed; it is on the screen at once
plan.update((draft) => {
  draft.cards["a"] = { text: "Write", order: orderBetween(null, null) };
});
plan.set(["cards", "a", "done"], true);
const receipt = plan.delete(["cards", "b"]); // nothing was there: also a write
await receipt.stored; // the topic's log has it, and all before it
// #endregion

const bob = connect();
const his = clientShared(bob, board({ org: "acme", id: "7" }));
const stopReading = his.keep();
await his.ready;

// #region conflict
const conflicts: string[] = [];
plan.onConflict(({ path, by, kept }) => {
  conflicts.push(`${path.join(".")}: ${kept === "mine" ? `went over ${by}'s` : `${by} was later`}`);
});
// #endregion

// #region order
const first = plan.get()?.cards["a"]?.order ?? null;
plan.set(["cards", "c"], { text: "Print", order: orderBetween(first, null) });
plan.set(["cards", "b"], { text: "Read", order: orderBetween(first, plan.get()?.cards["c"]?.order ?? null) });
const sorted = Object.values(plan.get()?.cards ?? {}).sort((a, b) => (a.order < b.order ? -1 : 1));
// #endregion

// #region undo
for (const text of ["R", "Re", "Ret", "Rest"]) plan.set(["cards", "b", "text"], text, { group: "typing" });
plan.undo(); // all that was typed
const { skipped } = plan.undo() ?? { skipped: [] }; // what somebody else changed since is skipped, and told
plan.redo();
// #endregion

// #region rejected
const rejected = await plan.set(["title"], "x".repeat(81)).stored.catch((error: { code: string }) => error.code);
// #endregion

// #region server-writes
const live = await boards.open({ org: "acme", id: "7" });
await live.update((draft) => {
  for (const card of Object.values(draft.cards)) card.done = true;
}).stored;
// #endregion

await his.set(["cards", "d"], { text: "Rest", order: "a1V" }).stored;
export const seen = {
  sorted: sorted.map(({ text }) => text),
  skipped,
  rejected,
  conflicts,
  title: plan.get()?.title,
  his: Object.entries(live.get().cards)
    .map(([id, { text, done }]) => `${id} ${text} ${done ?? false}`)
    .sort(),
  log: log.slice(-2).map((line) => line.replace(/ \d+ /, " … ")),
};
console.log(seen);
stopReading();
for (const client of [ada, bob]) client.close();
await sync.close();
