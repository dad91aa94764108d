/** What the React page looks like, apart from what it reads. */
import { type ReactNode, type SubmitEvent, useEffect, useRef, useState } from "react";
import { useClient, useRequest } from "sente-sync/react";
import { readName } from "../shared/names.ts";
import { Face, Me, Saved } from "../shared/parts.tsx";
import { readField } from "../shared/words.ts";
import { maxTextLength } from "./contract.ts";
import { goTo, linkTo, type Place, placeOf } from "./me.ts";
import { linesOf, type Message, type Messages, timeOf } from "./messages.ts";
import { followLife } from "./talks.ts";
import { hintFor, noName, stateName, whenSeen } from "./ways.ts";

const Icon = ({ path }: { path: string }) => (
  <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
    <path d={path} />
  </svg>
);

interface PlaceLinkProps {
  readonly place: Place;
  readonly unread: number;
  readonly isOpen: boolean;
  readonly isHere: boolean | undefined;
}

export function PlaceLink({ place, unread, isOpen, isHere }: PlaceLinkProps) {
  return (
    <li>
      <a href={linkTo(place)} aria-current={isOpen ? "page" : undefined} data-place={place.key} data-unread={unread}>
        {place.isRoom ? <span className="hash" aria-hidden="true" /> : <Face name={place.name} />}
        <span className="called">{place.name}</span>
        {isHere !== undefined && <span className={isHere ? "here" : "away"}>{isHere ? "here" : "away"}</span>}
        {unread > 0 && (
          <span className="unread">
            {unread}
            <span className="unseen"> unread</span>
          </span>
        )}
      </a>
    </li>
  );
}

export function PlaceHead({ place, isAway }: { place: Place; isAway: boolean }) {
  return (
    <div className="head">
      {place.isRoom ? <span className="hash" aria-hidden="true" /> : <Face name={place.name} />}
      <h2>{place.name}</h2>
      <p className="dim">{place.isRoom ? "A room: everybody reads it" : isAway ? "Away" : "Here"}</p>
    </div>
  );
}

interface LogProps {
  readonly place: Place;
  readonly me: string;
  readonly messages: Messages;
  readonly older: () => Promise<void>;
}

/** It stands on its foot (chat.css): new messages are in view, older ones push nothing away. */
export function Log({ place, me, messages, older }: LogProps) {
  const [isLoading, setLoading] = useState(false);
  const load = (): void => {
    setLoading(true);
    void older().finally(() => setLoading(false));
  };
  const lines = linesOf(messages, Date.now());
  return (
    <div
      className="log"
      role="log"
      aria-label={`Messages: ${place.name}`}
      aria-busy={isLoading || !messages.isLoaded}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard
      tabIndex={0}
    >
      <ol>
        {messages.hasOlder && <Older load={load} isLoading={isLoading} />}
        {lines.map((line) =>
          "day" in line ? (
            <li key={line.key} className="day">
              {line.day}
            </li>
          ) : (
            <Said key={line.key} message={line.message} isFirst={line.isFirst} isMine={line.message.by === me} />
          ),
        )}
      </ol>
      {lines.length === 0 && <p className="empty dim">{messages.isLoaded ? "Nothing was said here yet." : "Loading…"}</p>}
    </div>
  );
}

function Older({ load, isLoading }: { load: () => void; isLoading: boolean }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => whenSeen(button.current as HTMLElement), []);
  return (
    <li className="older">
      <button type="button" className="quiet" ref={button} onClick={load} disabled={isLoading}>
        {isLoading ? "Loading…" : "Earlier messages"}
      </button>
    </li>
  );
}

function Said({ message, isFirst, isMine }: { message: Message; isFirst: boolean; isMine: boolean }) {
  const { by, text, atMs, state, why, offset } = message;
  return (
    <li className={isFirst ? "said first" : "said"} data-state={state} data-offset={offset || undefined}>
      {isFirst && <Face name={by} />}
      {isFirst && (
        <p className="by">
          <strong>{by}</strong>
          <time dateTime={new Date(atMs).toISOString()}>{timeOf(atMs)}</time>
        </p>
      )}
      <p className="text">{text}</p>
      {isMine && (
        <p className="state" title={stateName(state, why)}>
          {state === "stored" && <Icon path="m5 12 5 5L19 7" />}
          <span className={state === "stored" ? "unseen" : ""}>{stateName(state, why)}</span>
        </p>
      )}
    </li>
  );
}

export function Composer({ place, say, isAway }: { place: Place; say: (text: string) => void; isAway: boolean }) {
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const text = readField(event.currentTarget);
    if (text) say(text);
  };
  return (
    <form className="composer" onSubmit={submit}>
      <label className="unseen" htmlFor="text">
        Message to {place.name}
      </label>
      <input id="text" name="text" maxLength={maxTextLength} autoComplete="off" placeholder={`Message to ${place.name}`} />
      <button type="submit" className="main">
        Send
      </button>
      <p className="hint dim">
        <span>{hintFor(place, isAway)}</span>
        <Saved />
      </p>
    </form>
  );
}

export function NewRoom() {
  const { run, data, error, pending } = useRequest("chat/create");
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const name = readField(event.currentTarget);
    if (!name) return;
    run(name).then(
      (made) => made && goTo(placeOf(`room/${String(made)}`)),
      () => {}, // `error` has it
    );
  };
  return (
    <form className="small" onSubmit={submit}>
      <Labelled id="room" label="New room">
        <input id="room" name="text" maxLength={24} autoComplete="off" placeholder="New room" />
      </Labelled>
      <button type="submit" disabled={pending}>
        Add
      </button>
      <p className="wrong" role="alert">
        {error ? error.message : data === null && noName}
      </p>
    </form>
  );
}

const Labelled = ({ id, label, children }: { id: string; label: string; children: ReactNode }) => (
  <>
    <label className="unseen" htmlFor={id}>
      {label}
    </label>
    {children}
  </>
);

export function NameForm({ me, take }: { me: string; take: (name: string) => void }) {
  const [isOpen, setOpen] = useState(false);
  if (!isOpen) {
    return (
      <Me name={me}>
        <button type="button" className="quiet" onClick={() => setOpen(true)}>
          Change
        </button>
      </Me>
    );
  }
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const name = readName(readField(event.currentTarget));
    setOpen(false);
    if (name) take(name);
  };
  return (
    <form className="me small" onSubmit={submit}>
      <Labelled id="name" label="Your name">
        {/* biome-ignore lint/a11y/noAutofocus: it was asked for by the button that it replaces */}
        <input id="name" name="text" maxLength={24} autoComplete="nickname" defaultValue={me} autoFocus />
      </Labelled>
      <button type="submit">Take it</button>
    </form>
  );
}

/** Which process serves, and after a death what it did. */
export function Life({ me }: { me: string }) {
  const client = useClient();
  const [told, tell] = useState("");
  useEffect(() => followLife(client, me, tell), [client, me]);
  return (
    <p id="life" className="life dim" role="status">
      {told}
    </p>
  );
}
