/** A channel from both sides: events in one order, kept for a while. Prints what was heard. */
import { defineChannel, type } from "sente-sync";
import { channel as clientChannel, createClient, type Gap } from "sente-sync/client";
import { channel, createServer } from "sente-sync/server";

// #region contract
const room = defineChannel("room/:id", { events: { said: type<{ text: string }>() } });
// #endregion

const sync = createServer({ authenticate: ({ url }) => ({ id: url.searchParams.get("name") ?? "nobody" }) });

// #region server
const rooms = channel(sync, room, {
  authorize: ({ action, user }) => action === "read" || user.id !== "nobody",
  retention: { maxEntries: 500 }, // what a late joiner can still be given
});
const kitchen = await rooms.open({ id: "kitchen" });
kitchen.publish("said", { text: "Tea?" });
// #endregion

const port = await sync.listen(0);
const client = createClient(`ws://localhost:${port}/chsk?name=ada`);

// #region client
const talk = clientChannel(client, room({ id: "kitchen" }));
const heard: string[] = [];
const gaps: Gap[] = [];
talk.subscribe(({ data }) => heard.push(data.text), { from: 1, onGap: (gap) => gaps.push(gap) });
const receipt = talk.publish("said", { text: "With milk." });
await receipt.stored; // the server has it: receipt.offset is its place in the room
// #endregion

export const seen = { heard, gaps, offset: receipt.offset };
console.log(seen);
client.close();
await sync.close();
