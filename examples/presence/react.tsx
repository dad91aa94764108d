/** The presence example as a React page. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createClient } from "sente-sync/client";
import { SyncProvider } from "sente-sync/react";
import { AvatarStack, Cursors, useMyPresence } from "sente-sync/react/presence";
import { nameOfWindow } from "../shared/names.ts";
import { Line } from "../shared/parts.tsx";
import { days, intro, title } from "./article.ts";
import { readers } from "./contract.ts";

const me = nameOfWindow();

// #region page
const plan = readers({ page: "lisbon" });

function Page() {
  useMyPresence(plan, { cursor: null }); // here while this is mounted
  return (
    <Cursors of={plan} className="sheet card">
      <header>
        <h2>{title}</h2>
        <AvatarStack of={plan} />
      </header>
      <Article />
    </Cursors>
  );
}
// #endregion

const Article = () => (
  <>
    <p>{intro}</p>
    <div className="days">
      {days.map(({ name, stops }) => (
        <section key={name}>
          <h3>{name}</h3>
          <dl>{stops.flatMap(([at, what]) => [<dt key={at}>{at}</dt>, <dd key={what}>{what}</dd>])}</dl>
        </section>
      ))}
    </div>
  </>
);

// #region client
const create = () => createClient(`/presence/chsk?name=${encodeURIComponent(me)}`);

createRoot(document.getElementById("page") as HTMLElement).render(
  <StrictMode>
    <SyncProvider create={create}>
      <Line />
      <Page />
    </SyncProvider>
  </StrictMode>,
);
// #endregion
