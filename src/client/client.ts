/**
 * `createClient`: a session kept open over one line after another, and the topics and requests on it.
 *
 * Always: listeners are told after the state they read is in place; nothing sent before hello is answered but hello and
 * subscriptions; a request settles once, by reply, timeout or the end of its line.
 * Rules: docs/protocol.md HELLO1-HELLO7, CALL1-CALL7, LINE1-LINE9.
 */
import { type Env, randomHex, realEnv, type Timer } from "../core/env.ts";
import { fromWireError, SyncError } from "../core/errors.ts";
import type { AnyEvents, DataArgs, EventData, EventInput, EventName, Events, ReplyData } from "../core/events.ts";
import type { User } from "../core/register.ts";
import { addTo, callAll, createStore, type Readable } from "../core/store.ts";
import type { Replica } from "../kind/kind.ts";
import { createCallbacks, type Outcome } from "../session/callbacks.ts";
import { type CloseReason, defaultLineOptions, type LineOptions } from "../session/line-step.ts";
import { event, pingEvent, pongEvent, readDown, readErrorReply, wrap } from "../session/messages/sente.ts";
import { readWelcome, sync, version } from "../session/messages/sync.ts";
import type { Connector } from "../transport/transport.ts";
import { websocket } from "../transport/websocket.ts";
import { edn } from "../wire/edn.ts";
import { defaultBudget, type Packer } from "../wire/packer.ts";
import type { Held } from "./held.ts";
import { createLine, type SocketEnd } from "./line.ts";
import { createReplicas } from "./replicas.ts";
import { type ClientStatus, statusOf } from "./status.ts";
import { onWake } from "./wake.ts";

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

const defaultLimits: ClientLimits = {
  maxCallbacks: 256,
  maxPending: 1000,
  maxSnapshotLength: 1 << 26,
  maxBufferedBytes: 1 << 20,
};

export interface ClientOptions<E extends Events = Events> {
  /** Types `send`, `request` and `on`. The server validates: what it refuses rejects the request with `invalid`. */
  readonly events?: E;
  /** Default: WebSocket. */
  readonly connector?: Connector;
  /** The same as the server's. Default `edn()`. */
  readonly packer?: Packer;
  readonly reconnect?: Partial<LineOptions>;
  readonly limits?: Partial<ClientLimits>;
  /** How long a topic that nobody uses stays subscribed. Default 1 000. */
  readonly lingerMs?: number;
  /** How often positions are compared with the server's. Default 40 000. */
  readonly positionMs?: number;
  /** What `sync.dehydrate` made: values that are there at once. */
  readonly hydrate?: string | Uint8Array;
  /** False: wait for `connect()`. */
  readonly autoConnect?: boolean;
  /** What has no caller to tell. Default: console.error. */
  readonly onError?: (error: unknown, where: string) => void;
  readonly env?: Env;
}

/** `queued`: the first connection is on its way, and this goes with it. */
export type SendResult = "ok" | "queued" | "backpressure" | "closed";

/** What happened to the line; told to `client.on`. */
export interface LifecycleEvents {
  /** First connection. */
  connect: Record<string, never>;
  /** A later one; `recovered`: the server still knew the session. */
  resume: { readonly recovered: boolean };
  disconnect: { readonly reason: string };
}

export interface EventMessage<Data = unknown> {
  readonly event: string;
  readonly data: Data;
}

