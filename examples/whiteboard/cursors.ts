/** The others' pointers with their names, as elements above the board: the browser moves them without painting anything again. */
import type { Pointer } from "sente-sync/client";
import { toneOf } from "../shared/names.ts";
import type { Person } from "./contract.ts";
import { toWindow, type View } from "./view.ts";

const arrow = `<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d="M2 2l6 15 2.500-6.500L17 8Z"/></svg>`;

export interface Cursors {
  show(pointers: readonly Pointer<Person>[], view: View): void;
}

export function createCursors(layer: HTMLElement): Cursors {
  const byId = new Map<string, HTMLElement>();
  const make = (id: string): HTMLElement => {
    const cursor = document.createElement("div");
    cursor.className = "cursor";
    cursor.innerHTML = `${arrow}<span></span>`;
    layer.append(cursor);
    byId.set(id, cursor);
    return cursor;
  };
  return {
    show(pointers, view) {
      const gone = new Set(byId.keys());
      for (const { member, x, y } of pointers) {
        gone.delete(member.id);
        const cursor = byId.get(member.id) ?? make(member.id);
        const at = toWindow(view, { x, y });
        cursor.style.transform = `translate(${at.x}px, ${at.y}px)`;
        const { name } = member.data;
        if (cursor.dataset["name"] === name && cursor.dataset["status"] === member.status) continue;
        cursor.dataset["name"] = name;
        cursor.dataset["status"] = member.status;
        cursor.style.setProperty("--tone", toneOf(name));
        (cursor.lastElementChild as HTMLElement).textContent = name;
      }
      for (const id of gone) {
        byId.get(id)?.remove();
        byId.delete(id);
      }
    },
  };
}
