/** The editor as both pages have it: CodeMirror on a text of the document, and who is there. */
import { markdown } from "@codemirror/lang-markdown";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { basicSetup } from "codemirror";
import type { ClientDoc } from "sente-sync/doc";
import { yCollab, yUndoManagerKeymap } from "y-codemirror.next";
import { notes, type Person } from "./contract.ts";

/** The one that the address names. */
export const note = notes({ id: new URLSearchParams(location.search).get("note") ?? "welcome" });

// #region editor
/** Puts an editor into that element, until called back. */
export function openEditor(
  parent: HTMLElement,
  { doc, awareness, undoManager }: Pick<ClientDoc, "doc" | "awareness" | "undoManager">,
): () => void {
  const text = doc.getText("text");
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text.toString(),
      extensions: [
        keymap.of([...yUndoManagerKeymap]), // before the editor's own, which would take back what others wrote
        basicSetup,
        markdown(),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": "Text, as Markdown" }),
        yCollab(text, awareness, { undoManager }),
      ],
    }),
  });
  return () => {
    awareness.setLocalStateField("cursor", null);
    view.destroy();
  };
}
// #endregion

type Awareness = ClientDoc["awareness"];

// #region people
/** Who is at the document, once each: a store that React and Svelte read. */
export function peopleAt(awareness: Awareness): { get(): readonly Person[]; listen(run: () => void): () => void } {
  let people: readonly Person[] = [];
  const get = (): readonly Person[] => {
    const found = [...awareness.getStates().values()].flatMap(({ user }) => (user ? [user as Person] : []));
    const now = [...new Map(found.map((person) => [person.name, person])).values()];
    if (now.map(({ name }) => name).join("/") !== people.map(({ name }) => name).join("/")) people = now;
    return people;
  };
  const listen = (run: () => void): (() => void) => {
    awareness.on("change", run);
    return () => awareness.off("change", run);
  };
  return { get, listen };
}
// #endregion

export const timeOf = (atMs: number): string => new Date(atMs).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
