import fc from "fast-check";
import { expect, test } from "vitest";
import { createGroupAuthority, type GroupEntry, readGroupOp } from "../../src/kind/group.ts";

const begun = (maxAttempts = 3) => {
  const group = createGroupAuthority({ maxAttempts });
  group.apply(["begin", "e", 0]);
  return group;
};

test("GROUP9 what is settled is what was settled, in any order, and a snapshot says the same", () => {
  const offsets = fc.array(fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: -30, max: -1 })), { maxLength: 60 });
  fc.assert(
    fc.property(offsets, (settling) => {
      const group = begun();
      const settled = new Set<number>();
      for (const offset of settling) {
        // Negative ones stand for "passed up to".
        if (offset < 0) for (let n = 1; n <= -offset; n++) settled.add(n);
        else settled.add(offset);
        group.apply(offset < 0 ? ["passed", -offset] : ["done", offset]);
      }
      const copy = createGroupAuthority({ maxAttempts: 3 });
      copy.load(JSON.parse(JSON.stringify(group.snapshot())));
      for (const each of [group, copy]) {
        for (let n = 1; n <= 31; n++) expect([n, each.isSettled(n)]).toEqual([n, settled.has(n)]);
        expect(each.open(31)).toBe(31 - settled.size);
        let base = 0;
        while (settled.has(base + 1)) base++;
        expect(each.base).toBe(base);
      }
      expect(copy.snapshot()).toEqual(group.snapshot());
    }),
  );
});

test("GROUP9 a group that was done in order says so in few words", () => {
  const group = begun();
  for (let n = 1; n <= 1000; n++) group.apply(["done", n]);
  group.apply(["done", 1002]);
  expect(group.snapshot()).toEqual(["e", 1000, [[1002, 1002]], []]);
});

test("GROUP5, GROUP8 failures are counted, and the last one allowed is dead", () => {
  const group = begun(3);
  const fail = (): GroupEntry => {
    const entry = group.decide(["failed", 4, "x".repeat(500)]);
    group.apply(entry);
    return entry;
  };
  expect([fail()[0], group.attempts(4), fail()[0], group.attempts(4)]).toEqual(["failed", 1, "failed", 2]);
  expect(group.isSettled(4)).toBe(false);
  const dead = fail();
  expect(dead.slice(0, 3)).toEqual(["dead", 4, 3]);
  expect(dead[3]).toHaveLength(256);
  expect([group.isSettled(4), group.attempts(4), group.snapshot()[3]]).toEqual([true, 0, []]);
});

test("GROUP4 what is settled is a conflict, and what is no such operation invalid; deciding changes nothing", () => {
  const group = begun();
  expect(group.decide(["done", 2])).toEqual(["done", 2]);
  expect(group.isSettled(2)).toBe(false);
  group.apply(["done", 2]);
  expect(() => group.decide(["done", 2])).toThrow(expect.objectContaining({ code: "conflict" }));
  expect(() => group.decide(["failed", 2, ""])).toThrow(expect.objectContaining({ code: "conflict" }));
  for (const op of [null, "done", ["done"], ["done", 1.5], ["done", "1"], ["dead", 1, 1, ""], ["failed", 1, 2]]) {
    expect(() => readGroupOp(op)).toThrow(expect.objectContaining({ code: "invalid" }));
  }
  expect(readGroupOp(["failed", 1])).toEqual(["failed", 1, ""]);
});

test("GROUP12 a new epoch begins anew", () => {
  const group = begun();
  group.apply(["done", 1]);
  group.apply(["done", 3]);
  group.apply(["failed", 5, 1, ""]);
  group.apply(["begin", "f", 7]);
  expect([group.epoch, group.snapshot()]).toEqual(["f", ["f", 7, [], []]]);
  group.load(undefined);
  expect(group.snapshot()).toEqual(["", 0, [], []]);
});
