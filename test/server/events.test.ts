import { defineAtom, defineEvents, isSyncError, SyncError, type } from "sente-sync";
import { atom } from "sente-sync/server";
import { expect, test } from "vitest";
import type { Schema } from "../../src/core/schema.ts";
import { createWorld, text } from "./world.ts";

/** A schema that takes numbers above 0 and halves them. */
const half: Schema<number, number> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) =>
      typeof value === "number" && value > 0 ? { value: value / 2 } : { issues: [{ message: "not above 0", path: ["n"] }] },
  },
};

test("EVENT1 a handler gets name, data, user and peer; data that is missing is nil", async () => {
  const world = createWorld({ authenticate: () => ({ id: "ada" }) });
  const seen: unknown[] = [];
  world.sync.on("app/x", ({ event, data, user, peer }) => void seen.push([event, data, user, peer.clientId]));
  const peer = await world.peer("client-id=c1");
  await peer.say("[[:app/x {:a 1}] nil]", "[[:app/x] nil]", "[[:app/x nil]]");
  const user = { id: "ada" };
  expect(seen).toEqual([
    ["app/x", { a: 1 }, user, "c1"],
    ["app/x", null, user, "c1"],
    ["app/x", null, user, "c1"],
  ]);
});

test("EVENT2 a name has one handler; without one an event is counted and dropped", async () => {
  const world = createWorld();
  const off = world.sync.on("app/x", () => 1);
  expect(() => world.sync.on("app/x", () => 2)).toThrow("has a handler");
  const peer = await world.peer();
  peer.take();
  off();
  off();
  expect(await peer.hear('[[:app/x 1] "a"]')).toEqual([]);
  expect(world.sync.stats().unhandledEvents).toBe(1);
  world.sync.on("app/x", () => 3);
  expect(await peer.hear('[[:app/x 1] "b"]')).toEqual(['[3 "b"]']);
});

test("EVENT3 what is no event is told as chsk/bad-event, as it came, and the connection stays", async () => {
  const world = createWorld();
  const told: unknown[] = [];
  world.sync.on("chsk/bad-event", ({ data }) => void told.push(data));
  world.sync.on("app/echo", ({ data }) => data);
  const peer = await world.peer();
  peer.take();
  expect(await peer.hear('[["bad" 1] "a"]', '[:unqualified "b"]', '[[:app/echo 1] "c"]')).toEqual(['[1 "c"]']);
  expect(told.map((what) => text(what))).toEqual(['["bad" 1]', ":unqualified"]);
  expect(world.sync.stats()).toMatchObject({ badEvents: 2, malformed: 0, connections: 1 });
});

test("EVENT4 names of chsk and sync are ours: nobody defines them, and no peer reaches a handler by them", async () => {
  for (const name of ["chsk/x", "sync/x", "x", "a/b/c", "a/", "/b", "a b/c", ""]) {
    expect(() => defineEvents({ [name]: {} })).toThrow("namespace/name");
  }
  expect(defineEvents({ "app/x": {}, "my.app/y?": {} })).toEqual({ "app/x": {}, "my.app/y?": {} });
  const world = createWorld();
  const reached: string[] = [];
  for (const name of ["chsk/bad-event", "chsk/uidport-open", "sync/hello"]) world.sync.on(name, () => void reached.push(name));
  const peer = await world.peer();
  await peer.say("[[:chsk/bad-event 1] nil]", "[[:chsk/uidport-open 1] nil]");
  expect([reached, world.sync.stats().unhandledEvents]).toEqual([[], 2]);
});

test("EVENT5 data that the schema refuses never reaches the handler; what it returns does", async () => {
  const world = createWorld({ events: { "app/n": { data: half, reply: half } } });
  const seen: unknown[] = [];
  world.sync.on("app/n", ({ data }) => {
    seen.push(data);
    return data;
  });
  const peer = await world.ours();
  peer.take();
  expect(await peer.hear('[[:app/n -1] "a"]', '[[:app/n 8] "b"]')).toEqual([
    '[[:sync/error {:code "invalid" :message "Event \\"app/n\\": n not above 0" :data {:issues [{:message "not above 0" :path ["n"]}]}}] "a"]',
    '[2 "b"]',
  ]);
  expect([seen, world.sync.stats().refused]).toEqual([[4], 1]);
});

