/**
 * From a frame to what it asks for: decode, count, route. The server's side of the session.
 *
 * Always: a frame that cannot be read harms nobody: it is counted, and three in ten seconds close that connection;
 * every message counts as a sign of life before it is unpacked (PING3).
 * Rules: docs/protocol.md WRAP1-WRAP4, EVENT1-EVENT7, HELLO1-HELLO7, LIMIT1-LIMIT13.
 */
import { SyncError, toWireError } from "../core/errors.ts";
import { readBatch } from "../session/messages/batch.ts";
import { moveEvent, wantsMove } from "../session/messages/move.ts";
import { errorEvent, event, readUp, type Up } from "../session/messages/sente.ts";
import {
  readHello,
  readIds,
  readPositions,
  readSubscribe,
  readWrite,
  sync,
  version,
  type WireLimits,
} from "../session/messages/sync.ts";
import { readTyped } from "../session/messages/upgrade.ts";
import { createBucket, type Rate, waitMs } from "../tail/bucket.ts";
import { defaultBudget } from "../wire/packer.ts";
import type { Capable } from "./capable.ts";
import { createChannelRequests } from "./channel-requests.ts";
import type { Connection } from "./connection.ts";
import { pauseReasons } from "./connection-record.ts";
import type { ServerCore } from "./core.ts";
import type { Credentials } from "./credentials.ts";
import type { Handlers } from "./handlers.ts";
import { closeCodes } from "./limits.ts";
import type { Moves } from "./moves.ts";
import type { PostReply } from "./post-reply.ts";
import { createPresenceRequests } from "./presence-requests.ts";
import type { Session, Sessions } from "./sessions.ts";
import type { Subscriptions } from "./subscribe.ts";
import type { Users } from "./users.ts";

const malformedWindowMs = 10_000;
const malformedAllowed = 3;
/** Above the rate for so long without a pause, and the connection is closed. */
const floodingMs = 30_000;

export interface Inbound {
  receive(connection: Connection, data: string | Uint8Array): void;
  /** Handles what a plain client posted, unless it cannot be read, or asks for a reply while too many wait for theirs. */
  post(connection: Connection, data: string | Uint8Array, reply: PostReply): "asked" | "told" | "full" | "unreadable";
}

interface InboundHost {
  readonly core: ServerCore;
  readonly boot: string;
  readonly handlers: Handlers;
  readonly subscriptions: Subscriptions;
  readonly sessions: Sessions;
  readonly users: Users;
  /** It is the client that went away a moment ago. */
  returned(connection: Connection): void;
  /** It was opened to take over from another, and stands for itself now. */
  enter(connection: Connection): void;
  readonly moves: Moves;
  readonly capable: Capable;
  readonly credentials: Credentials;
}

