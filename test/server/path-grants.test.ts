/** Grants by path: what is seen and changed of a tree, a store and an atom by who may not see or change all of it. */
import { defineAtom, defineChannel, defineShared, defineStore } from "sente-sync";
import {
  atom as atomOn,
  batch,
  type Client,
  createClient,
  rejectedWrites,
  shared as sharedOn,
  store as storeOn,
} from "sente-sync/client";
import { type Authorize, atom, channel, createServer, shared, store } from "sente-sync/server";
import { expect, onTestFinished, test, vi } from "vitest";
import { bothPaths, checkAllowed, pick } from "../../src/kind/paths.ts";
import { nothing } from "../../src/kind/registers.ts";
import { askGrant } from "../../src/server/grants.ts";
import { createWorld, pushed } from "./world.ts";

const initial = { title: "", notes: {} as { [id: string]: string }, salary: { ada: 1, bob: 2 } };
const plan = defineShared("plan", { initial });
const code = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "stored",
    (error: { code: string }) => error.code,
  );
const byAction =
  (paths: { readonly read?: readonly string[][]; readonly write?: readonly string[][] }): Authorize =>
  ({ action }) =>
    paths[action as "read" | "write"] ?? true;

test("GRANT7 and GRANT8 paths: what lies beneath them, what is in two sets, what is there of a value", () => {
  const value = { a: { b: 1, c: [1] }, d: 2, "": 3 };
  expect(pick(value, [["a", "b"], ["d"], ["nowhere", "x"]])).toEqual({ a: { b: 1 }, d: 2 });
  expect(pick(value, [[]])).toEqual(value);
  expect([pick(value, []), pick(5, [["a"]]), pick(value, [["a", "c", "0"]])]).toEqual([{}, {}, {}]);
  expect(pick({ a: value }, [["a", "a", "b"], ["a"]])).toEqual({ a: value });
  expect(bothPaths([["a"], ["d"], ["x"]], [["a", "b"], ["d"], ["a", "c"]])).toEqual([["d"], ["a", "b"], ["a", "c"]]);
  expect(() => checkAllowed([{ path: ["a", "b"], value: nothing }], [["a"]])).not.toThrow();
  for (const path of [["a"], [], ["b"]]) {
    expect(() => checkAllowed([{ path, value: 1 }], [["a", "b"]])).toThrow(
      expect.objectContaining({ code: "forbidden", data: { path } }),
    );
  }
});

test("GRANT8 and GRANT11 both are asked, at once or in promises; paths elsewhere are a no, and reported", async () => {
  const errors: unknown[] = [];
  const report = (error: unknown): void => void errors.push((error as { code: string }).code);
  const request = { user: { id: "ada" }, action: "write", kind: "shared", topic: "t", params: {} } as const;
  const says =
    (answer: unknown): Authorize =>
    () =>
      answer as never;
  const a = [["a"]];
  const ab = [["a", "b"]];
  const answers: [Authorize[], unknown][] = [
    [[says(a)], a],
    [[says(true), says(a)], a],
    [[says(a), says(ab)], ab],
    [[says(Promise.resolve(ab)), says(a)], ab],
    [[says(a), says(Promise.resolve(ab)), says(true)], ab],
    [[says(a), says(Promise.resolve(false))], false],
    [[says(a), says(false)], false],
    [[says([])], []],
  ];
  for (const [authorizers, expected] of answers) expect(await askGrant(authorizers, request, report)).toEqual(expected);
  expect(errors).toEqual([]);
  expect(await askGrant([says([["a", 1]])], request, report)).toBe(false);
  expect(await askGrant([says(["a"])], request, report)).toBe(false);
  expect(await askGrant([says(a)], { ...request, kind: "channel", action: "read" }, report)).toBe(false);
  expect(await askGrant([says(a)], { ...request, action: "event" }, report)).toBe(false);
  expect(errors).toEqual(Array(4).fill("unsupported"));
  const world = createWorld({ authorize: says(a) });
  channel(world.sync, defineChannel("room"));
  const [answer] = await (await world.ours()).subscribe({ topic: "room", kind: "channel" });
  expect([answer?.error?.code, world.errors.length]).toEqual(["forbidden", 1]);
});

