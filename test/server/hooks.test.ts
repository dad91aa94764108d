/** Code of the application that throws: who is told what. */
import { defineAtom, defineChannel, defineRoom, defineShared, defineStore, SyncError, type } from "sente-sync";
import { atom as clientAtom, presence as clientPresence, shared as clientShared, store as clientStore } from "sente-sync/client";
import { atom, channel, presence, shared, store } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, test } from "vitest";
import type { Storage } from "../../src/topic/log.ts";
import { handStorage } from "../support/hand-log.ts";
import { createWorld, type World } from "./world.ts";

const bug = new TypeError("a secret of the application");
const boom = (): never => {
  throw bug;
};
const reported = ({ errors }: World): unknown[] =>
  errors.splice(0).map(({ error, where }) => [where, error === bug ? "the error itself" : error]);
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "done",
    (error: SyncError) => (error.message.includes("secret") ? "told" : error.code),
  );

const tree = defineShared("tree", { initial: { n: 0 } });
const things = defineStore("things", {
  initial: { n: 0 },
  mutations: {
    add(draft: { n: number }) {
      draft.n++;
    },
    fail(draft: { n: number }, _: undefined, { user }: { user: unknown }) {
      if (user) boom();
      draft.n++;
    },
    no(_: { n: number }, __: undefined, { reject }: { reject(code: "app/no"): never }) {
      reject("app/no");
    },
  },
});

test("HOOK1 what a validation or a mutation throws by mistake is reported as it is, once, and the client has a code", async () => {
  const world = createWorld();
  const hosted = shared(world.sync, tree, { validate: ({ next }) => void (next.n === 1 && boom()) });
  const counted = store(world.sync, things, { validate: ({ mutation }) => void (mutation === "add" && boom()) });
  const client = world.client();
  const mine = clientShared(client, tree);
  const calls = clientStore(client, things);
  mine.keep();
  calls.keep();
  await world.advance(100);
  const attempt = async (run: () => { readonly stored: Promise<unknown> }): Promise<unknown[]> => {
    const outcome = codeOf(run().stored);
    await world.advance(100);
    return [await outcome, ...reported(world)];
  };
  expect(await attempt(() => mine.set(["n"], 1))).toEqual(["handler-failed", ["tree", "the error itself"]]);
  expect(await attempt(() => calls.do.add())).toEqual(["invalid", ["things", "the error itself"]]);
  expect([hosted.get().n, counted.get().n]).toEqual([0, 0]);
  // Who calls here has the error.
  expect(() => counted.do.no()).toThrow("app/no");
  expect(reported(world)).toEqual([]);
});

test("HOOK1 a mutation that fails on the server alone is reported", async () => {
  const world = createWorld({ authenticate: () => ({ id: "ada" }) });
  store(world.sync, things);
  const peer = await world.ours();
  const [{ id }] = (await peer.subscribe({ topic: "things", kind: "store", since: null })) as unknown as [{ id: number }];
  await peer.say(`[[:sync/write [${id} 1 [["fail" nil "0123456789abcdef"]]]] nil]`);
  expect(peer.take().join()).toContain("invalid");
  expect(reported(world)).toEqual([["things", "the error itself"]]);
  await peer.say(`[[:sync/write [${id} 2 [["no" nil "0123456789abcdee"]]]] nil]`);
  expect(peer.take().join()).toContain("app/no");
  expect(reported(world)).toEqual([]);
});

test("HOOK1 a SyncError of validate or authorize is an answer, which is not reported", async () => {
  const world = createWorld({ authorize: ({ topic }) => topic !== "forbidden" });
  shared(world.sync, tree, {
    validate() {
      throw new SyncError("app/taken", "It is taken", { cause: bug });
    },
  });
  atom(world.sync, "forbidden", { initial: 1 });
  const client = world.client();
  const written = codeOf(clientShared(client, tree).set(["n"], 1).stored);
  const read = codeOf(clientAtom(client, "forbidden").ready);
  await world.advance(100);
  expect([await written, await read, reported(world)]).toEqual(["app/taken", "forbidden", []]);
});

