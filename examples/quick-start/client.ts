/** The same value in a client, live: start it twice. `npx tsx --conditions=source examples/quick-start/client.ts`. */
// #region client
import { atom, createClient } from "sente-sync/client";
import { events, stats } from "./contract.ts";

const client = createClient(process.env.SYNC_URL ?? "ws://localhost:8787/chsk", { events });
const live = atom(client, stats);

live.subscribe((value) => console.log(value)); // at once (undefined), and on every change
await live.ready; // the first value is here, so there is a connection
client.send("page/visit", { path: "/pricing" });

// #endregion

export { client, live };
