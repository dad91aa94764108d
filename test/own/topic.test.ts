/** Topics of own kinds end to end: clients, a server, lines that break. */
import { defineStore, defineTopic, type OwnShape, type Ref, type SyncError } from "sente-sync";
import { batch, rejectedWrites, topic as topicOn } from "sente-sync/client";
import { type FoldOptions, fold } from "sente-sync/kinds";
import { type ServerOptions, store, topic } from "sente-sync/server";
import { simulate } from "sente-sync/testing";
import { expect, test } from "vitest";
import { createWorld, type World } from "../server/world.ts";
import { type StockOp, stocks } from "./stock.ts";

const shop = stocks({ shop: "one" });

function open(options: ServerOptions = {}) {
  const world = createWorld({ authenticate: ({ url }) => ({ id: url.searchParams.get("client-id") ?? "" }), ...options });
  const shops = topic(world.sync, stocks, {
    validate({ op, before, state, user, params }) {
      const [by, number] = op as StockOp;
      expect([params.shop, state.left - before.left]).toEqual(["one", by]);
      if (user && number === 13) throw new Error("not that number");
    },
  });
  return { world, shops };
}

async function two<State, Op>(world: World, ref: Ref<"own", OwnShape<State, Op>>) {
  const [a, b] = [world.client(), world.client()];
  const [ofA, ofB] = [topicOn(a, ref), topicOn(b, ref)];
  ofA.keep();
  ofB.keep();
  await world.advance(1000);
  return { a, b, ofA, ofB };
}

test("KIND9 what is sent is shown at once, to the others when the server decided it, and both end equal", async () => {
  const { world, shops } = open();
  const { ofA, ofB } = await two(world, shop);
  const told: unknown[] = [];
  ofA.listen((value, { cause }) => void told.push([cause, value?.left]));
  const receipt = ofA.send([-4, 1]);
  expect([ofA.get()?.left, ofB.get()?.left, receipt.status, ofA.pending]).toEqual([6, 10, "local", 1]);
  // Both take what only one of them can have.
  const [first, second] = [ofA.send([-6, 2]), ofB.send([-7, 3])];
  second.stored.catch(() => {});
  expect([ofA.get()?.left, ofB.get()?.left]).toEqual([0, 3]);
  await world.advance(100);
  expect([receipt.status, first.status, second.status, ofA.pending]).toEqual(["stored", "stored", "rejected", 0]);
  expect([ofA.get(), ofB.get()]).toEqual([{ left: 0, done: [1, 2] }, ofA.get()]);
  expect(told).toEqual([
    ["local", 6],
    ["local", 0],
    ["entries", 0],
  ]);
  expect(shops.list()).toEqual(["shop/one/stock"]);
});

test("KIND10 what the kind rejects here is thrown, and never sent", async () => {
  const { world } = open();
  const { ofA } = await two(world, shop);
  expect(() => ofA.send([-11, 1])).toThrow(expect.objectContaining({ code: "app/sold-out" }));
  await world.advance(10);
  expect([ofA.get(), ofA.pending]).toEqual([{ left: 10, done: [] }, 0]);
});

test("KIND11 what the server rejects is taken back alone, with the reason, and can be sent again", async () => {
  const { world } = open();
  const { a, ofA, ofB } = await two(world, shop);
  const rejected = rejectedWrites(a);
  ofA.send([-1, 1]);
  const bad = ofA.send([-2, 13]);
  const nothing = ofA.send([0, 2]);
  ofA.send([-3, 3]);
  expect([ofA.get()?.left, ofA.get()?.done]).toEqual([4, [1, 13, 3]]);
  await world.advance(10);
  await expect(bad.stored).rejects.toMatchObject({ code: "invalid" });
  await nothing.stored;
  expect([ofA.get(), ofB.get()]).toEqual([{ left: 6, done: [1, 3] }, ofA.get()]);
  const [write] = rejected.get();
  expect(write).toMatchObject({ topic: "shop/one/stock", kind: "own", op: [[-2, 13], expect.any(String)] });
  write?.edit([[-2, 4], "0123456789abcdef"]);
  expect(ofA.get()?.done).toEqual([1, 3, 4]);
  await world.advance(10);
  expect([ofB.get()?.done, rejected.get()]).toEqual([[1, 3, 4], []]);
  expect(world.errors.map(({ error }) => (error as Error).message)).toEqual(["not that number"]);
});

