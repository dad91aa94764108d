/** Writing into a text or a note: it is on everybody's board, in one write, when its writer is done; without a text it is not there. */
import type { Editor } from "./editor.ts";
import { measureWithCanvas } from "./export.ts";
import { fitText } from "./outline.ts";
import { isWritten } from "./shapes.ts";
import type { Desk } from "./tools.ts";
import type { Writes } from "./writes.ts";

export function createWriting({ scene, add, select }: Desk, writes: Writes, editor: Editor): Desk["write"] {
  const measure = measureWithCanvas();
  return (id, shape) =>
    editor.open(shape, (text) => {
      const isNew = !scene.get(id);
      if (text === shape.text) return;
      const box = fitText(shape, text, measure);
      if (!text) writes.remove([id]);
      else if (!isNew) writes.change([id], (each) => void (isWritten(each) && Object.assign(each, { text, box })));
      else {
        add(id, { ...shape, text, box });
        select([id]);
      }
    });
}
