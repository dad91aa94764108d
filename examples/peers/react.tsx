/** The board as a page. What a peer does is in peer.ts, what it looks like in parts.tsx. */
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { createClient } from "sente-sync/client";
import { SyncProvider, useAtom, useClient, useStatus, useUser } from "sente-sync/react";
import { Line } from "../shared/parts.tsx";
import { board, events, type PeerCard } from "./contract.ts";
import { Counter, hasRead, Lines, Name, nameOf, State } from "./parts.tsx";
import { takePart } from "./peer.ts";
import { nothingRead, type Reading } from "./reading.ts";

// #region page
function Board() {
  const client = useClient();
  const me = useUser()?.id;
  const { peers, primes } = useAtom(board) ?? { peers: {}, primes: 0 };
  const [reading, setReading] = useState(nothingRead);
  useEffect(() => takePart(client, setReading), [client]); // as the child process does
  const isConnected = useStatus().name === "connected";
  const everybody = Object.keys(peers);
  // #endregion
  return (
    <>
      <div className="row">
        <Counter reading={reading} primes={primes} />
        <button
          type="button"
          className="main"
          disabled={!isConnected || !everybody.length}
          onClick={() => everybody.forEach((peer) => client.send("peers/ask", { peer }))}
        >
          Set everybody to work
        </button>
      </div>
      <div className="grid three">
        {everybody.length ? (
          Object.entries(peers).map(([id, peer]) => (
            <Peer key={id} id={id} peer={peer} me={me} reading={reading} isConnected={isConnected} />
          ))
        ) : (
          <p className="card figure">
            <strong>–</strong>
          </p>
        )}
      </div>
      <Lines lines={reading.lines} me={me} />
    </>
  );
}

interface PeerProps {
  readonly id: string;
  readonly peer: PeerCard;
  readonly me: string | undefined;
  readonly reading: Reading;
  readonly isConnected: boolean;
}

function Peer({ id, peer, me, reading, isConnected }: PeerProps) {
  const client = useClient();
  const canAsk = isConnected && peer.isHere;
  return (
    <section className="card peer" aria-label={nameOf(id, me)} data-peer={id} data-last={peer.last} data-missing={peer.missing}>
      <div className="head">
        <h2>
          <Name id={id} me={me} />
        </h2>
        <State peer={peer} />
      </div>
      <div className="tags">
        {peer.transport && <code>{peer.transport}</code>}
        <code>{peer.what}</code>
      </div>
      <p className="figure">
        <strong>{peer.primes.toLocaleString("en")}</strong>
        <span>primes found</span>
      </p>
      <p className="dim">{hasRead(peer, reading)}</p>
      {/* #region ask */}
      <div className="group">
        <button type="button" disabled={!canAsk || peer.isWorking} onClick={() => client.send("peers/ask", { peer: id })}>
          Set to work
        </button>
        {id === "child" && (
          <button type="button" disabled={!canAsk} onClick={() => client.send("peers/kill")}>
            Kill it
          </button>
        )}
      </div>
      {/* #endregion */}
    </section>
  );
}

// #region client
createRoot(document.getElementById("page") as HTMLElement).render(
  <StrictMode>
    <SyncProvider create={() => createClient("/peers/chsk", { events })}>
      <Line />
      <Board />
    </SyncProvider>
  </StrictMode>,
);
// #endregion
