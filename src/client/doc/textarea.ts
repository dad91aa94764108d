/**
 * `bindText(field, text)`: a `<textarea>`, or a text `<input>`, that shows a `Y.Text` and edits it.
 *
 * What was typed is found by the caret: behind it nothing has changed. What others write moves the selection along. While an input method
 * composes, the field is left alone, and what came meanwhile is put in afterwards.
 * Always: once both are quiet the field shows the text; no edit splits a pair of surrogates.
 * Rules: docs/protocol/doc.md DOC30-DOC32.
 */
import type * as Y from "yjs";
import type { Unsubscribe } from "../../core/store.ts";
import { changeOf } from "../../kind/doc/text-change.ts";
import { ofOneYjs } from "./one-yjs.ts";

/** What a binding needs of a field: `HTMLTextAreaElement` and `HTMLInputElement` have it. */
export interface TextField {
  value: string;
  readonly selectionStart: number | null;
  readonly selectionEnd: number | null;
  setSelectionRange(start: number, end: number): void;
  addEventListener(name: string, run: () => void): void;
  removeEventListener(name: string, run: () => void): void;
}

type Delta = readonly { readonly retain?: number; readonly delete?: number; readonly insert?: unknown }[];

/** The origin of what is typed into a field. */
export class Typed {}

/** Until called back. The text is plain: nothing embedded. */
export function bindText(field: TextField, text: Y.Text): Unsubscribe {
  ofOneYjs(text as never);
  const origin = new Typed();
  /** What the field shows, as far as this knows. */
  let shown = "";
  let isComposing = false;
  /** Of others, while an input method composes. */
  let missed: Delta[] = [];

  const show = (move: (place: number) => number): void => {
    const { selectionStart, selectionEnd } = field;
    field.value = text.toString();
    shown = field.value;
    if (selectionStart === null || selectionEnd === null) return;
    field.setSelectionRange(move(selectionStart), move(selectionEnd));
  };
  const typed = (): void => {
    if (isComposing) return;
    const change = changeOf(shown, field.value, field.selectionEnd ?? field.value.length);
    const deltas = missed;
    missed = [];
    shown = field.value;
    if (!change) return deltas.length ? show((place) => moved(place, deltas)) : undefined;
    const { at, removed, inserted } = change;
    const start = moved(at, deltas);
    const end = Math.max(start, moved(at + removed, deltas));
    text.doc?.transact(() => {
      if (end > start) text.delete(start, end - start);
      if (inserted) text.insert(start, inserted);
    }, origin);
    if (field.value === text.toString()) return;
    show((place) => {
      if (place <= at) return moved(place, deltas);
      // Within what was typed, or behind it.
      const behind = place - at - inserted.length;
      return behind <= 0 ? start + place - at : start + inserted.length + moved(at + removed + behind, deltas) - end;
    });
  };
  const heard = (event: Y.YTextEvent): void => {
    if (event.transaction.origin === origin) return;
    if (isComposing) missed.push(event.delta as Delta);
    else show((place) => moved(place, [event.delta as Delta]));
  };
  const begin = (): void => {
    isComposing = true;
  };
  const end = (): void => {
    isComposing = false;
    typed();
  };

  field.value = text.toString();
  shown = field.value;
  text.observe(heard);
  field.addEventListener("input", typed);
  field.addEventListener("compositionstart", begin);
  field.addEventListener("compositionend", end);
  return () => {
    text.unobserve(heard);
    field.removeEventListener("input", typed);
    field.removeEventListener("compositionstart", begin);
    field.removeEventListener("compositionend", end);
  };
}

/** Where a place is after those changes. What is inserted right there comes behind it. */
function moved(place: number, deltas: readonly Delta[]): number {
  let to = place;
  for (const delta of deltas) {
    let at = 0;
    for (const { retain = 0, delete: removed = 0, insert } of delta) {
      if (typeof insert === "string") {
        if (at < to) to += insert.length;
        at += insert.length;
      } else if (insert !== undefined) at++;
      else if (removed) to -= Math.min(removed, Math.max(0, to - at));
      else at += retain;
    }
  }
  return to;
}
