/** What the React and the Svelte page do alike. */
import type { RejectedWrite } from "sente-sync/client";
import { type Board, board, type Card, type Column, columns } from "./contract.ts";

export const inColumn = (cards: readonly Card[], column: Column): readonly Card[] =>
  cards.filter((card) => card.column === column);

/** Columns to the left and to the right of a card's. */
export function besides({ column }: Card): readonly [left: Column | undefined, right: Column | undefined] {
  const at = columns.indexOf(column);
  return [columns[at - 1], columns[at + 1]];
}

const lost: Record<string, string> = {
  add: "was not added",
  edit: "was not changed",
  move: "was not moved",
  remove: "was not removed",
};

// #region rejected
/** What a call that the server rejected wanted, in words. Rejected calls are kept as they were made: `[mutation input id]`. */
export function wordsFor({ topic, op }: RejectedWrite, cards: readonly Card[]): string | undefined {
  if (topic !== board.topic) return undefined;
  const [mutation, input] = op as [string, string | Partial<Card>];
  const wanted: Partial<Card> = typeof input === "string" ? { id: input } : input;
  const text = cards.find(({ id }) => id === wanted.id)?.text ?? wanted.text;
  return `${text === undefined ? "A card" : `“${text}”`} ${lost[mutation]}`;
}
// #endregion

/** What a drag carries. */
const type = "text/x-card";

export function drag(event: DragEvent, { id }: Card): void {
  event.dataTransfer?.setData(type, id);
}

/** Lets a column be a place to drop cards. */
export function allowDrop(event: DragEvent): void {
  if (event.dataTransfer?.types.includes(type)) event.preventDefault();
}

/** Where a card was dropped: on another, or below them; undefined where that is no move, or the card is gone. */
export function dropped(event: DragEvent, column: Column, cards: Board["cards"] = []) {
  event.preventDefault();
  const id = event.dataTransfer?.getData(type);
  const before = (event.target as Element).closest<HTMLElement>("[data-card]")?.dataset["card"] ?? null;
  return id !== undefined && id !== before && cards.some((card) => card.id === id) ? { id, column, before } : undefined;
}

/** A card is drawn anew in its next column: who moved it by keyboard goes along. */
export function follow({ id }: Card, way: "left" | "right"): void {
  requestAnimationFrame(() => {
    const tools = document.querySelectorAll<HTMLElement>(`[data-card="${CSS.escape(id)}"] .tool`);
    ([...tools].find(({ dataset }) => dataset["icon"] === way) ?? tools[0])?.focus();
  });
}

/** Paths of a 24 x 24 icon. */
export const icons = {
  left: "M19 12H5m6-6-6 6 6 6",
  right: "M5 12h14m-6-6 6 6-6 6",
  edit: "M4 20h4L19 9l-4-4L4 16v4Zm9-13 4 4",
  remove: "M5 7h14M10 7V4h4v3m-7 0 1 13h8l1-13",
} as const;
