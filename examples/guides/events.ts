/** Events, requests and pushes: what travels without being a topic. Prints what each side saw. */
import { defineEvents, isSyncError, type } from "sente-sync";
import { createClient } from "sente-sync/client";
import { createServer } from "sente-sync/server";

// #region contract
const events = defineEvents({
  "user/get": { data: type<{ id: string }>(), reply: type<{ name: string }>() },
  "log/line": { data: type<{ text: string }>() },
  "news/item": { data: type<{ title: string }>() },
});
// #endregion

// #region server
const sync = createServer({
  events,
  authenticate: ({ url }) => ({ id: url.searchParams.get("name") ?? "nobody" }),
  authorize: ({ user, action }) => action !== "request" || user.id !== "nobody",
});
sync.on("user/get", ({ data }) => ({ name: `user ${data.id}` })); // a returned value is the reply
sync.on("log/line", ({ data, user }) => console.log(user.id, "says", data.text));
const port = await sync.listen(0);
// #endregion

// #region client
const client = createClient(`ws://localhost:${port}/chsk?name=ada`, { events });
const news = new Promise<string>((resolve) => client.on("news/item", ({ data }) => resolve(data.title)));

const user = await client.request("user/get", { id: "7" }, { timeoutMs: 2000 });
client.send("log/line", { text: "hello" }); // "ok", "queued", "backpressure" or "closed"
// #endregion

// #region push
sync.send("ada", "news/item", { title: "for every connection of ada" });
sync.broadcast("news/item", { title: "for everybody" });
// #endregion

// #region errors
const stranger = createClient(`ws://localhost:${port}/chsk`, { events });
const refused = await stranger
  .request("user/get", { id: "7" })
  .catch((error: unknown) => (isSyncError(error, "forbidden") ? "forbidden" : "?"));
// #endregion

export const seen = { user, news: await news, refused };
console.log(seen);
client.close();
stranger.close();
await sync.close();
