import { expect, test } from "vitest";
import { createGroupAuthority, type GroupOp, type GroupState } from "../../src/kind/inbox-group.ts";
import type { WriteContext } from "../../src/kind/kind.ts";

const bob: WriteContext = { replica: "b1", user: { id: "bob" }, nowMs: 0 };
const server: WriteContext = { replica: null, user: undefined, nowMs: 0 };
const group = (readers: readonly string[]) =>
  createGroupAuthority({ maxWaiting: 2, maxReaders: 2, readers: () => new Set(readers) });
const code = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

test("RELAY2 an entry names the readers but for the sender; with none it is not-found, with too many limit", () => {
  const message: GroupOp = [0, "a/b", 1];
  expect(group(["ada", "bob"]).decide(message, bob)).toEqual([0, "a/b", 1, ["bob", "b1"], ["ada"]]);
  expect(group(["ada", "bob", "cyd"]).decide(message, bob)?.[4]).toEqual(["ada", "cyd"]);
  expect(code(() => group(["bob"]).decide(message, bob))).toBe("not-found");
  expect(code(() => group(["ada", "cyd", "dan"]).decide(message, bob))).toBe("limit");
});

test("RELAY2, RELAY8 what waits is in the state until it is passed on, which the server alone says", () => {
  const waiting = group(["ada"]);
  const add = (op: GroupOp, context: WriteContext): void => waiting.apply(waiting.decide(op, context) as never);
  add([0, "a/b", 1], bob);
  add([0, "a/b", 2], bob);
  expect(code(() => waiting.decide([0, "a/b", 3], bob))).toBe("limit");
  for (const op of [[1, 1], [0, "sync/x", 1], [0, 1, 1], [2], null, {}])
    expect(code(() => waiting.decide(op as never, bob))).toBe("invalid");
  expect(code(() => waiting.decide([0, "a/b", 1], server))).toBe("invalid");
  const copy = group(["ada"]);
  copy.load(waiting.snapshot());
  add([1, 1], server);
  expect((waiting.snapshot() as GroupState).waiting.map(({ offset, data, from }) => [offset, data, from])).toEqual([
    [2, 2, { user: "bob", replica: "b1" }],
  ]);
  expect((copy.snapshot() as GroupState).waiting.length).toBe(2);
  add([0, "a/b", 4], bob);
  expect((waiting.snapshot() as GroupState).waiting.map(({ offset }) => offset)).toEqual([2, 4]);
});
