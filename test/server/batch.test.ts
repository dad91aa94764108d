/** Batches, by a peer that writes its frames by hand: all parts or none, answered once each, and again as before. */
import { defineChannel, defineShared, defineStore, SyncError, type } from "sente-sync";
import { channel, type ServerOptions, shared, store } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, onTestFinished, test } from "vitest";
import { handStorage } from "../support/hand-log.ts";
import { jointStorage } from "../support/joint-log.ts";
import { createWorld, pushed, type RawPeer, text, type World } from "./world.ts";

const plan = defineShared("plan", { initial: { title: "" } });
const list = defineStore("list", {
  initial: { items: [] as string[] },
  mutations: {
    add: (draft, item: string) => void draft.items.push(item),
    fail: (_draft, _input: null, ctx) => ctx.reject("app/no", "Never."),
    nothing() {},
  },
});
const news = defineChannel("news", { events: { said: type<unknown>() } });

const id = (n: number): string => n.toString(16).padStart(16, "0");

async function settle(world: World): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await world.settle();
  }
}

async function open(options: ServerOptions = {}, seed = 1) {
  const world = createWorld(options, seed);
  const tree = shared(world.sync, plan);
  const items = store(world.sync, list);
  channel(world.sync, news);
  await settle(world);
  return { world, tree, items, values: () => [tree.get().title, items.get().items] };
}

/** Subscribed to `plan` and `list`, and how it writes batches: `[topic, seq, op]`. */
async function writer(world: World, hello?: { session: unknown; token: unknown }, read = false) {
  const peer: RawPeer = await world.ours("client-id=a", hello);
  const topics = [
    { topic: "plan", kind: "shared", read },
    { topic: "list", kind: "store", read },
    { topic: "news", kind: "channel", read: false },
  ];
  const ids: number[] = [];
  await peer.say(`[[:sync/subscribe ${text(topics)}] "sub"]`);
  await settle(world);
  for (const answer of peer.reply("sub") as { id: number }[]) ids.push(answer.id);
  peer.take();
  const named = { plan: ids[0], list: ids[1], news: ids[2] } as Record<string, number>;
  return {
    peer,
    named,
    async batch(parts: readonly (readonly [topic: string, seq: number, op: unknown])[], resent?: 1): Promise<unknown[]> {
      const told = parts.map(([topic, seq, op]) => [named[topic] ?? 99, seq, op]);
      await peer.say(`[[:sync/batch ${text(resent ? [told, resent] : [told])}] nil]`);
      await settle(world);
      return outcomes(peer.take(), named);
    },
    async write(topic: string, seq: number, op: unknown): Promise<unknown[]> {
      await peer.say(`[[:sync/write ${text([named[topic], seq, [op]])}] nil]`);
      await settle(world);
      return outcomes(peer.take(), named);
    },
  };
}

/** `[topic, seq, offset]` for what is acknowledged, `[topic, seq, code, data.topic]` for what is rejected. */
function outcomes(frames: readonly string[], named: Record<string, number>): unknown[] {
  const nameOf = (topicId: number): string => Object.keys(named).find((name) => named[name] === topicId) ?? String(topicId);
  return frames.flatMap((frame) => [
    ...pushed([frame], "sync/ack").map((data) => {
      const [of, seq, offset] = data as [number, number, number];
      return [nameOf(of), seq, offset];
    }),
    ...pushed([frame], "sync/reject").map((data) => {
      const [of, seq, error] = data as [number, number, { code: string; data?: { topic?: string } }];
      return [nameOf(of), seq, error.code, error.data?.topic];
    }),
  ]);
}

const title = (value: string): unknown => [0, 0, "title", value];
const add = (item: string, n = 1): unknown => ["add", item, id(n)];

test("BATCH2 all parts are done, or with one that is rejected none, and each is told why and about which topic", async () => {
  const { world, values } = await open();
  const { batch, peer } = await writer(world, undefined, true);
  expect(
    await batch([
      ["plan", 1, title("a")],
      ["list", 1, add("one")],
    ]),
  ).toEqual([
    ["plan", 1, 1],
    ["list", 1, 1],
  ]);
  expect(values()).toEqual(["a", ["one"]]);
  const refused = await batch([
    ["plan", 2, title("b")],
    ["list", 2, ["fail", null, id(2)]],
  ]);
  expect(refused).toEqual([
    ["plan", 2, "app/no", "list"],
    ["list", 2, "app/no", "list"],
  ]);
  expect([values(), pushed(peer.take(), "sync/entries")]).toEqual([["a", ["one"]], []]);
  const tree = await batch([
    ["list", 3, add("x", 3)],
    ["plan", 3, [-1, 0, "title", "no"]],
  ]);
  expect(tree).toEqual([
    ["list", 3, "invalid", "plan"],
    ["plan", 3, "invalid", "plan"],
  ]);
  expect(values()).toEqual(["a", ["one"]]);
});

