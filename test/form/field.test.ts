/** The pure parts of a form: one field as a state machine, names of fields, messages. Rules: docs/protocol/form.md. */

import fc from "fast-check";
import type { SyncError } from "sente-sync";
import { expect, test } from "vitest";
import { checkedValues, ErrorList, issuesOf, joinErrors, withoutErrors } from "../../src/kind/form-errors.ts";
import { type FieldState, type FieldStep, isDue, newField, shownBy, stepField } from "../../src/kind/form-field.ts";
import { keysOf, nameOf, overlaps, valueIn, withValue } from "../../src/kind/form-path.ts";

const run = (start: unknown, ...steps: FieldStep[]): FieldState => steps.reduce(stepField, newField(start));
const type = (value: unknown): FieldStep => ({ what: "type", value });
const tree = (value: unknown, isOwn = false): FieldStep => ({ what: "tree", value, isOwn });
const [focus, blur, written, take, keep] = (["focus", "blur", "written", "take", "keep"] as const).map(
  (what): FieldStep => ({ what }),
) as [FieldStep, FieldStep, FieldStep, FieldStep, FieldStep];

test("FIELD2 and FIELD3 what arrives in a field that has the focus is a conflict, and stops the writing", () => {
  const open = run("a", focus, type("ab"), written, tree("x"));
  expect([shownBy(open), open.mine?.value, open.seen, isDue(open)]).toEqual(["ab", "ab", "x", false]);
  const typed = stepField(open, type("abc"));
  expect([shownBy(typed), typed.mine?.value, isDue(typed)]).toEqual(["abc", "abc", false]);
  // Untouched, but with the focus: it shows what it showed.
  expect(shownBy(run("a", focus, tree("x")))).toBe("a");
  expect(run("a", focus, type("ab"), tree("x"), tree("ab")).mine).toBeUndefined();
  // What this client itself did is nobody's conflict; without the focus there is none.
  expect(run("a", focus, type("ab"), written, tree("a", true)).mine).toBeUndefined();
  expect(shownBy(run("a", tree("x")))).toBe("x");
});

test("FIELD4 theirs is taken, or mine is kept and written", () => {
  const open = run("a", focus, type("ab"), tree("x"));
  const taken = stepField(open, take);
  expect([shownBy(taken), taken.mine, isDue(taken)]).toEqual(["x", undefined, false]);
  const kept = stepField(open, keep);
  expect([shownBy(kept), kept.mine, isDue(kept)]).toEqual(["ab", undefined, true]);
  expect(isDue(stepField(taken, type("xy")))).toBe(true);
});

test("FIELD5 left undecided, a field shows theirs and offers mine, until one is chosen or typed over", () => {
  const left = run("a", focus, type("ab"), tree("x"), blur);
  expect([shownBy(left), left.mine?.value, isDue(left), left.touched]).toEqual(["x", "ab", false, true]);
  expect(shownBy(stepField(left, tree("y")))).toBe("y");
  const kept = stepField(left, keep);
  expect([shownBy(kept), isDue(kept)]).toEqual(["ab", true]);
  expect(shownBy(stepField(kept, written))).toBe("ab");
  const anew = [focus, type("xy")].reduce(stepField, left);
  expect([shownBy(anew), anew.mine, isDue(anew)]).toEqual(["xy", undefined, true]);
});

test("FIELD6 nothing is due during a composition", () => {
  const composing = run("", focus, { what: "compose", on: true }, type("に"));
  expect([shownBy(composing), isDue(composing)]).toEqual(["に", false]);
  expect(isDue(stepField(composing, { what: "compose", on: false }))).toBe(true);
  expect(isDue(stepField(composing, blur))).toBe(true);
});

const word = fc.constantFrom("", "a", "b", "c");
const anyStep: fc.Arbitrary<FieldStep> = fc.oneof(
  fc.constantFrom(focus, blur, take, keep),
  word.map(type),
  word.map((value) => tree(value)),
  fc.boolean().map((on): FieldStep => ({ what: "compose", on })),
);

