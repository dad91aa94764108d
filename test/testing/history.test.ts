import { expect, test } from "vitest";
import { createHistory } from "../../src/testing/history.ts";
import { virtualClock } from "../../src/testing/virtual-clock.ts";

test("SIM16 a history keeps what was asked, by whom and when, and the first answer", async () => {
  const clock = virtualClock({ seed: 1 });
  const history = createHistory<string, number>(clock);
  const first = history.invoke("ada", "write 1");
  await clock.advance(5);
  const second = history.invoke("bob", "write 2");
  history.invoke("bob", "write 3");
  await clock.advance(5);
  first.ok(17);
  first.fail(0);
  second.fail(-1);
  expect(history.operations).toEqual([
    { by: "ada", op: "write 1", invokedMs: 0, outcome: "ok", settledMs: 10, result: 17 },
    { by: "bob", op: "write 2", invokedMs: 5, outcome: "fail", settledMs: 10, result: -1 },
    { by: "bob", op: "write 3", invokedMs: 5, outcome: "unknown" },
  ]);
});
