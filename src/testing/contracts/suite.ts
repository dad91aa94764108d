/**
 * A contract as data, for any test runner: `for (const { name, run } of suite) test(name, run)`.
 *
 * Always: a test is done with its world when `run` resolves or rejects; what does not hold is a ContractFailure that says what
 * was expected and what there was; tests know nothing of each other and can run in any order.
 * Rules: docs/contributing.md "Tests".
 */
import { type ErrorCode, isSyncError } from "../../core/errors.ts";
import { textOf } from "./text.ts";

export interface ContractTest {
  /** Begins with the numbers of the rules that it proves, which docs/protocol describes. */
  readonly name: string;
  /** Rejects if what the name says does not hold. */
  run(): Promise<void>;
}

/** A contract is broken. `actual` and `expected` are texts, which Vitest and other runners show as a diff. */
export class ContractFailure extends Error {
  override readonly name = "ContractFailure";
  readonly actual: string | undefined;
  readonly expected: string | undefined;

  constructor(
    message: string,
    { actual, expected, cause }: { actual?: string | undefined; expected?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.actual = actual;
    this.expected = expected;
  }
}

/** `actual` reads the same as `expected`. */
export function equal(actual: unknown, expected: unknown, what = ""): void {
  sameText(textOf(actual), textOf(expected), what);
}

/** The same of two texts, of values as they were read before. */
export function sameText(actual: string, expected: string, what = ""): void {
  if (actual === expected) return;
  let same = 0;
  while (actual[same] === expected[same]) same++;
  const shown = (text: string): string => `${same > 40 ? "…" : ""}${text.slice(same > 40 ? same - 20 : 0, same + 200)}`;
  throw new ContractFailure(`${what}${what && ": "}expected ${shown(expected)}, and it is ${shown(actual)}`, {
    actual,
    expected,
  });
}

export function ok(isTrue: boolean, what: string): asserts isTrue {
  if (!isTrue) throw new ContractFailure(what);
}

/** It throws a SyncError of this code, whose message matches. */
export function throws(work: () => unknown, code: ErrorCode, what: string, message: RegExp = /(?:)/): void {
  let result: unknown;
  try {
    result = work();
  } catch (error) {
    expectError(error, code, what, message);
    return;
  }
  throw new ContractFailure(`${what}: expected SyncError ${code}, and there was ${textOf(result)}`);
}

/** It rejects with a SyncError of this code, or throws it. */
export async function rejects(work: () => unknown, code: ErrorCode, what: string): Promise<void> {
  let result: unknown;
  try {
    result = await work();
  } catch (error) {
    expectError(error, code, what, /(?:)/);
    return;
  }
  throw new ContractFailure(`${what}: expected SyncError ${code}, and there was ${textOf(result)}`);
}

function expectError(error: unknown, code: ErrorCode, what: string, message: RegExp): void {
  if (isSyncError(error, code) && message.test(error.message)) return;
  throw new ContractFailure(`${what}: expected SyncError ${code} that says ${message}, and it was ${textOf(error)}`, {
    cause: error,
  });
}

/** What one test has for itself. */
export interface ContractWorld {
  dispose?(): void | Promise<void>;
}

/** What a contract asks, by name. */
export type WorldTests<World> = Readonly<Record<string, (world: World) => void | Promise<void>>>;

/** Each test in a world of its own. */
export function suiteIn<World extends ContractWorld>(
  create: () => World | Promise<World>,
  tests: WorldTests<World>,
): ContractTest[] {
  return Object.entries(tests).map(([name, test]) => ({
    name,
    async run() {
      const world = await create();
      try {
        await test(world);
      } finally {
        await world.dispose?.();
      }
    },
  }));
}
