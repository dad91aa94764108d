/** The page of the guide "Presence" in React: cursors and avatars, and what people do. */
// #region page
import { AvatarStack, Cursors, useMyPresence } from "sente-sync/react/presence";
import { cursors } from "../presence-contract.ts";

const lobby = cursors({ room: "lobby" });

export function Lobby({ name }: { readonly name: string }) {
  useMyPresence(lobby, { name, cursor: null });
  return (
    <Cursors of={lobby} className="lobby">
      <AvatarStack of={lobby} />
      <h1>Any page</h1>
    </Cursors>
  );
}

// #endregion

// #region hooks
import { useBroadcastEvent, useEventListener, useOthers, useOthersMapped, useTypingIndicator } from "sente-sync/react/presence";

export function Sidebar() {
  const count = useOthers(lobby, (others) => others.length); // renders again when it changes, not when a cursor moves
  const names = useOthersMapped(lobby, ({ data }) => data.name);
  const [typing, field] = useTypingIndicator(lobby);
  const broadcast = useBroadcastEvent(lobby);
  useEventListener(lobby, "ping", ({ data, from }) => console.log(`${from?.data.name} pings at ${data.x}`));
  return (
    <aside>
      <p>
        {count} others: {names.map(([, name]) => name).join(", ")}
      </p>
      <input {...field} />
      <p>{typing.map(({ data }) => data.name).join(", ")}</p>
      <button type="button" onClick={() => broadcast("ping", { x: 1, y: 2 })}>
        Ping
      </button>
    </aside>
  );
}

// #endregion

// #region presenter
import { usePresenter } from "sente-sync/react/presence";

export function Slides() {
  const { presenter, shown, isPresenter, take, show } = usePresenter(lobby);
  const slide = shown?.slide ?? 1;
  return (
    <section>
      <p>
        Slide {slide}, {presenter ? presenter.data.name : "nobody"} presents
      </p>
      {isPresenter ? (
        <button type="button" onClick={() => show({ slide: slide + 1 })}>
          Next
        </button>
      ) : (
        <button type="button" onClick={() => take().catch(() => {})} disabled={presenter !== undefined}>
          Present
        </button>
      )}
    </section>
  );
}
// #endregion

// #region render
export function Plain() {
  return (
    <Cursors of={lobby} render={({ member }) => <em>{member.data.name}</em>}>
      <AvatarStack of={lobby} max={3} render={({ user }) => <img alt={user.id} src={`/faces/${user.id}.png`} />} />
    </Cursors>
  );
}
// #endregion
