/** Topics whose readers have different versions, and data that an older server stored: in virtual time, and on a log by hand. */
import { defineAtom, defineShared, defineStore, type Migration } from "sente-sync";
import { atom as atomOn, rejectedWrites, shared as sharedOn, store as storeOn, topicStatus, upgrade } from "sente-sync/client";
import { msgpack } from "sente-sync/packers/msgpack";
import { atom, createServer, shared, store } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, onTestFinished, test } from "vitest";
import { coreOf } from "../../src/client/client.ts";
import { writesOf } from "../../src/client/writes.ts";
import { handStorage } from "../support/hand-log.ts";
import { createWorld, pushed, type World } from "./world.ts";

interface Task1 {
  name: string;
  done: boolean;
}
interface Task2 {
  title: string;
  state: string;
  tags: string[];
}
const first: Task1 = { name: "", done: false };
const second: Task2 = { title: "", state: "open", tags: [] };
const both: Migration = {
  up: ({ name, done }: Task1): Task2 => ({ title: name, state: done ? "done" : "open", tags: [] }),
  down: ({ title, state }: Task2): Task1 => ({ name: title, done: state === "done" }),
};
const task1 = defineShared("task", { initial: first });
const task2 = defineShared("task", { version: 2, initial: second, migrations: { 2: both } });
const code = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "stored",
    (error: { code: string }) => error.code,
  );

/** The log by hand answers in promises. */
async function settle(world: World): Promise<void> {
  for (let i = 0; i < 8; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await world.advance(1);
  }
}

test("VERSION2 who has the server's version, or says none where that is 1, is told what everybody is: the same frames", async () => {
  const world = createWorld();
  const live = shared(world.sync, task1);
  const [one, two] = [await world.ours("client-id=a"), await world.ours("client-id=b")];
  const answers = [
    ...(await one.subscribe({ topic: "task", kind: "shared" })),
    ...(await two.subscribe({ topic: "task", kind: "shared", version: 1 })),
  ];
  expect(answers[0]).toEqual(answers[1]);
  one.take();
  two.take();
  live.set(["name"], "A");
  await world.settle();
  expect(one.take()).toEqual(two.take());
});

test("VERSION3 readers of an older version are shown theirs, at the same offsets, in an epoch of its own, and share frames", async () => {
  const world = createWorld();
  const live = shared(world.sync, task2);
  live.set(["title"], "A");
  await world.settle();
  const [one, same, now] = [await world.ours("client-id=a"), await world.ours("client-id=b"), await world.ours("client-id=c")];
  const item = { topic: "task", kind: "shared" };
  const [older] = await one.subscribe(item);
  const [other] = await same.subscribe({ ...item, version: 1 });
  const [present] = await now.subscribe({ ...item, version: 2 });
  expect(other).toEqual(older);
  expect([present?.at[1], older?.at[1]]).toEqual([1, 1]);
  expect([present?.at[0].endsWith("@2"), older?.at[0] === present?.at[0]]).toEqual([true, false]);
  for (const peer of [one, same, now]) peer.take();
  live.update((draft) => {
    draft.state = "done";
    draft.tags.push("x");
  });
  await world.settle();
  const told = one.take();
  expect(told).toEqual(same.take());
  const entryOf = (frame: string[]): unknown =>
    (pushed(frame, "sync/entries")[0] as [number, number, [unknown[]]])[2][0].slice(2);
  expect(entryOf(told)).toEqual(["done", true]);
  expect(entryOf(now.take())).toEqual(expect.arrayContaining(["state", "done", "tags", ["x"]]));
  // Nothing of it is there in the older version: an entry all the same, so that offsets agree.
  live.set(["tags"], ["y"]);
  await world.settle();
  expect(entryOf(one.take())).toEqual([]);
  // Who comes back to the same life goes on; a position of another version gets a snapshot.
  const back = await world.ours("client-id=d");
  const [again] = await back.subscribe({ ...item, since: [older?.at[0], 2] });
  expect(again).toMatchObject({ recovered: true, at: [older?.at[0], 2] });
  const [jumped] = await back.subscribe({ ...item, version: 2, since: [older?.at[0], 2] });
  expect(jumped).toMatchObject({ recovered: false, at: [present?.at[0], 3] });
});

