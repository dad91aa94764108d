/** What stands on a new board: an invitation. */
import { orderBetween } from "sente-sync";
import type { Drawing, Shape } from "./contract.ts";
import { strokeOf } from "./shapes.ts";

type WithoutOrder = Shape extends infer Each ? (Each extends Shape ? Omit<Each, "order"> : never) : never;

/** Lines that somebody might have drawn: upright with a bow to the right, and along. */
function bow(x: number, y: number, toY: number, width: number): number[] {
  return Array.from({ length: 24 }, (_, at) => [x + Math.sin((at / 23) * Math.PI) * width, y + ((toY - y) * at) / 23]).flat();
}
function wave(x: number, y: number, width: number): number[] {
  return Array.from({ length: 60 }, (_, at) => [x + (width * at) / 59, y + Math.sin(at / 4.5) * 7]).flat();
}

const shapes: readonly WithoutOrder[] = [
  { kind: "text", box: [60, 40, 386, 52], color: "ink", text: "Draw here, together" },
  strokeOf(wave(62, 110, 380), "orange", ""),
  { kind: "note", box: [60, 160, 168, 168], color: "orange", text: "Take the pen, and draw in two windows at once" },
  { kind: "note", box: [256, 184, 168, 168], color: "green", text: "Undo takes back what you did, and nobody else's work" },
  { kind: "rectangle", box: [500, 60, 150, 90], color: "blue" },
  { kind: "text", box: [546, 88, 60, 32], color: "blue", text: "page" },
  { kind: "ellipse", box: [500, 250, 150, 110], color: "violet" },
  { kind: "text", box: [538, 288, 84, 32], color: "violet", text: "server" },
  strokeOf(bow(575, 162, 240, 3), "ink", ""),
  strokeOf([561, 226, 568, 235, 575, 244, 582, 235, 589, 226], "ink", ""),
  strokeOf(bow(660, 296, 112, 46), "red", ""),
  strokeOf([676, 110, 668, 111, 660, 112, 663, 120, 666, 128], "red", ""),
];

export function firstDrawing(): Drawing {
  let order: string | null = null;
  const made: Drawing["shapes"] = {};
  shapes.forEach((shape, at) => {
    order = orderBetween(order, null);
    made[`first-${at}`] = { ...shape, order };
  });
  return { shapes: made };
}
