/** A value that the server owns: `npx tsx --conditions=source examples/quick-start/server.ts`. */
// #region server
import { atom, createServer } from "sente-sync/server";
import { events, stats } from "./contract.ts";

const sync = createServer({ events });
const live = atom(sync, stats);

sync.on("page/visit", ({ data }) => {
  live.update((draft) => {
    draft.visitors++;
    draft.last = data.path;
  });
});
await sync.listen(Number(process.env.PORT ?? 8787));
// #endregion

console.log("serving", live.get());

export { live, sync };
