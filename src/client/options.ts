/**
 * What an application says of its client when it makes it.
 *
 * Always: every option may be left out; what then holds stands beside it.
 * Rules: docs/protocol.md HELLO1-HELLO7, CALL1-CALL7, LINE1-LINE9; docs/protocol/auth.md AUTH1-AUTH18.
 */
import type { Env } from "../core/env.ts";
import type { Events } from "../core/events.ts";
import type { LineOptions } from "../session/line-step.ts";
import type { Connector } from "../transport/transport.ts";
import type { Packer } from "../wire/packer.ts";
import type { Auth } from "./auth.ts";
import type { ClientStorage } from "./outbox.ts";
import type { Upgrade } from "./upgrade.ts";

export interface ClientLimits {
  /** Requests that wait for replies. Default 256. */
  readonly maxCallbacks: number;
  /** Writes per topic that wait or are under way. Default 1 000. */
  readonly maxPending: number;
  /** Characters or bytes of a snapshot. Default 64 Mi. */
  readonly maxSnapshotLength: number;
  /** Beyond it `send` answers `backpressure`. Default 1 MiB. */
  readonly maxBufferedBytes: number;
}

export interface ClientOptions<E extends Events = Events> {
  /** Types `send`, `request` and `on`. The server validates: what it refuses rejects the request with `invalid`. */
  readonly events?: E;
  /** Default: WebSocket. */
  readonly connector?: Connector;
  /** The same as the server's. Default `edn()`. */
  readonly packer?: Packer;
  /** Who this is, shown to the server and renewed: `renewing(() => token)` of `sente-sync/client/auth`. Default: what the browser sends, as cookies. */
  readonly auth?: Auth | undefined;
  /** Moves to better packers and transports while the session goes on: `upgrade(…)`. */
  readonly upgrade?: Upgrade;
  readonly reconnect?: Partial<LineOptions>;
  readonly limits?: Partial<ClientLimits>;
  /** How long a topic that nobody uses stays subscribed. Default 1 000. */
  readonly lingerMs?: number;
  /** How often positions are compared with the server's. Default 40 000. */
  readonly positionMs?: number;
  /** What `sync.dehydrate` made: values that are there at once. */
  readonly hydrate?: string | Uint8Array;
  /** Keeps writes that have no answer yet where they outlive the page or the process: `indexedDb()`, `files(folder)`. */
  readonly storage?: ClientStorage | undefined;
  /** False: wait for `connect()`. */
  readonly autoConnect?: boolean;
  /** What has no caller to tell. Default: console.error. */
  readonly onError?: (error: unknown, where: string) => void;
  readonly env?: Env;
}
