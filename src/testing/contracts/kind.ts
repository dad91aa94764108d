/**
 * The laws that every kind obeys, run over histories of random operations: ten lines test a new kind.
 *
 * Always: a history depends on its seed alone; a failure names the seed, and `check(seed)` runs that one history again.
 * Rules: docs/protocol/kinds.md KIND1-KIND7.
 */
import { isSyncError } from "../../core/errors.ts";
import type { Authority, Replica, WriteContext } from "../../kind/kind.ts";
import { createRng } from "../rng.ts";
import { ContractFailure, type ContractTest, equal, ok, sameText, throws } from "./suite.ts";
import { textOf } from "./text.ts";

/** Uniform in [0, 1). */
export type Random = () => number;

/** A kind, and what is done with it. */
export interface KindSubject<Op, Value, Entry> {
  /** A fresh one, at offset 0. */
  authority(): Authority<Op, Entry>;
  /** A fresh one that knows nothing. For a kind without a value: one whose `value` is a copy of what it told so far. */
  replica(): Replica<Value, Entry>;
  /** A random operation; some should be rejected. */
  op(random: Random): Op;
  /** Who writes, and when. Default: one of three replicas, a millisecond later each time. */
  context?(random: Random): WriteContext;
  /** Entries that break a guard in every state. */
  readonly badEntries?: readonly unknown[];
  /** Operations in one history. Default 30. */
  readonly length?: number;
}

/** A law, over all its histories or over one. */
export interface KindLaw extends ContractTest {
  /** Throws if the law does not hold for the history of this seed. */
  check(seed: number): void;
}

const text = (value: unknown): string => textOf(value);

interface History<Entry> {
  readonly entries: readonly Entry[];
  /** snapshots[n]: after n entries. */
  readonly snapshots: readonly unknown[];
  /** The texts of both, from when they were handed out. */
  readonly texts: { readonly entries: readonly string[]; readonly snapshots: readonly string[] };
}

/** Tests of a kind, each over `histories` histories (default 50): seeds 1, 2, 3… */
export function kindLaws<Op, Value, Entry>(
  subject: KindSubject<Op, Value, Entry>,
  { histories = 50 }: { readonly histories?: number } = {},
): readonly KindLaw[] {
  const contextOf = (random: Random, index: number): WriteContext =>
    subject.context?.(random) ?? { replica: `r${Math.floor(random() * 3)}`, user: null, nowMs: index };

  /** Decides and applies; `watch` wraps the call of `decide`. */
  const run = (
    seed: number,
    watch: (decide: () => Entry | undefined, authority: Authority<Op, Entry>) => Entry | undefined = (decide) => decide(),
  ): History<Entry> => {
    const random = createRng(seed).next;
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
    ok(entries.length > 0, "the history has no entry: no law could fail");
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

  const law = (name: string, holds: (seed: number) => void): KindLaw => {
    const check = (seed: number): void => {
      try {
        holds(seed);
      } catch (cause) {
        throw new ContractFailure(`${name} [seed ${seed}]: ${cause instanceof Error ? cause.message : String(cause)}`, {
          ...(cause instanceof ContractFailure && { actual: cause.actual, expected: cause.expected }),
          cause,
        });
      }
    };
    return {
      name,
      check,
      async run() {
        for (let seed = 1; seed <= histories; seed++) check(seed);
      },
    };
  };

  return [
    law("KIND1 the same entries give the same state, on every replica and every time", (seed) => {
      const history = run(seed);
      sameText(text(run(seed)), text(history));
      sameText(text(joined(history, 0).value), text(joined(history, 0).value));
    }),

    law("KIND2 decide changes nothing, and a rejected operation leaves no trace", (seed) => {
      run(seed, (decide, authority) => {
        const before = text(authority.snapshot());
        let first: unknown;
        try {
          first = decide();
        } catch (error) {
          sameText(text(authority.snapshot()), before);
          throw error;
        }
        sameText(text(authority.snapshot()), before);
        const second = decide();
        sameText(text(second), text(first), "deciding twice gave two answers");
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
      equal(history.snapshots.map(text), history.texts.snapshots, "snapshots, and what they were");
      equal(history.entries.map(text), history.texts.entries, "entries, and what they were");
      for (const then of seen) sameText(text(then.value), then.text);
    }),

    law("KIND4 load and restore bring back what snapshot gave", (seed) => {
      const { snapshots } = run(seed);
      for (const snapshot of snapshots) {
        if (snapshot === undefined) continue;
        const authority = subject.authority();
        authority.load(snapshot);
        sameText(text(authority.snapshot()), text(snapshot));
        const [one, two] = [subject.replica(), subject.replica()];
        one.restore(snapshot);
        two.restore(authority.snapshot());
        ok(one.value !== undefined, "a restored replica has a value");
        sameText(text(one.value), text(two.value));
      }
    }),

    law("KIND5 a snapshot and the entries after it give what the log gives from zero", (seed) => {
      const history = run(seed);
      const whole = text(joined(history, 0).value);
      history.snapshots.forEach((snapshot, offset) => {
        if (snapshot === undefined) return;
        sameText(text(joined(history, offset).value), whole, `joined at offset ${offset}`);
        const authority = subject.authority();
        authority.load(snapshot);
        for (const entry of history.entries.slice(offset)) authority.apply(entry);
        sameText(text(authority.snapshot()), text(history.snapshots.at(-1)), `loaded at offset ${offset}`);
      });
      // A kind without snapshots has none at any offset.
      const kept = history.snapshots.filter((snapshot) => snapshot !== undefined).length;
      ok(kept === 0 || kept === history.snapshots.length, "there is a snapshot at every offset, or at none");
    }),

    law("KIND6 a bad entry is refused as invalid and leaves the state as it was", (seed) => {
      const history = run(seed);
      for (const bad of subject.badEntries ?? []) {
        const replica = joined(history, 0);
        const { value } = replica;
        const before = text(value);
        throws(() => replica.apply(bad as Entry, history.entries.length + 1), "invalid", `taken: ${text(bad)}`);
        ok(replica.value === value, `the value is another one after ${text(bad)}`);
        sameText(text(replica.value), before);
      }
    }),

    law("KIND7 a cleared replica knows nothing and can start again", (seed) => {
      const history = run(seed);
      if (history.snapshots[0] === undefined) return;
      const replica = joined(history, 0);
      const whole = text(replica.value);
      replica.clear();
      equal(replica.value, undefined, "the value of a cleared replica");
      replica.restore(history.snapshots[0]);
      history.entries.forEach((entry, i) => replica.apply(entry, i + 1));
      sameText(text(replica.value), whole);
    }),
  ];
}
