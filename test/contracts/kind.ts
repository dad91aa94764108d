/**
 * The laws that every kind obeys, run over histories of random operations: ten lines test a new kind.
 *
 * `kindLaws` knows no test runner, so that an application can check its own kinds by it; `kindContract` registers the
 * laws with Vitest. A failure names the seed; `check(seed)` runs that one history again.
 * Rules: docs/protocol/kinds.md KIND1-KIND7.
 */
import { strict as assert } from "node:assert";
import { inspect } from "node:util";
import { test } from "vitest";
import { isSyncError } from "../../src/core/errors.ts";
import type { Authority, Replica, WriteContext } from "../../src/kind/kind.ts";

/** Uniform in [0, 1). */
export type Random = () => number;

export interface KindSubject<Op, Value, Entry> {
  /** A fresh one, at offset 0. */
  authority(): Authority<Op, Entry>;
  /** A fresh one that knows nothing. For a kind without a value: one whose `value` is a copy of what it told so far. */
  replica(): Replica<Value, Entry>;
  /** A random operation; some should be rejected. */
  op(random: Random): Op;
  context?(random: Random): WriteContext;
  /** Entries that break a guard in every state. */
  readonly badEntries?: readonly unknown[];
  /** Operations in one history. Default 30. */
  readonly length?: number;
}

export interface Law {
  readonly title: string;
  /** Throws if the law does not hold for the history of this seed. */
  check(seed: number): void;
}

/** Everything that a reader of the value could see. */
const text = (value: unknown): string =>
  inspect(value, {
    depth: null,
    sorted: true,
    // Else where lines break depends on the order of keys.
    compact: false,
    maxArrayLength: null,
    maxStringLength: null,
    breakLength: Number.POSITIVE_INFINITY,
  });