export interface Client<E extends Events = AnyEvents> {
  readonly status: Readable<ClientStatus>;
  /** Who the server says that this is. */
  readonly user: Readable<User | undefined>;
  /** Constant for this object, and no identity. */
  readonly clientId: string;
  /** An event without a reply: lost when the line is down. Throws SyncError `too-large`. */
  send<N extends EventName<E>>(name: N, ...data: DataArgs<E, N>): SendResult;
  /** Waits for the line, then for the reply; rejects with a SyncError, at the latest after `timeoutMs` (5 000). */
  request<N extends EventName<E>>(
    name: N,
    data: EventInput<E, N>,
    options?: { readonly timeoutMs?: number },
  ): Promise<ReplyData<E, N>>;
  on<K extends keyof LifecycleEvents>(name: K, run: (fact: LifecycleEvents[K]) => void): () => void;
  /** Calls `run` for each event that the server pushes under that name. */
  on<N extends EventName<E>>(name: N, run: (message: EventMessage<EventData<E, N>>) => void): () => void;
  connect(): void;
  disconnect(): void;
  /** Gives up this line and opens another. */
  reconnect(): void;
  /** Ends it for good: what waits is rejected with `closed`. Safe twice. */
  close(): void;
  [Symbol.dispose](): void;
}

/** What the kinds of this package need of a client beyond its public face. */
export interface ClientCore {
  readonly env: Env;
  readonly maxPending: number;
  hold(topic: string, kind: string, create: () => Replica<unknown, never>): Held;
  /** Sends an event; throws SyncError `too-large`. */
  send(id: string, data: unknown): void;
  /** Takes part in the session: sees its `:sync/*` events (true: taken), and is told when the line is gone. */
  join(part: SessionPart): void;
  report(error: unknown, where: string): void;
  /** Facts for Sente's state map. */
  readonly facts: { uid?: unknown; handshakeData?: unknown; everOpened?: boolean; socketEnd?: SocketEnd };
}

export interface SessionPart {
  receive(id: string, data: unknown): boolean;
  /** `isOver`: and no other line will come. */
  lost(isOver: boolean): void;
}

const cores = new WeakMap<object, ClientCore>();

export function coreOf(client: object): ClientCore {
  const core = cores.get(client);
  if (!core) throw new SyncError("invalid", "Not a client");
  return core;
}

const place = globalThis as { location?: { href: string } };

/** The WebSocket URL, or nothing for a relative one where there is no page: then nothing is ever opened. */
function resolveUrl(url: string): URL | undefined {
  if (!/^\w+:/.test(url) && !place.location) return undefined;
  const resolved = new URL(url, place.location?.href);
  resolved.protocol = resolved.protocol.replace("http", "ws");
  return resolved;
}