test("VERSION3 a projection that nobody reads ends, and one that is made anew is another; packers make no difference", async () => {
  const world = createWorld({ packers: [msgpack()] });
  let downs = 0;
  const counting = {
    ...both,
    down(task: Task2): Task1 {
      downs++;
      return { name: task.title, done: task.state === "done" };
    },
  };
  const live = shared(world.sync, defineShared("task", { version: 2, initial: second, migrations: { 2: counting } }));
  const old = world.client();
  const packed = world.client({ upgrade: upgrade({ packers: [msgpack()] }) });
  const [a, b] = [sharedOn(old, task1), sharedOn(packed, task1)];
  const seen: unknown[] = [];
  a.subscribe((value) => void seen.push(value));
  b.subscribe(() => {});
  await world.advance(10);
  live.set(["title"], "A");
  await world.advance(10);
  expect([a.get(), b.get(), seen.at(-1)]).toEqual(Array(3).fill({ name: "A", done: false }));
  a.close();
  b.close();
  await world.advance(2000);
  const before = downs;
  live.set(["title"], "A2");
  await world.settle();
  live.set(["title"], "B");
  await world.advance(10);
  expect(a.get()).toEqual({ name: "A", done: false });
  a.subscribe(() => {});
  await world.advance(10);
  expect([a.get(), downs]).toEqual([{ name: "B", done: false }, before + 1]);
  expect(world.errors).toEqual([]);
});

test("VERSION4 where `down` throws at once the subscription is refused; later, readers keep what they have", async () => {
  const world = createWorld();
  const down = ({ n }: { n: number }): number => {
    if (n < 0) throw new Error("negative");
    return n;
  };
  const live = atom(world.sync, defineAtom("n", { version: 2, initial: { n: 1 }, migrations: { 2: { down } } }));
  atom(world.sync, defineAtom("m", { version: 2, initial: { n: -1 }, migrations: { 2: { down } } }));
  const old = world.client();
  const n = atomOn<number>(old, "n");
  n.subscribe(() => {});
  await world.advance(10);
  expect(n.get()).toBe(1);
  live.set({ n: -1 });
  await world.advance(10);
  expect([n.get(), n.status.get(), world.errors.length]).toEqual([1, "live", 1]);
  // While somebody reads it, a newcomer is given what that one has.
  const late = atomOn<number>(world.client(), "n");
  const failed = code(atomOn<number>(world.client(), "m").ready);
  late.subscribe(() => {});
  await world.advance(10);
  expect([late.get(), await failed]).toEqual([1, "migration-failed"]);
  live.set({ n: 3 });
  await world.advance(10);
  expect(n.get()).toBe(3);
});

test("VERSION5 without a way, or where the client is newer, the topic is refused as `version`; what it had stays, and it asks again", async () => {
  const world = createWorld();
  atom(world.sync, defineAtom("a", { version: 3, initial: 1, migrations: { 3: { down: (n: number) => n } } }));
  shared(world.sync, task1);
  const client = world.client();
  const reader = atomOn(client, defineAtom("a", { initial: 1 }));
  const ready = code(reader.ready);
  await world.advance(10);
  expect(await ready).toBe("version");
  expect(reader.error?.data).toEqual({ have: 1, need: 3 });
  const newer = sharedOn(client, task2);
  newer.set(["title"], "mine");
  const rejected = rejectedWrites(client);
  const receipt = newer.set(["state"], "done");
  newer.subscribe(() => {});
  await world.advance(10);
  expect(newer.readOnly.get()).toEqual({ code: "version", have: 2, need: 1 });
  expect(await code(receipt.stored)).toBe("version");
  expect(rejected.get().map(({ topic, path }) => [topic, path])).toEqual([
    ["task", ["title"]],
    ["task", ["state"]],
  ]);
  expect(topicStatus(client, task2).get()).toBe("refused");
  const asked = await (await world.ours()).subscribe({ topic: "task", kind: "shared", version: 2 });
  expect(asked[0]?.error).toMatchObject({ code: "version", data: { have: 2, need: 1 } });
});

