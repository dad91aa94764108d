/** What `revoke` takes back beside the topic itself: its companions, and what is still being opened. */
import { defineChannel, defineDoc, defineForm, defineRoom, type } from "sente-sync";
import { doc } from "sente-sync/doc/server";
import { form } from "sente-sync/form/server";
import { formTexts } from "sente-sync/form/text/server";
import { type Authorize, atom, channel, presence, shared } from "sente-sync/server";
import { expect, test } from "vitest";
import { subdocTopic } from "../../src/kind/doc/subdoc.ts";
import { versionsKind, versionsTopic } from "../../src/kind/doc/version.ts";
import { coreOf } from "../../src/server/core.ts";
import { createWorld, pushed, text } from "./world.ts";

const byName = { authenticate: ({ url }: { url: URL }) => ({ id: url.searchParams.get("uid") ?? "" }) };
const schema = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value: value as { notes: string } }) },
} as const;

/** A promise, and how to have it resolve. */
function held<T>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve: (value) => resolve(value) };
}

test("GRANT12 who is sent away from a topic is sent away from all that stands beside it, and nobody else is", async () => {
  const world = createWorld(byName);
  const { sync } = world;
  form(sync, defineForm("f/:id", { schema, initial: { notes: "" }, fields: { notes: { text: true } } }) as never, {
    texts: formTexts,
    onSubmit() {},
  });
  doc(sync, "d", { versions: {} });
  presence(sync, defineRoom("field"), { near: { cell: 10, position: () => null } });
  channel(sync, defineChannel("jobs", { events: { x: type<number>() } }), { groups: { work: {} } });
  atom(sync, "else", { initial: 1 });
  const beside: { readonly [topic: string]: readonly (readonly [topic: string, kind: string])[] } = {
    "f/1": [
      ["f/1", "shared"],
      ["f/1/@form", "atom"],
      ["f/1/@text", "doc"],
      ["f/1/@text/@awareness", "presence"],
    ],
    "d": [
      ["d", "doc"],
      ["d/@awareness", "presence"],
      [subdocTopic("d", "g1"), "doc"],
      [`${subdocTopic("d", "g1")}/@awareness`, "presence"],
      [versionsTopic("d"), versionsKind],
    ],
    "field": [
      ["field", "presence"],
      ["field/@near/0_0", "presence"],
    ],
    "jobs": [
      ["jobs", "channel"],
      ["jobs/@work", "group"],
    ],
  };
  const items = [...Object.values(beside).flat(), ["else", "atom"] as const].map(([topic, kind]) => ({
    topic,
    kind,
    since: null,
    read: kind !== "group",
  }));
  const [eve, ada] = [await world.ours("client-id=e&uid=eve"), await world.ours("client-id=a&uid=ada")];
  const callback = '"s"';
  for (const peer of [eve, ada]) await peer.say(`[[:sync/subscribe ${text(items)}] ${callback}]`);
  await world.advance(100);
  const ids = new Map((eve.reply("s") as { id: number }[]).map(({ id }, index) => [id, items[index]?.topic ?? ""]));
  expect(eve.reply("s")).toEqual(items.map(() => expect.objectContaining({ recovered: expect.anything() })));
  expect(ids.size).toBe(items.length);
  eve.take();
  for (const [topic, companions] of Object.entries(beside)) {
    sync.revoke({ user: "eve", topic });
    await world.settle();
    const ended = pushed(eve.take(), "sync/end") as [number, string][];
    expect(new Set(ended.map(([id]) => ids.get(id)))).toEqual(new Set(companions.map(([name]) => name)));
    expect(new Set(ended.map(([, code]) => code))).toEqual(new Set(["forbidden"]));
  }
  expect(pushed(ada.frames, "sync/end")).toEqual([]);
  // Of a companion alone.
  sync.revoke({ user: "ada", topic: "f/1/@form" });
  await world.settle();
  expect(pushed(ada.take(), "sync/end")).toHaveLength(1);
});

test("GRANT12 every topic that is declared below another one, by a form, a document or a room, says what it stands beside", () => {
  const { sync } = createWorld();
  doc(sync, defineDoc("d/:id"), { versions: {} });
  const { topics } = coreOf(sync);
  for (const below of [
    "d/1/@awareness",
    subdocTopic("d/1", "g"),
    `${subdocTopic("d/1", "g")}/@awareness`,
    versionsTopic("d/1"),
    `${versionsTopic("d/1")}/v`,
  ]) {
    expect([below, topics.isOf(below, "d/1"), topics.isOf(below, "d/2")]).toEqual([below, true, false]);
  }
  expect(topics.isOf("d/1", "d/1/@awareness")).toBe(false);
});

