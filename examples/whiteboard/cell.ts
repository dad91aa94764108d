/** A value that a page listens to: the least that React's `useSyncExternalStore` and Svelte's `$` want. */
import type { Readable } from "sente-sync/client";

export interface Cell<T> extends Readable<T> {
  /** Takes over what is given; the others stay. Nobody is told where nothing changed. */
  set(patch: Partial<T>): void;
}

export function createCell<T extends object>(first: T): Cell<T> {
  let value = first;
  const listeners = new Set<(value: T) => void>();
  const listen = (run: (value: T) => void): (() => void) => {
    listeners.add(run);
    return () => void listeners.delete(run);
  };
  return {
    get: () => value,
    listen,
    subscribe(run) {
      run(value);
      return listen(run);
    },
    set(patch) {
      if (Object.entries(patch).every(([key, each]) => Object.is(each, value[key as keyof T]))) return;
      value = { ...value, ...patch };
      for (const run of [...listeners]) run(value);
    },
  };
}