test("GRANT7 a write elsewhere is rejected alone, with its path; what came with it is stored", async () => {
  const world = createWorld({ authorize: byAction({ write: [["notes"], ["salary", "ada"]] }) });
  const live = shared(world.sync, plan);
  const client = world.client();
  const rejected = rejectedWrites(client);
  const mine = sharedOn(client, plan);
  mine.subscribe(() => {});
  await world.advance(10);
  const receipts = [
    mine.set(["notes", "a"], "x"),
    mine.set(["salary", "bob"], 9),
    mine.set(["salary", "ada"], 3),
    mine.set(["salary"], { ada: 9, bob: 9 }),
    mine.delete(["title"]),
    mine.delete(["notes", "b"]),
  ];
  await world.advance(10);
  expect(await Promise.all(receipts.map(({ stored }) => code(stored)))).toEqual([
    "stored",
    "forbidden",
    "stored",
    "forbidden",
    "forbidden",
    "stored",
  ]);
  const expected = { title: "", notes: { a: "x" }, salary: { ada: 3, bob: 2 } };
  expect([live.get(), mine.get()]).toEqual([expected, expected]);
  expect(rejected.get().map(({ error }) => error.data)).toEqual([
    { path: ["salary", "bob"] },
    { path: ["salary"] },
    { path: ["title"] },
  ]);
});

test("GRANT7 a call of a store is judged by what differs after it; who only writes is held to it too", async () => {
  const world = createWorld({ authorize: async ({ action }) => (action === "write" ? [["open"]] : true) });
  const board = defineStore("board", {
    initial: { open: ["a"], closed: [] as string[] },
    mutations: {
      add: (draft, text: string) => void draft.open.push(text),
      close(draft) {
        draft.closed.push(...draft.open.splice(0));
      },
      // Makes everything anew, and changes one part.
      again: (draft) => ({ open: [...draft.open, "again"], closed: [...draft.closed] }),
    },
  });
  const live = store(world.sync, board);
  const mine = storeOn(world.client(), board);
  const receipts = [mine.do.add("b"), mine.do.close(), mine.do.again()];
  await world.advance(50);
  expect(await Promise.all(receipts.map(({ stored }) => code(stored)))).toEqual(["stored", "forbidden", "stored"]);
  expect(live.get()).toEqual({ open: ["a", "b", "again"], closed: [] });
});

test("GRANT9 a reader with paths is told what is there and nothing else, by frames that its like share; so is a page", async () => {
  const world = createWorld({
    authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "?" }),
    authorize: ({ user, action }) => (action === "read" && user.id !== "boss" ? [["title"], ["salary", "ada"]] : true),
  });
  const live = shared(world.sync, plan);
  const count = defineAtom("count", { initial: { title: 1, secret: 2 } });
  const counted = atom(world.sync, count);
  live.set(["salary", "bob"], 77_777);
  await world.settle();
  const [one, like, boss] = [
    await world.ours("client-id=a&uid=ada"),
    await world.ours("client-id=b&uid=amy"),
    await world.ours("client-id=c&uid=boss"),
  ];
  const items = [
    { topic: "plan", kind: "shared" },
    { topic: "count", kind: "atom" },
  ];
  const [answer] = await one.subscribe(...items);
  await like.subscribe(...items);
  await boss.subscribe(...items);
  for (const peer of [one, like]) expect(peer.take().join()).not.toMatch(/77777|bob|secret|notes/);
  expect(boss.take().join()).toMatch(/77777/);
  live.set(["salary", "bob"], 88_888);
  live.set(["title"], "T");
  counted.set({ title: 5, secret: 99_999 });
  await world.settle();
  const told = one.take();
  expect(told).toEqual(like.take());
  expect(told.join()).not.toMatch(/88888|99999|bob|secret/);
  expect(pushed(told, "sync/entries")).toHaveLength(2);
  expect(boss.take().join()).toMatch(/88888[\s\S]*99999/);
  // A position of what it saw is none of the whole, and the other way round.
  const [whole] = await boss.subscribe({ ...items[0], since: [answer?.at[0], 1] });
  expect(whole?.recovered).toBe(false);
  one.take();
  const [part] = await one.subscribe({ ...items[0], since: [whole?.at[0], 2] });
  expect(part?.recovered).toBe(false);
  expect(one.take().join()).not.toMatch(/88888/);
  const rendering = world.sync.dehydrate({ user: { id: "ada" }, topics: ["plan", "count"] });
  await world.settle();
  const page = await rendering;
  expect(page).toMatch(/title/);
  expect(page).not.toMatch(/88888|99999|bob/);
  const hydrated = sharedOn(world.client({ hydrate: page }), plan);
  expect(hydrated.get()).toEqual({ title: "T", salary: { ada: 1 } });
});

