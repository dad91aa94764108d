/** The child process: a client like any other, but for how it is connected. */
// #region child
import { createClient } from "sente-sync/client";
import { stdio } from "sente-sync/transports/stdio";
import { events } from "./contract.ts";
import { takePart } from "./peer.ts";

const client = createClient("stdio:///chsk", { events, connector: stdio() });
takePart(client);
// A pipe carries one connection: without it there is nothing left to do.
client.status.subscribe(({ name }) => name === "reconnecting" && client.close());
// #endregion
