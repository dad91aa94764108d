/**
 * `useRequest`: a request and where it stands.
 *
 * Always: the state is that of the latest call; a rejection is in `error` and goes to whoever awaits the promise, and
 * to nobody else: a promise that nobody asked for is not an unhandled rejection.
 * Rules: docs/guides/react.md.
 */
import { useMemo, useState } from "react";
import type { DataArgs, EventName, RegisteredEvents, ReplyData, SyncError } from "sente-sync";
import { useClient } from "./provider.ts";

export interface RequestState<N extends EventName<RegisteredEvents>> {
  /** Asks the server. Rejects with a SyncError, which `error` has too. */
  readonly run: (...data: DataArgs<RegisteredEvents, N>) => Promise<ReplyData<RegisteredEvents, N>>;
  /** The latest reply; it stays while the next one is pending, and when that one fails. */
  readonly data: ReplyData<RegisteredEvents, N> | undefined;
  /** Why the latest call failed. */
  readonly error: SyncError | undefined;
  readonly pending: boolean;
}

/** A request to make at will: `const { run, data, error, pending } = useRequest("user/get")`. */
export function useRequest<N extends EventName<RegisteredEvents>>(
  name: N,
  { timeoutMs }: { readonly timeoutMs?: number } = {},
): RequestState<N> {
  type State = RequestState<N>;
  const client = useClient();
  const [state, setState] = useState<State>();
  const idle = useMemo(() => {
    let latest = 0;
    const run: State["run"] = (...[data]) => {
      const call = ++latest;
      const change = (to: Partial<State>): void => {
        if (call === latest) setState((now) => ({ ...(now?.run === run ? now : idle), ...to }));
      };
      change({ error: undefined, pending: true });
      const reply = client.request(name, data as never, timeoutMs === undefined ? {} : { timeoutMs });
      reply.then(
        (data) => change({ data, pending: false }),
        (error: SyncError) => change({ error, pending: false }),
      );
      return reply;
    };
    const idle: State = { run, data: undefined, error: undefined, pending: false };
    return idle;
  }, [client, name, timeoutMs]);
  return state?.run === idle.run ? state : idle;
}
