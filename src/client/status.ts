/**
 * What the line is doing, in words for an application.
 * Rules: docs/protocol.md LINE1 (the table of states in the guide "Connection states").
 */
import type { LineState } from "../session/line-step.ts";

export type ClientStatusName = "initial" | "connecting" | "connected" | "reconnecting" | "disconnected" | "failed" | "closed";

export interface ClientStatus {
  readonly name: ClientStatusName;
  /** Why the line was lost, in Sente's words. */
  readonly reason?: string;
  /** Wall clock, ms, of the next try. */
  readonly retryAtMs?: number;
  /** Name of the transport while connected. */
  readonly transport?: string;
}

/** `ready`: hello was answered. `ever`: there was a connection before. */
export function statusOf(line: LineState, ready: boolean, ever: boolean, transport = ""): ClientStatus {
  const { name, attempt, reason = "", retryAtMs = 0 } = line;
  switch (name) {
    case "waiting":
      return { name: "reconnecting", reason, retryAtMs };
    case "failed":
      return { name, reason };
    case "connected":
      if (ready) return { name, transport };
      return { name: ever ? "reconnecting" : "connecting" };
    case "connecting":
      return { name: ever || attempt ? "reconnecting" : name };
    default:
      return { name };
  }
}
