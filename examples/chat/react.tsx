/** The chat as a React page. What a place does is in talk.ts, what it looks like in parts.tsx. */
import { StrictMode, useEffect, useState, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { createClient } from "sente-sync/client";
import { indexedDb } from "sente-sync/client/indexed-db";
import { SyncProvider, useAtom, useClient, useStatus } from "sente-sync/react";
import { nameOfWindow, rename } from "../shared/names.ts";
import { Line } from "../shared/parts.tsx";
import { events, marks, people, present, rooms } from "./contract.ts";
import { followAddress, type Place, placeInAddress, placeOf } from "./me.ts";
import { newestOf, unreadOf } from "./messages.ts";
import { Composer, Life, Log, NameForm, NewRoom, PlaceHead, PlaceLink } from "./parts.tsx";
import type { Talk } from "./talk.ts";
import { talksOf } from "./talks.ts";

// #region page
function Chat({ me }: { me: string }) {
  const talks = talksOf(useClient(), me);
  const here = useAtom(present) ?? [];
  const places = (useAtom(rooms) ?? []).map((name) => placeOf(`room/${name}`));
  const persons = (useAtom(people) ?? []).filter((name) => name !== me).map((name) => placeOf(`person/${name}`));
  const wanted = usePlace();
  const place = [...places, ...persons].find(({ key }) => key === wanted.key) ?? places[0];
  // #endregion
  const entry = (each: Place) => (
    <Entry
      key={each.key}
      place={each}
      talk={talks.at(each)}
      me={me}
      isOpen={each.key === place?.key}
      isHere={each.isRoom ? undefined : here.includes(each.name)}
    />
  );
  return (
    <div className="chat">
      <nav className="places" aria-label="Rooms and people">
        <h2>Rooms</h2>
        <ul>{places.map(entry)}</ul>
        <NewRoom />
        <h2>People</h2>
        <ul>{persons.map(entry)}</ul>
        {persons.length === 0 && <p className="dim">Nobody else yet: open a second window.</p>}
      </nav>
      {place ? (
        <Conversation
          key={place.key}
          place={place}
          talk={talks.at(place)}
          me={me}
          isAway={!place.isRoom && !here.includes(place.name)}
        />
      ) : (
        <section className="card talk" aria-busy="true" aria-label="Loading" />
      )}
    </div>
  );
}

interface PlaceProps {
  readonly place: Place;
  readonly talk: Talk;
  readonly me: string;
}

// #region unread
/** A room or a person in the list, with how much of it is unread. */
function Entry({ place, talk, me, isOpen, isHere }: PlaceProps & { isOpen: boolean; isHere: boolean | undefined }) {
  const messages = useSyncExternalStore(talk.messages.listen, talk.messages.get);
  const mark = useAtom(marks({ user: me }), (all) => all[place.key]);
  const unread = unreadOf(messages, mark, me);
  return <PlaceLink place={place} unread={isOpen ? 0 : unread} isOpen={isOpen} isHere={isHere} />;
}

function Conversation({ place, talk, me, isAway }: PlaceProps & { isAway: boolean }) {
  const client = useClient();
  const messages = useSyncExternalStore(talk.messages.listen, talk.messages.get);
  const mark = useAtom(marks({ user: me }), (all) => all[place.key] ?? 0);
  const newest = newestOf(messages);
  const isConnected = useStatus().name === "connected";
  const isSeen = usePageIsSeen();
  useEffect(() => {
    if (isConnected && isSeen && mark !== undefined && newest > mark) {
      client.send("chat/read", { place: place.key, offset: newest });
    }
  }, [client, isConnected, isSeen, mark, newest, place.key]);
  // #endregion
  return (
    <section className="card talk" aria-label={place.name}>
      <PlaceHead place={place} isAway={isAway} />
      <Log key={place.key} place={place} me={me} messages={messages} older={talk.older} />
      <Composer place={place} say={talk.say} isAway={isAway} />
    </section>
  );
}

/** Where this window is, by its address. */
function usePlace(): Place {
  const [place, setPlace] = useState(placeInAddress);
  useEffect(() => followAddress(setPlace), []);
  return place;
}

const onVisible = (run: () => void): (() => void) => {
  document.addEventListener("visibilitychange", run);
  return () => document.removeEventListener("visibilitychange", run);
};
const usePageIsSeen = (): boolean => useSyncExternalStore(onVisible, () => document.visibilityState === "visible");

// #region client
function App() {
  const [me, setMe] = useState(nameOfWindow);
  const create = () =>
    createClient(`/chat/chsk?name=${encodeURIComponent(me)}`, {
      events,
      storage: indexedDb({ user: me }), // what is not stored yet outlives this page
    });
  const take = (name: string): void => {
    rename(name);
    setMe(name);
  };
  return (
    <SyncProvider key={me} create={create}>
      <Line />
      <div className="row">
        <NameForm me={me} take={take} />
        <Life me={me} />
      </div>
      <Chat me={me} />
    </SyncProvider>
  );
}
// #endregion

createRoot(document.getElementById("page") as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
