/** The board as a React page. What a card looks like is in parts.tsx. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createClient, rejectedWrites } from "sente-sync/client";
import { indexedDb } from "sente-sync/client/indexed-db";
import { SyncProvider, useRejectedWrites, useStore } from "sente-sync/react";
import { nameOfWindow } from "../shared/names.ts";
import { Line, Me, Saved } from "../shared/parts.tsx";
import { allowDrop, dropped, inColumn, wordsFor } from "./board.ts";
import { board, columns } from "./contract.ts";
import { AddForm, CardItem } from "./parts.tsx";

const me = nameOfWindow();

// #region page
function Board() {
  const [cards, run] = useStore(board, (value) => value.cards);
  return (
    <div className="board">
      {columns.map((column) => (
        <section
          key={column}
          className="column"
          aria-label={column}
          aria-busy={!cards}
          onDragOver={(event) => allowDrop(event.nativeEvent)}
          onDrop={({ nativeEvent }) => {
            const move = dropped(nativeEvent, column, cards);
            if (move) run.move(move);
          }}
        >
          <h2>
            {column} <span className="dim">{cards && inColumn(cards, column).length}</span>
          </h2>
          <ul>
            {cards &&
              inColumn(cards, column).map((card) => (
                <CardItem
                  key={card.id}
                  card={card}
                  edit={(text) => run.edit({ id: card.id, text })} // on the screen at once, here
                  move={(to) => run.move({ id: card.id, column: to, before: null })}
                  remove={() => run.remove(card.id)} // comes back where the server says no
                />
              ))}
          </ul>
          <AddForm column={column} add={(text) => run.add({ column, text })} />
        </section>
      ))}
    </div>
  );
}
// #endregion

// #region rejected
/** What the server said no to: only that was taken back. */
function Rejected() {
  const rejected = useRejectedWrites();
  const [cards = []] = useStore(board, (value) => value.cards);
  return (
    <div className="rejected" role="alert">
      {rejected.map((write) => (
        <div key={write.id} className="card">
          <p>
            <strong>{wordsFor(write, cards)}</strong>: {write.error.message}
          </p>
          <button type="button" onClick={() => write.retry()}>
            Try again
          </button>
          <button type="button" onClick={() => write.discard()}>
            Discard
          </button>
        </div>
      ))}
    </div>
  );
}
// #endregion

// #region client
function create() {
  const storage = indexedDb({ user: me }); // what is not stored yet outlives this page
  const client = createClient(`/board/chsk?name=${encodeURIComponent(me)}`, { storage });
  rejectedWrites(client); // from the first one on
  return client;
}

createRoot(document.getElementById("page") as HTMLElement).render(
  <StrictMode>
    <SyncProvider create={create}>
      <Line />
      <div className="row">
        <Me name={me} />
        <Saved />
      </div>
      <Rejected />
      <Board />
    </SyncProvider>
  </StrictMode>,
);
// #endregion
