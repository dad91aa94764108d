/**
 * `createServer`: the shell that joins connections, users, sessions, events and topics.
 *
 * Always: a connection's first message is the handshake; it is entered under its user before any of its messages is
 * handled, and taken out once, when it closes; one that fails harms no other.
 * Rules: docs/protocol.md HAND1-HAND5, USER1-USER4, LIMIT1-LIMIT13.
 */
import type { Server as HttpServer, IncomingMessage } from "node:http";
import { type Env, randomHex, realEnv, type Timer, uuidV7 } from "../core/env.ts";
import type { AnyEvents, DataArgs, EventData, EventName, Events, ReplyInput } from "../core/events.ts";
import type { User } from "../core/register.ts";
import { Keyword } from "../core/values.ts";
import { anonymousUid, event, handshakeEvent } from "../session/messages/sente.ts";
import { version } from "../session/messages/sync.ts";
import { createMemoryLog } from "../topic/memory-log.ts";
import type { Frame, Transport } from "../transport/transport.ts";
import { edn } from "../wire/edn.ts";
import type { Packer } from "../wire/packer.ts";
import { Connection } from "./connection.ts";
import { type Counters, type ServerCore, setCore } from "./core.ts";
import { createDelivery } from "./delivery.ts";
import { createFramer } from "./frames.ts";
import type { Authorize } from "./grants.ts";
import { createHandlers, type EventContext, type Handler, type localEvents, type Peer } from "./handlers.ts";
import { type AttachOptions, createDoors, type Door } from "./http.ts";
import { createInbound } from "./inbound.ts";
import { check, defaultKeepalive, type KeepaliveOptions, sweepEveryMs } from "./keepalive.ts";
import { closeCodes, defaultLimits, type ServerLimits } from "./limits.ts";
import { createSessions, isAnonymous } from "./sessions.ts";
import { createSubscriptions } from "./subscribe.ts";
import { createTopics } from "./topics.ts";
import { createUsers } from "./users.ts";

export interface ServerOptions<E extends Events = Events> {
  /** Events and their schemas; those not named here carry anything. */
  readonly events?: E;
  /** The user of a connection, or null to refuse it (401). Default: everybody is anonymous. */
  readonly authenticate?: (context: {
    readonly request: IncomingMessage | undefined;
    readonly url: URL;
  }) => User | null | Promise<User | null>;
  /** Default: reading and publishing what is declared, and every event that has a handler. */
  readonly authorize?: Authorize;
  /** What Sente calls handshake data: any value, told to each connection first. */
  readonly handshakeData?: (context: { readonly url: URL; readonly user: User }) => unknown;
  /** Origins allowed beside the server's own: exact strings, or "all". */
  readonly origins?: readonly string[] | "all";
  readonly limits?: Partial<ServerLimits>;
  readonly keepalive?: Partial<KeepaliveOptions>;
  /** The wire format, the same on both sides. Default `edn()`. */
  readonly packer?: Packer;
  readonly onConnect?: (peer: Peer) => void;
  readonly onDisconnect?: (peer: Peer, code: number, reason: string) => void;
  /** What has no caller to tell. Default: console.error. */
  readonly onError?: (error: unknown, where: string) => void;
  /** Clock, timers, randomness: for simulations. */
  readonly env?: Env;
}

export interface ServerStats extends Readonly<Counters> {
  readonly connections: number;
  readonly users: number;
  readonly sessions: number;
  readonly topics: number;
}

export interface Server<E extends Events = AnyEvents> {
  /** Handles an event; a returned value is the reply. Throws SyncError `conflict` for a name that has a handler. */
  on<N extends EventName<E>>(
    name: N,
    handler: (context: EventContext<EventData<E, N>>) => ReplyInput<E, N> | Promise<ReplyInput<E, N>> | void,
  ): () => void;
  on(name: (typeof localEvents)[number], handler: (context: EventContext) => void): () => void;
  /** Pushes an event to every connection of a user: ephemeral, lost for who is away. `flush`: now, not at the end of the turn. */
  send<N extends EventName<E>>(userId: string, name: N, ...data: [...DataArgs<E, N>, options?: { flush?: boolean }]): void;
  /** Pushes an event to every connection. */
  broadcast<N extends EventName<E>>(name: N, ...data: DataArgs<E, N>): void;
  /** Listens on a port of its own; 0 for any. Resolves with the port once it listens. */
  listen(port: number, options?: AttachOptions & { readonly host?: string }): Promise<number>;
  /** Serves WebSocket upgrades of an HTTP server that the application owns. Returns how to stop. */
  attach(server: HttpServer, options?: AttachOptions): () => void;
  /** Takes a connection from elsewhere: a test, a pipe, a worker. One that is refused is closed with 4008 and the reason. */
  accept(transport: Transport, url?: string, user?: User): Promise<void>;
  /** Takes back what was granted: the user's subscriptions to the topic end with `forbidden`. Without a topic: to all. */
  revoke(target: { readonly user?: string; readonly topic?: string }): void;
  disconnect(target: { readonly user: string }): void;
  /**
   * The values of atoms as one string for `createClient(url, { hydrate })`, so that a page rendered on the server shows them
   * at once. Throws SyncError `forbidden` for what that user (default: an anonymous one) may not read.
   */
  dehydrate(options: { readonly topics: readonly string[]; readonly user?: User }): Promise<string | Uint8Array>;
  stats(): ServerStats;
  /** Closes every connection and door; resolves once all are closed. */
  close(): Promise<void>;
}