test("GRANT10 an older client is shown the part in its version, and judged in the server's", async () => {
  const old = defineShared("doc", { initial: { name: "", pay: 0 } });
  const now = defineShared("doc", {
    version: 2,
    initial: { title: "", pay: 0 },
    migrations: {
      2: {
        up: ({ name = "", pay = 0 }: { name?: string; pay?: number }) => ({ title: name, pay }),
        down: ({ title = "", pay }: { title?: string; pay?: number }) => ({ name: title, ...(pay === undefined ? {} : { pay }) }),
      },
    },
  });
  const world = createWorld({ authorize: () => [["title"]] });
  const live = shared(world.sync, now);
  live.set(["pay"], 5);
  const mine = sharedOn(world.client(), old);
  mine.subscribe(() => {});
  await world.advance(10);
  expect(mine.get()).toEqual({ name: "" });
  const receipts = [mine.set(["name"], "A"), mine.set(["pay"], 9)];
  await world.advance(10);
  expect(await Promise.all(receipts.map(({ stored }) => code(stored)))).toEqual(["stored", "forbidden"]);
  expect([live.get(), mine.get()]).toEqual([{ title: "A", pay: 5 }, { name: "A" }]);
});

test("GRANT7 a part of a batch at another path rejects the batch, and nothing of it is done", async () => {
  const world = createWorld({ authorize: byAction({ write: [["title"]] }) });
  const other = defineShared("other", { initial: { title: "" } });
  const trees = [shared(world.sync, plan), shared(world.sync, other)] as const;
  const client = world.client();
  const [one, two] = [sharedOn(client, plan), sharedOn(client, other)];
  one.subscribe(() => {});
  two.subscribe(() => {});
  await world.advance(10);
  const write = (title: string, salary?: number) =>
    batch(client, () => {
      two.set(["title"], title);
      one.set(["title"], title);
      if (salary) one.set(["salary", "ada"], salary);
    });
  const receipts = [write("A"), write("B", 5)];
  await world.advance(10);
  expect(await Promise.all(receipts.map(({ stored }) => code(stored)))).toEqual(["stored", "forbidden"]);
  expect(trees.map((tree) => tree.get().title)).toEqual(["A", "A"]);
  expect(one.get()?.salary.ada).toBe(1);
});

test("GRANT7 and GRANT9 over real sockets: two people, each with a part", async () => {
  const sync = createServer({
    authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "" }),
    authorize: ({ user, action }) => (action === "read" ? [["title"], ["salary", user.id]] : [["notes", user.id]]),
  });
  const clients: Client[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.close();
    await sync.close();
  });
  const live = shared(sync, plan);
  const port = await sync.listen(0);
  const connect = (uid: string) => {
    const client: Client = createClient(`ws://127.0.0.1:${port}/chsk?uid=${uid}`);
    clients.push(client);
    return client;
  };
  const [ada, bob] = [sharedOn(connect("ada"), plan), sharedOn(connect("bob"), plan)];
  ada.subscribe(() => {});
  bob.subscribe(() => {});
  expect(await Promise.all([ada.ready, bob.ready])).toEqual([
    { title: "", salary: { ada: 1 } },
    { title: "", salary: { bob: 2 } },
  ]);
  const receipts = [ada.set(["notes", "ada"], "mine"), ada.set(["notes", "bob"], "his"), ada.set(["title"], "mine too")];
  expect(await Promise.all(receipts.map(({ stored }) => code(stored)))).toEqual(["stored", "forbidden", "forbidden"]);
  await live.set(["title"], "ours").stored;
  await live.set(["salary", "bob"], 5).stored;
  await vi.waitFor(() => expect(bob.get()).toEqual({ title: "ours", salary: { bob: 5 } }), 40_000);
  await vi.waitFor(() => expect(ada.get()).toEqual({ title: "ours", salary: { ada: 1 } }), 40_000);
  expect(live.get()).toEqual({ title: "ours", notes: { ada: "mine" }, salary: { ada: 1, bob: 5 } });
  const counted = atomOn(clients[0] as Client, defineAtom("none", { initial: 1 }));
  expect(await code(counted.ready)).toBe("not-declared");
});
