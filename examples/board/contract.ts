/** What the board's server and its pages share: the state, and what can be done to it. */
import { defineStore } from "sente-sync";
import * as v from "valibot";

export const columns = ["To do", "Doing", "Done"] as const;
export type Column = (typeof columns)[number];

export interface Card {
  readonly id: string;
  readonly column: Column;
  readonly text: string;
  /** A name, taken on trust: this board has no passwords. */
  readonly by: string;
}

export interface Board {
  /** Those of all columns, in the order that they stand in. */
  readonly cards: readonly Card[];
}

export const maxTextLength = 120;
const text = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(maxTextLength));
const column = v.picklist(columns);
const id = v.string();

const noCards: { cards: Card[] } = { cards: [] };

// #region contract
export const board = defineStore("board", {
  initial: noCards,
  mutations: {
    // Run at once in the window that asks for it, and again on the server: whose result counts.
    add({ cards }, input: { column: Column; text: string }, ctx) {
      cards.push({ ...input, id: ctx.id(), by: ctx.user?.id ?? "" });
    },
    edit({ cards }, input: { id: string; text: string }, ctx) {
      const at = placeOf(cards, input.id, ctx.reject);
      cards.splice(at, 1, { ...(cards[at] as Card), text: input.text });
    },
    /** Before another card, or to the foot of the column. */
    move({ cards }, input: { id: string; column: Column; before: string | null }, ctx) {
      const [card] = cards.splice(placeOf(cards, input.id, ctx.reject), 1) as [Card];
      const at = cards.findIndex(({ id }) => id === input.before);
      cards.splice(at < 0 ? cards.length : at, 0, { ...card, column: input.column });
    },
    remove({ cards }, id: string, ctx) {
      cards.splice(placeOf(cards, id, ctx.reject), 1);
    },
  },
  inputs: {
    add: v.object({ column, text }),
    edit: v.object({ id, text }),
    move: v.object({ id, column, before: v.nullable(id) }),
    remove: id,
  },
});
// #endregion

/** Of two people, one edits offline what the other removes meanwhile. */
function placeOf(cards: readonly Card[], id: string, reject: (code: "app/gone", message: string) => never): number {
  const at = cards.findIndex((card) => card.id === id);
  return at < 0 ? reject("app/gone", "Somebody removed that card.") : at;
}
