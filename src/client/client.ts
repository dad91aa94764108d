/**
 * `createClient`: a session kept open over one line after another, and the topics and requests on it.
 *
 * Always: listeners are told after the state they read is in place; nothing sent before hello is answered but hello and
 * subscriptions; a request settles once, by reply, timeout or the end of its line.
 * Rules: docs/protocol.md HELLO1-HELLO7, CALL1-CALL7, LINE1-LINE9.
 */
import { type Env, randomHex, realEnv } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { AnyEvents, DataArgs, EventData, EventInput, EventName, Events, PushName, ReplyData } from "../core/events.ts";
import type { User } from "../core/register.ts";
import { addTo, callAll, createStore, type Readable } from "../core/store.ts";
import type { Replica } from "../kind/kind.ts";
import { type Callbacks, createCallbacks, type Settle } from "../session/callbacks.ts";
import { entriesMark, readEntries } from "../session/messages/entries.ts";
import { type DownListener, event, pingEvent, pongEvent, readDown, readErrorReply, wrap } from "../session/messages/sente.ts";
import { readWelcome, type SyncEvent, version, type Welcome } from "../session/messages/sync.ts";
import type { Transport } from "../transport/transport.ts";
import { websocket } from "../transport/websocket.ts";
import { edn } from "../wire/edn.ts";
import { defaultBudget, type Packer } from "../wire/packer.ts";
import type { EventMessage, LifecycleEvents, SendResult } from "./events.ts";
import { frameOf } from "./frame.ts";
import type { Held } from "./held.ts";
import { createLine, type Line, type SocketEnd } from "./line.ts";
import type { ClientOptions } from "./options.ts";
import { createReplicas } from "./replicas.ts";
import { type ClientStatus, statusOf } from "./status.ts";
import { resolveUrl } from "./target.ts";
import { onWake } from "./wake.ts";

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
  /** Calls `run` for each event that the server pushes under that name. What goes into inboxes `inbox(client).on` tells. */
  on<N extends PushName<E>>(name: N, run: (message: EventMessage<EventData<E, N>>) => void): () => void;
  connect(): void;
  disconnect(): void;
  /** Gives up this line and opens another. */
  reconnect(): void;
  /**
   * With `auth`: shows the server a fresh token, over the connection that there is; resolves once the server has taken it, and rejects with
   * the SyncError where it did not. Without: connects anew.
   */
  reauthenticate(): Promise<void>;
  /** Ends it for good: what waits is rejected with `closed`. Safe twice. */
  close(): void;
  [Symbol.dispose](): void;
}

/** What the parts of a client share: its topics, and the kinds of this package. */
export interface ClientCore {
  readonly env: Env;
  /** Where the server is; nothing where no line is ever opened. */
  readonly target: URL | undefined;
  readonly callbacks: Callbacks;
  /** What waits for the line. */
  readonly queue: Map<unknown, () => void>;
  readonly lingerMs: number;
  readonly maxPending: number;
  readonly maxSnapshotLength: number;
  unpack(data: string | Uint8Array): unknown;
  /** Sends an event, and with `settle` waits for the reply; throws SyncError `too-large`. */
  send(id: SyncEvent | `chsk/${string}`, data: unknown, settle?: Settle): void;
  /** The server did not answer as it should: leaves this line. Where that was lost meanwhile, there is nothing to distrust. */
  distrust(): void;
  /** Takes part in the session: sees its `:sync/*` events (true: taken), and is told when the line is gone. */
  join(part: SessionPart): void;
  report(error: unknown, where: string): void;
  /** Runs what calls listeners: nothing that one throws may keep the rest from being done. */
  attempt(run: () => void, where: string): void;
  /** Names of the packers that it has, the best first. */
  readonly formats: readonly string[];
  /** What the server said; how the socket ended. */
  readonly facts: {
    handshake?: readonly [uid: unknown, data: unknown] | undefined;
    /** Its session and token are shown to the server when the next line opens. */
    welcome?: Pick<Welcome, "session" | "token" | "user" | "handshake"> | undefined;
    socketEnd?: SocketEnd;
    /** More that hello says. */
    hello?: object;
    /** Told how the line ended, before the state changes. */
    ended?(end: SocketEnd): void;
    /** Why it is not let in. */
    refusal?: SyncError | undefined;
    maxFrameBytes: number;
  };
}

/** The core as the kinds see it. */
export interface KindCore extends ClientCore {
  /** Without `create`: only to write. */
  hold(topic: string, kind: string, create?: () => Replica<unknown, never>): Held;
  /** What was held so far. */
  readonly all: ReadonlyMap<string, Held>;
  readonly line: Line;
}