test("BATCH1 and BATCH3 topics once each, subscribed, at most 64, of the two kinds and of one log that can do it", async () => {
  const { world, values } = await open();
  const { batch, peer } = await writer(world);
  const codes = async (...args: Parameters<typeof batch>): Promise<unknown[]> =>
    (await batch(...args)).map((outcome) => (outcome as unknown[])[2]);
  const one: [string, number, unknown] = ["plan", 1, title("a")];
  expect(await codes([one, ["plan", 2, title("b")]])).toEqual(["invalid", "invalid"]);
  expect(
    await codes([
      ["plan", 3, title("a")],
      ["none", 1, add("x")],
    ]),
  ).toEqual(["invalid", "invalid"]);
  expect(new Set(await codes(Array.from({ length: 65 }, (): [string, number, unknown] => ["plan", 9, title("a")])))).toEqual(
    new Set(["limit"]),
  );
  expect(
    await batch([
      ["plan", 4, title("a")],
      ["news", 1, ["said", 1]],
    ]),
  ).toEqual([
    ["plan", 4, "unsupported", "news"],
    ["news", 1, "unsupported", "news"],
  ]);
  expect(values()).toEqual(["", []]);
  await peer.say("[[:sync/batch [[[1 0 5]]]] nil]", "[[:sync/batch []] nil]");
  expect(world.sync.stats().malformed).toBe(2);

  const durable = createWorld({ storage: jointStorage() }, 2);
  shared(durable.sync, plan, { durability: "memory" });
  store(durable.sync, list);
  channel(durable.sync, news);
  await settle(durable);
  const mixed = await writer(durable);
  expect(await mixed.batch([one, ["list", 1, add("x")]])).toEqual([
    ["plan", 1, "unsupported", undefined],
    ["list", 1, "unsupported", undefined],
  ]);

  const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  storage.auto = true;
  onTestFinished(() => storage.store());
  const apart = await open({ storage }, 3);
  const separate = await writer(apart.world);
  expect(await separate.batch([one, ["list", 1, add("x")]])).toEqual([
    ["plan", 1, "unsupported", undefined],
    ["list", 1, "unsupported", undefined],
  ]);
  expect(apart.values()).toEqual(["", []]);
});

test("BATCH4 authorize is asked for each topic, and later writes to all of them wait behind the batch", async () => {
  let answer: (allowed: boolean) => void = () => {};
  const { world, values } = await open({
    authorize: ({ action, topic }) =>
      action !== "write" || topic !== "list" || new Promise<boolean>((resolve) => void (answer = resolve)),
  });
  const { batch, write, peer, named } = await writer(world, undefined, true);
  expect(
    await batch([
      ["plan", 1, title("a")],
      ["list", 1, add("one")],
    ]),
  ).toEqual([]);
  expect(await write("plan", 2, title("b"))).toEqual([]);
  expect(values()).toEqual(["", []]);
  answer(true);
  await settle(world);
  expect(outcomes(peer.take(), named)).toEqual([
    ["plan", 1, 1],
    ["list", 1, 1],
    ["plan", 2, 2],
  ]);
  expect(values()).toEqual(["b", ["one"]]);

  const other = await open({ authorize: ({ action, topic }) => action !== "write" || topic !== "list" }, 2);
  const refused = await writer(other.world, undefined, true);
  expect(
    await refused.batch([
      ["plan", 1, title("a")],
      ["list", 1, add("one")],
    ]),
  ).toEqual([
    ["plan", 1, "forbidden", "list"],
    ["list", 1, "forbidden", "list"],
  ]);
  expect(other.values()).toEqual(["", []]);
  // Its numbers are used.
  expect(await refused.write("plan", 1, title("c"))).toEqual([["plan", 1, "forbidden", "list"]]);
  expect(await refused.write("plan", 2, title("c"))).toEqual([["plan", 2, 1]]);
});

test("BATCH5 and BATCH6 one append for all, acknowledged when it is stored; what changes nothing has no entry", async () => {
  const storage = jointStorage();
  const { world, values } = await open({ storage });
  const { batch, write, peer, named } = await writer(world, undefined, true);
  storage.hold = true;
  expect(
    await batch([
      ["plan", 1, title("a")],
      ["list", 1, add("one")],
    ]),
  ).toEqual([]);
  expect([storage.appends, pushed(peer.take(), "sync/entries")]).toEqual([[2], []]);
  // Behind it, in one of its topics.
  expect(await write("plan", 2, title("b"))).toEqual([]);
  storage.release();
  await settle(world);
  // The later one of a topic may be told first: it says that what is before it is in the log too.
  expect(new Set(outcomes(peer.take(), named).map(String))).toEqual(new Set(["plan,1,1", "list,1,1", "plan,2,2"]));
  storage.hold = false;
  expect(
    await batch([
      ["plan", 3, title("c")],
      ["list", 2, ["nothing", null, id(5)]],
    ]),
  ).toEqual([
    ["plan", 3, 3],
    ["list", 2, 0],
  ]);
  expect(await batch([["list", 3, ["nothing", null, id(6)]]])).toEqual([["list", 3, 0]]);
  expect([storage.appends, values()]).toEqual([
    [2, 1, 1],
    ["c", ["one"]],
  ]);
});