test("VERSION7 where there is no way up an older client reads, knows beforehand that it cannot write, and keeps what it wrote", async () => {
  const world = createWorld();
  const oneWay = defineShared("task", { version: 2, initial: second, migrations: { 2: { down: both.down as never } } });
  const live = shared(world.sync, oneWay);
  const client = world.client();
  const rejected = rejectedWrites(client);
  const old = sharedOn(client, task1);
  const reasons: unknown[] = [];
  old.readOnly.listen((reason) => void reasons.push(reason));
  old.subscribe(() => {});
  await world.advance(10);
  expect(reasons).toEqual([{ code: "version", have: 1, need: 2 }]);
  const receipt = old.set(["name"], "mine");
  await world.advance(10);
  expect(await code(receipt.stored)).toBe("version");
  expect([old.get(), live.get().title, rejected.get()[0]?.op]).toEqual([first, "", expect.arrayContaining(["name", "mine"])]);
  live.set(["title"], "theirs");
  await world.advance(10);
  expect(old.get()?.name).toBe("theirs");
});

test("VERSION7 what an older client writes leaves alone what it does not know", async () => {
  const world = createWorld();
  const live = shared(world.sync, task2);
  live.set(["tags"], ["kept"]);
  const old = sharedOn(world.client(), task1);
  const now = sharedOn(world.client(), task2);
  old.subscribe(() => {});
  now.subscribe(() => {});
  await world.advance(10);
  const receipt = old.update((draft) => {
    draft.name = "B";
    draft.done = true;
  });
  await world.advance(10);
  expect([await code(receipt.stored), receipt.offset]).toEqual(["stored", 2]);
  expect(now.get()).toEqual({ title: "B", state: "done", tags: ["kept"] });
  expect([old.get(), old.readOnly.get(), now.readOnly.get()]).toEqual([{ name: "B", done: true }, undefined, undefined]);
});

const list1 = defineStore("list", {
  initial: { items: [] as string[] },
  mutations: {
    add: (draft, text: string) => void draft.items.push(text),
    gone: (draft) => void (draft.items = []),
  },
});
const list2 = defineStore("list", {
  version: 2,
  initial: { items: [] as { text: string; by: string }[] },
  mutations: {
    put(draft, { text }: { text: string }, { user }) {
      if (text === "no") throw new Error("no");
      draft.items.push({ text, by: user?.id ?? "?" });
    },
  },
  migrations: {
    2: {
      up: ({ items }: { items: string[] }) => ({ items: items.map((text) => ({ text, by: "?" })) }),
      down: ({ items }: { items: { text: string }[] }) => ({ items: items.map(({ text }) => text) }),
      call: ({ mutation, input }) => (mutation === "add" ? { mutation: "put", input: { text: input } } : { mutation, input }),
    },
  },
});

test("VERSION8 an older client's calls are run by the newer mutations; its screen follows in its own version", async () => {
  const world = createWorld({ authenticate: () => ({ id: "ada" }) });
  const live = store(world.sync, list2);
  const client = world.client();
  const rejected = rejectedWrites(client);
  const old = storeOn(client, list1);
  const now = storeOn(world.client(), list2);
  old.subscribe(() => {});
  now.subscribe(() => {});
  await world.advance(10);
  const added = old.do.add("milk");
  expect(old.get()).toEqual({ items: ["milk"] });
  const refused = old.do.add("no");
  const gone = old.do.gone();
  now.do.put({ text: "eggs" });
  await world.advance(10);
  expect(await Promise.all([added, refused, gone].map(({ stored }) => code(stored)))).toEqual(["stored", "invalid", "version"]);
  expect(live.get().items).toEqual([
    { text: "milk", by: "ada" },
    { text: "eggs", by: "ada" },
  ]);
  expect([old.get(), old.pending, now.get()]).toEqual([{ items: ["milk", "eggs"] }, 0, live.get()]);
  expect(rejected.get().map(({ code: why, mutation }) => [why, mutation])).toEqual([
    ["invalid", "add"],
    ["version", "gone"],
  ]);
});

