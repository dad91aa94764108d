/** The chat's server: everything that has to outlive it is in the folder that it is given. */
import { SyncError } from "sente-sync";
import { atom, channel, createServer, inbox, type Server } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import { readName } from "../shared/names.ts";
import * as chat from "./contract.ts";

const firstRooms = ["Kitchen", "Garden", "Workshop"];
const maxNames = 200;

export async function serveChat(path: string, life: chat.Life): Promise<Server<typeof chat.events>> {
  // #region serve
  const sync = createServer({
    events: chat.events,
    storage: folder(path), // what is stored was written and synced before anybody is told so
    authenticate({ url }) {
      const id = readName(url.searchParams.get("name"));
      return id === null ? null : { id };
    },
    onUserOpen: (id) => join(people, id),
  });
  const rooms = atom(sync, chat.rooms, { durability: "strict", seed: () => firstRooms });
  const people = atom(sync, chat.people, { durability: "strict" });
  const marks = atom(sync, chat.marks, {
    durability: "strict",
    authorize: ({ user, params }) => user.id === params["user"],
  });
  channel(sync, chat.room, {
    authorize: ({ params }) => rooms.get().includes(params["room"] ?? ""),
    retention: { maxEntries: 10_000 },
  });
  inbox(sync, {
    authorize: ({ params }) => people.get().includes(params["user"] ?? ""), // here or away: it waits for them
  });

  sync.on("chat/create", ({ data }) => {
    const name = readName(data);
    return name === null ? null : join(rooms, name);
  });
  sync.on("chat/read", async ({ user, data: { place, offset } }) => {
    const mine = await marks.open({ user: user.id });
    mine.update((draft) => void (draft[place] = Math.max(draft[place] ?? 0, offset)));
  });

  const present = atom(sync, chat.present); // in memory: who is here is found out anew
  sync.connectedUsers.subscribe(({ any }) => present.set([...any]));
  // #endregion
  atom(sync, chat.life).set(life);
  await Promise.all([rooms.ready, people.ready]);
  return sync;
}

type Names = Pick<ReturnType<typeof atom<readonly string[]>>, "get" | "update">;

/** The name as the list has it, which may differ in its capitals. */
function join(list: Names, name: string): string {
  const known = list.get().find((each) => each.toLowerCase() === name.toLowerCase());
  if (known !== undefined) return known;
  if (list.get().length >= maxNames) throw new SyncError("limit", `There are ${maxNames} already.`);
  list.update((names) => [...names, name]);
  return name;
}
