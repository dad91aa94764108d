import { defineAtom, defineChannel, isSyncError } from "sente-sync";
import { atom, channel } from "sente-sync/server";
import { expect, test } from "vitest";
import { createWorld, pushed } from "./world.ts";

const fails = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
};

test("TOPIC1 a topic is its pattern with each param percent-encoded in its place", () => {
  const board = defineAtom("org/:org/board/:id", { initial: 0 });
  expect(board({ org: "acme", id: "1" }).topic).toBe("org/acme/board/1");
  expect(board({ org: "a/b", id: "ü ?:" }).topic).toBe("org/a%2Fb/board/%C3%BC%20%3F%3A");
  expect(defineChannel("room/:id")({ id: "../x" }).topic).toBe("room/..%2Fx");
  expect(defineAtom("stats", { initial: 0 })).toMatchObject({ topic: "stats", pattern: "stats", params: {} });
});

test("TOPIC2 a param that is missing, empty or no string is invalid; so is a name of more than 255 bytes", () => {
  const room = defineChannel("r/:id");
  for (const params of [{}, { id: "" }, { id: 1 }, { id: null }, Object.create({ id: "x" })]) {
    expect(fails(() => room(params as never))).toBe("invalid");
  }
  expect(room({ id: "x".repeat(253) }).topic.length).toBe(255);
  expect(fails(() => room({ id: "x".repeat(254) }))).toBe("invalid");
  expect(fails(() => room({ id: "ü".repeat(43) }))).toBe("invalid");
  expect(fails(() => defineAtom("x".repeat(256), { initial: 0 }))).toBe("invalid");
});

test("TOPIC3 a name has one spelling: what a pattern would not write is nobody's", async () => {
  const world = createWorld();
  const seen: unknown[] = [];
  atom(world.sync, defineAtom("doc/:id", { initial: 0 }), { authorize: ({ params }) => seen.push(params) > 0 });
  const peer = await world.ours();
  const names = ["doc/a", "doc/%C3%BC", "doc/%61", "doc/ü", "doc/%zz", "doc/", "doc", "doc/a/b", "doc/%2f", "doc//", ""];
  const answers = await peer.subscribe(...names.map((topic) => ({ topic, kind: "atom" })));
  expect(answers.map(({ error }) => error?.code)).toEqual([
    undefined,
    undefined,
    ...Array.from({ length: 9 }, () => "not-declared"),
  ]);
  expect(seen).toEqual([{ id: "a" }, { id: "ü" }]);
});

test("TOPIC4 an exact name goes before a pattern; __proto__ and its friends are names like any other", async () => {
  const world = createWorld();
  atom(world.sync, defineAtom("doc/:id", { initial: "pattern" }));
  atom(world.sync, "doc/exact", { initial: "exact" });
  const peer = await world.ours();
  await peer.subscribe({ topic: "doc/exact", kind: "atom" }, { topic: "doc/__proto__", kind: "atom" });
  const values = (pushed(peer.frames, "sync/snapshot") as unknown[][]).map(([, , , , chunk]) => chunk);
  expect(values).toEqual(['"exact"', '"pattern"']);
  expect(
    (await peer.subscribe({ topic: "__proto__", kind: "atom" }, { topic: "constructor", kind: "atom" })).map(
      ({ error }) => error?.code,
    ),
  ).toEqual(["not-declared", "not-declared"]);
});

test("TOPIC5 a name or pattern is declared once, and a topic is open once, by whoever asks first", async () => {
  const world = createWorld();
  const docs = atom(world.sync, defineAtom("doc/:id", { initial: 0 }));
  expect(fails(() => atom(world.sync, defineAtom("doc/:id", { initial: 0 })))).toBe("conflict");
  channel(world.sync, "room");
  expect(fails(() => atom(world.sync, "room", { initial: 0 }))).toBe("conflict");
  const peer = await world.ours();
  const [first] = await peer.subscribe({ topic: "doc/1", kind: "atom" });
  const doc = await docs.open({ id: "1" });
  expect(await docs.open({ id: "1" })).toBe(doc);
  peer.take();
  doc.set(7);
  await world.settle();
  expect(pushed(peer.take(), "sync/entries")).toEqual([[first?.id, 1, [[[0, [], 7]]]]]);
  expect([docs.list(), docs.list({ prefix: "doc/2" }), world.sync.stats().topics]).toEqual([["doc/1"], [], 2]);
});

test("TOPIC6 a topic that was deleted begins anew, with another id and epoch", async () => {
  const world = createWorld();
  const docs = atom(world.sync, defineAtom("doc/:id", { initial: 0 }));
  (await docs.open({ id: "1" })).set(5);
  const peer = await world.ours();
  const [before] = await peer.subscribe({ topic: "doc/1", kind: "atom" });
  docs.delete({ id: "1" });
  docs.delete({ id: "1" });
  expect(docs.list()).toEqual([]);
  const [after] = await peer.subscribe({ topic: "doc/1", kind: "atom", since: before?.at });
  expect(after?.id).not.toBe(before?.id);
  expect(after?.at[0]).not.toBe(before?.at[0]);
  expect(after).toMatchObject({ recovered: false, at: [expect.any(String), 0] });
});

test("TOPIC7 the value of a family member comes from its params; what the wire cannot carry is refused where it is made", async () => {
  const world = createWorld();
  const docs = atom(world.sync, defineAtom<"doc/:id", { id: unknown }>("doc/:id", { initial: { id: "" } }), {
    initial: ({ params }) => ({ id: params.id }),
  });
  expect((await docs.open({ id: "x" })).get()).toEqual({ id: "x" });
  const bad = atom(world.sync, defineAtom<"bad/:id", unknown>("bad/:id", { initial: 0 }), { initial: () => () => 1 });
  const error = await bad.open({ id: "1" }).catch((reason: unknown) => reason);
  expect(isSyncError(error, "invalid")).toBe(true);
  const doc = await docs.open({ id: "y" });
  doc.update((draft) => {
    draft.id = () => 1;
  });
  await world.settle();
  expect([doc.get(), world.errors.map(({ where }) => where)]).toEqual([{ id: "y" }, ["doc/y"]]);
});
