/**
 * Connections as handlers and hooks see them.
 *
 * Always: one peer per connection, made when first asked for; where a session moves, its peer speaks for the connection that took over.
 * Rules: docs/protocol/upgrade.md MOVE1-MOVE14; docs/protocol/capabilities.md CAP9-CAP25.
 */
import { supports } from "../session/capabilities.ts";
import { event } from "../session/messages/sente.ts";
import type { Capable } from "./capable.ts";
import type { Connection } from "./connection.ts";
import type { Peer } from "./handlers.ts";
import { closeCodes } from "./limits.ts";

export interface Peers {
  of(connection: Connection): Peer;
  /** Who was on `from` is on `to` now. */
  moved(from: Connection, to: Connection): void;
}

/** `capabilitiesOf`: what its client said that it can do. */
export function createPeers(capabilitiesOf: Capable["of"]): Peers {
  const peers = new WeakMap<Connection, Peer>();
  const of = (connection: Connection): Peer => {
    const known = peers.get(connection);
    if (known) return known;
    const peer: Peer = {
      id: connection.id,
      clientId: connection.clientId,
      get user() {
        return connection.current.user;
      },
      get capabilities() {
        return capabilitiesOf(connection.current);
      },
      supports: (feature) => supports(capabilitiesOf(connection.current), feature),
      send(name, data) {
        const { current } = connection;
        current.push(current.framer.piece(event(name, data)));
      },
      close: () => connection.current.close(closeCodes.normal, ""),
    };
    peers.set(connection, peer);
    return peer;
  };
  return { of, moved: (from, to) => void peers.set(to, of(from)) };
}
