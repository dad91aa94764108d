/**
 * `atom`, `shared`, `store` and `topicStatus`: a topic as a live value.
 *
 * Always: what is held already is there on the first render; with a selector, effects run again only when what it
 * selected changed.
 * Rules: docs/guides/svelte.md.
 */
import type { Ref, RefOrName, StoreShape } from "sente-sync";
import {
  atom as atomOf,
  type ClientShared,
  type ClientStore,
  type Do,
  derived,
  shared as sharedOf,
  topicStatus as statusOf,
  store as storeOf,
  type TopicStatus,
} from "sente-sync/client";
import { type AnyClient, withClient } from "./client.ts";
import { createLive, following, type Live, type OrGetter } from "./live.ts";

type AtomRef<T> = OrGetter<RefOrName<"atom", T>>;

/** The value, undefined until it is here; of the client given, or of the one that `setClient` set. */
export function atom<T>(client: AnyClient, ref: AtomRef<T>): Live<T | undefined>;
export function atom<T, R>(client: AnyClient, ref: AtomRef<T>, select: (value: T) => R): Live<R | undefined>;
export function atom<T>(ref: AtomRef<T>): Live<T | undefined>;
/** What `select` takes from the value; undefined until it is here. */
export function atom<T, R>(ref: AtomRef<T>, select: (value: T) => R): Live<R | undefined>;
export function atom<T, R>(...args: unknown[]): Live<R | undefined> {
  const [client, ref, select = (value: T) => value] = withClient<[AtomRef<T>, ((value: T) => R)?]>(args);
  return createLive(ref, (now) =>
    derived(atomOf<T>(client, now), (value) => (value === undefined ? undefined : (select(value) as R))),
  );
}

type SharedRef<T> = OrGetter<RefOrName<"shared", T>>;

/** A live value with the handle to change it. */
export interface LiveShared<R, T> extends Live<R> {
  /** `set`, `update`, `delete`, `undo`, `redo` and the rest, of the tree that the ref names now. */
  readonly handle: ClientShared<T>;
  readonly canUndo: Live<boolean>;
  readonly canRedo: Live<boolean>;
}

/** The tree, undefined until it is here; of the client given, or of the one that `setClient` set. */
export function shared<T>(client: AnyClient, ref: SharedRef<T>): LiveShared<T | undefined, T>;
export function shared<T, R>(client: AnyClient, ref: SharedRef<T>, select: (value: T) => R): LiveShared<R | undefined, T>;
export function shared<T>(ref: SharedRef<T>): LiveShared<T | undefined, T>;
/** What `select` takes from the tree; undefined until it is here. */
export function shared<T, R>(ref: SharedRef<T>, select: (value: T) => R): LiveShared<R | undefined, T>;
export function shared<T, R>(...args: unknown[]): LiveShared<R | undefined, T> {
  const [client, ref, select = (value: T) => value] = withClient<[SharedRef<T>, ((value: T) => R)?]>(args);
  const handle = following(ref, (now) => sharedOf<T>(client, now));
  const live = createLive(ref, () => derived(handle(), (value) => (value === undefined ? undefined : (select(value) as R))));
  return Object.defineProperties(live, {
    handle: { get: handle },
    canUndo: { value: createLive(ref, () => handle().history.canUndo) },
    canRedo: { value: createLive(ref, () => handle().history.canRedo) },
  }) as LiveShared<R | undefined, T>;
}

type StoreRef<T, M> = OrGetter<Ref<"store", StoreShape<T, M>>>;

/** A live value with what can be done to it. */
export interface LiveStore<R, M, S = R> extends Live<R> {
  /** The mutations of the store that the ref names now. */
  readonly do: Do<M>;
  /** `undo`, `redo` and the rest, of the same store. */
  readonly handle: ClientStore<S, M>;
  readonly canUndo: Live<boolean>;
  readonly canRedo: Live<boolean>;
}

/** The state, undefined until it is here; of the client given, or of the one that `setClient` set. */
export function store<T, M>(client: AnyClient, ref: StoreRef<T, M>): LiveStore<T | undefined, M, T>;
export function store<T, M, R>(client: AnyClient, ref: StoreRef<T, M>, select: (value: T) => R): LiveStore<R | undefined, M, T>;
export function store<T, M>(ref: StoreRef<T, M>): LiveStore<T | undefined, M, T>;
/** What `select` takes from the state; undefined until it is here. */
export function store<T, M, R>(ref: StoreRef<T, M>, select: (value: T) => R): LiveStore<R | undefined, M, T>;
export function store<T, M, R>(...args: unknown[]): LiveStore<R | undefined, M, T> {
  const [client, ref, select = (value: T) => value] = withClient<[StoreRef<T, M>, ((value: T) => R)?]>(args);
  const handle = following(ref, (now) => storeOf<T, M>(client, now));
  const live = createLive(ref, () => derived(handle(), (value) => (value === undefined ? undefined : (select(value) as R))));
  return Object.defineProperties(live, {
    do: { get: () => handle().do },
    handle: { get: handle },
    canUndo: { value: createLive(ref, () => handle().history.canUndo) },
    canRedo: { value: createLive(ref, () => handle().history.canRedo) },
  }) as LiveStore<R | undefined, M, T>;
}

/** How a topic is doing. It only looks: the topic is `idle` until something reads it. */
export function topicStatus(client: AnyClient, ref: OrGetter<Ref | string>): Live<TopicStatus>;
export function topicStatus(ref: OrGetter<Ref | string>): Live<TopicStatus>;
export function topicStatus(...args: unknown[]): Live<TopicStatus> {
  const [client, ref] = withClient<[OrGetter<Ref | string>]>(args);
  return createLive(ref, (now) =>
    // An atom may have been rendered by a server: whoever holds it first takes that over.
    typeof now === "string" || now.kind === "atom"
      ? atomOf(client, now as RefOrName<"atom", unknown>).status
      : statusOf(client, now),
  );
}