test("KIND16 a server sends too, as nobody, and a topic begins with its seed, once", async () => {
  const world = createWorld();
  let seeds = 0;
  const shops = topic(world.sync, stocks, {
    async seed({ params }) {
      seeds++;
      return params.shop === "empty" ? [-10, 0] : [0, 0];
    },
  });
  const empty = await shops.open({ shop: "empty" });
  const told: number[] = [];
  empty.listen(({ left }) => told.push(left));
  expect(empty.get()).toEqual({ left: 0, done: [0] });
  expect(() => empty.send([-1, 1])).toThrow(expect.objectContaining({ code: "app/sold-out" }));
  const { stored } = empty.send([5, 2]);
  expect(empty.get().left).toBe(5);
  expect(await stored).toBe(2);
  expect(await empty.send([0, 3]).stored).toBe(2);
  const { ofA } = await two(world, stocks({ shop: "empty" }));
  expect(ofA.get()).toEqual({ left: 5, done: [0, 2] });
  ofA.send([1, 4]);
  await world.advance(10);
  expect([told, seeds]).toEqual([[5, 6], 1]);
  await expect(shops.open({ shop: "one" })).rejects.toMatchObject({ code: "invalid" });
});

test("KIND17 only what is declared is there, for those who may", async () => {
  const world = createWorld({
    authorize: ({ kind, topic: name, user }) => !(name === "shop/one/stock" && kind === "own" && user.id === "nobody"),
    authenticate: ({ url }) => ({ id: url.searchParams.get("client-id") === "x" ? "nobody" : "ada" }),
  });
  topic(world.sync, stocks, { authorize: ({ action, params }) => action === "read" && params.shop !== "two" });
  const client = world.client();
  const list = [
    stocks({ shop: "one" }),
    stocks({ shop: "two" }),
    { ...shop, topic: "shop/one" },
    { ...shop, topic: "toString" },
  ] as const;
  const handles = list.map((ref) => topicOn(client, ref));
  for (const handle of handles) handle.keep();
  await world.advance(100);
  expect(handles.map(({ status, error }) => [status.get(), error?.code])).toEqual([
    ["live", undefined],
    ["refused", "forbidden"],
    ["refused", "not-declared"],
    ["refused", "not-declared"],
  ]);
  const receipt = handles[0]?.send([-1, 1]);
  await world.advance(10);
  await expect(receipt?.stored).rejects.toMatchObject({ code: "forbidden" });
  expect(handles[0]?.get()).toEqual({ left: 10, done: [] });
  const peer = await world.ours("client-id=y");
  expect(await peer.ask("[:sync/subscribe", '[{:topic "shop/one/stock" :kind "store" :since nil :read true}]]')).toMatchObject([
    { error: { code: "invalid" } },
  ]);
});

/** A kind that fails where it is told to. */
function failing(on: Partial<Record<keyof FoldOptions<string[], string, string>, string>>) {
  const fail = (name: keyof typeof on, word: string): void => {
    if (on[name] === word) throw new TypeError(`${name} failed`);
  };
  return fold<string[], string, string>({
    initial: [],
    decide(_said, word) {
      fail("decide", word);
      return word;
    },
    predict(_said, word) {
      fail("predict", word);
      return word;
    },
    evolve(said, word) {
      fail("evolve", word);
      return [...said, word];
    },
  });
}

