/** What a client says about its line while it is refused, let in, cut and closed. Prints the states in order. */
import { createClient, senteState } from "sente-sync/client";
import { createServer, type Server } from "sente-sync/server";

let sync: Server = createServer();
const port = await sync.listen(0);

// #region client
const client = createClient(`ws://localhost:${port}/chsk`, {
  autoConnect: false, // wait for client.connect()
  reconnect: { maxDelayMs: 10_000, maxAttempts: 20 },
});
// #endregion

const states: string[] = [];
// #region status
client.status.subscribe(({ name, reason, retryAtMs }) => {
  const waitMs = retryAtMs === undefined ? undefined : retryAtMs - Date.now();
  console.log(name, reason, waitMs);
});
client.on("connect", () => console.log("the first connection"));
client.on("resume", ({ recovered }) => console.log("back; the server still knew this client:", recovered));
client.on("disconnect", ({ reason }) => console.log("gone:", reason));
// #endregion
client.status.subscribe(({ name }) => states.push(name));
const until = (name: string): Promise<void> =>
  new Promise((resolve) => client.status.subscribe((status) => status.name === name && resolve()));

client.connect();
await until("connected");

// #region sente
const sente = senteState(client); // a store: Sente's state map, for code that was written against it
// #endregion
const isOpen = sente.get().open;

await sync.close();
await until("reconnecting");
sync = createServer();
await sync.listen(port);

// #region verbs
client.connect(); // now, instead of waiting for the next try
await until("connected");
client.disconnect(); // stays away until connect()
client.close(); // for good: what waits is rejected with `closed`
// #endregion

export const seen = { states, isOpen };
console.log(seen);
await sync.close();
