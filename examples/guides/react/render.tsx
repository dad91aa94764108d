/** Server rendering, in the guide "React". */
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { createClient } from "sente-sync/client";
import { SyncProvider, useAtom } from "sente-sync/react";
import type { Server } from "sente-sync/server";
import { stats } from "./contract.ts";

// #region page
function Page({ hydrate }: { hydrate: string }) {
  return (
    // On a server "/chsk" opens nothing: the client only holds what it was given.
    <SyncProvider create={() => createClient("/chsk", { hydrate })}>
      <Visitors />
    </SyncProvider>
  );
}
// #endregion

function Visitors() {
  return <p>Visitors: {useAtom(stats, (value) => value.visitors) ?? "…"}</p>;
}

// #region server
export async function render(sync: Server): Promise<string> {
  const hydrate = String(await sync.dehydrate({ topics: ["stats"] }));
  const html = renderToString(<Page hydrate={hydrate} />);
  const data = JSON.stringify(hydrate).replaceAll("<", "\\u003c"); // no "</script>" inside the script
  return `<div id="root">${html}</div><script id="data" type="application/json">${data}</script>`;
}
// #endregion

// #region browser
export function start(): void {
  const root = document.getElementById("root");
  const data = document.getElementById("data")?.textContent;
  if (root && data) hydrateRoot(root, <Page hydrate={JSON.parse(data)} />);
}
// #endregion
