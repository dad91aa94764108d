import { expect, test } from "vitest";
import { createInboxReplica, emptyInbox, type InboxEntry, type InboxOp, type InboxState } from "../../src/kind/inbox.ts";
import { createInboxAuthority, type InboxRules } from "../../src/kind/inbox-authority.ts";
import type { Authority, WriteContext } from "../../src/kind/kind.ts";
import { kindLaws } from "../../src/testing/contracts/kind.ts";

const rules: InboxRules = {
  user: "ada",
  retention: { maxEntries: 3, maxBytes: 100, maxAgeMs: 1000 },
  overflow: "drop-oldest",
  measure: (_event, data) => String(data).length,
  isPresent: (replica) => replica === "here",
};
const bob = (nowMs = 0): WriteContext => ({ replica: "b1", user: { id: "bob" }, nowMs });
const ada = (nowMs = 0): WriteContext => ({ replica: "a1", user: { id: "ada" }, nowMs });
const server = (nowMs = 0): WriteContext => ({ replica: null, user: undefined, nowMs });

const code = (run: () => unknown): unknown => {
  try {
    return ["fine", run()];
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

/** Decides and applies; the entry. */
function done(inbox: Authority<InboxOp, InboxEntry>, op: unknown, context: WriteContext): InboxEntry | undefined {
  const entry = inbox.decide(op as InboxOp, context);
  if (entry) inbox.apply(entry);
  return entry;
}
const stateOf = (inbox: Authority<InboxOp, InboxEntry>): InboxState => inbox.snapshot() as InboxState;
const dataOf = (inbox: Authority<InboxOp, InboxEntry>): unknown[] => stateOf(inbox).messages.map(({ data }) => data);

const laws = kindLaws({
  authority: () => createInboxAuthority(rules),
  replica: createInboxReplica,
  op: (random): InboxOp => {
    const dice = random();
    if (dice < 0.2) return [1, Math.floor(random() * 12)];
    if (dice < 0.3) return [2];
    if (dice < 0.4) return [0, "not a name", 1];
    const text = "x".repeat(Math.floor(random() * 60));
    return dice < 0.5 ? [0, "chat/said", text, { to: "here" }] : [0, "chat/said", text];
  },
  context: (random) => [bob, ada, server][Math.floor(random() * 3)]?.(Math.floor(random() * 3000)) as WriteContext,
  badEntries: [
    null,
    {},
    [],
    [1],
    [1, -1],
    [1, 1, 1],
    [2],
    [2, "1"],
    [3, 1],
    [0, "a/b", 1, null, 0, 1],
    [0, 1, 1, null, 0, 1, 1],
    [0, "a/b", 1, "bob", 0, 1, 1],
    [0, "a/b", 1, ["bob"], 0, 1, 1],
    [0, "a/b", 1, null, "0", 1, 1],
    [0, "a/b", 1, null, 0, -1, 1],
    [0, "a/b", 1, null, 0, 1, 1.5],
    [0, "a/b", 1, null, 0, 1, 1, { to: "no id" }],
    [0, "a/b", 1, null, 0, 1, 1, {}, 1],
  ],
});
for (const { name, run } of laws) test(`${name} (inbox)`, run);

test("INBOX3 sender and time of a message are the server's word; whatever an operation says of them is not looked at", () => {
  const inbox = createInboxAuthority(rules);
  expect(done(inbox, [0, "chat/said", "hi"], bob(7.9))).toEqual([0, "chat/said", "hi", ["bob", "b1"], 7, 2, 1]);
  expect(done(inbox, [0, "chat/said", "hi", { from: ["eve", "e"], atMs: 1, request: "q" }, ["eve", "e"]], bob(8))).toEqual([
    0,
    "chat/said",
    "hi",
    ["bob", "b1"],
    8,
    2,
    1,
    { request: "q" },
  ]);
  expect(done(inbox, [0, "chat/said", "hi"], server(9))?.[3]).toBeNull();
  expect(stateOf(inbox).messages.map(({ offset, from, atMs }) => [offset, from, atMs])).toEqual([
    [1, { user: "bob", replica: "b1" }, 7],
    [2, { user: "bob", replica: "b1" }, 8],
    [3, null, 9],
  ]);
});

test("INBOX4 the event is namespace/name outside chsk and sync; ids have at most 64 letters", () => {
  const inbox = createInboxAuthority(rules);
  for (const event of ["said", "", "a/b/c", "chsk/x", "sync/entries", `a/${"b".repeat(254)}`, 1, null, "a/ b"]) {
    expect([event, code(() => inbox.decide([0, event as string, 1], bob()))]).toEqual([event, "invalid"]);
  }
  expect(inbox.decide([0, `a/${"b".repeat(253)}`, 1], bob())).toBeDefined();
  for (const extra of [1, "to", [], { to: 1 }, { to: "a b" }, { reply: "" }, { request: "x".repeat(65) }]) {
    expect([extra, code(() => inbox.decide([0, "a/b", 1, extra as never], bob()))]).toEqual([extra, "invalid"]);
  }
  expect(inbox.decide([0, "a/b", 1, { request: "x".repeat(64) }], bob())).toBeDefined();
  for (const op of [null, {}, [], ["a/b", 1], [3, 1], [2]]) expect(code(() => inbox.decide(op as never, bob()))).toBe("invalid");
});

test("INBOX5 beyond maxEntries and maxBytes the oldest are forgotten, and the entry says from where on messages stay", () => {
  const inbox = createInboxAuthority(rules);
  for (const n of [1, 2, 3]) expect(done(inbox, [0, "a/b", n], bob())?.[6]).toBe(1);
  expect(done(inbox, [0, "a/b", 4], bob())?.[6]).toBe(2);
  expect(dataOf(inbox)).toEqual([2, 3, 4]);
  // 98 bytes and one of 1 are within 100, those of 1 before them not.
  expect(done(inbox, [0, "a/b", "x".repeat(98)], bob())?.[6]).toBe(3);
  expect(dataOf(inbox)).toEqual([3, 4, "x".repeat(98)]);
  expect(done(inbox, [0, "a/b", "y".repeat(99)], bob())?.[6]).toBe(6);
  expect(dataOf(inbox)).toEqual(["y".repeat(99)]);
  expect(code(() => inbox.decide([0, "a/b", "z".repeat(101)], bob()))).toBe("too-large");
  done(inbox, [0, "a/b", "z".repeat(100)], bob());
  expect(dataOf(inbox)).toEqual(["z".repeat(100)]);
});

test("INBOX6 with overflow refuse an unread message is never forgotten for a new one; read ones are", () => {
  const inbox = createInboxAuthority({ ...rules, overflow: "refuse" });
  for (const n of [1, 2, 3]) done(inbox, [0, "a/b", n], bob());
  expect(code(() => inbox.decide([0, "a/b", 4], bob()))).toBe("limit");
  done(inbox, [1, 1], ada());
  done(inbox, [0, "a/b", 4], bob());
  expect([dataOf(inbox), code(() => inbox.decide([0, "a/b", 5], bob()))]).toEqual([[2, 3, 4], "limit"]);
});

test("INBOX7 what is too old is forgotten with the next message, or when the server asks; where nothing is, there is no entry", () => {
  const inbox = createInboxAuthority(rules);
  done(inbox, [0, "a/b", "old"], bob(0));
  done(inbox, [0, "a/b", "young"], bob(500));
  expect(done(inbox, [2], server(999))).toBeUndefined();
  expect(done(inbox, [2], server(1000))).toEqual([2, 2]);
  expect(dataOf(inbox)).toEqual(["young"]);
  expect(done(inbox, [0, "a/b", "new"], bob(1500))?.[6]).toBe(4);
  expect(dataOf(inbox)).toEqual(["new"]);
  expect(done(inbox, [2], server(2500))).toEqual([2, 5]);
  expect(dataOf(inbox)).toEqual([]);
});

test("INBOX8 messages that were forgotten unread are counted until the next mark; those for one client are not", () => {
  const inbox = createInboxAuthority(rules);
  done(inbox, [0, "a/b", "read"], bob());
  done(inbox, [1, 1], ada());
  done(inbox, [0, "a/b", "for one", { to: "here" }], bob());
  for (const n of [1, 2, 3, 4, 5]) done(inbox, [0, "a/b", n], bob());
  expect([dataOf(inbox), stateOf(inbox).missed]).toEqual([[3, 4, 5], 2]);
  done(inbox, [1, 7], ada());
  expect([stateOf(inbox).missed, stateOf(inbox).read]).toEqual([0, 7]);
});

test("INBOX9 a mark is its user's alone, never goes back, and is of what is there", () => {
  const inbox = createInboxAuthority(rules);
  done(inbox, [0, "a/b", 1], bob());
  done(inbox, [0, "a/b", 2], bob());
  for (const context of [bob(), server()]) expect(code(() => inbox.decide([1, 1], context))).toBe("forbidden");
  for (const offset of [3, -1, 1.5, "1", null]) expect(code(() => inbox.decide([1, offset as number], ada()))).toBe("invalid");
  expect(done(inbox, [1, 2], ada())).toEqual([1, 2]);
  expect([done(inbox, [1, 1], ada()), done(inbox, [1, 2], ada()), stateOf(inbox).read]).toEqual([undefined, undefined, 2]);
  // Marks of two devices that crossed: the entry of the lesser one changes nothing.
  inbox.apply([1, 1]);
  expect(stateOf(inbox).read).toBe(2);
});

test("RELAY4 a message for one client needs that client to be there; an answer does not", () => {
  const inbox = createInboxAuthority(rules);
  expect(code(() => inbox.decide([0, "a/b", 1, { to: "gone" }], bob()))).toBe("not-found");
  expect(done(inbox, [0, "a/b", 1, { to: "here" }], bob())?.[7]).toEqual({ to: "here" });
  expect(done(inbox, [0, "a/b", 1, { to: "gone", reply: "q" }], bob())?.[7]).toEqual({ to: "gone", reply: "q" });
});

test("INBOX5 a replica that is given entries, or the state between, keeps what the server keeps", () => {
  const inbox = createInboxAuthority(rules);
  const all = createInboxReplica();
  const late = createInboxReplica();
  all.restore(emptyInbox);
  for (let n = 1; n <= 20; n++) {
    const entry = done(inbox, n % 4 ? [0, "a/b", n] : [1, n - 1], n % 4 ? bob(n * 300) : ada(n * 300));
    if (entry) all.apply(entry, n);
    if (n === 10) late.restore(inbox.snapshot());
    else if (entry && n > 10) late.apply(entry, n);
    expect(all.value).toEqual(stateOf(inbox));
  }
  expect(late.value).toEqual(stateOf(inbox));
});
