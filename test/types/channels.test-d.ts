/** What must compile, and below `@ts-expect-error` what must not: channels from both sides. The compiler runs this; nothing else does. */
import { defineChannel, type } from "sente-sync";
import * as client from "sente-sync/client";
import * as server from "sente-sync/server";
import { expectType } from "./expect.ts";

const room = defineChannel("org/:org/room/:id", {
  events: { said: type<{ text: string }>(), left: type<null>() },
});
const jobs = defineChannel("jobs", { events: { resize: type<{ image: string }>() } });

export async function onClient(): Promise<void> {
  const one = client.createClient("/chsk");
  const talk = client.channel(one, room({ org: "a", id: "1" }));

  talk.subscribe(({ position }) => expectType<client.Position>()(position), { from: "latest" });
  talk.subscribe(() => {}, { from: 7 });
  const { messages, more, gap } = await talk.history({ before: 7, limit: 10 });
  expectType<boolean>()(more);
  expectType<client.Gap | undefined>()(gap);
  for (const message of messages) {
    // The event tells the data.
    if (message.event === "said") expectType<{ text: string }>()(message.data);
    else expectType<null>()(message.data);
    talk.subscribe(() => {}, { from: message.position });
    await talk.history({ before: message.position });
  }
  // @ts-expect-error no position
  await talk.history({ before: "first" });
  expectType<number>()((await talk.subscribers()).users);

  const all = client.channels(one, room, { org: "a" });
  all.subscribe((message) => {
    expectType<{ readonly org: string; readonly id: string }>()(message.channel.params);
    if (message.event === "said") expectType<{ text: string }>()(message.data);
  });
  client.channels(one, room);
  // @ts-expect-error no such param
  client.channels(one, room, { house: "a" });
  // @ts-expect-error a channel without params is one
  client.channels(one, jobs);
  // @ts-expect-error nobody publishes to all of them
  all.publish("said", { text: "hi" });

  const worker = client.channel(one, jobs).consume(
    "workers",
    async ({ event, data, attempt }) => {
      expectType<"resize">()(event);
      expectType<{ image: string }>()(data);
      expectType<number>()(attempt);
    },
    { concurrency: 2, ackMs: 1000 },
  );
  expectType<Promise<void>>()(worker.close());
  // @ts-expect-error a group has a name
  client.channel(one, jobs).consume(() => {});
}

export async function onServer(): Promise<void> {
  const sync = server.createServer();
  const work = server.channel(sync, jobs, {
    groups: {
      workers: {
        maxAttempts: 3,
        onDead: ({ data, reason, attempts, topic }) => {
          expectType<{ image: string }>()(data);
          expectType<string>()(reason + topic);
          expectType<number>()(attempts);
        },
      },
    },
  });
  expectType<server.GroupStats | undefined>()(work.group("workers"));
  expectType<number>()(work.subscribers.get().users);
  // @ts-expect-error no such option
  server.channel(sync, jobs, { groups: { workers: { attempts: 3 } } });
  const rooms = server.channel(sync, room, { wildcards: "each" });
  expectType<number>()((await rooms.open({ org: "a", id: "1" })).subscribers.get().connections);
  // @ts-expect-error `whole` or `each`
  server.channel(sync, room, { wildcards: "some" });
}
