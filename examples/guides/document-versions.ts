/** Versions of a document: kept by hand and by themselves, looked at, compared, gone back to. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineDoc } from "sente-sync";
import { createClient } from "sente-sync/client";
import { type DocDiff, doc } from "sente-sync/doc";
import { doc as documents } from "sente-sync/doc/server";
import { createServer } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";

const path = mkdtempSync(join(tmpdir(), "sente-sync-versions-"));

// #region server
const notes = defineDoc("notes/:id");

const sync = createServer({
  storage: folder(path),
  authenticate: ({ url }) => ({ id: url.searchParams.get("name") ?? "guest" }),
});
const served = documents(sync, notes, {
  authorize: ({ action, user }) => action === "read" || user.id !== "guest",
  versions: {
    everyMs: 10 * 60_000, // one by itself, ten minutes after the first edit since the last
    maxCount: 50, // 100 where nothing is said
    maxBytes: 16 * 1024 * 1024, // of one document's versions: 64 MiB
    maxAgeMs: 90 * 24 * 3_600_000, // for ever
  },
});
// #endregion

const port = await sync.listen(0);
const connect = (name: string) => createClient(`ws://localhost:${port}/chsk?name=${name}`);
const ada = connect("ada");
const bob = connect("bob");

// #region create
const note = doc(ada, notes({ id: "7" }));
const text = note.doc.getText("text");
text.insert(0, "We meet on Monday.");

// A store like others: render it, or listen to it.
const { versions } = note;
const stop = versions.subscribe((list) => console.log(list?.map(({ name, by }) => `${name}, by ${by}`)));

const draft = await versions.create("Draft"); // once what was typed is stored
// #endregion

const bobs = doc(bob, notes({ id: "7" }));
await bobs.ready;
bobs.transact((edited) => {
  edited.getText("text").delete(11, 6);
  edited.getText("text").insert(11, "Friday");
});
await bobs.receipt.stored;

// #region preview
const before = await versions.preview(draft.id); // a Y.Doc of one's own
console.log(before.getText("text").toString()); // "We meet on Monday."
// #endregion

// #region diff
const marks = { keep: "", format: "", insert: "+", delete: "-" };

function show(changes: DocDiff): string[] {
  return changes.flatMap((change) =>
    "parts" in change
      ? change.parts.map(({ op, text, by }) => `${marks[op]}${text}${by ? ` (${by})` : ""}`)
      : [`${change.path.join(".")}: ${change.before} -> ${change.after}`],
  );
}

const changed = show(await versions.diff(draft.id)); // since then; or between two: diff(one, other)
// ["We meet on ", "-Mon", "+Fri (bob)", "day."]
// #endregion

// #region restore
const receipt = await versions.restore(draft.id);
await receipt.stored;
const restored = text.toString(); // "We meet on Monday."

note.undoManager.undo(); // one step
// #endregion
const undone = text.toString();
await note.receipt.stored;

// #region on-server
const kept = await served.versions({ id: "7" });

const published = await kept.create("Published");
for (const version of await kept.list()) {
  if (version.name === "Draft") await kept.delete(version.id);
}
await kept.restore(published.id); // as the server: what it writes is nobody's
// #endregion

const left = (await kept.list()).map(({ name, by }) => [name, by]);
export const seen = { changed, restored, undone, left };

stop();
ada.close();
bob.close();
await sync.close();
rmSync(path, { recursive: true, force: true });
