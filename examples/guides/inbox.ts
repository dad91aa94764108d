/** Messages between users, also while they are away; what is unread; a question and its answer. Prints what was seen. */
import { defineEvents, type } from "sente-sync";
import { inbox as clientInbox, createClient, relay } from "sente-sync/client";
import { createServer, inbox } from "sente-sync/server";

// #region contract
const events = defineEvents({
  "chat/message": { data: type<{ text: string }>() },
  "invoice/paid": { data: type<{ number: number }>(), inbox: true },
  "lunch/proposed": { data: type<{ place: string }>(), reply: type<boolean>() },
});
// #endregion

const blocked = new Set(["eve"]);

// #region server
const sync = createServer({
  events,
  authenticate: ({ url }) => ({ id: url.searchParams.get("name") ?? "nobody" }),
  authorize: ({ action, user }) => action !== "relay" || !blocked.has(user.id),
});
const mail = inbox(sync, { retention: { maxEntries: 500, maxAgeMs: 90 * 24 * 3_600_000 } });

await mail.notify("bob", "invoice/paid", { number: 7 }).stored; // bob need not be here
// #endregion

// #region push
sync.send("bob", "invoice/paid", { number: 8 }); // goes into the inbox: the event is declared so
// #endregion

const port = await sync.listen(0);
const as = (name: string) => createClient(`ws://localhost:${port}/chsk?name=${name}`, { events });
const ada = as("ada");

// #region send
const receipt = relay(ada).send({ user: "bob" }, "chat/message", { text: "Are you there?" });
await receipt.stored; // bob's inbox has it
// #endregion

const eve = as("eve");
const refused = await relay(eve)
  .send({ user: "bob" }, "chat/message", { text: "Buy!" })
  .stored.catch((error: { code: string }) => error.code);

const bob = as("bob");
const heard: string[] = [];
const paid: number[] = [];

// #region read
const own = clientInbox(bob);
own.unread.subscribe((count) => console.log(count, "unread"));
own.subscribe((message) => {
  heard.push(`${message.event} from ${message.from?.user ?? "the server"}`);
  if (message.event === "lunch/proposed") message.reply?.(message.data.place !== "the canteen");
});
// #endregion

// #region on
own.on("invoice/paid", ({ data }) => paid.push(data.number));
// #endregion

// #region request
const agreed = await relay(ada).request({ user: "bob" }, "lunch/proposed", { place: "the park" }, { timeoutMs: 10_000 });
// #endregion

const unread = own.unread.get();
// #region mark
await own.markRead()?.stored; // for all of bob's tabs and devices
// #endregion

export const seen = { refused, heard, paid, agreed, unread: [unread, own.unread.get()], items: own.items.get().length };
console.log(seen);
for (const client of [ada, bob, eve]) client.close();
await sync.close();
