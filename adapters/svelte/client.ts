/**
 * The client in Svelte's context: set by one component, used by all below it.
 *
 * Rules: docs/guides/svelte.md.
 */

import { type RegisteredEvents, SyncError } from "sente-sync";
import type { Client } from "sente-sync/client";
import { getContext, onDestroy, setContext } from "svelte";

/** A client of any events. */
export type AnyClient = Pick<Client, "status" | "user" | "clientId" | "connect" | "disconnect" | "reconnect" | "close">;

const key = Symbol("sente-sync client");

/** Gives a client to this component and all below it. What a function made is closed with this component. */
export function setClient(client: AnyClient | (() => AnyClient)): Client<RegisteredEvents> {
  if (typeof client !== "function") return setContext(key, client as Client<RegisteredEvents>);
  const made = client();
  onDestroy(() => made.close());
  return setContext(key, made as Client<RegisteredEvents>);
}

/** The client that a component above has set. Throws SyncError `invalid` where none has. */
export function getClient(): Client<RegisteredEvents> {
  const client = getContext<Client<RegisteredEvents> | undefined>(key);
  if (!client) throw new SyncError("invalid", "No client: call setClient in a component above this one.");
  return client;
}

/** The arguments after the client, which is the context's where it was left out. */
export function withClient<Rest extends unknown[]>(args: readonly unknown[]): [client: Client<RegisteredEvents>, ...rest: Rest] {
  const [first] = args;
  const isGiven = typeof first === "object" && first !== null && "clientId" in first;
  return (isGiven ? args : [getClient(), ...args]) as [Client<RegisteredEvents>, ...Rest];
}