test("KIND12 functions that fail on the server end the operation as invalid, are reported there, and harm nobody", async () => {
  const world = createWorld();
  topic(world.sync, defineTopic("words", failing({ decide: "bad", evolve: "worse" })));
  // The client's own would not fail.
  const { a, ofA, ofB } = await two(world, defineTopic("words", failing({})));
  const sent = ["one", "bad", "worse", "two"].map((word) => ofA.send(word));
  await world.advance(10);
  const outcomes = await Promise.allSettled(sent.map(({ stored }) => stored));
  expect(outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason.code : outcome.status))).toEqual([
    "fulfilled",
    "invalid",
    "invalid",
    "fulfilled",
  ]);
  expect([ofA.get(), ofB.get()]).toEqual([["one", "two"], ofA.get()]);
  expect(world.errors.map(({ error, where }) => [(error as Error).message, where])).toEqual([
    ["decide failed", "words"],
    ["evolve failed", "words"],
  ]);
  expect(a.status.get().name).toBe("connected");
});

test("KIND12 functions that fail on a client end the operation there; one that cannot apply what the server says loses that topic alone", async () => {
  const world = createWorld();
  const words = topic(world.sync, defineTopic("words", failing({})));
  const other = topic(world.sync, shop);
  const client = world.client();
  const handle = topicOn(client, defineTopic("words", failing({ predict: "bad", evolve: "worse" })));
  const stock = topicOn(client, shop);
  handle.keep();
  stock.keep();
  await world.advance(10);
  for (const word of ["bad", "worse"]) {
    expect(() => handle.send(word)).toThrow(expect.objectContaining({ code: "invalid", cause: expect.any(TypeError) }));
  }
  words.send("fine");
  await world.advance(10);
  expect([handle.get(), handle.pending]).toEqual([["fine"], 0]);
  words.send("worse");
  other.send([-1, 1]);
  await world.advance(1000);
  // The state as a whole has no entry to fail on.
  expect([handle.status.get(), handle.get()]).toEqual(["live", ["fine", "worse"]]);
  expect([stock.status.get(), stock.get()?.left]).toEqual(["live", 9]);
  expect(world.errors.map(({ error }) => (error as SyncError).code)).toEqual(["invalid"]);
});

test("KIND12 a state that cannot be kept or sent harms nobody who does not need it", async () => {
  const counts = (more: Partial<FoldOptions<{ n: number; sum?: () => number }, number, number>>) =>
    defineTopic("counts", fold({ ...counting, ...more }));
  const counting: FoldOptions<{ n: number; sum?: () => number }, number, number> = {
    initial: { n: 0 },
    decide: (_state, by) => by,
    evolve: ({ n }, by) => (by === 3 ? { n: n + by, sum: () => n } : { n: n + by }),
  };
  const outcome = async (ref: ReturnType<typeof counts>) => {
    const errors: unknown[] = [];
    const world = simulate({
      seed: 1,
      storage: true,
      onError: (error) => void errors.push((error as Error).message),
      install: (sync) => topic(sync, ref, { retention: { maxEntries: 1 } }),
      open(client) {
        const own = topicOn(client, ref);
        own.keep();
        return own;
      },
    });
    const ada = world.client();
    await world.settle();
    const receipts = [];
    for (const by of [3, 1]) {
      receipts.push(ada.app.send(by));
      await world.settle();
    }
    return [receipts.map(({ status }) => status), world.server.app.get().n, ada.app.get()?.n, ada.app.pending, errors];
  };
  const cannot = expect.stringContaining("cannot");
  expect(await outcome(counts({}))).toEqual([["stored", "stored"], 4, 4, 0, [cannot]]);
  const snapshot = ({ n, sum }: { n: number; sum?: () => number }) => {
    if (sum) throw new TypeError("cannot keep it");
    return { n };
  };
  // Who says how it is kept is asked first.
  expect(await outcome(counts({ snapshot }))).toEqual([["rejected", "stored"], 1, 1, 0, [cannot]]);
});

