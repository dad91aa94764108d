"use client";
/**
 * `sente-sync/react/doc`: `useDoc`, `useYText`, `useYMap`, `useYArray` and `useTextField`.
 *
 *   const { doc, synced } = useDoc(notes({ id }));
 *   const [title] = useYText(notes({ id }), "title");
 *   <textarea ref={useTextField(notes({ id }), "body")} />
 *
 * Always: a component renders again only when what it reads has changed; where the document was replaced, all hooks follow.
 * Rules: docs/protocol/doc.md DOC33.
 */
import { type RefObject, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { RefOrName } from "sente-sync";
import type { TopicStatus } from "sente-sync/client";
import { bindText, type ClientDoc, doc } from "sente-sync/doc";
import type * as Y from "yjs";
import { useClient } from "./provider.ts";

type DocRef = RefOrName<"doc", unknown>;

export interface DocState {
  /** The document now; another one where it was replaced. */
  readonly doc: Y.Doc;
  readonly synced: boolean;
  readonly status: TopicStatus;
  /** Who is at the document, and where. Who reads it, this client is seen from then on. */
  readonly awareness: ClientDoc["awareness"];
  readonly undoManager: Y.UndoManager;
  /** What was kept of it, where the server keeps versions. */
  readonly versions: ClientDoc["versions"];
  readonly transact: ClientDoc["transact"];
}

function useHandle(ref: DocRef): ClientDoc {
  const client = useClient();
  const topic = typeof ref === "string" ? ref : ref.topic;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the topic stands for the ref
  return useMemo(() => doc(client, ref, { keep: false }), [client, topic]);
}

/** The document and how it is doing. It is read while the component is mounted. */
export function useDoc(ref: DocRef): DocState {
  const handle = useHandle(ref);
  const current = useSyncExternalStore(handle.listen, handle.get, handle.get) as Y.Doc;
  const synced = useSyncExternalStore(handle.synced.listen, handle.synced.get, handle.synced.get);
  const status = useSyncExternalStore(handle.status.listen, handle.status.get, handle.status.get);
  return useMemo(() => {
    const { transact } = handle;
    return {
      doc: current,
      synced,
      status,
      transact,
      get awareness() {
        return handle.awareness;
      },
      get undoManager() {
        return handle.undoManager;
      },
      get versions() {
        return handle.versions;
      },
    };
  }, [handle, current, synced, status]);
}

/** What all types of a document have. */
interface Observed {
  observeDeep(run: () => void): void;
  unobserveDeep(run: () => void): void;
}

/** A type of the document, and what `read` makes of it, made anew when something in it changed. */
function useShape<T extends Observed, R>(ref: DocRef, find: (doc: Y.Doc) => T, read: (type: T) => R): [R, T] {
  const { doc: current } = useDoc(ref);
  const type = find(current);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `read` is the same for each hook
  const [listen, snapshot] = useMemo(() => {
    let value: R | undefined;
    const subscribe = (run: () => void): (() => void) => {
      const changed = (): void => {
        value = undefined;
        run();
      };
      type.observeDeep(changed);
      return () => type.unobserveDeep(changed);
    };
    return [subscribe, (): R => (value ??= read(type))] as const;
  }, [type]);
  return [useSyncExternalStore(listen, snapshot, snapshot), type];
}

/** The text under that name, and the `Y.Text` to change it with. */
export function useYText(ref: DocRef, name: string): [string, Y.Text] {
  return useShape(
    ref,
    (current) => current.getText(name),
    (text: Y.Text) => text.toString(),
  );
}

/** The map under that name as plain values, and the `Y.Map` to change it with. */
export function useYMap<V = unknown>(ref: DocRef, name: string): [{ readonly [key: string]: V }, Y.Map<V>] {
  return useShape(
    ref,
    (current) => current.getMap(name),
    (map: Y.Map<V>) => map.toJSON(),
  ) as [{ [key: string]: V }, Y.Map<V>];
}

/** The list under that name as plain values, and the `Y.Array` to change it with. */
export function useYArray<V = unknown>(ref: DocRef, name: string): [readonly V[], Y.Array<V>] {
  return useShape(
    ref,
    (current) => current.getArray<V>(name),
    (list: Y.Array<V>) => list.toJSON() as V[],
  );
}

/** For the `ref` of a `<textarea>` or text `<input>` without a value of its own: it shows and edits the text under that name. */
export function useTextField<F extends HTMLTextAreaElement | HTMLInputElement = HTMLTextAreaElement>(
  ref: DocRef,
  name: string,
): RefObject<F | null> {
  const field = useRef<F>(null);
  const { doc: current } = useDoc(ref);
  useEffect(() => (field.current ? bindText(field.current, current.getText(name)) : undefined), [current, name]);
  return field;
}
