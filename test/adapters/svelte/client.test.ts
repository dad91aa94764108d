/** The client in context, and its own stores. */
import { isSyncError } from "sente-sync";
import { type AnyClient, atom, getClient, status, user } from "sente-sync/svelte";
import { expect, test } from "vitest";
import { createWorld, stats, until } from "../support.ts";
import Runes from "./runes.svelte";
import Store from "./store.svelte";
import { renderAlone, renderWith } from "./support.ts";

test("getClient is the client that a component above has set, and that client stays open", async () => {
  const world = createWorld();
  const client = world.client();
  const seen: AnyClient[] = [];
  const page = renderWith(client, Runes, {
    make() {
      seen.push(getClient());
      return status();
    },
  });
  expect(seen).toEqual([client]);
  page.unmount();
  await world.settle(client);
  expect(client.status.get().name).toBe("connected");
});

test("what a function made is closed with the component that set it", async () => {
  const world = createWorld();
  const page = renderWith(() => world.client(), Runes, { make: () => atom(stats, (value) => value.visitors) });
  await until(() => expect(page.text).toBe("1"));
  expect(world.accepts).toBe(1);
  page.unmount();
  expect(world.clients[0]?.status.get().name).toBe("closed");
  await until(() => expect(world.sync.stats().connections).toBe(0));
});

test("without a client above it says what to do", () => {
  const errors: unknown[] = [];
  try {
    renderAlone(Runes, { make: () => atom(stats) });
  } catch (error) {
    errors.push(error);
  }
  expect(isSyncError(errors[0], "invalid")).toBe(true);
  expect(String(errors[0])).toContain("setClient");
});

test("the status of the line and the user are live values", async () => {
  const world = createWorld();
  const client = world.client({ autoConnect: false });
  const line = renderWith(client, Runes, { make: () => status() });
  const who = renderWith(client, Store, { make: () => user() });
  const given = renderAlone(Store, { make: () => status(client) });
  expect([line.text, who.text, given.text]).toEqual(['{"name":"initial"}', "none", '{"name":"initial"}']);
  client.connect();
  await until(() => expect(line.text).toBe('{"name":"connected","transport":"memory"}'));
  await until(() => expect(given.text).toBe(line.text));
  await until(() => expect(who.text).toContain('"anonymous":true'));
  client.disconnect();
  await until(() => expect(line.text).toBe('{"name":"disconnected","reason":"requested-disconnect"}'));
});
