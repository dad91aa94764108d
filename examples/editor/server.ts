/**
 * The editor's server: documents in a folder, begun with a few lines, and a name for everybody that is the server's word. Pages that have
 * y-websocket edit the same documents.
 */
import { yjsPeers } from "sente-sync/doc/peers";
import { doc } from "sente-sync/doc/server";
import { createServer } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import { readName } from "../shared/names.ts";
import { folderOfProcess, type Running } from "../shared/running.ts";
import { notes, personOf, yjsPath } from "./contract.ts";

const welcome = `# A page for everybody

Open a **second window** and write in both: what you type is *there at once*,
and everybody sees where the others are.

- [x] Write
- [ ] Cut the line, and go on writing
- [ ] Undo: it takes back what *you* wrote

> Two people may write into the same sentence. Nothing is lost.
`;

export function start(path = folderOfProcess("editor")): Running {
  // #region serve
  const sync = createServer({
    storage: folder(path), // documents outlive their server
    authenticate({ url }) {
      const id = readName(url.searchParams.get("name"));
      return id === null ? null : { id };
    },
  });
  doc(sync, notes, {
    // Whoever begins a document writes the same: two servers that both begin it make one.
    seed: (note) => note.getText("text").insert(0, welcome),
    versions: { maxCount: 20 }, // named ones, to go back to
    // Who somebody is, is not for the page to say.
    onAwarenessUpdate: ({ user, state }) => ({ ...state, user: personOf(user.id) }),
  });
  yjsPeers(sync, { path: yjsPath, hocuspocusPath: false }); // for pages that have y-websocket
  // #endregion
  return { sync, close: () => sync.close() };
}
