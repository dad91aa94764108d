/**
 * What an application says of its server when it makes it.
 *
 * Always: every option may be left out; what then holds stands beside it, or in the file that its type comes from.
 * Rules: docs/protocol.md HAND1-HAND5, DOOR1-DOOR12, LIMIT1-LIMIT13; docs/protocol/auth.md AUTH1-AUTH15.
 */
import type { IncomingMessage } from "node:http";
import type { Env } from "../core/env.ts";
import type { Events } from "../core/events.ts";
import type { User } from "../core/register.ts";
import type { Capabilities } from "../session/capabilities.ts";
import type { Durability, Storage } from "../topic/log.ts";
import type { Packer } from "../wire/packer.ts";
import type { LongPollOptions } from "./ajax.ts";
import type { CapabilityOptions } from "./capable.ts";
import type { Authorize } from "./grants.ts";
import type { Peer } from "./handlers.ts";
import type { Reject } from "./http.ts";
import type { Expiring } from "./identity.ts";
import type { KeepaliveOptions } from "./keepalive.ts";
import type { ServerLimits } from "./limits.ts";
import type { RequestContext } from "./request.ts";

export interface ServerOptions<E extends Events = Events> {
  /** Events and their schemas; those not named here carry anything. */
  readonly events?: E;
  /**
   * The user of a connection, or null to refuse it (401); throws SyncError `unauthenticated` or `forbidden` to refuse it with a reason. With
   * `expiresAtMs` it is asked again by then, for a new `token`. Default: everybody is anonymous.
   */
  readonly authenticate?: (context: {
    readonly request: IncomingMessage | undefined;
    readonly url: URL;
    /** What a client with `auth` showed. */
    readonly token: string | undefined;
  }) => User | Expiring | null | Promise<User | Expiring | null>;
  /** A client whose credentials expired has so long to show new ones. Default 30 000. */
  readonly renewalGraceMs?: number;
  /** Default: reading and publishing what is declared, and every event that has a handler. */
  readonly authorize?: Authorize;
  /** What Sente calls handshake data: any value, told to each connection first. */
  readonly handshakeData?: (context: { readonly url: URL; readonly user: User }) => unknown;
  /** Origins allowed beside the server's own: exact strings, or "all". */
  readonly origins?: readonly string[] | "all";
  /** As Sente has it: a request without an Origin must have a Referer of an allowed one. Default false: no Origin is no browser. */
  readonly requireOrigin?: boolean;
  /** The CSRF token that a request must show (`csrf-token`, `x-csrf-token`, `x-xsrf-token`); null refuses it, undefined lets it pass. Default: none is asked for. */
  readonly csrfToken?: (context: RequestContext) => string | null | undefined;
  /** The last word on every request: a refusal of one's own, or another answer to one that the checks refused. */
  readonly reject?: Reject;
  readonly limits?: Partial<ServerLimits>;
  readonly keepalive?: Partial<KeepaliveOptions>;
  /** Long polling for clients that cannot have a WebSocket; false: none. */
  readonly longPoll?: Partial<LongPollOptions> | false;
  /** The wire format of clients that do not ask for one. Default `edn()`. */
  readonly packer?: Packer;
  /** More that clients of ours may ask for, by name. */
  readonly packers?: readonly Packer[];
  /** A user who has left stays connected for so long, and what is pushed meanwhile waits. Default 2 500. */
  readonly reconnectGraceMs?: number;
  /** A user has the first connection, or after the grace none any more. */
  readonly onUserOpen?: (userId: string) => void;
  readonly onUserClose?: (userId: string) => void;
  /** Features, services and extensions that the application adds to what clients are told. */
  readonly capabilities?: CapabilityOptions;
  /** A client said what it can do. */
  readonly onClientCapabilities?: (peer: Peer, capabilities: Capabilities) => void;
  readonly onConnect?: (peer: Peer) => void;
  readonly onDisconnect?: (peer: Peer, code: number, reason: string) => void;
  /** What has no caller to tell. Default: console.error. */
  readonly onError?: (error: unknown, where: string) => void;
  /** Where durable topics live: `folder("./data")`. Default: everything is in memory. */
  readonly storage?: Storage;
  /** How durable kinds are that do not say; all but `memory` needs a `storage`. Default: as the kind has it, see docs/guides/durability.md. */
  readonly durability?: Durability;
  /** How long a client may be away and still be known by its session. Default 7 days. */
  readonly sessionMaxAgeMs?: number;
  /** Clock, timers, randomness: for simulations. */
  readonly env?: Env;
}
