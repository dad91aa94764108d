/**
 * `request`: a request and where it stands.
 *
 * Always: the state is that of the latest call; a rejection is in `error` and goes to whoever awaits the promise, and
 * to nobody else: a promise that nobody asked for is not an unhandled rejection.
 * Rules: docs/guides/svelte.md.
 */

import type { DataArgs, EventName, RegisteredEvents, ReplyData, SyncError } from "sente-sync";
import type { Unsubscribe } from "sente-sync/client";
import { fromStore, writable } from "svelte/store";
import { type AnyClient, withClient } from "./client.ts";

export interface RequestState<Reply> {
  /** The latest reply; it stays while the next one is pending, and when that one fails. */
  readonly data: Reply | undefined;
  /** Why the latest call failed. */
  readonly error: SyncError | undefined;
  readonly pending: boolean;
}

/** Its state is reactive as properties, and through the store contract. */
export interface LiveRequest<N extends EventName<RegisteredEvents>> extends RequestState<ReplyData<RegisteredEvents, N>> {
  /** Asks the server. Rejects with a SyncError, which `error` has too. */
  readonly run: (...data: DataArgs<RegisteredEvents, N>) => Promise<ReplyData<RegisteredEvents, N>>;
  subscribe(run: (state: RequestState<ReplyData<RegisteredEvents, N>>) => void): Unsubscribe;
}

interface Options {
  readonly timeoutMs?: number;
}

/** A request to make at will: `const user = request("user/get")`, then `user.run({ id })` and `user.data`. */
export function request<N extends EventName<RegisteredEvents>>(client: AnyClient, name: N, options?: Options): LiveRequest<N>;
export function request<N extends EventName<RegisteredEvents>>(name: N, options?: Options): LiveRequest<N>;
export function request<N extends EventName<RegisteredEvents>>(...args: unknown[]): LiveRequest<N> {
  type Reply = ReplyData<RegisteredEvents, N>;
  const [client, name, options] = withClient<[N, Options?]>(args);
  const store = writable<RequestState<Reply>>({ data: undefined, error: undefined, pending: false });
  const state = fromStore(store);
  let latest = 0;
  return {
    run(...[data]) {
      const call = ++latest;
      const change = (to: Partial<RequestState<Reply>>): void => {
        if (call === latest) store.update((now) => ({ ...now, ...to }));
      };
      change({ error: undefined, pending: true });
      const reply = client.request(name, data as never, options);
      reply.then(
        (data) => change({ data, pending: false }),
        (error: SyncError) => change({ error, pending: false }),
      );
      return reply;
    },
    get data() {
      return state.current.data;
    },
    get error() {
      return state.current.error;
    },
    get pending() {
      return state.current.pending;
    },
    subscribe: store.subscribe,
  };
}
