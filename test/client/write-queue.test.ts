/** The queue alone, without a line: what each decision gives, and what it leaves. */
import { expect, test } from "vitest";
import { createWriteQueue, type WriteQueue } from "../../src/client/write-queue.ts";
import { newWrite, type Write } from "../../src/client/writes.ts";

const always = (): boolean => true;
const write = (op: string, idempotent = false): Write => newWrite("room", "channel", op, idempotent);
const ops = (writes: readonly Write[]): unknown[] => writes.map(({ op }) => op);

/** A queue of session `s1` that has sent all of `sent` on this line. */
function queueOf(...sent: readonly Write[]): WriteQueue {
  const queue = createWriteQueue();
  queue.add(sent);
  queue.begin("s1", "ada", false);
  queue.sent(queue.batch(always), 7);
  return queue;
}

test("WRITE6 a frame's writes have numbers that follow one another, and stop where one may not be numbered", () => {
  const queue = createWriteQueue();
  const all = ["a", "b", "c"].map((op) => write(op));
  queue.add(all);
  queue.begin("s1", "ada", false);
  let left = 2;
  expect(ops(queue.batch(() => left-- > 0))).toEqual(["a", "b"]);
  expect(all.map(({ seq }) => seq)).toEqual([1, 2, 0]);
  // A number was given back and another one taken: the frame ends before the gap.
  (all[1] as Write).seq = 5;
  expect(ops(queue.batch(always))).toEqual(["a"]);
});

test("an answer takes out what was sent on this line, and nothing else", () => {
  const queue = queueOf(write("a"), write("b"), write("c"));
  queue.add([write("d")]);
  expect(queue.sentTo(9)).toBe(7);
  expect(ops(queue.reject(2))).toEqual(["b"]);
  expect(ops(queue.reject(4))).toEqual([]);
  expect(ops(queue.acknowledge(3))).toEqual(["a", "c"]);
  expect(queue.sentTo(9)).toBe(9);
  expect(queue.next?.op).toBe("d");
  expect(ops(queue.acknowledge(9))).toEqual([]);
  expect(ops(queue.cut())).toEqual(["d"]);
});

test("under another session what was never sent is numbered anew, what was sent is lost unless it is idempotent", () => {
  const queue = queueOf(write("sent"), write("again", true));
  queue.add([write("new")]);
  queue.lost();
  const misfits = queue.begin("s2", "ada", false);
  expect(misfits.map(([{ op }, why]) => [op, why])).toEqual([["sent", "session-lost"]]);
  expect(queue.batch(always).map(({ op, seq, session }) => [op, seq, session])).toEqual([
    ["again", 1, "s2"],
    ["new", 2, "s2"],
  ]);
});

test.each([
  [true, "closed"],
  [false, "forbidden"],
] as const)("what another user wrote is not sent; kept: %s", (isKept, why) => {
  const queue = createWriteQueue();
  queue.add([write("hers"), write("mine")]);
  queue.begin("s1", "ada", false);
  (queue.all[1] as Write).owner = "bob";
  expect(queue.begin("s2", "bob", isKept).map(([{ op }, reason]) => [op, reason])).toEqual([["hers", why]]);
  expect(ops(queue.all)).toEqual(["mine"]);
});

test("WRITE6 a number that was never sent goes to the next write", () => {
  const queue = queueOf(write("a"));
  queue.add([write("large"), write("b")]);
  const [large] = queue.batch(always) as [Write];
  queue.take(large);
  queue.giveBack(large);
  expect(queue.batch(always).map(({ op, seq }) => [op, seq])).toEqual([["b", 2]]);
});