/** What a server of version 1 stores, and then servers of the other definitions. */
async function stored() {
  const storage = handStorage(virtualClock({ seed: 3 }).envFor("disk"));
  storage.auto = true;
  onTestFinished(() => storage.store());
  let seed = 0;
  return async <T>(serve: (world: World) => T): Promise<{ world: World; served: T }> => {
    const world = createWorld({ storage }, ++seed);
    const served = serve(world);
    await settle(world);
    return { world, served };
  };
}

test("VERSION9 what version 1 stored is brought to the newer version once, whatever was saved, and goes on from there", async () => {
  const life = await stored();
  const one = await life(
    ({ sync }) => [shared(sync, task1), store(sync, list1), atom(sync, "n", { initial: 1, durability: "strict" })] as const,
  );
  const [tree, list, n] = one.served;
  tree.set(["name"], "A");
  list.do.add("milk");
  n.set(2);
  await settle(one.world);
  await one.world.sync.close();
  let ups = 0;
  const counted = (): Migration => ({
    up: (task: Task1) => {
      ups++;
      return (both.up as (task: Task1) => Task2)(task);
    },
    down: both.down as never,
  });
  const n2 = defineAtom("n", {
    version: 2,
    initial: { n: 1 },
    migrations: { 2: { up: (old: number) => ({ n: old }), initial: 1 } },
  });
  const next = (world: World) =>
    [
      shared(world.sync, defineShared("task", { version: 2, initial: second, migrations: { 2: counted() } })),
      store(world.sync, list2),
      atom(world.sync, n2, { durability: "strict" }),
    ] as const;
  const two = await life(next);
  expect(two.served.map((handle) => handle.get())).toEqual([
    { title: "A", state: "open", tags: [] },
    { items: [{ text: "milk", by: "?" }] },
    { n: 2 },
  ]);
  expect(ups).toBeGreaterThan(0);
  const before = ups;
  two.served[0].set(["tags"], ["x"]);
  two.served[2].set({ n: 3 });
  await settle(two.world);
  await two.world.sync.close();
  const three = await life(next);
  expect([three.served[0].get(), three.served[2].get(), ups]).toEqual([
    { title: "A", state: "open", tags: ["x"] },
    { n: 3 },
    before,
  ]);
});

test("VERSION9 a topic that began in the newer version says so from its first record on, also where a client wrote it", async () => {
  const life = await stored();
  const one = await life(({ sync }) => shared(sync, task2));
  const doc = sharedOn(one.world.client(), task2);
  doc.set(["tags"], ["by a client"]);
  await settle(one.world);
  await one.world.sync.close();
  const two = await life(({ sync }) => shared(sync, task2));
  expect(two.served.get()).toEqual({ ...second, tags: ["by a client"] });
  await two.world.sync.close();
  // And VERSION12: older code does not touch it.
  const three = await life(
    ({ sync }) => [shared(sync, task1), shared(sync, defineShared("other", { initial: { n: 1 } }))] as const,
  );
  expect(await code(three.served[0].ready)).toBe("version");
  three.served[1].set(["n"], 2);
  await settle(three.world);
  expect(three.served[1].get()).toEqual({ n: 2 });
});

test("VERSION11 a migration that throws leaves its topic as it was and unavailable, by name; others are unharmed, and correct code finds all", async () => {
  const life = await stored();
  const one = await life(({ sync }) => shared(sync, task1));
  one.served.set(["name"], "A");
  await settle(one.world);
  await one.world.sync.close();
  const broken = defineShared("task", {
    version: 2,
    initial: second,
    migrations: {
      2: {
        ...both,
        up: () => {
          throw new Error("broken");
        },
      },
    },
  });
  const two = await life(
    ({ sync }) => [shared(sync, broken), shared(sync, defineShared("other", { initial: { n: 1 } }))] as const,
  );
  expect(await code(two.served[0].ready)).toBe("migration-failed");
  const client = two.world.client();
  const doc = sharedOn(client, task2);
  const failed = code(doc.ready);
  const other = sharedOn(client, defineShared("other", { initial: { n: 1 } }));
  other.set(["n"], 5);
  await settle(two.world);
  expect([await failed, two.served[1].get().n]).toEqual(["migration-failed", 5]);
  await two.world.sync.close();
  const three = await life(({ sync }) => shared(sync, task2));
  expect(three.served.get()).toEqual({ title: "A", state: "open", tags: [] });
});

