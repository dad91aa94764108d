/**
 * What every handle of a topic with a value has: read it, be told of it, wait for it.
 *
 * Always: `get()` inside a listener is the value it is told; two handles of one topic share its subscription and its value, and
 * closing one ends what it listens to, and nothing else.
 * Rules: docs/protocol.md SUB1-SUB20.
 */
import type { Ref } from "../core/definitions.ts";
import { SyncError } from "../core/errors.ts";
import { addTo, callAll, type Readable, type Unsubscribe } from "../core/store.ts";
import { type ClientCore, coreOf } from "./client.ts";
import type { Cause, Held, TopicStatus } from "./held.ts";

/** Why a listener is called; `local`: by a change of this client that the server has not confirmed, or that it took back. */
export interface Change<C extends string = Cause | "local"> {
  readonly cause: C;
}

export interface ValueHandle<T, C extends string = Cause | "local"> {
  readonly topic: string;
  /** Undefined until the first value. */
  get(): T | undefined;
  /** Calls at once and on every change. */
  subscribe(run: (value: T | undefined, change?: Change<C>) => void): Unsubscribe;
  /** Calls on changes only. */
  listen(run: (value: T | undefined, change: Change<C>) => void): Unsubscribe;
  /** Resolves once a value of the server is here; rejects with a SyncError where it is refused. */
  readonly ready: Promise<T>;
  readonly status: Readable<TopicStatus>;
  readonly error: SyncError | undefined;
  /** Stays subscribed without a listener, until called back or closed. */
  keep(): Unsubscribe;
  /** Ends what this handle listens to. Safe twice. */
  close(): void;
  [Symbol.dispose](): void;
}

/** `local`: who is told when the value changes here first. `isKnown`: there is a value of the server. */
export function valueHandle<T, C extends string = Cause | "local">(
  topic: string,
  held: Held,
  get: () => T | undefined,
  local?: Set<(change: Change<C>) => void>,
  isKnown = (): boolean => get() !== undefined,
): ValueHandle<T, C> {
  const open = new Set<Unsubscribe>();
  const until = (...ends: Unsubscribe[]): Unsubscribe => {
    const end = (): void => {
      if (open.delete(end)) for (const each of ends) each();
    };
    open.add(end);
    return end;
  };
  const listen = (run: (value: T | undefined, change: Change<C>) => void): Unsubscribe => {
    const tell = (change: Change<C>): void => run(get(), change);
    const ends = [held.listen((cause) => tell({ cause: cause as string as C })), held.use()];
    if (local) ends.push(addTo(local, tell));
    return until(...ends);
  };

  const handle: ValueHandle<T, C> = {
    topic,
    get,
    listen,
    subscribe(run) {
      run(get());
      return listen(run);
    },
    get ready() {
      return new Promise<T>((resolve, reject) => {
        const settle = (): void => {
          const status = held.status.get();
          if (isKnown()) resolve(get() as T);
          else if (status === "refused" || status === "deleted") reject(held.error ?? new SyncError("forbidden"));
          else return;
          stop();
        };
        const stop = until(held.use(), held.listen(settle), held.status.listen(settle));
        settle();
      });
    },
    status: held.status,
    get error() {
      return held.error;
    },
    keep: () => until(held.use()),
    close() {
      for (const end of open) end();
    },
    [Symbol.dispose]: () => handle.close(),
  };
  return handle;
}

/** Tells those who listen to changes made here. */
export function tellLocal(core: ClientCore, topic: string, local: Set<(change: Change) => void>): void {
  core.attempt(() => callAll(local, { cause: "local" }), topic);
}

/** How a topic of any kind is doing. It only looks: the topic is `idle` until something uses it. */
export function topicStatus(client: object, ref: Ref): Readable<TopicStatus> {
  return coreOf(client).hold(ref.topic, ref.kind).status;
}
