/** The editor as a React page. CodeMirror, the preview and who is there stand in editor.ts and preview.ts. */
import { StrictMode, type SubmitEvent, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import type { SyncError } from "sente-sync";
import { createClient } from "sente-sync/client";
import { indexedDb } from "sente-sync/client/indexed-db";
import type { DocVersion } from "sente-sync/doc";
import { SyncProvider } from "sente-sync/react";
import { useDoc, useTextField } from "sente-sync/react/doc";
import { nameOfWindow } from "../shared/names.ts";
import { Face, Line, Saved } from "../shared/parts.tsx";
import { readField } from "../shared/words.ts";
import { yjsPath } from "./contract.ts";
import { note, openEditor, peopleAt, timeOf } from "./editor.ts";
import { showPreview } from "./preview.ts";

const me = nameOfWindow();

// #region words
function CodeMirror() {
  const { doc, awareness, undoManager } = useDoc(note);
  const place = useRef<HTMLDivElement>(null);
  useEffect(
    () => (place.current ? openEditor(place.current, { doc, awareness, undoManager }) : undefined),
    [doc, awareness, undoManager],
  );
  return <div className="words" ref={place} />;
}

/** The same text, without an editor. */
const TextArea = () => <textarea className="words" aria-label="Text, as Markdown" ref={useTextField(note, "text")} />;
// #endregion

/** Of the document as it is, or was. */
function Preview({ version }: { version: DocVersion | undefined }) {
  const { doc, versions } = useDoc(note);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let isOver = false;
    let stop = (): void => {};
    const show = (shown: typeof doc): void => {
      if (place.current && !isOver) stop = showPreview(place.current, shown.getText("text"));
    };
    if (version) void versions.preview(version.id).then(show, () => {});
    else show(doc);
    return () => {
      isOver = true;
      stop();
    };
  }, [doc, versions, version]);
  return <div className="preview" ref={place} />;
}

// #region people
function People() {
  const { awareness } = useDoc(note);
  const people = useMemo(() => peopleAt(awareness), [awareness]);
  const here = useSyncExternalStore(people.listen, people.get);
  return (
    <ul id="people" className="people" aria-label="Who is here">
      {here.map(({ name }) => (
        <li key={name} title={name}>
          <Face name={name} />
          <span>{name === me ? `${name} (you)` : name}</span>
        </li>
      ))}
    </ul>
  );
}
// #endregion

// #region versions
interface VersionsProps {
  readonly seen: DocVersion | undefined;
  readonly see: (version: DocVersion | undefined) => void;
}

function Versions({ seen, see }: VersionsProps) {
  const { versions } = useDoc(note);
  const kept = useSyncExternalStore(versions.listen, versions.get) ?? [];
  const [problem, setProblem] = useState("");
  const attempt = (done: Promise<unknown>): void => {
    setProblem("");
    done.catch((error: SyncError) => setProblem(error.message));
  };
  const keep = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const name = readField(event.currentTarget);
    if (name) attempt(versions.create(name));
  };
  const restore = (id: string): void => {
    see(undefined);
    attempt(versions.restore(id)); // an edit like any other: it can be undone
  };
  return (
    <section className="card versions" aria-labelledby="versions">
      <h2 id="versions">Versions</h2>
      <form onSubmit={keep}>
        <input name="text" aria-label="Name of a version" placeholder="Name of a version" autoComplete="off" />
        <button type="submit">Keep it as it is now</button>
        <span role="status">{problem}</span>
      </form>
      <ul>
        {kept.map((version) => (
          <li key={version.id}>
            <strong>{version.name}</strong>
            <span>
              {version.by}, {timeOf(version.atMs)}
            </span>
            <div>
              <button type="button" className="quiet" onClick={() => see(seen === version ? undefined : version)}>
                {seen === version ? "Look at it as it is now" : "Look at it"}
              </button>
              <button type="button" className="quiet" onClick={() => restore(version.id)}>
                Go back to it
              </button>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
// #endregion

function Editor() {
  const [isPlain, setPlain] = useState(false);
  const [seen, see] = useState<DocVersion>();
  const { undoManager, synced } = useDoc(note);
  return (
    <div className="editor" data-synced={synced}>
      <section className="card" aria-label="Text">
        <div className="bar-of-editor">
          <fieldset className="tabs">
            <legend>Write in</legend>
            <button type="button" aria-pressed={!isPlain} onClick={() => setPlain(false)}>
              CodeMirror
            </button>
            <button type="button" aria-pressed={isPlain} onClick={() => setPlain(true)}>
              Textarea
            </button>
          </fieldset>
          <span className="group">
            <button type="button" className="quiet" onClick={() => undoManager.undo()}>
              Undo
            </button>
            <button type="button" className="quiet" onClick={() => undoManager.redo()}>
              Redo
            </button>
          </span>
        </div>
        {isPlain ? <TextArea /> : <CodeMirror />}
      </section>
      <section className="card" aria-label="Preview">
        {seen && <p className="as-it-was">As it was: {seen.name}</p>}
        <Preview version={seen} />
      </section>
      <Versions seen={seen} see={see} />
    </div>
  );
}

/** For who has y-websocket. */
const Door = () => (
  <p className="dim door">
    Pages that have y-websocket edit it too: <code>{note.topic}</code> at <code>{yjsPath}</code>, with{" "}
    <code>{"params: { name }"}</code>.
  </p>
);

// #region client
function create() {
  // What was typed and is not stored yet outlives this page.
  return createClient(`/editor/chsk?name=${encodeURIComponent(me)}`, { storage: indexedDb({ user: me }) });
}

createRoot(document.getElementById("page") as HTMLElement).render(
  <StrictMode>
    <SyncProvider create={create}>
      <Line />
      <div className="row">
        <People />
        <Saved />
      </div>
      <Editor />
      <Door />
    </SyncProvider>
  </StrictMode>,
);
// #endregion
