/** The quick start as a React page. */
import { type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";
// #region page
import { createClient } from "sente-sync/client";
import { SyncProvider, useAtom, useClient } from "sente-sync/react";
// #endregion
import { Line } from "../shared/parts.tsx";
// #region page
import { events, stats } from "./contract.ts";

function Visitors() {
  const client = useClient();
  const visitors = useAtom(stats, (value) => value.visitors); // undefined until the first value is here
  return (
    <section className="card center" aria-label="Visitors">
      <p className="figure huge">
        <strong id="visitors">{visitors ?? "–"}</strong> visits
      </p>
      <button type="button" className="main" onClick={() => client.send("page/visit", { path: "/pricing" })}>
        Visit the page
      </button>
    </section>
  );
}

const App = ({ children }: { children?: ReactNode }) => (
  <SyncProvider create={() => createClient("/quick-start/chsk", { events })}>
    <Visitors />
    {children}
  </SyncProvider>
);
// #endregion

createRoot(document.getElementById("page") as HTMLElement).render(
  <StrictMode>
    <App>
      <Line />
    </App>
  </StrictMode>,
);
