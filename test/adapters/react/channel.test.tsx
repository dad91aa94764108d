/** useChannel and useEventListener against a real server. */
import { StrictMode } from "react";
import { channel, type Gap, type Receipt } from "sente-sync/client";
import { useChannel, useEventListener } from "sente-sync/react";
import { expect, test } from "vitest";
import { createWorld, room, until } from "../support.ts";
import { Run, renderWith } from "./support.tsx";

test("messages come in order, each once, also under StrictMode", async () => {
  const world = createWorld();
  const client = world.client();
  const heard: string[] = [];
  const body = () => {
    const { topic } = useChannel(room({ id: "1" }), (message) => message.event === "said" && heard.push(message.data.text));
    return topic;
  };
  const page = renderWith(
    client,
    <StrictMode>
      <Run body={body} />
    </StrictMode>,
  );
  expect(page.text).toBe("room/1");
  await until(() => expect(client.status.get().name).toBe("connected"));
  await world.settle(client);
  const texts = Array.from({ length: 50 }, (_, i) => `message ${i}`);
  for (const text of texts) world.say("1", text);
  await until(() => expect(heard.length).toBeGreaterThanOrEqual(50));
  await world.settle(client);
  expect(heard).toEqual(texts);
});

test("the latest callback hears, without subscribing anew", async () => {
  const world = createWorld();
  const client = world.client();
  const heard: string[] = [];
  const body = ({ name }: { name: string }) => {
    // From the first message on: subscribing anew would bring them all again.
    useChannel(room({ id: "1" }), ({ event }) => void heard.push(`${name} ${event}`), { from: 1 });
    return null;
  };
  const page = renderWith(client, <Run body={() => body({ name: "first" })} />);
  await until(() => expect(client.status.get().name).toBe("connected"));
  await world.settle(client);
  const { messagesIn } = world.sync.stats();
  world.say("1", "a");
  await until(() => expect(heard).toEqual(["first said"]));
  page.show(<Run body={() => body({ name: "second" })} />);
  world.say("1", "b");
  await until(() => expect(heard).toEqual(["first said", "second said"]));
  await world.settle(client);
  expect(world.sync.stats().messagesIn).toBe(messagesIn + 1);
});

test("without a callback nothing is subscribed, and publishing works", async () => {
  const world = createWorld();
  const client = world.client();
  const { status } = channel(client, room({ id: "1" }));
  const heard: string[] = [];
  const handles = new Set<unknown>();
  let say = (_: string): Receipt | undefined => undefined;
  const reader = () => {
    useEventListener(room({ id: "1" }), "said", ({ data }) => void heard.push(data.text));
    return null;
  };
  const writer = () => {
    const handle = useChannel(room({ id: "1" }));
    handles.add(handle);
    const { publish } = handle;
    say = (text) => publish("said", { text });
    return null;
  };
  const page = renderWith(client, <Run body={writer} />);
  await until(() => expect(client.status.get().name).toBe("connected"));
  await world.settle(client);
  expect(status.get()).toBe("idle");
  page.show(<Run body={writer} />);
  expect(handles.size).toBe(1);
  page.show(
    <>
      <Run body={writer} />
      <Run body={reader} />
    </>,
  );
  await until(() => expect(status.get()).toBe("live"));
  const receipt = say("hello");
  await receipt?.stored;
  await until(() => expect(heard).toEqual(["hello"]));
  expect(receipt?.offset).toBe(1);
});

test("unmounting ends the subscription", async () => {
  const world = createWorld();
  const client = world.client();
  const heard: string[] = [];
  let handle: { status: { get(): string } } | undefined;
  const body = () => {
    handle = useChannel(room({ id: "1" }), ({ event }) => void heard.push(event));
    return null;
  };
  const page = renderWith(client, <Run body={body} />);
  await until(() => expect(handle?.status.get()).toBe("live"));
  page.unmount();
  await until(() => expect(handle?.status.get()).toBe("idle"));
  await world.settle(client);
  const { messagesOut } = world.sync.stats();
  world.say("1", "unheard");
  await world.settle(client);
  await world.settle(client);
  expect(world.sync.stats().messagesOut).toBe(messagesOut + 2);
  expect(heard).toEqual([]);
});

