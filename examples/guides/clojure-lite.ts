/** A server for peers of sente_lite. */
// #region lite
import { defineChannel } from "sente-sync";
import { senteLite } from "sente-sync/lite";
import { atom, channel, createServer } from "sente-sync/server";
import * as v from "valibot";

const problems: string[] = [];
const sync = createServer({ onError: (error, where) => problems.push(`${where}: ${error}`) });
const room = channel(sync, defineChannel("room/1", { events: { message: v.object({ text: v.string() }) } }));
const lamp = atom(sync, "lamp", { initial: { on: false } });
sync.on("app/hello", ({ data, peer }) => peer.send("app/welcome", data));

senteLite(sync, {
  path: "/lite",
  atoms: [lamp], // on their channel "atom-sync", as :lamp
  onAtom: ({ value }) => v.is(v.object({ on: v.boolean() }), value), // true: it is set
});
// #endregion
export const port = await sync.listen(0, { host: "127.0.0.1" });
export { lamp, problems, room, sync };
