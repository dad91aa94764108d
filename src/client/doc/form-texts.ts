/**
 * `sente-sync/form/text`: `formTexts(client)`, for forms that have fields with `text: true`. It needs the package `yjs`.
 *
 *   const client = formTexts(createClient("/chsk"));
 *   const stop = form(client, report).field("notes").bind(textarea);
 *
 * The texts of a form are one document, each under the name of its field.
 * Always: a text is edited once it is here, which a document is that the server sent, or that has something in it already.
 * Rules: docs/protocol/form.md TEXT1-TEXT9.
 */
import * as Y from "yjs";
import { SyncError } from "../../core/errors.ts";
import type { Unsubscribe } from "../../core/store.ts";
import { changeOf } from "../../kind/doc/text-change.ts";
import { textTopic } from "../../kind/form.ts";
import { coreOf } from "../client.ts";
import { type FormTexts, plugTexts, type TextElement, type TextsHost } from "../form-text.ts";
import { doc } from "./doc.ts";
import { bindText, Typed } from "./textarea.ts";

/** Forms of this client may have fields with `text: true` from now on. Gives the client back. */
export function formTexts<C extends object>(client: C): C {
  plugTexts(coreOf(client), (host) => createTexts(client, host));
  return client;
}

function createTexts(client: object, { topic, fields, changed, typed, shown, listen }: TextsHost): FormTexts {
  const handle = doc(client, textTopic(topic), { keep: false });
  const textNow = (field: string): Y.Text => handle.doc.getText(field);
  const isHere = (): boolean => handle.synced.get() || handle.doc.store.clients.size > 0;
  const known = new Map<string, string>();

  const edited = (_update: Uint8Array, _origin: unknown, _doc: Y.Doc, { local, changed: types }: Y.Transaction): void => {
    known.clear();
    if (local) for (const field of fields) if (types.has(textNow(field) as never)) typed(field, handle.receipt);
    changed();
  };
  let watched: Y.Doc | undefined;
  /** The document may be another one since. */
  const watch = (): void => {
    if (watched === handle.doc) return;
    watched?.off("update", edited);
    watched = handle.doc;
    watched.on("update", edited);
    known.clear();
  };
  const look = (): void => {
    watch();
    changed();
  };

  return {
    get(field) {
      watch();
      if (!isHere()) return undefined;
      const text = known.get(field) ?? textNow(field).toString();
      known.set(field, text);
      return text;
    },
    set(field, next) {
      watch();
      if (!isHere()) throw new SyncError("loading", `The text of "${field}" is not here yet.`);
      const text = textNow(field);
      const change = changeOf(text.toString(), next, 0);
      if (!change) return;
      handle.doc.transact(() => {
        text.delete(change.at, change.removed);
        text.insert(change.at, change.inserted);
      });
    },
    bind(field, element) {
      let bound: Y.Text | undefined;
      let stop: Unsubscribe = () => {};
      const follow = (): void => {
        const text = isHere() ? textNow(field) : undefined;
        if (!text && element.value !== shown(field)) element.value = shown(field);
        if (text === bound) return;
        stop();
        bound = text;
        stop = text ? edit(element, text) : () => {};
      };
      const end = listen(follow);
      follow();
      return () => {
        end();
        stop();
      };
    },
    use() {
      const ends = [handle.listen(look), handle.synced.listen(look)];
      return () => {
        for (const end of ends) end();
      };
    },
  };
}

/** What is typed there goes to the text, and the keys for undo take that back, and nothing of others. */
function edit(element: TextElement, text: Y.Text): Unsubscribe {
  const history = new Y.UndoManager(text, { trackedOrigins: new Set([Typed]) });
  const pressed = (event: KeyboardEvent): void => {
    const key = event.key.toLowerCase();
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.isComposing || (key !== "z" && key !== "y")) return;
    // The browser's own would put old letters over those of others.
    event.preventDefault();
    const before = element.value;
    if (key === "y" || event.shiftKey) history.redo();
    else history.undo();
    const change = changeOf(before, element.value, 0);
    if (!change) return;
    const behind = change.at + change.inserted.length;
    element.setSelectionRange(behind, behind);
  };
  const unbind = bindText(element, text);
  element.addEventListener("keydown", pressed);
  return () => {
    element.removeEventListener("keydown", pressed);
    unbind();
    history.destroy();
  };
}