test("EVENT6 pushes of one turn leave as one batch, in order, also of different senders", async () => {
  const world = createWorld({ authenticate: () => ({ id: "ada" }) });
  world.sync.on("app/go", ({ peer, user }) => {
    world.sync.send((user as { id: string }).id, "app/a", 1);
    peer.send("app/b");
    world.sync.broadcast("app/c", { x: 1 });
  });
  const peer = await world.peer();
  peer.take();
  expect(await peer.hear("[[:app/go] nil]")).toEqual(["[[[:app/a 1] [:app/b] [:app/c {:x 1}]] nil]"]);
});

test("EVENT6 a batch joins at most 65 000 bytes; a larger event goes alone", async () => {
  const world = createWorld({ authenticate: () => ({ id: "ada" }) });
  const peer = await world.peer();
  peer.take();
  const events = [30_000, 30_000, 30_000, 100_000, 10].map((length) => "x".repeat(length));
  for (const data of events) world.sync.send("ada", "app/x", data);
  await world.settle();
  expect(peer.take().map((frame) => frame.match(/:app\/x/g)?.length)).toEqual([2, 1, 1, 1]);
});

test("EVENT6 what flush sends leaves at once, one frame each, and behind what was asked before", async () => {
  const world = createWorld({ authenticate: () => ({ id: "ada" }) });
  const counter = atom(world.sync, "counter", { initial: 0 });
  world.sync.on("app/count", () => counter.set(counter.get() + 1));
  world.sync.on("app/flush", () => {
    for (const n of [1, 2]) world.sync.send("ada", "app/n", n, { flush: true });
    return "done";
  });
  const peer = await world.ours();
  const [answer] = await peer.subscribe({ topic: "counter", kind: "atom" });
  peer.take();
  expect(await peer.hear('[[:app/count] "a"]', '[[:app/flush] "b"]')).toEqual([
    `[[[:sync/entries [${answer?.id} 1 [[[0 [] 1]]]]]] nil]`,
    '[nil "a"]',
    "[[[:app/n 1]] nil]",
    "[[[:app/n 2]] nil]",
    '["done" "b"]',
  ]);
});

test("EVENT7 events of one connection reach their handlers in the order they were sent", async () => {
  const world = createWorld();
  const seen: unknown[] = [];
  world.sync.on("app/a", ({ data }) => void seen.push(data));
  world.sync.on("app/b", ({ data }) => void seen.push(data));
  const peer = await world.peer();
  await peer.say(...Array.from({ length: 100 }, (_, n) => `[[:app/${n % 2 ? "a" : "b"} ${n}] nil]`));
  expect(seen).toEqual(Array.from({ length: 100 }, (_, n) => n));
});

const timeout = [{ name: "sync/error" }, { code: "timeout" }];

test("HOOK4 a request whose handler hangs is answered with timeout, reported, and no longer counted; what it gives later goes nowhere", async () => {
  const world = createWorld({ limits: { maxCallbacks: 2, handlerMs: 3000 } });
  const hanging: { give(value: unknown): void; throw(error: Error): void }[] = [];
  world.sync.on("app/hang", () => new Promise((resolve, reject) => hanging.push({ give: resolve, throw: reject })));
  world.sync.on("app/fast", async () => 1);
  const peer = await world.ours();
  const ask = (callback: string) => peer.say(`[[:app/hang] "${callback}"]`);
  await ask("a");
  await world.advance(1000);
  // Nobody awaits that one.
  await peer.say("[[:app/hang] nil]");
  await ask("b");
  await ask("c");
  expect([hanging.length, peer.reply("c")]).toMatchObject([3, [{ name: "sync/error" }, { code: "limit" }]]);
  await world.advance(1999);
  expect(peer.reply("a")).toBeUndefined();
  await world.advance(1);
  expect([peer.reply("a"), peer.reply("b")]).toMatchObject([timeout, undefined]);
  expect(await peer.ask("[:app/fast]")).toBe(1);
  hanging[0]?.give("late");
  hanging[2]?.give("in time");
  await world.advance(10_000);
  expect([peer.reply("b"), peer.frames.join().includes("late")]).toEqual(["in time", false]);
  await ask("d");
  await world.advance(3000);
  hanging[3]?.throw(new Error("late"));
  await world.settle();
  const told = world.errors.map(({ error, where }) => [where, (error as { code?: string }).code ?? (error as Error).message]);
  expect(told).toEqual([
    ["app/hang", "timeout"],
    ["app/hang", "timeout"],
    ["app/hang", "late"],
  ]);
  expect([peer.reply("d"), world.sync.stats().handlerErrors]).toMatchObject([timeout, 2]);
});

