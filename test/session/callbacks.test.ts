import fc from "fast-check";
import { SyncError } from "sente-sync";
import { expect, test } from "vitest";
import { type Callbacks, createCallbacks } from "../../src/session/callbacks.ts";
import { createVirtualEnv, type VirtualEnv } from "../support/virtual-env.ts";

/** What a callback was settled with. */
type Outcome = readonly [error: SyncError | undefined, value?: unknown];

function create(): { env: VirtualEnv; callbacks: Callbacks; outcomes: Map<string, Outcome[]>; open(timeoutMs?: number): string } {
  const env = createVirtualEnv();
  const callbacks = createCallbacks(env);
  const outcomes = new Map<string, Outcome[]>();
  return {
    env,
    callbacks,
    outcomes,
    open(timeoutMs = 5000) {
      const seen: Outcome[] = [];
      const id = callbacks.open(timeoutMs, (...outcome) => void seen.push(outcome));
      outcomes.set(id, seen);
      return id;
    },
  };
}

test("CALL1 an id is six lower-case hex digits, and none that is waited for is given twice", () => {
  const { env, open } = create();
  const ids = new Set(Array.from({ length: 300 }, () => open()));
  expect(ids.size).toBe(300);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{6}$/);
  // The same number is drawn again while its callback waits.
  let draws = 0;
  const stuck = createCallbacks({ ...env, randomBytes: () => Uint8Array.of(0, 0, draws++ < 3 ? 7 : 8) });
  expect([stuck.open(1, () => {}), stuck.open(1, () => {})]).toEqual(["000007", "000008"]);
});

test("CALL2 a reply settles its callback once, whatever the value, and no other", () => {
  const { env, callbacks, outcomes, open } = create();
  const [one, other] = [open(), open()];
  expect(callbacks.settle(one, undefined, null)).toBe(true);
  expect(callbacks.settle(one, undefined, 2)).toBe(false);
  expect(outcomes.get(one)).toEqual([[undefined, null]]);
  expect(outcomes.get(other)).toEqual([]);
  expect([callbacks.size, env.timers]).toEqual([1, 1]);
});

test("CALL2 a forged id is ignored", () => {
  const { callbacks, outcomes, open } = create();
  open();
  for (const forged of ["", "ffffff", "__proto__", "constructor"]) expect(callbacks.settle(forged, undefined, "x")).toBe(false);
  expect(callbacks.size).toBe(1);
  expect([...outcomes.values()]).toEqual([[]]);
});

test("CALL3 without a reply it ends in timeout, not before its time; a reply after that is ignored", () => {
  const { env, callbacks, outcomes, open } = create();
  const id = open(100);
  env.advance(99);
  expect(outcomes.get(id)).toEqual([]);
  env.advance(1);
  expect(outcomes.get(id)).toMatchObject([[{ code: "timeout", retry: "later" }, undefined]]);
  expect(callbacks.settle(id, undefined, 1)).toBe(false);
  expect(outcomes.get(id)?.length).toBe(1);
});

test("CALL4 the end of the line settles all but what was not sent", () => {
  const { env, callbacks, outcomes, open } = create();
  const [sent, unsent] = [open(), open()];
  callbacks.failAll(new SyncError("closed"), new Set([unsent]));
  expect(outcomes.get(sent)).toMatchObject([[{ code: "closed", retry: "reconnect" }, undefined]]);
  expect([outcomes.get(unsent), callbacks.size, env.timers]).toEqual([[], 1, 1]);
  expect([callbacks.settle(sent, undefined), callbacks.settle(unsent, undefined)]).toEqual([false, true]);
});

test("CALL2 whatever comes in whatever order, each settles exactly once and leaves no timer", () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant("open" as const), ms: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ type: fc.constantFrom("reply", "fail", "advance"), n: fc.nat(30) }),
    fc.record({ type: fc.constant("all" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { env, callbacks, outcomes, open } = create();
      const ids: string[] = [];
      for (const each of steps) {
        if ("ms" in each) ids.push(open(each.ms));
        else if (!("n" in each)) callbacks.failAll(new SyncError("closed"));
        else if (each.type === "advance") env.advance(each.n);
        else if (each.type === "reply") callbacks.settle(ids[each.n] ?? "none", undefined, each.n);
        else callbacks.settle(ids[each.n] ?? "none", new SyncError("closed"));
      }
      env.advance(1000);
      expect([callbacks.size, env.timers]).toEqual([0, 0]);
      expect([...outcomes.values()].every((seen) => seen.length === 1)).toBe(true);
    }),
  );
});
