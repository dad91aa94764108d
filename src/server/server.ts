/**
 * `createServer`: joins the doors, connections, users, sessions, events and topics of one server.
 *
 * Always: nothing is heard before `listen`, `attach` or `accept`; a server that closes takes nobody in, and stores what is on its way.
 * Rules: docs/protocol.md DOOR1-DOOR13, EVENT1-EVENT7, USER1-USER8.
 */
import type { Server as HttpServer } from "node:http";
import { randomHex, realEnv, uuidV7 } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { AnyEvents, DataArgs, EventData, EventName, Events, PushName, ReplyInput } from "../core/events.ts";
import type { User } from "../core/register.ts";
import type { Readable } from "../core/store.ts";
import { supports } from "../session/capabilities.ts";
import { createMemoryLog } from "../topic/memory-log.ts";
import type { Transport } from "../transport/transport.ts";
import { edn } from "../wire/edn.ts";
import { accept } from "./accept.ts";
import { defaultLongPoll } from "./ajax.ts";
import { createCapable } from "./capable.ts";
import type { Connection } from "./connection.ts";
import { createConnections } from "./connections.ts";
import { type ServerCore, setCore } from "./core.ts";
import { type Counters, createCounters } from "./counters.ts";
import { createCredentials } from "./credentials.ts";
import { createDelivery } from "./delivery.ts";
import { dismiss, drained } from "./drain.ts";
import { checkDurability } from "./family.ts";
import { createFormats } from "./formats.ts";
import { createGuard } from "./guard.ts";
import { createHandlers, type EventContext, type Handler, type localEvents, type Peer } from "./handlers.ts";
import { type AttachOptions, createDoors, type Door, type ListenOptions, protocolPrefix, type RequestHandler } from "./http.ts";
import { identityOf } from "./identity.ts";
import { createInbound } from "./inbound.ts";
import { defaultKeepalive, type KeepaliveOptions } from "./keepalive.ts";
import { closeCodes, defaultLimits, type ServerLimits } from "./limits.ts";
import { createMoves } from "./moves.ts";
import { startOpening } from "./opening.ts";
import type { ServerOptions } from "./options.ts";
import { createPeers } from "./peers.ts";
import { createPushes } from "./pushes.ts";
import { pooledRandom } from "./random-pool.ts";
import { createSessions } from "./sessions.ts";
import { createSubscriptions } from "./subscribe.ts";
import { createTailBudget } from "./tail-budget.ts";
import { createTopics } from "./topics.ts";
import { type ConnectedUsers, createUsers } from "./users.ts";
import { createWaysIn } from "./ways-in.ts";

export interface ServerStats extends Readonly<Counters> {
  readonly connections: number;
  readonly users: number;
  readonly sessions: number;
  readonly topics: number;
  /** What the tails of all topics hold, and the logs in memory. */
  readonly tailBytes: number;
}

export interface Server<E extends Events = AnyEvents> {
  /** Handles an event; a returned value is the reply. Throws SyncError `conflict` for a name that has a handler. */
  on<N extends EventName<E>>(
    name: N,
    handler: (context: EventContext<EventData<E, N>>) => ReplyInput<E, N> | Promise<ReplyInput<E, N>> | void,
  ): () => void;
  on(name: (typeof localEvents)[number], handler: (context: EventContext) => void): () => void;
  /**
   * Pushes an event to every connection of a user: ephemeral, lost for who is away. `flush`: now, not at the end of the turn. One that is
   * declared with `inbox: true` goes into the user's inbox instead; throws SyncError `invalid` where there is none.
   */
  send<N extends EventName<E>>(userId: string, name: N, ...data: [...DataArgs<E, N>, options?: { flush?: boolean }]): void;
  /** Pushes an event to every connection. */
  broadcast<N extends PushName<E>>(name: N, ...data: DataArgs<E, N>): void;
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
  /**
   * Takes back what was granted: the user's subscriptions to the topic, and to what stands beside it, end with `forbidden`, those that are
   * being made too. Without a topic: to all.
   */
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
   * Closes every connection and door, stores what is on its way, and runs hooks that are due, for 5 s at most; resolves once all is
   * closed. `drain`: nothing new is read, and requests and writes that were read are answered first, for `drainMs` (3 000) at most.
   * What SIGTERM asks for.
   */
  close(options?: { readonly drain?: boolean; readonly drainMs?: number }): Promise<void>;
}

