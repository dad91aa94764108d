/** inbox against a real server. */
import { inbox as serverInbox } from "sente-sync/server";
import { inbox } from "sente-sync/svelte";
import { expect, test } from "vitest";
import { createWorld, until } from "../support.ts";
import Runes from "./runes.svelte";
import { renderWith } from "./support.ts";

test("mail comes, is counted, and is read in every component", async () => {
  const world = createWorld();
  const mail = serverInbox(world.sync);
  const client = world.client();
  const unread = renderWith(client, Runes, { make: () => inbox().unread });
  const items = renderWith(client, Runes, { make: () => inbox(client).items });
  await until(() => expect(client.user.get()).toBeDefined());
  const { id } = client.user.get() as { id: string };
  mail.notify(id, "invoice/paid", 12);
  await until(() => expect([unread.text, items.text?.includes("invoice/paid")]).toEqual(["1", true]));
  inbox(client).markRead();
  await until(() => expect(unread.text).toBe("0"));
});
