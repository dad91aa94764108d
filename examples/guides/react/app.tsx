/** The page of the guide "React". */
// #region provider
import { useState } from "react";
import { createClient } from "sente-sync/client";
import {
  SyncProvider,
  useAtom,
  useChannel,
  useEventListener,
  useRequest,
  useStatus,
  useTopicStatus,
  useUser,
} from "sente-sync/react";
import { events, room, stats } from "./contract.ts";

export function App() {
  return (
    <SyncProvider create={() => createClient("/chsk", { events })}>
      <Line />
      <Visitors />
      <Room id="kitchen" />
      <Greeting />
      <News />
    </SyncProvider>
  );
}
// #endregion

// #region atom
function Visitors() {
  const visitors = useAtom(stats, (value) => value.visitors); // renders again only when this number changes
  const status = useTopicStatus(stats);
  if (visitors === undefined) return <p id="visitors">{status === "refused" ? "Not for you" : "Loading…"}</p>;
  return <p id="visitors">Visitors: {visitors}</p>;
}
// #endregion

// #region channel
function Room({ id }: { id: string }) {
  const [messages, setMessages] = useState<readonly { offset: number; text: string }[]>([]);
  const [hasGap, setHasGap] = useState(false);
  const { publish } = useChannel(
    room({ id }),
    ({ offset, data }) => setMessages((before) => [...before, { offset, text: data.text }]),
    { from: 1, onGap: () => setHasGap(true) }, // what is still kept, then every new message; left out: from now on
  );
  return (
    <section id="room">
      {hasGap && <p>Some messages are no longer kept.</p>}
      <ol>
        {messages.map(({ offset, text }) => (
          <li key={offset}>{text}</li>
        ))}
      </ol>
      <button type="button" onClick={() => publish("said", { text: "Tea?" })}>
        Ask for tea
      </button>
    </section>
  );
}
// #endregion

// #region request
function Greeting() {
  const { run, data, error, pending } = useRequest("greeting/get");
  return (
    <p id="greeting">
      <button type="button" disabled={pending} onClick={() => run({ name: "Ada" })}>
        Greet
      </button>
      <output>{error ? error.message : String(data ?? "")}</output>
    </p>
  );
}
// #endregion

// #region events
function News() {
  const [titles, setTitles] = useState<readonly unknown[]>([]);
  useEventListener("news/item", ({ data }) => setTitles((before) => [...before, data])); // pushed by the server
  useEventListener("resume", ({ recovered }) => console.log("back again, nothing missed:", recovered));
  return <p id="news">{JSON.stringify(titles)}</p>;
}
// #endregion

// #region status
function Line() {
  const { name, reason } = useStatus();
  const user = useUser();
  return (
    <p id="line" role="status">
      {name === "connected" ? `Connected as ${user?.anonymous ? "a guest" : user?.name}` : `${name} ${reason ?? ""}`}
    </p>
  );
}
// #endregion