export interface SessionPart {
  receive(id: string, data: unknown): boolean;
  /** Hello was answered: the session is known. Topics may have been named before. */
  welcomed?(): void;
  /** The client is closed by its program: the last moment to write. */
  ending?(): void;
  /** `isOver`: and no other line will come. */
  lost(isOver: boolean): void;
}

const cores = new WeakMap<object, KindCore>();

export function coreOf(client: object): KindCore {
  const core = cores.get(client);
  if (!core) throw new SyncError("invalid", "Not a client");
  return core;
}

const pingCallback = "ping";
/** What the client's own questions wait. */
const ownTimeoutMs = 20_000;

/** A client of the server at `url`, which may be relative to the page. It connects at once. */
export function createClient<const E extends Events = AnyEvents>(url: string, given: ClientOptions<E> = {}): Client<E> {
  const options = given.auth ? given.auth.complete(given) : given;
  const {
    env = realEnv,
    packer: ownPacker = edn(),
    connector = websocket({ env }),
    upgrade,
    reconnect = {},
    limits: { maxCallbacks = 256, maxPending = 1000, maxSnapshotLength = 1 << 26, maxBufferedBytes = 1 << 20 } = {},
    lingerMs = 1000,
    positionMs = 40_000,
    hydrate,
    autoConnect = true,
    onError: report = (error, where) => console.error(`sente-sync: ${where}:`, error),
  } = options;
  const clientId = randomHex(env, 16);
  const target = resolveUrl(url, clientId);

  /** Hello was answered; or the server is a plain Sente one, which has none. */
  let ready = false;
  let ever = false;
  let pingedAtMs = 0;
  const facts: ClientCore["facts"] = { maxFrameBytes: 1 << 20 };
  const status = createStore<ClientStatus>({ name: "initial" });
  const user = createStore<User | undefined>(undefined);
  const listeners = new Map<string, Set<(message: never) => void>>();
  const callbacks = createCallbacks(env);
  /** What waits for the line: requests by their ids, events by themselves. */
  const queue = new Map<unknown, () => void>();
  /** The server is trusted with more than a peer: a value of any size, deeper by what wraps it. */
  const budget = { ...defaultBudget, maxDepth: 80, maxValues: maxSnapshotLength };
  /** What this line speaks. */
  let packer = ownPacker;
  /** What the newest frame is in: while the line moves, not always the same. */
  let heardIn = ownPacker;
  const unpack = (data: string | Uint8Array): unknown => heardIn.unpack(data, budget);

  const attempt = (run: () => void, where: string): void => {
    try {
      run();
    } catch (error) {
      report(error, where);
    }
  };

  const raise = (name: string, message: unknown): void =>
    attempt(() => callAll(listeners.get(name) ?? [], message as never), name);

  const push = (event: string, data: unknown): void => raise(event, { event, data });

  /** Throws SyncError `too-large`. */
  const transmit = (id: string, value?: unknown, callback?: string): void => {
    const frame = frameOf(packer, wrap(event(id, value), callback), facts.maxFrameBytes);
    line.transport?.send(frame);
  };

  const core: ClientCore = {
    env,
    target,
    callbacks,
    queue,
    lingerMs,
    maxPending,
    maxSnapshotLength,
    unpack,
    send: (id, data, settle) => transmit(id, data, settle && callbacks.open(ownTimeoutMs, settle)),
    distrust() {
      if (line.state.name === "connected") line.dispatch("distrust");
    },
    join(part) {
      parts.push(part);
      if (line.state.name === "closed") part.lost(true);
    },
    report,
    attempt,
    formats: [...(upgrade?.formats ?? []), ownPacker.name],
    facts,
  };
  const replicas = createReplicas(core, positionMs, hydrate ? (unpack(hydrate) as never) : []);
  const parts: SessionPart[] = [replicas];

  const refresh = (): void => {
    const next = statusOf(line.state, ready, ever, line.transport?.name, facts.refusal);
    if (JSON.stringify(next) !== JSON.stringify(status.get())) attempt(() => status.set(next), "status");
  };

  const becomeReady = (recovered: boolean): void => {
    const fact = ever ? { recovered } : {};
    const name = ever ? "resume" : "connect";
    ready = ever = true;
    refresh();
    raise(name, fact);
    for (const [key, run] of queue) {
      queue.delete(key);
      attempt(run, "send");
    }
  };

  /** What was sent will have no answer; what waits goes on waiting, unless it `isOver`. */
  const lose = (isOver: boolean, reason?: string): void => {
    ready = false;
    for (const part of parts) part.lost(isOver);
    callbacks.failAll(new SyncError("closed", reason), isOver ? undefined : queue);
  };

  const hello = (fields: object, settle: Settle): void => {
    const { session = null, token = null } = facts.welcome ?? {};
    core.send("sync/hello", { v: version, session, token, binary: packer.binary, late: true, ...facts.hello, ...fields }, settle);
  };

  const heard: DownListener = {
    handshake(uid, data, theirs) {
      facts.handshake = [uid, data];
      // A plain server that had forgotten a client answers its poll so; the line goes on.
      if (ready) return;
      line.dispatch("handshake");
      if (theirs > 0) {
        hello({}, (_, value) => {
          const welcome = readWelcome(value);
          if (!welcome) {
            const refused = readErrorReply(value);
            if (refused) report(refused, "sync/hello");
            return core.distrust();
          }
          facts.welcome = welcome;
          facts.maxFrameBytes = welcome.limits?.maxFrameBytes ?? facts.maxFrameBytes;
          attempt(() => user.set(welcome.user as User), "user");
          becomeReady(welcome.resumed);
          for (const part of parts) part.welcomed?.();
        });
      } else becomeReady(false);
      replicas.start(theirs <= 0);
    },
    ping() {
      transmit(pongEvent);
      push(pingEvent, null);
    },
    reply(callback, value) {
      if (callback === pingCallback) line.transport?.measured?.(env.monotonicMs() - pingedAtMs);
      callbacks.settle(callback, undefined, value);
    },
    event(id, data) {
      if (!/^(sync|chsk)\//.test(id)) return push(id, data);
      if (!parts.some((part) => part.receive(id, data)) && id[0] === "s")
        report(new SyncError("malformed", `Unreadable ${id}`), id);
    },
  };

  const receive = (data: string | Uint8Array, from = packer): void =>
    attempt(() => {
      heardIn = from;
      if (data[0] === entriesMark) heard.event("sync/entries", readEntries(data as Uint8Array, unpack));
      else if (!readDown(unpack(data), heard)) throw new SyncError("malformed", "Not a Sente message");
    }, "frame");

  const spokenOn = ({ protocol }: Transport): Packer => upgrade?.packerFor(protocol) ?? ownPacker;

  const line = createLine({
    env,
    reconnect,
    connector,
    target: target?.href ?? "",
    format: ownPacker,
    events: upgrade
      ? { protocols: upgrade.protocols, onBetter: (opened, tell) => upgrading?.better(opened, spokenOn(opened), tell) }
      : {},
    accept(opened) {
      packer = spokenOn(opened);
      return packer.over?.(opened, (error) => report(error, "packer")) ?? opened;
    },
    onFrame: receive,
    // Anything that is heard will do for an answer, so nobody waits for this one.
    ping() {
      pingedAtMs = env.monotonicMs();
      transmit(pingEvent, undefined, pingCallback);
    },
    onLost(reason) {
      lose(false, reason);
      if (ever) raise("disconnect", { reason });
    },
    onState: refresh,
    facts,
  });

  const upgrading = upgrade?.attach({
    ...core,
    connector,
    line,
    speak: (next = packer) => {
      packer = next;
      return next;
    },
    hello,
    refresh,
  });
  if (upgrading) parts.push(upgrading);

  const stopWaking = target && onWake(env, () => line.dispatch("probe"));

  const client: Client<E> = {
    status,
    user,
    clientId,
    send(name, ...[data]) {
      const send = (): void => transmit(name, data);
      if (status.get().name === "connecting" && queue.size < maxCallbacks) {
        queue.set(send, send);
        return "queued";
      }
      if (!ready || !line.transport) return "closed";
      if (line.transport.bufferedBytes > maxBufferedBytes) return "backpressure";
      send();
      return "ok";
    },
    request: (name, data, { timeoutMs = 5000 } = {}) =>
      new Promise((resolve, reject) => {
        if (line.state.name === "closed") throw new SyncError("closed");
        if (callbacks.size >= maxCallbacks) throw new SyncError("limit", `Over ${maxCallbacks} requests`, { retry: "later" });
        const id = callbacks.open(timeoutMs, (failed, value) => {
          queue.delete(id);
          const error = failed ?? readErrorReply(value);
          if (error) reject(error);
          else resolve(value as never);
        });
        const send = (): void => {
          try {
            transmit(name, data, id);
          } catch (error) {
            callbacks.settle(id, error as SyncError);
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
    connect: () => target && line.dispatch("connect"),
    disconnect: () => line.dispatch("disconnect"),
    reconnect: () => target && line.dispatch("reconnect"),
    reauthenticate: async () => client.reconnect(),
    close() {
      for (const part of parts) part.ending?.();
      line.dispatch("close");
      stopWaking?.();
      lose(true);
    },
    [Symbol.dispose]: () => client.close(),
  };

  cores.set(client, { ...core, ...replicas, line });
  if (target) {
    const twin = { ...given, storage: undefined, autoConnect: false };
    options.storage?.attach(client, target, () => createClient(url, twin) as Client);
  }

  if (autoConnect) client.connect();
  return client;
}
