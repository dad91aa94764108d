/** Who may do what: by user and action, by topic, and by path. */
import { defineShared } from "sente-sync";
import { shared as clientShared, createClient, rejectedWrites } from "sente-sync/client";
import { type Authorize, createServer, shared } from "sente-sync/server";

interface Sheet {
  notes: { [id: string]: string };
  hours: { [user: string]: number };
  budget: number;
}
const noSheet: Sheet = { notes: {}, hours: {}, budget: 0 };
const sheet = defineShared("team/:team", { initial: noSheet });

// #region authorize
const members: { [team: string]: readonly string[] } = { red: ["ada", "bob"] };
const authorize: Authorize = ({ user, action, kind, params }) => {
  if (kind === "event") return true; // events and requests
  if (action === "read") return true;
  return members[params["team"] ?? ""]?.includes(user.id) ?? false;
};
// #endregion

// #region paths
const sync = createServer({
  authenticate: ({ url }) => ({ id: url.searchParams.get("user") ?? "guest" }),
  authorize,
});
const sheets = shared(sync, sheet, {
  authorize({ user, action }) {
    if (user.id === "boss") return true;
    const own = ["hours", user.id];
    return action === "read" ? [["notes"], own] : [own];
  },
});
// #endregion

const red = sheet({ team: "red" });
const port = await sync.listen(0);
const connect = (user: string) => createClient(`ws://localhost:${port}/chsk?user=${user}`);
const live = await sheets.open({ team: "red" });
live.set(["budget"], 1000);
live.set(["hours"], { ada: 1, bob: 2 });

const client = connect("ada");
const rejected = rejectedWrites(client);
// #region client
const hers = clientShared(client, red);
hers.subscribe(() => {});
console.log(await hers.ready); // { notes: {}, hours: { ada: 1 } }
await hers.set(["hours", "ada"], 8).stored;
const code = await hers.set(["hours", "bob"], 8).stored.catch((error: { code: string }) => error.code); // "forbidden"
// #endregion

const guest = connect("guest");
const outside = await clientShared(guest, red)
  .set(["notes", "x"], "hello")
  .stored.catch((error: { code: string }) => error.code);

export const seen = {
  hers: hers.get(),
  code,
  outside,
  data: rejected.get()[0]?.error.data,
  live: live.get(),
};
console.log(seen);
for (const each of [client, guest]) each.close();
await sync.close();
