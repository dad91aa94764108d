/**
 * `atom(client, ref)`: a value that the server keeps, held here while somebody uses it.
 *
 * Always: `get()` inside a listener is the value it is told; what a change did not touch stays `===`.
 * Rules: docs/protocol.md ATOM1-ATOM9, SUB1-SUB20.
 */
import { type RefOrName, topicOf } from "../core/definitions.ts";
import { SyncError } from "../core/errors.ts";
import type { Readable, Unsubscribe } from "../core/store.ts";
import { createAtomReplica } from "../kind/atom-replica.ts";
import { coreOf } from "./client.ts";
import type { Cause, TopicStatus } from "./held.ts";

/** Why a listener is called. */
export interface Change {
  readonly cause: Cause;
}

export interface ClientAtom<T> {
  readonly topic: string;
  /** Undefined until the first value. */
  get(): T | undefined;
  /** Calls at once and on every change. */
  subscribe(run: (value: T | undefined, change?: Change) => void): Unsubscribe;
  /** Calls on changes only. */
  listen(run: (value: T | undefined, change: Change) => void): Unsubscribe;
  /** Resolves with the first value; rejects with a SyncError where it is refused. */
  readonly ready: Promise<T>;
  readonly status: Readable<TopicStatus>;
  readonly error: SyncError | undefined;
  /** Stays subscribed without a listener, until called back or closed. */
  keep(): Unsubscribe;
  /** Ends what this handle listens to. Safe twice. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Two handles of one topic share its subscription and its value. */
export function atom<T>(client: object, ref: RefOrName<"atom", T>): ClientAtom<T> {
  const core = coreOf(client);
  const topic = topicOf(ref);
  const held = core.hold(topic, "atom", createAtomReplica);
  const open = new Set<Unsubscribe>();
  const get = (): T | undefined => held.replica.value as T | undefined;

  const until = (...ends: Unsubscribe[]): Unsubscribe => {
    const end = (): void => {
      if (open.delete(end)) for (const each of ends) each();
    };
    open.add(end);
    return end;
  };
  const keep = (): Unsubscribe => until(held.use());
  const listen = (run: (value: T | undefined, change: Change) => void): Unsubscribe =>
    until(
      held.listen((cause) => run(get(), { cause })),
      held.use(),
    );

  const handle: ClientAtom<T> = {
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
          const value = get();
          const status = held.status.get();
          if (value !== undefined) resolve(value);
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
    keep,
    close() {
      for (const end of open) end();
    },
    [Symbol.dispose]: () => handle.close(),
  };
  return handle;
}