/** A client of the server at `url`, which may be relative to the page. It connects at once. */
export function createClient<const E extends Events = AnyEvents>(url: string, options: ClientOptions<E> = {}): Client<E> {
  const env = options.env ?? realEnv;
  const packer = options.packer ?? edn();
  const limits: ClientLimits = { ...defaultLimits, ...options.limits };
  const clientId = randomHex(env, 16);
  const target = resolveUrl(url);
  const report = (error: unknown, where: string): void =>
    (options.onError ?? ((e, w) => console.error(`sente-sync: ${w}:`, e)))(error, where);

  let session: string | null = null;
  let token: string | null = null;
  /** Hello was answered; or the server is a plain Sente one, which has none. */
  let ready = false;
  /** The server speaks `:sync`. */
  let speaksSync = false;
  let ever = false;
  let maxFrameBytes = 1 << 20;
  let positionTimer: Timer | undefined;
  const facts: ClientCore["facts"] = {};
  const status = createStore<ClientStatus>({ name: "initial" });
  const user = createStore<User | undefined>(undefined);
  const listeners = new Map<string, Set<(message: never) => void>>();
  const callbacks = createCallbacks(env);
  const parts: SessionPart[] = [];
  /** What waits for the line: requests by their ids, events by themselves. */
  const queue = new Map<unknown, () => void>();
  /** The server is trusted with more than a peer: a value of any size, deeper by what wraps it. */
  const budget = { ...defaultBudget, maxDepth: 80, maxValues: limits.maxSnapshotLength };
  const unpack = (data: string | Uint8Array): unknown => packer.unpack(data, budget);

  /** Nothing that an application's listener throws may keep the rest from being done. */
  const attempt = (run: () => void, where: string): void => {
    try {
      run();
    } catch (error) {
      report(error, where);
    }
  };

  const raise = (name: string, message: unknown): void =>
    attempt(() => callAll(listeners.get(name) ?? [], message as never), name);

  /** Throws SyncError `too-large`; false: the socket is full, or there is none. */
  const transmit = (value: unknown, callback?: string): boolean => {
    const data = packer.pack(wrap(value, callback));
    // A character is at most three bytes of UTF-8; only near the limit is it worth counting.
    if (data.length * 3 > maxFrameBytes && byteLength(data) > maxFrameBytes) {
      throw new SyncError("too-large", `Over ${maxFrameBytes} bytes`);
    }
    return line.transport?.send({ data, text: !packer.binary }) ?? false;
  };

  const ask = (value: unknown, timeoutMs: number, settle: (outcome: Outcome) => void): void => {
    transmit(value, callbacks.open(timeoutMs, settle));
  };

  const replicas = createReplicas(
    {
      env,
      unpack,
      lingerMs: options.lingerMs ?? 1000,
      maxSnapshotLength: limits.maxSnapshotLength,
      ready: () => speaksSync && line.state.name === "connected",
      send(id, data, settle) {
        if (settle) ask(event(id, data), 20_000, settle);
        else transmit(event(id, data));
      },
      isPlain: () => ready && !speaksSync,
      distrust: () => line.dispatch({ type: "distrust" }),
      report,
    },
    options.hydrate ? (unpack(options.hydrate) as never) : [],
  );

  const refresh = (): void => {
    const next = statusOf(line.state, ready, ever, line.transport?.name ?? "", Math.round(env.nowMs() - env.monotonicMs()));
    const { name, retryAtMs, reason } = status.get();
    if (next.name !== name || next.retryAtMs !== retryAtMs || next.reason !== reason) attempt(() => status.set(next), "status");
  };

  const becomeReady = (recovered: boolean): void => {
    const first = !ever;
    ready = ever = true;
    refresh();
    if (first) raise("connect", {});
    else raise("resume", { recovered });
    for (const [key, run] of queue) {
      queue.delete(key);
      attempt(run, "send");
    }
  };

  const armPositionCheck = (): void => {
    positionTimer = env.setTimer(() => {
      replicas.checkPositions();
      armPositionCheck();
    }, options.positionMs ?? 40_000);
  };

  const onHandshake = (uid: unknown, data: unknown, theirs: number): void => {
    Object.assign(facts, { uid, handshakeData: data, everOpened: true });
    speaksSync = theirs > 0;
    line.opened();
    if (!speaksSync) {
      becomeReady(false);
      return replicas.start();
    }
    ask(event(sync.hello, { v: version, session, token }), 20_000, (outcome) => {
      const welcome = outcome.ok ? readWelcome(outcome.value) : undefined;
      if (!welcome) {
        const refused = outcome.ok ? readErrorReply(outcome.value) : undefined;
        if (refused) report(fromWireError(refused), sync.hello);
        // Where the line was lost meanwhile, there is nothing to distrust.
        return outcome.ok || outcome.error.code === "timeout" ? line.dispatch({ type: "distrust" }) : undefined;
      }
      ({ session, token } = welcome);
      maxFrameBytes = welcome.limits?.maxFrameBytes ?? maxFrameBytes;
      attempt(() => user.set(welcome.user as User), "user");
      armPositionCheck();
      becomeReady(welcome.resumed);
    });
    replicas.start();
  };

  const onSync = (id: string, data: unknown): void => {
    if (!replicas.receive(id, data) && !parts.some((part) => part.receive(id, data)))
      report(new SyncError("malformed", `Unreadable ${id}`), id);
  };

  const line = createLine({
    env,
    options: { ...defaultLineOptions, ...options.reconnect },
    connector: options.connector ?? websocket({ env }),
    url() {
      const full = new URL(target as URL);
      full.searchParams.set("client-id", clientId);
      full.searchParams.set("sync", "1");
      return full.href;
    },
    onFrame(data) {
      let down: ReturnType<typeof readDown>;
      try {
        down = readDown(unpack(data));
      } catch (error) {
        return report(error, "frame");
      }
      switch (down.type) {
        case "handshake":
          return onHandshake(down.uid, down.data, down.version);
        case "ping":
          transmit(event(pongEvent));
          return raise(pingEvent, { event: pingEvent, data: null });
        case "reply":
          return void callbacks.reply(down.callback, down.value);
        case "events":
          for (const { id, data: value } of down.events) {
            if (id.startsWith("sync/")) onSync(id, value);
            else if (!id.startsWith("chsk/")) raise(id, { event: id, data: value });
          }
          return;
        case "malformed":
          report(new SyncError("malformed", "Not a Sente message"), "frame");
      }
    },
    // Anything that is heard will do for an answer, so nobody waits for this one.
    ping: () => void transmit(event(pingEvent), "ping"),
    onLost(reason: CloseReason) {
      ready = false;
      if (positionTimer !== undefined) env.clearTimer(positionTimer);
      replicas.stop();
      callbacks.failAll(new SyncError("closed", `Line lost: ${reason}`), queue);
      for (const part of parts) part.lost(false);
      if (ever) raise("disconnect", { reason });
    },
    onState: refresh,
    onSocketEnd: (socketEnd) => Object.assign(facts, { socketEnd }),
  });

  const stopWaking = target ? onWake(env, () => line.probe()) : undefined;

  const client: Client<E> = {
    status,
    user,
    clientId,
    send(name, ...[data]) {
      const value = event(name, data);
      const { name: now } = status.get();
      if (now === "connecting" && queue.size < limits.maxCallbacks) {
        queue.set(value, () => transmit(value));
        return "queued";
      }
      if (!ready || !line.transport) return "closed";
      if (line.transport.bufferedBytes > limits.maxBufferedBytes) return "backpressure";
      transmit(value);
      return "ok";
    },
    request: (name, data, { timeoutMs = 5000 } = {}) =>
      new Promise((resolve, reject) => {
        if (status.get().name === "closed") throw new SyncError("closed");
        if (callbacks.size >= limits.maxCallbacks)
          throw new SyncError("limit", `Over ${limits.maxCallbacks} requests`, { retry: "later" });
        const id = callbacks.open(timeoutMs, (outcome) => {
          const error = outcome.ok ? readErrorReply(outcome.value) : undefined;
          if (!outcome.ok) reject(outcome.error);
          else if (error) reject(fromWireError(error));
          else resolve(outcome.value as never);
        });
        const send = (): void => {
          try {
            if (callbacks.waits(id)) transmit(event(name, data), id);
          } catch (error) {
            callbacks.fail(id, error as SyncError);
          }
        };
        if (ready) send();
        else queue.set(id, send);
      }),
    on(name: string, run: (message: never) => void) {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set);
      return addTo(set, run);
    },
    connect: () => target && line.dispatch({ type: "connect" }),
    disconnect: () => line.dispatch({ type: "disconnect" }),
    reconnect: () => target && line.dispatch({ type: "reconnect" }),
    close() {
      line.dispatch({ type: "close" });
      stopWaking?.();
      callbacks.failAll(new SyncError("closed"));
      for (const part of parts) part.lost(true);
    },
    [Symbol.dispose]: () => client.close(),
  };

  cores.set(client, {
    env,
    maxPending: limits.maxPending,
    hold: replicas.hold,
    send: (id, data) => void transmit(event(id, data)),
    join(part) {
      parts.push(part);
      if (line.state.name === "closed") part.lost(true);
    },
    report,
    facts,
  });

  if (options.autoConnect !== false) client.connect();
  return client;
}

function byteLength(data: string | Uint8Array): number {
  return typeof data === "string" ? new TextEncoder().encode(data).length : data.length;
}