/** A server; it listens to nobody before `listen`, `attach` or `accept`. */
export function createServer<const E extends Events = AnyEvents>(options: ServerOptions<E> = {}): Server<E> {
  const env = options.env ?? realEnv;
  const limits: ServerLimits = { ...defaultLimits, ...options.limits };
  const keepalive: KeepaliveOptions = { ...defaultKeepalive, ...options.keepalive };
  const framer = createFramer(options.packer ?? edn());
  const boot = uuidV7(env);
  const counters: Counters = {
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    malformed: 0,
    badEvents: 0,
    unhandledEvents: 0,
    refused: 0,
    droppedPushes: 0,
    ratePauses: 0,
    closedStuck: 0,
    closedSilent: 0,
    closedFlooding: 0,
    handlerErrors: 0,
  };
  const report = (error: unknown, where: string): void => {
    try {
      (options.onError ?? ((reason, place) => console.error(`sente-sync: ${place}:`, reason)))(error, where);
    } catch {
      // An error handler that throws has nobody left to tell.
    }
  };
  let ended = false;
  const connections = new Set<Connection>();
  const users = createUsers();
  const delivery = createDelivery(env);
  const kept = edn();
  const topics = createTopics({
    env,
    log: createMemoryLog(env),
    kept,
    delivery,
    maxTopics: limits.maxTopics,
    endTopic: (topic, code) => {
      for (const subscription of [...topic.subscriptions]) subscriptions.end(subscription, code);
    },
  });
  const core: ServerCore = { env, limits, kept, topics, delivery, counters, report };
  const sessions = createSessions(env, limits);
  const subscriptions = createSubscriptions(core, options.authorize);
  const peers = new WeakMap<Connection, Peer>();
  const peerOf = (connection: Connection): Peer => {
    let peer = peers.get(connection);
    if (!peer) {
      peer = {
        id: connection.id,
        clientId: connection.clientId,
        get user() {
          return connection.user;
        },
        send: (name, data) => void connection.push(pack(name, data)),
        close: () => close(connection, closeCodes.normal, ""),
      };
      peers.set(connection, peer);
    }
    return peer;
  };
  const handlers = createHandlers(core, { events: options.events ?? {}, authorize: options.authorize, peerOf });

  const pack = (name: string, data: unknown): Uint8Array => framer.piece(event(name, data));

  const close = (connection: Connection, code: number, reason: string): void => {
    if (connection.closed || connection.closing) return;
    connection.closing = true;
    connection.transport.close(code, reason);
  };

  const inbound = createInbound({ core, boot, handlers, subscriptions, sessions, users, close });

  const closed = (connection: Connection, code: number, reason: string): void => {
    if (!connections.delete(connection)) return;
    users.remove(connection);
    sessions.detach(connection);
    subscriptions.release(connection);
    connection.release();
    callHook(() => options.onDisconnect?.(peerOf(connection), code, reason), "onDisconnect");
  };

  const callHook = (hook: () => void, where: string): void => {
    try {
      hook();
    } catch (error) {
      report(error, where);
    }
  };

  const host = {
    flushLater: delivery.flushLater,
    nowMs: () => env.monotonicMs(),
    maxWaiting: limits.maxWaiting,
    laneLimits: { urgent: 4096, normal: limits.maxWaiting * 4, bulk: 1, lossy: 1 },
    counters,
    receive: inbound.receive,
    closed,
  };

  const enter = (transport: Transport, url: URL, user: User): void => {
    const connection = new Connection(host, {
      id: uuidV7(env),
      transport,
      framer,
      user,
      clientId: url.searchParams.get("client-id") ?? "",
      offersSync: url.searchParams.get("sync") === "1",
    });
    transport.handlers = connection;
    connections.add(connection);
    users.add(connection);
    connection.checkAtMs = env.monotonicMs() + keepalive.keepaliveMs / 2;
    const handshake = (data: unknown): Frame => {
      const inner = [isAnonymous(user) ? anonymousUid : user.id, null, data];
      if (connection.offersSync) inner.push({ v: version });
      return framer.message([new Keyword(handshakeEvent), inner]);
    };
    let frame: Frame | undefined;
    callHook(() => {
      frame = handshake(options.handshakeData?.({ url, user }) ?? null);
    }, "handshakeData");
    connection.control(frame ?? handshake(null));
    // The handshake is the first frame whatever the hook sends.
    connection.flush();
    callHook(() => options.onConnect?.(peerOf(connection)), "onConnect");
    armSweep();
  };

  const anonymous = (): User => ({ id: `anonymous-${randomHex(env, 8)}`, anonymous: true });

  const door: Door = {
    env,
    limits,
    origins: options.origins ?? [],
    counters,
    report,
    async admit(request, url) {
      const user = options.authenticate ? await options.authenticate({ request, url }) : anonymous();
      return user ? { user } : { status: 401, body: "Unauthorized request" };
    },
    full(user) {
      if (ended) return { status: 503, body: "The server is closing" };
      if (connections.size >= limits.maxConnections) return { status: 503, body: "Too many connections" };
      if (user && users.count(user.id) >= limits.maxConnectionsPerUser)
        return { status: 429, body: "Too many connections of one user" };
      return undefined;
    },
    enter,
  };
  const doors = createDoors(door);

  let sweepTimer: Timer | undefined;
  const armSweep = (): void => {
    sweepTimer ??= env.setTimer(sweep, sweepEveryMs(keepalive));
  };
  const sweep = (): void => {
    sweepTimer = undefined;
    const now = env.monotonicMs();
    for (const connection of connections) {
      switch (check(connection, now, keepalive, limits.stuckMs)) {
        case "ping":
          connection.control(ping);
          break;
        case "silent":
          counters.closedSilent++;
          close(connection, closeCodes.normal, "");
          break;
        case "stuck":
          counters.closedStuck++;
          // Should it read again soon, it learns why; else the transport gives it up.
          close(connection, closeCodes.stuck, "stuck");
          break;
        case "fine":
          connection.rest();
          break;
      }
    }
    sessions.sweep();
    if (connections.size || sessions.size) armSweep();
  };
  const ping = framer.message(new Keyword("chsk/ws-ping"));

  const server: Server<E> = {
    on: (name: string, handler: (context: never) => unknown) => handlers.on(name, handler as Handler),
    send(userId, name, ...rest) {
      const [data, { flush = false } = {}] = rest as unknown as [data?: unknown, options?: { flush?: boolean }];
      const packed = pack(name, data);
      for (const connection of users.of(userId)) connection.push(packed);
      // All of it: what is flushed must not overtake the effects of what was asked before.
      if (flush) delivery.flush();
    },
    broadcast(name, ...rest) {
      const packed = pack(name, (rest as [data?: unknown])[0]);
      for (const connection of connections) connection.push(packed);
    },
    listen: doors.listen,
    attach: doors.attach,
    async accept(transport, url = "/", user) {
      const parsed = new URL(url, "ws://localhost");
      let gone = false;
      // Until it is admitted nothing of it is read.
      transport.handlers = { onFrame() {}, onClose: () => void (gone = true) };
      transport.pause();
      const admitted = user ? { user } : await doors.admit(undefined, parsed);
      if (gone) return;
      transport.resume();
      const refusal = "status" in admitted ? admitted : door.full(admitted.user);
      if (refusal) {
        counters.refused++;
        return transport.close(closeCodes.tooMany, refusal.body);
      }
      enter(transport, parsed, (admitted as { readonly user: User }).user);
    },
    revoke({ user, topic }) {
      for (const connection of user === undefined ? connections : users.of(user)) {
        for (const subscription of connection.subscriptions) {
          if (topic === undefined || subscription.name === topic) subscriptions.end(subscription, "forbidden");
        }
      }
    },
    disconnect({ user }) {
      for (const connection of users.of(user)) close(connection, closeCodes.ended, "disconnected");
    },
    async dehydrate({ topics: names, user = anonymous() }) {
      // What this turn updated is in the topics once it is flushed.
      await new Promise<void>((resolve) => delivery.beforeFlush(resolve));
      const rendered = await Promise.all(names.map((name) => subscriptions.render(user, name)));
      return framer.packer.pack(rendered);
    },
    stats: () => ({
      ...counters,
      connections: connections.size,
      users: users.size,
      sessions: sessions.size,
      topics: topics.size,
    }),
    async close() {
      ended = true;
      const doorsClosed = doors.close();
      for (const connection of [...connections]) {
        connection.flush();
        close(connection, closeCodes.goingAway, "server closing");
      }
      await doorsClosed;
      if (sweepTimer !== undefined) env.clearTimer(sweepTimer);
      sweepTimer = undefined;
    },
  };
  setCore(server, core);
  return server;
}
