/**
 * What the application is told of a shared tree: listeners of its value, and `onChange` of each write that is stored.
 *
 * Always: told at the end of the turn, never while a write is decided, and in the order of the log; a listener that throws harms no other.
 * Rules: docs/protocol/shared.md SHARED1-SHARED13.
 */
import { addTo, callAll, type Unsubscribe } from "../core/store.ts";
import { type Assignment, nothing } from "../kind/registers.ts";
import type { Applied } from "../kind/shared-tree.ts";
import type { ServerCore } from "./core.ts";
import type { ParamValues } from "./family.ts";
import type { SharedChange } from "./shared.ts";

export interface SharedNews<T> {
  /** Something has changed: looks at it at the end of the turn. */
  later(): void;
  /** These are in the log now. */
  stored(writes: readonly { readonly applied: Applied }[]): void;
  /** Not all of it is told. */
  readonly isDue: boolean;
  listen(run: (value: T) => void): Unsubscribe;
  /** Nobody listens any more. */
  close(): void;
}

interface NewsHost<T> {
  readonly core: ServerCore;
  readonly name: string;
  readonly params: ParamValues;
  readonly onChange: ((change: SharedChange<T>) => void) | undefined;
  value(): T;
}

export function createSharedNews<T>({ core, name, params, onChange, value }: NewsHost<T>): SharedNews<T> {
  const listeners = new Set<(value: T) => void>();
  let lastShown: T | undefined;
  /** In the log, and not yet told. */
  let due: Applied[] = [];
  let isDue = false;

  const attempt = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      core.report(error, name);
    }
  };
  const tell = (): void => {
    isDue = false;
    if (listeners.size && !Object.is(value(), lastShown)) {
      const shown = value();
      lastShown = shown;
      attempt(() => callAll(listeners, shown));
    }
    const told = due;
    due = [];
    for (const { stamp, changes } of told) {
      const from = stamp.node || null;
      attempt(() => onChange?.({ topic: name, params, value: value(), changes: shownChanges(changes), from }));
    }
  };

  const later = (): void => {
    if (isDue) return;
    isDue = true;
    core.delivery.beforeFlush(tell);
  };
  return {
    later,
    stored(writes) {
      if (onChange) for (const { applied } of writes) due.push(applied);
      later();
    },
    get isDue() {
      return isDue;
    },
    listen(run) {
      if (!listeners.size) lastShown = value();
      return addTo(listeners, run);
    },
    close: () => listeners.clear(),
  };
}

/** Assignments as an application sees them. */
export function shownChanges(changes: readonly Assignment[]): SharedChange<unknown>["changes"] {
  return changes.map(({ path, value }) => (value === nothing ? { path } : { path, value }));
}
