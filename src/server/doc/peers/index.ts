/**
 * `sente-sync/doc/peers`: doors for Yjs clients that exist already, `WebsocketProvider` of y-websocket and `HocuspocusProvider`.
 *
 * They edit the same documents as clients of ours, and are held to the same users, grants and limits.
 * Always: a server that does not call this loads none of it.
 * Rules: docs/protocol/yjs-peers.md YPEER1-YPEER17.
 */
import type { Ref } from "../../../core/definitions.ts";
import { uuidV7 } from "../../../core/env.ts";
import { SyncError } from "../../../core/errors.ts";
import type { User } from "../../../core/register.ts";
import { say } from "../../../kind/doc/peer-messages.ts";
import type { Transport } from "../../../transport/transport.ts";
import { edn } from "../../../wire/edn.ts";
import type { Bridge, Receiver, Translator } from "../../bridge.ts";
import { coreOf } from "../../core.ts";
import type { Server } from "../../server.ts";
import { peerUser } from "./guests.ts";
import { HocuspocusSocket } from "./hocuspocus.ts";
import type { PeerHost } from "./link.ts";
import { YWebSocketLink } from "./y-websocket.ts";

/** What a Hocuspocus client sent beside the document. */
export interface StatelessMessage {
  readonly topic: string;
  readonly user: User;
  readonly payload: string;
  /** To that client alone. */
  send(payload: string): void;
}

export interface YjsPeersOptions {
  /** Where `WebsocketProvider` connects: `path/<name>`. False: nowhere. Default "/yjs". */
  readonly path?: string | false;
  /** Where `HocuspocusProvider` connects. False: nowhere. Default "/hocuspocus". */
  readonly hocuspocusPath?: string | false;
  /** The document of that name, or nothing. Default: the name is the topic's, `notes/1`. */
  readonly topic?: (name: string) => Ref<"doc", unknown> | string | undefined;
  /** Hocuspocus' `sendStateless`. Default: nobody hears it. */
  readonly onStateless?: (message: StatelessMessage) => void;
}

export interface YjsPeers {
  /** Takes a peer from elsewhere, a test or a pipe, as that user; the URL's path tells which of the two protocols it speaks. */
  accept(transport: Transport, url: string, user: User): void;
}

/** Throws SyncError `conflict` for a path that is taken. */
export function yjsPeers(server: object, options: YjsPeersOptions = {}): YjsPeers {
  const sync = server as Server;
  const core = coreOf(server);
  const { path = "/yjs", hocuspocusPath = "/hocuspocus", topic, onStateless } = options;
  const { env, report } = core;
  const packer = edn();
  const host: PeerHost = {
    env,
    packer,
    report,
    entries: new WeakMap(),
    snapshots: new WeakMap(),
    onStateless:
      onStateless &&
      ((peer, payload) => {
        const send = (answer: string): void => peer.say(say.stateless(answer));
        try {
          onStateless({ topic: peer.topic, user: peer.user, payload, send });
        } catch (error) {
          report(error, "onStateless");
        }
      }),
  };
  /** `encoded`: the name as a URL has it, which is how topics have their params. */
  const topicOf = (encoded: string): string | undefined => {
    try {
      const target = topic ? topic(decodeURIComponent(encoded)) : encoded;
      return typeof target === "object" ? target.topic : target;
    } catch (error) {
      if (!(error instanceof URIError)) report(error, "topic");
      return undefined;
    }
  };
  const adapt = ({ searchParams }: URL): void => {
    // They have no client id.
    searchParams.set("client-id", uuidV7(env));
    searchParams.set("sync", "1");
    searchParams.set("packers", packer.name);
    for (const name of ["move", "auth"]) searchParams.delete(name);
  };
  const common = { adapt, framer: core.framerOf(packer) };
  const named = typeof path === "string" ? `${path.replace(/\/+$/, "")}/` : undefined;
  const yWebSocket: Translator = {
    ...common,
    userOf: peerUser,
    translate: (transport, url, user) =>
      // A topic without a name is nobody's.
      new YWebSocketLink(transport, host, topicOf(url.pathname.slice(named?.length)) ?? "", user).peer,
  };
  const waiting = new Set<HocuspocusSocket>();
  const hocuspocus: Receiver = {
    ...common,
    receive: (transport, url, door) =>
      void new HocuspocusSocket(transport, url, door, {
        host,
        idleMs: core.limits.handshakeMs,
        waiting,
        topicOf: (name) => topicOf(encodeURI(name)),
        userOf: peerUser,
      }),
  };
  const doors = new Map<string, Bridge>();
  if (named !== undefined) doors.set(named, yWebSocket);
  if (hocuspocusPath !== false) doors.set(hocuspocusPath, hocuspocus);
  for (const at of doors.keys()) if (core.bridges.has(at)) throw new SyncError("conflict", `Path "${at}" has a bridge already.`);
  for (const [at, bridge] of doors) core.bridges.set(at, bridge);

  return {
    accept(transport, from, user) {
      const url = new URL(from, "ws://localhost");
      adapt(url);
      const enter = (inner: Transport, at: URL, as: User): void => void sync.accept(inner, at.href, as);
      if (url.pathname !== hocuspocusPath) {
        const as = peerUser(user);
        return enter(yWebSocket.translate(transport, url, as), url, as);
      }
      hocuspocus.receive(transport, url, { admit: () => Promise.resolve({ user }), enter });
    },
  };
}
