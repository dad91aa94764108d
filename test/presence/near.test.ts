/** Members told by area. Rules: docs/protocol/presence.md NEAR1-NEAR6. */
import { defineRoom, type } from "sente-sync";
import { type ClientOptions, near, presence } from "sente-sync/client";
import { presence as rooms, type ServerRoomOptions } from "sente-sync/server";
import { expect, test } from "vitest";
import { type Answer, createWorld, pushed, text } from "../server/world.ts";

interface At {
  readonly name: string;
  readonly at: { readonly x: number; readonly y: number } | null;
}
const ref = defineRoom("field/:id", { schema: type<At>(), events: { hi: type<number>() } });
const field = ref({ id: "1" });
const cellRef = (cell: string): string => `field/1/@near/${cell}`;

function start(options: ServerRoomOptions<At, { readonly id: string }> = {}) {
  const world = createWorld();
  const family = rooms(world.sync, ref, { near: { cell: 100, position: ({ at }) => at }, ...options });
  const join = (name: string, at: At["at"], more: ClientOptions = {}) => {
    const client = world.client(more);
    return { client, room: presence(client, field, { name, at }), nearby: near(client, field) };
  };
  const area = (x: number, y: number, size = 10) => ({ x, y, width: size, height: size });
  const names = ({ nearby }: Pick<ReturnType<typeof join>, "nearby">): string[] =>
    nearby.members
      .get()
      .map(({ data }) => data.name)
      .sort();
  return { world, family, join, area, names };
}

test("NEAR1, NEAR2 members are told in the cells of the area alone, and go from one to the next", async () => {
  const { world, join, area, names } = start();
  const [ada, bob, cid] = [join("ada", { x: 10, y: 10 }), join("bob", { x: 50, y: 90 }), join("cid", { x: -1, y: 10 })];
  join("dan", null);
  ada.nearby.look(area(0, 0));
  const seen: string[][] = [];
  ada.nearby.members.listen(() => void seen.push(names(ada)));
  await world.advance(300);
  expect(names(ada)).toEqual(["bob"]);
  expect(ada.nearby.count.get()).toBe(4);
  ada.nearby.look(area(-50, 0, 60));
  await world.advance(300);
  expect(names(ada)).toEqual(["bob", "cid"]);
  bob.room.set({ at: { x: -20, y: 5 } });
  await world.advance(300);
  expect(names(ada)).toEqual(["bob", "cid"]);
  bob.room.set({ at: { x: -20, y: 500 } });
  await world.advance(300);
  expect(names(ada)).toEqual(["cid"]);
  cid.client.close();
  await world.advance(1000);
  expect(names(ada)).toEqual([]);
  expect(ada.nearby.count.get()).toBe(3);
  expect(ada.room.others.get()).toEqual([]);
  // While bob went from one of the cells to the other it was never out of sight.
  expect(seen.map((each) => each.join()).join(" ")).not.toContain("bob,cid cid bob,cid");
  ada.nearby.close();
  expect(names(ada)).toEqual([]);
});

test("NEAR1 the answer says how large cells are; a name that is no cell is refused", async () => {
  const { world } = start();
  const peer = await world.ours();
  const [room, cell, bad, far] = (await peer.subscribe(
    ...[field.topic, cellRef("3_-4"), cellRef("x"), cellRef("3_9999999999")].map((topic) => ({ topic, kind: "presence" })),
  )) as (Answer & { readonly cell?: number })[];
  expect([room?.cell, cell?.cell, bad?.error?.code, far?.error?.code]).toEqual([100, 100, "not-declared", "not-declared"]);
});

test("NEAR3 who reads a cell has who is there; a broadcast of a member is told there", async () => {
  const { world, join } = start();
  const ada = join("ada", { x: 350, y: -350 });
  await world.advance(300);
  const [here, there] = [await world.ours(), await world.ours()];
  await here.subscribe({ topic: cellRef("3_-4"), kind: "presence" });
  await there.subscribe({ topic: cellRef("0_0"), kind: "presence" }, { topic: field.topic, kind: "presence" });
  expect(pushed(here.frames, "sync/snapshot").join()).toContain('"ada"');
  expect(pushed(there.frames, "sync/snapshot").join()).not.toContain('"ada"');
  ada.room.broadcast("hi", 1);
  await world.advance(50);
  expect(text(pushed(here.take(), "sync/entries"))).toContain('"told"');
  expect(pushed(there.take(), "sync/entries")).toEqual([]);
});

test("NEAR4 a cell without readers is forgotten after a second; cells are not new topics", async () => {
  const { world, join, area } = start();
  const ada = join("ada", { x: 0, y: 0 });
  await world.advance(300);
  const before = world.sync.stats().topics;
  for (let step = 0; step < 100; step++) {
    ada.nearby.look(area(1000 * step, 0));
    await world.advance(20);
  }
  expect(ada.nearby.count.get()).toBe(1);
  expect(world.sync.stats().refused).toBe(0);
  await world.advance(4000);
  expect(world.sync.stats().topics).toBe(before + 1);
  ada.nearby.close();
  await world.advance(4000);
  expect(world.sync.stats().topics).toBe(before);
  // One that is opened again has who is there now.
  ada.nearby.look(area(0, 0));
  join("bob", { x: 1, y: 1 });
  await world.advance(500);
  expect(ada.nearby.members.get().map(({ data }) => data.name)).toEqual(["bob"]);
});

test("NEAR5 each cell is asked for by its own name", async () => {
  const asked: unknown[] = [];
  const { world } = start({
    authorize({ action, topic, params }) {
      asked.push([action, topic, params]);
      return topic !== cellRef("1_1");
    },
  });
  const peer = await world.ours();
  const answers = await peer.subscribe(...["0_0", "1_1"].map((cell) => ({ topic: cellRef(cell), kind: "presence" })));
  expect(answers.map((answer) => answer.error?.code)).toEqual([undefined, "forbidden"]);
  expect(asked[0]).toEqual(["read", cellRef("0_0"), { id: "1", cell: "0_0" }]);
});

test("NEAR6 an area of too many cells is refused, and a member in two cells is one", async () => {
  const { world, join, area, names } = start();
  const ada = join("ada", { x: 0, y: 0 });
  const bob = join("bob", { x: 99, y: 0 });
  ada.nearby.look(area(0, 0, 300));
  await world.advance(300);
  for (let step = 0; step < 20; step++) {
    bob.room.set({ at: { x: step % 2 ? 99 : 101, y: 0 } });
    await world.advance(37);
    expect(names(ada).length).toBeLessThanOrEqual(1);
  }
  await world.advance(300);
  expect(names(ada)).toEqual(["bob"]);
  expect(() => ada.nearby.look(area(0, 0, 800))).toThrow("64");
  expect(names(ada)).toEqual(["bob"]);
});