/** Numbers that depend on the seed alone. Source: mulberry32, public domain. */
export function seeded(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface History<Entry> {
  readonly entries: readonly Entry[];
  /** snapshots[n]: after n entries. */
  readonly snapshots: readonly unknown[];
  /** The texts of both, from when they were handed out. */
  readonly texts: { readonly entries: readonly string[]; readonly snapshots: readonly string[] };
}

export function kindLaws<Op, Value, Entry>(subject: KindSubject<Op, Value, Entry>): Law[] {
  const contextOf = (random: Random, index: number): WriteContext =>
    subject.context?.(random) ?? { replica: `r${Math.floor(random() * 3)}`, user: null, nowMs: index };

  /** Decides and applies; `watch` wraps the call of `decide`. */
  const run = (
    seed: number,
    watch: (decide: () => Entry | undefined, authority: Authority<Op, Entry>) => Entry | undefined = (decide) => decide(),
  ): History<Entry> => {
    const random = seeded(seed);
    const authority = subject.authority();
    const entries: Entry[] = [];
    const snapshots: unknown[] = [authority.snapshot()];
    const texts = { entries: [] as string[], snapshots: snapshots.map(text) };
    for (let index = 0; index < (subject.length ?? 30); index++) {
      const op = subject.op(random);
      const context = contextOf(random, index);
      let entry: Entry | undefined;
      try {
        entry = watch(() => authority.decide(op, context), authority);
      } catch (error) {
        if (!isSyncError(error)) throw error;
      }
      if (entry === undefined) continue;
      texts.entries.push(text(entry));
      authority.apply(entry);
      entries.push(entry);
      const snapshot = authority.snapshot();
      snapshots.push(snapshot);
      texts.snapshots.push(text(snapshot));
    }
    assert.ok(entries.length > 0, "the history has no entry: no law could fail");
    return { entries, snapshots, texts };
  };

  /** A replica that has what a joiner gets at `offset`, and the tail from there. */
  const joined = (history: History<Entry>, offset: number, until = history.entries.length): Replica<Value, Entry> => {
    const replica = subject.replica();
    const snapshot = history.snapshots[offset];
    if (snapshot !== undefined) replica.restore(snapshot);
    for (let i = offset; i < until; i++) replica.apply(history.entries[i] as Entry, i + 1);
    return replica;
  };

  const law = (title: string, check: (seed: number) => void): Law => ({
    title,
    check(seed) {
      try {
        check(seed);
      } catch (cause) {
        throw new Error(`${title} [seed ${seed}]: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      }
    },
  });

  return [
    law("KIND1 the same entries give the same state, on every replica and every time", (seed) => {
      const history = run(seed);
      assert.equal(text(run(seed)), text(history));
      assert.equal(text(joined(history, 0).value), text(joined(history, 0).value));
    }),

    law("KIND2 decide changes nothing, and a rejected operation leaves no trace", (seed) => {
      run(seed, (decide, authority) => {
        const before = text(authority.snapshot());
        let first: unknown;
        try {
          first = decide();
        } catch (error) {
          assert.equal(text(authority.snapshot()), before);
          throw error;
        }
        assert.equal(text(authority.snapshot()), before);
        const second = decide();
        assert.equal(text(second), text(first), "deciding twice gave two answers");
        return second;
      });
    }),

    law("KIND3 values handed out and entries taken in are never changed", (seed) => {
      const history = run(seed);
      const replica = joined(history, 0, 0);
      const seen = history.entries.map((entry, i) => {
        replica.apply(entry, i + 1);
        return { value: replica.value, text: text(replica.value) };
      });
      replica.clear();
      assert.deepEqual(history.snapshots.map(text), history.texts.snapshots);
      assert.deepEqual(history.entries.map(text), history.texts.entries);
      for (const then of seen) assert.equal(text(then.value), then.text);
    }),

    law("KIND4 load and restore bring back what snapshot gave", (seed) => {
      const { snapshots } = run(seed);
      for (const snapshot of snapshots) {
        if (snapshot === undefined) continue;
        const authority = subject.authority();
        authority.load(snapshot);
        assert.equal(text(authority.snapshot()), text(snapshot));
        const [one, two] = [subject.replica(), subject.replica()];
        one.restore(snapshot);
        two.restore(authority.snapshot());
        assert.ok(one.value !== undefined);
        assert.equal(text(one.value), text(two.value));
      }
    }),

    law("KIND5 a snapshot and the entries after it give what the log gives from zero", (seed) => {
      const history = run(seed);
      const whole = text(joined(history, 0).value);
      history.snapshots.forEach((snapshot, offset) => {
        if (snapshot === undefined) return;
        assert.equal(text(joined(history, offset).value), whole, `joined at offset ${offset}`);
        const authority = subject.authority();
        authority.load(snapshot);
        for (const entry of history.entries.slice(offset)) authority.apply(entry);
        assert.equal(text(authority.snapshot()), text(history.snapshots.at(-1)), `loaded at offset ${offset}`);
      });
      // A kind without snapshots has none at any offset.
      assert.equal(new Set(history.snapshots.map((snapshot) => snapshot === undefined)).size, 1);
    }),

    law("KIND6 a bad entry is refused as invalid and leaves the state as it was", (seed) => {
      const history = run(seed);
      for (const bad of subject.badEntries ?? []) {
        const replica = joined(history, 0);
        const { value } = replica;
        const before = text(value);
        assert.throws(
          () => replica.apply(bad as Entry, history.entries.length + 1),
          (error) => isSyncError(error, "invalid"),
          `taken: ${text(bad)}`,
        );
        assert.equal(replica.value, value);
        assert.equal(text(replica.value), before);
      }
    }),

    law("KIND7 a cleared replica knows nothing and can start again", (seed) => {
      const history = run(seed);
      if (history.snapshots[0] === undefined) return;
      const replica = joined(history, 0);
      const whole = text(replica.value);
      replica.clear();
      assert.equal(replica.value, undefined);
      replica.restore(history.snapshots[0]);
      history.entries.forEach((entry, i) => replica.apply(entry, i + 1));
      assert.equal(text(replica.value), whole);
    }),
  ];
}

/** Registers the laws as tests, each over `histories` seeds. */
export function kindContract<Op, Value, Entry>(name: string, subject: KindSubject<Op, Value, Entry>, histories = 50): void {
  for (const { title, check } of kindLaws(subject)) {
    test(`${title} (${name})`, () => {
      for (let seed = 1; seed <= histories; seed++) check(seed);
    });
  }
}
