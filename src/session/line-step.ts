/**
 * A client's line: when to connect, give up, ping and try again. Pure: a state and an event give the next
 * state and what to do; the shell in client/ owns sockets and timers.
 *
 *   initial ──connect──▶ connecting ──handshake──▶ connected
 *                          ▲  │ failed, closed, gave up      │ closed, ping unanswered
 *                   retry  │  ▼                              ▼
 *                          └─ waiting ◀──────────────────────┘      waiting ──too many tries──▶ failed
 *   any ──disconnect──▶ disconnected ──connect──▶ connecting        any ──close──▶ closed, for ever
 *
 * Always: events carry the number of the line they speak of, and those of an older line change nothing (LINE4);
 * at most one line is open; there is one timer, and a step that changes the state clears it before it may set it anew.
 * Rules: docs/protocol.md LINE1-LINE9, PING1-PING7, RECONNECT1-RECONNECT5.
 */
import { backoffMs } from "./backoff.ts";

export interface LineOptions {
  /** As Sente's `ws-kalive-ms`: half of it idle, and a ping goes out. Default 20 000; 0 turns pings off. */
  readonly keepaliveMs: number;
  /** The answer to a ping must come within it. Default 5 000. */
  readonly pingTimeoutMs: number;
  /** From opening a line to its handshake. Default 20 000. */
  readonly connectTimeoutMs: number;
  /** Longest wait between two tries. Default 30 000. */
  readonly maxDelayMs: number;
  /** Tries in a row before `failed`. Default Infinity. */
  readonly maxAttempts: number;
  /** A line that lived shorter than this counts as a failed try. Default 5 000. */
  readonly stableAfterMs: number;
}

export const defaultLineOptions: LineOptions = {
  keepaliveMs: 20_000,
  pingTimeoutMs: 5000,
  connectTimeoutMs: 20_000,
  maxDelayMs: 30_000,
  maxAttempts: Number.POSITIVE_INFINITY,
  stableAfterMs: 5000,
};

/** Sente's words for why a line closed. */
export type CloseReason =
  | "clean"
  | "unexpected"
  | "requested-disconnect"
  | "requested-reconnect"
  | "ws-ping-timeout"
  | "ws-error"
  | "connect-timeout";

export type LineState = {
  /** The newest line's number; 0: none was opened yet. */
  readonly line: number;
  /** Tries in a row that did not last. */
  readonly attempt: number;
} & (
  | { readonly name: "initial" }
  | { readonly name: "connecting" }
  | { readonly name: "connected"; readonly sinceMs: number; readonly seen: number; readonly pinging: boolean }
  | { readonly name: "waiting"; readonly retryAtMs: number; readonly reason: CloseReason }
  | { readonly name: "disconnected" }
  | { readonly name: "failed"; readonly reason: CloseReason }
  | { readonly name: "closed" }
);

export type LineEvent =
  | { readonly type: "connect" }
  | { readonly type: "disconnect" }
  | { readonly type: "reconnect" }
  | { readonly type: "close" }
  /** The other side does not keep the protocol. */
  | { readonly type: "distrust" }
  /** The page became visible, the machine woke, the network came back. */
  | { readonly type: "probe"; readonly activity: number }
  | { readonly type: "handshake"; readonly line: number }
  | { readonly type: "line-failed"; readonly line: number }
  | { readonly type: "line-closed"; readonly line: number; readonly code: number }
  /** `activity` counts the messages that arrived on this line. */
  | { readonly type: "timer"; readonly activity: number };

export type LineEffect =
  | readonly [type: "open", line: number]
  /** Close the open line and hear no more of it. */
  | readonly [type: "drop", code: number, reason: string]
  | readonly [type: "ping"]
  /** Set the timer. */
  | readonly [type: "wait", delayMs: number]
  /** The line that carried the session is gone. */
  | readonly [type: "lost", reason: CloseReason];

export interface Now {
  readonly ms: number;
  /** Uniform in [0, 1). */
  readonly random: number;
}

export type Step = readonly [state: LineState, effects: readonly LineEffect[]];

export const initialLine: LineState = { name: "initial", line: 0, attempt: 0 };

export function stepLine(state: LineState, event: LineEvent, now: Now, options: LineOptions): Step {
  const { name, line, attempt } = state;
  const live = name === "connecting" || name === "connected";
  const idle = options.keepaliveMs ? ([["wait", options.keepaliveMs >> 1]] as const) : [];

  const leave = (reason: CloseReason, code = 0, text = ""): LineEffect[] => [
    ...(live && code ? [["drop", code, text] as const] : []),
    ...(name === "connected" ? [["lost", reason] as const] : []),
  ];
  const open = (tries: number, effects: readonly LineEffect[]): Step => [
    { name: "connecting", line: line + 1, attempt: tries },
    [...effects, ["open", line + 1], ["wait", options.connectTimeoutMs]],
  ];
  const end = (to: "disconnected" | "closed"): Step => [
    { name: to, line, attempt: 0 },
    leave("requested-disconnect", 1000, "CLOSE_NORMAL"),
  ];
  const lose = (reason: CloseReason, code?: number, text?: string): Step => {
    const effects = leave(reason, code, text);
    const stable = name === "connected" && now.ms - state.sinceMs >= options.stableAfterMs;
    const tries = stable ? 1 : attempt + 1;
    if (tries > options.maxAttempts) return [{ name: "failed", line, attempt: tries, reason }, effects];
    const delayMs = backoffMs(tries, now.random, options.maxDelayMs);
    return [{ name: "waiting", line, attempt: tries, retryAtMs: now.ms + delayMs, reason }, [...effects, ["wait", delayMs]]];
  };
  const ping = (activity: number): Step => [
    { ...(state as LineState & { name: "connected" }), seen: activity, pinging: true },
    [["ping"], ["wait", options.pingTimeoutMs]],
  ];

  const stay: Step = [state, []];
  // Closed is for ever; and a late word of an older line.
  if (name === "closed" || ("line" in event && event.line !== line)) return stay;
  switch (event.type) {
    case "connect":
      return live ? stay : open(0, []);
    case "reconnect":
      return open(0, leave("requested-reconnect", 1000, "CLOSE_NORMAL"));
    case "disconnect":
      return end("disconnected");
    case "close":
      return end("closed");
    case "handshake":
      return name === "connecting"
        ? [{ name: "connected", line, attempt, sinceMs: now.ms, seen: 0, pinging: false }, idle]
        : stay;
    case "distrust":
      return live ? lose("unexpected", 3000, "CLOSE_ABNORMAL") : stay;
    case "line-failed":
      return live ? lose("ws-error") : stay;
    case "line-closed":
      return live ? lose(event.code === 1000 ? "clean" : "unexpected") : stay;
    case "probe":
      // Waiting is over: whatever kept the line away may just have passed.
      if (name === "waiting") return open(attempt, []);
      return name === "connected" && !state.pinging ? ping(event.activity) : stay;
    case "timer":
      if (name === "waiting") return open(attempt, []);
      if (name === "connecting") return lose("connect-timeout", 3000, "CONNECT_TIMEOUT");
      if (name !== "connected") return stay;
      if (event.activity !== state.seen) return [{ ...state, seen: event.activity, pinging: false }, idle];
      return state.pinging ? lose("ws-ping-timeout", 3000, "PING_TIMEOUT") : ping(event.activity);
  }
}
