/** What the dashboard counts with: a hole, a double and a restart show in its figures. */
import { expect, test } from "vitest";
import { described, type History, noHistory, withGap, withPoint } from "../../examples/dashboard/history.ts";

const nothing = { delayMs: 0, worstDelayMs: 0, heapMb: 0, processMb: 0, connections: 0, messagesPerSecond: 0 };
const after = (history: History, ...offsets: number[]): History =>
  offsets.reduce((before, offset) => withPoint(before, { offset, data: { ...nothing, atMs: offset * 10 } }), history);
const countsOf = ({ rows: _, ...counts }: History) => counts;

test("points in order are counted, from whichever offset they begin", () => {
  expect(countsOf(after(noHistory, 41, 42, 43))).toEqual({
    first: 41,
    last: 43,
    received: 3,
    missing: 0,
    doubled: 0,
    restarts: 0,
  });
  expect(described(noHistory)).toBe("Waiting for the first point");
  expect(described(after(noHistory, 1))).toBe("1 point, 0 missing");
});

test("a hole that nobody told of counts as missing points, and stands between the rows", () => {
  const history = after(noHistory, 1, 2, 5);
  expect(countsOf(history)).toMatchObject({ last: 5, received: 3, missing: 2 });
  expect(history.rows.map(({ atMs, gap }) => (gap ? "gap" : atMs))).toEqual([10, 20, "gap", 50]);
});

test("a point that came before counts as doubled and is not drawn", () => {
  const history = after(noHistory, 1, 2, 2, 1);
  expect(countsOf(history)).toMatchObject({ last: 2, received: 2, doubled: 2 });
  expect(history.rows).toHaveLength(2);
});

test("a gap that is told counts what it leaves out, once, and a newcomer misses nothing", () => {
  const history = after(withGap(after(noHistory, 1, 2), { from: 3, to: 6 }), 7);
  expect(countsOf(history)).toMatchObject({ last: 7, received: 3, missing: 4, doubled: 0 });
  expect(history.rows.filter(({ gap }) => gap)).toHaveLength(1);
  expect(withGap(noHistory, { from: 1, to: 9 })).toBe(noHistory);
});

test("a server that starts anew counts as a restart, and its offsets begin where they begin", () => {
  const history = after(withGap(after(noHistory, 1, 2, 3), { from: 0, to: 0 }), 1, 2);
  expect(countsOf(history)).toEqual({ first: 1, last: 2, received: 5, missing: 0, doubled: 0, restarts: 1 });
  expect(described(history)).toBe("5 points, 0 missing, server restarted once");
});

test("no more rows are kept than are drawn", () => {
  const history = after(noHistory, ...Array.from({ length: 500 }, (_, index) => index + 1));
  expect(history.received).toBe(500);
  expect(history.rows).toHaveLength(360);
});