test("GRANT12 whoever is sent away from a room beside it has left the room", async () => {
  const world = createWorld(byName);
  doc(world.sync, "d");
  const eve = await world.ours("client-id=e&uid=eve");
  const ada = await world.ours("client-id=a&uid=ada");
  const room = { topic: "d/@awareness", kind: "presence", since: null };
  const [{ id }] = (await eve.subscribe(room)) as unknown as [{ id: number }];
  await ada.subscribe(room);
  expect(await eve.ask(`[:sync/member [${id} "join" {:at 1} false nil]]`)).toHaveLength(4);
  await world.advance(100);
  const before = ada.take().join();
  world.sync.revoke({ user: "eve", topic: "d" });
  await world.advance(100);
  expect([before.includes("eve"), ada.take().join()]).toEqual([true, expect.stringContaining("out")]);
});

test("GRANT13 a subscription whose answer of authorize is awaited is refused, whatever that is", async () => {
  const asked = held<boolean>();
  const world = createWorld({ ...byName, authorize: () => asked.promise });
  atom(world.sync, "a", { initial: "secret" });
  const [eve, ada] = [await world.ours("client-id=e&uid=eve"), await world.ours("client-id=a&uid=ada")];
  for (const peer of [eve, ada]) await peer.say('[[:sync/subscribe [{:topic "a" :kind "atom" :since nil}]] "s"]');
  world.sync.revoke({ user: "eve", topic: "a" });
  asked.resolve(true);
  await world.settle();
  expect(eve.reply("s")).toMatchObject([{ error: { code: "forbidden" } }]);
  expect(ada.reply("s")).toMatchObject([{ id: 1 }]);
  expect(eve.frames.join()).not.toContain("secret");
});

test("GRANT13 a subscription whose topic is being opened is refused, and so is a page that is rendered", async () => {
  const seed = held<object>();
  const world = createWorld(byName);
  shared(world.sync, "a", { seed: () => seed.promise });
  const eve = await world.ours("client-id=e&uid=eve");
  await eve.say('[[:sync/subscribe [{:topic "a" :kind "shared" :since nil}]] "s"]');
  const page = world.sync.dehydrate({ topics: ["a"], user: { id: "eve" } }).catch((error: { code: string }) => error.code);
  await world.settle();
  world.sync.revoke({ user: "eve" });
  seed.resolve({ text: "secret" });
  await world.settle();
  expect(eve.reply("s")).toMatchObject([{ error: { code: "forbidden" } }]);
  expect(await page).toBe("forbidden");
  // Asked for anew it is what authorize says now.
  await eve.say('[[:sync/subscribe [{:topic "a" :kind "shared" :since nil}]] "t"]');
  expect(eve.reply("t")).toMatchObject([{ recovered: false }]);
});

test("GRANT13 what ends before its answer has left ends behind it, and a write to it is refused as it ended", async () => {
  const seed = held<object>();
  const world = createWorld(byName);
  atom(world.sync, "a", { initial: "" });
  shared(world.sync, "slow", { seed: () => seed.promise });
  const eve = await world.ours("client-id=e&uid=eve");
  const items = '[{:topic "a" :kind "atom" :since nil} {:topic "slow" :kind "shared" :since nil}]';
  await eve.say(`[[:sync/subscribe ${items}] "s"]`);
  world.sync.revoke({ user: "eve", topic: "a" });
  await world.settle();
  seed.resolve({});
  await world.settle();
  const [{ id }] = eve.reply("s") as [{ id: number }];
  const frames = eve.take();
  const at = (part: string): number => frames.findIndex((frame) => frame.includes(part));
  expect(pushed(frames, "sync/end")).toEqual([[id, "forbidden"]]);
  expect(at('"s"]')).toBeLessThan(at("sync/end"));
  await eve.say(`[[:sync/write [${id} 1 [[]]]] nil]`);
  expect(pushed(eve.take(), "sync/reject")).toMatchObject([[id, 1, { code: "forbidden" }]]);
});

test("GRANT13 a write whose answer of authorize is awaited is rejected, and later ones are asked for anew", async () => {
  let asked = held<boolean>();
  const authorize: Authorize = ({ action }) => action === "read" || asked.promise;
  const world = createWorld({ ...byName, authorize });
  const tree = shared(world.sync, "t");
  const eve = await world.ours("client-id=e&uid=eve");
  const item = { topic: "t", kind: "shared", since: null };
  const [{ id }] = (await eve.subscribe(item)) as unknown as [{ id: number }];
  await eve.say(`[[:sync/write [${id} 1 [[0 0 ["x"] 1]]]] nil]`);
  world.sync.revoke({ user: "eve", topic: "t" });
  asked.resolve(true);
  await world.settle();
  expect(pushed(eve.take(), "sync/reject")).toMatchObject([[id, 1, { code: "forbidden" }]]);
  expect(tree.get()).toEqual({});
  asked = held();
  asked.resolve(true);
  await eve.subscribe(item);
  await eve.say(`[[:sync/write [${id} 2 [[0 0 ["x"] 2]]]] nil]`);
  expect(tree.get()).toEqual({ x: 2 });
});
