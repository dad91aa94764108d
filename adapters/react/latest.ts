/**
 * What the latest render on the screen was given, for callbacks that outlive it.
 *
 * Always: an insertion effect comes before all other effects, so none of them sees what an older render was given.
 * Rules: docs/guides/react.md.
 */
import { useInsertionEffect, useRef } from "react";

export function useLatest<T>(value: T): { readonly current: T } {
  const latest = useRef(value);
  useInsertionEffect(() => {
    latest.current = value;
  });
  return latest;
}
