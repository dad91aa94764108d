/** The quick start's server for the gallery, which does the listening: otherwise the same as server.ts. */
import { atom, createServer, type Server } from "sente-sync/server";
import type { Running } from "../shared/running.ts";
import { events, stats } from "./contract.ts";

export function start(): Running<Server<typeof events>> {
  // #region serve
  const sync = createServer({ events });
  const live = atom(sync, stats);

  sync.on("page/visit", ({ data }) => {
    live.update((draft) => {
      draft.visitors++;
      draft.last = data.path;
    });
  });
  // #endregion
  return { sync, close: () => sync.close() };
}
