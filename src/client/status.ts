/**
 * What the line is doing, in words for an application.
 * Rules: docs/protocol.md LINE1 (the table of states in the guide "Connection states"); docs/protocol/auth.md AUTH3, AUTH4.
 */
import type { SyncError } from "../core/errors.ts";
import type { LineState } from "../session/line-step.ts";

export type ClientStatusName =
  | "initial"
  | "connecting"
  | "connected"
  | "reconnecting"
  /** The server does not let this client in: until `reauthenticate()`, or `connect()`. */
  | "needs-auth"
  | "disconnected"
  | "failed"
  | "closed";

export interface ClientStatus {
  readonly name: ClientStatusName;
  /** Why the line was lost, in Sente's words. */
  readonly reason?: string;
  /** While it needs credentials: what the server, or `auth`, said. `unauthenticated` or `forbidden`. */
  readonly error?: SyncError;
  /** Wall clock, ms, of the next try. */
  readonly retryAtMs?: number;
  /** Name of the transport while connected. */
  readonly transport?: string;
}

/** `ready`: hello was answered. `ever`: there was a connection before. `error`: why this client is not let in. */
export function statusOf(
  { name, attempt, reason, retryAtMs }: LineState,
  ready: boolean,
  ever: boolean,
  transport: string | undefined,
  error: SyncError | undefined,
): ClientStatus {
  // A key without anything to say is undefined.
  if (name === "connected" && ready) return { name, transport } as ClientStatus;
  if (name === "connected" || name === "connecting") return { name: ever || attempt ? "reconnecting" : "connecting" };
  return { name: name === "waiting" ? "reconnecting" : name, reason, retryAtMs, error } as ClientStatus;
}
