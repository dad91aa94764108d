/**
 * What one server allows, and what happens beyond it.
 *
 * Always: every queue and table of the server is bounded by one of these, and counts what it refused in `sync.stats()`.
 * Rules: docs/protocol.md LIMIT1-LIMIT14.
 */
import type { Rate } from "../tail/bucket.ts";

export interface ServerLimits {
  /** For a request's headers, and again for admitting it. Beyond it the answer is 408. */
  readonly handshakeMs: number;
  /** One message from a client. Beyond it the connection closes with 1009. */
  readonly maxFrameBytes: number;
  /** A socket that was full and has not drained for so long is closed with 4013. */
  readonly stuckMs: number;
  /** Messages of one connection; beyond it reading pauses, after 30 s of that it closes with 4008. */
  readonly messages: Rate;
  /** Bytes of one connection, likewise. */
  readonly bytes: Rate;
  /** Requests of one connection whose handlers have not answered yet. */
  readonly maxCallbacks: number;
  /** How long a handler may take to answer a request; Infinity: as long as it likes. Beyond it the answer is `timeout`. */
  readonly handlerMs: number;
  /** Topics of one connection. */
  readonly maxSubscriptions: number;
  /** Topics a connection may bring into being. */
  readonly newTopics: Rate;
  /** Topics of the server that are loaded. */
  readonly maxTopics: number;
  /** Entries that the tails of all topics hold for readers that come back, and logs in memory, together. */
  readonly maxTailBytes: number;
  /** A topic that nobody has used for so long, and that can be read from its storage, is let go of; Infinity: none is. */
  readonly idleTopicMs: number;
  /** Connections of one signed-in user. Beyond it an upgrade is answered 429. */
  readonly maxConnectionsPerUser: number;
  /** Connections in all. Beyond it an upgrade is answered 503. */
  readonly maxConnections: number;
  /** Sessions without a connection that are remembered, and for how long. */
  readonly maxIdleSessions: number;
  readonly sessionGraceMs: number;
  /** Messages that wait for one connection; from there on reading pauses, and pushes are dropped and counted. */
  readonly maxWaiting: number;
  /** Sessions whose writes one topic remembers. Of one beyond it a write that is sent again is rejected with `session-lost`. */
  readonly maxWriters: number;
}

export const defaultLimits: ServerLimits = {
  handshakeMs: 10_000,
  maxFrameBytes: 1024 * 1024,
  stuckMs: 30_000,
  messages: { perSecond: 200, burst: 400 },
  bytes: { perSecond: 1024 * 1024, burst: 4 * 1024 * 1024 },
  maxCallbacks: 256,
  handlerMs: 60_000,
  maxSubscriptions: 256,
  newTopics: { perSecond: 1, burst: 60 },
  maxTopics: 100_000,
  maxTailBytes: 256 * 1024 * 1024,
  idleTopicMs: 60_000,
  maxConnectionsPerUser: 32,
  maxConnections: 20_000,
  maxIdleSessions: 20_000,
  sessionGraceMs: 120_000,
  maxWaiting: 1024,
  maxWriters: 10_000,
};

/** Codes a connection is closed with. */
export const closeCodes = {
  normal: 1000,
  goingAway: 1001,
  tooLarge: 1009,
  malformed: 4007,
  tooMany: 4008,
  stuck: 4013,
  ended: 4003,
  unsupported: 4010,
} as const;
