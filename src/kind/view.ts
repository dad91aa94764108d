/**
 * Derived topics: what a reader sees of another topic's state, one topic per distinct key, never per reader.
 *
 * Always: a view's entries are the difference between two selections, so a change of the parent that a selection does
 * not show costs its readers nothing; a `select` that throws leaves that view as it was, and the error to the caller.
 * Rules: docs/protocol/kinds.md VIEW1-VIEW5.
 */
import { SyncError } from "../core/errors.ts";
import { diff } from "./diff.ts";
import type { Steps } from "./patch.ts";
import { isThenable } from "./thenable.ts";

export type ViewKey = string | number | boolean | null;

export interface ViewOptions<State, User, Key extends ViewKey, Selected> {
  /** Users with equal keys share one derived topic. */
  key(user: User): Key;
  /** What they see. Pure; undefined counts as null. */
  select(state: State, key: Key): Selected;
}

export interface ViewAuthority<State, Selected> {
  /** What is selected now. */
  readonly value: Selected;
  /** The parent's state is now `state`: what to log in the derived topic, or nothing. Throws what `select` throws. */
  update(state: State): Steps | undefined;
  /** For late joiners: `value` as a wire value. */
  snapshot(): Selected;
}

export interface View<State, User, Key extends ViewKey, Selected> {
  key(user: User): Key;
  /** The derived topic's own part of its name; distinct keys have distinct ones. */
  name(key: Key): string;
  /** Selects at once; throws what `select` throws. */
  open(key: Key, state: State): ViewAuthority<State, Selected>;
}

export function createView<State, User, Key extends ViewKey, Selected>(
  options: ViewOptions<State, User, Key, Selected>,
): View<State, User, Key, Selected> {
  return {
    key: (user) => options.key(user),
    name: (key) => JSON.stringify(key),
    open: (key, state) => createViewAuthority(options.select, key, state),
  };
}

export function createViewAuthority<State, Key extends ViewKey, Selected>(
  select: (state: State, key: Key) => Selected,
  key: Key,
  state: State,
): ViewAuthority<State, Selected> {
  const selected = (from: State): Selected => {
    const result: unknown = select(from, key);
    if (isThenable(result)) {
      result.then(undefined, () => {});
      throw new SyncError("invalid", "A view's select must not be asynchronous.");
    }
    return (result === undefined ? null : result) as Selected;
  };
  let value = selected(state);
  return {
    get value() {
      return value;
    },
    update(next) {
      const after = selected(next);
      const steps = diff(value, after);
      if (steps.length === 0) return undefined;
      value = after;
      return steps;
    },
    snapshot: () => value,
  };
}
