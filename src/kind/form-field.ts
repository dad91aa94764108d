/**
 * One field as one person edits it: a state and what happens to it.
 *
 * While a field has the focus nothing but its own person changes what it shows. What arrives meanwhile is a conflict; what is typed
 * from then on stays here until it is decided. Left undecided, the field shows what everybody sees, and offers what was typed.
 * Always: a step returns a new state, or the same one where nothing changed; `due` is what is still to be written.
 * Rules: docs/protocol/form.md FIELD1-FIELD8.
 */
import { isSame } from "./same.ts";

export interface FieldState {
  readonly focused: boolean;
  /** In the middle of a letter that takes several keys. */
  readonly composing: boolean;
  /** It had the focus, and lost it. */
  readonly touched: boolean;
  /** What is shown instead of the tree's value. */
  readonly own: { readonly value: unknown } | undefined;
  /** `own` is still to be written. */
  readonly due: boolean;
  /** What the tree had when it was looked at last. */
  readonly seen: unknown;
  /** What was typed, where somebody else wrote over it, or would have: undecided. */
  readonly mine: { readonly value: unknown } | undefined;
  /** The conflict came while it was typed into: what is typed waits for the decision. */
  readonly held: boolean;
}

export type FieldStep =
  | { readonly what: "focus" | "blur" | "written" | "take" | "keep" }
  | { readonly what: "compose"; readonly on: boolean }
  | { readonly what: "type"; readonly value: unknown }
  /** The tree has that value now; `isOwn`: through this client. */
  | { readonly what: "tree"; readonly value: unknown; readonly isOwn: boolean };

export function newField(seen: unknown): FieldState {
  return {
    focused: false,
    composing: false,
    touched: false,
    own: undefined,
    due: false,
    seen,
    mine: undefined,
    held: false,
  };
}

/** What the field shows. */
export const shownBy = ({ own, seen }: FieldState): unknown => (own ? own.value : seen);

/** It may be written now. */
export const isDue = ({ due, composing }: FieldState): boolean => due && !composing;

/** Nothing of it is worth keeping: it shows the tree's value. */
export const isIdle = ({ focused, own, mine, touched }: FieldState): boolean => !focused && !own && !mine && !touched;

export function stepField(state: FieldState, step: FieldStep): FieldState {
  switch (step.what) {
    case "focus":
      return state.focused ? state : { ...state, focused: true, own: { value: shownBy(state) } };
    case "blur": {
      if (!state.focused) return state;
      const left = { ...state, focused: false, composing: false, touched: true, held: false };
      return state.due && !state.mine ? left : { ...left, own: undefined, due: false };
    }
    case "compose":
      return state.composing === step.on ? state : { ...state, composing: step.on };
    case "type": {
      const own = { value: step.value };
      if (state.held) return { ...state, own, mine: own };
      return { ...state, own, due: true, mine: undefined };
    }
    case "written": {
      if (!state.own) return state;
      return { ...state, due: false, seen: state.own.value, own: state.focused ? state.own : undefined };
    }
    case "take":
      if (!state.mine) return state;
      return { ...state, mine: undefined, held: false, due: false, own: state.focused ? { value: state.seen } : undefined };
    case "keep":
      if (!state.mine) return state;
      return { ...state, mine: undefined, held: false, due: true, own: state.mine };
    case "tree":
      return seeTree(state, step.value, step.isOwn);
  }
}

function seeTree(state: FieldState, value: unknown, isOwn: boolean): FieldState {
  if (isSame(value, state.seen)) return state;
  const seen = { ...state, seen: value };
  const typed = state.mine ?? state.own;
  // Everybody has what was typed here: nothing is left to decide.
  if (typed && isSame(value, typed.value)) return { ...seen, mine: undefined, held: false, due: false };
  // What was written here and taken back, or written by another part of this page, is no one else's.
  if (isOwn || state.mine || !state.focused) return state.focused || state.due ? seen : { ...seen, own: undefined };
  return { ...seen, mine: state.own, held: true, due: false };
}
