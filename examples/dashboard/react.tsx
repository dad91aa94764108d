/** The dashboard as a React page. What it looks like is in parts.tsx. */
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { createClient } from "sente-sync/client";
import { SyncProvider, useAtom, useChannel, useRequest, useStatus } from "sente-sync/react";
import { Line } from "../shared/parts.tsx";
import { type Card, cards } from "./charts.ts";
import { events, headline, points } from "./contract.ts";
import { noHistory, type Row, withGap, withPoint } from "./history.ts";
import { Counter, Curve } from "./parts.tsx";

// #region points
function Dashboard() {
  const [history, setHistory] = useState(noHistory);
  useChannel(points, (message) => setHistory((before) => withPoint(before, message)), {
    from: 1, // everything that is still kept, then every new point
    onGap: (gap) => setHistory((before) => withGap(before, gap)),
  });
  // #endregion
  return (
    <>
      <div className="row">
        <Counter history={history} />
        <Work />
      </div>
      <div className="grid">
        {cards.map((card) => (
          <FigureCard key={card.title} card={card} rows={history.rows} />
        ))}
      </div>
    </>
  );
}

// #region figure
function FigureCard({ card, rows }: { card: Card; rows: readonly Row[] }) {
  const now = useAtom(headline, card.now); // renders again only when this card's figure changes
  const note = useAtom(headline, card.note);
  // #endregion
  return (
    <section className="card" aria-label={card.title}>
      <h2>{card.title}</h2>
      <p className="figure">
        <strong>{now ?? "–"}</strong>
        <span>{card.unit}</span>
        <small>{note}</small>
      </p>
      <Curve card={card} rows={rows} />
    </section>
  );
}

function Work() {
  // #region work
  const { run, data, error, pending } = useRequest("dashboard/work");
  const isConnected = useStatus().name === "connected";
  // #endregion
  const answer = error ? error.message : data === undefined ? "" : `Busy for ${data} ms`;
  return (
    <p className="ask">
      <span className="dim" role="status">
        {pending ? "Asking…" : answer}
      </span>
      <button type="button" className="main" disabled={!isConnected || pending} onClick={() => void run()}>
        Give the server work
      </button>
    </p>
  );
}

// #region client
createRoot(document.getElementById("page") as HTMLElement).render(
  <StrictMode>
    <SyncProvider create={() => createClient("/dashboard/chsk", { events })}>
      <Line />
      <Dashboard />
    </SyncProvider>
  </StrictMode>,
);
// #endregion
