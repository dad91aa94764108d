/** A server that pages with y-websocket and with Hocuspocus' provider go on editing at, beside one of ours. */
import { HocuspocusProvider } from "@hocuspocus/provider";
import { defineDoc } from "sente-sync";
import { createClient } from "sente-sync/client";
import { doc } from "sente-sync/doc";
import { yjsPeers } from "sente-sync/doc/peers";
import { doc as documents } from "sente-sync/doc/server";
import { createServer } from "sente-sync/server";
import WebSocket from "ws";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";

// A page has one, Node 20 has none.
Object.assign(globalThis, { WebSocket });

/** Who a token is of. */
const userOf = async (token: string | null) => (token ? { id: token } : null);

// #region server
const notes = defineDoc("notes/:id");

const sync = createServer({
  // The token of Hocuspocus, and y-websocket's `params: { token }`; in `request` are the cookies.
  authenticate: ({ url }) => userOf(url.searchParams.get("token")),
});
documents(sync, notes, {
  authorize: ({ user, action }) => action !== "write" || user.id !== "reader",
});
yjsPeers(sync, {
  onStateless: ({ payload, send }) => send(`heard: ${payload}`), // what Hocuspocus' `sendStateless` sent
});

const port = await sync.listen(0);
// #endregion

// #region y-websocket
const yDoc = new Y.Doc();
const yProvider = new WebsocketProvider(`ws://localhost:${port}/yjs`, "notes/1", yDoc, { params: { token: "ada" } });
// #endregion

// #region hocuspocus
const hocusDoc = new Y.Doc();
const hocusProvider = new HocuspocusProvider({
  url: `ws://localhost:${port}/hocuspocus`,
  name: "notes/1",
  document: hocusDoc,
  token: "bob",
});
// #endregion

// #region ours
const client = createClient(`ws://localhost:${port}/chsk?token=eve`);
const note = doc(client, notes({ id: "1" }));
// #endregion
await note.ready;

export const texts = () => [yDoc, hocusDoc, note.doc].map((each) => each.getText("text").toString());
export const type = (text: string) => yDoc.getText("text").insert(0, text);
export const ask = (payload: string) =>
  new Promise((resolve) => {
    hocusProvider.on("stateless", ({ payload: answer }: { payload: string }) => resolve(answer));
    hocusProvider.sendStateless(payload);
  });
export const isSynced = () => yProvider.synced && hocusProvider.synced;

export async function end(): Promise<void> {
  yProvider.destroy();
  hocusProvider.destroy();
  hocusProvider.configuration.websocketProvider.destroy();
  client.close();
  await sync.close();
}
