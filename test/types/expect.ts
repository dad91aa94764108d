/** Statements about types: a program with a wrong one does not compile. */

/** `true` where the two are the same type: neither is `any`, nor wider than the other. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** The value's type is `Expected`, exactly: `expectType<string>()(name)`. */
export function expectType<Expected>(): <Actual>(
  value: Actual,
  ...same: Same<Actual, Expected> extends true ? [] : [never]
) => void {
  return () => {};
}
