/** The whiteboard as a React page. What a bar looks like is in parts.tsx; what the board does, in board.ts. */
import { type CSSProperties, StrictMode, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { createClient } from "sente-sync/client";
import { indexedDb } from "sente-sync/client/indexed-db";
import { SyncProvider, useClient } from "sente-sync/react";
import { useOthers } from "sente-sync/react/presence";
import { nameOfWindow, toneOf } from "../shared/names.ts";
import { Line, Me, Saved } from "../shared/parts.tsx";
import { createWhiteboard } from "./board.ts";
import { people } from "./contract.ts";
import { boardInAddress, followed } from "./page.ts";
import { History, PersonButton, Save, Toolbar, Zoom } from "./parts.tsx";

const me = nameOfWindow();
const id = boardInAddress();

// #region page
function Board() {
  const client = useClient();
  const board = useMemo(() => createWhiteboard(client, id, me), [client]);
  const state = useSyncExternalStore(board.state.listen, board.state.get);
  const others = useOthers(people({ id }), (all) => all.map(({ id, data, status }) => ({ id, name: data.name, status })), isSame);
  const stage = useRef<HTMLDivElement>(null);
  useEffect(() => board.mount(stage.current as HTMLDivElement), [board]);
  const leader = others.find((each) => each.id === state.following);
  return (
    <section className="whiteboard" aria-label="Whiteboard">
      <div className="people">
        <fieldset className="persons" aria-label="Who else is here">
          {others.map((each) => (
            <PersonButton
              key={each.id}
              name={each.name}
              isAway={each.status !== "online"}
              isFollowed={each === leader}
              follow={() => board.follow(each === leader ? undefined : each.id)}
            />
          ))}
        </fieldset>
        <Save board={board} />
      </div>
      <div
        className="frame"
        style={{ "--tone": toneOf(leader?.name ?? "") } as CSSProperties}
        data-following={leader !== undefined}
      >
        <div
          ref={stage}
          className="stage"
          data-tool={state.tool}
          role="application"
          aria-label={`Board with ${state.shapes} shapes`}
        />
        <Toolbar board={board} state={state} />
        <History board={board} state={state} />
        <Zoom board={board} state={state} />
        {leader && <p className="leader">{followed(leader.name)}</p>}
      </div>
      <p id="said" className="said-now" role="status">
        {state.said}
      </p>
    </section>
  );
}
// #endregion

type Shown = readonly { readonly id: string; readonly name: string; readonly status: string }[];
const isSame = (one: Shown, other: Shown): boolean => JSON.stringify(one) === JSON.stringify(other);

// #region client
function create() {
  // What is drawn and not stored yet outlives this page.
  return createClient(`/whiteboard/chsk?name=${encodeURIComponent(me)}`, { storage: indexedDb({ user: me }) });
}

createRoot(document.getElementById("page") as HTMLElement).render(
  <StrictMode>
    <SyncProvider create={create}>
      <Line />
      <div className="row">
        <Me name={me} />
        <Saved />
      </div>
      <Board />
    </SyncProvider>
  </StrictMode>,
);
// #endregion
