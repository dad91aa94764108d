/**
 * The connections of one server: how one comes in, and what goes with it when it closes.
 *
 * Always: a connection's first frame is the handshake, whatever its hook does; it is entered under its user before any of its messages is
 * handled, and taken out once, when it closes. One that was opened to take over from another is entered when it has, or stands for itself.
 * Rules: docs/protocol.md HAND1-HAND5, USER1-USER4; docs/protocol/upgrade.md MOVE1-MOVE14; docs/protocol/auth.md AUTH1, AUTH2.
 */
import { uuidV7 } from "../core/env.ts";
import { isSyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import { Keyword } from "../core/values.ts";
import { anonymousUid, handshakeEvent } from "../session/messages/sente.ts";
import { version } from "../session/messages/sync.ts";
import { sealTransport } from "../session/sealed.ts";
import type { Frame, Transport } from "../transport/transport.ts";
import type { Capable } from "./capable.ts";
import { Connection, type ConnectionHost } from "./connection.ts";
import type { ServerCore } from "./core.ts";
import type { Credentials } from "./credentials.ts";
import type { Framer } from "./frames.ts";
import type { Guard } from "./guard.ts";
import type { Identity } from "./identity.ts";
import type { Inbound } from "./inbound.ts";
import { createSweep, type KeepaliveOptions } from "./keepalive.ts";
import { closeCodes } from "./limits.ts";
import type { ServerOptions } from "./options.ts";
import type { Peers } from "./peers.ts";
import type { Pushes } from "./pushes.ts";
import { isAnonymous, type Sessions } from "./sessions.ts";
import type { Subscriptions } from "./subscribe.ts";

export interface Connections {
  readonly all: ReadonlySet<Connection>;
  /** Says the handshake; from now on what the transport carries is handled. */
  enter(transport: Transport, url: URL, identity: Identity, framer: Framer): Connection;
  /** Somebody who only posts: what is pushed to it goes nowhere. */
  visitor(url: URL, user: User, framer: Framer): Connection;
  /** It was opened to take over from another, and stands for itself now, where there is room. */
  settle(connection: Connection): void;
  /** From now on nobody is looked after. */
  close(): void;
}

interface ConnectionsHost {
  readonly core: ServerCore;
  readonly keepalive: KeepaliveOptions;
  readonly hooks: Pick<ServerOptions, "handshakeData" | "onConnect" | "onDisconnect">;
  readonly callHook: Guard["callHook"];
  readonly sessions: Sessions;
  readonly subscriptions: Subscriptions;
  readonly credentials: Credentials;
  readonly peers: Peers;
  readonly capable: Capable;
  readonly pushes: Pushes;
  readonly receive: Inbound["receive"];
}

const nowhere: Transport = {
  name: "post",
  bufferedBytes: 0,
  handlers: { onFrame() {}, onClose() {} },
  send: () => true,
  cork() {},
  uncork: () => true,
  pause() {},
  resume() {},
  close() {},
  terminate() {},
};

export function createConnections(parts: ConnectionsHost): Connections {
  const { core, keepalive, hooks, callHook, sessions, subscriptions, credentials, peers, capable, pushes } = parts;
  const { env, limits, counters, users } = core;
  const all = new Set<Connection>();
  const sweep = createSweep({ env, connections: all, sessions, keepalive, stuckMs: limits.stuckMs, counters });

  const closed = (connection: Connection, code: number, reason: string): void => {
    if (!all.delete(connection)) return;
    const unsent = connection.release();
    const isOver = connection.movedTo !== undefined || connection.visiting;
    users.remove(connection, unsent, isOver);
    sessions.detach(connection);
    // Who was sent away will not be waited for; of who closed in order it is soon known whether that was all.
    const isPeers = !connection.closing && (code === closeCodes.normal || code === closeCodes.goingAway);
    credentials.forget(connection);
    subscriptions.release(connection, code === closeCodes.ended ? "over" : isPeers ? "goodbye" : "lost");
    connection.onceClosed?.();
    if (isOver) return;
    callHook(() => hooks.onDisconnect?.(peers.of(connection), code, reason), "onDisconnect");
  };

  const host: ConnectionHost = {
    flushLater: core.delivery.flushLater,
    nowMs: () => env.monotonicMs(),
    maxWaiting: limits.maxWaiting,
    laneLimits: { urgent: 4096, normal: limits.maxWaiting * 4, bulk: 1, lossy: 1 },
    counters,
    receive: parts.receive,
    endSubscription: subscriptions.end,
    report: core.report,
    closed,
  };

  const connectionOf = (transport: Transport, url: URL, user: User, framer: Framer, polled = false): Connection =>
    new Connection(host, {
      id: uuidV7(env),
      transport,
      framer,
      user,
      clientId: url.searchParams.get("client-id") ?? "",
      polled,
      offersSync: url.searchParams.get("sync") === "1",
    });

  const uidOf = (user: User): unknown => (isAnonymous(user) ? anonymousUid : user.id);

  /** `isAwaited`: it is nobody yet, so the application is not asked. */
  const handshakeOf = ({ framer, offersSync, user }: Connection, url: URL, isAwaited = false): Frame => {
    const say = (data: unknown): Frame => {
      const inner = [uidOf(user), null, data];
      if (offersSync) inner.push({ v: version });
      return framer.message([new Keyword(handshakeEvent), inner]);
    };
    let frame: Frame | undefined;
    if (isAwaited) return say(capable.announce(null));
    callHook(() => {
      const data = hooks.handshakeData?.({ url, user }) ?? null;
      frame = say(offersSync ? capable.announce(data) : data);
    }, "handshakeData");
    return frame ?? say(null);
  };

  /** What the handshake would have said, had it been known who it is. */
  const greet = ({ framer, user }: Connection, url: URL): readonly [uid: unknown, data: unknown] => {
    let told: unknown = null;
    callHook(() => {
      const data = capable.announce(hooks.handshakeData?.({ url, user }) ?? null);
      framer.message(data);
      told = data;
    }, "handshakeData");
    return [uidOf(user), told];
  };

  /** It stands for itself from now on. */
  const admitted = (connection: Connection): void => {
    connection.visiting = false;
    users.add(connection);
    if (!connection.polled) users.connected(connection);
    callHook(() => hooks.onConnect?.(peers.of(connection)), "onConnect");
  };

  const broken = (error: unknown): void => {
    if (isSyncError(error, "too-large")) counters.closedTooLarge++;
    else counters.malformed++;
  };

  return {
    all,
    enter(raw, url, identity, framer) {
      const { user, isAwaited = false } = identity;
      const { seal } = framer.packer;
      const transport = seal ? sealTransport(raw, seal, { env, maxFrameBytes: limits.maxFrameBytes, onBroken: broken }) : raw;
      const connection = connectionOf(transport, url, user, framer, raw.polled);
      transport.handlers = connection;
      all.add(connection);
      connection.visiting = isAwaited || (connection.offersSync && url.searchParams.get("move") === "1");
      // One that polls is timed by its polls.
      connection.checkAtMs = env.monotonicMs() + keepalive.keepaliveMs / 2;
      const handshake = handshakeOf(connection, url, isAwaited);
      connection.control(handshake);
      if (connection.polled) connection.handshake = handshake;
      // The handshake is the first frame whatever the hook sends.
      connection.flush();
      credentials.hold(connection, identity, isAwaited ? () => greet(connection.current, url) : undefined);
      if (!connection.visiting) admitted(connection);
      // One of ours proves with its hello who it is.
      if (!connection.offersSync) pushes.returned(connection);
      sweep.arm();
      return connection;
    },
    visitor: (url, user, framer) => connectionOf(nowhere, url, user, framer),
    settle(connection) {
      const isFull = users.count(connection.user.id) >= limits.maxConnectionsPerUser;
      if (isFull) connection.close(closeCodes.tooMany, "Too many connections of one user");
      else admitted(connection);
    },
    close: sweep.stop,
  };
}
