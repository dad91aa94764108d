/**
 * What this server can do, what its clients say that they can, and the agreement on a better packer.
 *
 * Always: a client that says nothing is taken for a plain Sente one; what it says is bounded (capabilities.ts) and kept as long as its connection.
 * Rules: docs/protocol/capabilities.md CAP9-CAP25, docs/protocol/upgrade.md UP2.
 */
import {
  announcement,
  type Capabilities,
  compressionIn,
  defaultsFor,
  libraryVersion,
  protocolVersion,
  readAnnouncement,
} from "../session/capabilities.ts";
import { event } from "../session/messages/sente.ts";
import { packerAgreement, readPackerCapabilities, upgrade } from "../session/messages/upgrade.ts";
import { checkVersion, choosePacker } from "../session/negotiate.ts";
import type { Connection } from "./connection.ts";
import { closeCodes, type ServerLimits } from "./limits.ts";

/** What an application adds to what the server itself can do. */
export interface CapabilityOptions {
  readonly features?: Iterable<string>;
  /** Descriptors by name. */
  readonly services?: Readonly<Record<string, unknown>>;
  readonly extensions?: unknown;
}

export interface Capable {
  readonly own: Capabilities;
  /** Handshake data for one of ours, with the capabilities in it; data that is no map is left as it is. */
  announce(data: unknown): unknown;
  /** Takes what it has to do with; false: not its business. */
  hear(connection: Connection, id: string, data: unknown, callback: unknown): boolean;
  of(connection: Connection): Capabilities;
}

interface CapableHost {
  readonly options: CapabilityOptions;
  /** Names of packers, the best first. */
  readonly formats: readonly string[];
  readonly limits: ServerLimits;
  readonly heartbeatMs: number;
  onClient(connection: Connection, capabilities: Capabilities): void;
}

const ownFeatures = ["handshake", "event", "reply-fn", "ping-pong", "reconnect", "pub-sub", "broadcast", "sync", "move", "batch"];

export function createCapable({ options, formats, limits, heartbeatMs, onClient }: CapableHost): Capable {
  const own: Capabilities = {
    version: libraryVersion,
    protocolVersion,
    features: new Set([...ownFeatures, ...(options.features ?? [])]),
    wireFormats: formats,
    compression: compressionIn(formats),
    limits: { maxMessageBytes: limits.maxFrameBytes, maxConnections: limits.maxConnections, ...(heartbeatMs && { heartbeatMs }) },
    services: new Map(Object.entries(options.services ?? {})),
    extensions: options.extensions,
  };
  const silent = defaultsFor("client");

  return {
    own,
    announce: (data) => announcement(own, data),
    hear(connection, id, data, callback) {
      switch (id) {
        case upgrade.clientInfo: {
          const theirs = readAnnouncement(data);
          if (!theirs) return false;
          const refusal = checkVersion(own, theirs);
          if (refusal) {
            connection.control(connection.framer.event(upgrade.close, refusal));
            connection.flush();
            connection.close(closeCodes.unsupported, "unsupported version");
            return true;
          }
          connection.capabilities = theirs;
          if (callback !== null) connection.answer(callback, true);
          onClient(connection, theirs);
          return true;
        }
        case upgrade.packerCapabilities: {
          const offered = readPackerCapabilities(data);
          if (!offered) return false;
          const agreement = packerAgreement(choosePacker(formats, offered) ?? connection.framer.packer.name);
          if (callback !== null) connection.answer(callback, agreement);
          else connection.push(connection.framer.piece(event(upgrade.packerAgreement, agreement)));
          return true;
        }
        default:
          return false;
      }
    },
    of: (connection) => connection.capabilities ?? silent,
  };
}
