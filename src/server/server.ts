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
import type { Readable } from "../core/store.ts";
import { Keyword } from "../core/values.ts";
import { type Capabilities, supports } from "../session/capabilities.ts";
import { anonymousUid, event, handshakeEvent } from "../session/messages/sente.ts";
import { version } from "../session/messages/sync.ts";
import { sealTransport } from "../session/sealed.ts";
import type { Durability, Log, Storage } from "../topic/log.ts";
import { createMemoryLog } from "../topic/memory-log.ts";
import type { Frame, Transport } from "../transport/transport.ts";
import { edn } from "../wire/edn.ts";
import { ownBudget, type Packer } from "../wire/packer.ts";
import { defaultLongPoll, type LongPollOptions } from "./ajax.ts";
import type { Bridge } from "./bridge.ts";
import { type CapabilityOptions, createCapable } from "./capable.ts";
import { Connection, pauseReasons } from "./connection.ts";
import { type Counters, type ServerCore, setCore } from "./core.ts";
import { createDelivery } from "./delivery.ts";
import { createFramer, type Framer } from "./frames.ts";
import type { Authorize } from "./grants.ts";
import { createHandlers, type EventContext, type Handler, type localEvents, type Peer } from "./handlers.ts";
import {
  type AttachOptions,
  createDoors,
  type Door,
  type ListenOptions,
  protocolPrefix,
  type Reject,
  type RequestHandler,
} from "./http.ts";
import { createInbound } from "./inbound.ts";
import { check, defaultKeepalive, type KeepaliveOptions, sweepEveryMs } from "./keepalive.ts";
import { closeCodes, defaultLimits, type ServerLimits } from "./limits.ts";
import { createMoves } from "./moves.ts";
import { pooledRandom } from "./random-pool.ts";
import type { RequestContext } from "./request.ts";
import { createSessions, isAnonymous } from "./sessions.ts";
import { createSubscriptions } from "./subscribe.ts";
import { createTokens, type Tokens } from "./tokens.ts";
import { createTopics } from "./topics.ts";
import { type ConnectedUsers, createUsers, type Mail } from "./users.ts";

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
  /** How durable kinds are that do not say. Default: as the kind has it, see docs/guides/durability.md. */
  readonly durability?: Durability;
  /** How long a client may be away and still be known by its session. Default 7 days. */
  readonly sessionMaxAgeMs?: number;
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
  listen(port: number, options?: ListenOptions): Promise<number>;
  /** Serves the upgrades and the requests of one path of an HTTP server that the application owns. Returns how to stop. */
  attach(server: HttpServer, options?: AttachOptions): () => void;
  /** Serves polls and posts where a framework routes the requests: `app.use("/chsk", sync.handler)`. */
  readonly handler: RequestHandler;
  /** Who is connected, by transport: a store. */
  readonly connectedUsers: Readable<ConnectedUsers>;
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
  /** Clients that said that they can do that. */
  clientsWith(feature: string): readonly Peer[];
  stats(): ServerStats;
  /**
   * Closes every connection and door, and stores what is on its way; resolves once all is closed. `drain`: nothing new is read, and
   * requests and writes that were read are answered first, for `drainMs` (3 000) at most. What SIGTERM asks for.
   */
  close(options?: { readonly drain?: boolean; readonly drainMs?: number }): Promise<void>;
}

const drainLookMs = 10;

/** Under what the storage keeps what tokens are signed with. */
const secretKey = "session-secret";

/** Where what is pushed to somebody who only posts goes. */
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

