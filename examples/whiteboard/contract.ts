/** What the whiteboard's server and its pages share: what a shape is, who is here, and what is told of a stroke while it is drawn. */
import { defineRoom, defineShared, orderBetween, type } from "sente-sync";
import * as v from "valibot";

export const colors = ["ink", "red", "orange", "green", "blue", "violet"] as const;
export type Color = (typeof colors)[number];

export const maxShapes = 10_000;
export const maxTextLength = 500;
/** Numbers of one stroke: x and y in turn. */
export const maxNumbers = 4000;

function isOrder(key: string): boolean {
  try {
    orderBetween(key, null);
    return true;
  } catch {
    return false;
  }
}

// #region contract
const box = v.tuple([v.number(), v.number(), v.number(), v.number()]); // x, y, width, height: one value
const common = { box, color: v.picklist(colors), order: v.pipe(v.string(), v.check(isOrder)) };
const text = v.pipe(v.string(), v.maxLength(maxTextLength));

export const shapeSchema = v.variant("kind", [
  v.object({ kind: v.literal("stroke"), ...common, points: v.pipe(v.array(v.number()), v.maxLength(maxNumbers)) }),
  v.object({ kind: v.literal("rectangle"), ...common }),
  v.object({ kind: v.literal("ellipse"), ...common }),
  v.object({ kind: v.literal("text"), ...common, text }),
  v.object({ kind: v.literal("note"), ...common, text }),
]);
export type Shape = v.InferOutput<typeof shapeSchema>;
export type Box = Shape["box"];

/** By id: shapes are written apart, so nobody's work is in the way of another's. */
export interface Drawing {
  shapes: { [id: string]: Shape };
}
const empty: Drawing = { shapes: {} };
export const whiteboard = defineShared("whiteboard/:id", { initial: empty });

export interface Person {
  name: string;
  cursor: { x: number; y: number } | null;
  /** What of the board is in this person's window. */
  view: Box | null;
}
/** The end of a stroke that is being drawn: `points` begin with number `from`. No points: it is not drawn after all. */
const ink = v.object({
  id: v.string(),
  color: v.picklist(colors),
  from: v.number(),
  points: v.pipe(v.array(v.number()), v.maxLength(maxNumbers)),
});
export type Ink = v.InferOutput<typeof ink>;
export const people = defineRoom("whiteboard/:id/people", { schema: type<Person>(), events: { ink } });
// #endregion