test("HOOK4 the time that authorize takes counts; a handler that was not called by then is not called any more", async () => {
  const answers: ((yes: boolean) => void)[] = [];
  const world = createWorld({
    limits: { handlerMs: 3000, maxCallbacks: 1 },
    authorize: () => new Promise((done) => answers.push(done)),
  });
  let calls = 0;
  world.sync.on("app/x", () => {
    calls++;
    return new Promise(() => {});
  });
  const peer = await world.ours();
  await peer.say('[[:app/x] "a"]', '[[:app/x] "b"]');
  expect([answers.length, peer.reply("b")]).toMatchObject([1, [{ name: "sync/error" }, { code: "limit" }]]);
  await world.advance(3000);
  answers[0]?.(true);
  await world.settle();
  expect([calls, peer.reply("a")]).toMatchObject([0, timeout]);
  await peer.say('[[:app/x] "c"]');
  await world.advance(2000);
  answers[1]?.(true);
  await world.advance(999);
  expect([calls, peer.reply("c")]).toEqual([1, undefined]);
  await world.advance(1);
  expect(peer.reply("c")).toMatchObject(timeout);
});

test("HOOK4 with Infinity a handler may take as long as it likes; a plain Sente peer is told nothing", async () => {
  const unlimited = createWorld({ limits: { handlerMs: Number.POSITIVE_INFINITY } });
  unlimited.sync.on("app/slow", () => new Promise((resolve) => void unlimited.env.setTimer(() => resolve(7), 20_000)));
  const peer = await unlimited.peer();
  await peer.say('[[:app/slow] "a"]');
  await unlimited.advance(20_000);
  expect(peer.reply("a")).toBe(7);
  const world = createWorld({ limits: { handlerMs: 1000, maxCallbacks: 1 } });
  world.sync.on("app/never", () => new Promise(() => {}));
  world.sync.on("app/fast", async () => 1);
  const plain = await world.peer();
  plain.take();
  expect(await plain.hear('[[:app/never] "a"]')).toEqual([]);
  await world.advance(1000);
  expect([plain.take(), await plain.hear('[[:app/fast] "b"]')]).toEqual([[], ['[1 "b"]']]);
});

test("GRANT13 a request whose authorize has not answered when revoke comes is forbidden, whatever it answers", async () => {
  const answers: ((yes: boolean) => void)[] = [];
  const world = createWorld({
    authenticate: ({ url }) => ({ id: url.searchParams.get("client-id") ?? "" }),
    authorize: () => new Promise((done) => answers.push(done)),
  });
  let calls = 0;
  world.sync.on("app/x", () => ++calls);
  const [ada, bob] = [await world.ours("client-id=ada"), await world.ours("client-id=bob")];
  for (const peer of [ada, bob]) await peer.say('[[:app/x] "a"]', "[[:app/x] nil]");
  world.sync.revoke({ user: "ada" });
  for (const answer of answers) answer(true);
  await world.settle();
  expect([ada.reply("a"), bob.reply("a"), calls]).toMatchObject([[{ name: "sync/error" }, { code: "forbidden" }], 1, 2]);
});

test("REPLY1 what a handler returns is the reply, once; undefined is nil; a promise's value follows; without an id there is none", async () => {
  const world = createWorld();
  world.sync.on("app/value", ({ data }) => ({ got: data }));
  world.sync.on("app/nothing", () => {});
  world.sync.on("app/later", async ({ data }) => {
    await new Promise<void>((resolve) => void world.env.setTimer(resolve, data as number));
    return data;
  });
  world.sync.on("app/never", () => new Promise(() => {}));
  const peer = await world.peer();
  peer.take();
  expect(await peer.hear('[[:app/value 1] "a"]', '[[:app/nothing] "b"]', "[[:app/value 1] nil]", '[[:app/never] "c"]')).toEqual([
    '[{:got 1} "a"]',
    '[nil "b"]',
  ]);
  await peer.say('[[:app/later 20] "d"]', '[[:app/later 10] "e"]');
  await world.advance(1000);
  expect(peer.take()).toEqual(['[10 "e"]', '[20 "d"]']);
});

