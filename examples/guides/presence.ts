/** Who is in a room: members, their data, broadcasts, and who shows something to all the others. */
import { defineRoom, SyncError, type } from "sente-sync";
import { createClient, near, presence, presenter } from "sente-sync/client";
import { createServer, presence as rooms } from "sente-sync/server";
import { cursors } from "./presence-contract.ts";

// #region server
const sync = createServer();
const halls = rooms(sync, cursors, {
  authorize: ({ action, user }) => action === "read" || user.id !== "guest", // "presence": may be in it
  onUpdate({ data, user }) {
    if (data.name.length > 40) throw new SyncError("app/name-too-long");
    return user.name ? { ...data, name: user.name } : data; // what others see
  },
  graceMs: 5000,
  presenter: { onGone: "next" },
});
// #endregion

const port = await sync.listen(0);
const connect = () => createClient(`ws://localhost:${port}/chsk`);

const ada = connect();
// #region client
const room = presence(ada, cursors({ room: "lobby" }), { name: "Ada", cursor: null });

room.set({ cursor: { x: 10, y: 20 } }); // merged into what is there; gathered, and told ten times a second
room.self.get(); // { id, data }: at once
room.others.subscribe((others) => console.log(others.map(({ data, status }) => `${data.name} ${status}`)));
room.stale.get(); // true while the line is down: the view is old
// #endregion

const bob = presence(connect(), cursors({ room: "lobby" }), { name: "Bob", cursor: null });
/** Resolves when the check holds. */
async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, 5));
}
await until(() => room.others.get().length === 1 && bob.others.get().length === 1);

// #region users
for (const { user, status, members } of room.users.get()) console.log(user.id, status, members.length);
// #endregion

export const seen: unknown[] = [];

// #region events
bob.on("ping", ({ data, from }) => seen.push(`${from?.data.name} ${data.x}`));

room.broadcast("ping", { x: 1, y: 2 }); // to everybody who is here now
room.broadcast("ping", { x: 3, y: 4 }, { lossy: true }); // dropped for whoever cannot read so fast
// #endregion
await until(() => seen.length === 2);

// #region server-handle
const hall = await halls.open({ room: "lobby" });
hall.members.get(); // everybody, as the others see them
hall.broadcast("ping", { x: 0, y: 0 }); // `from` is undefined to them
console.log(hall.counters); // what was refused, and why
// #endregion
seen.push(hall.members.get().length);

// #region presenter
const talk = presenter(ada, cursors({ room: "lobby" }));

await talk.take(); // rejects with "forbidden" where somebody else presents
await talk.show({ slide: 3 });
// #endregion

const audience = connect();
// #region follower
const screen = presenter(audience, cursors({ room: "lobby" }));
screen.shown.subscribe((stage) => console.log(stage?.slide));
screen.presenter.subscribe((member) => console.log(`${member?.data.name ?? "Nobody"} presents`));
// #endregion
await until(() => screen.shown.get()?.slide === 3 && screen.presenter.get()?.data.name === "Ada");

// #region hand
const [other] = room.others.get();
if (other) await talk.hand(other.id); // or talk.give(): to nobody
// #endregion
await until(() => screen.presenter.get()?.data.name === "Bob");

// #region gone
bob.close(); // with onGone "next", who has been here longest goes on; what is shown stays
// #endregion
await until(() => screen.presenter.get()?.data.name === "Ada");
seen.push(screen.shown.get());

// #region near
const field = defineRoom("field", { schema: type<{ name: string; at: { x: number; y: number } }>() });
rooms(sync, field, { near: { cell: 500, position: ({ at }) => at } });

presence(ada, field, { name: "Ada", at: { x: 120, y: 40 } });
const around = near(audience, field);
around.look({ x: 0, y: 0, width: 1200, height: 800 });
around.members.subscribe((members) => console.log(members.length, "of", around.count.get()));
// #endregion
await until(() => around.members.get().length === 1);
seen.push(around.count.get());

for (const client of [ada, audience]) client.close();
await sync.close();
