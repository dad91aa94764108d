/** The field that a text or a note is written in, where it stands on the board. */
import { maxTextLength } from "./contract.ts";
import type { Theme } from "./draw.ts";
import { fontOf, notePadding } from "./outline.ts";
import { letterSize, lineHeight, textSize, type Written } from "./shapes.ts";
import { toWindow, type View } from "./view.ts";

export interface Editor {
  readonly isOpen: boolean;
  /** `done` gets the text that was written, once. */
  open(shape: Written, done: (text: string) => void): void;
  close(): void;
  place(view: View, theme: Theme): void;
}

export function createEditor(stage: HTMLElement, moved: () => void): Editor {
  const field = document.createElement("textarea");
  field.className = "editor";
  field.maxLength = maxTextLength;
  field.hidden = true;
  field.rows = 1;
  stage.append(field);
  let shape: Written | undefined;
  let finish: ((text: string) => void) | undefined;

  const close = (): void => {
    const done = finish;
    [shape, finish] = [undefined, undefined];
    field.hidden = true;
    done?.(field.value.trimEnd());
  };
  const stay = (event: Event): void => event.stopPropagation();
  for (const name of ["pointerdown", "dblclick", "wheel"]) field.addEventListener(name, stay);
  field.addEventListener("input", moved);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    const isDone = event.key === "Escape" || (event.key === "Enter" && !event.shiftKey && !event.isComposing);
    if (!isDone) return;
    event.preventDefault();
    stage.focus();
  });

  return {
    get isOpen() {
      return shape !== undefined;
    },
    open(next, done) {
      close();
      [shape, finish] = [next, done];
      field.value = next.text;
      field.dataset["kind"] = next.kind;
      field.setAttribute("aria-label", next.kind === "note" ? "Text of the note" : "Text");
      field.hidden = false;
      moved();
      field.focus({ preventScroll: true });
      field.select();
    },
    close,
    place(view, theme) {
      if (!shape) return;
      const { x, y } = toWindow(view, { x: shape.box[0], y: shape.box[1] });
      const { style } = field;
      const isNote = shape.kind === "note";
      const size = isNote ? 22 : shape.text ? letterSize(shape) : textSize;
      style.transform = `translate(${x}px, ${y}px) scale(${view.zoom})`;
      style.font = fontOf(shape.kind, size);
      style.lineHeight = String(lineHeight);
      style.padding = isNote ? `${notePadding}px` : "0";
      style.width = isNote ? `${shape.box[2]}px` : "auto";
      style.height = isNote ? `${shape.box[3]}px` : "auto";
      style.background = isNote ? theme.note[shape.color] : "none";
      style.color = isNote ? theme.letters : theme.pen[shape.color];
    },
  };
}
