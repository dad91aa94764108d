/**
 * The client's own stores as live values. Rules: docs/guides/svelte.md.
 */
import type { User } from "sente-sync";
import type { ClientStatus } from "sente-sync/client";
import { type AnyClient, getClient } from "./client.ts";
import { createLive, type Live } from "./live.ts";

/** What the line is doing. */
export function status(client: AnyClient = getClient()): Live<ClientStatus> {
  return createLive("", () => client.status);
}

/** Who the server says that this is; undefined before the first connection. */
export function user(client: AnyClient = getClient()): Live<User | undefined> {
  return createLive("", () => client.user);
}