test("REPLY2 a reply leaves behind the entries of its own effect", async () => {
  const world = createWorld();
  const list = atom(world.sync, "list", { initial: [] as number[] });
  world.sync.on("app/add", ({ data }) => {
    list.update((draft) => void draft.push(data as number));
    return "added";
  });
  const peer = await world.ours();
  const [answer] = await peer.subscribe({ topic: "list", kind: "atom" });
  peer.take();
  expect(await peer.hear('[[:app/add 1] "a"]', '[[:app/add 2] "b"]')).toEqual([
    `[[[:sync/entries [${answer?.id} 1 [[[0 [] [1 2]]]]]]] nil]`,
    '["added" "a"]',
    '["added" "b"]',
  ]);
});

test("REPLY3 errors go as replies to peers that said hello: a SyncError with its data, anything else without its message", async () => {
  const world = createWorld();
  world.sync.on("app/taken", () => {
    throw new SyncError("app/taken", "That name is taken.", { data: { name: "x" } });
  });
  world.sync.on("app/oops", async () => {
    throw new Error("password: hunter2");
  });
  world.sync.on("app/unpackable", () => () => {});
  const peer = await world.ours();
  peer.take();
  const frames = await peer.hear(
    '[[:app/taken] "a"]',
    '[[:app/none] "b"]',
    '[["bad"] "c"]',
    '[[:app/unpackable] "d"]',
    '[[:app/oops] "e"]',
  );
  expect(frames).toEqual([
    '[[:sync/error {:code "app/taken" :message "That name is taken." :data {:name "x"}}] "a"]',
    '[[:sync/error {:code "unhandled-event" :message "The server has no handler for \\"app/none\\"."}] "b"]',
    '[[:sync/error {:code "invalid" :message "An event is a vector of a namespaced keyword and its data."}] "c"]',
    '[[:sync/error {:code "handler-failed" :message "The reply could not be sent."}] "d"]',
    '[[:sync/error {:code "handler-failed" :message "The handler failed."}] "e"]',
  ]);
  expect(world.errors.some(({ error }) => (error as Error).message === "password: hunter2")).toBe(true);
  expect(world.sync.stats().handlerErrors).toBe(2);
});

test("REPLY3 a plain Sente peer is sent no error, and goes on", async () => {
  const world = createWorld();
  world.sync.on("app/oops", () => {
    throw new Error("oops");
  });
  world.sync.on("app/echo", ({ data }) => data);
  for (const query of ["client-id=a", "client-id=a&sync=1"]) {
    const peer = await world.peer(query);
    peer.take();
    expect(await peer.hear('[[:app/oops] "a"]', '[[:app/none] "b"]', '[["bad"] "c"]', '[[:app/echo 1] "d"]')).toEqual([
      '[1 "d"]',
    ]);
  }
});

test("REPLY4 in one turn replies leave before pushes, as Sente's buffering has it", async () => {
  const world = createWorld({ authenticate: () => ({ id: "ada" }) });
  world.sync.on("app/push", ({ data }) => {
    world.sync.send("ada", "app/n", data);
    return "ok";
  });
  const peer = await world.peer();
  peer.take();
  expect(await peer.hear('[[:app/push 1] "a"]', '[[:app/push 2] "b"]')).toEqual([
    '["ok" "a"]',
    '["ok" "b"]',
    "[[[:app/n 1] [:app/n 2]] nil]",
  ]);
});

test("EVENT2 a handler that throws harms nobody else", async () => {
  const world = createWorld();
  const stats = defineAtom("stats", { initial: 0 });
  const live = atom(world.sync, stats);
  world.sync.on("app/oops", () => {
    live.set(1);
    throw new Error("after its effect");
  });
  const [one, other] = [await world.ours("client-id=a"), await world.ours("client-id=b")];
  await other.subscribe({ topic: "stats", kind: "atom" });
  other.take();
  await one.say("[[:app/oops] nil]");
  expect(other.take().length).toBe(1);
  expect(world.errors.map(({ where }) => where)).toEqual(["app/oops"]);
});

test("EVENT4 a definition may leave out what an event does not carry", () => {
  const events = defineEvents({ "app/x": { data: type<number>() } });
  expect(Object.keys(events)).toEqual(["app/x"]);
  const error: unknown = (() => {
    try {
      return defineEvents({ "sync/x": {} });
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(isSyncError(error, "invalid")).toBe(true);
});
