/** Documents: declared with their hooks, edited on both sides, undone, and who is at them. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, signOut } from "sente-sync/client";
import { folder as deviceFolder } from "sente-sync/client/folder";
import type { ClientStorage } from "sente-sync/client/outbox";
import { bindText, doc, type TextField } from "sente-sync/doc";
import { doc as documents } from "sente-sync/doc/server";
import { createServer } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import * as Y from "yjs";
import { notes } from "../editor/contract.ts";

const path = mkdtempSync(join(tmpdir(), "sente-sync-documents-"));
/** A database that has documents already, and wants to know what becomes of them. */
const database = {
  async load(_id: string): Promise<Uint8Array | undefined> {
    return undefined;
  },
  texts: new Map<string, string>(),
  updates: new Map<string, Uint8Array>(),
};

// #region server
const sync = createServer({
  storage: folder(path),
  authenticate: ({ url }) => ({ id: url.searchParams.get("name") ?? "guest" }),
});

const served = documents(sync, notes, {
  authorize: ({ action, user }) => action !== "write" || user.id !== "guest", // "presence": may be seen at it
  // Once, where nothing is stored: a Yjs update, or nothing.
  onLoadDocument: ({ params }) => database.load(params.id),
  // Once it is quiet for `debounceMs`, at the latest `maxDebounceMs` after the first change.
  onChange: ({ params, document }) => void database.texts.set(params.id, document.getText("text").toString()),
  onStoreDocument: ({ params, document }) => void database.updates.set(params.id, Y.encodeStateAsUpdate(document)),
  debounceMs: 500,
  maxDebounceMs: 5000,
  // What a page says of itself, before anybody sees it.
  onAwarenessUpdate: ({ user, state }) => ({ ...state, user: { name: user.id } }),
});
// #endregion

const port = await sync.listen(0);
const connect = (name: string) => createClient(`ws://localhost:${port}/chsk?name=${name}`);

// #region transact
await served.transact({ id: "7" }, (edited) => edited.getText("text").insert(0, "# Minutes\n"));

const minutes = await served.open({ id: "7" });
minutes.read((edited) => edited.getText("text").length); // to look, not to edit
minutes.encode(); // all of it, as one Yjs update
// #endregion

const client = connect("Ada");
// #region edit
const note = doc(client, notes({ id: "7" }));
await note.ready; // what the server has is in it

const text = note.doc.getText("text");
text.insert(text.length, "Ada is here.\n"); // here at once, on its way to everybody

const { stored } = note.transact(() => text.insert(text.length, "She takes the minutes.\n"));
await stored; // it is in the server's log
// #endregion

// #region state
note.synced.subscribe((isSynced) => console.log(isSynced ? "up to date" : "not yet"));
note.pending.subscribe((count) => console.log(`${count} on the way`));
note.listen((current) => console.log(current === note.doc)); // also where the document was replaced
// #endregion

const other = connect("Grace");
const theirs = doc(other, notes({ id: "7" }));
await theirs.ready;
theirs.doc.getText("text").insert(0, "Draft: ");

// #region undo
const { undoManager } = note;
undoManager.undo(); // the newest that was edited here, whatever others wrote since
undoManager.redo();
undoManager.stopCapturing(); // what follows is a step of its own
// #endregion

// #region tabs
const alone = doc(client, notes({ id: "8" }), { tabs: false }); // told to no other tab

console.log(alone.tabs.isShared); // false; `taken` and `ignored` count what came from other tabs
// #endregion

// #region subdocuments
const chapters = note.doc.getMap<Y.Doc>("chapters");
chapters.set("intro", new Y.Doc({ guid: "intro" })); // everybody sees that it is there

const intro = note.subdoc("intro"); // reads it; somebody else calls the same, or `chapters.get("intro").load()`
await intro.ready;
await intro.transact((edited) => edited.getText("text").insert(0, "Once upon a time")).stored;
// #endregion

// #region subdocuments-server
const opening = await minutes.subdocument("intro");
opening.read((edited) => edited.getText("text").toString()); // "Once upon a time"
// #endregion

// #region awareness
const { awareness } = note;

awareness.setLocalStateField("status", "writing");
awareness.on("change", () => {
  for (const [clientId, { user, status }] of awareness.getStates()) console.log(clientId, user, status);
});
// #endregion

/** As a page has it. */
const field: TextField = {
  value: "",
  selectionStart: 0,
  selectionEnd: 0,
  setSelectionRange() {},
  addEventListener() {},
  removeEventListener() {},
};
// #region field
const unbind = bindText(field, note.doc.getText("text")); // a <textarea>, or an <input>
// #endregion

/** Resolves when the check holds. */
async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, 5));
}
const others = (): unknown[] => [...theirs.awareness.getStates().values()].map(({ user, status }) => [user, status]);
await until(() => field.value.startsWith("Draft") && others().length === 2 && JSON.stringify(others()).includes("writing"));
await until(() => minutes.read((edited) => edited.getText("text").toString()) === field.value);
await minutes.flush();

export const seen = {
  field: field.value,
  stored: database.texts.get("7"),
  isKept: database.updates.has("7"),
  others: others(),
  opening: opening.read((edited) => edited.getText("text").toString()),
};

unbind();
client.close();
other.close();

const device = mkdtempSync(join(tmpdir(), "sente-sync-device-"));
const url = `ws://localhost:${port}/chsk?name=Ada`;
function openOnDevice(storage: ClientStorage) {
  // #region device
  const client = createClient(url, { storage }); // indexedDb({ user: "Ada" }) in a page, folder(path, { user: "Ada" }) on Node
  const note = doc(client, notes({ id: "7" }));

  note.shownFrom.subscribe((from) => console.log(from)); // "nothing", "device", "server"
  // #endregion
  return { client, note };
}
const online = openOnDevice(deviceFolder(device, { user: "Ada" }));
await online.note.ready;
await until(() => readdirSync(device).some((name) => name.startsWith("copy-") && name.endsWith(".rows")));
online.client.close();
await sync.close();
// Nobody answers any more.
const offline = openOnDevice(deviceFolder(device, { user: "Ada" }));
await until(() => offline.note.shownFrom.get() === "device");
export const onDevice = { text: offline.note.doc.getText("text").toString(), isSynced: offline.note.synced.get() };
await signOut(offline.client);
rmSync(device, { recursive: true });
rmSync(path, { recursive: true });
