/** The board's server: the mutations run here again, and it knows more than the pages do. */
import { SyncError } from "sente-sync";
import { createServer, store } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import { readName } from "../shared/names.ts";
import { folderOfProcess, type Running } from "../shared/running.ts";
import { board, type Card } from "./contract.ts";

const maxCards = 200;
const firstCards: Card[] = [
  { id: "1", column: "To do", text: "Remove a card that Ada wrote: she alone may do that", by: "Ada" },
  { id: "2", column: "To do", text: "Cut the line, and go on working", by: "Grace" },
  { id: "3", column: "Doing", text: "Drag this card in two windows at once", by: "Ada" },
  { id: "4", column: "Done", text: "Open the board", by: "Grace" },
];

export function start(path = folderOfProcess("board")): Running {
  // #region serve
  const sync = createServer({
    storage: folder(path), // the board outlives its server
    authenticate({ url }) {
      const id = readName(url.searchParams.get("name"));
      return id === null ? null : { id };
    },
  });
  store(sync, board, {
    seed: () => ({ cards: firstCards }),
    // Judges what a mutation made, before anybody else sees it: what it throws takes back that call alone.
    validate({ mutation, input, before, state, user }) {
      if (state.cards.length > maxCards) throw new SyncError("limit", `The board has ${maxCards} cards already.`);
      const card = before.cards.find(({ id }) => id === input);
      if (mutation === "remove" && card?.by !== user?.id)
        throw new SyncError("forbidden", `Only ${card?.by} may remove that card.`);
    },
  });
  // #endregion
  return { sync, close: () => sync.close() };
}
