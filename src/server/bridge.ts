/**
 * A bridge: another protocol on a path of its own, made ours connection by connection.
 *
 * Always: what comes over a bridge passes the same doors, limits and grants as a connection of ours; a server without
 * bridges loads none.
 * Rules: docs/protocol/sente-lite.md LITE1.
 */
import type { User } from "../core/register.ts";
import type { Transport } from "../transport/transport.ts";
import type { Framer } from "./frames.ts";
import type { Refusal } from "./request.ts";

/** The door, for a bridge whose peers say on the line who they are. */
export interface Admission {
  /** Who it is by that URL, or why not; never rejects. */
  admit(url: URL): Promise<{ readonly user: User } | Refusal>;
  enter(inner: Transport, url: URL, user: User): void;
}

interface AnyBridge {
  /** The URL as one of ours would have it. */
  adapt(url: URL): void;
  /** What it speaks with the server. */
  readonly framer: Framer;
}

/** A connection is one of ours, of who was let in at the door. */
export interface Translator extends AnyBridge {
  /** Speaks its own protocol on `transport`, and ours on the one that it gives. */
  translate(transport: Transport, url: URL, user: User): Transport;
  /** Who that user is, coming this way. */
  readonly userOf?: (user: User) => User;
  readonly receive?: undefined;
}

/** A connection becomes any number of ours, each once it was said who it is. */
export interface Receiver extends AnyBridge {
  receive(transport: Transport, url: URL, door: Admission): void;
}

export type Bridge = Translator | Receiver;
