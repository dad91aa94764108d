/**
 * Gathers several changes into one entry: `shown` is ahead of `logged` until `take` says what to log.
 *
 * Always: after `take`, `shown` is `logged`; what came back to the logged value within one gathering is not logged.
 * No clock here: the owner decides when to take (end of turn, or a debounce timer).
 * Rules: docs/protocol/kinds.md ATOM2, ATOM6, ATOM7, ATOM10.
 */
import { diff } from "./diff.ts";
import type { Steps } from "./patch.ts";

export interface Gather<T> {
  /** With every change: what `get()` answers. */
  readonly shown: T;
  /** What the entries so far add up to: what a snapshot holds. */
  readonly logged: T;
  /** The value is now `next`. */
  show(next: T): void;
  /** Nothing is gathered: `value` is both shown and logged. */
  settle(value: T): void;
  /** What would bring `logged` to `next`; nothing where they are equal. */
  steps(next: T): Steps | undefined;
  /**
   * What was gathered, which is logged from now on; undefined where that is nothing. If `accept` throws on the steps,
   * the gathered changes are dropped, `shown` is `logged` again, and the error goes on to the caller.
   * `accept` is called before this returns.
   */
  take(accept?: (steps: Steps) => void): Steps | undefined;
}

/** `whole`: an entry is always the whole value. */
export function createGather<T>(initial: T, whole = false): Gather<T> {
  let shown = initial;
  let logged = initial;
  const steps = (next: T): Steps | undefined => {
    const changes = diff(logged, next);
    if (changes.length === 0) return undefined;
    return whole ? [[0, [], next]] : changes;
  };
  return {
    get shown() {
      return shown;
    },
    get logged() {
      return logged;
    },
    show(next) {
      shown = next;
    },
    settle(value) {
      shown = logged = value;
    },
    steps,
    take(accept) {
      const next = shown;
      const taken = steps(next);
      try {
        if (taken) accept?.(taken);
      } catch (error) {
        shown = logged;
        throw error;
      }
      if (taken) logged = next;
      // Equal but not `===`: the value that was there stays.
      else shown = logged;
      return taken;
    },
  };
}
