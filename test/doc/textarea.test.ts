/** A field bound to a Y.Text: what was typed, where the caret goes, and input methods. */
import { bindText, type TextField } from "sente-sync/doc";
import { createRng } from "sente-sync/testing";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { changeOf } from "../../src/kind/doc/text-change.ts";
import { createWorld } from "./world.ts";
import { createDoc } from "./yjs.ts";

/** As a `<textarea>` behaves, without a page. */
class Field implements TextField {
  value = "";
  selectionStart = 0;
  selectionEnd = 0;
  readonly #runs = new Map<string, () => void>();

  setSelectionRange(start: number, end: number): void {
    this.selectionStart = start;
    this.selectionEnd = end;
  }
  addEventListener(name: string, run: () => void): void {
    this.#runs.set(name, run);
  }
  removeEventListener(name: string): void {
    this.#runs.delete(name);
  }
  raise(name: string): void {
    this.#runs.get(name)?.();
  }
  /** Puts text in the place of what is selected. */
  type(text: string, from = this.selectionStart, to = this.selectionEnd): void {
    this.value = this.value.slice(0, from) + text + this.value.slice(to);
    this.setSelectionRange(from + text.length, from + text.length);
    this.raise("input");
  }
}

function bound(start: string): {
  readonly field: Field;
  readonly text: Y.Text;
  readonly other: Y.Text;
  exchange(): void;
  stop(): void;
} {
  const [own, theirs] = [createDoc(1000), createDoc(2000)];
  own.getText("text").insert(0, start);
  const exchange = (): void => {
    Y.applyUpdate(theirs, Y.encodeStateAsUpdate(own));
    Y.applyUpdate(own, Y.encodeStateAsUpdate(theirs));
  };
  exchange();
  const field = new Field();
  const text = own.getText("text");
  const stop = bindText(field, text);
  return { field, text, other: theirs.getText("text"), exchange, stop };
}

test("DOC30 what was typed is one change, at the caret, also among equal letters", () => {
  const { field, text } = bound("aaaa");
  const deltas: unknown[] = [];
  text.observe(({ delta }) => deltas.push(delta));
  field.type("a", 1, 1);
  field.type("", 2, 3);
  field.type("b", 0, 2);
  expect(field.value).toBe("baa");
  expect(text.toString()).toBe("baa");
  expect(deltas).toEqual([
    [{ retain: 1 }, { insert: "a" }],
    [{ retain: 2 }, { delete: 1 }],
    [{ delete: 2 }, { insert: "b" }],
  ]);
});

test("DOC30 no change splits a pair of surrogates", () => {
  expect(changeOf("👍", "👎", 2)).toEqual({ at: 0, removed: 2, inserted: "👎" });
  expect(changeOf("x👍", "x👎", 3)).toEqual({ at: 1, removed: 2, inserted: "👎" });
  // The same second half, other first halves.
  const [one, other] = ["\u{1f44d}", "\u{1f84d}"];
  expect(changeOf(one, other, 0)).toEqual({ at: 0, removed: 2, inserted: other });
});

test("DOC31 what others write moves caret and selection along", () => {
  const { field, other, exchange } = bound("hello world");
  field.setSelectionRange(6, 11);
  other.insert(0, "> ");
  exchange();
  expect([field.value, field.selectionStart, field.selectionEnd]).toEqual(["> hello world", 8, 13]);
  other.delete(0, 10);
  exchange();
  expect([field.value, field.selectionStart, field.selectionEnd]).toEqual(["rld", 0, 3]);
  field.setSelectionRange(3, 3);
  other.insert(3, "!");
  exchange();
  expect([field.value, field.selectionStart]).toEqual(["rld!", 3]);
});

test("DOC32 while an input method composes the field is left alone, and what others wrote comes afterwards", () => {
  const { field, text, other, exchange } = bound("ab");
  field.setSelectionRange(1, 1);
  field.raise("compositionstart");
  field.type("に");
  other.insert(0, "> ");
  other.insert(4, "!");
  exchange();
  expect([field.value, text.toString()]).toEqual(["aにb", "> ab!"]);
  field.type("日本", 1, 2);
  field.raise("compositionend");
  expect([field.value, text.toString()]).toEqual(["> a日本b!", "> a日本b!"]);
  expect(field.selectionStart).toBe(5);
});

test("DOC30 DOC31 whatever is typed on both sides, field and text end equal", () => {
  for (let seed = 0; seed < 60; seed++) {
    const rng = createRng(`field/${seed}`);
    const { field, text, other, exchange, stop } = bound("start");
    for (let i = 0; i < 40; i++) {
      const from = rng.int(field.value.length + 1);
      if (rng.chance(0.5)) field.type(rng.pick(["", "a", "aa", "xyz"]), from, Math.min(field.value.length, from + rng.int(3)));
      else if (rng.chance(0.6)) other.insert(rng.int(other.length + 1), rng.pick(["a", "b", "cc"]));
      else if (other.length > 1) other.delete(rng.int(other.length - 1), 1);
      if (rng.chance(0.3)) exchange();
      expect(field.value).toBe(text.toString());
      expect(field.selectionEnd).toBeLessThanOrEqual(field.value.length);
    }
    exchange();
    expect([field.value, other.toString()]).toEqual([text.toString(), text.toString()]);
    stop();
    text.insert(0, "unseen");
    expect(field.value).not.toBe(text.toString());
  }
});

test("DOC25 what was typed into a field is undone like every edit made here, and nothing that others wrote", async () => {
  const world = createWorld();
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  const field = new Field();
  const stop = bindText(field, ada.note.doc.getText("text"));
  const { undoManager } = ada.note;
  field.type("typed");
  await world.settle();
  bob.type(0, "bob ");
  await world.settle();
  undoManager.undo();
  await world.settle();
  expect([field.value, bob.text]).toEqual(["bob ", "bob "]);
  undoManager.redo();
  await world.settle();
  expect([field.value, bob.text]).toEqual(["bob typed", "bob typed"]);
  stop();
});
