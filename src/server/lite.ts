/**
 * `senteLite(sync, …)`: a door for peers that speak sente_lite, on a path of its own.
 *
 * They meet the same events, channels and atoms as clients of ours, and are held to the same limits and grants.
 * Always: a peer sets an atom only where `onAtom` says so; a server that does not call this loads none of it.
 * Rules: docs/protocol/sente-lite.md LITE1-LITE16.
 */
import { uuidV7 } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import { lite, readAtomChange } from "../session/messages/lite.ts";
import type { Transport } from "../transport/transport.ts";
import { edn } from "../wire/edn.ts";
import type { ServerAtom } from "./atom.ts";
import type { Bridge } from "./bridge.ts";
import { coreOf } from "./core.ts";
import type { Peer } from "./handlers.ts";
import { type LiteHost, LitePeer } from "./lite-peer.ts";
import type { Server } from "./server.ts";

/** What a peer published as an atom's new value. */
export interface LiteAtomChange {
  readonly atom: ServerAtom<unknown>;
  readonly value: unknown;
  readonly user: User;
  readonly peer: Peer;
}

export interface SenteLiteOptions {
  /** Where they connect, on every HTTP server that this server listens on or is attached to. Default "/lite". */
  readonly path?: string;
  /** The event of our channels that a message on theirs is. Default "message". */
  readonly event?: string;
  /** What goes over their channel `atom-sync`; `:atom-id` is the topic. Default: none, and it is a channel like any other. */
  readonly atoms?: readonly ServerAtom<unknown>[];
  /** Answers true where the atom is to be set to that value. Default: a peer sets nothing. */
  readonly onAtom?: (change: LiteAtomChange) => boolean;
  /** Echoes events that nobody handles, as sente_lite's own servers do. Default false. */
  readonly echo?: boolean;
}

export interface SenteLite {
  /** Takes a peer from elsewhere: a test, a pipe. */
  accept(transport: Transport, url?: string, user?: User): Promise<void>;
}

const base = "ws://localhost";

/** Throws SyncError `conflict` for a path that has a door of this kind. */
export function senteLite(server: object, options: SenteLiteOptions = {}): SenteLite {
  const sync = server as Server;
  const core = coreOf(server);
  const { path = "/lite", event = "message", atoms = [], onAtom, echo = false } = options;
  const { env, report } = core;
  const packer = edn();
  const topics = atoms.map(({ topic }) => topic);
  const host: LiteHost = { env, packer, atoms: topics, event, echo, report, translated: new WeakMap() };
  const bridge: Bridge = {
    framer: core.framerOf(packer),
    adapt({ searchParams }) {
      // They have no client id.
      if (!searchParams.get("client-id")) searchParams.set("client-id", uuidV7(env));
      searchParams.set("sync", "1");
      searchParams.set("packers", packer.name);
      for (const name of ["move", "auth"]) searchParams.delete(name);
    },
    translate: (transport) => new LitePeer(transport, host),
  };
  if (core.bridges.has(path)) throw new SyncError("conflict", `Path "${path}" has a bridge already.`);
  if (onAtom) {
    const byTopic = new Map(atoms.map((atom) => [atom.topic, atom]));
    sync.on(lite.publish, ({ data, user, peer }) => {
      const change = readAtomChange(data);
      const atom = change && byTopic.get(change.atom);
      if (atom && onAtom({ atom, value: change.value, user, peer }) === true) atom.set(change.value);
    });
  }
  core.bridges.set(path, bridge);

  return {
    accept(transport, url = "/", user) {
      // One that is none is refused as anybody else's.
      const adapted = URL.canParse(url, base) ? new URL(url, base) : undefined;
      if (adapted) bridge.adapt(adapted);
      return sync.accept(new LitePeer(transport, host), adapted?.href ?? url, user);
    },
  };
}
