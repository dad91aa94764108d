/**
 * A store as a hook, with a selector.
 *
 * Always: a component renders again only when what it selected changed by `isEqual`; on a server, and in a page that takes its markup
 * over, it has what a room has before anybody is known to be in it.
 * Rules: docs/guides/presence.md.
 */
import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { Readable } from "sente-sync/client";

export function useReadable<T, R>(
  store: Readable<T>,
  onServer: T,
  select: (value: T) => R,
  isEqual: (one: R, other: R) => boolean = Object.is,
): R {
  const shown = useRef<{ readonly value: R } | undefined>(undefined);
  const [snapshot, serverSnapshot] = useMemo(() => {
    let known: { readonly input: T; readonly output: R } | undefined;
    const selected = (input: T): R => {
      if (known && Object.is(known.input, input)) return known.output;
      const next = select(input);
      // What is equal stays the very one that is on the screen.
      const output = shown.current && isEqual(shown.current.value, next) ? shown.current.value : next;
      known = { input, output };
      return output;
    };
    return [() => selected(store.get()), () => selected(onServer)];
  }, [store, onServer, select, isEqual]);
  const value = useSyncExternalStore(store.listen, snapshot, serverSnapshot);
  useEffect(() => {
    shown.current = { value };
  });
  return value;
}

/** True where both have the same things in the same order. */
export function sameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((each, index) => Object.is(each, other[index]));
}