test("HOOK1 what views, first values and rooms throw is reported, and who asked has a code", async () => {
  const world = createWorld();
  atom(world.sync, defineAtom("viewed", { initial: 1 }), { view: { key: () => "k", select: boom } });
  atom(world.sync, defineAtom("made/:id", { initial: 1 }), { initial: boom });
  presence(world.sync, defineRoom("room"), { onUpdate: ({ data }) => ("bad" in (data as object) ? boom() : undefined) });
  const client = world.client();
  for (const topic of ["viewed", "made/1"]) {
    const outcome = codeOf(clientAtom(client, topic).ready);
    await world.advance(100);
    expect([await outcome, ...reported(world)]).toEqual(["handler-failed", [topic, "the error itself"]]);
  }
  const room = clientPresence(client, defineRoom("room"), { bad: 1 });
  await world.advance(100);
  expect([room.error.get()?.code, ...reported(world)]).toEqual(["handler-failed", ["room", "the error itself"]]);
});

test("HOOK1 a schema of an event that throws is reported, and nothing else of the request happens", async () => {
  const schema = { "~standard": { version: 1, vendor: "test", validate: boom } } as const;
  const world = createWorld({ events: { "app/x": { data: schema } } });
  let handled = 0;
  world.sync.on("app/x" as never, () => void handled++);
  const peer = await world.ours();
  expect(String(await peer.ask("[:app/x 1]"))).toContain("sync/error");
  expect([handled, reported(world)]).toEqual([0, [["app/x", "the error itself"]]]);
});

test.each([
  ["memory", undefined],
  ["strict", "disk"],
] as const)("HOOK2 a seed that throws is reported, and readers come back once it does not (%s)", async (durability, disk) => {
  const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  storage.auto = true;
  const world = createWorld(disk ? { storage } : {});
  let fails = true;
  const seed = (): { n: number } => (fails ? boom() : { n: 7 });
  const options = { durability, seed };
  const pattern = { tree: defineShared("s/:id", { initial: { n: 0 } }), value: defineAtom("a/:id", { initial: { n: 0 } }) };
  const calls = defineStore("c/:id", { initial: { n: 0 }, mutations: {} });
  const family = shared(world.sync, pattern.tree, options);
  atom(world.sync, pattern.value, options);
  store(world.sync, calls, options);
  const client = world.client();
  const handles = [
    clientShared(client, pattern.tree({ id: "1" })),
    clientAtom(client, pattern.value({ id: "1" })),
    clientStore(client, calls({ id: "1" })),
  ];
  for (const handle of handles) handle.keep();
  await world.advance(200);
  for (const { status, error } of handles) {
    expect([status.get(), error?.code, error?.retry]).toEqual(["loading", "loading", "later"]);
  }
  const all = reported(world);
  expect(all).toHaveLength(3);
  for (const where of ["a/1", "c/1", "s/1"]) expect(all).toContainEqual([where, "the error itself"]);
  const opened = family.open({ id: "1" }).catch(({ code, cause }: SyncError) => [code, cause]);
  await world.settle();
  expect(await opened).toEqual(["loading", bug]);
  expect(world.sync.stats().topics).toBe(0);
  fails = false;
  await world.advance(10_000);
  for (const handle of handles) expect([handle.status.get(), handle.get()]).toEqual(["live", { n: 7 }]);
});