test("KIND13 an entry is to the server what it is to everybody: as it is read again; what cannot travel is rejected", async () => {
  const world = createWorld();
  const odd = fold<unknown[], string, unknown>({
    initial: [],
    decide: (_all, op) => ({ nothing: undefined, date: new Date(5), never: op === "never" ? () => 1 : 2 }),
    predict: () => undefined,
    evolve: (all, entry) => [...all, Object.keys(entry as object).sort(), (entry as { date: unknown }).date],
  });
  const ref = defineTopic("odd", odd);
  const here = topic(world.sync, ref);
  const handle = topicOn(world.client(), ref);
  handle.keep();
  await world.advance(10);
  handle.send("once");
  const never = handle.send("never");
  await world.advance(10);
  await expect(never.stored).rejects.toMatchObject({ code: "invalid" });
  expect(here.get()).toEqual([["date", "never"], new Date(5)]);
  expect(handle.get()).toEqual(here.get());
});

test("KIND15 what was sent when a state takes the place of entries waits for its answer; what was not sent stays on top", async () => {
  const world = simulate({
    seed: 1,
    install: (sync) => topic(sync, shop, { retention: { maxEntries: 1 } }),
    open(client) {
      const own = topicOn(client, shop);
      own.keep();
      return own;
    },
  });
  const ada = world.client();
  await world.settle();
  ada.offline();
  await world.advance("10s");
  const receipts = [ada.app.send([-1, 1]), ada.app.send([-1, 2])];
  for (const number of [7, 8, 9]) world.server.app.send([-1, number]);
  const shown: (readonly number[])[] = [];
  ada.app.listen((value) => shown.push(value?.done ?? []));
  ada.online();
  await world.settle();
  // Never gone from the screen, and never there twice.
  expect(shown.map((done) => done.filter((number) => number < 3))).toEqual(shown.map(() => [1, 2]));
  expect(shown.at(-1)).toEqual([7, 8, 9, 1, 2]);
  expect(receipts.map(({ status }) => status)).toEqual(["stored", "stored"]);
  // The line breaks behind it: whether the state that comes next has it, only the answer says.
  ada.app.send([-1, 3]);
  ada.cut();
  for (const number of [10, 11]) world.server.app.send([1, number]);
  shown.length = 0;
  await world.settle();
  expect(shown.filter((done) => new Set(done).size < done.length)).toEqual([]);
  expect([ada.app.get()?.done.includes(3), ada.app.pending]).toEqual([true, 0]);
});

test("KIND14 operations outlive the page and the server, and are done once", async () => {
  const world = simulate({
    seed: 3,
    storage: true,
    outbox: true,
    install: (sync) => topic(sync, shop),
    open(client) {
      const own = topicOn(client, shop);
      own.keep();
      return own;
    },
  });
  const ada = world.client();
  await world.settle();
  ada.app.send([-1, 1]);
  await world.settle();
  ada.offline();
  ada.app.send([-2, 2]);
  await world.advance("1s");
  ada.crash(10);
  await world.advance("1s");
  expect(ada.lives).toBe(2);
  ada.online();
  await world.advance(300);
  world.server.crash("power", 500);
  await world.settle();
  expect([ada.app.get(), ada.app.pending]).toEqual([{ left: 7, done: [1, 2] }, 0]);
  expect((await world.stored(shop.topic)).entries.map((entry) => (entry as unknown[])[0])).toEqual([
    [-1, 1],
    [-2, 2],
  ]);
});

test("KIND18 a batch does not take it, and leaves nothing of what was sent in it", async () => {
  const { world } = open();
  const notes = defineStore("notes", { initial: 0, mutations: { add: (n) => n + 1 } });
  store(world.sync, notes);
  const { a, ofA } = await two(world, shop);
  expect(() => batch(a, () => void ofA.send([-1, 1]))).toThrow(expect.objectContaining({ code: "unsupported" }));
  expect([ofA.get()?.left, ofA.pending]).toEqual([10, 0]);
});