test("BATCH7 what is sent again is answered as it was, in whatever order, and also after a restart", async () => {
  const storage = jointStorage();
  const first = await open({ storage });
  const { batch, peer, write } = await writer(first.world);
  const good: [string, number, unknown][] = [
    ["plan", 1, title("a")],
    ["list", 1, add("one")],
  ];
  const bad: [string, number, unknown][] = [
    ["plan", 2, title("b")],
    ["list", 2, ["fail", null, id(2)]],
  ];
  const stored = await batch(good);
  const rejected = await batch(bad);
  await write("plan", 3, title("c"));
  expect([await batch(good, 1), await batch(bad, 1)]).toEqual([stored, rejected]);
  expect([await batch(bad, 1), await batch(good, 1)]).toEqual([rejected, stored]);
  expect(first.values()).toEqual(["c", ["one"]]);
  const { session, token } = peer.welcome as { session: string; token: string };
  await first.world.sync.close();

  const second = await open({ storage }, 2);
  const again = await writer(second.world, { session, token });
  expect(await again.batch(good, 1)).toEqual(stored);
  // Of the rejection only `plan` has a later record that tells of it.
  expect(await again.batch(bad, 1)).toEqual(rejected);
  expect(
    await again.batch(
      [
        ["plan", 4, title("d")],
        ["list", 3, add("two", 3)],
      ],
      1,
    ),
  ).toEqual([
    ["plan", 4, 3],
    ["list", 3, 2],
  ]);
  expect(second.values()).toEqual(["d", ["one", "two"]]);
  expect(
    await again.batch([
      ["plan", 9, title("e")],
      ["list", 9, add("x", 9)],
    ]),
  ).toHaveLength(2);
  expect(
    await again.batch([
      ["plan", 7, title("e")],
      ["list", 10, add("y", 10)],
    ]),
  ).toEqual([
    ["plan", 7, "conflict", undefined],
    ["list", 10, "conflict", undefined],
  ]);
  expect(
    await again.batch(
      [
        ["plan", 6, title("e")],
        ["list", 11, add("y", 11)],
      ],
      1,
    ),
  ).toEqual([
    ["plan", 6, "session-lost", undefined],
    ["list", 11, "session-lost", undefined],
  ]);
  expect(second.values()).toEqual(["e", ["one", "two", "x"]]);
});

test("BATCH7 and BATCH8 a log that fails takes it back everywhere, also for who asks again while it is on its way", async () => {
  const storage = jointStorage();
  const { world, values } = await open({ storage });
  const { batch, peer, named } = await writer(world);
  const parts: [string, number, unknown][] = [
    ["plan", 1, title("a")],
    ["list", 1, add("one")],
  ];
  storage.hold = true;
  expect(await batch(parts)).toEqual([]);
  expect(await batch(parts, 1)).toEqual([]);
  expect(values()).toEqual(["a", ["one"]]);
  storage.fault = new SyncError("read-only", "Full.");
  storage.release();
  await settle(world);
  const none = [
    ["plan", 1, "read-only", undefined],
    ["list", 1, "read-only", undefined],
  ];
  expect([outcomes(peer.take(), named), values()]).toEqual([
    [...none, ...none],
    ["", []],
  ]);
  expect(
    await batch([
      ["plan", 2, title("b")],
      ["list", 2, add("two")],
    ]),
  ).toEqual([
    ["plan", 2, "read-only", "plan"],
    ["list", 2, "read-only", "plan"],
  ]);
  storage.fault = undefined;
  storage.hold = false;
  expect(
    await batch([
      ["plan", 3, title("c")],
      ["list", 3, add("three")],
    ]),
  ).toEqual([
    ["plan", 3, 1],
    ["list", 3, 1],
  ]);
  expect([await batch(parts, 1), values()]).toEqual([none, ["c", ["three"]]]);
});

test("BATCH2 whoever is told of one part on the server, and writes to the topic of another, comes after the batch", async () => {
  const { world, tree, items, values } = await open();
  items.listen(({ items: all }) => void tree.set(["title"], `${all.length} items`));
  const { batch } = await writer(world);
  const parts = (n: number): [string, number, unknown][] => [
    ["list", n, add("one", n)],
    ["plan", n, title(`of batch ${n}`)],
  ];
  expect([await batch(parts(1)), values()]).toEqual([
    [
      ["list", 1, 1],
      ["plan", 1, 1],
    ],
    ["1 items", ["one"]],
  ]);
  expect((await batch(parts(2)))[1]).toEqual(["plan", 2, 3]);
  expect(values()).toEqual(["2 items", ["one", "one"]]);
});
