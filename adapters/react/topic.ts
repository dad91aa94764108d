/**
 * `useAtom`, `useShared`, `useStore` and `useTopicStatus`: a topic read through React's contract for outside stores.
 *
 * Always: what is held already is there on the first render; a component renders again only when what it selected
 * changed; markup from a server is taken over with the value that it was made of, however late that happens.
 * Rules: docs/guides/react.md.
 */
import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { Ref, RefOrName, StoreShape } from "sente-sync";
import {
  atom,
  type ClientShared,
  type Do,
  shared,
  store,
  type TopicStatus,
  topicStatus,
  type UndoHistory,
  undoHistory,
  type ValueHandle,
} from "sente-sync/client";
import { useClient } from "./provider.ts";

/** By client and topic, the value that the first mounted hook showed: what a server's markup is made of. */
const shownFirst = new WeakMap<object, Map<string, unknown>>();

/** A ref is made anew on each render; its topic is what it is. */
export const topicOf = (ref: Ref | string): string => (typeof ref === "string" ? ref : ref.topic);

/** The value; undefined until it is here. */
export function useAtom<T>(ref: RefOrName<"atom", T>): T | undefined;
/** What `select` takes from the value; undefined until it is here. `isEqual` (default `Object.is`) tells what is no change. */
export function useAtom<T, R>(
  ref: RefOrName<"atom", T>,
  select: (value: T) => R,
  isEqual?: (one: R, other: R) => boolean,
): R | undefined;
export function useAtom<T, R>(
  ref: RefOrName<"atom", T>,
  select?: (value: T) => R,
  isEqual: (one: R, other: R) => boolean = Object.is,
): R | undefined {
  const client = useClient();
  const topic = topicOf(ref);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the topic stands for the ref
  const handle = useMemo(() => atom<T>(client, ref), [client, topic]);
  return useValue(handle, select, isEqual);
}

/** The state, undefined until it is here, and what can be done to it. */
export function useStore<T, M>(ref: Ref<"store", StoreShape<T, M>>): [T | undefined, Do<M>];
/** What `select` takes from the state, and what can be done to it. */
export function useStore<T, M, R>(
  ref: Ref<"store", StoreShape<T, M>>,
  select: (value: T) => R,
  isEqual?: (one: R, other: R) => boolean,
): [R | undefined, Do<M>];
export function useStore<T, M, R>(
  ref: Ref<"store", StoreShape<T, M>>,
  select?: (value: T) => R,
  isEqual: (one: R, other: R) => boolean = Object.is,
): [R | undefined, Do<M>] {
  const client = useClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the topic stands for the ref
  const handle = useMemo(() => store(client, ref), [client, ref.topic]);
  return [useValue(handle, select, isEqual), handle.do];
}

/** The tree, undefined until it is here, and the handle to change it with. */
export function useShared<T>(ref: RefOrName<"shared", T>): [T | undefined, ClientShared<T>];
/** What `select` takes from the tree, and the handle to change it with. */
export function useShared<T, R>(
  ref: RefOrName<"shared", T>,
  select: (value: T) => R,
  isEqual?: (one: R, other: R) => boolean,
): [R | undefined, ClientShared<T>];
export function useShared<T, R>(
  ref: RefOrName<"shared", T>,
  select?: (value: T) => R,
  isEqual: (one: R, other: R) => boolean = Object.is,
): [R | undefined, ClientShared<T>] {
  const client = useClient();
  const topic = topicOf(ref);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the topic stands for the ref
  const handle = useMemo(() => shared<T>(client, ref), [client, topic]);
  return [useValue(handle, select, isEqual), handle];
}

/** What can be undone in: a topic, several as one, or a history. */
export type Undoable = string | Ref<"shared" | "store"> | readonly Ref<"shared" | "store">[] | UndoHistory;

/** The history of a topic; of several, one that they share from then on (`undoHistory`). */
export function useUndoHistory(of: Undoable): UndoHistory {
  const client = useClient();
  const isHistory = typeof of === "object" && "canUndo" in of;
  const topics = isHistory ? of : Array.isArray(of) ? of.map(topicOf).join("\n") : topicOf(of as Ref | string);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the topics stand for the refs
  return useMemo(() => {
    if (isHistory) return of;
    if (Array.isArray(of)) return undoHistory(client, of);
    if (typeof of === "string" || (of as Ref).kind === "shared")
      return shared(client, of as RefOrName<"shared", unknown>).history;
    return store(client, of as Ref<"store", StoreShape<unknown, unknown>>).history;
  }, [client, topics]);
}

/** Whether there is something to undo, or to redo. */
function useCan(of: Undoable, which: "canUndo" | "canRedo"): boolean {
  const { [which]: can } = useUndoHistory(of);
  return useSyncExternalStore(can.listen, can.get, no);
}
const no = (): boolean => false;

export const useCanUndo = (of: Undoable): boolean => useCan(of, "canUndo");
export const useCanRedo = (of: Undoable): boolean => useCan(of, "canRedo");

/** Undoes this client's last step there. */
export const useUndo = (of: Undoable): UndoHistory["undo"] => useUndoHistory(of).undo;
export const useRedo = (of: Undoable): UndoHistory["redo"] => useUndoHistory(of).redo;

/** What the handle holds, or what `select` takes from it. */
export function useValue<T, R>(
  { topic, get, listen }: Pick<ValueHandle<T>, "topic" | "get" | "listen">,
  select: ((value: T) => R) | undefined,
  isEqual: (one: R, other: R) => boolean,
): R | undefined {
  const client = useClient();
  const shown = useRef<R>(undefined);

  const [snapshot, serverSnapshot] = useMemo(() => {
    const selected = (read: () => T | undefined): (() => R | undefined) => {
      let input: T | undefined;
      let output: R | undefined;
      return () => {
        const value = read();
        if (!Object.is(value, input)) {
          input = value;
          output = value === undefined || !select ? (value as R | undefined) : select(value);
          // What is equal stays the very one that is on the screen.
          if (output !== undefined && shown.current !== undefined && isEqual(shown.current, output)) output = shown.current;
        }
        return output;
      };
    };
    const first = (): T | undefined => {
      const seen = shownFirst.get(client);
      return seen?.has(topic) ? (seen.get(topic) as T) : get();
    };
    return [selected(get), selected(first)];
  }, [client, topic, get, select, isEqual]);

  const value = useSyncExternalStore(listen, snapshot, serverSnapshot);
  useEffect(() => {
    shown.current = value;
  });
  useEffect(() => {
    const seen = shownFirst.get(client) ?? new Map<string, unknown>();
    shownFirst.set(client, seen);
    if (!seen.has(topic)) seen.set(topic, get());
  }, [client, topic, get]);
  return value;
}

/** How a topic is doing. It only looks: the topic is `idle` until another hook reads it. */
export function useTopicStatus(ref: Ref | string): TopicStatus {
  const client = useClient();
  const topic = topicOf(ref);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the topic stands for the ref
  const status = useMemo(() => {
    // An atom may have been rendered by a server: whoever holds it first takes that over.
    return typeof ref === "string" || ref.kind === "atom"
      ? atom(client, ref as RefOrName<"atom", unknown>).status
      : topicStatus(client, ref);
  }, [client, topic]);
  return useSyncExternalStore(status.listen, status.get, () => "idle");
}
