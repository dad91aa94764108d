/** The laws catch kinds that break them: one planted fault per law. */
import { expect, test } from "vitest";
import { SyncError } from "../../src/core/errors.ts";
import { fold } from "../../src/kind/fold.ts";
import type { Authority, Replica } from "../../src/kind/kind.ts";
import { type KindSubject, kindLaws } from "../../src/testing/contracts/kind.ts";

type Op = { add: number };
type State = { total: number; seen: number[] };

const sum = fold<State, Op, number>({
  initial: { total: 0, seen: [] },
  decide: (_state, { add }) => {
    if (add === 0) throw new SyncError("invalid", "Nothing to add.");
    return add;
  },
  evolve: ({ total, seen }, add) => {
    if (typeof add !== "number") throw new TypeError("not a number");
    return { total: total + add, seen: [...seen, add] };
  },
});

const honest: KindSubject<Op, State, number> = {
  ...sum,
  op: (random) => ({ add: Math.floor(random() * 5) }),
  badEntries: ["1"],
};

const authority = (change: (inner: Authority<Op, number>) => Partial<Authority<Op, number>>): KindSubject<Op, State, number> => ({
  ...honest,
  authority: () => {
    const inner = sum.authority();
    return { ...inner, ...change(inner) };
  },
});

const replica = (change: (inner: Replica<State, number>) => Partial<Replica<State, number>>): KindSubject<Op, State, number> => ({
  ...honest,
  replica: () => {
    const inner = sum.replica();
    const own = change(inner);
    return {
      get value() {
        return "value" in own ? own.value : inner.value;
      },
      apply: own.apply ?? inner.apply,
      restore: own.restore ?? inner.restore,
      clear: own.clear ?? inner.clear,
    };
  },
});

let draws = 0;

const faults: Record<string, KindSubject<Op, State, number>> = {
  KIND1: replica((inner) => ({ apply: (entry, offset) => inner.apply(entry + draws++, offset) })),
  KIND2: authority((inner) => ({
    decide(op, context) {
      inner.apply(1);
      return inner.decide(op, context);
    },
  })),
  KIND3: authority((inner) => {
    inner.load({ total: 0, seen: [] });
    return { apply: (entry) => void (inner.snapshot() as State).seen.push(entry) };
  }),
  KIND4: authority((inner) => ({ load: (snapshot) => inner.load({ ...(snapshot as State), total: -1 }) })),
  KIND5: replica((inner) => ({ restore: (snapshot) => inner.restore({ ...(snapshot as State), seen: [] }) })),
  KIND6: replica((inner) => ({ apply: (entry, offset) => inner.apply(Number(entry), offset) })),
  KIND7: replica(() => ({ clear: () => {} })),
};

const broken = (subject: KindSubject<Op, State, number>): string[] =>
  kindLaws(subject).flatMap(({ name, check }) => {
    try {
      for (let seed = 1; seed <= 20; seed++) check(seed);
      return [];
    } catch {
      return [name.slice(0, 5)];
    }
  });

test("KIND1-KIND7 hold for an honest kind", () => {
  expect(broken(honest)).toEqual([]);
});

for (const [rule, subject] of Object.entries(faults)) {
  test(`${rule} is seen to be broken by a kind that breaks it`, () => {
    expect(broken(subject)).toContain(rule);
  });
}

test("KIND1 a history without entries proves nothing and fails", () => {
  expect(broken({ ...honest, op: () => ({ add: 0 }) })).toHaveLength(7);
});
