/**
 * Types of paths into plain data: `["shapes", "s1", "x"]`.
 *
 * Always: types alone; a path through an array leads nowhere, because an array is one value.
 * Rules: docs/protocol/shared.md SHARED2.
 */

/** What is at the path in a T; `never` where it leads nowhere; `unknown` for a path whose keys are not known. */
export type ValueAt<T, P extends readonly string[]> = P extends readonly []
  ? T
  : P extends readonly [infer K extends string, ...infer Rest extends readonly string[]]
    ? ValueBelow<NonNullable<T>, K, Rest>
    : unknown;

type ValueBelow<T, K extends string, Rest extends readonly string[]> = T extends readonly unknown[]
  ? never
  : T extends object
    ? K extends keyof T
      ? ValueAt<T[K], Rest>
      : never
    : never;
