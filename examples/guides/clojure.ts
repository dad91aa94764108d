/** Clients of the Sente server at SENTE_URL. */
import { defineAtom, isSyncError, keyword } from "sente-sync";
import { atom, createClient, senteState } from "sente-sync/client";
import { gzip } from "sente-sync/packers/gzip";
import { transit } from "sente-sync/packers/transit";
import { createServer } from "sente-sync/server";
import { longPoll } from "sente-sync/transports/long-poll";

const senteUrl = process.env.SENTE_URL ?? "ws://localhost:3000/chsk";
const pushes: unknown[] = [];
// #region client
const client = createClient(`${senteUrl}?uid=ada`);
client.on("test/pushed", ({ data }) => pushes.push(data));

const user = { "user/name": "ada", "tags": new Set([keyword("a/b")]), "since": new Date(0) };
const reply = await client.request("test/echo", user); // {:user/name "ada", :tags #{:a/b}, :since #inst "1970-…"}
const state = senteState(client).get(); // :open?, :uid, :handshake-data, …
// #endregion
await client.request("test/push-n", 2);

// #region polling
const polling = createClient(`${senteUrl}?uid=ada`, { connector: longPoll({ csrfToken: "t0ken" }) });
// #endregion
const polled = await polling.request("test/echo", "over Ajax");

// #region refused
const board = atom(client, defineAtom("board", { initial: { n: 0 } }));
const refused = await board.ready.catch((error: unknown) => isSyncError(error, "feature-not-supported"));
// #endregion

// #region packers
const compact = createServer({ packer: gzip(transit()) });
compact.on("test/echo", ({ data }) => data);
const compactPort = await compact.listen(0);
const compactClient = createClient(`ws://localhost:${compactPort}/chsk`, { packer: gzip(transit()) });
// #endregion
const packed = await compactClient.request("test/echo", user);

export const seen = { user, reply, state, pushes, polled, refused, packed };
for (const each of [client, polling, compactClient]) each.close();
await compact.close();
