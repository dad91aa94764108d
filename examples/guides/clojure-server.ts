/** A server for Clojure's Sente clients, as they are. */
import { keyword } from "sente-sync";
import { atom, createServer } from "sente-sync/server";

const userOf = new Map([["session=ada", "ada"]]);
const tokenOf = new Map([["session=ada", "t0ken"]]);
const presence: string[] = [];

// #region server
const sync = createServer({
  authenticate({ request }) {
    const id = userOf.get(request?.headers.cookie ?? "");
    return id === undefined ? null : { id }; // null: 401
  },
  csrfToken: ({ request }) => tokenOf.get(request.headers.cookie ?? "") ?? null, // null: 403
  origins: ["https://app.example.com"], // beside the server's own
  handshakeData: ({ user }) => ({ greeting: `hello ${user.id}` }),
  onUserOpen: (id) => presence.push(`${id} is here`),
  onUserClose: (id) => presence.push(`${id} has left`),
});
// #endregion

// #region handlers
sync.on("test/echo", ({ data }) => data); // a returned value is what (?reply-fn …) would send
sync.on("test/greet", ({ user }) => {
  sync.send(user.id, "test/greeting", { mood: keyword("mood/fine"), at: new Date(0) });
});
sync.connectedUsers.subscribe(({ any, ws, ajax }) => {
  presence.push(`${any.size} here, ${ws.size} by WebSocket, ${ajax.size} by polling`);
});
// #endregion

// #region beside
const stats = atom(sync, "stats", { initial: { visitors: 0 } });
stats.subscribe((value) => sync.broadcast("stats/changed", value)); // a page that holds the atom does not listen for it
sync.on("stats/get", () => stats.get()); // what a Sente client asks when it has connected
// #endregion
export const port = await sync.listen(0, { host: "127.0.0.1" });
export { presence, stats, sync };
