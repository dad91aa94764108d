/** The server of the presence example: it says who may be there, and forgets them when they are gone. */
import { atom, createServer, presence } from "sente-sync/server";
import { readName } from "../shared/names.ts";
import type { Running } from "../shared/running.ts";
import { readers, visits } from "./contract.ts";

export function start(): Running {
  // #region serve
  const sync = createServer({
    authenticate({ url }) {
      const id = readName(url.searchParams.get("name"));
      return id === null ? null : { id };
    },
    onConnect: ({ user }) => live.update(({ count }) => ({ count: count + 1, last: user.id })),
  });
  presence(sync, readers, { graceMs: 5000 }); // so long a broken line is waited for
  const live = atom(sync, visits);
  // #endregion
  return { sync, close: () => sync.close() };
}
