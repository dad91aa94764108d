/**
 * A bridge: another protocol on a path of its own, made ours connection by connection.
 *
 * Always: what comes over a bridge passes the same doors, limits and grants as a connection of ours; a server without
 * bridges loads none.
 * Rules: docs/protocol/sente-lite.md LITE1.
 */
import type { Transport } from "../transport/transport.ts";
import type { Framer } from "./frames.ts";

export interface Bridge {
  /** The URL as one of ours would have it. */
  adapt(url: URL): void;
  /** What it speaks with the server. */
  readonly framer: Framer;
  /** Speaks its own protocol on `transport`, and ours on the one that it gives. */
  translate(transport: Transport): Transport;
}
