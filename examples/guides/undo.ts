/** A drawing board and its notes: undo through both, in one stack; and what is written to both, or to neither. */
import { defineShared, defineStore } from "sente-sync";
import { batch, shared as clientShared, store as clientStore, createClient, undoHistory } from "sente-sync/client";
import { createServer, shared, store } from "sente-sync/server";

interface Board {
  title: string;
  shapes: { [id: string]: { x: number; y: number } };
}
const noBoard: Board = { title: "", shapes: {} };
const board = defineShared("board/:id", { initial: noBoard });

// #region contract
interface Note {
  id: string;
  text: string;
  about: string;
}

const notes = defineStore("notes/:id", {
  initial: { items: [] as Note[] },
  mutations: {
    add(draft, { text, about }: { text: string; about: string }, ctx) {
      draft.items.push({ id: ctx.id(), text, about });
    },
    insert: (draft, { at, note }: { at: number; note: Note }) => void draft.items.splice(at, 0, note),
    remove(draft, id: string) {
      draft.items = draft.items.filter((note) => note.id !== id);
    },
    rename(draft, { id, text }: { id: string; text: string }) {
      const note = draft.items.find((other) => other.id === id);
      if (note) note.text = text;
    },
  },
  undo: {
    add: ({ id }) => ["remove", id], // what `ctx.id()` gave first
    remove({ input, before }) {
      const at = before.items.findIndex(({ id }) => id === input);
      const note = before.items[at];
      return note && ["insert", { at, note }];
    },
    rename({ input: { id, text }, before, now }) {
      const [was, is] = [before, now].map(({ items }) => items.find((note) => note.id === id)?.text);
      // Somebody has given it another name since, or removed it: leave that alone.
      return was !== undefined && is === text ? ["rename", { id, text: was }] : undefined;
    },
  },
});
// #endregion

const sync = createServer();
shared(sync, board);
store(sync, notes);
const port = await sync.listen(0);
const connect = () => {
  const client = createClient(`ws://localhost:${port}/chsk`);
  return { client, plan: clientShared(client, board({ id: "7" })), list: clientStore(client, notes({ id: "7" })) };
};
const ada = connect();
const bob = connect();
const { client, plan, list } = ada;
for (const each of [ada, bob]) await Promise.all([each.plan.ready, each.list.ready]);
const stops = [ada, bob].flatMap((each) => [each.plan.keep(), each.list.keep()]);
const until = async (isDone: () => boolean): Promise<void> => {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 5));
};
const texts = (): string[] => (list.get()?.items ?? []).map(({ text }) => text);

// #region one
list.do.add({ text: "Draw it", about: "a" });
list.undo(); // calls `remove`
list.redo(); // calls `add` again, and the note has the id that it had
// #endregion

// #region stack
const history = undoHistory(client, [board({ id: "7" }), notes({ id: "7" })]);

plan.set(["title"], "Plan");
list.do.add({ text: "Name it", about: "title" });
history.undo(); // the note
history.undo(); // the title
history.redo();
// #endregion
const afterStack = [plan.get()?.title, texts()];

// #region groups
for (const x of [1, 2, 3]) plan.set(["shapes", "a"], { x, y: 0 }, { group: "drag" }); // one step

history.group("paste", () => {
  plan.set(["shapes", "b"], { x: 9, y: 9 });
  list.do.add({ text: "Pasted", about: "b" }); // of the same step
});

history.pause();
plan.set(["title"], "Plan, take two");
plan.set(["shapes", "c"], { x: 0, y: 0 });
history.resume(); // all since `pause` is one step
// #endregion

// #region batch
const moved = batch(client, () => {
  plan.delete(["shapes", "b"]);
  for (const note of list.get()?.items ?? []) if (note.about === "b") list.do.remove(note.id);
});
await moved.stored; // both topics' logs have it; or it is rejected, and neither has
history.undo(); // takes both back, in a batch again
// #endregion
const afterBatch = [Object.keys(plan.get()?.shapes ?? {}).sort(), texts()];

const last = list.get()?.items.at(-1);
if (!last) throw new Error("There is a note.");
list.do.rename({ id: last.id, text: "Drop it" });
await until(() => bob.list.get()?.items.at(-1)?.text === "Drop it");
bob.list.do.rename({ id: last.id, text: "Keep it" });
await until(() => texts().includes("Keep it"));
// #region skipped
const undone = history.undo();
if (undone?.skipped.length) console.log("Somebody else has changed that since:", undone.skipped);
// #endregion

/** What all of it came to, for the test that runs this file. */
export const seen = { afterStack, afterBatch, undone, texts: texts() };

for (const stop of stops) stop();
ada.client.close();
bob.client.close();
await sync.close();
