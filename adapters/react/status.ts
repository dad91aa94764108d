/**
 * The client's own stores as hooks.
 *
 * Always: a server, and a page that takes its markup over, sees the state before the first connection.
 * Rules: docs/guides/react.md.
 */
import { useSyncExternalStore } from "react";
import type { User } from "sente-sync";
import type { ClientStatus } from "sente-sync/client";
import { useClient } from "./provider.ts";

const initial: ClientStatus = { name: "initial" };

/** What the line is doing. */
export function useStatus(): ClientStatus {
  const { status } = useClient();
  return useSyncExternalStore(status.listen, status.get, () => initial);
}

/** Who the server says that this is; undefined before the first connection. */
export function useUser(): User | undefined {
  const { user } = useClient();
  return useSyncExternalStore(user.listen, user.get, () => undefined);
}
