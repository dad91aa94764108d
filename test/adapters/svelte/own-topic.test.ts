/** topic against a real server. */
import { topic as topicOn } from "sente-sync/server";
import { topic } from "sente-sync/svelte";
import { expect, test } from "vitest";
import { stocks } from "../../own/stock.ts";
import { createWorld, until } from "../support.ts";
import Runes from "./runes.svelte";
import { renderWith } from "./support.ts";

test("the state of an own kind is a live value, whole or in part, and what is sent shows at once", async () => {
  const world = createWorld();
  topicOn(world.sync, stocks);
  const ada = world.client();
  const shop = stocks({ shop: "one" });
  const page = renderWith(ada, Runes, { make: () => topic(shop) });
  const other = renderWith(world.client(), Runes, {
    make: () =>
      topic(
        () => shop,
        ({ left }) => left,
      ),
  });
  await until(() => expect([page.text, other.text]).toEqual(['{"left":10,"done":[]}', "10"]));
  const receipt = topic(ada, shop).send([-3, 1]);
  expect([receipt.status, topic(ada, shop).current?.left]).toEqual(["local", 7]);
  await until(() => expect([page.text, other.text]).toEqual(['{"left":7,"done":[1]}', "7"]));
});
