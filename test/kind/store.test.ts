/** The store's two halves, without a network: calls, entries, answers. */
import { expect, test } from "vitest";
import type { Mutation } from "../../src/core/definitions.ts";
import { SyncError } from "../../src/core/errors.ts";
import type { WriteContext } from "../../src/kind/kind.ts";
import type { Call, StoreEntry } from "../../src/kind/mutation.ts";
import { createStoreAuthority } from "../../src/kind/store-authority.ts";
import { createStoreReplica } from "../../src/kind/store-replica.ts";
import { kindLaws, type Random } from "../../src/testing/contracts/kind.ts";
import { createRng } from "../../src/testing/rng.ts";

interface Todo {
  id: string;
  text: string;
  by: unknown;
}
interface State {
  items: Todo[];
  total: number;
}

const initial: State = { items: [], total: 0 };
const table: Record<string, Mutation<State, never>> = {
  add: (draft, text: string, ctx) => {
    draft.items.push({ id: ctx.id(), text, by: ctx.user });
    draft.total++;
  },
  remove: (draft, id: string, ctx) => {
    const at = draft.items.findIndex((item) => item.id === id);
    if (at < 0) ctx.reject("app/gone", "It is gone.");
    if (draft.items[at]?.by !== ctx.user) ctx.reject("forbidden");
    draft.items.splice(at, 1);
  },
  clear: () => ({ items: [], total: 0 }),
  fail: () => {
    throw new TypeError("a bug");
  },
  nothing: () => {},
};
const mutations = new Map(Object.entries(table)) as ReadonlyMap<string, Mutation<State>>;
const hex = (n: number): string => n.toString(16).padStart(16, "0");
const as = (user: unknown, nowMs = 0): WriteContext => ({ replica: "r", user, nowMs });

let drawn = 0;
const laws = kindLaws({
  authority: () => createStoreAuthority({ initial, mutations }),
  replica: () => createStoreReplica(initial, mutations),
  op: (random: Random): unknown => {
    const number = Math.floor(random() * 6);
    const id = hex(Math.floor(random() * 1e9));
    const ops = [
      ["add", `t${number}`, id],
      ["add", `u${number}`, id],
      ["remove", hex(number), id],
      ["clear", null, id],
      ["fail", null, id],
      ["unknown", null, id],
    ];
    drawn++;
    return ops[number];
  },
  badEntries: [null, [], [[[0, ["items", 99], 1]], "x"], ["steps", "x"], [[], 5]],
});
for (const { name, run } of laws) test(`${name} (store)`, run);

test("STORE1 and STORE2 a call is run on both sides, with the same ids, and the server's result is what is logged", () => {
  const authority = createStoreAuthority({ initial, mutations });
  const replica = createStoreReplica(initial, mutations);
  const call: Call = ["add", "milk", hex(1)];
  replica.propose(call, { user: "ada", nowMs: 1 });
  expect(replica.value).toEqual({ items: [{ id: hex(1), text: "milk", by: "ada" }], total: 1 });
  expect([replica.confirmed, replica.pending]).toEqual([undefined, 1]);
  const entry = authority.decide(call, as("ada")) as StoreEntry;
  authority.apply(entry);
  replica.apply(entry, 1);
  expect([replica.value, replica.pending]).toEqual([authority.value, 0]);
});

test("STORE3 a rejection says why, leaves no trace on the server, and rolls back that call alone", () => {
  const authority = createStoreAuthority({ initial, mutations });
  const replica = createStoreReplica(initial, mutations);
  const first = authority.decide(["add", "of bob", hex(1)], as("bob")) as StoreEntry;
  authority.apply(first);
  const before = authority.value;
  replica.propose(["add", "mine", hex(2)], { user: "ada", nowMs: 0 });
  replica.propose(["add", "also mine", hex(3)], { user: "ada", nowMs: 0 });
  for (const [op, code] of [
    [["remove", hex(1), hex(4)], "forbidden"],
    [["remove", hex(9), hex(4)], "app/gone"],
    [["fail", null, hex(4)], "invalid"],
    [["unknown", null, hex(4)], "not-declared"],
    [["add", "x", "not an id"], "invalid"],
    [["add", "x"], "invalid"],
    ["add", "invalid"],
  ] as const) {
    expect(() => authority.decide(op, as("ada"))).toThrow(expect.objectContaining({ code }));
    expect(authority.value).toBe(before);
  }
  expect(() => replica.propose(["remove", hex(9), hex(4)], { user: "ada", nowMs: 0 })).toThrow(
    expect.objectContaining({ code: "app/gone" }),
  );
  replica.settle(hex(2));
  expect(replica.value?.items.map(({ text }) => text)).toEqual(["also mine"]);
});

