/**
 * `SyncProvider`: the client that hooks below it use, made and closed by the provider or by the application.
 *
 * Always: what `create` made is closed once no mounted provider uses it. React renders, mounts and unmounts more often
 * than a page does (StrictMode, Suspense, Activity), so closing waits for a later turn, in which a second mount
 * takes the client over; one that was closed meanwhile is made anew.
 * Rules: docs/guides/react.md.
 */
import { createContext, createElement, type ReactElement, type ReactNode, useContext, useEffect, useState } from "react";
import { type RegisteredEvents, SyncError } from "sente-sync";
import type { Client } from "sente-sync/client";

/** A client of any events. */
export type AnyClient = Pick<Client, "status" | "user" | "clientId" | "connect" | "disconnect" | "reconnect" | "close">;

export type SyncProviderProps = { readonly children?: ReactNode } & (
  | {
      /** Makes the client; called once per mounted provider, which closes it. */
      readonly create: () => AnyClient;
      readonly client?: undefined;
    }
  | {
      /** A client that the application closes. */
      readonly client: AnyClient;
      readonly create?: undefined;
    }
);

interface Owned {
  readonly client: AnyClient;
  timer: ReturnType<typeof setTimeout>;
}

/** How long a client waits for a first render to be mounted. A server mounts nothing. */
const mountMs = typeof window === "undefined" ? 0 : 5000;

const Context = createContext<AnyClient | undefined>(undefined);

/** By props: StrictMode renders a component twice with the same ones. */
const made = new WeakMap<SyncProviderProps, Owned>();

const isClosed = ({ client }: Owned): boolean => client.status.get().name === "closed";
const closeAfter = ({ client }: Owned, delayMs: number): Owned["timer"] => setTimeout(() => client.close(), delayMs);

function own(props: SyncProviderProps): Owned | undefined {
  let owned = made.get(props);
  if (props.create && (!owned || isClosed(owned))) {
    owned = { client: props.create(), timer: 0 as never };
    owned.timer = closeAfter(owned, mountMs);
    made.set(props, owned);
  }
  return owned;
}

/** Gives a client to the hooks below it. A `key={user.id}` makes another one for another user. */
export function SyncProvider(props: SyncProviderProps): ReactElement {
  const [owned, setOwned] = useState(() => own(props));
  // biome-ignore lint/correctness/useExhaustiveDependencies: `create` is called per mount, not per render
  useEffect(() => {
    if (!owned) return;
    if (isClosed(owned)) return setOwned(own(props));
    clearTimeout(owned.timer);
    return () => {
      owned.timer = closeAfter(owned, 0);
    };
  }, [owned]);
  return createElement(Context.Provider, { value: props.client ?? owned?.client }, props.children);
}

/** The nearest provider's client. Throws SyncError `invalid` where there is none. */
export function useClient(): Client<RegisteredEvents> {
  const client = useContext(Context);
  if (!client) throw new SyncError("invalid", "No client: put a <SyncProvider> around this component.");
  return client as Client<RegisteredEvents>;
}