test.each([
  ["memory", undefined],
  ["strict", "disk"],
] as const)(
  "HOOK2 a topic of a name whose seed throws is opened again by the server, for the handle that is there (%s)",
  async (durability, disk) => {
    const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
    storage.auto = true;
    const world = createWorld(disk ? { storage } : {});
    let fails = true;
    let asked = 0;
    const seed = (): { n: number } => {
      asked++;
      return fails ? boom() : { n: 7 };
    };
    const options = { durability, seed };
    const tree = shared(world.sync, defineShared("s", { initial: { n: 0 } }), options);
    const value = atom(world.sync, defineAtom("a", { initial: { n: 0 } }), options);
    const definition = defineStore("c", { initial: { n: 0 }, mutations: { add: (draft) => void draft.n++ } });
    const calls = store(world.sync, definition, options);
    const handles = [tree, value, calls];
    const told: unknown[][] = handles.map(() => []);
    for (const [index, handle] of handles.entries()) handle.listen((now) => void told[index]?.push(now.n));
    await world.settle();
    for (const handle of handles) expect(await codeOf(handle.ready)).toBe("loading");
    expect(() => tree.set(["n"], 1)).toThrow(expect.objectContaining({ code: "loading" }));
    await world.advance(60_000);
    // At once, and after 1, 3, 7, 15, 31 s.
    expect([asked, reported(world).length]).toEqual([18, 18]);
    fails = false;
    await world.advance(30_000);
    expect(asked).toBe(21);
    for (const handle of handles) expect([await codeOf(handle.ready), handle.get()]).toEqual(["done", { n: 7 }]);
    tree.set(["n"], 8);
    value.set({ n: 8 });
    calls.do.add();
    const client = world.client();
    const read = [clientShared(client, "s"), clientAtom(client, "a"), clientStore(client, definition)];
    for (const handle of read) handle.keep();
    await world.advance(200);
    expect(read.map((handle) => handle.get())).toEqual([{ n: 8 }, { n: 8 }, { n: 8 }]);
    expect([told, asked]).toEqual([
      [
        [7, 8],
        [7, 8],
        [7, 8],
      ],
      21,
    ]);
  },
);

test("HOOK2 a reader brings back a topic of a name sooner, and it is the same; a server that closes tries no more", async () => {
  const world = createWorld();
  let fails = true;
  const seed = (): { n: number } => (fails ? boom() : { n: 7 });
  const value = atom(world.sync, defineAtom("a", { initial: { n: 0 } }), { seed });
  atom(world.sync, defineAtom("b", { initial: { n: 0 } }), { seed: boom });
  await world.advance(40_000);
  fails = false;
  const read = clientAtom(world.client(), "a");
  read.keep();
  await world.advance(10);
  expect([read.get(), value.get()]).toEqual([{ n: 7 }, { n: 7 }]);
  value.set({ n: 8 });
  await world.advance(10);
  expect(read.get()).toEqual({ n: 8 });
  const tries = reported(world).length;
  await world.sync.close();
  await world.advance(100_000);
  expect([tries, reported(world).length]).toEqual([12, 0]);
});

test("HOOK2 a channel of a name that the disk does not give is opened again, for the handle that is there", async () => {
  const inner = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  inner.auto = true;
  let fails = true;
  const storage: Storage = {
    name: "failing",
    async open(host) {
      const log = await inner.open(host);
      const unreadable = new SyncError("read-only", "The disk does not give what is stored.");
      return { ...log, open: (topic, options) => (fails ? Promise.reject(unreadable) : log.open(topic, options)) };
    },
  };
  const world = createWorld({ storage });
  const news = channel(world.sync, defineChannel("news", { events: { said: type<number>() } }));
  const heard: unknown[] = [];
  news.subscribe(({ data }) => void heard.push(data));
  await world.settle();
  expect([await codeOf(news.ready), await codeOf(news.publish("said", 1).stored)]).toEqual(["read-only", "read-only"]);
  fails = false;
  await world.advance(1000);
  expect([await codeOf(news.ready), await news.publish("said", 2).stored, heard]).toEqual(["done", 1, [2]]);
});

test("HOOK3 a member whose position throws is nowhere, and the others stay where they are", async () => {
  const world = createWorld();
  const field = defineRoom("field", { schema: type<{ x: number | string }>() });
  const room = presence(world.sync, field, {
    near: { cell: 10, position: ({ x }) => (typeof x === "string" ? boom() : { x, y: 0 }) },
  });
  const [ada, bob] = [clientPresence(world.client(), field, { x: 1 }), clientPresence(world.client(), field, { x: "?" })];
  await world.advance(100);
  expect([ada.error.get(), bob.error.get(), room.members.get().length]).toEqual([undefined, undefined, 2]);
  expect(reported(world)).toContainEqual(["field", "the error itself"]);
  const looking = await world.ours();
  await looking.subscribe({ topic: "field/@near/0_0", kind: "presence", since: null });
  await world.advance(100);
  const seen = looking.take().join();
  expect([seen.includes(":x 1"), seen.includes("?")]).toEqual([true, false]);
});
