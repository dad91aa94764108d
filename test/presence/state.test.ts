/** What both sides fold. Rules: docs/protocol/presence.md PRESENCE10-PRESENCE13. */

import fc from "fast-check";
import { isSyncError } from "sente-sync";
import { edn } from "sente-sync/packers/edn";
import { expect, test } from "vitest";
import { type PresenceEntry, type PresenceItem, PresenceState } from "../../src/kind/presence.ts";

const ids = ["a", "b", "c"];
const user = (n: number): object => (n === 3 ? { id: "anyone", anonymous: true } : { id: `u${n}` });
const status = fc.constantFrom("online", "away", "reconnecting");
const item = fc.oneof(
  fc.tuple(fc.constant("in"), fc.constantFrom(...ids), fc.nat(3).map(user), fc.record({ n: fc.nat() }), status),
  fc.tuple(fc.constant("set"), fc.constantFrom(...ids), fc.record({ m: fc.nat() }), fc.constantFrom([], ["n"]), status),
  fc.tuple(fc.constant("out"), fc.constantFrom(...ids), fc.boolean()),
  fc.tuple(fc.constant("told"), fc.constantFrom(...ids), fc.constant("ping"), fc.nat()),
  fc.tuple(fc.constant("stage"), fc.constantFrom(...ids, null), fc.nat()),
) as fc.Arbitrary<PresenceItem>;
const entries = fc.array(fc.array(item, { maxLength: 4 }));
const entryOf = (items: readonly PresenceItem[], at = 0): PresenceEntry => [at, ...items];

/** Applies what can be applied; the state after each. */
function fold(state: PresenceState, list: readonly (readonly PresenceItem[])[], onRefused = (): void => {}): void {
  for (const [at, items] of list.entries()) {
    try {
      state.apply(entryOf(items, at));
    } catch (error) {
      expect(isSyncError(error, "invalid")).toBe(true);
      onRefused();
    }
  }
}

test("PRESENCE10 the same entries give the same state; who was not touched is the same object", () => {
  fc.assert(
    fc.property(entries, (list) => {
      const [one, two] = [new PresenceState(), new PresenceState()];
      fold(one, list);
      fold(two, list);
      expect(one.snapshot()).toEqual(two.snapshot());
      const before = new Map(one.byId);
      one.apply(entryOf([["in", "z", { id: "z" }, {}, "online"]]));
      for (const [id, member] of before) expect(one.byId.get(id)).toBe(member);
      const { members } = one;
      one.apply(entryOf([["told", null, "ping", 1]]));
      expect(one.members).toBe(members);
    }),
  );
});

test("PRESENCE11 an entry that names nobody who is there is refused whole", () => {
  fc.assert(
    fc.property(entries, (list) => {
      const state = new PresenceState();
      let before = state.snapshot();
      for (const [at, items] of list.entries()) {
        let isRefused = false;
        fold(state, [items], () => (isRefused = true));
        if (isRefused) expect(state.snapshot()).toEqual(before);
        before = state.snapshot();
        void at;
      }
    }),
  );
  const state = new PresenceState();
  expect(() =>
    state.apply(
      entryOf([
        ["in", "a", { id: "u" }, {}, "online"],
        ["set", "b", {}, [], "online"],
      ]),
    ),
  ).toThrow("b");
  expect(() =>
    state.apply(
      entryOf([
        ["in", "a", { id: "u" }, {}, "online"],
        ["out", "a"],
        ["out", "a"],
      ]),
    ),
  ).toThrow("a");
  expect(state.members).toEqual([]);
});

test("PRESENCE12 a user is remembered when the last member is gone: 64, and nobody anonymous", () => {
  const state = new PresenceState();
  const enter = (id: string, who: object): void => state.apply(entryOf([["in", id, who, {}, "online"]], 1));
  const leave = (id: string, atMs: number): void => state.apply(entryOf([["out", id]], atMs));
  enter("1", { id: "ada" });
  enter("2", { id: "ada" });
  enter("3", { id: "x", anonymous: true });
  leave("1", 5);
  leave("3", 5);
  expect([...state.gone]).toEqual([]);
  leave("2", 7);
  expect([...state.gone]).toEqual([["ada", { user: { id: "ada" }, lastSeenMs: 7 }]]);
  enter("4", { id: "ada" });
  expect(state.gone.size).toBe(0);
  state.apply(entryOf([["out", "4", true]]));
  expect(state.gone.size).toBe(0);
  for (let n = 0; n < 70; n++) {
    enter(`m${n}`, { id: `u${n}` });
    leave(`m${n}`, n);
  }
  expect([state.gone.size, state.gone.has("u5"), state.gone.has("u6")]).toEqual([64, false, true]);
});

test("PRESENCE13 a snapshot restores what it was taken of, over the wire", () => {
  const packer = edn();
  fc.assert(
    fc.property(entries, (list) => {
      const [state, other] = [new PresenceState(), new PresenceState()];
      fold(state, list);
      other.restore(packer.unpack(packer.pack(state.snapshot()), { maxDepth: 64, maxValues: 1e6 } as never));
      expect(other.snapshot()).toEqual(state.snapshot());
      // And counts the members of users as the other does.
      for (const id of ids) for (const each of [state, other]) if (each.byId.has(id)) each.apply(entryOf([["out", id]], 99));
      expect(other.snapshot()).toEqual(state.snapshot());
      other.clear();
      expect(other.snapshot()).toEqual(new PresenceState().snapshot());
    }),
  );
});
