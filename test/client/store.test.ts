/** Stores end to end: two clients, a server, lines that break, a server that is killed. */
import { defineStore, type } from "sente-sync";
import { rejectedWrites, store as storeOn } from "sente-sync/client";
import { type ServerOptions, store } from "sente-sync/server";
import { simulate } from "sente-sync/testing";
import { expect, test } from "vitest";
import { createWorld, type World } from "../server/world.ts";

interface Todo {
  readonly id: string;
  readonly text: string;
  readonly by: string;
}

const todos = defineStore("todos/:list", {
  initial: { items: [] as Todo[] },
  mutations: {
    add(draft, text: string, ctx) {
      draft.items.push({ id: ctx.id(), text, by: ctx.user?.id ?? "server" });
    },
    remove(draft, id: string, ctx) {
      const at = draft.items.findIndex((item) => item.id === id);
      if (at < 0) ctx.reject("app/gone", "Somebody removed it.");
      if (draft.items[at]?.by !== ctx.user?.id) ctx.reject("forbidden", "Not yours.");
      draft.items.splice(at, 1);
    },
    clear(draft) {
      draft.items = [];
    },
  },
  inputs: { add: type<string>() },
});
const home = todos({ list: "home" });

const texts = (value: { readonly items: readonly Todo[] } | undefined): string[] | undefined =>
  value?.items.map(({ text }) => text);

function open(options: ServerOptions = {}, seed: number | string = 1) {
  const world = createWorld({ authenticate: ({ url }) => ({ id: url.searchParams.get("client-id") ?? "" }), ...options }, seed);
  const lists = store(world.sync, todos, {
    validate({ mutation, input, state, user, params }) {
      expect(params.list).toBe("home");
      if (mutation === "clear" && user !== null) throw new Error("only the server");
      if (state.items.length > 5 || input === "forbidden word") throw new Error("no");
    },
  });
  return { world, lists };
}

async function two(world: World) {
  const [a, b] = [world.client(), world.client()];
  const [ofA, ofB] = [storeOn(a, home), storeOn(b, home)];
  ofA.keep();
  ofB.keep();
  await world.advance(1000);
  return { a, b, ofA, ofB };
}

test("STORE1 and STORE2 a call is shown at once, to the others when the server ran it, with the same ids", async () => {
  const { world } = open();
  const { a, ofA, ofB } = await two(world);
  const told: unknown[] = [];
  ofA.listen((value, { cause }) => void told.push([cause, texts(value)]));
  const receipt = ofA.do.add("milk");
  expect([texts(ofA.get()), texts(ofB.get()), receipt.status, ofA.pending]).toEqual([["milk"], [], "local", 1]);
  const id = ofA.get()?.items[0]?.id;
  await world.advance(10);
  expect([texts(ofB.get()), receipt.status, ofA.pending]).toEqual([["milk"], "stored", 0]);
  expect(ofB.get()?.items[0]).toEqual({ id, text: "milk", by: a.user.get()?.id });
  expect(told).toEqual([
    ["local", ["milk"]],
    ["entries", ["milk"]],
  ]);
});

test("STORE3 what the server rejects is taken back alone, with the reason, and can be looked at", async () => {
  const { world } = open();
  const { a, ofA, ofB } = await two(world);
  const rejected = rejectedWrites(a);
  const kept = ofA.do.add("kept");
  const bad = ofA.do.add("forbidden word");
  ofA.do.add("also kept");
  expect(texts(ofA.get())).toEqual(["kept", "forbidden word", "also kept"]);
  await world.advance(10);
  await expect(bad.stored).rejects.toMatchObject({ code: "invalid" });
  await kept.stored;
  expect([texts(ofA.get()), texts(ofB.get())]).toEqual([
    ["kept", "also kept"],
    ["kept", "also kept"],
  ]);
  expect(rejected.get().map(({ topic, code }) => [topic, code])).toEqual([["todos/home", "invalid"]]);
  const id = ofA.get()?.items[0]?.id as string;
  expect(() => ofB.do.remove("nothing like it")).toThrow(expect.objectContaining({ code: "app/gone" }));
  expect(() => ofB.do.remove(id)).toThrow(expect.objectContaining({ code: "forbidden" }));
});

test("STORE4 two who change it at once end equal, each with its own on top until it is answered", async () => {
  const { world } = open();
  const { ofA, ofB } = await two(world);
  ofA.do.add("a");
  ofB.do.add("b");
  expect([texts(ofA.get()), texts(ofB.get())]).toEqual([["a"], ["b"]]);
  await world.advance(100);
  expect(texts(ofA.get())).toEqual(texts(ofB.get()));
  expect([...(texts(ofA.get()) ?? [])].sort()).toEqual(["a", "b"]);
});

test("STORE8 calls made offline are shown, and done once when the line is back, also through the death of the server", async () => {
  const world = simulate({
    seed: 1,
    storage: true,
    install: (sync) => void store(sync, todos),
    open: (client) => {
      const list = storeOn(client, home);
      list.keep();
      return list;
    },
  });
  const [ada, bob] = [world.client({ user: { id: "ada" } }), world.client({ user: { id: "bob" } })];
  await world.settle();
  await world.until(ada.app.do.add("before").stored);
  ada.offline();
  const offline = [ada.app.do.add("one"), ada.app.do.add("two")];
  bob.app.do.add("of bob");
  await world.advance("2s");
  expect([texts(ada.app.get()), texts(bob.app.get())]).toEqual([
    ["before", "one", "two"],
    ["before", "of bob"],
  ]);
  ada.online();
  // It dies as soon as it may have them; some are sent again.
  await world.advance(300);
  world.server.crash("power", 500);
  await world.settle();
  await world.until(Promise.all(offline.map(({ stored }) => stored)));
  expect(texts(ada.app.get())).toEqual(["before", "of bob", "one", "two"]);
  expect(texts(bob.app.get())).toEqual(["before", "of bob", "one", "two"]);
  expect((await world.stored("todos/home")).entries).toHaveLength(4);
});

test("STORE9 the server runs mutations too, and is told what rejects them", async () => {
  const { world, lists } = open();
  const list = await lists.open({ list: "home" });
  const { ofA } = await two(world);
  const { stored } = list.do.add("from the server");
  await world.advance(10);
  expect(await stored).toBe(1);
  expect(ofA.get()?.items[0]).toMatchObject({ text: "from the server", by: "server" });
  list.do.clear();
  await world.settle();
  expect(texts(ofA.get())).toEqual([]);
  expect(() => list.do.remove("x")).toThrow(expect.objectContaining({ code: "app/gone" }));
  expect(lists.list()).toEqual(["todos/home"]);
});
