/**
 * `sente-sync/form/text/server`: `formTexts`, for forms that have fields with `text: true`. It needs the package `yjs`.
 *
 *   form(sync, report, { texts: formTexts, onSubmit });
 *
 * Always: the texts of a form are one document, `signup/7/@text`; each begins once, by the server, with what the form had there.
 * Rules: docs/protocol/form.md TEXT1-TEXT9.
 */
import { changeOf } from "../../kind/doc/text-change.ts";
import { coreOf, type ServerCore } from "../core.ts";
import type { FormTexts, TextDoc } from "../form-texts.ts";
import { type DocFamily, doc, type ServerDoc } from "./doc.ts";

/** Of all texts of a form, with what was deleted in them lately. */
const maxBytes = 4 * 1024 * 1024;
/** Where it says which texts have begun. */
const begunMap = "@begun";

/** For the option `texts` of `form`. */
export const formTexts: FormTexts = {
  declare(server, target, options) {
    const core = coreOf(server);
    const made: unknown = doc(server, target as never, { ...options, limits: { maxBytes }, subdocuments: false });
    const isFamily = typeof target === "function";
    return {
      async open(params) {
        const handle = isFamily ? await (made as DocFamily<object>).open(params) : (made as ServerDoc);
        await handle.ready;
        return textDoc(core, handle);
      },
      release(params) {
        if (isFamily) (made as DocFamily<object>).release(params);
      },
      delete(params) {
        if (isFamily) (made as DocFamily<object>).delete(params);
      },
    };
  },
};

function textDoc(core: ServerCore, handle: ServerDoc): TextDoc {
  const get = (field: string): string => handle.read((texts) => texts.getText(field).toString());
  return {
    get,
    set(field, next) {
      const change = changeOf(get(field), next, 0);
      if (!change) return;
      handle.transact((texts) => {
        const text = texts.getText(field);
        text.delete(change.at, change.removed);
        text.insert(change.at, change.inserted);
      });
    },
    begin(texts) {
      const begun = handle.read((read) => new Set(read.getMap(begunMap).keys()));
      const fresh = [...texts].filter(([field]) => !begun.has(field));
      if (!fresh.length) return;
      handle.transact((edited) => {
        for (const [field, text] of fresh) {
          edited.getMap(begunMap).set(field, true);
          edited.getText(field).insert(0, text);
        }
      });
    },
    onStored: (run) => core.topics.opened(handle.topic)?.topic.onRecords(run) ?? (() => {}),
  };
}
