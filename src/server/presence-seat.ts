/**
 * A member as its room keeps it: whose it is, by which line it is here, and what it shows.
 *
 * Always: its id stays as long as it is there; what others are told of it is `shownOf`.
 * Rules: docs/protocol/presence.md PRESENCE2-PRESENCE4, PRESENCE20-PRESENCE23.
 */
import type { Timer } from "../core/env.ts";
import type { Member } from "../kind/presence.ts";
import type { Data } from "../session/messages/presence.ts";
import type { Session } from "./sessions.ts";
import type { Subscription } from "./subscription.ts";

export interface Seat {
  readonly id: string;
  /** Proves, under another session, that it is the same client. */
  readonly key: string;
  session: Session;
  /** Of the session's lines, the one that it is here by. */
  line: number;
  user: unknown;
  data: Data;
  isAway: boolean;
  /** The subscription that it is here by; nothing: its line is gone, and it is waited for. */
  holder: Subscription["consumer"];
  timer: Timer | undefined;
  /** Others are told that it is reconnecting. */
  isLost: boolean;
  lastSeenMs: number;
  /** Where there is a grid, the cell that it stands in. */
  cell: string | undefined;
}

export function shownOf({ user, data, isLost, isAway }: Seat): Pick<Member, "user" | "data" | "status"> {
  return { user, data, status: isLost ? "reconnecting" : isAway ? "away" : "online" };
}

export function memberOf(seat: Seat): Member {
  return { id: seat.id, lastSeenMs: seat.lastSeenMs, ...shownOf(seat) };
}