test("VERSION12 what is stored in a newer version is not read by older code, and is there for newer code", async () => {
  const life = await stored();
  const one = await life(({ sync }) => shared(sync, task1));
  one.served.set(["name"], "A");
  await settle(one.world);
  await one.world.sync.close();
  const two = await life(({ sync }) => shared(sync, task2));
  await two.world.sync.close();
  const three = await life(({ sync }) => shared(sync, task1));
  await expect(three.served.ready).rejects.toMatchObject({ code: "version", data: { have: 1, need: 2 } });
  await three.world.sync.close();
  const four = await life(({ sync }) => shared(sync, task2));
  expect(four.served.get()).toMatchObject({ title: "A" });
});

test("VERSION12 no version between the two is needed to see that what is stored is newer", async () => {
  const life = await stored();
  const third = defineShared("task", { version: 3, initial: { text: "" } });
  const one = await life(({ sync }) => shared(sync, third));
  one.served.set(["text"], "A");
  await settle(one.world);
  await one.world.sync.close();
  const two = await life(({ sync }) => shared(sync, task2));
  await expect(two.served.ready).rejects.toMatchObject({ code: "version", data: { have: 2, need: 3 } });
});

test("VERSION13 what older code wrote is not shown by newer code before the server has brought it up", async () => {
  const world = createWorld();
  const trees = shared(world.sync, task2);
  const lists = store(world.sync, list2);
  const client = world.client({ autoConnect: false });
  const writes = writesOf(coreOf(client));
  writes.writer("task", "shared").write([0, 0, "name", "of the page before"]);
  writes.writer("list", "store").write(["put", { text: "milk" }, "0123456789abcdef"]);
  const task = sharedOn(client, task2);
  const list = storeOn(client, list2);
  task.subscribe(() => {});
  list.subscribe(() => {});
  expect([task.get(), list.get()]).toEqual([undefined, undefined]);
  task.set(["tags"], ["own"]);
  expect(task.get()).toEqual({ ...second, tags: ["own"] });
  client.connect();
  await world.advance(100);
  expect([task.get(), trees.get()]).toEqual(Array(2).fill({ title: "of the page before", state: "open", tags: ["own"] }));
  expect([list.get(), lists.get().items.map(({ text }) => text)]).toEqual([lists.get(), ["milk"]]);
});

test("VERSION14 what a view selects is brought down as the value is", async () => {
  const world = createWorld();
  const tasks = defineAtom("tasks", {
    version: 2,
    initial: { all: [{ title: "A" }, { title: "B" }] },
    migrations: { 2: { down: ({ all }: { all: { title: string }[] }) => ({ names: all.map(({ title }) => title) }) } },
  });
  const live = atom(world.sync, tasks, { view: { key: () => "x", select: ({ all }) => ({ all: all.slice(0, 1) }) } });
  const old = atomOn(world.client(), defineAtom("tasks", { initial: { names: [] as string[] } }));
  const now = atomOn(world.client(), tasks);
  old.subscribe(() => {});
  now.subscribe(() => {});
  await world.advance(10);
  expect([old.get(), now.get()]).toEqual([{ names: ["A"] }, { all: [{ title: "A" }] }]);
  live.update((draft) => void (draft.all[0] = { title: "C" }));
  await world.advance(10);
  expect([old.get(), now.get()]).toEqual([{ names: ["C"] }, { all: [{ title: "C" }] }]);
});

test("VERSION1 a server refuses a definition whose versions cannot be meant", async () => {
  const sync = createServer();
  onTestFinished(() => sync.close());
  const wrong = defineAtom("a", { version: 2, initial: 1, migrations: { 3: {} } });
  expect(() => atom(sync, wrong)).toThrow(expect.objectContaining({ code: "invalid" }));
});
