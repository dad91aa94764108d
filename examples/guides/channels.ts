/** Channels from both sides: events in one order, kept for a while, and a queue of work. Prints what was heard. */
import { defineChannel, type } from "sente-sync";
import { channels, channel as clientChannel, createClient, type Gap, type Position } from "sente-sync/client";
import { channel, createServer } from "sente-sync/server";

// #region contract
const room = defineChannel("room/:id", { events: { said: type<{ text: string }>() } });
// #endregion
// #region jobs-contract
const jobs = defineChannel("jobs", { events: { resize: type<{ image: string }>() } });
const givenUp = defineChannel("jobs-given-up", { events: { resize: type<{ image: string; why: string }>() } });
// #endregion

const sync = createServer({ authenticate: ({ url }) => ({ id: url.searchParams.get("name") ?? "nobody" }) });

// #region server
const rooms = channel(sync, room, {
  authorize: ({ action, user }) => action === "read" || user.id !== "nobody",
  retention: { maxEntries: 500 }, // what a late joiner can still be given
  wildcards: "whole", // who may read `room/*` reads every room
});
const kitchen = await rooms.open({ id: "kitchen" });
kitchen.publish("said", { text: "Tea?" });
// #endregion

// #region jobs-server
const dead = channel(sync, givenUp);
const work = channel(sync, jobs, {
  authorize: ({ action, user }) => (action === "consume" ? user.id === "worker" : true),
  groups: {
    workers: {
      maxAttempts: 2,
      retryMs: 10, // default 1 000
      onDead: ({ event, data, reason }) => dead.publish(event, { ...data, why: reason }),
    },
  },
});
// #endregion

const port = await sync.listen(0);
const client = createClient(`ws://localhost:${port}/chsk?name=ada`);
const workerClient = createClient(`ws://localhost:${port}/chsk?name=worker`);

// #region client
const talk = clientChannel(client, room({ id: "kitchen" }));
const heard: string[] = [];
const gaps: Gap[] = [];
talk.subscribe(({ data }) => heard.push(data.text), { from: 1, onGap: (gap) => gaps.push(gap) });
const receipt = talk.publish("said", { text: "With milk." });
await receipt.stored; // the server has it: receipt.offset is its place in the room
// #endregion

export const seen = { heard: [...heard], gaps, offset: receipt.offset };

// #region position
let kept: Position | undefined; // of the last event that was handled: as a string it can be kept anywhere
const stop = talk.subscribe(({ position }) => (kept = position), { from: 1 });
// #endregion
await new Promise((resolve) => setTimeout(resolve, 50));
stop();
await talk.publish("said", { text: "And sugar." }).stored;
// #region position-later
const later: string[] = [];
talk.subscribe(({ data }) => later.push(data.text), { from: kept ?? 1, onGap: (gap) => gaps.push(gap) });
// #endregion

// #region history
const newest = await talk.history({ limit: 2 });
const [oldest] = newest.messages;
const before = newest.more && oldest ? await talk.history({ before: oldest.offset, limit: 50 }) : undefined;
// #endregion

// #region wildcards
const everywhere: string[] = [];
const all = channels(client, room);
all.subscribe(({ channel: { params }, data }) => everywhere.push(`${params.id}: ${data.text}`));
// #endregion
await new Promise<void>((resolve) => all.status.subscribe((status) => status === "live" && resolve()));
const garden = await rooms.open({ id: "garden" });
garden.publish("said", { text: "Rain." });

// #region subscribers
const readers = await talk.subscribers(); // { connections: 1, users: 1 }
kitchen.subscribers.subscribe(({ users }) => console.log(users, "in the kitchen"));
// #endregion

// #region jobs-client
const done: string[] = [];
const worker = clientChannel(workerClient, jobs).consume(
  "workers",
  async ({ data, attempt }) => {
    if (data.image === "broken.png") throw new Error(`cannot read it (${attempt})`);
    done.push(data.image);
  },
  { concurrency: 4, ackMs: 10_000 },
);
// #endregion
const buried = new Promise<string>((resolve) => dead.subscribe(({ data }) => resolve(data.why)));
for (const image of ["cat.png", "broken.png", "dog.png"]) work.publish("resize", { image });

export const more = {
  later,
  newest: newest.messages.map(({ data }) => data.text),
  before: before?.messages.map(({ data }) => data.text),
  everywhere,
  readers,
  buried: await buried,
  done,
  group: work.group("workers"),
};
console.log(seen, more);
await worker.close();
client.close();
workerClient.close();
await sync.close();
