/** The buttons of the guide "Undo". */
import { defineShared, defineStore } from "sente-sync";
import { useCanRedo, useCanUndo, useRedo, useShared, useStore, useUndo } from "sente-sync/react";

export const plan = defineShared("page/plan", { initial: { title: "" } });
export const notes = defineStore("page/notes", {
  initial: { texts: [] as string[] },
  mutations: {
    add: (draft, text: string) => void draft.texts.push(text),
    remove: (draft, text: string) => void draft.texts.splice(draft.texts.lastIndexOf(text), 1),
  },
  undo: { add: ({ input, now }) => (now.texts.includes(input) ? ["remove", input] : undefined) },
});

// #region buttons
const page = [plan, notes]; // one stack for both

function Undo() {
  const [undo, redo] = [useUndo(page), useRedo(page)];
  const [canUndo, canRedo] = [useCanUndo(page), useCanRedo(page)];
  return (
    <p>
      <button type="button" onClick={undo} disabled={!canUndo}>
        Undo
      </button>
      <button type="button" onClick={redo} disabled={!canRedo}>
        Redo
      </button>
    </p>
  );
}
// #endregion

export function Page() {
  const [title, tree] = useShared(plan, (value) => value.title);
  const [texts = [], call] = useStore(notes, (value) => value.texts);
  return (
    <main>
      <Undo />
      <h1>{title}</h1>
      <p id="notes">{texts.join(", ")}</p>
      <button type="button" onClick={() => tree.set(["title"], "Plan")}>
        Title
      </button>
      <button type="button" onClick={() => call.add("Milk")}>
        Add
      </button>
    </main>
  );
}