export function createInbound({
  core,
  boot,
  handlers,
  subscriptions,
  sessions,
  users,
  returned,
  enter,
  moves,
  capable,
  credentials,
}: InboundHost): Inbound {
  const { env, limits, counters } = core;
  const channels = createChannelRequests(core);
  const rooms = createPresenceRequests(core);
  const wireLimits: WireLimits = {
    maxFrameBytes: limits.maxFrameBytes,
    maxSubscriptions: limits.maxSubscriptions,
    maxCallbacks: limits.maxCallbacks,
  };
  const limited = Number.isFinite(limits.messages.perSecond) || Number.isFinite(limits.bytes.perSecond);

  const malformed = (connection: Connection, error: unknown): void => {
    counters.malformed++;
    core.report(error, connection.id);
    const now = env.monotonicMs();
    if (!connection.malformed || now - connection.malformedSinceMs > malformedWindowMs) {
      connection.malformedSinceMs = now;
      connection.malformed = 0;
    }
    if (++connection.malformed >= malformedAllowed) connection.close(closeCodes.malformed, "malformed");
  };

  /** Pauses reading until the rate allows the next message; what was read already is still handled, on credit. */
  const meter = (connection: Connection, length: number): void => {
    const now = env.monotonicMs();
    connection.messages ??= createBucket(limits.messages, now);
    connection.bytes ??= createBucket(limits.bytes, now);
    const pauseMs = Math.max(
      charge(connection.messages, limits.messages, now, 1),
      charge(connection.bytes, limits.bytes, now, length),
    );
    // Half of the burst is back: it was a burst, not a flood.
    if (pauseMs === 0 && connection.messages.tokens > limits.messages.burst / 2) connection.overRateSinceMs = 0;
    if (pauseMs === 0 || connection.ratePaused) return;
    counters.ratePauses++;
    connection.overRateSinceMs ||= now;
    if (now - connection.overRateSinceMs > floodingMs) {
      counters.closedFlooding++;
      return connection.close(closeCodes.tooMany, "rate-limited");
    }
    connection.pauseReading(pauseReasons.rate);
    env.setTimer(() => connection.resumeReading(pauseReasons.rate), pauseMs);
  };

  const hello = (connection: Connection, data: unknown, callback: unknown): void => {
    const message = readHello(data);
    const reply = (value: unknown): void => connection.control(connection.framer.message(value, callback));
    if (!message) return reply(event(errorEvent, toWireError(new SyncError("invalid", "Not a hello."))));
    if (message.v !== version) {
      const error = new SyncError("unsupported", `This server speaks version ${version}, not ${message.v}.`, {
        data: { version },
      });
      return reply(event(errorEvent, toWireError(error)));
    }
    if (connection.session) return reply(event(errorEvent, toWireError(new SyncError("conflict", "Hello was said already."))));
    let resumed = false;
    let token = "";
    connection.compact = message.binary;
    connection.takesLate = message.late;
    const attach = (): void => {
      ({ resumed, token } = sessions.attach(connection, message.session, message.token));
    };
    if (connection.visiting) attach();
    else users.rename(connection, attach);
    const { id, replica } = connection.session as unknown as Session;
    const welcome = {
      session: id,
      token,
      replica,
      resumed,
      boot,
      limits: wireLimits,
      user: connection.user,
      ...(message.binary && { binary: true }),
      ...(connection.credential?.greet && { handshake: connection.credential.greet() }),
    };
    const stay = (): void => {
      if (connection.visiting) enter(connection);
      if (resumed) returned(connection);
    };
    if (!connection.visiting || !wantsMove(data)) {
      reply(welcome);
      return stay();
    }
    moves.arrive(connection, () => reply({ ...welcome, moved: true }));
  };

  const control = (connection: Connection, id: string, data: unknown, callback: unknown): boolean => {
    switch (id) {
      case sync.auth:
        return credentials.renew(connection, data, callback);
      case sync.hello:
        // Who says with hello who it is.
        if (credentials.awaits(connection, (data as { auth?: unknown } | null)?.auth, () => hello(connection, data, callback)))
          return true;
        // A server that is still opening its storage does not know its sessions yet.
        // One that cannot open it has reported that.
        if (core.opening) core.opening.then(() => connection.closed || hello(connection, data, callback)).catch(() => {});
        else hello(connection, data, callback);
        return true;
      case sync.subscribe: {
        const items = readSubscribe(data);
        if (items) subscriptions.subscribe(connection, items, callback);
        return items !== undefined;
      }
      case sync.unsubscribe: {
        const ids = readIds(data);
        if (ids) subscriptions.unsubscribe(connection, ids);
        if (ids && callback !== null) connection.control(connection.framer.message(true, callback));
        return ids !== undefined;
      }
      case sync.position: {
        const asked = readPositions(data);
        if (asked) connection.control(connection.framer.message(subscriptions.positions(connection, asked), callback));
        return asked !== undefined;
      }
      case sync.write: {
        const write = readWrite(data);
        if (write) subscriptions.write(connection, write);
        return write !== undefined;
      }
      case sync.batch: {
        const batch = readBatch(data);
        if (batch) subscriptions.batch(connection, batch);
        return batch !== undefined;
      }
      case moveEvent:
        moves.leave(connection);
        return true;
      default:
        return rooms.hear(connection, id, data, callback) || channels.hear(connection, id, data, callback);
    }
  };

  /** What it says, or nothing where that cannot be told. */
  const read = (connection: Connection, data: string | Uint8Array): Exclude<Up, { type: "malformed" }> | undefined => {
    connection.heard++;
    counters.messagesIn++;
    counters.bytesIn += data.length;
    if (limited) meter(connection, data.length);
    try {
      const up = readUp(connection.framer.packer.unpack(data, defaultBudget));
      if (up.type !== "malformed") return up;
      throw new SyncError("malformed", "A message is a vector [value callback].");
    } catch (error) {
      malformed(connection, error);
      return undefined;
    }
  };

  return {
    post(connection, data, reply) {
      const up = read(connection, data);
      if (!up) return "unreadable";
      const callback = "callback" in up && up.callback !== null ? reply : null;
      if (callback && connection.openCallbacks >= limits.maxCallbacks) return "full";
      if (up.type === "event") handlers.handle(connection, up.id, up.data, callback);
      else if (up.type === "bad-event") handlers.bad(connection, { ...up, callback });
      else if (up.type === "ping") callback?.answer("pong");
      return callback ? "asked" : "told";
    },
    receive(connection, data) {
      if (connection.closed) return;
      const up = read(connection, data);
      if (!up) return;
      switch (up.type) {
        case "event":
          if (connection.visiting && up.id !== sync.hello) {
            return malformed(connection, new SyncError("malformed", "What takes over from another says hello first."));
          }
          if (connection.offersSync && up.id.startsWith("sync/")) {
            if (!control(connection, up.id, up.data, up.callback)) {
              malformed(connection, new SyncError("malformed", `Unreadable ${up.id}.`));
            }
            return;
          }
          if (capable.hear(connection, up.id, up.data, up.callback)) return;
          return handlers.handle(connection, up.id, up.data, up.callback);
        case "ping":
          if (up.callback !== null) connection.control(connection.framer.message("pong", up.callback));
          return connection.visiting ? undefined : handlers.local(connection, "chsk/ws-ping");
        case "pong":
          connection.ponged();
          return connection.visiting ? undefined : handlers.local(connection, "chsk/ws-pong");
        case "bad-event": {
          if (connection.visiting) return malformed(connection, new SyncError("malformed", "Not a hello."));
          const typed = readTyped(up.what);
          if (typed && capable.hear(connection, typed.id, typed.data, up.callback)) return;
          return handlers.bad(connection, up);
        }
      }
    },
  };
}

/** Takes `amount`, into debt if need be; how long until the debt is paid. */
function charge(bucket: ReturnType<typeof createBucket>, rate: Rate, nowMs: number, amount: number): number {
  const pauseMs = waitMs(bucket, nowMs, Math.min(amount, rate.burst));
  bucket.tokens -= amount;
  return pauseMs;
}
