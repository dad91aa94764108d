/** atom and topicStatus against a real server. */
import { atom as handleOf } from "sente-sync/client";
import { atom, type Live, topicStatus } from "sente-sync/svelte";
import { derived, get } from "svelte/store";
import { expect, test } from "vitest";
import { board, createWorld, room, stats, until } from "../support.ts";
import Board from "./board.svelte";
import Both from "./both.svelte";
import Runes from "./runes.svelte";
import Store from "./store.svelte";
import { renderAlone, renderWith } from "./support.ts";

const forms = [
  { form: "live.current", component: Runes },
  { form: "$live", component: Store },
];

test.each(forms)("$form is undefined until the value is here, and follows the server", async ({ component }) => {
  const world = createWorld();
  const page = renderWith(world.client(), component, { make: () => atom(stats, (value) => value.visitors) });
  expect(page.text).toBe("none");
  await until(() => expect(page.text).toBe("1"));
  world.live.update((draft) => void draft.visitors++);
  await until(() => expect(page.text).toBe("2"));
});

test.each(forms)("$form has what is held already on the first render", async ({ component }) => {
  const world = createWorld();
  const client = world.client();
  const held = handleOf(client, stats);
  held.keep();
  await held.ready;
  const page = renderWith(client, component, { make: () => atom(stats, (value) => value.last) });
  expect(page.text).toBe('"nobody"');
});

test.each(forms)("$form needs no context where the client is given", async ({ component }) => {
  const client = createWorld().client();
  const page = renderAlone(component, { make: () => atom(client, stats, (value) => value.last) });
  await until(() => expect(page.text).toBe('"nobody"'));
});

test.each(forms)("$form ends its subscription with the component", async ({ component }) => {
  const world = createWorld();
  const client = world.client();
  const page = renderWith(client, component, { make: () => atom(stats, (value) => value.visitors) });
  await until(() => expect(page.text).toBe("1"));
  page.unmount();
  await until(() => expect(handleOf(client, stats).status.get()).toBe("idle"));
  await world.settle(client);
  const { messagesOut } = world.sync.stats();
  for (let i = 0; i < 3; i++) {
    world.live.update((draft) => void draft.visitors++);
    await world.settle(client);
  }
  expect(world.sync.stats().messagesOut).toBe(messagesOut + 3);
});

test("a topic may be named by a string, and without a selector the value is whole", async () => {
  const world = createWorld();
  const page = renderWith(world.client(), Runes, { make: () => atom("stats") });
  await until(() => expect(page.text).toBe(JSON.stringify(world.live.get())));
});

test("effects run again only when what they select changes", async () => {
  const world = createWorld();
  const client = world.client();
  const seen: unknown[] = [];
  const page = renderWith(client, Runes, {
    make: () => atom(stats, (value) => value.visitors),
    saw: (value: unknown) => void seen.push(value),
  });
  await until(() => expect(page.text).toBe("1"));
  world.live.update((draft) => void (draft.last = "ada"));
  await until(() => expect(handleOf(client, stats).get()?.last).toBe("ada"));
  world.live.update((draft) => void draft.visitors++);
  await until(() => expect(page.text).toBe("2"));
  expect(seen).toEqual([undefined, 1, 2]);
});

test("both forms follow a getter's topic, and let the one before go", async () => {
  const world = createWorld();
  const client = world.client();
  const statusOf = (id: string) => handleOf(client, board({ id })).status.get();
  const page = renderWith(client, Board, { id: "a" });
  expect(page.text).toBe("loading loading");
  await until(() => expect(page.text).toBe("board a board a"));
  await page.set({ id: "b" });
  await until(() => expect(page.text).toBe("board b board b"));
  await until(() => expect([statusOf("a"), statusOf("b")]).toEqual(["idle", "live"]));
  await page.set({ id: "a" });
  await until(() => expect(page.text).toBe("board a board a"));
  page.unmount();
  await until(() => expect([statusOf("a"), statusOf("b")]).toEqual(["idle", "idle"]));
});