test("another ref switches the room", async () => {
  const world = createWorld();
  const client = world.client();
  const heard: string[] = [];
  let status = () => "";
  const body = ({ id }: { id: string }) => {
    const handle = useChannel(room({ id }), (message) => message.event === "said" && heard.push(`${id} ${message.data.text}`));
    status = handle.status.get;
    return null;
  };
  const page = renderWith(client, <Run body={() => body({ id: "1" })} />);
  await until(() => expect(status()).toBe("live"));
  world.say("1", "a");
  await until(() => expect(heard).toEqual(["1 a"]));
  page.show(<Run body={() => body({ id: "2" })} />);
  await until(() => expect(status()).toBe("live"));
  world.say("1", "b");
  world.say("2", "c");
  await until(() => expect(heard).toEqual(["1 a", "2 c"]));
});

test("what is kept is replayed from an offset, and a gap is told", async () => {
  const world = createWorld();
  const client = world.client();
  world.say("1", "a");
  world.say("1", "b");
  const heard: string[] = [];
  const gaps: Gap[] = [];
  const body = () => {
    const onGap = (gap: Gap): void => void gaps.push(gap);
    useChannel(room({ id: "1" }), (message) => message.event === "said" && heard.push(message.data.text), { from: 1, onGap });
    return null;
  };
  renderWith(client, <Run body={body} />);
  await until(() => expect(heard).toEqual(["a", "b"]));
  // The room is deleted and made anew: another epoch, which no offset can bridge.
  client.disconnect();
  await until(() => expect(world.sync.stats().connections).toBe(0));
  world.deleteRoom("1");
  world.say("1", "fresh");
  client.connect();
  await until(() => expect(gaps).toEqual([{ from: 0, to: 0 }]));
});

test("events that the server pushes, one event of a channel, and what happens to the line are heard", async () => {
  const world = createWorld();
  const client = world.client({ autoConnect: false });
  const heard: unknown[] = [];
  const listener = ({ as }: { as: string }) => {
    useEventListener("connect", () => void heard.push(`${as} connect`));
    useEventListener("resume", ({ recovered }) => void heard.push(`${as} resume ${recovered}`));
    useEventListener("news/item", ({ event, data }) => void heard.push([as, event, data]));
    useEventListener(room({ id: "1" }), "left", ({ data }) => void heard.push(`${as} left ${data.name}`));
    return null;
  };
  const page = renderWith(client, <Run body={() => listener({ as: "first" })} />);
  client.connect();
  await until(() => expect(heard).toEqual(["first connect"]));
  await world.settle(client);
  world.sync.broadcast("news/item", { title: "new" });
  await until(() => expect(heard.splice(1)).toEqual([["first", "news/item", { title: "new" }]]));
  page.show(<Run body={() => listener({ as: "second" })} />);
  world.say("1", "not listened to");
  world.leave("1", "ada");
  await until(() => expect(heard.splice(1)).toEqual(["second left ada"]));
  client.disconnect();
  client.connect();
  await until(() => expect(heard.splice(1)).toEqual(["second resume true"]));
  page.unmount();
  world.sync.broadcast("news/item", { title: "newer" });
  await world.settle(client);
  expect(heard).toEqual(["first connect"]);
});

test("a callback that throws is reported and disturbs nobody", async () => {
  const world = createWorld();
  const client = world.client();
  const heard: string[] = [];
  let status = () => "";
  const body = () => {
    status = useChannel(room({ id: "1" }), () => {
      throw new Error("broken callback");
    }).status.get;
    useChannel(room({ id: "1" }), ({ event }) => void heard.push(event));
    return null;
  };
  renderWith(client, <Run body={body} />);
  await until(() => expect(status()).toBe("live"));
  world.say("1", "a");
  await until(() => expect(heard.length).toBe(1));
  expect(world.errors).toEqual([expect.objectContaining({ message: "broken callback" })]);
});
