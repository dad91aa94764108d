/**
 * A client's line: when to connect, give up, ping and try again. Pure: a state and an event give the next state; the shell
 * in client/line.ts owns sockets and timers, and makes them what the state says.
 *
 *   initial ──connect──▶ connecting ──handshake──▶ connected
 *                          ▲  │ failed, closed, gave up      │ closed, ping unanswered
 *                   retry  │  ▼                              ▼
 *                          └─ waiting ◀──────────────────────┘      waiting ──too many tries──▶ failed
 *   connecting, connected ──refused──▶ needs-auth ──connect──▶ connecting
 *   any ──disconnect──▶ disconnected ──connect──▶ connecting        any ──close──▶ closed, for ever
 *
 * Always: an event that changes nothing gives the same state back; events of an older line change nothing (LINE4);
 * a line is open exactly while `connecting` or `connected`; a state that waits for the one timer says for how long.
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

/** Sente's words for why a line closed. */
export type CloseReason =
  | "clean"
  | "unexpected"
  | "requested-disconnect"
  | "requested-reconnect"
  | "ws-ping-timeout"
  | "ws-error"
  | "connect-timeout"
  | "refused";

export interface LineState {
  readonly name: "initial" | "connecting" | "connected" | "waiting" | "needs-auth" | "disconnected" | "failed" | "closed";
  /** The newest line's number; 0: none was opened yet. */
  readonly line: number;
  /** Tries in a row that did not last. */
  readonly attempt: number;
  /** After it the `timer` comes, counted from the step into this state. */
  readonly waitMs?: number | undefined;
  /** Why the line before was left. */
  readonly reason?: CloseReason | undefined;
  /** What the line before is told, with 3000, when it is this side that leaves it; nothing: 1000 and CLOSE_NORMAL. */
  readonly farewell?: string | undefined;
  /** While waiting: the wall clock at the next try. */
  readonly retryAtMs?: number;
  /** While connected: since when; what was heard by the last look; whether that look sent a ping. */
  readonly sinceMs?: number;
  readonly heard?: number;
  readonly pinging?: boolean;
}

/** What happened, and for the line's own events to which; without a number, to the newest. */
export type LineEvent = readonly [
  type:
    | "connect"
    | "disconnect"
    | "reconnect"
    | "close"
    /** The other side does not keep the protocol. */
    | "distrust"
    /** The other side does not let this one in: who it is must be shown anew. */
    | "refused"
    /** The page became visible, the machine woke, the network came back. */
    | "probe"
    | "timer"
    | "handshake"
    | "line-failed"
    | "line-closed",
  line?: number,
  code?: number,
];

export interface Now {
  readonly ms: number;
  readonly wallMs: number;
  /** Uniform in [0, 1). */
  readonly random: number;
  /** Messages that arrived on the newest line. */
  readonly heard: number;
}

export const initialLine: LineState = { name: "initial", line: 0, attempt: 0 };

export function stepLine(
  state: LineState,
  [type, of, code]: LineEvent,
  now: Now,
  {
    keepaliveMs = 20_000,
    pingTimeoutMs = 5000,
    connectTimeoutMs = 20_000,
    maxDelayMs = 30_000,
    maxAttempts,
    stableAfterMs = 5000,
  }: Partial<LineOptions> = {},
): LineState {
  const { name, line, attempt, pinging } = state;
  const connected = name === "connected";
  const live = connected || name === "connecting";

  const open = (tries: number, reason?: CloseReason): LineState => ({
    name: "connecting",
    line: line + 1,
    attempt: tries,
    reason,
    waitMs: connectTimeoutMs,
  });
  /** Connected until the next look. */
  const look = (ping: boolean): LineState => ({
    ...state,
    name: "connected",
    heard: now.heard,
    pinging: ping,
    waitMs: ping ? pingTimeoutMs : keepaliveMs >> 1 || undefined,
  });
  const lose = (reason: CloseReason, farewell?: string): LineState => {
    if (!live) return state;
    const stable = connected && now.ms - (state.sinceMs ?? 0) >= stableAfterMs;
    const left = { line, attempt: stable ? 1 : attempt + 1, reason, farewell };
    // Nothing is greater than undefined: without a limit.
    if (left.attempt > (maxAttempts as number)) return { name: "failed", ...left };
    const waitMs = backoffMs(left.attempt, now.random, maxDelayMs);
    return { name: "waiting", ...left, waitMs, retryAtMs: Math.round(now.wallMs + waitMs) };
  };

  // Closed is for ever; and a late word of an older line.
  if (name === "closed" || (of !== undefined && of !== line)) return state;
  switch (type) {
    case "connect":
      return live ? state : open(0);
    case "reconnect":
      return open(0, "requested-reconnect");
    case "disconnect":
    case "close":
      return { name: type === "close" ? "closed" : "disconnected", line, attempt: 0, reason: "requested-disconnect" };
    case "handshake":
      // The handshake itself counts as heard at the first look.
      return name === "connecting" ? { ...look(false), sinceMs: now.ms, heard: 0 } : state;
    case "distrust":
      return lose("unexpected", "CLOSE_ABNORMAL");
    case "refused":
      return live ? { name: "needs-auth", line, attempt: 0, reason: type } : state;
    case "line-failed":
      return lose("ws-error");
    case "line-closed":
      return lose(code === 1000 ? "clean" : "unexpected");
    default:
      // A timer or a probe. Waiting is over: whatever kept the line away may just have passed.
      if (name === "waiting") return open(attempt);
      if (type === "probe") return connected && !pinging ? look(true) : state;
      if (!connected) return lose("connect-timeout", "CONNECT_TIMEOUT");
      if (now.heard !== state.heard) return look(false);
      return pinging ? lose("ws-ping-timeout", "PING_TIMEOUT") : look(true);
  }
}