/** A server; it listens to nobody before `listen`, `attach` or `accept`. */
export function createServer<const E extends Events = AnyEvents>(options: ServerOptions<E> = {}): Server<E> {
  const env = options.env ?? { ...realEnv, randomBytes: pooledRandom(realEnv.randomBytes) };
  const limits: ServerLimits = { ...defaultLimits, ...options.limits };
  const keepalive: KeepaliveOptions = { ...defaultKeepalive, ...options.keepalive };
  const framer = createFramer(options.packer ?? edn());
  const framers = new Map([framer, ...(options.packers ?? []).map(createFramer)].map((each) => [each.packer.name, each]));
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
    droppedLossy: 0,
    tooLargeForPeer: 0,
    ratePauses: 0,
    repeatedWrites: 0,
    closedStuck: 0,
    closedSilent: 0,
    closedFlooding: 0,
    closedTooLarge: 0,
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
  const users = createUsers({
    env,
    graceMs: options.reconnectGraceMs ?? 2500,
    maxAway: limits.maxIdleSessions,
    onOpen: (userId) => callHook(() => options.onUserOpen?.(userId), "onUserOpen"),
    onClose: (userId) => callHook(() => options.onUserClose?.(userId), "onUserClose"),
  });
  const delivery = createDelivery(env);
  const kept = edn();
  const sessionMaxAgeMs = options.sessionMaxAgeMs ?? 7 * 24 * 3_600_000;
  let tokens: Tokens | undefined;
  let storage: Log | Promise<Log> | undefined = options.storage?.open({ env, report });
  const opening = (async (): Promise<void> => {
    const log = await storage;
    storage = log;
    let secret = await log?.kept(secretKey);
    if (!secret) {
      secret = env.randomBytes(32);
      await log?.keep(secretKey, secret);
    }
    tokens = createTokens(env, secret, sessionMaxAgeMs);
  })();
  opening.then(
    () => {
      core.opening = undefined;
    },
    (error: unknown) => report(error, "storage"),
  );
  if (!storage) tokens = createTokens(env, env.randomBytes(32), sessionMaxAgeMs);
  const topics = createTopics({
    env,
    memory: createMemoryLog(env),
    storage: () => storage,
    kept,
    delivery,
    maxTopics: limits.maxTopics,
    // A session that its token proves is remembered by every topic that it wrote to.
    writers: { maxWriters: limits.maxWriters, rememberMs: sessionMaxAgeMs },
    report,
    endTopic: (topic, code) => {
      for (const subscription of [...topic.subscriptions]) subscriptions.end(subscription, code);
    },
  });
  const bridges = new Map<string, Bridge>();
  const framerOf = (packer: Packer): Framer => {
    const known = framers.get(packer.name) ?? createFramer(packer);
    framers.set(packer.name, known);
    return known;
  };
  const core: ServerCore = {
    env,
    limits,
    kept,
    topics,
    authorize: options.authorize,
    opening: storage && opening,
    durability: options.durability,
    delivery,
    counters,
    events: options.events ?? {},
    get ended() {
      return ended;
    },
    ends: new Set(),
    mayWrite: (connection, subscription) => subscriptions.mayWrite(connection, subscription),
    users,
    push(userId, name, data, toPlain = false) {
      const piece = packing(name, data);
      const isMeant = ({ offersSync }: Connection): boolean => !toPlain || !offersSync;
      for (const connection of users.of(userId)) if (isMeant(connection)) connection.push(piece(connection.framer));
      for (const mail of users.away(userId)) {
        if (!isMeant(mail.connection)) continue;
        if (mail.events.length < limits.maxWaiting) mail.events.push(piece(mail.connection.framer));
        else counters.droppedPushes++;
      }
    },
    bridges,
    framerOf,
    report,
  };
  const sessions = createSessions(env, limits, () => tokens as Tokens);
  const subscriptions = createSubscriptions(core, options.authorize);
  const peers = new WeakMap<Connection, Peer>();
  const peerOf = (connection: Connection): Peer => {
    let peer = peers.get(connection);
    if (!peer) {
      peer = {
        id: connection.id,
        clientId: connection.clientId,
        get user() {
          return connection.current.user;
        },
        get capabilities() {
          return capable.of(connection.current);
        },
        supports: (feature) => supports(capable.of(connection.current), feature),
        send(name, data) {
          const { current } = connection;
          current.push(current.framer.piece(event(name, data)));
        },
        close: () => close(connection.current, closeCodes.normal, ""),
      };
      peers.set(connection, peer);
    }
    return peer;
  };
  const handlers = createHandlers(core, { events: core.events, authorize: options.authorize, peerOf });

  /** An event as a piece, packed once for each format that asks. */
  const packing = (name: string, data: unknown): ((framer: Framer) => Uint8Array) => {
    const value = event(name, data);
    const pieces = new Map<Framer, Uint8Array>([[framer, framer.piece(value)]]);
    return (format) => {
      const known = pieces.get(format);
      if (known) return known;
      const piece = format.piece(value);
      pieces.set(format, piece);
      return piece;
    };
  };

  /** What was pushed while this client was away. */
  const returned = (connection: Connection): void => {
    const mail = users.takeMail(connection);
    for (const piece of mail?.events ?? []) {
      const from = (mail as Mail).connection.framer;
      connection.push(from === connection.framer ? piece : connection.framer.piece(from.packer.unpack(piece, ownBudget)));
    }
  };

  const close = (connection: Connection, code: number, reason: string): void => {
    if (connection.closed || connection.closing) return;
    connection.closing = true;
    connection.transport.close(code, reason);
  };

  const tookOver = (from: Connection, to: Connection): void => {
    to.visiting = false;
    to.capabilities = from.capabilities;
    users.replace(from, to);
    peers.set(to, peerOf(from));
  };
  const moves = createMoves({ env, delivery, tookOver, close, report });
  const capable = createCapable({
    options: options.capabilities ?? {},
    formats: [...(options.packers ?? []).map(({ name }) => name), framer.packer.name],
    limits,
    heartbeatMs: keepalive.keepaliveMs,
    onClient: (connection, theirs) =>
      callHook(() => options.onClientCapabilities?.(peerOf(connection), theirs), "onClientCapabilities"),
    close,
  });
  /** It stands for itself from now on. */
  const admitted = (connection: Connection): void => {
    connection.visiting = false;
    users.add(connection);
    if (!connection.polled) users.connected(connection);
    callHook(() => options.onConnect?.(peerOf(connection)), "onConnect");
  };

  const inbound = createInbound({
    core,
    boot,
    handlers,
    subscriptions,
    sessions,
    users,
    close,
    returned,
    enter(connection) {
      const isFull = users.count(connection.user.id) >= limits.maxConnectionsPerUser;
      if (isFull) close(connection, closeCodes.tooMany, "Too many connections of one user");
      else admitted(connection);
    },
    moves,
    capable,
  });

  const closed = (connection: Connection, code: number, reason: string): void => {
    if (!connections.delete(connection)) return;
    const unsent = connection.release();
    const isOver = connection.movedTo !== undefined || connection.visiting;
    users.remove(connection, unsent, isOver);
    sessions.detach(connection);
    // Who was sent away will not be waited for; of who closed in order it is soon known whether that was all.
    const isPeers = !connection.closing && (code === closeCodes.normal || code === closeCodes.goingAway);
    subscriptions.release(connection, code === closeCodes.ended ? "over" : isPeers ? "goodbye" : "lost");
    connection.onceClosed?.();
    if (isOver) return;
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
    endSubscription: subscriptions.end,
    report,
    closed,
  };

  const connectionOf = (transport: Transport, url: URL, user: User, format: Framer, polled = false): Connection =>
    new Connection(host, {
      id: uuidV7(env),
      transport,
      framer: format,
      user,
      clientId: url.searchParams.get("client-id") ?? "",
      polled,
      offersSync: url.searchParams.get("sync") === "1",
    });

  const enter = (raw: Transport, url: URL, user: User, format: Framer): Connection => {
    const transport = format.packer.seal ? sealTransport(raw, format.packer.seal, { env }) : raw;
    const connection = connectionOf(transport, url, user, format, raw.polled);
    transport.handlers = connection;
    connections.add(connection);
    connection.visiting = connection.offersSync && url.searchParams.get("move") === "1";
    // One that polls is timed by its polls.
    connection.checkAtMs = env.monotonicMs() + keepalive.keepaliveMs / 2;
    const handshake = (data: unknown): Frame => {
      const inner = [isAnonymous(user) ? anonymousUid : user.id, null, data];
      if (connection.offersSync) inner.push({ v: version });
      return format.message([new Keyword(handshakeEvent), inner]);
    };
    let frame: Frame | undefined;
    callHook(() => {
      const data = options.handshakeData?.({ url, user }) ?? null;
      frame = handshake(connection.offersSync ? capable.announce(data) : data);
    }, "handshakeData");
    connection.control((frame ??= handshake(null)));
    if (connection.polled) connection.handshake = frame;
    // The handshake is the first frame whatever the hook sends.
    connection.flush();
    if (!connection.visiting) admitted(connection);
    // One of ours proves with its hello who it is.
    if (!connection.offersSync) returned(connection);
    armSweep();
    return connection;
  };

  const anonymous = (): User => ({ id: `anonymous-${randomHex(env, 8)}`, anonymous: true });

  const door: Door = {
    env,
    limits,
    checks: { origins: options.origins ?? [], requireOrigin: options.requireOrigin ?? false, csrfToken: options.csrfToken },
    counters,
    reject: options.reject,
    polling: options.longPoll !== false,
    longPoll: { ...defaultLongPoll, ...options.longPoll },
    bridges,
    protocols: new Set([...framers.keys()].map((name) => protocolPrefix + name)),
    report,
    authenticate: async (request, url) => (options.authenticate ? options.authenticate({ request, url }) : anonymous()),
    framerFor: (offered) => offered.map((name) => framers.get(name)).find((known) => known) ?? framer,
    polls: (connection) => connection.visiting || users.connected(connection),
    visitor: (url, user, format) => connectionOf(nowhere, url, user, format),
    post: inbound.post,
    full(user) {
      if (ended) return { status: 503, body: "The server is closing", reason: "full" };
      if (connections.size >= limits.maxConnections) return { status: 503, body: "Too many connections", reason: "full" };
      if (user && users.count(user.id) >= limits.maxConnectionsPerUser)
        return { status: 429, body: "Too many connections of one user", reason: "full" };
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
          connection.control(connection.framer.message(ping));
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
  const ping = new Keyword("chsk/ws-ping");

  /** Resolves when all that was read is answered. */
  const drained = (drainMs: number): Promise<void> => {
    const untilMs = env.monotonicMs() + drainMs;
    for (const connection of connections) connection.pauseReading(pauseReasons.drain);
    /** Also an answer that only the socket still holds is lost with it. */
    const isBusy = ({ openCallbacks, waiting, transport }: Connection): boolean =>
      openCallbacks + waiting + transport.bufferedBytes > 0;
    return new Promise((resolve) => {
      const look = (): void => {
        const busy = topics.storing ?? [...connections].some(isBusy);
        if (busy && env.monotonicMs() < untilMs) env.setTimer(look, drainLookMs);
        else resolve();
      };
      look();
    });
  };

  const server: Server<E> = {
    on: (name: string, handler: (context: never) => unknown) => handlers.on(name, handler as Handler),
    send(userId, name, ...rest) {
      const [data, { flush = false } = {}] = rest as unknown as [data?: unknown, options?: { flush?: boolean }];
      core.push(userId, name, data);
      // All of it: what is flushed must not overtake the effects of what was asked before.
      if (flush) delivery.flush();
    },
    broadcast(name, ...rest) {
      const piece = packing(name, (rest as [data?: unknown])[0]);
      for (const connection of connections) {
        if (!connection.visiting && !connection.movedTo) connection.push(piece(connection.framer));
      }
    },
    async listen(port, listening) {
      await core.opening;
      return doors.listen(port, listening);
    },
    attach: doors.attach,
    handler: doors.handler,
    connectedUsers: users.connectedUsers,
    async accept(transport, url = "/", user) {
      let gone = false;
      // Until it is admitted nothing of it is read.
      transport.handlers = { onFrame() {}, onClose: () => void (gone = true) };
      transport.pause();
      const refuse = (body: string): void => {
        counters.refused++;
        transport.close(closeCodes.tooMany, body);
      };
      if (!URL.canParse(url, "ws://localhost")) return refuse("Bad request");
      const parsed = new URL(url, "ws://localhost");
      const known = user ? { user } : await doors.admit(undefined, parsed);
      if (gone) return;
      transport.resume();
      if ("status" in known) return refuse(known.body);
      const full = door.full(known.user);
      if (full) return refuse(full.body);
      enter(transport, parsed, known.user, door.framerFor(parsed.searchParams.get("packers")?.split(",") ?? []));
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
    clientsWith: (feature) =>
      [...connections].flatMap((connection) =>
        connection.capabilities && !connection.movedTo && supports(connection.capabilities, feature) ? [peerOf(connection)] : [],
      ),
    stats: () => ({
      ...counters,
      connections: connections.size,
      users: users.size,
      sessions: sessions.size,
      topics: topics.size,
    }),
    async close({ drain = false, drainMs = 3000 } = {}) {
      ended = true;
      for (const end of core.ends) end();
      if (drain) await drained(drainMs);
      // What this turn changed is an entry only at its end.
      delivery.flush();
      const doorsClosed = doors.close();
      for (const connection of [...connections]) {
        connection.flush();
        close(connection, closeCodes.goingAway, "server closing");
        // Only its goodbye is heard of what it still says.
        connection.resumeReading(pauseReasons.drain);
        // Nobody can come for it any more.
        if (connection.polled) connection.transport.terminate();
      }
      await doorsClosed;
      users.close();
      await topics.close();
      await (await storage)?.close();
      if (sweepTimer !== undefined) env.clearTimer(sweepTimer);
      sweepTimer = undefined;
    },
  };
  setCore(server, core);
  return server;
}