test("FIELD2 whatever happens, a field that has the focus shows what its own person typed or took", () => {
  fc.assert(
    fc.property(word, fc.array(anyStep, { maxLength: 30 }), (start, steps) => {
      let state = newField(start);
      let expected: unknown = start;
      for (const step of steps) {
        const before = state;
        state = stepField(state, step);
        if (!before.focused && !state.focused) expected = undefined;
        else if (step.what === "focus" && !before.focused) expected = shownBy(before);
        else if (step.what === "type") expected = step.value;
        else if (step.what === "take" && before.mine) expected = before.seen;
        else if (step.what === "keep" && before.mine) expected = before.mine.value;
        if (state.focused) expect(shownBy(state)).toBe(expected);
        // What is undecided is not written behind anybody's back.
        if (state.held) expect(isDue(state)).toBe(false);
        if (isDue(state)) expect(state.own).toBeDefined();
      }
    }),
  );
});

test("FIELD1, FIELD3 and FIELD5 two who type into one field show the same once both have left it", () => {
  const move = fc.tuple(fc.constantFrom(0, 1), anyStep);
  fc.assert(
    fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
      const fields = [newField(""), newField("")];
      let value = "";
      /** Writes what is due, and shows it to both. */
      const share = (who: number): void => {
        const state = fields[who] as FieldState;
        if (!isDue(state)) return;
        value = state.own?.value as string;
        fields[who] = stepField(state, written);
        fields[1 - who] = stepField(fields[1 - who] as FieldState, tree(value));
      };
      const ends: [number, FieldStep][] = [0, 1].map((who) => [who, blur]);
      for (const [who, step] of [...moves, ...ends]) {
        if (step.what === "tree") continue;
        fields[who] = stepField(fields[who] as FieldState, step);
        share(who);
      }
      for (const [who] of ends) {
        fields[who] = stepField(fields[who] as FieldState, { what: "compose", on: false });
        share(who);
      }
      expect(fields.map(shownBy)).toEqual([value, value]);
    }),
  );
});

test("FORM2 a field is named by its keys, which are not empty and have no dots", () => {
  expect(keysOf("address.city")).toEqual(["address", "city"]);
  expect(nameOf(keysOf(["address", "city"]))).toBe("address.city");
  for (const bad of ["", "a..b", ".a", ["a.b"], [], [1], 5]) {
    expect(() => keysOf(bad as never)).toThrow(expect.objectContaining({ code: "invalid" } satisfies Partial<SyncError>));
  }
  expect(valueIn({ a: { b: 1 } }, ["a", "b"])).toBe(1);
  expect([valueIn({ a: [1] }, ["a", "0"]), valueIn({}, ["toString"])]).toEqual([undefined, undefined]);
  expect(withValue({ a: 1 }, ["b", "c"], 2)).toEqual({ a: 1, b: { c: 2 } });
  expect(withValue({ a: 1, b: 2 }, ["b"], undefined)).toEqual({ a: 1 });
  expect([overlaps(["a"], ["a", "b"]), overlaps(["a", "c"], ["a", "b"]), overlaps([], ["a"])]).toEqual([true, false, true]);
});

test("CHECK6 a form has at most 100 messages, of 500 characters, each once", () => {
  const list = new ErrorList();
  for (let i = 0; i < 150; i++) list.add("a", `${i}`.padEnd(600, "x"));
  expect(list.errors["a"]).toHaveLength(100);
  expect(list.errors["a"]?.[0]).toHaveLength(500);
  expect(joinErrors([{ a: ["no"] }, { a: ["no", "never"] }, { b: ["x"] }])).toEqual({ a: ["no", "never"], b: ["x"] });
  const issues = [{ message: "m", path: ["a", { key: 0 }, "b"] }, { message: "all" }];
  expect(issuesOf({ issues })).toEqual({ "a.0.b": ["m"], "": ["all"] });
  expect(withoutErrors({ pass: ["x"], "pass.word": ["x"], passport: ["x"] }, ["pass"])).toEqual({ passport: ["x"] });
  expect(checkedValues({ a: 1 }, "a", ["b.c"])).toEqual([1, null]);
});