const weekMs = 7 * 24 * 3_600_000;

/** A server; it listens to nobody before `listen`, `attach` or `accept`. Throws SyncError `unsupported` for a `durability` that needs a storage. */
export function createServer<const E extends Events = AnyEvents>(options: ServerOptions<E> = {}): Server<E> {
  const hasStorage = options.storage !== undefined;
  checkDurability({ hasStorage }, options.durability, "What does not say how durable it is");
  const env = options.env ?? { ...realEnv, randomBytes: pooledRandom(realEnv.randomBytes) };
  const limits: ServerLimits = { ...defaultLimits, ...options.limits };
  const keepalive: KeepaliveOptions = { ...defaultKeepalive, ...options.keepalive };
  const { sessionMaxAgeMs = weekMs } = options;
  const formats = createFormats(options.packer, options.packers);
  const boot = uuidV7(env);
  const counters = createCounters();
  const { report, callHook } = createGuard(options.onError);
  const delivery = createDelivery(env);
  const kept = edn();
  const declared = Object.entries(options.events ?? {});
  const mailed = new Set(declared.filter(([, { inbox }]) => inbox).map(([name]) => name));
  let ended = false;

  const users = createUsers({
    env,
    graceMs: options.reconnectGraceMs ?? 2500,
    maxAway: limits.maxIdleSessions,
    onOpen: (userId) => callHook(() => options.onUserOpen?.(userId), "onUserOpen"),
    onClose: (userId) => callHook(() => options.onUserClose?.(userId), "onUserClose"),
  });
  const pushes = createPushes({ own: formats.own, users, counters, maxWaiting: limits.maxWaiting });
  const opening = startOpening({ env, storage: options.storage, sessionMaxAgeMs, report });
  opening.done?.then(
    () => {
      core.opening = undefined;
    },
    (error: unknown) => report(error, "storage"),
  );
  const tails = createTailBudget(env, limits.maxTailBytes, counters);
  const topics = createTopics({
    env,
    memory: createMemoryLog(env),
    storage: opening.log,
    kept,
    delivery,
    maxTopics: limits.maxTopics,
    idleTopicMs: limits.idleTopicMs,
    tails,
    counters,
    // A session that its token proves is remembered by every topic that it wrote to.
    writers: { maxWriters: limits.maxWriters, rememberMs: sessionMaxAgeMs },
    report,
    endTopic: (topic, code) => {
      for (const subscription of [...topic.subscriptions]) subscriptions.end(subscription, code);
    },
  });
  const core: ServerCore = {
    env,
    limits,
    kept,
    topics,
    authorize: options.authorize,
    opening: opening.done,
    hasStorage,
    durability: options.durability,
    delivery,
    counters,
    events: options.events ?? {},
    get ended() {
      return ended;
    },
    ends: new Set(),
    mayWrite: (connection, subscription) => subscriptions.mayWrite(connection, subscription),
    ways: createWaysIn(),
    users,
    push: pushes.push,
    notify(_, name) {
      throw new SyncError("invalid", `Event "${name}" goes into inboxes: open them with \`inbox(sync)\` first.`);
    },
    bridges: new Map(),
    framerOf: formats.of,
    report,
  };

  const sessions = createSessions(env, limits, opening.tokens);
  const subscriptions = createSubscriptions(core, options.authorize);
  const capable = createCapable({
    options: options.capabilities ?? {},
    formats: formats.names,
    limits,
    heartbeatMs: keepalive.keepaliveMs,
    onClient: (connection, theirs) =>
      callHook(() => options.onClientCapabilities?.(peers.of(connection), theirs), "onClientCapabilities"),
  });
  const peers = createPeers(capable.of);
  const handlers = createHandlers(core, { events: core.events, authorize: options.authorize, peerOf: peers.of });
  const moves = createMoves({
    env,
    delivery,
    tookOver(from, to) {
      users.replace(from, to);
      peers.moved(from, to);
    },
    report,
  });
  const credentials = createCredentials({
    env,
    graceMs: options.renewalGraceMs ?? 30_000,
    handshakeMs: limits.handshakeMs,
    counters,
    opening: () => core.opening,
    reask: subscriptions.reask,
    report,
  });
  const inbound = createInbound({
    core,
    boot,
    handlers,
    subscriptions,
    sessions,
    users,
    returned: pushes.returned,
    enter: (connection) => connections.settle(connection),
    moves,
    capable,
    credentials,
  });
  const connections = createConnections({
    core,
    keepalive,
    hooks: options,
    callHook,
    sessions,
    subscriptions,
    credentials,
    peers,
    capable,
    pushes,
    receive: inbound.receive,
  });

  const anonymous = (): User => ({ id: `anonymous-${randomHex(env, 8)}`, anonymous: true });
  const door: Door = {
    env,
    limits,
    checks: { origins: options.origins ?? [], requireOrigin: options.requireOrigin ?? false, csrfToken: options.csrfToken },
    counters,
    reject: options.reject,
    polling: options.longPoll !== false,
    longPoll: { ...defaultLongPoll, ...options.longPoll },
    bridges: core.bridges,
    protocols: new Set(formats.names.map((name) => protocolPrefix + name)),
    report,
    authenticate: async (request, url, token) =>
      identityOf(options.authenticate ? await options.authenticate({ request, url, token }) : anonymous()),
    asksLater: options.authenticate !== undefined,
    framerFor: formats.choose,
    polls: (connection) => connection.visiting || users.connected(connection),
    visitor: connections.visitor,
    post: inbound.post,
    full(user) {
      if (ended) return { status: 503, body: "The server is closing", reason: "full" };
      if (connections.all.size >= limits.maxConnections) return { status: 503, body: "Too many connections", reason: "full" };
      if (user && users.count(user.id) >= limits.maxConnectionsPerUser)
        return { status: 429, body: "Too many connections of one user", reason: "full" };
      return undefined;
    },
    enter: connections.enter,
  };
  const doors = createDoors(door);

  const checkOpen = (): void => {
    if (ended) throw new SyncError("closed", "This server was closed: make a new one with `createServer`.");
  };

  const server: Server<E> = {
    on: (name: string, handler: (context: never) => unknown) => handlers.on(name, handler as Handler),
    send(userId, name, ...rest) {
      const [data, { flush = false } = {}] = rest as unknown as [data?: unknown, options?: { flush?: boolean }];
      if (mailed.has(name)) return void core.notify(userId, name, data);
      pushes.push(userId, name, data);
      // All of it: what is flushed must not overtake the effects of what was asked before.
      if (flush) delivery.flush();
    },
    broadcast(name, ...rest) {
      if (mailed.has(name)) throw new SyncError("invalid", `Event "${name}" goes into inboxes: it is sent to a user.`);
      pushes.broadcast(connections.all, name, (rest as [data?: unknown])[0]);
    },
    async listen(port, listening) {
      checkOpen();
      await core.opening;
      checkOpen();
      return doors.listen(port, listening);
    },
    attach(server, attaching) {
      checkOpen();
      return doors.attach(server, attaching);
    },
    handler: doors.handler,
    connectedUsers: users.connectedUsers,
    accept: (transport, url = "/", user) => accept(door, doors.admit, transport, url, user),
    revoke: ({ user, topic }) => subscriptions.revoke(user === undefined ? connections.all : users.of(user), user, topic),
    disconnect({ user }) {
      for (const connection of users.of(user)) connection.close(closeCodes.ended, "disconnected");
    },
    async dehydrate({ topics: names, user = anonymous() }) {
      // What this turn updated is in the topics once it is flushed.
      await new Promise<void>((resolve) => delivery.beforeFlush(resolve));
      const rendered = await Promise.all(names.map((name) => subscriptions.render(user, name)));
      return formats.own.packer.pack(rendered);
    },
    clientsWith(feature) {
      const can = ({ capabilities, movedTo }: Connection): boolean =>
        capabilities !== undefined && !movedTo && supports(capabilities, feature);
      return [...connections.all].filter(can).map(peers.of);
    },
    stats: () => ({
      ...counters,
      connections: connections.all.size,
      users: users.size,
      sessions: sessions.size,
      topics: topics.size,
      tailBytes: tails.bytes,
    }),
    async close({ drain = false, drainMs = 3000 } = {}) {
      ended = true;
      for (const end of core.ends) end();
      if (drain) await drained(env, connections.all, topics, drainMs);
      // What this turn changed is an entry only at its end.
      delivery.flush();
      const doorsClosed = doors.close();
      dismiss(connections.all);
      await doorsClosed;
      users.close();
      await topics.close();
      await (await opening.log())?.close();
      connections.close();
    },
  };
  setCore(server, core);
  return server;
}
