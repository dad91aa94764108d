/** Paths of 24 x 24 icons, and what the buttons are called. */
import type { Tool } from "./tools.ts";

export const toolIcons: Record<Tool, string> = {
  select: "M6 3l13 8-6 1.500L9.500 19Z",
  hand: "M8 12V6a1.500 1.500 0 0 1 3 0v5m0-6a1.500 1.500 0 0 1 3 0v6m0-4.500a1.500 1.500 0 0 1 3 0V15a6 6 0 0 1-6 6c-3 0-4-1.500-7-7a1.500 1.500 0 0 1 2.500-1.500L8 14",
  pen: "M4 20l1-4L16 5l3 3L8 19Zm9.500-12.500 3 3",
  rectangle: "M4 6h16v12H4Z",
  ellipse: "M12 5c5 0 9 3 9 7s-4 7-9 7-9-3-9-7 4-7 9-7Z",
  text: "M5 7V5h14v2M12 5v14m-3 0h6",
  note: "M5 4h14v10l-6 6H5Zm14 10h-6v6",
};

export const toolNames: Record<Tool, string> = {
  select: "Select",
  hand: "Move the view",
  pen: "Pen",
  rectangle: "Rectangle",
  ellipse: "Ellipse",
  text: "Text",
  note: "Sticky note",
};

export const icons = {
  undo: "M9 7H15a5 5 0 0 1 0 10h-4M9 7l3.500-3.500M9 7l3.500 3.500",
  redo: "M15 7H9a5 5 0 0 0 0 10h4M15 7l-3.500-3.500M15 7l-3.500 3.500",
  remove: "M5 7h14M10 7V4h4v3m-7 0 1 13h8l1-13",
  out: "M5 12h14",
  in: "M5 12h14M12 5v14",
  fit: "M4 9V4h5m6 0h5v5m0 6v5h-5m-6 0H4v-5",
  save: "M12 4v11m-5-5 5 5 5-5M5 20h14",
} as const;
