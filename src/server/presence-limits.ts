/**
 * What one room allows, and what it counts: `counters` of the room's handle.
 *
 * Always: what a member does beyond a limit is refused, changes nothing for others, and is counted.
 * Rules: docs/protocol/presence.md PRESENCE1-PRESENCE9.
 */

export interface PresenceLimits {
  /** A member's data, as it is packed. Default 4 KiB. */
  readonly memberBytes: number;
  /** Of one member; clients gather what comes faster. Default 10. */
  readonly updatesPerSecond: number;
  /** Broadcasts of one member. Default 20. */
  readonly eventsPerSecond: number;
  /** Broadcasts of one member that may be lost. Default 60. */
  readonly lossyPerSecond: number;
  /** Of one room. Default 10 000. */
  readonly members: number;
}

export const defaultPresenceLimits: PresenceLimits = {
  memberBytes: 4096,
  updatesPerSecond: 10,
  eventsPerSecond: 20,
  lossyPerSecond: 60,
  members: 10_000,
};

export interface PresenceCounters {
  joined: number;
  left: number;
  /** Came back while they were waited for. */
  returned: number;
  /** Data or events that the schema or the application refused. */
  invalid: number;
  tooLarge: number;
  rateLimited: number;
  /** Joins of a room that was full. */
  full: number;
}

export function createPresenceCounters(): PresenceCounters {
  return { joined: 0, left: 0, returned: 0, invalid: 0, tooLarge: 0, rateLimited: 0, full: 0 };
}
