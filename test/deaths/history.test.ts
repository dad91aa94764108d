/** The judge of the deaths test finds what it is there to find, and nothing where nothing is wrong. */
import { expect, test } from "vitest";
import { type History, judge, type Write } from "./history.ts";

const write = (client: string, n: number, offset: number, more: Partial<Write> = {}): Write => ({
  name: `${client}.${n}`,
  client,
  n,
  madeIn: 1,
  behind: 0,
  resent: false,
  ackedIn: 1,
  offset,
  ...more,
});

const whole: History = {
  durability: "strict",
  writes: [write("a", 1, 1), write("b", 1, 2), write("a", 2, 3, { behind: 1, ackedIn: 2 })],
  told: new Map([[1, new Map([[1, "a.1"]])]]),
  crashed: new Set([1]),
  log: ["a.1", "b.1", "a.2"],
};
const judged = (more: Partial<History>): readonly string[] => judge({ ...whole, ...more }).faults;

test("a history in which nothing is wrong", () => {
  expect(judge(whole)).toEqual({ faults: [], lost: [] });
});

test("what is lost, twice, out of order, at another place, unanswered or never written is found", () => {
  expect(judged({ log: ["a.1", "b.1"] })).toEqual(expect.arrayContaining(["a.2 was acknowledged at 3 and is lost"]));
  expect(judged({ log: ["a.1", "b.1", "a.2", "b.1"] })).toEqual(expect.arrayContaining(["b.1 is stored twice, at 2 and 4"]));
  expect(judged({ log: ["a.2", "b.1", "a.1"] })).toEqual(expect.arrayContaining(["a.1 at 3 is out of its client's order"]));
  expect(judged({ log: ["b.1", "a.1", "a.2"] })).toEqual(
    expect.arrayContaining(["a.1 was acknowledged at 1 and is stored at 2", "a.1 was told at 1 and is lost"]),
  );
  expect(judged({ log: ["a.1", "b.1", "a.2", "c.1"] })).toEqual(["c.1 at 4 was never written"]);
  const open = { ...write("c", 1, 0), ackedIn: undefined, offset: undefined } as unknown as Write;
  expect(judged({ writes: [...whole.writes, open] })).toEqual(["c.1 was never answered"]);
  const unknown = { ...open, error: "session-lost" };
  expect(judged({ writes: [...whole.writes, unknown] })).toEqual(["c.1 has an unknown outcome: session-lost"]);
  const refused = { ...open, error: "backpressure" };
  expect(judged({ writes: [...whole.writes, refused] })).toEqual([]);
  expect(judged({ writes: [...whole.writes, refused], log: [...whole.log, "c.1"] })).toEqual([
    "c.1 was rejected (backpressure) and is stored at 4",
  ]);
  const late = { ...write("d", 1, 4), behind: 4 };
  expect(judged({ writes: [...whole.writes, late], log: [...whole.log, "d.1"] })).toEqual([
    "d.1 at 4 was made when 4 was stored already",
  ]);
});

test("under relaxed a crash may take back the end of a life, and nothing else", () => {
  const relaxed = { durability: "relaxed" } as const;
  const again = write("c", 1, 2, { madeIn: 2, ackedIn: 2 });
  const writes = [write("a", 1, 1), write("b", 1, 2), again];
  expect(judge({ ...whole, ...relaxed, writes, log: ["a.1", "c.1"] })).toEqual({ faults: [], lost: [writes[1]] });
  expect(judged({ ...relaxed, writes, log: ["a.1", "c.1"], crashed: new Set() })).toEqual(["life 1 ended cleanly, and lost 2"]);
  const hole = [write("a", 1, 1), write("b", 1, 2), write("a", 2, 3), again];
  expect(judged({ ...relaxed, writes: hole, log: ["a.1", "c.1", "a.2"] })).toEqual(["life 1 lost 2, and kept 3"]);
});
