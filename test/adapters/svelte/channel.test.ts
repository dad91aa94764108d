/** channel and listen against a real server. */
import { channel as handleOf } from "sente-sync/client";
import { channel, type LiveChannel } from "sente-sync/svelte";
import { expect, test } from "vitest";
import { createWorld, room, until } from "../support.ts";
import Room from "./room.svelte";
import { renderWith } from "./support.ts";

test("messages come in order, each once, while the component is mounted", async () => {
  const world = createWorld();
  const client = world.client();
  const heard: string[] = [];
  const { status } = handleOf(client, room({ id: "1" }));
  const page = renderWith(client, Room, { id: "1", heard: (text: string) => void heard.push(text) });
  await until(() => expect(status.get()).toBe("live"));
  const texts = Array.from({ length: 50 }, (_, i) => `message ${i}`);
  for (const text of texts) world.say("1", text);
  world.leave("1", "ada");
  await until(() => expect(heard.length).toBe(51));
  expect(heard).toEqual([...texts.map((text) => `1 ${text}`), "ada left 1"]);
  page.unmount();
  await until(() => expect(status.get()).toBe("idle"));
  world.say("1", "unheard");
  await world.settle(client);
  await world.settle(client);
  expect(heard.length).toBe(51);
});

test("a getter's room is followed, by callbacks and by publish", async () => {
  const world = createWorld();
  const client = world.client();
  const heard: string[] = [];
  let opened: LiveChannel<never> | undefined;
  const statusOf = (id: string) => handleOf(client, room({ id })).status.get();
  const page = renderWith(client, Room, {
    id: "1",
    heard: (text: string) => void heard.push(text),
    opened: (made: LiveChannel<never>) => {
      opened = made;
    },
  });
  await until(() => expect(statusOf("1")).toBe("live"));
  expect(opened?.topic).toBe("room/1");
  await page.set({ id: "2" });
  await until(() => expect([statusOf("1"), statusOf("2")]).toEqual(["idle", "live"]));
  expect(opened?.topic).toBe("room/2");
  world.say("1", "unheard");
  const receipt = opened?.publish("said" as never, { text: "hello" } as never);
  await receipt?.stored;
  await until(() => expect(heard).toEqual(["2 hello"]));
});

test("an unchanged topic is not subscribed anew when the getter runs again", async () => {
  const world = createWorld();
  const client = world.client();
  const heard: string[] = [];
  const page = renderWith(client, Room, { id: "a", heard: (text: string) => void heard.push(text) });
  await until(() => expect(handleOf(client, room({ id: "a" })).status.get()).toBe("live"));
  world.say("a", "one");
  await until(() => expect(heard).toEqual(["a one"]));
  // The same room by another spelling. It is read from the first message on: subscribing anew would bring that again.
  await page.set({ id: "A" });
  await world.settle(client);
  world.say("a", "two");
  await until(() => expect(heard).toEqual(["a one", "A two"]));
});

test("pushed events and what happens to the line are heard until the component ends", async () => {
  const world = createWorld();
  const client = world.client();
  const heard: string[] = [];
  const page = renderWith(client, Room, { id: "1", heard: (text: string) => void heard.push(text) });
  await world.settle(client);
  world.sync.broadcast("news/item", { title: "new" });
  await until(() => expect(heard).toEqual(['news {"title":"new"}']));
  client.disconnect();
  client.connect();
  await until(() => expect(heard[1]).toBe("resume true"));
  page.unmount();
  world.sync.broadcast("news/item", { title: "newer" });
  await world.settle(client);
  expect(heard.length).toBe(2);
});

test("outside of components a channel is subscribed by hand, and callbacks are refused", async () => {
  const world = createWorld();
  const client = world.client();
  const heard: string[] = [];
  const handle = channel(client, room({ id: "1" }));
  const stop = handle.subscribe((message) => message.event === "said" && heard.push(message.data.text));
  await until(() => expect(handleOf(client, room({ id: "1" })).status.get()).toBe("live"));
  await handle.publish("said", { text: "hello" }).stored;
  await until(() => expect(heard).toEqual(["hello"]));
  stop();
  expect(() => channel(client, room({ id: "1" }), () => {})).toThrow("lifecycle_outside_component");
});
