/** A kind of one's own: a counter with a floor. Nobody takes what is not there, and who took what stays known. */
import { defineTopic, SyncError } from "sente-sync";
import { fold } from "sente-sync/kinds";

export interface Stock {
  readonly left: number;
  /** The numbers of what was done, in order. */
  readonly done: readonly number[];
}

/** `by`: how many come (or go). `number`: of this operation alone. */
export type StockOp = readonly [by: number, number: number];

export const stock = fold<Stock, StockOp, StockOp>({
  initial: { left: 10, done: [] },
  decide({ left }, op) {
    const [by] = op;
    if (left + by < 0) throw new SyncError("app/sold-out", "There are not so many.");
    return by === 0 ? undefined : op;
  },
  evolve({ left, done }, entry) {
    const [by, number] = entry;
    if (left + by < 0) throw new SyncError("invalid", "Below the floor.");
    return { left: left + by, done: [...done, number] };
  },
});

export const stocks = defineTopic("shop/:shop/stock", stock);
