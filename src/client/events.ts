/**
 * What a client's listeners are told, and what becomes of an event that it sends.
 * Rules: docs/protocol.md EVENT1-EVENT7.
 */

/** `queued`: the first connection is on its way, and this goes with it. */
export type SendResult = "ok" | "queued" | "backpressure" | "closed";

/** What happened to the line; told to `client.on`. */
export interface LifecycleEvents {
  /** First connection. */
  connect: Record<string, never>;
  /** A later one; `recovered`: the server still knew the session. */
  resume: { readonly recovered: boolean };
  disconnect: { readonly reason: string };
}

export interface EventMessage<Data = unknown> {
  readonly event: string;
  readonly data: Data;
}