test("STORE4 what comes beneath a pending call is shown beneath it; one that no longer runs is not shown", () => {
  const authority = createStoreAuthority({ initial, mutations });
  const replica = createStoreReplica(initial, mutations);
  const log = (op: unknown, user: string): void => {
    const entry = authority.decide(op, as(user)) as StoreEntry;
    authority.apply(entry);
    replica.apply(entry, 0);
  };
  log(["add", "a", hex(1)], "ada");
  replica.propose(["remove", hex(1), hex(2)], { user: "ada", nowMs: 0 });
  replica.propose(["add", "b", hex(3)], { user: "ada", nowMs: 0 });
  expect(replica.value?.items.map(({ text }) => text)).toEqual(["b"]);
  log(["add", "c", hex(4)], "bob");
  expect(replica.value?.items.map(({ text }) => text)).toEqual(["c", "b"]);
  log(["clear", null, hex(5)], "bob");
  // Nothing is left to remove; the server will say so.
  expect([replica.value?.items.map(({ text }) => text), replica.pending]).toEqual([["b"], 2]);
});

test("STORE5 a call that changes nothing has no entry", () => {
  const authority = createStoreAuthority({ initial, mutations });
  expect(authority.decide(["nothing", null, hex(1)], as("ada"))).toBe(undefined);
});

test("STORE6 input and resulting state are validated; the state is the one before where they are not valid", () => {
  const authority = createStoreAuthority({
    initial,
    mutations,
    readInput: (name, input) => (name === "add" ? String(input).trim() : input),
    validate({ state, before, user, name }) {
      if (state.items.length > 2) throw new SyncError("app/full", "Two are enough.");
      if (name === "clear" && user !== "root") throw new TypeError("no");
      expect(before).not.toBe(state);
    },
  });
  for (let n = 1; n <= 2; n++) authority.apply(authority.decide(["add", "  x ", hex(n)], as("ada")) as StoreEntry);
  expect(authority.value.items.map(({ text }) => text)).toEqual(["x", "x"]);
  const before = authority.value;
  expect(() => authority.decide(["add", "y", hex(3)], as("ada"))).toThrow(expect.objectContaining({ code: "app/full" }));
  expect(() => authority.decide(["clear", null, hex(3)], as("ada"))).toThrow(expect.objectContaining({ code: "invalid" }));
  expect(authority.value).toBe(before);
});

test("STORE7 several clients, entries and answers late by as much as may be: all end at the server's state, nothing pending", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const rng = createRng(`store ${seed}`);
    const int = (below: number): number => Math.floor(rng.next() * below);
    const authority = createStoreAuthority({ initial, mutations });
    const log: StoreEntry[] = [];
    const clients = [0, 1, 2].map((n) => ({
      user: `u${n}`,
      replica: createStoreReplica(initial, mutations),
      read: 0,
      sent: [] as Call[],
    }));
    let ids = 1;
    const deliver = (client: (typeof clients)[number]): void => {
      if (client.read < log.length) client.replica.apply(log[client.read++] as StoreEntry, client.read);
    };
    const answer = (client: (typeof clients)[number]): void => {
      const call = client.sent.shift();
      if (!call) return;
      try {
        const entry = authority.decide(call, as(client.user));
        if (entry) {
          authority.apply(entry);
          log.push(entry);
          return;
        }
      } catch {
        // Rejected.
      }
      client.replica.settle(call[2]);
    };
    for (let step = 0; step < 80; step++) {
      const client = clients[int(3)] as (typeof clients)[number];
      const action = int(4);
      if (action === 0) deliver(client);
      else if (action === 1) answer(client);
      else {
        const items = client.replica.value?.items ?? [];
        const target = items[int(Math.max(1, items.length))]?.id ?? hex(0);
        const call: Call = rng.next() < 0.6 ? ["add", `t${step}`, hex(ids++)] : ["remove", target, hex(ids++)];
        try {
          client.replica.propose(call, { user: client.user, nowMs: 0 });
          client.sent.push(call);
        } catch {
          // Rejected here already.
        }
      }
    }
    for (const client of clients) while (client.sent.length) answer(client);
    for (const client of clients) while (client.read < log.length) deliver(client);
    for (const { replica } of clients) {
      expect(replica.pending, `seed ${seed}`).toBe(0);
      expect(replica.value ?? initial, `seed ${seed}`).toEqual(authority.value);
    }
  }
  expect(drawn).toBeGreaterThan(0);
});
