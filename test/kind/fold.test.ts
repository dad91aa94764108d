import { expect, test } from "vitest";
import { SyncError } from "../../src/core/errors.ts";
import { fold } from "../../src/kind/fold.ts";
import type { WriteContext } from "../../src/kind/kind.ts";
import { kindLaws } from "../../src/testing/contracts/kind.ts";

/** A lock: one holder at a time, and only the holder lets go. */
const lock = fold<string | null, "take" | "release", string | null>({
  initial: null,
  decide(holder, op, { replica }) {
    if (op === "take" ? holder !== null : holder !== replica) throw new SyncError("conflict");
    return op === "take" ? replica : null;
  },
  evolve: (_holder, entry) => {
    if (entry !== null && typeof entry !== "string") throw new SyncError("invalid", "Not a holder.");
    return entry;
  },
});

/** A ballot: one vote for each replica, which may be changed. */
type Votes = { readonly [replica: string]: string };
const choices = ["tea", "coffee"];
const ballot = fold<Votes, string, readonly [replica: string, choice: string]>({
  initial: {},
  decide(votes, choice, { replica }) {
    if (!choices.includes(choice) || replica === null) throw new SyncError("invalid", "No such choice.");
    return votes[replica] === choice ? undefined : [replica, choice];
  },
  evolve: (votes, [replica, choice]) => ({ ...votes, [replica]: choice }),
});

const by = (replica: string): WriteContext => ({ replica, user: null, nowMs: 0 });

const locks = kindLaws({ ...lock, op: (random) => (random() < 0.5 ? "take" : "release"), badEntries: [1, {}] });
for (const { name, run } of locks) test(`${name} (lock)`, run);
const ballots = kindLaws({
  ...ballot,
  op: (random) => ["tea", "coffee", "wine"][Math.floor(random() * 3)] as string,
  badEntries: [null, 7],
});
for (const { name, run } of ballots) test(`${name} (ballot)`, run);

test("FOLD1 the state at offset 0 is `initial`, and decide sees what was applied", () => {
  const door = lock.authority();
  expect(door.snapshot()).toBeNull();
  door.apply(door.decide("take", by("ada")) as string);
  expect(door.snapshot()).toBe("ada");
  expect(() => door.decide("take", by("bob"))).toThrow(expect.objectContaining({ code: "conflict" }));
  expect(() => door.decide("release", by("bob"))).toThrow(expect.objectContaining({ code: "conflict" }));
  door.apply(door.decide("release", by("ada")) as null);
  expect(door.snapshot()).toBeNull();
});

test("FOLD2 an operation that changes nothing has no entry", () => {
  const box = ballot.authority();
  box.apply(["ada", "tea"]);
  expect(box.decide("tea", by("ada"))).toBeUndefined();
  expect(box.decide("coffee", by("ada"))).toEqual(["ada", "coffee"]);
});

test("FOLD3 a replica has no value until it has an entry or a snapshot, and starts from `initial`", () => {
  const replica = ballot.replica();
  expect(replica.value).toBeUndefined();
  replica.apply(["ada", "tea"], 1);
  expect(replica.value).toEqual({ ada: "tea" });
  replica.clear();
  expect(replica.value).toBeUndefined();
  replica.apply(["bob", "tea"], 1);
  expect(replica.value).toEqual({ bob: "tea" });
  replica.restore({ bob: "coffee" });
  replica.apply(["ada", "tea"], 2);
  expect(replica.value).toEqual({ bob: "coffee", ada: "tea" });
});

test("FOLD4 what evolve throws comes out as invalid with the cause; its own invalid is passed on", () => {
  const votes = ballot.authority();
  expect(() => votes.apply(null as never)).toThrow(expect.objectContaining({ code: "invalid", cause: expect.any(TypeError) }));
  expect(() => lock.replica().apply(1 as never, 1)).toThrow(
    expect.objectContaining({ code: "invalid", message: "Not a holder." }),
  );
});

test("FOLD5 authorities and replicas of one kind share nothing", () => {
  const one = ballot.authority();
  one.apply(["ada", "tea"]);
  expect(ballot.authority().snapshot()).toEqual({});
  const replica = ballot.replica();
  replica.apply(["ada", "tea"], 1);
  expect(ballot.replica().value).toBeUndefined();
});
