/**
 * What the server says that it can do, and what this client says of itself: opt-in, for who asks.
 *
 * Always: a server that says nothing is taken for a plain Sente one; what is announced is told again on every new line.
 * Rules: docs/protocol/capabilities.md CAP18, CAP24-CAP26.
 */
import { fromWireError, SyncError } from "../core/errors.ts";
import {
  announcement,
  type Capabilities,
  compressionIn,
  defaultsFor,
  libraryVersion,
  readAnnouncement,
  recommended,
  supports,
} from "../session/capabilities.ts";
import { readClose, upgrade } from "../session/messages/upgrade.ts";
import { type Client, coreOf } from "./client.ts";

/** What an application adds to what the client itself can do. */
export interface AnnounceOptions {
  readonly features?: Iterable<string>;
  /** Descriptors by name. */
  readonly services?: Readonly<Record<string, unknown>>;
  readonly extensions?: unknown;
  /** The largest message that the client takes. */
  readonly maxMessageBytes?: number;
}

/** The server's capabilities; those of a plain Sente server until it has said its own. */
export function serverCapabilities(client: object): Capabilities {
  return readAnnouncement(coreOf(client).facts.handshake?.[1]) ?? defaultsFor("server");
}

/** True if the server said that it can do that. */
export function serverSupports(client: object, feature: string): boolean {
  return supports(serverCapabilities(client), feature);
}

/** Throws SyncError `feature-not-supported` where the server did not say that it can do that. */
export function requireFeature(client: object, feature: string): void {
  if (serverSupports(client, feature)) return;
  throw new SyncError("feature-not-supported", `The server does not say that it can do "${feature}".`);
}

/**
 * Tells the server what this client can do, now and on every line to come, and honours the limits that the server told. A server that speaks
 * another version of the protocol closes with the reason, which goes to `onError`; the client then stays disconnected.
 */
export function announce(client: Client, options: AnnounceOptions = {}): () => void {
  const core = coreOf(client);
  const own: Capabilities = {
    ...recommended,
    version: libraryVersion,
    wireFormats: core.formats,
    compression: compressionIn(core.formats),
    features: new Set([...recommended.features, "pub-sub", "sync", "move", ...(options.features ?? [])]),
    limits: options.maxMessageBytes === undefined ? {} : { maxMessageBytes: options.maxMessageBytes },
    services: new Map(Object.entries(options.services ?? {})),
    extensions: options.extensions,
  };
  const tell = (): void => {
    core.facts.maxFrameBytes = serverCapabilities(client).limits.maxMessageBytes ?? core.facts.maxFrameBytes;
    core.send(upgrade.clientInfo, announcement(own));
  };
  const stops = [client.on("connect", tell), client.on("resume", tell)];
  core.join({
    receive(id, data) {
      const refusal = id === upgrade.close ? readClose(data) : undefined;
      if (!refusal) return false;
      core.report(fromWireError({ code: "unsupported", message: refusal.reason }), id);
      if (refusal.supported.length) client.disconnect();
      return true;
    },
    lost() {},
  });
  if (client.status.get().name === "connected") tell();
  return () => {
    for (const stop of stops) stop();
  };
}
