/**
 * `sente-sync/svelte/doc`: `doc`, `yText`, `yMap`, `yArray` and the action `textField`.
 *
 *   const note = doc(notes({ id }));              // note.current: Y.Doc, note.synced.current
 *   const title = yText(notes({ id }), "title");
 *   <textarea use:textField={body.type} />
 *
 * Always: effects run again only when what they read has changed; where the document was replaced, all follow.
 * Rules: docs/protocol/doc.md DOC33.
 */
import type { RefOrName } from "sente-sync";
import type { Readable, TopicStatus } from "sente-sync/client";
import { bindText, type ClientDoc, doc as docOf } from "sente-sync/doc";
import type * as Y from "yjs";
import { type AnyClient, withClient } from "./client.ts";
import { createLive, following, type Live, type OrGetter } from "./live.ts";

type DocRef = OrGetter<RefOrName<"doc", unknown>>;

/** The document now, and how it is doing. It is read while something reads it. */
export interface LiveDoc extends Live<Y.Doc> {
  readonly handle: ClientDoc;
  readonly synced: Live<boolean>;
  readonly status: Live<TopicStatus>;
}

export function doc(client: AnyClient, ref: DocRef): LiveDoc;
export function doc(ref: DocRef): LiveDoc;
export function doc(...args: unknown[]): LiveDoc {
  const [client, ref] = withClient<[DocRef]>(args);
  const handle = following(ref, (now) => docOf(client, now, { keep: false }));
  return Object.defineProperties(
    createLive(ref, () => handle() as Readable<Y.Doc>),
    {
      handle: { get: handle },
      synced: { value: createLive(ref, () => handle().synced) },
      status: { value: createLive(ref, () => handle().status) },
    },
  ) as LiveDoc;
}

/** What a type of the document holds, with the type to change it with. */
export interface LiveType<R, T> extends Live<R> {
  /** Of the document as it is now. */
  readonly type: T;
}

/** What all types of a document have. */
interface Observed {
  observeDeep(run: () => void): void;
  unobserveDeep(run: () => void): void;
}

function shape<T extends Observed, R>(
  args: readonly unknown[],
  find: (current: Y.Doc, name: string) => T,
  read: (type: T) => R,
): LiveType<R, T> {
  const [client, ref, name] = withClient<[DocRef, string]>(args);
  const handle = following(ref, (now) => docOf(client, now, { keep: false }));
  const typeNow = (): T => find(handle().doc, name);
  const source = (): Readable<R> => {
    const own = handle();
    let type = typeNow();
    let value: R | undefined;
    const get = (): R => {
      if (type !== typeNow()) {
        type = typeNow();
        value = undefined;
      }
      return (value ??= read(type));
    };
    const listen = (run: (now: R) => void): (() => void) => {
      const changed = (): void => {
        value = undefined;
        run(get());
      };
      let observed = typeNow();
      observed.observeDeep(changed);
      // Where the document is replaced, so is the type.
      const stop = own.listen(() => {
        if (observed === typeNow()) return;
        observed.unobserveDeep(changed);
        observed = typeNow();
        observed.observeDeep(changed);
        changed();
      });
      value = undefined;
      return () => {
        stop();
        observed.unobserveDeep(changed);
      };
    };
    return {
      get,
      listen,
      subscribe(run) {
        run(get());
        return listen(run);
      },
    };
  };
  return Object.defineProperty(
    createLive(ref, () => source()),
    "type",
    { get: typeNow },
  ) as LiveType<R, T>;
}

/** The text under that name. */
export function yText(client: AnyClient, ref: DocRef, name: string): LiveType<string, Y.Text>;
export function yText(ref: DocRef, name: string): LiveType<string, Y.Text>;
export function yText(...args: unknown[]): LiveType<string, Y.Text> {
  return shape(
    args,
    (current, name) => current.getText(name),
    (text: Y.Text) => text.toString(),
  );
}

/** The map under that name, as plain values. */
export function yMap<V>(client: AnyClient, ref: DocRef, name: string): LiveType<{ readonly [key: string]: V }, Y.Map<V>>;
export function yMap<V>(ref: DocRef, name: string): LiveType<{ readonly [key: string]: V }, Y.Map<V>>;
export function yMap<V>(...args: unknown[]): LiveType<{ readonly [key: string]: V }, Y.Map<V>> {
  return shape(
    args,
    (current, name) => current.getMap(name),
    (map: Y.Map<V>) => map.toJSON(),
  ) as LiveType<{ readonly [key: string]: V }, Y.Map<V>>;
}

/** The list under that name, as plain values. */
export function yArray<V>(client: AnyClient, ref: DocRef, name: string): LiveType<readonly V[], Y.Array<V>>;
export function yArray<V>(ref: DocRef, name: string): LiveType<readonly V[], Y.Array<V>>;
export function yArray<V>(...args: unknown[]): LiveType<readonly V[], Y.Array<V>> {
  return shape(
    args,
    (current, name) => current.getArray(name),
    (list: Y.Array<V>) => list.toJSON() as V[],
  ) as LiveType<readonly V[], Y.Array<V>>;
}

/** An action: the field shows and edits the text. `use:textField={body.type}`. */
export function textField(
  node: HTMLTextAreaElement | HTMLInputElement,
  text: Y.Text,
): { update(next: Y.Text): void; destroy(): void } {
  let stop = bindText(node, text);
  return {
    update(next) {
      stop();
      stop = bindText(node, next);
    },
    destroy: () => stop(),
  };
}