test("an object outlives its readers: it is subscribed again when it is read again", async () => {
  const world = createWorld();
  const client = world.client();
  const live = atom(client, stats, (value) => value.visitors);
  const one = renderAlone(Runes, { make: () => live });
  const other = renderAlone(Store, { make: () => live });
  await until(() => expect([one.text, other.text]).toEqual(["1", "1"]));
  one.unmount();
  world.live.update((draft) => void draft.visitors++);
  await until(() => expect(other.text).toBe("2"));
  other.unmount();
  await until(() => expect(handleOf(client, stats).status.get()).toBe("idle"));
  world.live.update((draft) => void draft.visitors++);
  expect(live.current).toBe(2);
  const again = renderAlone(Runes, { make: () => live });
  expect(again.text).toBe("2");
  await until(() => expect(again.text).toBe("3"));
});

test("reading outside of effects subscribes to nothing", async () => {
  const world = createWorld();
  const client = world.client();
  await world.settle(client);
  const { messagesIn } = world.sync.stats();
  expect(atom(client, stats).current).toBeUndefined();
  await world.settle(client);
  expect(world.sync.stats().messagesIn).toBe(messagesIn + 1);
});

test("the store contract holds in plain code: at once, on every change, until it is ended", async () => {
  const world = createWorld();
  const client = world.client();
  const live = atom(client, stats, (value) => value.visitors);
  const seen: unknown[] = [];
  const doubled: unknown[] = [];
  const stop = live.subscribe((value) => void seen.push(value));
  expect(seen).toEqual([undefined]);
  const stopDoubled = derived(live, (value) => (value ?? 0) * 2).subscribe((value) => void doubled.push(value));
  await until(() => expect(seen).toEqual([undefined, 1]));
  expect(get(live)).toBe(1);
  world.live.update((draft) => void draft.visitors++);
  await until(() => expect(seen).toEqual([undefined, 1, 2]));
  stop();
  world.live.update((draft) => void draft.visitors++);
  await until(() => expect(doubled).toEqual([0, 2, 4, 6]));
  expect(seen).toEqual([undefined, 1, 2]);
  stopDoubled();
  await until(() => expect(handleOf(client, stats).status.get()).toBe("idle"));
});

test("a getter's topic is followed by plain subscribers as well", async () => {
  const world = createWorld();
  const client = world.client();
  const live: Live<string | undefined> = atom(
    client,
    () => board({ id: "a" }),
    ({ title }) => title,
  );
  const seen: unknown[] = [];
  const stop = live.subscribe((value) => void seen.push(value));
  await until(() => expect(seen).toEqual([undefined, "board a"]));
  stop();
  await until(() => expect(handleOf(client, board({ id: "a" })).status.get()).toBe("idle"));
});

test("the status of a topic is told, and looking at it reads nothing", async () => {
  const world = createWorld();
  const client = world.client();
  const page = renderWith(client, Runes, { make: () => topicStatus(stats) });
  const ofRoom = renderAlone(Store, { make: () => topicStatus(client, () => room({ id: "1" })) });
  await world.settle(client);
  expect([page.text, ofRoom.text]).toEqual(['"idle"', '"idle"']);
  const refused = renderWith(client, Runes, { make: () => topicStatus("nowhere") });
  const readers = [stats.topic, "nowhere"].map((name) => renderAlone(Runes, { make: () => atom(client, name) }));
  await until(() => expect([page.text, ofRoom.text, refused.text]).toEqual(['"live"', '"idle"', '"refused"']));
  client.disconnect();
  await until(() => expect(page.text).toBe('"stale"'));
  for (const reader of readers) reader.unmount();
  await until(() => expect(page.text).toBe('"idle"'));
});

test("a topic that a template begins to read tells those who show its status", async () => {
  const world = createWorld();
  const page = renderWith(world.client(), Both, { make: () => [topicStatus(stats), atom(stats, (value) => value.visitors)] });
  expect(page.text).toBe("loading loading");
  await until(() => expect(page.text).toBe("live live 1 2"));
});
